"""Entries of the rating ledger: one promotion each, what it was to bring and what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.arrival import Arrival
from models.chain import Chain
from models.features import PromotionOutcomes
from models.own_evidence import Told, told_by
from models.pairs import Floats, Pairs, State
from models.vocabulary import Rows

#: What is told of a promotion.
NUMBERS = ("exposures", "clicks", "orders", "gmv")


@dataclass(frozen=True)
class Entries:
    """Past promotions, sorted by merchant, creator and time; arrays of shape (n,).

    Attributes
    ----------
    merchant, creator, product : int32 arrays
        The product after the last is none in particular.
    session : int64 array
        Promotions of one creator's session share a number; 0 is a session of its own.
    day, read_day : float64 arrays
        When it took place, and when its figures were read; days since 1970-01-01, UTC.
    numbers : dict of str to float64 array of shape (n, 2)
        ``exposures``, ``clicks``, ``orders`` and ``gmv``: the ends of what is known of each,
        equal where it is exact, NaN where unknown.
    told : dict of step to Told
        What was expected of it in each step of the chain, and what it tells.
    """

    merchant: Rows
    creator: Rows
    product: Rows
    session: npt.NDArray[np.int64]
    day: Floats
    read_day: Floats
    numbers: Mapping[str, Floats]
    told: Mapping[str, Told]

    def __len__(self) -> int:
        return len(self.merchant)

    @classmethod
    def of(
        cls,
        chain: Chain,
        pairs: Pairs,
        outcomes: PromotionOutcomes,
        sessions: pd.Series[str],
        day: Floats,
        read_day: float,
    ) -> Entries:
        """Write down some promotions, and what a chain expected of them.

        Parameters
        ----------
        pairs : Pairs of n promotions
        outcomes : PromotionOutcomes of n promotions
            Their age is that at which the figures were read, on ``read_day``.
        sessions : Series of n str
            Names of their sessions; None where unknown.
        day : float64 array of shape (n,)
        """
        ranges = {name: outcomes.ranged(name) for name in NUMBERS}
        return cls(
            merchant=pairs.merchant,
            creator=pairs.creator,
            product=pairs.product,
            session=_session_numbers(sessions),
            day=day,
            read_day=np.full(len(day), read_day),
            numbers={name: np.column_stack([one.low, one.high]) for name, one in ranges.items()},
            told=told_by(chain, pairs, outcomes),
        ).sorted()

    def take(self, rows: npt.NDArray[Any] | slice) -> Entries:
        """Those that a mask, an index array or a slice picks."""
        return Entries(*(_each(told, lambda one: one[rows]) for told in self._columns().values()))

    def sorted(self) -> Entries:
        """In an order that does not depend on the one they came in."""
        told = [one for name in reversed(NUMBERS) for one in self.numbers[name].T]
        keys = (self.session, self.product, self.day, self.creator, self.merchant)
        return self.take(np.lexsort([self.read_day, *told, *keys]))

    def joined(self, others: Entries) -> Entries:
        """These and others, sorted."""
        both = zip(self._columns().values(), others._columns().values(), strict=True)
        return Entries(*(_each(told, _join, more) for told, more in both)).sorted()

    def as_known(self, as_of: float) -> Entries:
        """What was known of them at a moment.

        Orders of the last weeks were still coming in: those of an entry read later than that are
        unknown where they had not settled by then.
        """
        then = self.take(self.day <= as_of)
        late = (then.read_day > as_of) & (as_of - then.day < Arrival.STEPS[-1])
        if not late.any():
            return then
        numbers, told = dict(then.numbers), dict(then.told)
        for name in ("orders", "gmv"):
            numbers[name] = np.where(late[:, None], np.nan, numbers[name])
        for name in {"conversion", "amount"} & told.keys():
            told[name] = told[name]._replace(came=np.where(late, np.nan, told[name].came))
        return replace(then, numbers=numbers, told=told)

    def of_merchant(self, merchant: int) -> Entries:
        """Entries of one merchant alone."""
        start, end = np.searchsorted(self.merchant, [merchant, merchant + 1])
        return self.take(slice(int(start), int(end)))

    def state(self) -> dict[str, Any]:
        """Arrays to be written into a bundle."""
        told = {name: one._asdict() for name, one in self.told.items()}
        return {**self._columns(), "told": told}

    @classmethod
    def from_state(cls, state: State) -> Entries:
        """Read what :meth:`state` gave."""
        return cls(**{**state, "told": {k: Told(**one) for k, one in state["told"].items()}})

    def _columns(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


def _each(told: Any, change: Callable[..., Any], *others: Any) -> Any:
    """Change an array, or each of several."""
    if isinstance(told, Mapping):
        return {
            name: _each(one, change, *(other[name] for other in others))
            for name, one in told.items()
        }
    if isinstance(told, Told):
        return Told(*(change(*parts) for parts in zip(told, *others, strict=True)))
    return change(told, *others)


def _join(*parts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate(parts)


def _session_numbers(names: pd.Series[str]) -> npt.NDArray[np.int64]:
    """A number for each name of a session, the same whenever it is told; 0 where it has none."""
    known = names.notna().to_numpy(bool)
    found = np.zeros(len(names), dtype=np.int64)
    texts = names[known].astype(str).to_numpy(object)
    # Odd, so that none is 0.
    found[known] = pd.util.hash_array(texts).view(np.int64) | 1
    return found
