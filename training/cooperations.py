"""What a diagnosis says of every cooperation of a market, learnt from its promotions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from matching.diagnosis import Cooperations
from models.pairs import Floats, Pairs
from models.ranged import Ranged
from models.vocabulary import Rows
from training import entities as facts
from training.entities import Entities, by_row
from training.ladder import VOLUME, ladder
from training.market import Market, bounds
from training.pair_conversions import conversions
from training.pair_exposures import displays
from training.pair_features import Features, pair_blocks
from training.promotion_sessions import PastPromotions, summed
from training.yardsticks import circles_of, yardsticks

if TYPE_CHECKING:
    from models.outcome import OutcomeModel


@dataclass(frozen=True)
class Labels:
    """Industry and tier of each merchant: numbers of names, -1 where unknown."""

    industry: Rows
    tier: Rows
    industries: list[str]
    tiers: list[str]


def past_cooperations(
    market: Market, ids: Entities, outcomes: OutcomeModel, pairs: Pairs
) -> Cooperations:
    """Diagnose every cooperation of a market; the order of its rows does not matter.

    Parameters
    ----------
    outcomes : OutcomeModel
        Says what conversion is counted on, and what share of orders arrives at which age.
    pairs : Pairs
        Those of the promotions, row by row.
    """
    past, shown_basis = past_promotions(market, ids, outcomes, pairs)
    features = Features(
        facts.creator_features(market, ids.creators),
        facts.merchant_features(market, ids.merchants),
        facts.product_features(market, ids.products),
    )
    return cooperations_of(
        past, features, merchant_labels(market, ids), outcomes.trials_basis_, shown_basis
    )


def past_promotions(
    market: Market, ids: Entities, outcomes: OutcomeModel, pairs: Pairs
) -> tuple[PastPromotions, str | None]:
    """Read the promotions of a market, and say what displays are counted in.

    Ranges stay ranges. Where conversion is counted on views, the products that a merchant has in
    one session share its views, which every row repeats.
    """
    rows = market.table("promotions")
    known = {name: _ranged(rows, name) for name in ("views", "exposures", "clicks", "orders")}
    shown_basis = "exposures" if known["exposures"].known.any() else "views"
    basis = outcomes.trials_basis_
    nothing = Ranged(np.full(len(rows), np.nan), np.full(len(rows), np.nan))
    trials = nothing if basis is None else known[basis]
    shown, orders = known[shown_basis], known["orders"]
    age = (market.as_of - rows["occurred_at"]).dt.total_seconds().to_numpy(float) / 86_400
    arrived = np.ones(len(rows))
    if outcomes.chain_.conversion is not None:
        arrived = np.asarray(outcomes.chain_.conversion.arrival_.share(age))
    product = np.where(pairs.product < len(ids.products), pairs.product, -1).astype(np.int32)
    name, _ = _numbers(rows["session_id"])
    keys = [orders.low, trials.low, shown.low, product, age, name, pairs.creator, pairs.merchant]
    order = np.lexsort(keys)
    merchant, creator = pairs.merchant[order], pairs.creator[order]
    session = _sessions(creator, name[order])
    trials = trials.take(order)
    if basis == "views":
        trials = trials.rising(lambda views: _shared(views, merchant, session))
    past = PastPromotions(
        shape=(len(ids.merchants), len(ids.creators), len(ids.products)),
        merchant=merchant.astype(np.int32),
        creator=creator.astype(np.int32),
        product=product[order],
        session=session,
        age_days=age[order],
        campaign=rows["campaign_id"].notna().to_numpy(bool)[order],
        arrived=arrived[order],
        trials=trials,
        orders=orders.take(order),
        shown=shown.take(order),
        paid=(_ranged(rows, "paid_exposures") if shown_basis == "exposures" else nothing).take(
            order
        ),
        fits=_fits(pairs)[order],
    )
    return past, shown_basis if shown.known.any() else None


def _fits(pairs: Pairs) -> Floats:
    """How well pairs fit, a column each way; that of audiences comes first."""
    return np.column_stack([pairs.audience_fit, pairs.category_fit])


def merchant_labels(market: Market, ids: Entities) -> Labels:
    """Industry and tier of every merchant."""
    listed = by_row(market.table("merchants"), "merchant_id", ids.merchants)
    (industry, industries), (tier, tiers) = (_numbers(listed[one]) for one in ("industry", "tier"))
    return Labels(industry, tier, industries, tiers)


def cooperations_of(
    past: PastPromotions,
    features: Features,
    labels: Labels,
    trials_basis: str | None,
    shown_basis: str | None,
) -> Cooperations:
    """Learn the standing of every pair, its yardsticks, and what the ladder of causes says."""
    pair, merchant, creator = past.cells
    n, sessions = len(merchant), past.sessions
    with threadpool_limits(1, user_api="blas"):
        blocks = pair_blocks(past, features)
        rates = conversions(sessions, creator, merchant, blocks)
        # How many of the displays become trials says nothing of the displays.
        others = [one for at, one in enumerate(blocks) if at != VOLUME]
        amounts = displays(sessions, creator, merchant, others)
    sold = rates.trials, rates.orders
    if not (np.isfinite(sold[0]) & np.isfinite(sold[1])).any():
        # Where nobody tells exact numbers, middles of ranges are the only average there is.
        sold = sessions.trials.middle, sessions.orders.middle
    conversion, exposures, paid_usual = yardsticks(
        past, labels.industry, labels.tier, *sold, amounts.shown
    )
    circles = circles_of(labels.industry, labels.tier)
    circle = np.where(circles[0] >= 0, circles[0] + 1, 0)
    trials, orders = past.trials.middle, past.orders.middle
    both = np.isfinite(trials) & np.isfinite(orders)
    shown, paid = past.shown.middle, past.paid.middle
    told = np.isfinite(shown) & np.isfinite(paid)
    held = np.isfinite(sessions.shown.middle)
    counts = summed(pair, both.astype(float), n)
    tried = np.where(counts > 0, summed(pair[both], trials[both], n), np.nan)
    named = np.flatnonzero(past.product >= 0)
    cells = np.unique(pair[named].astype(np.int64) * max(past.shape[2], 1) + past.product[named])
    return Cooperations(
        starts=np.searchsorted(merchant, np.arange(past.shape[0] + 1)).astype(np.int64),
        creator=creator,
        sessions=np.bincount(sessions.pair, minlength=n).astype(np.int32),
        promotions=np.bincount(pair, minlength=n).astype(np.int32),
        products=np.bincount(cells // max(past.shape[2], 1), minlength=n).astype(np.int32),
        trials=tried,
        orders=np.where(counts > 0, summed(pair[both], orders[both], n), np.nan),
        arrived=_ratio(summed(pair[both], (trials * past.arrived)[both], n), tried),
        shown=np.rint(sessions.per_pair(held.astype(float))).astype(np.int32),
        paid=_ratio(summed(pair[told], paid[told], n), summed(pair[told], shown[told], n)),
        conversions=rates.conversions,
        displays=amounts.displays,
        ladder=ladder(past, rates.levels, conversion.usual, circle),
        conversion=conversion,
        exposures=exposures,
        paid_usual=paid_usual,
        industry=labels.industry,
        tier=labels.tier,
        industries=labels.industries,
        tiers=labels.tiers,
        trials_basis=trials_basis,
        shown_basis=shown_basis,
    )


def _ratio(above: Floats, below: Floats) -> Floats:
    found: Floats = np.full(len(above), np.nan)
    np.divide(above, below, out=found, where=below > 0.0)
    return found


def _ranged(rows: pd.DataFrame, column: str) -> Ranged:
    low, high = (one.to_numpy(float) for one in bounds(rows, column))
    exact = np.where(low == high, low, np.nan)
    return Ranged.of(exact, low, high)


def _numbers(words: pd.Series[str]) -> tuple[Rows, list[str]]:
    """Place of each word among the sorted words, -1 where unknown; and the words."""
    known = words.notna().to_numpy(bool)
    names, place = np.unique(words[known].astype(str).to_numpy(object), return_inverse=True)
    numbers = np.full(len(words), -1, dtype=np.int32)
    numbers[known] = place.reshape(-1)
    return numbers, [str(one) for one in names]


def _sessions(creator: Rows, name: npt.NDArray[np.int32]) -> Rows:
    """A number for each creator's session; a promotion of an unknown session is one of its own."""
    keys = np.stack([creator, name]).astype(np.int64)
    keys[1] = np.where(name < 0, -1 - np.arange(len(name)), name)
    _, session = np.unique(keys, axis=1, return_inverse=True)
    return np.asarray(session.reshape(-1), dtype=np.int32)


def _shared(views: Floats, merchant: Rows, session: Rows) -> Floats:
    """Views of a session, divided among the promotions that one merchant has in it."""
    cells, place = np.unique(np.stack([merchant, session]), axis=1, return_inverse=True)
    place = place.reshape(-1)
    largest = np.full(cells.shape[1], np.nan)
    np.fmax.at(largest, place, views)
    return np.asarray((largest / np.bincount(place))[place])
