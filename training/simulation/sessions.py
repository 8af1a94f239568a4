"""Cooperations become sessions: which format, which products, in which order, on which evening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.simulation.calendar import Campaigns, end, selling_times
from training.simulation.outcomes import Promotions
from training.simulation.population import Creators, Population, Products
from training.simulation.segments import Bools, Ints
from training.simulation.sizes import DAY

#: Products of one merchant in a mixed slot and in a dedicated stream, on average.
MIXED_PRODUCTS, DEDICATED_PRODUCTS = 1.5, 5.0
#: Microseconds between two products of a session.
_SLOT = 600_000_000


@dataclass(frozen=True)
class Cooperations:
    """Merchants and creators about to work together; arrays of shape (n,)."""

    merchant: Ints
    creator: Ints
    channel: Ints


@dataclass(frozen=True)
class Held:
    """A week's promotions in their sessions; arrays of shape (rows,).

    `deal` is the cooperation each row belongs to, `moment` its time in microseconds, `campaign`
    the campaign it takes part in; -1 = none.
    """

    promotions: Promotions
    deal: Ints
    moment: Ints
    campaign: Ints


def hold_sessions(
    world: Population,
    deals: Cooperations,
    events: Campaigns,
    week: int,
    rng: np.random.Generator,
) -> Held:
    """Arrange a week's cooperations into sessions and their products."""
    c = world.creators
    n = len(deals.merchant)
    dedicated = rng.random(n) < _dedicated_streams(c, deals.creator)
    slots = np.maximum(1, c.sessions[deals.creator] / 2).astype(np.int64)
    slot = (rng.random(n) * slots).astype(np.int64)
    # Cooperations in one slot share a session; a dedicated stream is nobody else's.
    key = np.where(dedicated, -1 - np.arange(n), deals.creator * 8 + slot)
    _, first, session = np.unique(key, return_index=True, return_inverse=True)
    format_ = _formats(c, deals.creator[first], dedicated[first], rng)
    begins = selling_times(week, len(first), events, rng)

    deal, product = _assortment(world.products, deals.merchant, dedicated, week, rng)
    order = np.argsort(session[deal], kind="stable")
    deal, product = deal[order], product[order]
    row_session = session[deal]
    before = np.searchsorted(row_session, row_session, side="left")
    place = np.arange(len(deal)) - before
    length = np.searchsorted(row_session, row_session, side="right") - before
    moment = begins[row_session] + place * _SLOT
    running = events.at(moment)
    # Attention fades through a session, and from session to session in a crowded week.
    crowd = np.bincount(deals.creator, minlength=len(c.followers))[deals.creator]
    fatigue = 0.07 * (place - (length - 1) / 2) + 0.05 * np.maximum(crowd - slots, 0)[deal]
    promotions = Promotions(
        merchant=deals.merchant[deal],
        creator=deals.creator[deal],
        product=product,
        format=format_[row_session],
        dedicated=dedicated[deal],
        session=row_session,
        lift=0.35 * (running >= 0) - fatigue,
        eager=np.where(running >= 0, 0.15, 0.0),
        age=(end() - moment) / DAY,
    )
    # Not every merchant signs up for the campaign that lifts it all the same.
    joins = (rng.random(n) < 0.75)[deal]
    return Held(promotions, deal, moment, np.where(joins, running, -1))


def _dedicated_streams(
    creators: Creators, creator: Ints
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Chance of a dedicated stream that makes the wanted share of *promotions* dedicated.

    A dedicated stream carries more products, so fewer streams do.
    """
    whole = creators.dedicated[creator]
    streams = whole * MIXED_PRODUCTS
    streams = streams / (streams + (1 - whole) * DEDICATED_PRODUCTS)
    return np.asarray(creators.formats[creator, 0] * streams)


def _formats(creators: Creators, creator: Ints, dedicated: Bools, rng: np.random.Generator) -> Ints:
    """Format of each session; a dedicated stream is live."""
    chances = creators.formats[creator].copy()
    chances[:, 0] *= 1 - creators.dedicated[creator]
    lines = chances.cumsum(axis=1)
    drawn = rng.random(len(creator)) * lines[:, -1]
    return np.where(dedicated, 0, (drawn[:, None] > lines[:, :2]).sum(axis=1))


def _assortment(
    products: Products,
    merchant: Ints,
    dedicated: Bools,
    week: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Products of every cooperation: rows of (cooperation, product)."""
    first = np.searchsorted(products.merchant, merchant, side="left")
    count = np.searchsorted(products.merchant, merchant, side="right") - first
    wanted = np.where(
        dedicated,
        DEDICATED_PRODUCTS - 1 + rng.poisson(1.0, len(merchant)),
        1 + rng.binomial(2, (MIXED_PRODUCTS - 1) / 2, len(merchant)),
    )
    widest = np.arange(int(count.max(initial=0)))
    there = widest < count[:, None]
    grid = np.where(there, first[:, None] + widest, 0)
    there &= products.launched[grid] <= week
    # The largest of log weight + Gumbel noise are a draw without replacement.
    keys = np.where(there, np.log(products.pick[grid]) + rng.gumbel(size=grid.shape), -np.inf)
    order = np.argsort(-keys, axis=1, kind="stable")
    taken = widest < np.minimum(wanted, there.sum(axis=1))[:, None]
    deal = np.broadcast_to(np.arange(len(merchant))[:, None], grid.shape)[taken]
    return deal, np.take_along_axis(grid, order, axis=1)[taken]
