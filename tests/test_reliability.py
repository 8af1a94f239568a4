"""Reliability tables and calibration errors, by hand and on rates that are exactly right."""

import numpy as np
import pytest

from training.reliability import calibration_error, error_by_chance, reliability_table


@pytest.fixture
def right() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(4)
    rate = draw.uniform(0.02, 0.2, 3000)
    trials = draw.integers(1, 60, 3000).astype(float)
    return rate, trials, draw.binomial(trials.astype(int), rate).astype(float)


def test_groups_hold_about_as_many_trials_each(right):
    table = reliability_table(*right, groups=5)
    assert len(table) == 5
    assert table["trials"].sum() == right[1].sum()
    assert np.ptp(table["trials"]) < 0.01 * right[1].sum()
    assert table["predicted"].is_monotonic_increasing


def test_rates_that_are_right_err_by_chance_alone(right):
    rate, trials, successes = right
    error, chance = calibration_error(rate, trials, successes), error_by_chance(rate, trials)
    assert error == pytest.approx(chance, rel=0.6)
    assert calibration_error(1.3 * rate, trials, successes) > 5 * chance


def test_one_large_row_leaves_groups_out():
    rate, trials = np.array([0.1, 0.2, 0.3]), np.array([1.0, 98.0, 1.0])
    table = reliability_table(rate, trials, np.array([0.0, 20.0, 1.0]))
    assert len(table) == 3
    assert table["observed"].to_list() == pytest.approx([0, 20 / 98, 1])
    error = calibration_error(rate, trials, np.array([0.0, 20.0, 1.0]))
    assert error == pytest.approx((0.1 + abs(19.6 - 20) + 0.7) / 100)


def test_what_is_unknown_is_passed_over():
    rate = np.array([0.1, np.nan, 0.1, 0.1, 0.1])
    trials = np.array([10.0, 10, np.nan, 0, 10])
    successes = np.array([1.0, 9, 9, 9, np.nan])
    assert reliability_table(rate, trials, successes)["trials"].sum() == 10
    assert calibration_error(rate, trials, successes) == pytest.approx(0)
    nothing = np.array([np.nan])
    assert reliability_table(nothing, nothing, nothing).empty
    assert np.isnan(calibration_error(nothing, nothing, nothing))


def test_the_same_twice(right):
    assert reliability_table(*right).equals(reliability_table(*right))
    assert error_by_chance(*right[:2]) == error_by_chance(*right[:2])
