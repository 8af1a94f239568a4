"""What a diagnosis reads of past promotions, and the sessions they fall into."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.pairs import Floats, State
from models.vocabulary import Rows


@dataclass(frozen=True)
class Cooperations:
    """Past promotions, sorted by merchant and creator; arrays of shape (n,).

    Attributes
    ----------
    shape : (number of merchants, number of creators)
    merchant, creator : int32 arrays
    product : int32 array
        -1 where unknown.
    session : int32 array
        Promotions of one creator's session share a number.
    trials, orders : float64 arrays
        What conversion is counted on, and what came of it; NaN where not known exactly.
    arrived : float64 array
        Share of a promotion's orders that has arrived at its age, in (0, 1].
    shown : float64 array
        Displays of the product; NaN where not known exactly.
    fit : float64 array
        Cosine of the audience that is wanted and the creator's; NaN where unknown.
    industry, tier : int32 arrays of shape (number of merchants,)
        Numbers of the names below; -1 where unknown.
    industries, tiers : list of str
    trials_basis, shown_basis : str or None
        What trials and displays are; ``None`` where the market tells of none.
    """

    shape: tuple[int, int]
    merchant: Rows
    creator: Rows
    product: Rows
    session: Rows
    trials: Floats
    orders: Floats
    arrived: Floats
    shown: Floats
    fit: Floats
    industry: Rows
    tier: Rows
    industries: list[str]
    tiers: list[str]
    trials_basis: str | None
    shown_basis: str | None

    @cached_property
    def sessions(self) -> Sessions:
        """Promotions of one merchant in one session, added up."""
        return Sessions.of(self)

    def state(self) -> State:
        """Arrays and plain values to be written into a bundle."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**told, "shape": list(self.shape)}

    @classmethod
    def from_state(cls, state: State) -> Cooperations:
        """Read what :meth:`state` gave."""
        return cls(**{**state, "shape": tuple(state["shape"])})


@dataclass(frozen=True)
class Sessions:
    """Each merchant's part of each session; arrays of shape (s,), sorted by pair.

    What products of one session share in luck they share as one draw: a session counts once.

    Attributes
    ----------
    pair : int32 array
        Place of the merchant and creator in the arrays below.
    trials, orders : float64 arrays
        Sums over promotions that know both; 0 where none does. Trials are those whose orders have
        arrived.
    shown : float64 array
        Mean displays of a promoted product; NaN where none is known.
    merchant, creator : int32 arrays of shape (p,)
        The pairs, sorted.
    """

    pair: Rows
    trials: Floats
    orders: Floats
    shown: Floats
    merchant: Rows
    creator: Rows

    @classmethod
    def of(cls, past: Cooperations) -> Sessions:
        """Add up promotions by merchant, creator and session."""
        keys = np.stack([past.merchant, past.creator, past.session]).astype(np.int64)
        cells, place = np.unique(keys, axis=1, return_inverse=True)
        pairs, pair = np.unique(cells[:2], axis=1, return_inverse=True)
        place, n = place.reshape(-1), cells.shape[1]
        both = np.isfinite(past.trials) & np.isfinite(past.orders)
        seen = np.isfinite(past.shown)
        due = np.where(both, past.trials * past.arrived, 0.0)
        products = np.bincount(place[seen], minlength=n)
        shown = summed(place[seen], past.shown[seen], n)
        return cls(
            pair=pair.reshape(-1).astype(np.int32),
            trials=summed(place, due, n),
            orders=summed(place, np.where(both, past.orders, 0.0), n),
            shown=np.divide(shown, products, out=np.full(n, np.nan), where=products > 0),
            merchant=pairs[0].astype(np.int32),
            creator=pairs[1].astype(np.int32),
        )

    def per_pair(self, values: Floats) -> Floats:
        """Sum over the sessions of each pair; float64 array of shape (p,)."""
        return summed(self.pair, values, len(self.merchant))


def summed(place: npt.NDArray[Any], values: Floats, n: int) -> Floats:
    """Sum of the values at each of n places; float64 array of shape (n,)."""
    return np.bincount(place, values, n).astype(np.float64, copy=False)
