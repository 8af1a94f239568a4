"""Audience shares: from the rows of a table to arrays of entities × segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.blocks import Vectors
from models.vocabulary import Vocabulary

Segments = list[tuple[str, str]]

#: Viewers, fans and buyers are three audiences, and a target is wished for: (kind, weight).
#: Whoever buys counts most for a creator, since fans gained by content are not buyers at once;
#: for a merchant the audience it asks for counts before the one it has. The weights are ours.
CREATOR_KINDS: Mapping[str, float] = {"buyer": 3.0, "fan": 1.5, "viewer": 1.0, "target": 0.5}
MERCHANT_KINDS: Mapping[str, float] = {"target": 3.0, "buyer": 2.0, "fan": 1.0, "viewer": 1.0}


@dataclass(frozen=True)
class ShareTable:
    """Shares of one kind of audience of some entities; float32 of shape (n, s), NaN unknown."""

    low: Vectors
    high: Vectors

    @property
    def point(self) -> Vectors:
        """Middle of the range; the share itself where it is exact."""
        return ((self.low + self.high) / 2).astype(np.float32)


def segments_of(shares: pd.DataFrame) -> Segments:
    """List every (dimension, segment) of a table of shares, sorted."""
    pairs = shares[["dimension", "segment"]].drop_duplicates().astype(str)
    return sorted(pairs.itertuples(index=False, name=None))


def share_tables(
    shares: pd.DataFrame, entity: str, ids: Vocabulary, segments: Segments
) -> dict[str, ShareTable]:
    """Spread the rows of one kind of entity into one table per kind of audience.

    Ids outside the vocabulary are passed over. Rows that say the same twice are averaged. Of a
    range with one end, the other is 0 or 1. A blank audience is that of viewers.

    Raises
    ------
    ValueError
        For an audience that is none of viewer, fan, buyer and target.
    """
    rows = shares[(shares["entity"] == entity).to_numpy(dtype=bool)]
    told = rows["audience"] if "audience" in rows else pd.Series(None, index=rows.index)
    kinds = np.where(told.isna() | (told == ""), "viewer", told.to_numpy(dtype=object))
    strange = sorted(set(kinds) - set(CREATOR_KINDS))
    if strange:
        raise ValueError(
            f"unknown audience {strange[0]!r}; give viewer, fan, buyer or target, or leave it blank"
        )
    entity_rows, known = ids.find(rows["entity_id"])
    columns = _columns(rows, segments)
    cells = entity_rows.astype(np.int64) * len(segments) + columns[known]
    low, high = (end[known] for end in _ends(rows))
    found = {}
    for kind in sorted(set(kinds[known])):
        of_kind = (kinds[known] == kind) & ~np.isnan(low)
        shape = (len(ids), len(segments))
        found[kind] = ShareTable(
            _averaged(cells[of_kind], low[of_kind], shape),
            _averaged(cells[of_kind], high[of_kind], shape),
        )
    return found


def preferred(
    tables: Mapping[str, ShareTable], order: tuple[str, ...], segments: Segments, n: int
) -> ShareTable:
    """Take, for each entity and dimension, the first kind of audience that tells of it."""
    low = np.full((n, len(segments)), np.nan, dtype=np.float32)
    high = low.copy()
    for kind in order:
        if kind not in tables:
            continue
        for columns in dimension_slices(segments).values():
            silent = np.isnan(low[:, columns]).all(axis=1)
            low[silent, columns] = tables[kind].low[silent, columns]
            high[silent, columns] = tables[kind].high[silent, columns]
    return ShareTable(low, high)


def dimension_slices(segments: Segments) -> dict[str, slice]:
    """Columns of each dimension; sorted segments keep a dimension together."""
    names = [dimension for dimension, _ in segments]
    return {
        name: slice(names.index(name), names.index(name) + names.count(name))
        for name in dict.fromkeys(names)
    }


def _ends(rows: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lower and upper end of each row's share; both NaN where nothing is said."""
    nothing = pd.Series(np.nan, index=rows.index)
    share, low, high = (
        pd.to_numeric(rows.get(name, nothing)).to_numpy(dtype=np.float64)
        for name in ("share", "share_low", "share_high")
    )
    ranged = ~(np.isnan(low) & np.isnan(high))
    low = np.where(ranged & np.isnan(low), 0.0, low)
    high = np.where(ranged & np.isnan(high), 1.0, high)
    exact = ~np.isnan(share)
    return np.where(exact, share, low), np.where(exact, share, high)


def _columns(rows: pd.DataFrame, segments: Segments) -> npt.NDArray[np.int64]:
    """Place of each row's (dimension, segment) among the segments."""
    dimensions, dimension_names = pd.factorize(rows["dimension"].astype(str))
    parts, part_names = pd.factorize(rows["segment"].astype(str))
    places = {pair: place for place, pair in enumerate(segments)}
    # Only the pairs that occur are looked up ever after; the others stay -1.
    grid = [[places.get((one, other), -1) for other in part_names] for one in dimension_names]
    table = np.array(grid, dtype=np.int64).reshape(len(dimension_names), len(part_names))
    return table[dimensions, parts]


def _averaged(
    cells: npt.NDArray[np.int64], values: npt.NDArray[np.float64], shape: tuple[int, int]
) -> Vectors:
    size = shape[0] * shape[1]
    counts = np.bincount(cells, minlength=size)
    totals = np.bincount(cells, weights=values, minlength=size)
    filled = np.divide(totals, counts, out=np.full(size, np.nan), where=counts > 0)
    averaged: Vectors = filled.astype(np.float32).reshape(shape)
    return averaged
