"""Who has worked with whom: sorted keys, found again by bisection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.pairs import Pairs, State
from models.vocabulary import Rows

Found = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Met:
    """Which rows of two vocabularies have met, and the row numbers of their meetings."""

    width: int
    keys: Found

    @classmethod
    def of(cls, first: Rows, second: Rows, width: int) -> Met:
        """Collect who met; ``width`` is the number of rows of the second, nobody's included."""
        return cls(width, np.unique(first.astype(np.int64) * width + second))

    def seconds_of(self, first: int) -> Rows:
        """Whom one row of the first vocabulary has met."""
        start, end = np.searchsorted(self.keys, [first * self.width, (first + 1) * self.width])
        return np.asarray(self.keys[start:end] - first * self.width, dtype=np.int32)

    def firsts_of(self, second: int) -> Rows:
        """Who has met one row of the second vocabulary."""
        return np.asarray(self.keys[self.keys % self.width == second] // self.width, dtype=np.int32)

    def find(self, first: Rows, second: Rows) -> Found:
        """Row of each meeting, ``len(keys)`` where there was none."""
        if not len(self.keys):
            return np.zeros(len(first), dtype=np.int64)
        key = first.astype(np.int64) * self.width + second
        at = np.searchsorted(self.keys, key)
        near = self.keys.take(at, mode="clip")
        return np.where(near == key, at, len(self.keys))


@dataclass(frozen=True)
class Meetings:
    """Pairs of merchant and creator, and of creator and product, that have worked together."""

    pairs: Met
    deals: Met

    @classmethod
    def of(cls, pairs: Pairs, n_creators: int, n_products: int) -> Meetings:
        """Collect them; a promotion of no known product is no deal."""
        told = pairs.product < n_products
        return cls(
            Met.of(pairs.merchant, pairs.creator, n_creators + 1),
            Met.of(pairs.creator[told], pairs.product[told], n_products + 1),
        )

    def find(self, pairs: Pairs) -> tuple[Found, Found]:
        """Rows of each pair and of each deal, the last row where there was none."""
        return (
            self.pairs.find(pairs.merchant, pairs.creator),
            self.deals.find(pairs.creator, pairs.product),
        )

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same."""
        return {
            "pairs": self.pairs.keys,
            "pairs_width": self.pairs.width,
            "deals": self.deals.keys,
            "deals_width": self.deals.width,
        }

    @classmethod
    def from_state(cls, state: State) -> Meetings:
        """Meetings from what `state` gave."""
        return cls(
            Met(int(state["pairs_width"]), np.asarray(state["pairs"])),
            Met(int(state["deals_width"]), np.asarray(state["deals"])),
        )
