"""What a range says: held against integrals and sums over it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.censoring import (
    amounts_within,
    counts_within,
    information,
    normal_within,
    spread_within,
)
from models.ranged import Ranged


def one_range(low: float, high: float) -> Ranged:
    return Ranged(np.array([low]), np.array([high]))


@settings(max_examples=60, deadline=None)
@given(st.floats(-5, 5), st.floats(0.05, 4), st.floats(-8, 8), st.floats(0.01, 6) | st.just(np.inf))
def test_normal_variables_within_a_range(
    mean: float, scale: float, low: float, width: float
) -> None:
    high = low + width
    found, left = normal_within(np.array([mean]), scale**2, one_range(low, high))
    told = stats.truncnorm((low - mean) / scale, (high - mean) / scale, mean, scale)
    if told.cdf(high) - told.cdf(low) > 1e-9 and abs(low - mean) < 6 * scale:
        assert found[0] == pytest.approx(told.mean(), abs=1e-6 * scale)
        assert left[0] == pytest.approx(told.var(), abs=1e-6 * scale**2)
    assert low <= found[0] <= high
    assert 0.0 <= left[0] <= scale**2


def test_far_out_a_normal_variable_is_at_the_nearer_end() -> None:
    ranges = Ranged(np.array([50.0, -60.0, 5.0]), np.array([51.0, -50.0, 5.00001]))
    found, left = normal_within(np.zeros(3), 1.0, ranges)
    np.testing.assert_allclose(found, [50.02, -50.02, 5.0], atol=1e-3)
    assert (left < 1e-3).all()


def test_amounts_within_a_range_are_those_of_a_truncated_log_normal() -> None:
    log, scale, low, high = 1.0, 0.8, 1.5, 3.0
    told = stats.truncnorm((low - log) / scale, (high - log) / scale, log, scale)
    mean, spread = amounts_within(np.array([log]), np.array([scale**2]), one_range(low, high))
    first, second = (told.expect(lambda y, n=n: np.exp(n * y)) for n in (1, 2))
    assert mean[0] == pytest.approx(first)
    assert spread[0] == pytest.approx(second / first**2 - 1)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 300), st.floats(1e-3, 2), st.integers(0, 400), st.integers(0, 300))
def test_counts_within_a_range(expected: float, noise: float, low: int, width: int) -> None:
    counts = np.arange(low, low + width + 1)
    shape = 1 / noise
    logs = stats.nbinom.logpmf(counts, shape, shape / (shape + expected))
    found, left = counts_within(np.array([expected]), noise, one_range(low, low + width))
    assert low <= found[0] <= low + width
    if logs.max() > -300:
        chance = np.exp(logs - logs.max())
        mean = (chance * counts).sum() / chance.sum()
        assert found[0] == pytest.approx(mean, rel=1e-6, abs=1e-6)
        variance = (chance * (counts - mean) ** 2).sum() / chance.sum()
        assert left[0] == pytest.approx(variance, rel=1e-4, abs=1e-4)


def test_counts_from_some_number_upwards_and_between_no_whole_ones() -> None:
    ranges = Ranged(np.array([10.0, 3.3, 9e5]), np.array([np.inf, 3.6, 1e6]))
    found, left = counts_within(np.array([5.0, 50.0, 1.0]), 0.5, ranges)
    counts = np.arange(10, 2000)
    chance = stats.nbinom.pmf(counts, 2, 2 / 7)
    assert found[0] == pytest.approx((counts * chance).sum() / chance.sum())
    # Nothing whole to count: the middle. Next to impossible: the nearer end.
    assert found[1:].tolist() == [pytest.approx(3.45), 9e5]
    assert left[1:].tolist() == [0.0, 0.0]


def test_a_wide_range_leaves_little_information_and_a_narrow_one_all() -> None:
    ranges = Ranged(np.array([0.0, 20.0]), np.array([1e4, 20.0]))
    expected = np.full(2, 20.0)
    _, left = counts_within(expected, 0.1, ranges)
    share = information(left, expected * 3.0)
    assert share[0] < 1e-6
    assert share[1] == 1.0


def test_ranges_are_spread_as_chance_would_whatever_their_order() -> None:
    n = 4_000
    rng = np.random.default_rng(3)
    exact = rng.normal(1.0, 0.7, n)
    edges = np.array([-np.inf, 0.0, 1.0, 2.0, np.inf])
    place = np.searchsorted(edges, exact) - 1
    ranges = Ranged(edges[place], edges[place + 1])
    mean, variance = np.full(n, 1.0), np.full(n, 0.49)
    found = spread_within(mean, variance, ranges)
    assert ((ranges.low <= found) & (found <= ranges.high)).all()
    for share in (0.05, 0.3, 0.5, 0.9):
        assert np.quantile(found, share) == pytest.approx(np.quantile(exact, share), abs=0.06)
    turned = rng.permutation(n)
    again = spread_within(mean, variance, ranges.take(turned))
    np.testing.assert_array_equal(np.sort(again), np.sort(found))


def test_a_range_nobody_expects_is_spread_at_its_nearer_end() -> None:
    ranges = Ranged(np.array([90.0, -90.0]), np.array([95.0, -80.0]))
    np.testing.assert_allclose(spread_within(np.zeros(2), np.ones(2), ranges), [90.0, -80.0])
