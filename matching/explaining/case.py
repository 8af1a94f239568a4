"""What is known of one pair before anything changes, and how a change of it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.explaining.parts import Terms
from matching.explaining.standing import Standing
from models.money import net_of

Change = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What is known of one pair before anything changes.

    Attributes
    ----------
    objective : str
    top : int
    listed : Standing
        The creator among all creators, by the objective.
    gmv : float
    terms : Terms
    break_even : (float, float)
        Slot fees at which half, and nine of ten, of the promotions pay; NaN where unknown.
    product_id : str or None
    products : dict of str to float
        The objective with each other product of the merchant.
    incomes : Standing or None
        The merchant among all merchants by what a promotion brings the creator: commission on what
        is kept, and the slot fee. None where that is not known.
    """

    objective: str
    top: int
    listed: Standing
    gmv: float
    terms: Terms
    break_even: tuple[float, float]
    product_id: str | None
    products: Mapping[str, float]
    incomes: Standing | None

    def net(self, commission: float, fee: float, sales: float = 1.0) -> float:
        """What is left for the merchant on other terms, or with so many times the sales."""
        gmv, refunds = self.gmv * sales, self.terms.refunds
        return float(net_of(gmv, refunds, commission, np.nan, np.nan, fee))

    @property
    def kept(self) -> float:
        """Sales that are not sent back: what the commission is paid on."""
        return self.gmv * (1.0 - self.terms.refunds)


def ordinal(place: int) -> str:
    """A place in words.

    Examples
    --------
    >>> [ordinal(place) for place in (1, 2, 3, 4, 11, 12, 13, 21, 112, 1003)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '112th', '1,003rd']
    """
    ends = {1: "st", 2: "nd", 3: "rd"}
    end = "th" if place % 100 in (11, 12, 13) else ends.get(place % 10, "th")
    return f"{place:,}{end}"


def percent(rate: float) -> str:
    """A rate in a sentence."""
    return f"{100 * rate:.1f}%"


def beside(now: float, to: float) -> str:
    """A commission beside the present one.

    Examples
    --------
    >>> beside(0.2, 0.142), beside(0.2, 0.231)
    ('14.2% instead of 20.0% (5.8 points less)', '23.1% instead of 20.0% (3.1 points more)')
    """
    points = f"{100 * abs(to - now):.1f} points {'less' if to < now else 'more'}"
    return f"{percent(to)} instead of {percent(now)} ({points})"


def change(
    whose: str,
    what: str,
    who: str,
    values: tuple[float, float],
    ranked: tuple[int, int],
    words: str,
    product_id: str | None = None,
) -> Change:
    """One row of `Explanation.changes`.

    Parameters
    ----------
    values : (now, to)
    ranked : (rank with it, length of the top)
    """
    (now, to), (rank, top) = values, ranked
    return {
        "list": whose,
        "what": what,
        "who": who,
        "now": now,
        "to": to,
        "product_id": product_id,
        "rank": rank,
        "enough": rank <= top,
        "words": words,
    }
