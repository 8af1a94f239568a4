"""One year of the market, week by week: meetings, promotions, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import numpy as np

from training.simulation.calendar import Campaigns, growth_curve, working_times
from training.simulation.laws import Laws
from training.simulation.offers import (
    INBOUND,
    POSTED,
    REPEAT,
    Agencies,
    Offers,
    inbound,
    make_offers,
)
from training.simulation.outcomes import Outcomes, Promotions, draw_outcomes
from training.simulation.plaza import Lists, OldPlaza
from training.simulation.population import Population
from training.simulation.segments import Floats, Ints
from training.simulation.sessions import Cooperations, hold_sessions
from training.simulation.sizes import WEEKS, Size

#: Orders of weight that a creator's record starts with, so that three clicks are no triumph.
RECORD_WEIGHT = 3.0

Part = TypeVar("Part")


@dataclass
class Record:
    """What a week leaves behind for the tables; one entry per week in each list."""

    promotions: list[Promotions] = field(default_factory=list)
    outcomes: list[Outcomes] = field(default_factory=list)
    moments: list[Ints] = field(default_factory=list)
    campaign: list[Ints] = field(default_factory=list)
    channel: list[Ints] = field(default_factory=list)
    offers: list[Offers] = field(default_factory=list)
    offer_moments: list[Ints] = field(default_factory=list)
    lists: list[Lists] = field(default_factory=list)
    list_moments: list[Ints] = field(default_factory=list)
    followers: dict[int, Floats] = field(default_factory=dict)


class Year:
    """The market in motion.

    Parameters
    ----------
    world : Population
        Its `followers` and `traffic` are moved on in place.
    """

    def __init__(
        self,
        world: Population,
        laws: Laws,
        size: Size,
        events: Campaigns,
        rng: np.random.Generator,
    ) -> None:
        self.record = Record()
        self._world, self._laws, self._size = world, laws, size
        self._events, self._rng = events, rng
        self._agencies = Agencies(world.creators.agency)
        self._due: dict[int, list[Cooperations]] = {}
        self._partner = np.full(size.merchants, -1)
        self._sessions = 0
        self._first = world.creators.followers.copy()
        self._growth, self._middle = _growth(self._first, rng)

    def weeks(self) -> Iterator[int]:
        """Let the weeks pass, one for each number given back."""
        for week in range(WEEKS):
            if week % 13 == 0:
                plaza = OldPlaza(self._world.creators, week)
            self._meet(week, plaza)
            self._rally(week)
            self._sell(week)
            self._grow(week)
            yield week

    def _meet(self, week: int, plaza: OldPlaza) -> None:
        world, rng, size = self._world, self._rng, self._size
        # Before a campaign there is the preparation: partners are sought a week ahead.
        busy = 1 + 0.8 * max(self._events.share(week), self._events.share(week + 1))
        wanted = size.requests_per_week * busy * world.merchants.activity * ~world.merchants.idle
        merchant = np.repeat(np.arange(size.merchants), rng.poisson(wanted))
        lists = plaza.lists(merchant, world.merchants.industry[merchant], rng)
        asked_at = working_times(week, len(merchant), rng)
        offers = make_offers(world, self._laws, lists, self._partner, self._agencies, week, rng)
        agreed = offers.take(offers.status == POSTED)
        self._plan(week, 1, 2, agreed.merchant, agreed.creator, agreed.channel)
        came, creator = inbound(world, int(rng.poisson(0.35 * wanted.sum())), week, rng)
        self._plan(week, 0, 1, came, creator, np.full(len(came), INBOUND))

        logged = rng.random(len(merchant)) < size.logged_requests
        shown = logged[lists.request]
        self.record.lists.append(Lists(*(getattr(lists, f.name)[shown] for f in fields(lists))))
        self.record.list_moments.append(asked_at[lists.request[shown]])
        self.record.offers.append(offers)
        # Merchants write within hours of looking.
        pause = rng.integers(600, 4 * 3600, len(offers.request)) * 1_000_000
        self.record.offer_moments.append(asked_at[offers.request] + pause)

    def _rally(self, week: int) -> None:
        """For a campaign, merchants call on those they did well with."""
        chance = 0.5 * self._events.share(week)
        called = np.flatnonzero(
            (self._partner >= 0) & (self._rng.random(len(self._partner)) < chance)
        )
        self._plan(week, 0, 0, called, self._partner[called], np.full(len(called), REPEAT))

    def _plan(
        self, week: int, soonest: int, latest: int, merchant: Ints, creator: Ints, channel: Ints
    ) -> None:
        """Put cooperations on the calendar, some weeks ahead."""
        when = week + self._rng.integers(soonest, latest + 1, len(merchant))
        for then in range(week + soonest, min(week + latest, WEEKS - 1) + 1):
            on = when == then
            part = Cooperations(merchant[on], creator[on], channel[on])
            self._due.setdefault(then, []).append(part)

    def _sell(self, week: int) -> None:
        deals = concatenated(Cooperations, self._due.pop(week))
        held = hold_sessions(self._world, deals, self._events, week, self._rng)
        outcomes = draw_outcomes(self._world, self._laws, held.promotions, self._rng)
        self._snowball(held.promotions, outcomes)
        self._repeat(week, deals, held.deal, outcomes)
        record = self.record
        record.outcomes.append(outcomes)
        session = held.promotions.session + self._sessions
        self._sessions += int(held.promotions.session.max(initial=-1)) + 1
        record.promotions.append(replace(held.promotions, session=session))
        record.moments.append(held.moment)
        record.campaign.append(held.campaign)
        record.channel.append(deals.channel[held.deal])

    def _snowball(self, promotions: Promotions, outcomes: Outcomes) -> None:
        """Conversion better than the market's raises the exposures to come; worse lowers them."""
        usual = outcomes.orders.sum() / max(outcomes.clicks.sum(), 1)
        for who, traffic in (
            (promotions.creator, self._world.creators.traffic),
            (promotions.merchant, self._world.merchants.traffic),
        ):
            orders = np.bincount(who, outcomes.orders, len(traffic))
            clicks = np.bincount(who, outcomes.clicks, len(traffic))
            score = np.log((orders + RECORD_WEIGHT) / (clicks * usual + RECORD_WEIGHT))
            active = clicks > 0
            # Traffic is moved about, not made: the average of those who sold stays where it was.
            score -= score[active].sum() / max(active.sum(), 1)
            traffic *= np.where(active, 0.95, 0.98)
            traffic += 0.08 * np.clip(score, -1, 1) * active

    def _repeat(self, week: int, deals: Cooperations, deal: Ints, outcomes: Outcomes) -> None:
        """Those who did well by each other meet again."""
        n = len(deals.merchant)
        net = np.bincount(deal, outcomes.net, n)
        exposures = np.bincount(deal, outcomes.exposures, n)
        usual = max(net.sum() / max(exposures.sum(), 1), 1e-9)
        worth = np.tanh(net / np.maximum(exposures, 100) / usual - 1)
        chance = 1 / (1 + np.exp(0.5 - 1.3 * worth - 0.4 * (np.log10(exposures + 1) - 3.5)))
        again = self._rng.random(n) < chance
        self._partner[deals.merchant[again]] = deals.creator[again]
        again_at = deals.merchant[again], deals.creator[again]
        self._plan(week, 2, 6, *again_at, np.full(int(again.sum()), REPEAT))

    def _grow(self, week: int) -> None:
        creators = self._world.creators
        part = growth_curve(week, self._middle)
        creators.followers = (self._first * self._growth**part).round()
        if week % (self._size.daily_every // 7) == 0:
            self.record.followers[week] = creators.followers


def _growth(followers: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Factor of followers over the year, and the week of fastest growth."""
    n = len(followers)
    growth = rng.lognormal(0.08, 0.12, n)
    rising = (followers < 30_000) & (rng.random(n) < 0.1)
    growth[rising] *= rng.lognormal(np.log(6.0), 0.6, int(rising.sum()))
    return growth, rng.uniform(6, 46, n)


def concatenated(kind: type[Part], parts: list[Part], order: Ints | None = None) -> Part:
    """Join the arrays of several dataclasses of one kind, and put them in order."""
    joined = {}
    for one in fields(kind):  # type: ignore[arg-type]
        column = np.concatenate([getattr(part, one.name) for part in parts])
        joined[one.name] = column if order is None else column[order]
    return kind(**joined)
