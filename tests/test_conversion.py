"""Conversion: shrunk, calibrated, and patient with orders that are still on their way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.calibration import Arrival
from models.conversion import ConversionModel
from models.features import EntityFeatures
from models.meetings import Meetings
from models.pairs import Floats, Interval, Pairs
from tests.synthetic_promotions import FIRST_NEWCOMER, Drawn, Law, covered

LAW = Law()


def fitted(drawn: Drawn, **changed: Floats) -> ConversionModel:
    given = {"trials": drawn.outcomes.clicks, "orders": drawn.outcomes.orders} | changed
    return ConversionModel().fit(
        drawn.pairs, **given, age_days=drawn.outcomes.age_days, **LAW.features()
    )


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return LAW.draw(12_000, 1)


@pytest.fixture(scope="module")
def model(drawn: Drawn) -> ConversionModel:
    return fitted(drawn)


def plain_pairs(creators: list[int]) -> Pairs:
    n = len(creators)
    zero, nan = np.zeros(n, dtype=np.int32), np.full(n, np.nan)
    return Pairs(zero, np.array(creators, dtype=np.int32), zero + 1, nan, nan)


def nothing_known(creators: int) -> dict[str, EntityFeatures]:
    return {
        "creators": EntityFeatures.of(creators),
        "merchants": EntityFeatures.of(1),
        "products": EntityFeatures.of(1),
    }


def test_three_clicks_are_not_a_rate_and_ten_thousand_are() -> None:
    # Creator 0 sold once in three clicks, creator 1 at 30 % of ten thousand; the rest at 3 %.
    creators = [0] + [1] * 20 + [*range(2, 202)] * 2
    trials = np.array([3.0] + [500.0] * 420)
    orders = np.array([1.0] + [150.0] * 20 + [15.0] * 400)
    pairs = plain_pairs(creators)
    model = ConversionModel().fit(
        pairs, trials, orders, age_days=np.full(421, 30.0), **nothing_known(202)
    )
    found = model.predict(pairs)
    assert found.point[0] < 0.06
    assert found.point[1] == pytest.approx(0.3, rel=0.1)
    assert found.high[0] / found.low[0] > 1.5 * found.high[1] / found.low[1]


def test_the_interval_holds_for_known_creators_and_for_newcomers(model: ConversionModel) -> None:
    later = LAW.draw(12_000, 2, newcomers=True)
    found = model.predict(later.pairs)
    new = later.pairs.creator >= FIRST_NEWCOMER
    for group in (new, ~new):
        share = covered(found.low[group], found.high[group], later.rate[group])
        assert 0.7 <= share <= 0.9
        mean = found.point[group].mean() / later.rate[group].mean()
        assert mean == pytest.approx(1.0, abs=0.2 if group is new else 0.08)
    width = np.log(found.high / found.low)
    assert width[new].mean() > width[~new].mean()


def test_log_loss_is_below_the_global_rate(model: ConversionModel, drawn: Drawn) -> None:
    later = LAW.draw(8_000, 3).outcomes
    pairs = LAW.draw(8_000, 3).pairs

    def loss(rate: Floats) -> float:
        bought, left = later.orders, later.clicks - later.orders
        return float(-(bought * np.log(rate) + left * np.log1p(-rate)).sum() / later.clicks.sum())

    whole = drawn.outcomes.orders.sum() / drawn.outcomes.clicks.sum()
    assert loss(model.predict(pairs).point) < 0.985 * loss(np.full(len(pairs), whole))


def test_a_second_cooperation_reads_its_own_history() -> None:
    drawn = LAW.draw(12_000, 1)
    worst = drawn.pairs.take(np.array([0]))
    often = Pairs(*(np.repeat(getattr(worst, f), 40) for f in worst.__dataclass_fields__))
    pairs = Pairs(
        *(
            np.concatenate([getattr(drawn.pairs, f), getattr(often, f)])
            for f in worst.__dataclass_fields__
        )
    )
    clicks = np.append(drawn.outcomes.clicks, np.full(40, 500.0))
    model = ConversionModel().fit(
        pairs,
        clicks,
        np.append(drawn.outcomes.orders, np.full(40, 0.0)),
        age_days=np.append(drawn.outcomes.age_days, np.full(40, 30.0)),
        **LAW.features(),
    )
    before, after = fitted(drawn).predict(worst), model.predict(worst)
    assert after.point[0] < 0.5 * before.point[0]


def test_bounds_are_ordered_and_rates_are_rates(model: ConversionModel) -> None:
    found = model.predict(LAW.draw(3_000, 4, newcomers=True).pairs)
    assert (found.low <= found.point).all()
    assert (found.point <= found.high).all()
    assert (found.low >= 0.0).all()
    assert (found.high <= 1.0).all()


def test_the_order_of_promotions_does_not_matter(drawn: Drawn, model: ConversionModel) -> None:
    turned = np.random.default_rng(5).permutation(len(drawn.pairs))
    other = fitted(Drawn(drawn.pairs.take(turned), drawn.outcomes.take(turned), drawn.rate[turned]))
    asked = LAW.draw(100, 6).pairs
    np.testing.assert_allclose(other.predict(asked).point, model.predict(asked).point, rtol=1e-6)


def test_orders_still_arriving_are_not_failures(drawn: Drawn) -> None:
    age = drawn.outcomes.age_days
    arrived = np.where(age < 2.0, 0.3, np.where(age < 5.0, 0.7, 1.0))
    rng = np.random.default_rng(7)
    partly = rng.binomial(drawn.outcomes.orders.astype(int), arrived).astype(float)
    model = fitted(drawn, orders=partly)
    shares = model.arrival_.share(np.array([0.5, 1.5, 4.0, 60.0]))
    np.testing.assert_allclose(shares, [0.3, 0.3, 0.7, 1.0], atol=0.2)
    assert shares[3] == 1.0
    asked = drawn.pairs.take(age < 5.0)
    found, told = model.predict(asked).point.mean(), drawn.rate[age < 5.0].mean()
    assert found == pytest.approx(told, rel=0.1)


def test_arrival_never_falls_with_age_and_is_complete_without_settled_orders() -> None:
    age = np.array([0.5, 2.5, 6.0, 30.0])
    learnt = Arrival.learn(
        np.repeat(age, 500), np.full(2000, 1e6), np.repeat([6e5, 3e5, 8e5, 1e6], 500)
    )
    assert (np.diff(learnt.shares) >= 0).all()
    young = Arrival.learn(np.array([1.0, 2.0]), np.ones(2), np.ones(2))
    assert (young.shares == 1.0).all()


def test_unknown_trials_and_orders_are_passed_over(drawn: Drawn) -> None:
    half = np.arange(len(drawn.pairs)) % 2 == 0
    blank = fitted(drawn, orders=np.where(half, drawn.outcomes.orders, np.nan))
    short = ConversionModel().fit(
        drawn.pairs.take(half),
        drawn.outcomes.clicks[half],
        drawn.outcomes.orders[half],
        age_days=drawn.outcomes.age_days[half],
        **LAW.features(),
        meetings=blank.model_.meetings,
    )
    asked = LAW.draw(100, 6).pairs
    np.testing.assert_array_equal(blank.predict(asked).point, short.predict(asked).point)


def test_no_orders_at_all_is_an_error(drawn: Drawn) -> None:
    unknown = np.full(len(drawn.pairs), np.nan)
    with pytest.raises(ValueError, match="none of 12000 promotions has both trials and orders"):
        fitted(drawn, orders=unknown)


def test_state_gives_the_same_model(model: ConversionModel) -> None:
    meetings = Meetings.from_state(model.model_.meetings.state())
    again = ConversionModel.from_state(model.state(), meetings)
    asked = LAW.draw(500, 8, newcomers=True).pairs
    assert_same(model.predict(asked), again.predict(asked))


def assert_same(one: Interval, other: Interval) -> None:
    for name in ("point", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_market_where_nobody_ever_sold_is_not_a_market_that_never_will(drawn: Drawn) -> None:
    found = fitted(drawn, orders=np.zeros(len(drawn.pairs))).predict(drawn.pairs)
    assert (found.point > 0.0).all()
    assert found.high.max() < 0.01


def test_promotions_without_a_product_are_predicted(drawn: Drawn) -> None:
    none = replace(drawn.pairs, product=np.full_like(drawn.pairs.product, 180))
    known, unknown = fitted(drawn), fitted(replace(drawn, pairs=none))
    width = [np.log(m.predict(none).high / m.predict(none).low).mean() for m in (known, unknown)]
    assert np.isfinite(width).all()
    assert known.predict(none).point.mean() == pytest.approx(drawn.rate.mean(), rel=0.1)
