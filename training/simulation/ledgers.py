"""The year's record as tables: promotions, outreach, impressions, days of creators."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from training.simulation.calendar import Campaigns, end, week_start
from training.simulation.columns import coded, ids, moments, numbered, numbers, write
from training.simulation.consent import NOTHING, OPEN, RANGES, as_consented, bounds
from training.simulation.laws import FORMATS, SLOTS
from training.simulation.offers import CHANNELS, REASONS, STATUSES, Offers
from training.simulation.outcomes import Outcomes, Promotions
from training.simulation.plaza import POLICIES, Lists
from training.simulation.population import Population
from training.simulation.segments import Floats, Ints
from training.simulation.sizes import DAY
from training.simulation.year import Record, concatenated


@dataclass(frozen=True)
class Ledger:
    """All promotions of the year in the order of time, with what they brought."""

    promotions: Promotions
    outcomes: Outcomes
    moment: Ints
    campaign: Ints
    channel: Ints

    @classmethod
    def of(cls, record: Record) -> Ledger:
        """Join a record's weeks."""
        moment = np.concatenate(record.moments)
        order = np.argsort(moment, kind="stable")
        return cls(
            concatenated(Promotions, record.promotions, order),
            concatenated(Outcomes, record.outcomes, order),
            moment[order],
            np.concatenate(record.campaign)[order],
            np.concatenate(record.channel)[order],
        )

    def gmv_of_last_days(self, days: int, creators: int) -> Floats:
        """GMV of each creator in the market over the last days."""
        recent = self.moment >= end() - days * DAY
        who = self.promotions.creator[recent]
        return np.bincount(who, self.outcomes.gmv[recent], creators).astype(np.float64)


def write_promotions(
    folder: Path,
    world: Population,
    ledger: Ledger,
    events: Campaigns,
    consent: Ints,
    rng: np.random.Generator,
) -> None:
    """Write `promotions`; `channel`, how the pair met, is a column beyond the contract."""
    rows, out = ledger.promotions, ledger.outcomes
    n = len(rows)
    # A session's views are one number, and its products are shown to part of the viewers.
    _, session = np.unique(rows.session, return_inverse=True)
    views = np.zeros(int(session.max(initial=-1)) + 1)
    np.maximum.at(views, session, out.exposures)
    views = (views * rng.uniform(1.2, 3.0, len(views))).round().astype(np.int64)
    grade = consent[rows.creator]
    low, high = bounds(out.gmv)
    columns = {
        "promotion_id": numbered("r", np.arange(n), n),
        "occurred_at": moments(ledger.moment),
        "merchant_id": coded(rows.merchant, ids("m", len(world.merchants.size))),
        "creator_id": coded(rows.creator, ids("c", len(world.creators.skill))),
        "product_id": coded(rows.product, ids("p", len(world.products.price))),
        "session_id": coded(session, ids("s", len(views))),
        "format": coded(rows.format, FORMATS),
        "slot": coded(rows.dedicated.astype(np.int64), SLOTS),
        "campaign_id": coded(ledger.campaign, ids("k", len(events.kind))),
        "views": numbers(views[session]),
        "exposures": numbers(out.exposures),
        "paid_exposures": numbers(out.paid_exposures),
        "clicks": numbers(out.clicks),
        "orders": numbers(out.orders),
        # A creator who shows ranges only shows no more of what was sold.
        "gmv": numbers(out.gmv, grade != RANGES),
        "gmv_low": numbers(low, grade == RANGES),
        "gmv_high": numbers(high, grade == RANGES),
        "refunded_gmv": numbers(out.refunded_gmv, grade == OPEN),
        "commission": numbers(out.commission, grade == OPEN),
        "slot_fee": numbers(out.slot_fee),
        "channel": coded(ledger.channel, CHANNELS),
    }
    write(folder, "promotions", columns)


def write_outreach(folder: Path, world: Population, record: Record) -> None:
    """Write `outreach`."""
    moment = np.concatenate(record.offer_moments)
    order = np.argsort(moment, kind="stable")
    offers = concatenated(Offers, record.offers, order)
    columns = {
        "merchant_id": coded(offers.merchant, ids("m", len(world.merchants.size))),
        "creator_id": coded(offers.creator, ids("c", len(world.creators.skill))),
        "sent_at": moments(moment[order]),
        "status": coded(offers.status, STATUSES),
        "reason": coded(offers.reason, REASONS),
    }
    write(folder, "outreach", columns)


def write_impressions(folder: Path, world: Population, record: Record) -> None:
    """Write `impressions`: the lists that were logged, with the chance of every entry."""
    parts, before = [], 0
    for lists in record.lists:
        parts.append(lists.request + before)
        before += int(lists.request.max(initial=-1)) + 1
    moment = np.concatenate(record.list_moments)
    request = np.concatenate(parts)
    # Lists in the order of time, their entries from the top.
    lists = concatenated(Lists, record.lists)
    order = np.lexsort((lists.position, request, moment))
    change = np.diff(request[order], prepend=-1) != 0
    columns = {
        "request_id": coded(change.cumsum() - 1, ids("q", int(change.sum()))),
        "shown_at": moments(moment[order]),
        "merchant_id": coded(lists.merchant[order], ids("m", len(world.merchants.size))),
        "creator_id": coded(lists.creator[order], ids("c", len(world.creators.skill))),
        "position": numbers(lists.position[order]),
        "propensity": numbers(lists.propensity[order]),
        "policy": coded(lists.policy[order], POLICIES),
    }
    write(folder, "impressions", columns)


def write_creator_daily(
    folder: Path,
    world: Population,
    record: Record,
    consent: Ints,
    usual_gmv: Floats,
    rng: np.random.Generator,
) -> None:
    """Write `creator_daily`: one day in several weeks, for creators who show anything.

    Parameters
    ----------
    usual_gmv : float64 array of shape (creators,)
        What a creator sells on an average day, here and elsewhere, at the year's end.
    """
    c = world.creators
    week = np.array(sorted(record.followers))
    shown = (c.joined[None, :] <= week[:, None]) & (consent != NOTHING)
    when, who = np.nonzero(shown)
    followers = np.stack([record.followers[one] for one in week.tolist()])[when, who]
    n = len(who)
    live = rng.random(n) < c.sessions[who] / 7
    then = (followers / c.followers[who]) ** 0.65
    luck = rng.lognormal(0.0, 0.6, n)
    views = 12 * followers**0.65 * np.exp(c.reach[who]) * luck * np.where(live, 1.0, 0.3)
    gmv = usual_gmv[who] * then * luck * live
    # A day's numbers are those of the last day of its week.
    date = np.array([week_start(one + 1) // DAY - 1 for one in week.tolist()])[when]
    columns = {
        "creator_id": coded(who, ids("c", len(c.skill))),
        "date": pa.array(date.astype(np.int32), pa.date32()),
        **as_consented("followers", followers, consent[who]),
        "views": numbers(views.astype(np.int64)),
        "live_minutes": numbers((live * rng.uniform(60, 240, n)).round(1)),
        "videos": numbers(rng.poisson(0.4 + c.interactive[who])),
        "gmv": numbers(gmv.round(2), consent[who] == OPEN),
    }
    write(folder, "creator_daily", columns)
