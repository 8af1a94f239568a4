"""Bands around what is sold: they hold on later promotions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.calibration import Band
from models.outcome import OutcomeModel
from models.ranged import Ranged
from models.tested import spread_out
from tests.synthetic_promotions import FIRST_NEWCOMER, Drawn, Law, covered

LAW = Law()


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return LAW.draw(12_000, 1)


@pytest.fixture(scope="module")
def model(drawn: Drawn) -> OutcomeModel:
    return OutcomeModel().fit(drawn.pairs, drawn.outcomes, **LAW.features(), terms=LAW.terms())


def test_quantiles_are_exceeded_as_often_as_they_say(model: OutcomeModel) -> None:
    later = LAW.draw(12_000, 2, newcomers=True)
    told, came = model.predict(later.pairs), later.outcomes
    new = later.pairs.creator >= FIRST_NEWCOMER
    net = came.gmv - came.refunded_gmv - came.commission - came.slot_fee
    for group in (new, ~new):
        for low, middle, high, actual in (
            (told.expected_orders_low, told.orders_p50, told.expected_orders_high, came.orders),
            (told.expected_gmv_low, told.gmv_p50, told.expected_gmv_high, came.gmv),
            (told.expected_net_low, told.net_p50, told.expected_net_high, net),
        ):
            fee = 1e-9 * np.abs(low)  # money is rounded
            inside = covered(low[group] - fee[group] - 0.01, high[group], actual[group])
            assert 0.7 <= inside <= 0.9
            assert 0.38 <= (actual > middle)[group].mean() <= 0.6
    assert told.expected_net[~new].sum() == pytest.approx(net[~new].sum(), rel=0.15)


def test_net_has_a_band_of_its_own_where_refunds_are_settled(
    drawn: Drawn, model: OutcomeModel
) -> None:
    bands = model.chain_.bands
    assert bands["kept"] is not bands["gmv"]
    lately = replace(drawn.outcomes, age_days=drawn.outcomes.age_days / 10.0)
    young = OutcomeModel().fit(drawn.pairs, lately, **LAW.features(), terms=LAW.terms()).chain_
    assert young.bands["kept"] is young.bands["gmv"]
    told = young.predict(drawn.pairs)
    assert (told.expected_net_low <= told.net_p50).all()


def test_a_handful_is_not_tested() -> None:
    few = LAW.draw(40, 3)
    chain = OutcomeModel().fit(few.pairs, few.outcomes, **LAW.features()).chain_
    assert chain.factor == 1.0
    assert {band.trust for band in chain.bands.values()} == {1.0}
    assert all(len(band.centres) == 1 for band in chain.bands.values())


def test_ranges_are_spread_over_what_was_expected() -> None:
    told = Ranged(np.array([4.0, 2.0]), np.array([4.0, 20.0]))
    came = spread_out(told, np.array([5.0, 8.0]), np.array([0.5, 0.5]))
    assert came[0] == 4.0
    assert 2.0 <= came[1] <= 20.0


def doubtful(trust: float) -> Band:
    """Band learnt where a share of what sets doubts apart is true."""
    rng = np.random.default_rng(5)
    n = 20_000
    centre = np.exp(rng.normal(6, 1, n))
    said = rng.choice([0.5, 3.0], n)
    usual = said.mean()
    off = rng.normal(0, 1, n) * np.sqrt(usual + trust * (said - usual))
    return Band.learn(centre, np.sqrt(said), np.exp(np.log(centre) + off), 1.0)


@pytest.mark.parametrize("trust", [0.25, 1.0])
def test_how_far_doubts_are_to_be_believed_is_learnt(trust: float) -> None:
    learnt = doubtful(trust)
    assert learnt.trust == trust
    np.testing.assert_allclose(learnt.high, 1.28, atol=0.1)
    np.testing.assert_allclose(learnt.middle, 0.0, atol=0.1)
    low, high = learnt.apply(np.full(2, 6.0), np.sqrt([0.5, 3.0]))
    narrow, wide = np.log(high + 1) - np.log(low + 1)
    usual = 1.75
    spread = [np.sqrt(usual + trust * (one - usual)) for one in (0.5, 3.0)]
    assert wide / narrow == pytest.approx(spread[1] / spread[0], rel=0.02)


def test_a_band_read_again_is_the_same() -> None:
    learnt = doubtful(1.0)
    again = Band.from_state(learnt.state())
    np.testing.assert_array_equal(again.surprises, learnt.surprises)
    assert again.cells == learnt.cells
