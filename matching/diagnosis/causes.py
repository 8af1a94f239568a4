"""The cause ladder: whether it is the product, the script and the offer, or the audience."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc

from matching.diagnosis.cooperations import Cooperations
from models.pairs import Floats
from models.vocabulary import Rows

Mask = npt.NDArray[np.bool_]

NOT_KNOWN = "not known"

#: How sure a rung has to be before it says anything.
_SURE = 0.8
#: Orders' worth of belief that somebody else is like the average.
_BELIEF = 4.0
#: Shares of the market's pairs whose audiences lie further apart.
_FAR, _NEAR = 0.25, 0.5
#: Each order beyond these adds little: whole sessions, not orders, differ by luck.
_LIKE_ONE = 30.0


@dataclass(frozen=True)
class Rung:
    """One comparison of the ladder.

    Attributes
    ----------
    orders, expected : float
        Orders got, and orders that the average would have got from the same trials.
    trials : float
    others : int
        Merchants (of a creator) or creators (of a product) compared with.
    """

    orders: float
    expected: float
    trials: float
    others: int

    @property
    def high(self) -> float:
        """Probability that it lies above the average; one half where nothing is known."""
        damp = 1.0 / (1.0 + self.expected / _LIKE_ONE)
        shape = _BELIEF + self.orders * damp
        return float(gammaincc(shape, _BELIEF + self.expected * damp))

    @property
    def known(self) -> bool:
        """Whether anybody else can be compared with."""
        return self.expected > 0.0


def creator_elsewhere(past: Cooperations, usual: Floats, rows: Rows, creator: int) -> Rung:
    """The same creator with other products, of anybody.

    Parameters
    ----------
    usual : float64 array of shape (merchants,)
        Usual conversion of each merchant's peers, so that easy goods do not flatter the creator.
    rows : int array
        Promotions under diagnosis.
    """
    own = set(past.product[rows].tolist()) - {-1}
    other = past.creator == creator
    other[rows] &= ~np.isin(past.product[rows], [-1, *own])
    return _rung(past, usual[past.merchant], other, past.merchant)


def product_elsewhere(past: Cooperations, usual: float, rows: Rows, creator: int) -> Rung:
    """The same products with other creators, against the same yardstick."""
    own = np.unique(past.product[rows])
    other = np.isin(past.product, own[own >= 0]) & (past.creator != creator)
    return _rung(past, np.full(len(past.creator), usual), other, past.creator)


def _rung(past: Cooperations, usual: Floats, chosen: Mask, whose: Rows) -> Rung:
    known = chosen & np.isfinite(past.trials) & np.isfinite(past.orders) & np.isfinite(usual)
    due = past.trials[known] * past.arrived[known]
    return Rung(
        orders=float(past.orders[known].sum()),
        expected=float((due * usual[known]).sum()),
        trials=float(due.sum()),
        others=len(np.unique(whose[known])),
    )


def cause_of(
    creator: Rung, product: Rung, audience: float, trial: str = "click"
) -> tuple[str, list[str]]:
    """The most likely cause of a low conversion, and what speaks for it.

    Parameters
    ----------
    creator, product : Rung
    audience : float
        Share of the market's pairs whose audiences lie further apart than this one's; NaN unknown.
    trial : str
        What conversion is counted on.

    Returns
    -------
    (str, list of str)
        ``product``, ``script and offer``, ``audience`` or ``not known``; evidence in words.
    """
    told = [_creator_words(creator), _product_words(product, trial), _audience_words(audience)]
    if product.known and product.high <= 1 - _SURE:
        return "product", told
    sells = product.known and product.high >= 0.5
    if sells and audience <= _FAR:
        return "audience", told
    if sells and audience >= _NEAR:
        return "script and offer", told
    if creator.known and creator.high >= _SURE and not product.known and audience >= _NEAR:
        # It sells to these people, but not this.
        return "product", told
    return NOT_KNOWN, told


def _creator_words(rung: Rung) -> str:
    if not rung.known:
        return "This creator with other products: not known."
    times = rung.orders / rung.expected
    whom = f"{rung.others} merchant{'s' if rung.others > 1 else ''}"
    return (
        f"With other products, of {whom}, this creator sells {times:.1f} times what is usual "
        f"there{_doubt(rung)}."
    )


def _product_words(rung: Rung, trial: str) -> str:
    if not rung.known:
        return "These products with other creators: not known."
    rate, usual = (100 * one / rung.trials for one in (rung.orders, rung.expected))
    whom = f"{rung.others} other creator{'s' if rung.others > 1 else ''}"
    return (
        f"With {whom} these products get {rate:.2g} orders per 100 {trial}s, where {usual:.2g} "
        f"is usual{_doubt(rung)}."
    )


def _audience_words(audience: float) -> str:
    if np.isnan(audience):
        return "Distance of the audiences: not known."
    return (
        f"Its audience is closer to the one you want than in {100 * audience:.0f}% of the "
        "market's cooperations."
    )


def _doubt(rung: Rung) -> str:
    return "" if max(rung.high, 1 - rung.high) >= _SURE else ", too few to be sure"
