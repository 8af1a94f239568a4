"""Creators for brands without a history, on Instagram brands: the served lists against baselines.

    .venv/bin/python benchmarks/bmi.py DATA/bmi_brand_creator

Brands are merchants with their category as industry, a pair is a promotion weighted by its
endorsement score, concept and topic vectors are embeddings. Folds go by brand: the brands of a
fold are in the market with all but their pairs, and are asked to rank the creators that work with
any brand of the fold, most of whom have no history left either.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from command_line import at_least, lacking
from judging import (
    SERVED,
    audience_spaces,
    judge,
    judge_baselines,
    list_rows,
    show,
    summary,
)

from matching import Plaza, Where
from models.blocks import Vectors
from models.vocabulary import Vocabulary
from models.whitening import unit
from training.audience_alone import AudienceAlone
from training.baselines import Ease, ImplicitAls, ItemNeighbours, Popularity
from training.fit import train_market
from training.market import read_market
from training.meetings import pairs_matrix
from training.splits import merchant_folds

#: What the folder of the data set holds.
FILES = (
    *("brands.csv", "creators.csv", "pairs_train.csv"),
    *("features_train.npz", "features_test.npz"),
)
#: Pairs carry no date: all get this one.
DAY = pd.Timestamp("2019-01-01", tz="UTC")
SPACES = ("concept", "topic")


def read_pairs(data: Path) -> pd.DataFrame:
    """Pairs as promotions: ``occurred_at, merchant_id, creator_id, weight``."""
    pairs = pd.read_csv(data / "pairs_train.csv")
    pairs = pairs.rename(columns={"brand_id": "merchant_id", "endorsement_score": "weight"})
    return pairs.assign(occurred_at=DAY)[["occurred_at", "merchant_id", "creator_id", "weight"]]


def write_market(data: Path, market: Path, promotions: pd.DataFrame) -> None:
    """Write a market folder with every brand and creator of the data but only those promotions."""
    market.mkdir(parents=True, exist_ok=True)
    promotions.to_parquet(market / "promotions.parquet", index=False)
    brands = pd.read_csv(data / "brands.csv").rename(
        columns={"brand_id": "merchant_id", "brand_handle": "name", "category": "industry"}
    )
    brands[["merchant_id", "name", "industry"]].to_parquet(
        market / "merchants.parquet", index=False
    )
    pd.read_csv(data / "creators.csv")[["creator_id"]].to_parquet(
        market / "creators.parquet", index=False
    )
    parts = []
    for entity, of in (("merchant", "brand"), ("creator", "creator")):
        for space in SPACES:
            ids, vectors = read_vectors(data, of, space)
            part = {"entity": entity, "entity_id": ids, "space": space, "vector": list(vectors)}
            parts.append(pd.DataFrame(part))
    pd.concat(parts).to_parquet(market / "embeddings.parquet", index=False)


def read_vectors(data: Path, of: str, space: str) -> tuple[np.ndarray, Vectors]:
    """Ids and float32 vectors of brands or creators, each once, from both halves of the data."""
    ids, vectors = [], []
    for half in ("train", "test"):
        with np.load(data / f"features_{half}.npz", allow_pickle=False) as features:
            ids.append(features[f"{of}_id"])
            vectors.append(features[f"{of}_{space}"].astype(np.float32))
    # A creator of both halves has a row in each; the first is taken.
    found, first = np.unique(np.concatenate(ids), return_index=True)
    return found.astype(object), np.concatenate(vectors)[first]


def run_fold(
    data: Path, work: Path, known: pd.DataFrame, asked: pd.DataFrame, depth: int = 100
) -> dict[str, pd.DataFrame]:
    """Train without the brands of the fold, rank its creators for them, judge each list.

    Lists are ``depth`` long; a creator that is not on one counts as not found.
    """
    write_market(data, work / "market", known)
    market = read_market(work / "market")
    train_market(market, work / "bundle")
    plaza = Plaza.load(work / "bundle")
    merchants, creators = Vocabulary.of(plaza.merchant_ids), Vocabulary.of(plaza.creator_ids)
    history = pairs_matrix(market.table("promotions"), merchants, creators)
    found = pairs_matrix(asked, merchants, creators)
    brands = np.flatnonzero(found.getnnz(axis=1))
    pool = np.flatnonzero(found.getnnz(axis=0))
    relevant = found[brands]

    askers = merchants.ids[brands].tolist()
    where = Where(creator_ids=creators.ids[pool].tolist())
    served = plaza.creators_for(askers, k=depth, objective="match", where=where)
    lists = list_rows(served, "merchant_id", "creator_id", askers, creators, depth)
    judged = judge_baselines(
        {
            "popularity": Popularity(),
            "item-kNN, cosine, shrink 5": ItemNeighbours(),
            "EASE, penalty 20": Ease(),
            "implicit ALS alone": ImplicitAls(),
            "untrained cosine, concept + topic": _untrained(data, merchants, creators),
            "audience alone (centred)": AudienceAlone(audience_spaces(market, merchants, creators)),
        },
        history,
        brands,
        relevant,
        depth,
        among=pool,
    )
    judged[SERVED] = judge(lists, relevant)
    return judged


def _untrained(data: Path, merchants: Vocabulary, creators: Vocabulary) -> AudienceAlone:
    """Plain cosines of the vectors as they come."""
    spaces = []
    for space in SPACES:
        sides = []
        for ids, of in ((merchants, "brand"), (creators, "creator")):
            found, vectors = read_vectors(data, of, space)
            rows, known = ids.find(found)
            side = np.zeros((len(ids), vectors.shape[1]), dtype=np.float32)
            side[rows] = unit(vectors[known])
            sides.append(side)
        spaces.append((sides[0], sides[1]))
    return AudienceAlone(spaces)


def run(data: Path, folds: int, seed: int) -> pd.DataFrame:
    """Cross-validate by brand.

    Returns
    -------
    DataFrame of the figures over the brands of all folds, one row per method
    """
    parts = []
    for known, asked in merchant_folds(read_pairs(data), folds=folds, seed=seed):
        with tempfile.TemporaryDirectory() as work:
            parts.append(run_fold(data, Path(work), known, asked))
    return summary({method: pd.concat([part[method] for part in parts]) for method in parts[0]})


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with brands.csv, pairs_train.csv, …")
    parser.add_argument(
        "--folds",
        type=at_least(2),
        default=4,
        help="folds by brand (default: 4, of about 72 brands each)",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="which brands go together")
    parser.add_argument("--market", type=Path, help="only write the market, with all pairs, here")
    asked = parser.parse_args()
    if complaint := lacking(asked.data, FILES, "give the data set's own folder"):
        parser.error(complaint)
    if asked.market is not None:
        write_market(asked.data, asked.market, read_pairs(asked.data))
        return
    brands = read_pairs(asked.data)["merchant_id"].nunique()
    if asked.folds > brands:
        parser.error(f"--folds: got {asked.folds}, expected 2 to {brands}, a brand each at most")
    print(show(run(asked.data, asked.folds, asked.seed)))


if __name__ == "__main__":
    main()
