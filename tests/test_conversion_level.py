"""Rates add up to the orders seen; the interval stays that of a pair's own rate."""

from __future__ import annotations

import numpy as np
import pytest

from models.conversion import ConversionModel
from models.features import EntityFeatures
from models.pairs import Pairs

N, CREATORS = 6_000, 400
NOBODY = EntityFeatures((), np.empty((0, 0)))


def fitted(together: float) -> tuple[ConversionModel, np.ndarray, np.ndarray]:
    """Pairs that click more buy more, by ``together``; nothing known tells who they are."""
    rng = np.random.default_rng(0)
    liking = rng.normal(0, 1, N)
    clicks = np.round(np.exp(5.5 + 0.8 * liking + rng.normal(0, 0.5, N)))
    rate = 0.03 * np.exp(together * liking - together**2 / 2 + rng.normal(0, 0.3, N))
    orders = rng.binomial(clicks.astype(int), np.minimum(rate, 1)).astype(float)
    rows = (np.arange(N) % 40, rng.integers(0, CREATORS, N), np.zeros(N))
    asked = Pairs(*(one.astype(np.int32) for one in rows), *np.full((2, N), np.nan))
    model = ConversionModel().fit(
        asked,
        clicks,
        orders,
        age_days=rng.uniform(20, 200, N),
        creators=EntityFeatures((), np.empty((CREATORS, 0))),
        merchants=EntityFeatures((), np.empty((40, 0))),
        products=NOBODY,
    )
    return model, clicks, rate


def test_rates_add_up_to_the_orders_of_pairs_that_are_seen_by_many() -> None:
    model, clicks, rate = fitted(0.4)
    assert model.level_ > 0.04
    # Somebody new: the average click buys more often than the average pair's would.
    new = Pairs(*(np.full(1, one, np.int32) for one in (40, CREATORS, 0)), *np.full((2, 1), np.nan))
    told = model.predict(new)
    assert rate.mean() < told.point[0] < (rate * clicks).sum() / clicks.sum() * 1.05
    rest = np.sqrt(model.model_.predict(new)[1][0]) * model.widening_
    centre = np.log(told.point[0]) - model.level_ - rest**2 / 2
    assert np.log(told.low[0] * told.high[0]) / 2 == pytest.approx(centre, abs=1e-9)
    again = ConversionModel.from_state(
        model.state() | {"model": model.model_.state()}, model.model_.meetings
    )
    assert again.predict(new).low[0] == told.low[0]


def test_where_clicks_tell_nothing_the_level_stays() -> None:
    model, *_ = fitted(0.0)
    assert abs(model.level_) < 0.04
