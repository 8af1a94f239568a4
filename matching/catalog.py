"""What filters and reasons read about each creator: columns in row order, unknowns kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from matching.history import Ragged
from models.categories import Words, words_of
from models.pairs import Floats
from models.vocabulary import Vocabulary

#: Creator tiers by followers: the least number that belongs to each, smallest tier first.
#: The industry's usual words; the platforms publish no cuts of their own.
TIERS = {"nano": 0.0, "micro": 1e4, "mid": 1e5, "macro": 5e5, "head": 1e6}

#: Numeric columns of a creator that a filter may bound.
RANGES = ("followers", "slot_fee", "commission_rate", "reputation")


def tier_of(followers: Floats) -> npt.NDArray[np.object_]:
    """Name of the tier that each number of followers belongs to; None where unknown.

    Examples
    --------
    >>> tier_of(np.array([500, 10_000, 2e6, np.nan])).tolist()
    ['nano', 'micro', 'head', None]
    """
    names = np.array([*TIERS, None], dtype=object)
    place = np.searchsorted(list(TIERS.values()), followers, side="right") - 1
    return names[np.where(np.isnan(followers), len(TIERS), place)]


@dataclass(frozen=True)
class Catalog:
    """Columns of all creators, in vocabulary order.

    Attributes
    ----------
    ids : Vocabulary
    labels : dict of str to bool csr_matrix of shape (n, number of names)
        Who bears which name of ``categories`` (any number a creator), ``region`` and
        ``agency_id``; a row without any is unknown.
    names : dict of str to dict of name to column
        Lower case, since merchants do not agree on capitals.
    low, high : dict of str to float64 array of shape (n,)
        Bounds of each numeric column of :data:`RANGES`; equal where the number is exact, NaN
        where unknown. A creator who gave no consent is known by a range only.
    segments : list of (dimension, segment)
    share_low, share_high : float32 arrays of shape (n, number of segments)
        Audience shares in [0, 1], bounded likewise.
    """

    ids: Vocabulary
    labels: Mapping[str, sparse.csr_matrix]
    names: Mapping[str, Mapping[str, int]]
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    segments: Sequence[tuple[str, str]]
    share_low: npt.NDArray[np.float32]
    share_high: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        ids: Vocabulary,
        columns: pd.DataFrame,
        segments: Sequence[tuple[str, str]],
        share_low: npt.NDArray[np.float32],
        share_high: npt.NDArray[np.float32],
    ) -> Catalog:
        """Prepare a table of creators for filtering.

        Parameters
        ----------
        columns : DataFrame in row order
            ``categories`` (``a|b``), ``region``, ``agency_id`` as text, and ``x_low``,
            ``x_high`` for each ``x`` of :data:`RANGES`.
        """
        labels: dict[str, sparse.csr_matrix] = {}
        names: dict[str, dict[str, int]] = {}
        for field in ("categories", "region", "agency_id"):
            texts = words_of(columns[field])
            words = sorted({word for of_row in texts for word in of_row})
            names[field] = {word: place for place, word in enumerate(words)}
            labels[field] = membership(texts, names[field])
        low = {name: columns[f"{name}_low"].to_numpy(np.float64) for name in RANGES}
        high = {name: columns[f"{name}_high"].to_numpy(np.float64) for name in RANGES}
        return cls(
            ids,
            labels,
            names,
            # A range with one end alone is open at the other.
            {
                name: np.where(np.isnan(low[name]) & (high[name] >= 0), 0.0, low[name])
                for name in RANGES
            },
            {
                name: np.where(np.isnan(high[name]) & (low[name] >= 0), np.inf, high[name])
                for name in RANGES
            },
            list(segments),
            share_low,
            share_high,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def bearers(self) -> dict[str, Ragged]:
        """Creators that bear each name, for each of :attr:`labels`."""
        return {field: Ragged.of_matrix(matrix.T.tocsr()) for field, matrix in self.labels.items()}

    @cached_property
    def unlabelled(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Of whom no name is known, for each of :attr:`labels`; arrays of shape (n,)."""
        return {field: np.diff(matrix.indptr) == 0 for field, matrix in self.labels.items()}

    def segment(self, dimension: str, segment: str) -> int | None:
        """Column of an audience segment, or None when no creator's audience tells of it."""
        key = (dimension, segment)
        return self.segments.index(key) if key in self.segments else None


def membership(texts: Words, columns: Mapping[str, int]) -> sparse.csr_matrix:
    """Which of the named columns each row has a word for; words without a column are passed over.

    Parameters
    ----------
    texts : list of n lists of words, as :func:`~models.categories.words_of` gives them

    Returns
    -------
    csr matrix of bool (n × number of columns), columns sorted within a row where names are
    """
    found = [[columns[word] for word in words if word in columns] for words in texts]
    rows = np.repeat(np.arange(len(texts)), [len(one) for one in found])
    ones = np.ones(len(rows), dtype=bool)
    places = np.array([place for one in found for place in one], dtype=np.int32)
    return sparse.csr_matrix((ones, (rows, places)), shape=(len(texts), len(columns)))
