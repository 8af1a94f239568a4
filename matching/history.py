"""Who has worked with whom, how often, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from models.pairs import Floats, State
from models.vocabulary import Rows


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
    def met_by_creator(self) -> sparse.csr_matrix:
        """:attr:`met`, creators × merchants."""
        return self.met.T.tocsr()

    def creators_of(self, merchant: int) -> Rows:
        """Creators a merchant has worked with, in row order; none for a merchant nobody knows."""
        return columns_of(self.met, merchant)

    def merchants_of(self, creator: int) -> Rows:
        """Merchants a creator has worked with, in row order."""
        return columns_of(self.met_by_creator, creator)

    def between(self, merchant: int, creator: int) -> int | None:
        """Position of the pair's entry, or None when they have not met."""
        start, end = self.entries.indptr[merchant : merchant + 2]
        columns = self.entries.indices[start:end]
        place = np.searchsorted(columns, creator)
        if place == len(columns) or columns[place] != creator:
            return None
        return int(self.entries.data[start + place]) - 1

    def state(self) -> State:
        """Arrays to be written into a bundle."""
        fields = ("merchant", "creator", "promotions", "last_day", "clicks", "orders", "gmv")
        return {"shape": list(self.shape), **{name: getattr(self, name) for name in fields}}

    @classmethod
    def from_state(cls, state: State) -> History:
        """Read what :meth:`state` gave."""
        return cls(**{**state, "shape": tuple(state["shape"])})


def columns_of(matrix: sparse.csr_matrix, row: int) -> Rows:
    """Columns of one row's entries; none for a row beyond the last, which is nobody's."""
    if row >= matrix.shape[0]:
        return np.empty(0, dtype=np.int32)
    columns = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
    return np.asarray(columns, dtype=np.int32)
