"""What the numbers of a promotion tell of one another, where one of them is not known exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.features import PromotionOutcomes
from models.pairs import Floats
from models.ranged import Ranged

_BY_CHANCE = 3.0  # clicks that may well stay out although so many were to be expected


def orders_told(outcomes: PromotionOutcomes, price: Floats, scatter: float) -> Ranged:
    """Orders of each promotion; where they are unknown, as its GMV and a price have them.

    What an order is worth varies, so a range of GMV is a wider range of orders: its half-width
    in logs ``h`` becomes ``sqrt(h² + 3 scatter)``, that of an even spread of the same variance.

    Parameters
    ----------
    outcomes : PromotionOutcomes of n promotions
    price : float64 array of shape (n,)
        What one order is worth, NaN where unknown.
    scatter : float
        Variance of the log of what an order turns out to be worth.

    Examples
    --------
    >>> blank = np.nan
    >>> told = PromotionOutcomes.of(
    ...     [9.0] * 3,
    ...     orders=[4.0, blank, blank],
    ...     gmv=[200.0, 500.0, blank],
    ...     gmv_low=[blank, blank, 1000.0],
    ...     gmv_high=[blank, blank, 3000.0],
    ... )
    >>> orders = orders_told(told, np.full(3, 50.0), 0.01)
    >>> orders.low.round(1).tolist(), orders.high.round(1).tolist()
    ([4.0, 8.4, 19.5], [4.0, 11.9, 61.6])
    """
    orders, gmv = outcomes.ranged("orders"), outcomes.ranged("gmv")
    use = np.flatnonzero(~orders.exact & gmv.known & (price > 0.0))
    ends = _through(gmv.take(use), price[use], scatter)
    # Any sale at all is one order at least.
    sold, some = gmv.low[use] > 0.0, gmv.high[use] > 0.0
    least = np.where(sold, np.maximum(ends.low, 1.0), 0.0)
    most = np.where(some, np.maximum(ends.high, 1.0), 0.0)
    return _narrowed(orders, use, Ranged(least, most))


def shown_told(outcomes: PromotionOutcomes, rate: Floats, doubt: Floats) -> Ranged:
    """Exposures of each promotion; where they are not exact, as its clicks have them too.

    Parameters
    ----------
    outcomes : PromotionOutcomes of n promotions
    rate : float64 array of shape (n,)
        Clicks expected of an exposure.
    doubt : float64 array of shape (n,)
        Variance of the log of the rate that a promotion turns out to have.
    """
    shown, clicks = outcomes.ranged("exposures"), outcomes.ranged("clicks")
    use = np.flatnonzero(~shown.exact & clicks.known)
    told = clicks.take(use)
    chance = 1.0 / np.maximum(told.low, 1.0)
    ends = _through(told, rate[use], doubt[use] + chance)
    # No click at all is still what some exposures bring; and nobody clicks unseen.
    few = np.maximum(ends.high, _BY_CHANCE / rate[use])
    return _narrowed(shown, use, Ranged(np.maximum(ends.low, told.low), few))


def sold_told(outcomes: PromotionOutcomes, price: Floats) -> Ranged:
    """What each promotion sold, in units of its expected price: GMV where it is known, else orders.

    An exact number is taken before a range.
    """
    gmv, orders = outcomes.ranged("gmv"), outcomes.ranged("orders")
    worth = np.where(price > 0.0, price, np.nan)
    money = Ranged(gmv.low / worth, gmv.high / worth)
    first = money.exact | (money.known & ~orders.exact)
    return Ranged(np.where(first, money.low, orders.low), np.where(first, money.high, orders.high))


def _through(told: Ranged, each: Floats, scatter: npt.ArrayLike) -> Ranged:
    """Ends of how many there are, where each brings so much with that variance of its log."""
    low, high = told.low / each, told.high / each
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.log(high / low) / 2.0
        wider = np.exp(np.sqrt(half**2 + 3.0 * np.asarray(scatter)) - half)
    # Of an open range the end that is known stays where it is.
    wider = np.where(np.isfinite(wider), wider, 1.0)
    return Ranged(low / wider, high * wider)


def _narrowed(told: Ranged, rows: npt.NDArray[np.intp], other: Ranged) -> Ranged:
    """What two ranges have in common; the other where they have nothing."""
    if not len(rows):
        return told
    from_, to = told.low.copy(), told.high.copy()
    low, high = np.fmax(from_[rows], other.low), np.fmin(to[rows], other.high)
    apart = low > high
    from_[rows], to[rows] = np.where(apart, other.low, low), np.where(apart, other.high, high)
    return Ranged(from_, to)
