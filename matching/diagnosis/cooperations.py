"""What was learnt of every cooperation of a market, one entry a merchant and creator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from matching.diagnosis.standing import Conversions, Displays
from matching.diagnosis.yardstick import Yardstick
from models.pairs import Floats, State
from models.vocabulary import Rows


@dataclass(frozen=True)
class Ladder:
    """What the ladder of causes has to say of each cooperation; arrays of shape (p,).

    Attributes
    ----------
    causes : float64 array of shape (p, 3)
        Probability that it is the product, the script and the offer, or the audience that pulls
        conversion down most; as `matching.diagnosis.causes.CAUSES`.
    creator_orders, creator_expected : float64 arrays
        Orders that the creator got with other products, and those that were usual there.
    creator_others : int32 array
        Other merchants among them.
    product_orders, product_expected, product_trials : float64 arrays
        Orders that the same products got with other creators, and those usual for the trials.
    product_others : int32 array
        Other cooperations among them.
    nearer : float64 array
        Share of the market's cooperations whose audiences lie further apart; NaN unknown.
    """

    causes: Floats
    creator_orders: Floats
    creator_expected: Floats
    creator_others: Rows
    product_orders: Floats
    product_expected: Floats
    product_trials: Floats
    product_others: Rows
    nearer: Floats


@dataclass(frozen=True)
class Cooperations:
    """Every merchant and creator that worked together, sorted by both; arrays of shape (p,).

    Sums and posteriors alone are kept, no promotion: a bundle of many promotions stays small, and
    a diagnosis reads the few rows of one merchant.

    Attributes
    ----------
    starts : int64 array of shape (number of merchants + 1,)
        Where each merchant's cooperations begin.
    creator : int32 array
    sessions, promotions, products : int32 arrays
        Counts; products are those of known ids.
    trials, orders : float64 arrays
        What conversion is counted on, and what came of it, ranges by their middles; NaN where
        nothing is known.
    arrived : float64 array
        Share of its trials' orders that has arrived; NaN likewise.
    shown : int32 array
        Sessions whose displays are known.
    paid : float64 array
        Share of the displays that was paid for; NaN where unknown.
    conversions : Conversions
    displays : Displays
    ladder : Ladder
    conversion, exposures : Yardstick
    paid_usual : float64 array of shape (number of merchants,)
        Share of the peers' displays that was paid for; NaN where unknown.
    industry, tier : int32 arrays of shape (number of merchants,)
        Numbers of the names below; -1 where unknown.
    industries, tiers : list of str
    trials_basis, shown_basis : str or None
        What trials and displays are; ``None`` where the market tells of none.
    """

    starts: npt.NDArray[np.int64]
    creator: Rows
    sessions: Rows
    promotions: Rows
    products: Rows
    trials: Floats
    orders: Floats
    arrived: Floats
    shown: Rows
    paid: Floats
    conversions: Conversions
    displays: Displays
    ladder: Ladder
    conversion: Yardstick
    exposures: Yardstick
    paid_usual: Floats
    industry: Rows
    tier: Rows
    industries: list[str]
    tiers: list[str]
    trials_basis: str | None
    shown_basis: str | None

    def rows_of(self, merchant: int) -> slice:
        """Where one merchant's cooperations lie; nowhere for a merchant beyond the last."""
        if merchant >= len(self.starts) - 1:
            return slice(0, 0)
        return slice(int(self.starts[merchant]), int(self.starts[merchant + 1]))

    def state(self) -> State:
        """Arrays and plain values to be written into a bundle; numbers become float32."""
        told: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            told[one.name] = _parts(value) if one.name in _NESTED else _stored(value)
        return told

    @classmethod
    def from_state(cls, state: State) -> Cooperations:
        """Read what :meth:`state` gave."""
        nested = {name: kind(**state[name]) for name, kind in _NESTED.items()}
        return cls(**{**state, **nested})


_Group = TypeVar("_Group", Conversions, Displays, Ladder)

_NESTED: Mapping[str, type[Any]] = {
    "conversions": Conversions,
    "displays": Displays,
    "ladder": Ladder,
    "conversion": Yardstick,
    "exposures": Yardstick,
}


def taken(value: _Group, rows: slice | npt.NDArray[np.integer]) -> _Group:
    """Some rows of every array of a group of them, as float64 where they are no counts."""
    found: dict[str, Any] = {}
    for one in fields(value):
        told = getattr(value, one.name)
        found[one.name] = as_read(told, rows) if isinstance(told, np.ndarray) else told
    return type(value)(**found)


def as_read(values: npt.NDArray[Any], rows: slice | npt.NDArray[np.integer]) -> npt.NDArray[Any]:
    """Some entries, float64 where they are stored as float32."""
    found = np.asarray(values)[rows]
    return found.astype(np.float64) if found.dtype == np.float32 else found


def _parts(value: Any) -> dict[str, Any]:
    return {one.name: _stored(getattr(value, one.name)) for one in fields(value)}


def _stored(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    return value
