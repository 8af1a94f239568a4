"""Whom merchants ask, by guesses about audiences, and what creators answer."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from training.simulation.laws import Laws, acceptance, cosine, expit
from training.simulation.plaza import Lists
from training.simulation.population import Population
from training.simulation.segments import Bools, Floats, Ints
from training.simulation.sizes import WEEKS

STATUSES = ("pending", "accepted", "posted", "rejected", "overdue", "withdrawn")
PENDING, ACCEPTED, POSTED, REJECTED, OVERDUE, WITHDRAWN = range(len(STATUSES))
REASONS = ("NOT_MATCH", "FEE_TOO_LOW", "SCHEDULE_FULL", "OTHER")
CHANNELS = ("plaza", "agency", "inbound", "repeat")
PLAZA, AGENCY, INBOUND, REPEAT = range(len(CHANNELS))
#: Creators asked out of one list.
ASKED = 2


@dataclass(frozen=True)
class Offers:
    """Merchants' outreach; arrays of shape (n,). `reason` is -1 where there is none.

    `request` is the number of the week's list that led to it.
    """

    request: Ints
    merchant: Ints
    creator: Ints
    status: Ints
    reason: Ints
    channel: Ints

    def take(self, keep: Bools) -> Offers:
        """Those that a mask picks."""
        return Offers(*(getattr(self, f.name)[keep] for f in fields(self)))


class Agencies:
    """Rosters, to draw a colleague of a creator from."""

    def __init__(self, agency: Ints) -> None:
        self._agency = agency
        self._members = np.argsort(agency, kind="stable")
        ordered = agency[self._members]
        self._start = np.searchsorted(ordered, agency, side="left")
        self._count = np.searchsorted(ordered, agency, side="right") - self._start

    def colleague(self, creator: Ints, rng: np.random.Generator) -> Ints:
        """Somebody of the same agency for each creator; -1 for those without an agency."""
        pick = (rng.random(len(creator)) * self._count[creator]).astype(np.int64)
        found = self._members[self._start[creator] + pick]
        return np.where(self._agency[creator] < 0, -1, found)


def make_offers(
    world: Population,
    laws: Laws,
    lists: Lists,
    partner: Ints,
    agencies: Agencies,
    week: int,
    rng: np.random.Generator,
) -> Offers:
    """Let merchants choose from their lists, and creators answer.

    Parameters
    ----------
    partner : int64 array of shape (merchants,)
        The last creator each merchant was happy with; -1 = none.
    """
    creators = world.creators
    # An agency that did well is asked for another of its people.
    _, first = np.unique(lists.request, return_index=True)
    friend = partner[lists.merchant[first]]
    tied = (friend >= 0) & (rng.random(len(first)) < 0.3)
    colleague = agencies.colleague(friend[tied], rng)
    found = colleague >= 0
    request = np.r_[lists.request, lists.request[first][tied][found]]
    merchant = np.r_[lists.merchant, lists.merchant[first][tied][found]]
    creator = np.r_[lists.creator, colleague[found]]
    channel = np.repeat([PLAZA, AGENCY], [len(lists.request), found.sum()])

    appeal = guess(world, merchant, creator, rng) + 1.5 * (channel == AGENCY)
    here = (creators.joined[creator] <= week) & ~creators.idle[creator]
    appeal[~here] = -np.inf
    order = np.lexsort((-appeal, request))
    rank = np.arange(len(order)) - np.searchsorted(request[order], request[order])
    chosen = order[(rank < ASKED) & here[order]]
    status, reason = _answers(world, laws, merchant[chosen], creator[chosen], week, rng)
    return Offers(
        request[chosen], merchant[chosen], creator[chosen], status, reason, channel[chosen]
    )


def guess(world: Population, merchant: Ints, creator: Ints, rng: np.random.Generator) -> Floats:
    """How good a creator looks to a merchant: fame, category, and a rough sense of the audience."""
    c, m = world.creators, world.merchants
    same = c.categories[creator, m.industry[merchant]]
    n = len(merchant)
    felt = cosine(c.buyer[creator], m.wanted[merchant]) + m.sense[merchant] * rng.standard_normal(n)
    fame = np.log10(c.followers[creator])
    return np.asarray(0.35 * fame + 0.8 * same + 3.0 * felt + 0.4 * rng.gumbel(size=n))


def _answers(
    world: Population,
    laws: Laws,
    merchant: Ints,
    creator: Ints,
    week: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Status and reason of each offer as seen at the year's end."""
    n = len(merchant)
    yes = rng.random(n) < acceptance(world, laws, merchant, creator)
    kept = rng.choice([POSTED, OVERDUE, WITHDRAWN], n, p=[0.88, 0.08, 0.04])
    status = np.where(yes, kept, REJECTED)
    # The audience's part in a refusal; the other reasons have nothing to do with it.
    fit = cosine(world.creators.fan[creator], world.merchants.wanted[merchant])
    mismatch = rng.random(n) < expit(6 * (0.45 - fit))
    other = rng.choice([1, 2, 3], n, p=[0.4, 0.35, 0.25])
    reason = np.where(status == REJECTED, np.where(mismatch, 0, other), -1)
    if week >= WEEKS - 2:
        # The newest offers are still open: no answer yet, or a yes whose post is to come.
        waiting = rng.random(n) < (0.3 if week == WEEKS - 2 else 0.7)
        status = np.where(waiting, PENDING, np.where(status == POSTED, ACCEPTED, status))
        reason = np.where(waiting, -1, reason)
    return status, reason


def inbound(
    world: Population, count: int, week: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Creators who pick a merchant themselves, out of eight they come across.

    Returns
    -------
    merchant, creator : int64 arrays, `count` entries at most
    """
    c, m = world.creators, world.merchants
    able = np.flatnonzero((c.joined <= week) & ~c.idle)
    creator = _weighted(able, c.sessions[able], count, rng)
    open_ = np.flatnonzero(~m.idle)
    met = _weighted(open_, m.activity[open_], count * 8, rng)
    who = np.repeat(creator, 8)
    felt = cosine(c.fan[who], m.wanted[met]) + 0.2 * rng.standard_normal(len(met))
    appeal = 3 * felt + 0.25 * m.experience[met] + 0.3 * m.size[met]
    best = appeal.reshape(count, 8).argmax(axis=1) + 8 * np.arange(count)
    return met[best], creator


def _weighted(who: Ints, weight: Floats, count: int, rng: np.random.Generator) -> Ints:
    line = weight.cumsum()
    spot = np.searchsorted(line, rng.random(count) * line[-1], side="right")
    return np.asarray(who[np.minimum(spot, len(who) - 1)])
