"""The sets: how each public file becomes a matrix to learn from and cells that were held out."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bmi
import instagram
import numpy as np
import pandas as pd
from command_line import lacking
from retrieval_split import Split, hold_out, matrix_of

from models.vocabulary import Vocabulary
from training.market import read_market
from training.meetings import pairs_matrix
from training.splits import leave_last, merchant_folds

#: Shares of Instagram's posts that come before a cut; the questions are a fifth of the posts long.
CUTS = (0.6, 0.7, 0.8)
#: Seeds of the splits that are asked about, and of those inside them that settings are chosen on.
SEED, INNER_SEED = 0, 1


@dataclass(frozen=True)
class Prepared:
    """A set on the disk.

    Attributes
    ----------
    name, note : str
        The note says whose split it is.
    folders : list of Path
        A split each; figures are means over all who ask in any of them.
    inner : list of Path
        Splits of what is learnt from, to choose settings on.
    fingerprint : str
    cold : bool
        Who asks has no history.
    market : bool
        The folders hold a market too.
    candidates : int
        Most there are in a split.
    """

    name: str
    note: str
    folders: list[Path]
    inner: list[Path]
    fingerprint: str
    cold: bool
    market: bool
    candidates: int


@dataclass(frozen=True)
class Source:
    """Where a set comes from: its folder in DATA and files, who cut it, and how it is cut."""

    folder: str
    files: tuple[str, ...]
    note: str
    splits: Callable[[Path, Path], Iterator[Split]]
    cold: bool = False


def gowalla(data: Path, work: Path) -> Iterator[Split]:
    """A fifth of every user's places held out, at random."""
    yield hold_out(matrix_of(_adjacency(data / "train.txt.gz")), share=0.2, seed=SEED)


def gowalla_published(data: Path, test: Path) -> Split:
    """All that was published to learn from, and the published test file."""
    learnt, asked = _adjacency(data / "train.txt.gz"), _adjacency(test)
    return _two_parts(learnt, asked)


def lastfm(data: Path, work: Path) -> Iterator[Split]:
    """Train and test as published; listening once or often is the same."""
    parts = [
        np.loadtxt(data / name, dtype=np.int64, usecols=(0, 1))
        for name in ("data1.txt.gz", "test1.txt.gz")
    ]
    yield _two_parts(*parts)


def ml100k(data: Path, work: Path) -> Iterator[Split]:
    """The last film of every user held out; any rating is a cell."""
    ratings = pd.read_csv(data / "ml-100k.inter.gz", sep="\t")
    ratings.columns = ["merchant_id", "creator_id", "rating", "occurred_at"]
    earlier, last = (part[["merchant_id", "creator_id"]] for part in leave_last(ratings))
    yield _two_parts(earlier.to_numpy(), last.to_numpy())


def bmi_brands(data: Path, work: Path) -> Iterator[Split]:
    """Folds by brand: those of a fold have no history, and rank the creators of its pairs."""
    folds = merchant_folds(bmi.read_pairs(data), folds=4, seed=SEED)
    for number, (known, asked) in enumerate(folds):
        market = work / str(number) / "market"
        bmi.write_market(data, market, known)
        merchants, creators = _ids(market, "merchants"), _ids(market, "creators")
        found = pairs_matrix(asked, merchants, creators).astype(np.float32)
        history = pairs_matrix(known, merchants, creators).astype(np.float32)
        pool = np.flatnonzero(found.getnnz(axis=0)).astype(np.int32)
        _tell(market, "merchant", merchants, creators)
        yield Split(history, found, pool)


def instagram_accounts(data: Path, work: Path) -> Iterator[Split]:
    """Cuts in time: the accounts that creators with a history name for the first time after it."""
    posts = instagram.read_posts(data)["occurred_at"]
    promotions = instagram.read_promotions(data)
    for number, share in enumerate(CUTS):
        cut, until = (pd.Timestamp(posts.quantile(at)) for at in (share, min(1.0, share + 0.2)))
        market = work / str(number) / "market"
        instagram.write_market(data, market, cut)
        merchants, creators = _ids(market, "merchants"), _ids(market, "creators")
        known = read_market(market, as_of=cut).table("promotions")
        history = pairs_matrix(known, merchants, creators).T.tocsr().astype(np.float32)
        later = promotions[promotions["occurred_at"] >= cut]
        if share + 0.2 < 1:
            later = later[later["occurred_at"] < until]
        found = pairs_matrix(later, merchants, creators).T.tocsr().astype(np.float32)
        found = found - found.multiply(history)
        found = found.multiply(history.getnnz(axis=1)[:, None] > 0).tocsr()
        found.eliminate_zeros()
        _tell(market, "creator", creators, merchants, cut)
        yield Split(history, found)


