"""Markets that give ranges, blanks or late numbers: what the outcome chain makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.features import PromotionOutcomes
from models.outcome import OutcomeModel
from models.pairs import Floats
from tests.market_folders import write_market
from tests.synthetic_promotions import N_CREATORS, Drawn, Law
from training.fit import promotion_outcomes
from training.market import read_market
from training.simulation.consent import bounds

LAW = Law()


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return LAW.draw(6_000, 1)


def fitted(drawn: Drawn, outcomes: PromotionOutcomes) -> OutcomeModel:
    return OutcomeModel().fit(drawn.pairs, outcomes, terms=LAW.terms(), **LAW.features())


def blank(drawn: Drawn, name: str, share: float, *, ranged: bool) -> PromotionOutcomes:
    """Hide one number of a share of the creators, wholly or but for a range."""
    hides = (np.random.default_rng(5).random(N_CREATORS) < share)[drawn.pairs.creator]
    exact = getattr(drawn.outcomes, name)
    known = {name: np.where(hides, np.nan, exact)}
    if ranged:
        ends = zip(("low", "high"), bounds(exact), strict=True)
        known |= {f"{name}_{end}": np.where(hides, at, np.nan) for end, at in ends}
    return replace(drawn.outcomes, **known)


def off(found: Floats, truth: Floats) -> float:
    return float(np.abs(np.log(found / truth)).mean())


def test_sales_and_prices_tell_of_orders_that_nobody_counts(drawn: Drawn) -> None:
    model = fitted(drawn, blank(drawn, "orders", 1.0, ranged=False))
    assert model.trials_basis_ == "clicks"
    exact = fitted(drawn, drawn.outcomes).predict(drawn.pairs).p_conversion
    found = model.predict(drawn.pairs).p_conversion
    assert off(found, drawn.rate) < 1.15 * off(exact, drawn.rate)
    assert found.mean() == pytest.approx(exact.mean(), rel=0.08)


def test_clicks_tell_of_exposures_that_nobody_counts(drawn: Drawn) -> None:
    hidden = blank(drawn, "exposures", 0.5, ranged=False)
    found = fitted(drawn, hidden).predict(drawn.pairs).exposures
    deaf = fitted(drawn, replace(hidden, clicks=np.full(len(hidden), np.nan)))
    exact = fitted(drawn, drawn.outcomes).predict(drawn.pairs).exposures
    assert off(found, exact) < 0.6 * off(deaf.predict(drawn.pairs).exposures, exact)


@pytest.mark.parametrize("name", ["exposures", "clicks", "gmv"])
def test_ranges_promise_what_exact_numbers_do(drawn: Drawn, name: str) -> None:
    exact = fitted(drawn, drawn.outcomes).predict(drawn.pairs)
    found = fitted(drawn, blank(drawn, name, 0.6, ranged=True)).predict(drawn.pairs)
    assert found.expected_gmv.sum() == pytest.approx(exact.expected_gmv.sum(), rel=0.06)
    assert off(found.expected_gmv, exact.expected_gmv) < 0.12
    assert off(found.p_conversion, exact.p_conversion) < 0.05


def test_clicks_without_exposures_may_be_ranges(drawn: Drawn) -> None:
    blind = np.full(len(drawn.pairs), np.nan)
    known = replace(blank(drawn, "clicks", 0.6, ranged=True), exposures=blind)
    model = fitted(drawn, known)
    assert model.trials_basis_ == "clicks"
    assert off(model.predict(drawn.pairs).p_conversion, drawn.rate) < 0.35


@pytest.mark.parametrize("shown", [True, False])
def test_money_of_the_last_days_is_waited_for(shown: bool) -> None:
    drawn = LAW.draw(12_000, 5)
    told = drawn.outcomes
    late = np.where(told.age_days < 3.0, 0.3, 1.0)
    nothing = np.full(len(told), np.nan)
    known = replace(told, clicks=nothing, orders=nothing, gmv=told.gmv * late)
    known = known if shown else replace(known, exposures=nothing)
    young = drawn.pairs.take(told.age_days < 3.0)
    features = LAW.features()
    exact = OutcomeModel().fit(drawn.pairs, replace(known, gmv=told.gmv), **features)
    found = OutcomeModel().fit(drawn.pairs, known, **features)
    # Told to be months old, the same promotions are believed to have brought no more.
    failed = replace(known, age_days=told.age_days + 40.0)
    believed = OutcomeModel().fit(drawn.pairs, failed, **features)
    one, other, naive = (
        np.log1p(model.predict(young).expected_gmv).mean() for model in (found, exact, believed)
    )
    assert abs(one - other) < 0.7 * abs(naive - other)


def test_a_market_is_read_with_its_ranges(tmp_path: Path) -> None:
    days = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"], utc=True)
    rows = pd.DataFrame(
        {
            "occurred_at": days,
            "merchant_id": "m1",
            "creator_id": ["c1", "c2", "c3"],
            "views": [500, None, None],
            "views_low": [None, 100, None],
            "views_high": [None, 300, None],
            "orders": [7, None, None],
            "gmv_low": [None, 100, 1000],
            "gmv_high": [None, 300, None],
        }
    )
    told = promotion_outcomes(read_market(write_market(tmp_path, promotions=rows)))
    assert told.exposure_basis == "views"
    np.testing.assert_array_equal(told.exposures, [500, np.nan, np.nan])
    shown, gmv = told.ranged("exposures"), told.ranged("gmv")
    np.testing.assert_array_equal(shown.low, [500, 100, np.nan])
    np.testing.assert_array_equal(shown.high, [500, 300, np.nan])
    np.testing.assert_array_equal(gmv.low, [np.nan, 100, 1000])
    np.testing.assert_array_equal(gmv.high, [np.nan, 300, np.inf])
    assert np.isnan(told.gmv).all()
    np.testing.assert_array_equal(told.orders, [7, np.nan, np.nan])
