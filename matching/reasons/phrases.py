"""The words of reasons: one sentence for each ground, as a merchant or as a creator reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from matching.own_ratings import multiple
from matching.reasons import grounds
from matching.reasons.evidence import Evidence
from matching.reasons.grounds import Grounds


@dataclass(frozen=True)
class Words:
    """How reasons are put to a merchant, who is given creators, and to a creator."""

    lists_merchants: bool
    circle: Callable[[str, str, str], str]
    others: str
    audience: Callable[[int, str, str, str], str]
    viewers: str
    category: Callable[[str], str]
    sought: Callable[[str], str]
    given: Callable[[str], str]
    given_by_partners: Callable[[str], str]
    nothing: str
    unremarkable: str


TO_MERCHANT = Words(
    lists_merchants=False,
    circle=lambda others, work, name: (
        f"Works for {others} that also {work} with your partner {name}."
    ),
    others="merchant",
    audience=lambda percent, segment, dimension, average: (
        f"{percent}% of its audience is "
        f"{segment} ({dimension}; market average {average}), whom you sell to."
    ),
    viewers="Its viewers also watch the creators you work with.",
    category=lambda categories: f"Promotes {categories}, as you sell.",
    sought=lambda others: f"Booked by {others}.",
    given=lambda space: f"Close by {space} to what you and your partners stand for.",
    given_by_partners=lambda space: f"Close by {space} to your partners.",
    nothing="Little is known of this creator yet.",
    unremarkable="Nothing in particular speaks for this creator.",
)
TO_CREATOR = Words(
    lists_merchants=True,
    circle=lambda others, work, name: (
        f"Works with {others} who also {work} for your partner {name}."
    ),
    others="creator",
    audience=lambda percent, segment, dimension, average: (
        f"{percent}% of your audience is "
        f"{segment} ({dimension}; market average {average}), whom it sells to."
    ),
    viewers="Your viewers also watch the creators it works with.",
    category=lambda categories: f"Sells {categories}, as you promote.",
    sought=lambda others: f"Works with {others}.",
    given=lambda space: f"Close to you by {space}.",
    given_by_partners=lambda space: f"Close by {space} to your partners.",
    nothing="Little is known of this merchant yet.",
    unremarkable="Nothing in particular speaks for this merchant.",
)

#: Sentences of shared circles that are kept for later blocks: they are most of all, and most of
#: them come again.
_CIRCLES_KEPT = 1 << 16


class Sentences:
    """Puts grounds into words.

    Parameters
    ----------
    evidence : Evidence
        Has the names, the numbers of past work and the averages.
    words : Words
        How the asker is spoken to.
    parts : sequence of str
        Names of the parts of the affinity.
    """

    def __init__(self, evidence: Evidence, words: Words, parts: Sequence[str]) -> None:
        history = evidence.history
        self._evidence = evidence
        self._words = words
        self._parts = parts
        self._circles = evidence.circles[words.lists_merchants]
        # One number at a time is read several times faster from a view than from an array.
        self._promotions, self._last_day, self._clicks, self._orders = (
            column.data
            for column in (history.promotions, history.last_day, history.clicks, history.orders)
        )
        self._rated = evidence.rated.data
        self._sentences: dict[int, Callable[[int, int, int, int], str]] = {
            grounds.TOGETHER: self._together,
            grounds.CIRCLE: self._circle,
            grounds.AUDIENCE: self._audience,
            grounds.VIEWERS: lambda *_: words.viewers,
            grounds.CATEGORY: lambda *names: words.category(self._categories(names)),
            grounds.SOUGHT: lambda number, *_: words.sought(_count(number, words.others)),
            grounds.GIVEN: lambda part, *_: words.given(self._space(part)),
            grounds.GIVEN_BY_PARTNERS: lambda part, *_: words.given_by_partners(self._space(part)),
            grounds.CONVERTS: lambda percent, *_: f"Converts better than {percent}% of creators.",
            grounds.EXPOSED: lambda percent, *_: (
                f"Gets more exposures than {percent}% of creators."
            ),
            grounds.UNREMARKABLE: lambda *_: words.unremarkable,
            grounds.NOTHING: lambda *_: words.nothing,
            grounds.SAME_PARTNERS: self._same_partners,
            grounds.SAME_CATEGORIES: lambda *names: f"Promotes {self._categories(names)} too.",
            grounds.SAME_AUDIENCE: self._same_audience,
            grounds.CLOSE: lambda *_: "Close in what cooperations and audience tell together.",
        }

    def of(self, found: Grounds) -> list[str]:
        """One sentence for each ground.

        Parameters
        ----------
        found : int32 array of shape (n, 5)
        """
        sentences = self._sentences
        # By columns: a list for every ground would keep the garbage collector busy.
        return [
            sentences[kind](a, b, c, d) for kind, a, b, c, d in zip(*found.T.tolist(), strict=True)
        ]

    def _together(self, entry: int, *_: int) -> str:
        times, orders, clicks = self._promotions[entry], self._orders[entry], self._clicks[entry]
        outcome = ""
        if orders == orders:  # known
            outcome = f": {_count(orders, 'order')}"
            if clicks > 0:
                outcome += f" from {_count(clicks, 'click')}"
        often = "once" if times == 1 else f"{times} times"
        told = f"You have worked together {often}, last on {_day(self._last_day[entry])}{outcome}."
        # A merchant's ratings are its own: no creator reads them.
        rating = None if self._words.lists_merchants else multiple(self._rated[entry])
        return told if rating is None else f"{told} Your own rating: {rating}."

    def _circle(self, partner: int, number: int, *_: int) -> str:
        told = self._circles.get((partner, number))
        if told is None:
            name = self._evidence.name(self._words.lists_merchants, partner)
            others = _count(number, self._words.others)
            told = self._words.circle(others, "works" if number == 1 else "work", name)
            if len(self._circles) < _CIRCLES_KEPT:
                self._circles[partner, number] = told
        return told

    def _audience(self, segment: int, percent: int, *_: int) -> str:
        dimension, name, average = self._evidence.segment(segment)
        return self._words.audience(percent, name, dimension, average)

    def _space(self, part: int) -> str:
        return self._parts[part].removeprefix("given:").replace("_", " ")

    def _same_partners(self, *numbers: int) -> str:
        *rows, number = numbers
        names = [self._evidence.name(True, row) for row in rows if row >= 0]
        count = "merchant" if number == 1 else _count(number, "merchant")
        more = "" if number == len(names) else "such as "
        return f"Works for the same {count}: {more}{_listed(names)}."

    def _same_audience(self, segment: int, percent: int, other: int, _: int) -> str:
        dimension, name, average = self._evidence.segment(segment)
        return (
            f"{percent}% of its audience is {name} ({dimension}; the other's {other}%, "
            f"market average {average})."
        )

    def _categories(self, names: Sequence[int]) -> str:
        words = self._evidence.category_names
        return _listed([words[name] for name in names if name >= 0])


@lru_cache(maxsize=1 << 16)
def _count(number: float, noun: str) -> str:
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")


@lru_cache(maxsize=1 << 14)
def _day(number: int) -> str:
    return str(np.datetime64(number, "D"))


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
