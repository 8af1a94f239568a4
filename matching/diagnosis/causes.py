"""The cause ladder in words: the product, the script and the offer, or the audience."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc

from models.pairs import Floats

NOT_KNOWN = "not known"

#: What may pull a conversion down, in the order of the ladder.
CAUSES = ("product", "script and offer", "audience")

#: A cause less likely than this is not told.
TELLING = 0.55

#: How sure a comparison has to be before its figure is told without a doubt.
_SURE = 0.8
#: Orders' worth of belief that somebody else is like the average.
_BELIEF = 4.0
#: Each order beyond these adds little: whole sessions, not orders, differ by luck.
_LIKE_ONE = 30.0


@dataclass(frozen=True)
class Rung:
    """One comparison of the ladder.

    Attributes
    ----------
    orders, expected : float
        Orders got, and orders that the average would have got from the same trials.
    others : int
        Merchants (of a creator) or cooperations (of a product) compared with.
    trials : float
    """

    orders: float
    expected: float
    others: int
    trials: float = 0.0

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


def cause_of(chances: Floats) -> tuple[str, float]:
    """The most likely cause of a low conversion, and how likely it is.

    Parameters
    ----------
    chances : float64 array of shape (3,)
        Probabilities, as `CAUSES`.

    Examples
    --------
    >>> cause_of(np.array([0.1, 0.2, 0.7])), cause_of(np.array([0.4, 0.3, 0.3]))
    (('audience', 0.7), ('not known', 0.4))
    """
    best = int(np.argmax(chances))
    likely = float(chances[best])
    return (CAUSES[best] if likely >= TELLING else NOT_KNOWN), likely


def evidence(creator: Rung, product: Rung, nearer: float, trial: str) -> list[str]:
    """What the three comparisons say, in a merchant's words.

    Parameters
    ----------
    nearer : float
        Share of the market's cooperations whose audiences lie further apart; NaN unknown.
    trial : str
        What conversion is counted on.
    """
    return [_creator_words(creator), _product_words(product, trial), _audience_words(nearer)]


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
    where = f"{rung.others} cooperation{'s' if rung.others > 1 else ''}"
    return (
        f"In {where} with other creators these products get {rate:.2g} orders per 100 {trial}s, "
        f"where {usual:.2g} is usual{_doubt(rung)}."
    )


def _audience_words(nearer: float) -> str:
    if np.isnan(nearer):
        return "Distance of the audiences: not known."
    return (
        f"Its audience is closer to the one you want than in {100 * nearer:.0f}% of the "
        "market's cooperations."
    )


def _doubt(rung: Rung) -> str:
    return "" if max(rung.high, 1 - rung.high) >= _SURE else ", too few to be sure"
