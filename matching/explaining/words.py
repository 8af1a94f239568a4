"""Parts of a prediction in a merchant's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from matching.explaining.parts import Part, Terms

#: How far off 1 a factor has to be for a word on how much.
WORTH_TELLING = 0.005

#: Parts that another creator would change.
OF_CREATOR = ("creator", "audience_fit", "category_fit", "taste", "pair", "deal")
#: What happens to goods at each step.
_HAPPENS = {
    "exposures": "shown",
    "click rate": "clicked",
    "conversion": "bought",
    "orders": "ordered",
    "GMV": "sold",
}
_BESIDE = {
    "merchant": "Your goods are {happens} {than} usual.",
    "audience_fit": "For how its audience fits the one you want: {happens} {than} usual.",
    "category_fit": "For how its categories fit yours: {happens} {than} usual.",
    "taste": "For its audience's taste in what you promote: {happens} {than} usual.",
    "pair": "By what came of your own cooperations: {happens} {than} all else would tell.",
}


@dataclass(frozen=True)
class Told:
    """What the words need to know beside the factors.

    Attributes
    ----------
    basis : str or None
        What conversion is counted on, as `models.chain.Chain.basis`.
    product_id : str or None
        None for what the merchant usually promotes.
    together, promoted : bool
        Whether the two have worked together, and whether the creator has promoted these goods.
    terms : Terms
    """

    basis: str | None
    product_id: str | None
    together: bool
    promoted: bool
    terms: Terms


def in_words(part: Part, told: Told) -> str:
    """One part in a sentence.

    Examples
    --------
    >>> told = Told("clicks", None, False, False, Terms(95.0, 0.25, 0.2, 0.15, 0.0))
    >>> in_words(Part("conversion", "creator", 1.4), told)
    'Its audience buys 40% more often than the usual one.'
    >>> in_words(Part("commission", "terms", 0.9), told)
    'Its commission is 20.0% of what is kept; it asks 15.0%.'
    """
    if part.step in ("price", "refunds", "commission", "slot fee"):
        return _of_money(part, told)
    if part.part == "market":
        return _level(part, told)
    if part.part == "drift":
        return f"Of late, promotions sold {_compared(part.factor, '')} what these steps tell."
    if part.part == "limit":
        return "Amounts count from one, and a rate ends at 100%."
    goods = "What you usually promote" if told.product_id is None else told.product_id
    than, happens = _compared(part.factor, " often"), _HAPPENS[part.step]
    if told.basis == "views" and happens == "shown":
        happens = "viewed"
    if part.part == "creator":
        if part.step in ("click rate", "conversion"):
            does = "clicks" if part.step == "click rate" else "buys"
            return f"Its audience {does} {than} the usual one."
        return f"What it promotes is {happens} {than} the usual creator's."
    if part.part == "product":
        return f"{goods} is {happens} {than} the usual product."
    if part.part == "pair" and not told.together:
        return "You have not worked together: nothing of your own to read first."
    if part.part == "deal":
        if not told.promoted:
            return "It has promoted none of these goods: no results of theirs to read first."
        return f"By its own promotions of these goods: {happens} {than} all else would tell."
    return _BESIDE[part.part].format(happens=happens, than=than)


def summary(parts: Sequence[Part], objective: str) -> str:
    """What this creator brings beside the merchant's usual one, step by step, in a sentence.

    The usual one has the usual level, audience, categories and taste, and never worked with the
    merchant.

    Examples
    --------
    >>> shown, bought = Part("exposures", "creator", 3.4), Part("conversion", "taste", 0.62)
    >>> summary([Part("exposures", "market", 900.0), shown, bought], "gmv")
    'Expected to sell 2.1 times as much as your usual creator: exposures × 3.4, conversion × 0.62.'
    """
    steps: dict[str, float] = {}
    for one in parts:
        if one.part in OF_CREATOR and one.step in _HAPPENS:
            steps[one.step] = steps.get(one.step, 1.0) * one.factor
    told = beside_usual(prod(steps.values()), "", objective)
    apart = ", ".join(f"{step} × {factor:.2g}" for step, factor in steps.items())
    return f"{told.removesuffix('.')}: {apart}." if len(steps) > 1 else told


def beside_usual(factor: float, step: str, objective: str) -> str:
    """What a creator brings beside the merchant's usual one, and by which step above all.

    Examples
    --------
    >>> beside_usual(12.0, "exposures", "net")
    'Expected to sell 12 times as much as your usual creator, above all by its exposures.'
    """
    does = {"conversion": "convert", "exposure": "be shown"}.get(objective, "sell")
    told = f"Expected to {does} {_compared(factor, '')} your usual creator"
    return f"{told}, above all by its {step}." if step else f"{told}."


def quantity(value: float) -> str:
    """A number in a sentence: three digits, or all before the point.

    Examples
    --------
    >>> quantity(5123.4), quantity(87.416), quantity(0.0), quantity(0.51234), quantity(-12.0)
    ('5,123', '87.4', '0', '0.512', '-12')
    """
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _compared(factor: float, how: str) -> str:
    """A factor before what it is compared with.

    Examples
    --------
    >>> _compared(1.4, " often"), _compared(0.62, ""), _compared(3.42, " often")
    ('40% more often than', '38% less than', '3.4 times as often as')
    >>> _compared(1.001, " often"), _compared(0.999, "")
    ('as often as', 'as much as')
    """
    much = how or " much"
    if abs(factor - 1.0) < WORTH_TELLING:
        return f"as{much} as"
    if factor >= 2.0:
        return f"{quantity(round(factor, 1 if factor < 9.95 else None))} times as{much} as"
    return f"{100 * abs(factor - 1.0):.0f}% {'more' if factor > 1.0 else 'less'}{how} than"


def _level(part: Part, told: Told) -> str:
    shown = "views" if told.basis == "views" else "displays"
    if part.step == "exposures":
        return f"A promotion usually gets {quantity(part.factor)} {shown}."
    if part.step == "click rate":
        return f"Of 1,000 displays, {quantity(1000 * part.factor)} are usually clicked."
    if part.step == "conversion":
        trials = {"clicks": "clicks", "exposures": "displays"}.get(told.basis or "", shown)
        return f"Of 1,000 {trials}, {quantity(1000 * part.factor)} usually end in an order."
    what = "in orders" if part.step == "orders" else "in sales"
    return f"A promotion usually brings {quantity(part.factor)} {what}."


def _of_money(part: Part, told: Told) -> str:
    terms = told.terms
    if part.step == "price":
        if part.part == "market":
            return f"An order is usually worth {quantity(part.factor)}."
        if part.part == "merchant":
            return f"An order of yours is worth {_compared(part.factor, '')} that."
        what = "What it would sell of your goods" if told.product_id is None else told.product_id
        return f"{what} is worth {quantity(terms.price)} an order."
    if part.step == "refunds":
        if part.part == "market":
            return f"Of 100 in sales, {100 * part.factor:.1f} are usually kept, not sent back."
        return f"Of 100 in your sales, {100 * (1.0 - terms.refunds):.1f} are kept."
    if part.step == "commission":
        if part.part == "market":
            return f"The usual creator's commission is {100 * (1.0 - part.factor):.1f}% of that."
        asks = "" if terms.asked != terms.asked else f"; it asks {100 * terms.asked:.1f}%"
        return f"Its commission is {100 * terms.commission:.1f}% of what is kept{asks}."
    return f"Its slot fee is {quantity(terms.fee)}." if terms.fee else "It takes no slot fee."
