"""What would change a merchant's place among all merchants, by what each brings the creator.

A promotion brings its creator the commission on what is kept, and the slot fee. What other
merchants bring stays as it is; the terms are the merchant's to better.
"""

from __future__ import annotations

import numpy as np

from matching.explaining.case import Case, Change, beside, change, ordinal
from matching.explaining.standing import POINT_TENTH, Standing, reached
from matching.explaining.words import quantity


def incomes_changes(case: Case, incomes: Standing) -> list[Change]:
    """Terms at which the merchant is among the best payers of this creator."""
    terms, top = case.terms, case.top
    now, asked = terms.commission, terms.asked
    least = incomes.needed(top)
    if not (case.kept > 0.0 and np.isfinite(least)):
        return []

    def rank(rate: float, fee: float) -> int:
        return incomes.rank(case.kept * rate + fee)

    place, least_rate = incomes.rank(), (least - terms.fee) / case.kept
    floor = asked if np.isfinite(asked) else 0.0
    to = reached(
        max(least_rate, floor),
        True,
        lambda one: one <= 1.0 and rank(one, terms.fee) <= top,
        POINT_TENTH,
    )
    what = f"what a promotion brings it ({quantity(incomes.score)})"
    if place <= top:
        words = f"By {what} you rank {ordinal(place)} of its merchants"
        words += (
            "." if to is None or to >= now else f", in its top {top} down to {beside(now, to)}."
        )
        to = now if to is None else min(to, now)
    elif to is None:
        words = f"By {what} you rank {ordinal(place)} of its merchants; "
        words += f"even if it got all that is kept, you would rank {ordinal(rank(1.0, terms.fee))}."
        to = 1.0
    else:
        words = (
            f"At a commission of {beside(now, to)} you enter its top {top} by {what}; "
            f"that leaves you {quantity(case.net(to, terms.fee))} net."
        )
    ranked = rank(to, terms.fee), top
    found = [change("creator", "commission", "merchant", (now, to), ranked, words)]
    fee = reached(least - case.kept * now, True, lambda one: rank(now, one) <= top)
    if place > top and fee is not None:
        words = (
            f"At a slot fee of {quantity(fee)} instead of {quantity(terms.fee)} you enter its top "
            f"{top}; that leaves you {quantity(case.net(now, fee))} net."
        )
        ranked = rank(now, fee), top
        found.append(change("creator", "slot fee", "merchant", (terms.fee, fee), ranked, words))
    return found
