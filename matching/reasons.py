"""Why somebody is in a list, in the words of who asks, each reason with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.evidence import Evidence
from models.vocabulary import Rows

Vectors = npt.NDArray[np.float32]

#: Reasons given at most for one row.
AT_MOST = 4

#: A part of the affinity is worth a reason from this share of all that speaks for a row.
WORTH_A_REASON = 0.1

#: A creator's own rate or reach is worth a reason from this share of all creators on.
OUTSTANDING = 0.8


@dataclass(frozen=True)
class Words:
    """How reasons are put to a merchant, who is given creators, and to a creator."""

    lists_merchants: bool
    circle: str
    others: str
    audience: str
    viewers: str
    category: str
    sought: str
    given: str
    given_by_partners: str
    nothing: str
    unremarkable: str


TO_MERCHANT = Words(
    lists_merchants=False,
    circle="Works for {others} that also {work} with your partner {name}.",
    others="merchant",
    audience="{share:.0%} of its audience is {segment} ({dimension}; market average "
    "{average:.0%}), whom you sell to.",
    viewers="Its viewers also watch the creators you work with.",
    category="Promotes {categories}, as you sell.",
    sought="Booked by {others}.",
    given="Close by {space} to what you and your partners stand for.",
    given_by_partners="Close by {space} to your partners.",
    nothing="Little is known of this creator yet.",
    unremarkable="Nothing in particular speaks for this creator.",
)
TO_CREATOR = Words(
    lists_merchants=True,
    circle="Works with {others} who also {work} for your partner {name}.",
    others="creator",
    audience="{share:.0%} of your audience is {segment} ({dimension}; market average "
    "{average:.0%}), whom it sells to.",
    viewers="Your viewers also watch the creators it works with.",
    category="Sells {categories}, as you promote.",
    sought="Works with {others}.",
    given="Close to you by {space}.",
    given_by_partners="Close by {space} to your partners.",
    nothing="Little is known of this merchant yet.",
    unremarkable="Nothing in particular speaks for this merchant.",
)


def for_merchant(
    evidence: Evidence,
    merchant: int,
    creators: Rows,
    contributions: Mapping[str, Vectors],
    wanted: Vectors,
    partners: Rows | None = None,
) -> list[list[str]]:
    """Reasons for each creator of one merchant's list.

    Parameters
    ----------
    merchant : int
        Row of the merchant; the row after the last is one that nobody knows.
    creators : int32 array of shape (k,)
    contributions : dict of part to float32 array of shape (k,)
        What each part adds to the affinity.
    wanted : float32 array of shape (number of segments,)
        Shares of the audience asked for; NaN unknown.
    partners : int32 array, optional
        Creators that the merchant works with; those of the history where not given.
    """
    if partners is None:
        partners = evidence.partners(True, merchant)
    return _told(
        evidence, TO_MERCHANT, merchant, partners, creators, contributions, lambda _: wanted
    )


def for_creator(
    evidence: Evidence,
    creator: int,
    merchants: Rows,
    contributions: Mapping[str, Vectors],
    partners: Rows | None = None,
) -> list[list[str]]:
    """Reasons for each merchant of one creator's list; as :func:`for_merchant`, mirrored."""
    if partners is None:
        partners = evidence.partners(False, creator)
    return _told(
        evidence,
        TO_CREATOR,
        creator,
        partners,
        merchants,
        contributions,
        lambda merchant: evidence.merchant_shares[merchant],
    )


def _told(
    evidence: Evidence,
    words: Words,
    asker: int,
    partners: Rows,
    rows: Rows,
    contributions: Mapping[str, Vectors],
    wanted: Callable[[int], Vectors],
) -> list[list[str]]:
    """Past work first, then what the parts of the affinity say, then how a creator stands."""
    circles = evidence.shared_circles(words.lists_merchants, rows, asker, partners)
    reasons = []
    for i, row in enumerate(rows.tolist()):
        pair = (row, asker) if words.lists_merchants else (asker, row)
        told = [_together(evidence, *pair)]
        for part in _strongest(contributions, i):
            if part == "collaborative":
                told.append(_circle(evidence, words, circles[i], partners))
            else:
                told.append(_part(evidence, words, part, pair, wanted(row), partners))
        if not words.lists_merchants:
            told += _outstanding(evidence, row)
        known = len(evidence.partners(words.lists_merchants, row)) > 0
        reasons.append(_spoken(told, words.unremarkable if known else words.nothing))
    return reasons


