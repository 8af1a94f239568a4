"""The outcome chain by hand: every formula, and what follows from one for another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import forecast
from models.calibration import Band, Cells
from models.chain import BANDS, Chain
from models.conversion import Rate
from models.exposure import Amount
from models.forecast import Predictions
from models.known import Known, Steps
from models.outcome import OutcomeModel
from models.pairs import Pairs
from tests.in_python import in_python
from tests.synthetic_promotions import Law

LAW = Law()
#: Low, median and high surprise of -1, 0.5 and 2; the usual variance is 4, a quarter believed.
ONE = np.ones(1)
BAND = Band(0.0 * ONE, -1.0 * ONE, 2.0 * ONE, 0.5 * ONE, 4.0 * ONE, half=0.5, trust=0.25)
NO_AMOUNT = Amount(-1, 1.0, 0.0, Cells(0.0, 0.0, 0.0, 1.0))
STEPS = Steps(
    exposure=Amount(0, 1.0, 0.6, BAND.cells),
    conversion=Rate(2, 1.0),
    click_rate=Rate(4, 1.0),
    amount=NO_AMOUNT,
    money=6,
    usual_commission=0.3,
    factor=1.5,
    noise=0.8,
    scatter=0.1,
    orders=BAND.cells,
    gmv=BAND.cells,
    kept=BAND.cells,
    whole=True,
    in_orders=True,
)
KNOWN = Known(
    exposure=np.log(1_000.0),
    exposure_variance=0.3,
    conversion=np.log(0.02),
    conversion_variance=0.2,
    click_rate=np.log(0.1),
    click_rate_variance=0.1,
    amount=np.nan,
    amount_variance=np.nan,
    price=50.0,
    refunds=0.2,
    offered=0.1,
    asked=0.15,
    fee=300.0,
)


@pytest.fixture(scope="module")
def chain() -> Chain:
    drawn = LAW.draw(6_000, 1)
    return (
        OutcomeModel().fit(drawn.pairs, drawn.outcomes, **LAW.features(), terms=LAW.terms()).chain_
    )


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return LAW.draw(400, 2, newcomers=True).pairs


@pytest.fixture(params=["compiled", "in Python"])
def formulas(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in Python":
        in_python(forecast, monkeypatch)


@pytest.mark.usefixtures("formulas")
def test_orders_gmv_and_what_is_left_by_hand() -> None:
    # 1,000 displays × 1 click in 10 × 1 order in 50, and half as many again as the steps told
    assert forecast.orders_of(KNOWN, STEPS, 1_000.0, 0.02) == pytest.approx(3.0)
    assert forecast.worth_of(KNOWN, STEPS) == 50.0
    # 150 sold, a fifth sent back, 15 % of the rest to the creator: who asks more than is offered
    assert forecast.before_fee(KNOWN, STEPS, 150.0) == pytest.approx(150 * 0.8 * 0.85)
    nobody_says = KNOWN._replace(offered=np.nan, asked=np.nan)
    assert forecast.before_fee(nobody_says, STEPS, 150.0) == pytest.approx(150 * 0.8 * 0.7)
    column = forecast.COLUMNS
    shown = np.exp(np.log(1_000.0) + 0.15) - 1.0  # the mean of a log-normal, less the one added
    orders = shown * 0.02 * 0.1 * 1.5
    told = {name: forecast.expected(KNOWN, STEPS, column[name]) for name in forecast.POINTS}
    assert told["p_conversion"] == pytest.approx(0.02)
    assert told["exposures"] == pytest.approx(shown)
    assert told["expected_orders"] == pytest.approx(orders)
    assert told["expected_gmv"] == pytest.approx(50 * orders)
    assert told["expected_net"] == pytest.approx(50 * orders * 0.8 * 0.85 - 300)


@pytest.mark.usefixtures("formulas")
def test_orders_per_exposure_need_no_clicks() -> None:
    steps = STEPS._replace(click_rate=Rate(-1, 1.0))
    assert forecast.orders_of(KNOWN, steps, 1_000.0, 0.02) == pytest.approx(30.0)


@pytest.mark.usefixtures("formulas")
def test_what_bands_start_from_by_hand() -> None:
    orders, centre, variance = forecast.units_of(KNOWN, STEPS, 1_000.0, 0.02)
    assert (orders, centre) == (pytest.approx(3.0), pytest.approx(np.log(3.5)))
    # noise, doubt of the three steps, and the chance of counting three and a half
    assert variance == pytest.approx(0.8 + 0.3 + 0.2 + 0.1 + 1 / 3.5)
    direct = STEPS._replace(amount=Amount(6, 1.2, 0.4, BAND.cells))
    known = KNOWN._replace(amount=np.log(5.0), amount_variance=0.2)
    units = forecast.units_of(known, direct, np.nan, np.nan)
    mean = 5.0 * np.exp(0.1) * 1.2 - 1.0
    np.testing.assert_allclose(units, (mean, np.log(5.0), 0.2 + 0.4))
    assert np.isnan(forecast.units_of(KNOWN, STEPS._replace(whole=False), 9.0, 0.1)).all()


@pytest.mark.usefixtures("formulas")
def test_no_more_is_kept_than_is_sold() -> None:
    # of 8 orders' worth sold, a fifth is usually sent back: 10 usual ones are kept at most
    assert forecast.kept_within(KNOWN, 12.0, 8.0) == pytest.approx(10.0)
    assert forecast.kept_within(KNOWN, 6.0, 8.0) == 6.0
    assert forecast.kept_within(KNOWN._replace(refunds=1.0), 6.0, 8.0) == 6.0


def test_quantiles_follow_from_their_bands(chain: Chain, pairs: Pairs) -> None:
    """One band for everything, so that all quantiles of a pair follow from one another."""
    fixed = replace(chain, bands=dict.fromkeys(BANDS, BAND))
    told, money = fixed.predict(pairs), chain.money
    orders = told.expected_orders
    models = [step.model_ for step in chain.steps().values()]
    doubt = sum(model.predict(pairs)[1] + model.noise for model in models)
    unsure = [doubt + 1.0 / (orders + 0.5)]
    unsure.append(unsure[0] + money.scatter)
    unsure.append(unsure[1] + money.kept_doubt[pairs.merchant])

    def quantile(surprise: float, variance: np.ndarray) -> np.ndarray:
        spread = np.sqrt(4.0 + 0.25 * (variance - 4.0))
        return np.maximum((orders + 0.5) * np.exp(surprise * spread) - 0.5, 0.0)

    price, fee = money.price(pairs), money.slot_fee[pairs.creator]
    left = (1 - money.refund_rate[pairs.merchant]) * (1 - 0.2)
    low, middle, high = ([quantile(one, v) for v in unsure] for one in (-1.0, 0.5, 2.0))
    low, high = np.minimum(low, orders), np.maximum(high, orders)
    np.testing.assert_allclose(told.expected_orders_low, low[0], rtol=1e-9)
    np.testing.assert_allclose(told.orders_p50, middle[0], rtol=1e-9)
    np.testing.assert_allclose(told.expected_orders_high, high[0], rtol=1e-9)
    np.testing.assert_allclose(told.expected_gmv_low, low[1] * price, rtol=1e-9)
    np.testing.assert_allclose(told.gmv_p50, middle[1] * price, rtol=1e-9)
    np.testing.assert_allclose(told.expected_gmv_high, high[1] * price, rtol=1e-9)
    sold_of_kept = 1 - money.refund_rate[pairs.merchant]
    kept = [np.minimum(one[2], one[1] / sold_of_kept) for one in (low, middle, high)]
    before = [one * price * left for one in kept]
    np.testing.assert_allclose(told.expected_net_low, before[0] - fee, rtol=1e-9)
    np.testing.assert_allclose(told.net_p50, before[1] - fee, rtol=1e-9)
    np.testing.assert_allclose(told.expected_net_high, before[2] - fee, rtol=1e-9)
    np.testing.assert_allclose(told.break_even_fee_p10, before[0], rtol=1e-9)
    np.testing.assert_allclose(told.break_even_fee_p50, before[1], rtol=1e-9)


def test_every_quantile_of_net_falls_as_the_fee_rises(chain: Chain, pairs: Pairs) -> None:
    told = chain.predict(pairs)
    money = replace(chain.money, slot_fee=chain.money.slot_fee + 64.0)
    dearer = replace(chain, money=money).predict(pairs)
    for name in ("expected_net", "expected_net_low", "expected_net_high", "net_p50"):
        np.testing.assert_allclose(getattr(dearer, name), getattr(told, name) - 64.0, atol=1e-9)
    for name in ("break_even_fee_p10", "break_even_fee_p50", "expected_gmv"):
        np.testing.assert_array_equal(getattr(dearer, name), getattr(told, name))


def test_at_the_break_even_fee_nothing_is_left(chain: Chain, pairs: Pairs) -> None:
    told, fee = chain.predict(pairs), chain.money.slot_fee[pairs.creator]
    for bears, net in (
        ("break_even_fee_p10", "expected_net_low"),
        ("break_even_fee_p50", "net_p50"),
    ):
        left = getattr(told, net) + fee - getattr(told, bears)
        np.testing.assert_allclose(left, 0.0, atol=1e-9)
        assert (getattr(told, bears) >= 0.0).all()
    assert (told.break_even_fee_p10 <= told.break_even_fee_p50).all()


def ordered(told: Predictions) -> None:
    for low, middle, point, high in (
        ("expected_orders_low", "orders_p50", "expected_orders", "expected_orders_high"),
        ("expected_gmv_low", "gmv_p50", "expected_gmv", "expected_gmv_high"),
        ("expected_net_low", "net_p50", "expected_net", "expected_net_high"),
    ):
        ends = getattr(told, low), getattr(told, high)
        for inner in (middle, point):
            assert (ends[0] <= getattr(told, inner)).all()
            assert (getattr(told, inner) <= ends[1]).all()


def test_quantiles_are_ordered(chain: Chain, pairs: Pairs) -> None:
    told = chain.predict(pairs)
    ordered(told)
    refunds = chain.money.refund_rate[pairs.merchant]
    most = told.expected_gmv_high * (1 - 0.2) - chain.money.slot_fee[pairs.creator]
    assert (refunds > 0.0).all()
    assert (told.expected_net_high <= most * (1 + 1e-12) + 1e-9).all()


@given(
    st.floats(-8.0, 14.0),
    st.floats(0.01, 9.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.booleans(),
)
def test_whatever_is_known_quantiles_are_ordered(
    log: float, variance: float, refunds: float, commission: float, direct: bool
) -> None:
    known = KNOWN._replace(
        exposure=log,
        exposure_variance=variance,
        amount=log,
        amount_variance=variance,
        refunds=refunds,
        asked=commission,
    )
    steps = STEPS._replace(amount=STEPS.exposure) if direct else STEPS
    band = BAND.surprises
    units, centre, unsure = forecast.units_of(known, steps, np.exp(log), 0.02)
    sold = forecast.quantiles_around(band, steps.gmv, centre, unsure, units)
    kept = forecast.quantiles_around(band, steps.kept, centre, unsure + 0.2, units)
    left = [
        forecast.before_fee(known, steps, forecast.kept_within(known, one, all_of_it))
        for one, all_of_it in zip(kept, sold, strict=True)
    ]
    assert 0.0 <= left[0] <= left[1] <= left[2]
    assert left[0] <= forecast.before_fee(known, steps, units) <= left[2] * (1 + 1e-12)
    assert left[2] <= sold[2] * (1 + 1e-12)


def test_organic_and_paid_are_the_exposures(chain: Chain, pairs: Pairs) -> None:
    told = chain.predict(pairs)
    np.testing.assert_allclose(told.organic_exposures + told.paid_exposures, told.exposures)
    share = told.paid_exposures / told.exposures
    np.testing.assert_allclose(share, chain.paid[pairs.merchant])
    # Two fifths, four times of five; and never.
    never, often = pairs.merchant % 5 == 0, pairs.merchant % 5 == 4
    assert share[never].max() < 0.06
    assert 0.25 < share[often].mean() < 0.4
