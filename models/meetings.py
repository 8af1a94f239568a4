"""Who has worked with whom: sorted keys, found again by bisection."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.compiled import compiled, settled
from models.pairs import Pairs, State
from models.vocabulary import Rows

Found = npt.NDArray[np.int64]
Starts = npt.NDArray[np.int64]


class Partners(NamedTuple):
    """Whom each row of one vocabulary has met; row ``i`` the ``rows[starts[i]:starts[i + 1]]``.

    Attributes
    ----------
    starts : int64 array
        Of as many rows as have met anybody; those after them have met nobody.
    rows : int32 array
        Ascending within each row's part.
    """

    starts: Starts
    rows: Rows


@compiled
def meeting(starts: Starts, rows: Rows, first: int, second: int) -> int:
    """Row of a meeting among `Partners`, ``len(rows)`` where there was none."""
    if first + 1 >= len(starts):
        return len(rows)
    low, end = starts[first], starts[first + 1]
    high = end
    while low < high:
        middle = (low + high) >> 1
        if rows[middle] < second:
            low = middle + 1
        else:
            high = middle
    return low if low < end and rows[low] == second else len(rows)


@compiled
def _find(starts: Starts, rows: Rows, first: Rows, second: Rows, found: Found) -> None:
    for i in range(len(found)):
        found[i] = meeting(starts, rows, first[i], second[i])


@dataclass(frozen=True)
class Met:
    """Which rows of two vocabularies have met, and the row numbers of their meetings.

    Attributes
    ----------
    width : int
        Number of rows of the second vocabulary, nobody's included.
    keys : int64 array of shape (meetings,)
        ``first * width + second`` of each, ascending.
    partners : Partners
        The same by row of the first vocabulary.
    """

    width: int
    keys: Found
    partners: Partners = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "partners", _by_first(self.keys, self.width))

    @classmethod
    def of(cls, first: Rows, second: Rows, width: int) -> Met:
        """Collect who met."""
        return cls(width, np.unique(first.astype(np.int64) * width + second))

    @cached_property
    def mirrored(self) -> Partners:
        """Whom each row of the second vocabulary has met."""
        first, second = np.divmod(self.keys, self.width)
        height = int(first[-1]) + 1 if len(first) else 1
        return _by_first(np.sort(second * height + first), height)

    def seconds_of(self, first: int) -> Rows:
        """Whom one row of the first vocabulary has met."""
        return _those(self.partners, first)

    def firsts_of(self, second: int) -> Rows:
        """Who has met one row of the second vocabulary."""
        return _those(self.mirrored, second)

    def find(self, first: Rows, second: Rows) -> Found:
        """Row of each meeting, ``len(keys)`` where there was none."""
        found = np.empty(len(first), dtype=np.int64)
        first, second = (np.ascontiguousarray(one, dtype=np.int32) for one in (first, second))
        _find(self.partners.starts, self.partners.rows, first, second, found)
        return found


def _by_first(keys: Found, width: int) -> Partners:
    first, second = np.divmod(keys, width)
    counts = np.bincount(first) if len(first) else np.empty(0, dtype=np.int64)
    return Partners(
        settled(np.concatenate([[0], np.cumsum(counts)]), np.int64), settled(second, np.int32)
    )


def _those(partners: Partners, one: int) -> Rows:
    if one + 1 >= len(partners.starts):
        return partners.rows[:0]
    return partners.rows[partners.starts[one] : partners.starts[one + 1]]


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
