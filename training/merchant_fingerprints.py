"""What a market says of each merchant, as one number: who changed between two trainings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.vocabulary import Vocabulary
from training.entities import Entities
from training.fingerprint import naive_times
from training.market import Market
from training.schema import TABLES
from training.schema_types import Kind, Table

Hashes = npt.NDArray[np.uint64]

#: Tables with a merchant in every row. Impressions name one too, but nothing is learnt from them:
#: were they counted, whoever was shown a list yesterday would be ranked again today.
_OF_MERCHANTS = ("promotions", "merchants", "products", "outreach")
#: Tables that say of what kind the entity is that a row is about.
_OF_ENTITIES = ("audiences", "embeddings", "engagements")


def merchant_fingerprints(market: Market, entities: Entities) -> Hashes:
    """A number for each merchant that changes when a row about it or its products does.

    Neither the order of the rows nor the format of the files shows, nor a column that is blank,
    nor a column the contract does not know; nor does time as such, though lists forget with it.

    Parameters
    ----------
    market : Market
    entities : Entities
        The market's own.

    Returns
    -------
    uint64 array of shape (number of merchants,)
        0 where no row is about the merchant, as for one known from impressions alone.

    Notes
    -----
    A row is the sum of its cells' hashes, each stirred with its column, and stirred once more; a
    merchant is the sum of its rows. Sums forget the order and, unlike an exclusive or, count a
    row that comes twice twice.
    """
    prints = np.zeros(len(entities.merchants), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for name in (*_OF_MERCHANTS, *_OF_ENTITIES):
            frame = market.table(name)
            if frame.empty:
                continue
            about, of = _merchants(name, frame, entities)
            # ufunc.at adds one by one: what is added twice to one merchant counts twice.
            np.add.at(prints, of, _rows(TABLES[name], frame, about))
    return prints


def _merchants(
    name: str, frame: pd.DataFrame, entities: Entities
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Which rows are about a merchant, and the merchant's row number for each of these."""
    if name in _OF_MERCHANTS:
        rows = _find(entities.merchants, frame["merchant_id"])
    else:
        ids, kinds = frame["entity_id"], frame["entity"]
        rows = np.where(kinds == "merchant", _find(entities.merchants, ids), np.int32(-1))
        # -1 picks the nobody at the end.
        seller = np.append(entities.product_merchant, np.int32(-1))
        rows = np.where(kinds == "product", seller[_find(entities.products, ids)], rows)
    about = rows >= 0
    return about, rows[about]


def _find(ids: Vocabulary, wanted: pd.Series) -> npt.NDArray[np.int32]:
    found = np.full(len(wanted), -1, dtype=np.int32)
    rows, known = ids.find(wanted)
    found[known] = rows
    return found


def _rows(table: Table, frame: pd.DataFrame, about: npt.NDArray[np.bool_]) -> Hashes:
    """A number for each row that is about a merchant; one column is copied at a time."""
    total = np.full(about.sum(), _salt(table.name), dtype=np.uint64)
    for column in table.columns:
        for name in (one for one in column.names if one in frame):
            hashes, known = _HASHED[column.kind](frame[name][about])
            # A blank cell adds nothing, so that it is the same as no column.
            total += np.where(known, _stirred(hashes + _salt(name)), np.uint64(0))
    return _stirred(total)


def _words(cells: pd.Series) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    known = cells.notna().to_numpy()
    # Most words come many times: each is hashed once.
    return pd.util.hash_array(cells.to_numpy(object), categorize=True), known


def _numbers(cells: pd.Series) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    numbers = cells.to_numpy(np.float64)
    # Adding 0 turns -0 into 0.
    return (numbers + 0.0).view(np.uint64), ~np.isnan(numbers)


def _times(cells: pd.Series) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    times = naive_times(cells)
    return times.view(np.uint64), ~np.isnat(times)


def _vectors(cells: pd.Series) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    known = cells.notna().to_numpy()
    vectors = cells[known].to_list()
    sizes = np.array([len(one) for one in vectors], dtype=np.int64)
    hashes = np.zeros(len(cells), dtype=np.uint64)
    if len(vectors):
        numbers = (np.concatenate(vectors).astype(np.float64) + 0.0).view(np.uint64)
        place = np.arange(len(numbers)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        stirred = _stirred(numbers + _stirred(place.astype(np.uint64)))
        sums = np.zeros(len(vectors), dtype=np.uint64)
        np.add.at(sums, np.repeat(np.arange(len(vectors)), sizes), stirred)
        hashes[known] = sums
    return hashes, known


_HASHED: dict[Kind, Callable[[pd.Series], tuple[Hashes, npt.NDArray[np.bool_]]]] = {
    Kind.WORD: _words,
    Kind.NUMBER: _numbers,
    Kind.TIME: _times,
    Kind.DAY: _times,
    Kind.VECTOR: _vectors,
}


def _salt(name: str) -> np.uint64:
    salt: np.uint64 = pd.util.hash_array(np.array([name], dtype=object))[0]
    return salt


def _stirred(values: Any) -> Hashes:
    """Spread any change over all bits: the last step of SplitMix64 (Steele and others, 2014)."""
    mixed = np.asarray(values, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
