"""Conversion: shrunk, calibrated, and patient with orders that are still on their way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.conversion import ConversionModel
from models.features import EntityFeatures
from models.meetings import Meetings
from models.pairs import Floats, Interval, Pairs
from models.ranged import Ranged
from tests.synthetic_promotions import FIRST_NEWCOMER, Drawn, Law, covered
from training.simulation.consent import bounds
from training.simulation.segments import Bools

LAW = Law()


def fitted(drawn: Drawn, **changed: Floats | Ranged) -> ConversionModel:
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


def test_a_week_half_arrived_promises_as_much_as_one_that_has_all(drawn: Drawn) -> None:
    week = drawn.outcomes.age_days < 7.0
    rng = np.random.default_rng(11)
    half = rng.binomial(drawn.outcomes.orders.astype(int), np.where(week, 0.5, 1.0)).astype(float)
    asked = LAW.draw(4_000, 6, newcomers=True).pairs
    whole, cut = (
        fitted(drawn, orders=one).predict(asked).point for one in (drawn.outcomes.orders, half)
    )
    assert cut.mean() == pytest.approx(whole.mean(), rel=0.02)
    # Those who worked in that week alone are not told to be worse for it.
    lately = drawn.pairs.take(week)
    model = fitted(drawn, orders=half)
    assert model.predict(lately).point.mean() == pytest.approx(
        fitted(drawn).predict(lately).point.mean(), rel=0.03
    )


def test_unknown_trials_and_orders_are_passed_over(drawn: Drawn) -> None:
    half = np.arange(len(drawn.pairs)) % 2 == 0
    age = drawn.outcomes.age_days
    blank = ConversionModel().fit(
        drawn.pairs,
        drawn.outcomes.clicks,
        np.where(half, drawn.outcomes.orders, np.nan),
        age_days=age,
        **LAW.features(),
        later=age < 30.0,
    )
    short = ConversionModel().fit(
        drawn.pairs.take(half),
        drawn.outcomes.clicks[half],
        drawn.outcomes.orders[half],
        age_days=age[half],
        **LAW.features(),
        meetings=blank.model_.meetings,
        later=age[half] < 30.0,
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


# --- ranges and unsure trials -----------------------------------------------------------------


def as_shown(values: Floats, hides: Bools) -> Ranged:
    low, high = bounds(values)
    blank = np.where(hides, np.nan, values)
    return Ranged.of(blank, np.where(hides, low, np.nan), np.where(hides, high, np.nan))


def test_exact_numbers_given_as_ranges_are_the_same_bits(
    drawn: Drawn, model: ConversionModel
) -> None:
    orders = drawn.outcomes.orders
    asked = LAW.draw(300, 6, newcomers=True).pairs
    assert_same(fitted(drawn, orders=Ranged(orders, orders)).predict(asked), model.predict(asked))
    sure = np.zeros(len(orders))
    assert_same(fitted(drawn, doubt=sure).predict(asked), model.predict(asked))


def test_ranges_of_orders_tell_more_than_their_middles() -> None:
    drawn = LAW.draw(5_000, 1)
    hides = np.random.default_rng(1).random(500)[drawn.pairs.creator] < 0.8
    shown = as_shown(drawn.outcomes.orders * 10, hides)
    clicks = drawn.outcomes.clicks * 10
    later = LAW.draw(6_000, 2)
    found, middles, exact = (
        fitted(drawn, trials=clicks, orders=one).predict(later.pairs)
        for one in (shown, shown.middle, drawn.outcomes.orders * 10)
    )

    def off(told: Interval) -> float:
        return float(np.abs(np.log(told.point / later.rate)).mean())

    assert off(found) < 0.85 * off(middles)
    assert off(found) < 1.35 * off(exact)
    assert 0.7 <= covered(found.low, found.high, later.rate) <= 0.92


def test_late_orders_are_waited_for_in_ranges_too() -> None:
    drawn = LAW.draw(6_000, 1)
    age = drawn.outcomes.age_days
    rng = np.random.default_rng(7)
    arrived = np.where(age < 7.0, 0.4, 1.0)
    partly = rng.binomial(drawn.outcomes.orders.astype(int) * 10, arrived).astype(float)
    hides = rng.random(len(age)) < 0.7
    model = fitted(drawn, trials=drawn.outcomes.clicks * 10, orders=as_shown(partly, hides))
    # Few exact numbers of one week: belief that all has come weighs as well.
    assert 0.3 < model.arrival_.share(np.array([4.0]))[0] < 0.75


def test_unsure_trials_count_less_and_do_not_look_like_scatter(drawn: Drawn) -> None:
    rng = np.random.default_rng(2)
    spread = 0.5
    unsure = np.exp(rng.normal(0, spread, len(drawn.pairs)) - spread**2 / 2)
    trials = drawn.outcomes.clicks / unsure
    told = np.full(len(trials), np.expm1(spread**2))
    naive, model = fitted(drawn, trials=trials), fitted(drawn, trials=trials, doubt=told)
    assert model.model_.noise < naive.model_.noise - 0.1


def test_orders_within_are_exact_ranges_or_what_is_expected(
    drawn: Drawn, model: ConversionModel
) -> None:
    pairs, trials = drawn.pairs.take(np.arange(4)), np.array([100.0, 100.0, 100.0, np.nan])
    orders = Ranged(np.array([5.0, 1.0, np.nan, np.nan]), np.array([5.0, 3.0, np.nan, np.nan]))
    found, doubt = model.within(pairs, trials, np.zeros(4), orders)
    hoped = 100.0 * model.predict(pairs).point
    assert found[0] == 5.0
    assert doubt[0] == 0.0
    assert 1.0 <= found[1] <= 3.0
    assert 0.0 < doubt[1] < 0.5
    assert found[2] == pytest.approx(hoped[2])
    assert doubt[2] > 0.1
    assert np.isnan(found[3])