SOURCES: dict[str, Source] = {
    "gowalla": Source(
        "gowalla_m1",
        ("train.txt.gz",),
        "own split, a fifth of the published training half held out; not comparable with published "
        "figures, but item-kNN, BPR and ALS, which the literature compares with, are run on it",
        gowalla,
    ),
    "lastfm": Source(
        "lastfm_user_artist", ("data1.txt.gz", "test1.txt.gz"), "published split", lastfm
    ),
    "ml100k": Source(
        "ml100k",
        ("ml-100k.inter.gz",),
        "own split, the last film of each user held out",
        ml100k,
    ),
    "bmi": Source(
        "bmi_brand_creator",
        bmi.FILES,
        "own split, four folds by brand; the brands asked about are unseen",
        bmi_brands,
        cold=True,
    ),
    "instagram": Source(
        "instagram_kim2020", instagram.FILES, "own split, three cuts in time", instagram_accounts
    ),
}


def why_missing(name: str, data: Path) -> str:
    """Why a set cannot be read from the folder of data sets; empty when it can."""
    source = SOURCES[name]
    remedy = f"give the folder that holds {source.folder}"
    return lacking(data / source.folder, source.files, remedy)


def prepare(name: str, data: Path, work: Path, gowalla_test: Path | None = None) -> Prepared:
    """Cut a set and write its splits below ``work``.

    Raises
    ------
    FileNotFoundError
        When the set, or a file of it, is not in ``data``.
    """
    source = SOURCES[name]
    if complaint := why_missing(name, data):
        raise FileNotFoundError(complaint)
    note = source.note
    shutil.rmtree(work / name, ignore_errors=True)
    if name == "gowalla" and gowalla_test is not None:
        note = "published split"
        splits: list[Split] = [gowalla_published(data / source.folder, gowalla_test)]
    else:
        splits = list(source.splits(data / source.folder, work / name))
    folders, inner = [], []
    digest = hashlib.sha256()
    for number, split in enumerate(splits):
        folders.append(work / name / str(number))
        split.save(folders[-1])
        digest.update(split.fingerprint().encode())
        for table in sorted(folders[-1].glob("market/*.parquet")):
            digest.update(table.read_bytes())
        if not source.cold:
            inner.append(work / name / f"inner-{number}")
            hold_out(split.history, share=0.2, seed=INNER_SEED).save(inner[-1])
    market = (folders[0] / "market").is_dir()
    candidates = max(split.history.shape[1] for split in splits)
    return Prepared(
        name, note, folders, inner, digest.hexdigest()[:16], source.cold, market, candidates
    )


def _adjacency(path: Path) -> np.ndarray:
    """Pairs out of lines that name a user and then its items."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        rows = [np.array(line.split(), dtype=np.int64) for line in lines]
    return np.concatenate(
        [np.column_stack([np.full(len(row) - 1, row[0]), row[1:]]) for row in rows if len(row)]
    )


def _two_parts(learnt: np.ndarray, asked: np.ndarray) -> Split:
    shape = tuple(np.maximum(learnt.max(axis=0), asked.max(axis=0)) + 1)
    return Split(matrix_of(learnt, shape), matrix_of(asked, shape))


def _ids(market: Path, table: str) -> Vocabulary:
    key = table.removesuffix("s") + "_id"
    others = pd.read_parquet(market / "promotions.parquet", columns=[key])[key]
    return Vocabulary.of(pd.read_parquet(market / f"{table}.parquet")[key], others)


def _tell(
    market: Path,
    asks: str,
    askers: Vocabulary,
    candidates: Vocabulary,
    as_of: pd.Timestamp | None = None,
) -> None:
    """Write down who the rows and columns are, for methods that read the market."""
    told = {
        "asks": asks,
        "as_of": None if as_of is None else as_of.isoformat(),
        "askers": askers.ids.tolist(),
        "candidates": candidates.ids.tolist(),
    }
    (market.parent / "ids.json").write_text(json.dumps(told), encoding="utf-8")
