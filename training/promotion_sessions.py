"""Past promotions, and the sessions of a merchant and a creator that they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.pairs import Floats
from models.ranged import Ranged
from models.vocabulary import Rows

Mask = npt.NDArray[np.bool_]

#: Sessions' worth of belief in what sessions usually are.
BELIEF = 20.0
#: Rounds of effects (`models.pair_levels`) in a turn that will be followed by others.
SHORT = 8
#: A range that leaves less of an exact number's information has no part in anybody's average.
TELLING = 0.5


@dataclass(frozen=True)
class PastPromotions:
    """Promotions of a market as a diagnosis reads them; arrays of shape (n,).

    Attributes
    ----------
    shape : (number of merchants, number of creators, number of products)
    merchant, creator, product : int32 arrays
        A product is -1 where unknown.
    session : int32 array
        Promotions of one creator's session share a number.
    age_days : float64 array
    campaign : bool array
        Whether the promotion took part in a campaign.
    arrived : float64 array
        Share of a promotion's orders that has arrived at its age, in (0, 1].
    trials, orders, shown, paid : Ranged
        What conversion is counted on, what came of it, displays of the product, and those of
        them that were paid for.
    fits : float64 array of shape (n, f)
        How well the pair fits, in several ways; NaN where unknown. The first is the cosine of the
        audience that is wanted and the creator's.
    """

    shape: tuple[int, int, int]
    merchant: Rows
    creator: Rows
    product: Rows
    session: Rows
    age_days: Floats
    campaign: npt.NDArray[np.bool_]
    arrived: Floats
    trials: Ranged
    orders: Ranged
    shown: Ranged
    paid: Ranged
    fits: Floats

    @cached_property
    def cells(self) -> tuple[Rows, Rows, Rows]:
        """Pair of each promotion; merchant and creator of each pair, sorted."""
        keys = self.merchant.astype(np.int64) * self.shape[1] + self.creator
        pairs, place = np.unique(keys, return_inverse=True)
        merchant, creator = np.divmod(pairs, max(self.shape[1], 1))
        return (
            place.reshape(-1).astype(np.int32),
            merchant.astype(np.int32),
            creator.astype(np.int32),
        )

    @cached_property
    def sessions(self) -> Sessions:
        """Promotions of one pair in one session, added up."""
        return Sessions.of(self)


@dataclass(frozen=True)
class Sessions:
    """Each pair's part of each session; arrays of shape (s,).

    What products of one session share in luck they share as one draw: a session counts once.

    Attributes
    ----------
    pair : int32 array
        Place of the pair among the p pairs of `PastPromotions.cells`.
    age_days : float64 array
        Mean over the promotions.
    campaign : float64 array
        Share of the promotions that were part of a campaign.
    trials, orders : Ranged
        Sums over promotions of which both are known; trials are those whose orders have arrived.
    shown : Ranged
        Mean displays of a promoted product.
    products : float64 array
        Number of promotions whose displays are known.
    pairs : int
        Number of pairs.
    """

    pair: Rows
    age_days: Floats
    campaign: Floats
    trials: Ranged
    orders: Ranged
    shown: Ranged
    products: Floats
    pairs: int

    @classmethod
    def of(cls, past: PastPromotions) -> Sessions:
        """Add up promotions by pair and session."""
        pair, merchants, _ = past.cells
        keys = pair.astype(np.int64) * (int(past.session.max(initial=0)) + 1) + past.session
        cells, place = np.unique(keys, return_inverse=True)
        place, n = place.reshape(-1), len(cells)
        owner = np.zeros(n, dtype=np.int32)
        owner[place] = pair
        count = np.bincount(place, minlength=n)
        due = Ranged(past.trials.low * past.arrived, past.trials.high * past.arrived)
        # Trials without an upper end say nothing of a rate.
        both = np.isfinite(due.high) & past.orders.known
        seen = np.isfinite(past.shown.high)
        return cls(
            pair=owner,
            age_days=summed(place, past.age_days, n) / count,
            campaign=summed(place, past.campaign.astype(float), n) / count,
            trials=_added(due, both, place, n),
            orders=_added(past.orders, both, place, n),
            shown=_added(past.shown, seen, place, n, mean=True),
            products=np.bincount(place[seen], minlength=n).astype(np.float64),
            pairs=len(merchants),
        )

    def per_pair(self, values: Floats) -> Floats:
        """Sum over the sessions of each pair; float64 array of shape (p,)."""
        return summed(self.pair, values, self.pairs)


def summed(place: npt.NDArray[np.integer], values: Floats, n: int) -> Floats:
    """Sum of the values at each of n places; float64 array of shape (n,)."""
    return np.bincount(place, values, n).astype(np.float64, copy=False)


def _added(
    amounts: Ranged,
    known: npt.NDArray[np.bool_],
    place: npt.NDArray[np.integer],
    n: int,
    *,
    mean: bool = False,
) -> Ranged:
    """Sums, or means, of both ends over the known promotions of each session; NaN without any."""
    count = np.bincount(place[known], minlength=n)
    ends = []
    for end in (amounts.low, amounts.high):
        total = summed(place[known], end[known], n)
        ends.append(np.where(count > 0, total / np.maximum(count, 1) if mean else total, np.nan))
    return Ranged(ends[0], ends[1])


def campaign_lift(campaign: Floats, missed: Floats, weight: Floats, worth: Floats) -> float:
    """By how much more a campaign moves the log, some sessions' belief in nothing included.

    Cooperations are compared on an ordinary day: what a campaign adds is none of their doing.

    Parameters
    ----------
    campaign : float64 array of shape (s,)
    missed : float64 array of shape (s,)
        What came less what was expected.
    weight, worth : float64 arrays of shape (s,)
        What a miss weighs, and the curvature it meets.
    """
    # Every level is free to move, so it is the deviation from the usual day that tells.
    apart = campaign - float(worth @ campaign) / max(float(worth.sum()), 1.0)
    return float((apart * weight) @ missed) / (float((apart**2) @ worth) + BELIEF)
