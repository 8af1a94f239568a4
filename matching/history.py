"""Who has worked with whom, how often, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from matching.shortlists import Starts
from models.pairs import Floats, State
from models.vocabulary import Rows


class Ragged(NamedTuple):
    """Lists of rows, one after the other.

    Attributes
    ----------
    starts : int64 array of shape (m + 1,)
        Where each list begins; list ``i`` is ``rows[starts[i]:starts[i + 1]]``.
    rows : int32 array

    Examples
    --------
    >>> lists = Ragged.of(np.array([3, 5]), np.array([]), np.array([4]))
    >>> lists.starts.tolist(), lists.rows.tolist()
    ([0, 2, 2, 3], [3, 5, 4])
    >>> lists.take(np.array([2, 7, 0])).rows.tolist()
    [4, 3, 5]
    """

    starts: Starts
    rows: Rows

    @classmethod
    def of(cls, *lists: npt.NDArray[np.integer]) -> Ragged:
        """Join lists."""
        starts = np.zeros(len(lists) + 1, dtype=np.int64)
        np.cumsum([len(one) for one in lists], out=starts[1:])
        rows = lists[0] if len(lists) == 1 else np.concatenate([np.empty(0, np.int32), *lists])
        return cls(starts, np.ascontiguousarray(rows, dtype=np.int32))

    @classmethod
    def of_matrix(cls, matrix: sparse.csr_matrix) -> Ragged:
        """Columns of each row's entries, in order."""
        matrix = matrix.sorted_indices()
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32))

    def one(self, row: int) -> Rows:
        """One of the lists; an empty one for a row beyond the last, which is nobody's."""
        if row >= len(self.starts) - 1:
            return np.empty(0, dtype=np.int32)
        return self.rows[self.starts[row] : self.starts[row + 1]]

    def take(self, wanted: npt.NDArray[np.integer]) -> Ragged:
        """Some of the lists, in the order asked; empty ones for rows beyond the last."""
        if len(wanted) == 1:
            return Ragged.of(self.one(int(wanted[0])))
        beyond = np.append(self.starts, self.starts[-1])  # an empty list behind the last
        place = np.minimum(wanted, len(self.starts) - 1)
        lengths = beyond[place + 1] - beyond[place]
        starts = np.zeros(len(wanted) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        places = np.arange(starts[-1]) + np.repeat(beyond[place] - starts[:-1], lengths)
        return Ragged(starts, self.rows[places])


@dataclass(frozen=True)
class History:
    """Past cooperations, one entry per pair of merchant and creator that has any.

    Entries are sorted by merchant, then creator. Sums are over the promotions whose value is
    known; NaN where none is.

    Attributes
    ----------
    shape : (number of merchants, number of creators)
    merchant, creator : int32 arrays of shape (n,)
    promotions : int32 array of shape (n,)
        Promotions of the pair.
    last_day : int32 array of shape (n,)
        Day of the latest, counted from 1970-01-01.
    clicks, orders, gmv : float64 arrays of shape (n,)
    """

    shape: tuple[int, int]
    merchant: Rows
    creator: Rows
    promotions: npt.NDArray[np.int32]
    last_day: npt.NDArray[np.int32]
    clicks: Floats
    orders: Floats
    gmv: Floats

    @cached_property
    def entries(self) -> sparse.csr_matrix:
        """Position of each pair's entry plus one, merchants × creators; no entry is 0."""
        place = np.arange(1, len(self.merchant) + 1, dtype=np.int32)
        return sparse.csr_matrix((place, (self.merchant, self.creator)), shape=self.shape)

    @cached_property
    def met(self) -> sparse.csr_matrix:
        """1 where a pair has worked together, merchants × creators."""
        matrix = self.entries.astype(np.int32)
        matrix.data = np.ones_like(matrix.data)
        return matrix

    @cached_property
    def by_merchant(self) -> tuple[Ragged, Rows]:
        """Creators that each merchant has worked with, in order, and the entry of each pair."""
        return Ragged.of_matrix(self.entries), _entries(self.entries)

    @cached_property
    def by_creator(self) -> tuple[Ragged, Rows]:
        """:attr:`by_merchant`, mirrored."""
        mirrored = self.entries.T.tocsr()
        return Ragged.of_matrix(mirrored), _entries(mirrored)

    def creators_of(self, merchant: int) -> Rows:
        """Creators a merchant has worked with, in row order; none for a merchant nobody knows."""
        return self.by_merchant[0].one(merchant)

    def merchants_of(self, creator: int) -> Rows:
        """Merchants a creator has worked with, likewise."""
        return self.by_creator[0].one(creator)

    def creators_of_each(self, merchants: npt.NDArray[np.integer]) -> Ragged:
        """Creators that each of some merchants has worked with."""
        return self.by_merchant[0].take(merchants)

    def merchants_of_each(self, creators: npt.NDArray[np.integer]) -> Ragged:
        """Merchants that each of some creators has worked with."""
        return self.by_creator[0].take(creators)

    def state(self) -> State:
        """Arrays to be written into a bundle."""
        fields = ("merchant", "creator", "promotions", "last_day", "clicks", "orders", "gmv")
        return {"shape": list(self.shape), **{name: getattr(self, name) for name in fields}}

    @classmethod
    def from_state(cls, state: State) -> History:
        """Read what :meth:`state` gave."""
        return cls(**{**state, "shape": tuple(state["shape"])})


def _entries(matrix: sparse.csr_matrix) -> Rows:
    entries: Rows = (matrix.sorted_indices().data - 1).astype(np.int32)
    return entries
