"""Compiled predictions: the same in Python, in any company, and never from rows that are none."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from models import calibration, conversion, exposure, forecast, known, loglinear, meetings, money
from models import chain as chain_module
from models.chain import Chain
from models.forecast import COLUMNS, POINTS, Predictions
from models.loglinear import fit_cells
from models.meetings import Meetings, Met
from models.outcome import OutcomeModel
from models.pairs import Pairs
from tests.in_python import in_python
from tests.synthetic_promotions import N_CREATORS, N_MERCHANTS, N_PRODUCTS, Law

LAW = Law()
#: A compiled loop adds up tastes in another order.
ROUNDED = 1e-11
MODULES = (
    chain_module,
    forecast,
    known,
    loglinear,
    meetings,
    calibration,
    conversion,
    exposure,
    money,
)


@pytest.fixture(scope="module")
def chain() -> Chain:
    drawn = LAW.draw(4_000, 1)
    return OutcomeModel().fit(drawn.pairs, drawn.outcomes, **LAW.features()).chain_


def asked(n: int) -> Pairs:
    """Known and unknown pairs, with every kind of fit."""
    rng = np.random.default_rng(n)
    sizes = (N_MERCHANTS, N_CREATORS, N_PRODUCTS)
    rows = [rng.integers(0, size + 1, n).astype(np.int32) for size in sizes]
    fits = rng.choice([-1.0, -0.3, 0.0, 0.7, 1.0, np.nan], (2, n))
    met = LAW.draw(n // 2, 1).pairs
    for own, its in zip(rows, (met.merchant, met.creator, met.product), strict=True):
        own[: n // 2] = its
    return Pairs(*rows, *fits)


def test_columns_are_those_of_the_predictions() -> None:
    numbered = {
        name.removeprefix("_").lower(): number
        for name, number in vars(forecast).items()
        if name.startswith("_") and isinstance(number, int)
    }
    assert list(COLUMNS) == [field.name for field in fields(Predictions)]
    for name, column in COLUMNS.items():
        key = name.removeprefix("p_").removeprefix("expected_").replace("_fee", "")
        assert numbered[key.removesuffix("_exposures")] == column


@pytest.mark.parametrize("without", [(), ("conversion",), ("exposure",), ("click_rate",)])
def test_the_loop_does_the_same_in_python(
    chain: Chain, without: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = replace(chain, **dict.fromkeys(without))
    pairs, price = asked(200), np.where(np.arange(200) % 3, np.nan, 7.0)
    compiled = chain.predict(pairs, price)
    for module in MODULES:
        in_python(module, monkeypatch)
    plain = chain.predict(pairs, price)
    for field in fields(Predictions):
        np.testing.assert_allclose(
            getattr(plain, field.name), getattr(compiled, field.name), rtol=ROUNDED
        )


def test_a_learnt_amount_takes_the_place_of_the_chain(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = asked(50)
    direct = replace(chain, amount=chain.exposure, amount_of="orders")
    found = direct.predict(pairs)
    np.testing.assert_array_equal(found.expected_orders, found.exposures)
    money_alone = replace(chain, amount=chain.exposure, amount_of="gmv")
    told = money_alone.predict(pairs, price=np.full(50, 3.0))
    assert np.isnan(told.expected_orders).all()
    np.testing.assert_array_equal(told.expected_gmv, told.exposures)
    np.testing.assert_array_equal(told.expected_gmv_high, told.exposures_high)
    for module in MODULES:
        in_python(module, monkeypatch)
    np.testing.assert_allclose(
        money_alone.predict(pairs).expected_net, told.expected_net, rtol=ROUNDED
    )


def test_steps_predict_the_same_in_python(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = asked(60)
    steps = [chain.exposure, chain.conversion]
    compiled = [step.predict(pairs) for step in steps]
    prices, met = chain.money.price(pairs), chain.meetings.find(pairs)
    cells = loglinear.fit_cells(pairs.audience_fit)
    for module in MODULES:
        in_python(module, monkeypatch)
    for step, one in zip(steps, compiled, strict=True):
        other = step.predict(pairs)
        for name in ("point", "low", "high"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=ROUNDED)
    np.testing.assert_array_equal(loglinear.fit_cells(pairs.audience_fit), cells)
    np.testing.assert_array_equal(chain.money.price(pairs), prices)
    np.testing.assert_array_equal(chain.meetings.find(pairs), met)
    whole = chain.predict(pairs)
    one = pairs.product < N_PRODUCTS  # without a product, the chain asks for all that is usual
    np.testing.assert_allclose(whole.exposures_low[one], compiled[0].low[one], rtol=ROUNDED)
    np.testing.assert_allclose(whole.p_conversion_high[one], compiled[1].high[one], rtol=ROUNDED)


def test_a_band_around_nowhere_is_nowhere(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in ("compiled", "in Python"):
        low, high = chain.bands["gmv"].apply(np.array([np.nan, -np.inf, 0.0]), np.ones(3))
        assert np.isnan([low[0], high[0]]).all()
        assert (low[1], high[1]) == (0.0, 0.0)
        assert 0.0 <= low[2] < high[2]
        in_python(calibration, monkeypatch)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("merchant", N_MERCHANTS + 1),
        ("creator", N_CREATORS + 1),
        ("product", N_PRODUCTS + 1),
        ("creator", -1),
    ],
)
def test_rows_of_nobody_are_refused(
    chain: Chain, name: str, row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = asked(10)
    getattr(pairs, name)[7] = row
    refusal = r"pair 7 has rows \(.*\) of merchant, creator and product, expected each from 0 to "
    for _ in ("compiled", "in Python"):
        with pytest.raises(IndexError, match=refusal + rf"\({N_MERCHANTS}, {N_CREATORS}, "):
            chain.predict(pairs)
        with pytest.raises(IndexError, match=refusal):
            chain.conversion.model_.predict(pairs)
        for module in MODULES:
            in_python(module, monkeypatch)


@pytest.mark.parametrize("column", POINTS)
def test_nobody_exceeds_the_bound_but_those_who_met(chain: Chain, column: str) -> None:
    pairs = asked(4_000)
    pair, deal = chain.meetings.find(pairs)
    new = (pair == len(chain.meetings.pairs.keys)) & (deal == len(chain.meetings.deals.keys))
    assert 500 < new.sum() < 3_500
    bound = chain.bound(column)
    new &= pairs.product < N_PRODUCTS
    rest = bound.merchant[pairs.merchant] + bound.product[pairs.product]
    rest += bound.audience_fit[fit_cells(pairs.audience_fit)]
    rest += bound.category_fit[fit_cells(pairs.category_fit)]
    wanted = bound.wanted[N_MERCHANTS + 1 + pairs.product].astype(float)
    liked = np.einsum("ij,ij->i", bound.taste[pairs.creator], wanted)
    price = chain.money.price(pairs) if bound.priced else 1.0
    most = np.exp(bound.creator[pairs.creator] + rest + liked) * price
    told = getattr(chain.predict(pairs), column)
    assert (told[new] <= most[new] * (1 + 1e-5)).all()
    if column != "expected_net":  # or reading by promise would never stop
        assert np.median(told[new] / most[new]) > 0.95
    assert (most[new] <= (np.exp(bound.reach()[pairs.creator] + rest) * price)[new]).all()
    np.testing.assert_array_equal(bound.creator, chain.promise(column))


def test_who_has_met() -> None:
    first, second = np.array([0, 0, 2, 2, 2]), np.array([3, 1, 0, 3, 1])
    met = Met.of(first, second, 4)
    assert met.seconds_of(2).tolist() == [0, 1, 3]
    assert met.firsts_of(3).tolist() == [0, 2]
    for nobody in (1, 3, 99):
        assert met.seconds_of(nobody).tolist() == []
    for nobody in (2, 4, 99):
        assert met.firsts_of(nobody).tolist() == []
    asked_first, asked_second = np.array([0, 0, 1, 2, 3, 9]), np.array([1, 2, 1, 3, 0, 0])
    assert met.find(asked_first, asked_second).tolist() == [0, 5, 5, 4, 5, 5]
    nothing = Met.of(first[:0], second[:0], 4)
    assert nothing.find(asked_first, asked_second).tolist() == [0] * 6
    assert nothing.firsts_of(0).tolist() == nothing.seconds_of(0).tolist() == []


def test_tables_begin_at_a_line_of_the_cache(chain: Chain) -> None:
    assert chain.forecast.folded.table.ctypes.data % 64 == 0
    again = Meetings.from_state(chain.meetings.state())
    np.testing.assert_array_equal(again.pairs.partners.rows, chain.meetings.pairs.partners.rows)
