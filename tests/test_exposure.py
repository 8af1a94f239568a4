"""Exposure: a mean, and an interval for what a single promotion will bring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.calibration import Band, later_part
from models.exposure import ExposureModel
from models.features import EntityFeatures
from models.meetings import Meetings
from models.pairs import Floats, Interval, Pairs
from models.ranged import Ranged
from tests.synthetic_promotions import FIRST_NEWCOMER, Drawn, Law, covered
from training.simulation.consent import bounds

LAW = Law()


def fitted(drawn: Drawn, shown: Floats | Ranged | None = None) -> ExposureModel:
    return ExposureModel().fit(
        drawn.pairs,
        drawn.outcomes.exposures if shown is None else shown,
        age_days=drawn.outcomes.age_days,
        **LAW.features(),
    )


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return LAW.draw(12_000, 1)


@pytest.fixture(scope="module")
def model(drawn: Drawn) -> ExposureModel:
    return fitted(drawn)


def test_the_interval_holds_on_later_promotions(model: ExposureModel) -> None:
    later = LAW.draw(12_000, 2, newcomers=True)
    found = model.predict(later.pairs)
    new = later.pairs.creator >= FIRST_NEWCOMER
    shown = later.outcomes.exposures
    for group in (new, ~new):
        assert 0.74 <= covered(found.low[group], found.high[group], shown[group]) <= 0.86
    assert found.point[~new].mean() == pytest.approx(shown[~new].mean(), rel=0.08)
    for part in np.array_split(np.argsort(LAW.followers[later.pairs.creator]), 3):
        assert 0.7 <= covered(found.low[part], found.high[part], shown[part]) <= 0.9


def test_bounds_are_ordered(model: ExposureModel) -> None:
    found = model.predict(LAW.draw(3_000, 4, newcomers=True).pairs)
    assert (found.low >= 0.0).all()
    assert (found.low <= found.point).all()
    assert (found.point <= found.high).all()


def test_old_promotions_count_less() -> None:
    n = 400
    zero, nan = np.zeros(n, dtype=np.int32), np.full(n, np.nan)
    pairs = Pairs(zero, zero, zero + 1, nan, nan)
    age = np.linspace(0, 360, n)
    grown = np.where(age < 60, 10_000.0, 100.0)
    one = EntityFeatures.of(1)
    features = {"creators": one, "merchants": one, "products": one}
    models = [
        ExposureModel(half_life).fit(pairs, grown, age_days=age, **features)
        for half_life in (20.0, 1e6)
    ]
    recent, ever = (model.model_.predict(pairs.take(np.array([0])))[0][0] for model in models)
    assert recent > np.log(5_000.0)
    assert ever < np.log(1_000.0)


def test_followers_tell_of_a_newcomer(model: ExposureModel) -> None:
    asked = np.arange(FIRST_NEWCOMER, 500, dtype=np.int32)
    zero, nan = np.zeros(80, dtype=np.int32), np.full(80, np.nan)
    found = model.predict(Pairs(zero, asked, zero, nan, nan)).point
    assert np.corrcoef(np.log(found), np.log(LAW.followers[asked]))[0, 1] > 0.95


def test_without_features_history_is_still_read(drawn: Drawn, model: ExposureModel) -> None:
    blind = ExposureModel().fit(
        drawn.pairs,
        drawn.outcomes.exposures,
        age_days=drawn.outcomes.age_days,
        creators=EntityFeatures.of(500),
        merchants=EntityFeatures.of(60),
        products=EntityFeatures.of(180),
    )
    later = LAW.draw(4_000, 2, newcomers=True)
    new = later.pairs.creator >= FIRST_NEWCOMER
    seeing, without = model.predict(later.pairs), blind.predict(later.pairs)
    actual = np.log1p(later.outcomes.exposures)
    known_error = np.abs(np.log1p(without.point) - actual)[~new].mean()
    assert known_error < 1.05 * np.abs(np.log1p(seeing.point) - actual)[~new].mean()
    assert np.log(without.high / without.low)[new].mean() > 1.3 * (
        np.log(seeing.high / seeing.low)[new].mean()
    )


def test_unknown_amounts_are_passed_over_and_none_is_an_error(drawn: Drawn) -> None:
    nothing = np.full(len(drawn.pairs), np.nan)
    empty = replace(drawn.outcomes, exposures=nothing)
    with pytest.raises(ValueError, match="none of 12000 promotions has a known amount"):
        fitted(replace(drawn, outcomes=empty))


def hidden(drawn: Drawn, share: float, seed: int) -> Ranged:
    """Exposures of a share of the creators as ranges alone."""
    hides = np.random.default_rng(seed).random(500)[drawn.pairs.creator] < share
    shown = drawn.outcomes.exposures
    low, high = bounds(shown)
    ends = (np.where(hides, end, np.nan) for end in (low, high))
    return Ranged.of(np.where(hides, np.nan, shown), *ends)


def test_exact_amounts_given_as_ranges_are_the_same_bits(
    drawn: Drawn, model: ExposureModel
) -> None:
    shown = drawn.outcomes.exposures
    asked = LAW.draw(300, 6, newcomers=True).pairs
    one = fitted(drawn, Ranged(shown, shown)).predict(asked)
    np.testing.assert_array_equal(one.point, model.predict(asked).point)
    np.testing.assert_array_equal(one.high, model.predict(asked).high)


def test_ranges_alone_come_near_exact_numbers(drawn: Drawn, model: ExposureModel) -> None:
    shown = hidden(drawn, 1.0, 1)
    later = LAW.draw(8_000, 2, newcomers=True)
    came = later.outcomes.exposures
    found = fitted(drawn, shown).predict(later.pairs)
    middles = fitted(drawn, shown.middle).predict(later.pairs)
    exact = model.predict(later.pairs)

    def off(told: Interval) -> float:
        return float(np.abs(np.log1p(told.point) - np.log1p(came)).mean())

    assert off(found) < 1.02 * off(exact)
    assert off(found) < off(middles)
    assert found.point.sum() == pytest.approx(exact.point.sum(), rel=0.04)
    # Middles of ranges stand in heaps; what ranges are spread out to does not.
    assert 0.76 <= covered(found.low, found.high, came) <= 0.84


def test_a_lower_end_alone_raises_what_is_expected(drawn: Drawn, model: ExposureModel) -> None:
    mine = drawn.pairs.creator == 3
    shown = np.where(mine, np.nan, drawn.outcomes.exposures)
    asked = drawn.pairs.take(mine)
    blank, above = (
        fitted(drawn, Ranged.of(shown, np.where(mine, low, np.nan))).predict(asked).point.mean()
        for low in (np.nan, 2e4)
    )
    assert above > 2.0 * blank


def test_amounts_within_are_exact_ranges_or_unknown(drawn: Drawn, model: ExposureModel) -> None:
    pairs = drawn.pairs.take(np.arange(3))
    told = Ranged(np.array([50.0, 100.0, np.nan]), np.array([50.0, 300.0, np.nan]))
    amount, doubt = model.within(pairs, told)
    assert (amount[0], doubt[0]) == (50.0, 0.0)
    assert 100.0 < amount[1] < 300.0
    assert 0.0 < doubt[1] < 0.2
    assert np.isnan(amount[2])


def test_state_gives_the_same_model(model: ExposureModel) -> None:
    meetings = Meetings.from_state(model.model_.meetings.state())
    again = ExposureModel.from_state(model.state(), meetings)
    asked = LAW.draw(500, 8, newcomers=True).pairs
    one, other = model.predict(asked), again.predict(asked)
    for name in ("point", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_band_covers_four_fifths_also_of_counts_that_are_mostly_nothing() -> None:
    rng = np.random.default_rng(9)
    centre = np.exp(rng.uniform(-2, 6, 20_000))
    spread = np.sqrt(0.3 + 1 / (centre + 0.5))
    actual = rng.poisson(centre * np.exp(rng.normal(-0.15, np.sqrt(0.3), 20_000))).astype(float)
    learnt = Band.learn(centre[:10_000], spread[:10_000], actual[:10_000], 0.5)
    low, high = learnt.apply(np.log(centre[10_000:] + 0.5), spread[10_000:])
    for size in (centre[10_000:] < 3, centre[10_000:] >= 3):
        assert 0.75 <= covered(low[size], high[size], actual[10_000:][size]) <= 0.92
    assert (low[centre[10_000:] < 0.5] == 0).all()


def test_a_band_of_promotions_all_alike() -> None:
    alike = Band.learn(np.ones(900), np.ones(900), np.tile([0.0, 1.0, 2.0], 300), 1.0)
    low, high = alike.apply(np.log(np.full(1, 2.0)), np.ones(1))
    assert (low[0], high[0]) == (0.0, pytest.approx(2.0))


def test_a_handful_of_promotions_gets_a_wide_band() -> None:
    few = Band.learn(np.ones(5), np.ones(5), np.ones(5), 1.0)
    assert few.high[0] > 1.5
    assert not later_part(np.arange(30.0)).any()
