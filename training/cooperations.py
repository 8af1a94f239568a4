"""Past promotions as a diagnosis reads them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.diagnosis import Cooperations
from models.outcome import OutcomeModel
from models.pairs import Floats, Pairs
from models.vocabulary import Rows
from training.entities import Entities, by_row
from training.market import Market, bounds


def past_cooperations(
    market: Market, ids: Entities, outcomes: OutcomeModel, pairs: Pairs
) -> Cooperations:
    """Read the promotions of a market, in an order that does not depend on that of the file.

    Only exact numbers count: a range, or a blank, is unknown. Where conversion is counted on views,
    the products that a merchant has in one session share its views, which every row repeats.

    Parameters
    ----------
    pairs : Pairs
        Those of the promotions, row by row.
    """
    rows = market.table("promotions")
    merchant, creator = pairs.merchant, pairs.creator
    product = np.where(pairs.product < len(ids.products), pairs.product, -1).astype(np.int32)
    exact = {name: _exact(rows, name) for name in ("views", "exposures", "clicks", "orders")}
    shown_basis = "exposures" if np.isfinite(exact["exposures"]).any() else "views"
    shown = exact[shown_basis]
    basis = outcomes.trials_basis_
    arrived = np.ones(len(rows))
    if outcomes.chain_.conversion is not None:
        age = (market.as_of - rows["occurred_at"]).dt.total_seconds().to_numpy(float) / 86_400
        arrived = outcomes.chain_.conversion.arrival_.share(age)
    trials = np.full(len(rows), np.nan) if basis is None else exact[basis]
    moment = rows["occurred_at"].to_numpy("datetime64[us]").astype(np.int64)
    name, _ = _numbers(rows["session_id"])
    order = np.lexsort([exact["orders"], trials, shown, product, moment, name, creator, merchant])
    merchant, creator, product = merchant[order], creator[order], product[order]
    trials, orders, shown = trials[order], exact["orders"][order], shown[order]
    session = _sessions(creator, name[order])
    if basis == "views":
        trials = _shared(trials, merchant, session)
    listed = by_row(market.table("merchants"), "merchant_id", ids.merchants)
    (industry, industries), (tier, tiers) = (_numbers(listed[one]) for one in ("industry", "tier"))
    return Cooperations(
        shape=(len(ids.merchants), len(ids.creators)),
        merchant=merchant,
        creator=creator,
        product=product,
        session=session,
        trials=trials,
        orders=orders,
        arrived=np.asarray(arrived)[order],
        shown=shown,
        fit=pairs.audience_fit[order],
        industry=industry,
        tier=tier,
        industries=industries,
        tiers=tiers,
        trials_basis=basis,
        shown_basis=shown_basis if np.isfinite(shown).any() else None,
    )


def _exact(rows: pd.DataFrame, column: str) -> Floats:
    low, high = (one.to_numpy(float) for one in bounds(rows, column))
    return np.where(low == high, low, np.nan)


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
