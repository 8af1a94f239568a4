"""What would change a creator's place in a merchant's list, told after the formulas were tried.

Everything else stays as it is: the other creators' predictions, and this pair's sales. A commission
is one agreed for this pair alone. Less than the creator asks needs its consent, and no slot fee
lies below 0.
"""

from __future__ import annotations

import numpy as np

from matching.explaining.case import Case, Change, beside, change, ordinal, percent
from matching.explaining.incomes import incomes_changes
from matching.explaining.standing import POINT_TENTH, reached, rounded
from matching.explaining.words import quantity

#: What has to be more of, by objective.
_BROUGHT = {
    "conversion": ("this", "conversion"),
    "exposure": ("these", "exposures"),
    "orders": ("these", "orders"),
    "gmv": ("this", "GMV"),
    "net": ("these", "sales"),
}


def changes_of(case: Case) -> list[Change]:
    """All that can be told, the merchant's own list first."""
    found: list[Change] = []
    if case.objective == "net":
        found += [*_fee(case), *_commission(case), *_break_even(case)]
    found += [*_sales(case), *_product(case)]
    return found + ([] if case.incomes is None else incomes_changes(case, case.incomes))


def _fee(case: Case) -> list[Change]:
    """The slot fee up to which the creator is in the top, if there is any."""
    now, rate, top = case.terms.fee, case.terms.commission, case.top
    room = case.net(rate, 0.0) - case.listed.needed(top)
    if not np.isfinite(room):
        return []

    def rank(fee: float) -> int:
        return case.listed.rank(case.net(rate, fee))

    to = None
    if room >= 0.0:
        to = reached(room, False, lambda fee: fee >= 0.0 and rank(fee) <= top)
    if to is None:
        lead = "Even at no slot fee" if now else "It takes no slot fee as it is;"
        words = f"{lead} it ranks {ordinal(rank(0.0))}."
        return [change("merchant", "slot fee", "creator", (now, 0.0), (rank(0.0), top), words)]
    if case.listed.rank() <= top:
        words = f"It stays in your top {top} up to a slot fee of {quantity(to)}."
    else:
        words = (
            f"At a slot fee of {quantity(to)} instead of {quantity(now)} it enters your top {top}; "
            "the fee is the creator's to agree to."
        )
    return [change("merchant", "slot fee", "creator", (now, to), (rank(to), top), words)]


def _commission(case: Case) -> list[Change]:
    """The commission up to which the creator is in the top, if there is any."""
    terms, top = case.terms, case.top
    now, asked = terms.commission, terms.asked
    most = 1.0 - (case.listed.needed(top) + terms.fee) / case.kept if case.kept > 0.0 else np.nan
    if not np.isfinite(most):
        return []

    def rank(rate: float) -> int:
        return case.listed.rank(case.net(rate, terms.fee))

    to = None
    if most >= 0.0:
        to = reached(
            min(most, 1.0), False, lambda rate: rate >= 0.0 and rank(rate) <= top, POINT_TENTH
        )
    if to is None:
        words = f"Even without any commission it ranks {ordinal(rank(0.0))}."
        return [change("merchant", "commission", "creator", (now, 0.0), (rank(0.0), top), words)]
    who = "creator" if to < asked else "merchant"
    if case.listed.rank() <= top:
        whatever = f"It stays in your top {top} whatever its commission is."
        upto = f"It stays in your top {top} up to a commission of {beside(now, to)}."
        words = whatever if to >= 1.0 else upto
    else:
        words = f"At a commission of {beside(now, to)} it enters your top {top}; "
        if to < asked:
            words += f"it asks {percent(asked)}, so it would have to agree."
        elif np.isnan(asked):
            words += "what it asks is not known."
        else:
            words += f"it asks {percent(asked)}, so that is yours to set."
    return [change("merchant", "commission", who, (now, to), (rank(to), top), words)]


def _break_even(case: Case) -> list[Change]:
    """Slot fees at which the promotion pays for itself, whoever else there is."""
    found = []
    often = (
        "every other promotion pays for itself",
        "nine of ten promotions pay for themselves",
    )
    for fee, how in zip(case.break_even, often, strict=True):
        if np.isfinite(fee):
            to = rounded(fee, up=False)
            rank = case.listed.rank(case.net(case.terms.commission, to))
            words = f"Up to a slot fee of {quantity(to)}, {how}."
            if not to:
                words = f"Only without a slot fee can {how.replace('pays', 'pay')}."
            now = case.terms.fee
            found.append(
                change("merchant", "break-even", "creator", (now, to), (rank, case.top), words)
            )
    return found


def _sales(case: Case) -> list[Change]:
    """How many times as much it would have to bring: the distance to the last of the top."""
    listed, terms, top, least = case.listed, case.terms, case.top, case.listed.needed(case.top)
    net = case.objective == "net"
    have, want = listed.score, least
    if net:
        left = 1.0 - terms.commission
        have, want = case.kept, (least + terms.fee) / left if left > 0.0 else np.inf

    def rank(times: float) -> int:
        there = case.net(terms.commission, terms.fee, times) if net else listed.score * times
        return listed.rank(there)

    if not (have > 0.0 and 0.0 < want < np.inf):
        return []
    to = reached(want / have, True, lambda times: rank(times) <= top)
    if to is None:
        return []
    these, brought = _BROUGHT[case.objective]
    if listed.rank() <= top:
        words = f"It stays in your top {top} down to {quantity(100.0 * to)}% of {these} {brought}."
    else:
        words = f"With {quantity(to)} times the {brought} it would enter your top {top}."
    return [change("merchant", "sales", "nobody", (1.0, to), (rank(to), top), words)]


def _product(case: Case) -> list[Change]:
    """The product with which this creator would bring most."""
    known = {name: told for name, told in case.products.items() if np.isfinite(told)}
    if not known:
        return []
    best = max(known, key=lambda name: known[name])
    now, to = case.listed.score, known[best]
    instead = "your usual mix" if case.product_id is None else case.product_id
    rank = case.listed.rank(to)
    if to <= now + 1e-9 * abs(now):  # the only product there is, but for its last digits
        words = f"None of your other products would bring more with it than {instead}."
    else:
        more = f": {100 * (to / now - 1.0):+.0f}%" if now > 0.0 else ""
        of = "net" if case.objective == "net" else _BROUGHT[case.objective][1]
        words = (
            f"With product {best} instead of {instead}{more} ({of} {_brought(case, to)} instead of "
            f"{_brought(case, now)}); that would rank {ordinal(rank)} in this list."
        )
    return [change("merchant", "product", "merchant", (now, to), (rank, case.top), words, best)]


def _brought(case: Case, value: float) -> str:
    return percent(value) if case.objective == "conversion" else quantity(value)