def alike(evidence: Evidence, creator: int, others: Rows) -> list[list[str]]:
    """Reasons why each of some creators resembles one."""
    clients = evidence.partners(False, creator)
    shared = evidence.history.met_by_creator[others][:, clients].tocsr()
    reasons = []
    for i, other in enumerate(others.tolist()):
        names = [evidence.name(True, clients[j]) for j in shared[i].indices[:3]]
        categories = evidence.promoted_by_both(creator, other)
        told: list[str | None] = []
        if names:
            number = shared[i].nnz
            count = "merchant" if number == 1 else _count(number, "merchant")
            more = "" if number == len(names) else "such as "
            told.append(f"Works for the same {count}: {more}{_listed(names)}.")
        if categories:
            told.append(f"Promotes {_listed(categories)} too.")
        segment = evidence.common_segment(other, creator)
        if segment is not None:
            told.append(
                f"{segment.share:.0%} of its audience is {segment.name} ({segment.dimension}; "
                f"the other's {segment.other:.0%}, market average {segment.average:.0%})."
            )
        reasons.append(_spoken(told, "Close in what cooperations and audience tell together."))
    return reasons


def _together(evidence: Evidence, merchant: int, creator: int) -> str | None:
    known = merchant < len(evidence.merchants) and creator < len(evidence.creators)
    entry = evidence.history.between(merchant, creator) if known else None
    if entry is None:
        return None
    history = evidence.history
    times, orders, clicks = history.promotions[entry], history.orders[entry], history.clicks[entry]
    outcome = "" if np.isnan(orders) else f": {_count(orders, 'order')}"
    if outcome and clicks > 0:
        outcome += f" from {_count(clicks, 'click')}"
    day = np.datetime64(int(history.last_day[entry]), "D")
    often = "once" if times == 1 else f"{times} times"
    return f"You have worked together {often}, last on {day}{outcome}."


def _part(
    evidence: Evidence,
    words: Words,
    part: str,
    pair: tuple[int, int],
    wanted: Vectors,
    partners: Rows,
) -> str | None:
    """What one part of the affinity says of a pair of merchant and creator, if anything."""
    merchant, creator = pair
    stranger = merchant >= len(evidence.merchants) or creator >= len(evidence.creators)
    if part == "audience":
        if creator >= len(evidence.creators):
            return None
        segment = evidence.wanted_segment(wanted, creator)
        if segment is None:
            return None
        return words.audience.format(
            share=segment.share,
            segment=segment.name,
            dimension=segment.dimension,
            average=segment.average,
        )
    if part == "co_audience":
        return words.viewers if len(partners) else None
    if part == "category":
        common = evidence.sold_and_promoted(merchant, creator)
        return words.category.format(categories=_listed(common)) if common else None
    if part == "popularity":
        row = merchant if words.lists_merchants else creator
        others = len(evidence.partners(words.lists_merchants, row))
        return words.sought.format(others=_count(others, words.others)) if others > 1 else None
    if stranger and not len(partners):
        return None  # whoever only names an audience stands for nothing else
    told = words.given_by_partners if stranger else words.given
    return told.format(space=part.removeprefix("given:").replace("_", " "))


def _circle(
    evidence: Evidence,
    words: Words,
    shared: npt.NDArray[np.int32],
    partners: Rows,
) -> str | None:
    """The partner with whom a row shares most of its own partners."""
    if not shared.any():
        return None
    best = int(np.argmax(shared))
    number = int(shared[best])
    return words.circle.format(
        others=_count(number, words.others),
        work="works" if number == 1 else "work",
        name=evidence.name(words.lists_merchants, partners[best]),
    )


def _outstanding(evidence: Evidence, creator: int) -> list[str | None]:
    exposures, conversion = (float(share) for share in evidence.standing[creator])
    told: list[str | None] = []
    if conversion >= OUTSTANDING:
        told.append(f"Converts better than {_floor(conversion)} of creators.")
    if exposures >= OUTSTANDING:
        told.append(f"Gets more exposures than {_floor(exposures)} of creators.")
    return told


def _strongest(contributions: Mapping[str, Vectors], i: int) -> list[str]:
    """Parts worth a reason for one row, the strongest first; being sought by others comes last."""
    positive = {part: float(column[i]) for part, column in contributions.items() if column[i] > 0}
    least = WORTH_A_REASON * sum(positive.values())
    worth = [part for part in positive if positive[part] >= least]
    return sorted(worth, key=lambda part: (part == "popularity", -positive[part]))


def _spoken(told: list[str | None], nothing: str) -> list[str]:
    return [one for one in told if one][:AT_MOST] or [nothing]


def _count(number: float, noun: str) -> str:
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _floor(share: float) -> str:
    """A share in whole steps of 5 %, so that it is never overstated."""
    return f"{int(share * 20 + 1e-4) * 5}%"
