"""Coverage of intervals, of what is seen and of rates that never are."""

import numpy as np
import pandas as pd
import pytest

from training.coverage import coverage, rate_coverage

DEVIATION = 1.2815515655446004


def test_unknown_rows_are_passed_over_and_nothing_observed_is_no_ratio():
    observed = np.array([0.0, np.nan, 0.0])
    found = coverage(observed, np.ones(3), np.array([0.0, 0.0, np.nan]), np.full(3, 2.0))
    assert found["promotions"].to_list() == [1]
    assert found["inside_80"].to_list() == [1.0]
    assert np.isinf(found["width"][0])
    assert np.isnan(found["predicted_over_observed"][0])


def test_groups_keep_the_order_of_their_categories():
    tiers = pd.Categorical(["head", "tail", "head"], ["tail", "middle", "head"])
    found = coverage(np.ones(3), np.ones(3), np.ones(3), np.ones(3), tiers)
    assert found["group"].to_list() == ["all", "tail", "head"]


@pytest.mark.parametrize(("factor", "least", "most"), [(1.0, 0.78, 0.82), (0.5, 0.4, 0.62)])
def test_intervals_of_rates_are_judged_through_the_luck_of_counts(factor, least, most):
    """Rates drawn log-normal around what was told; half as wide intervals hold far less."""
    draw = np.random.default_rng(0)
    n, spread = 3000, 0.5
    middle = draw.normal(-3, 0.5, n)
    rate = np.exp(middle + spread * draw.standard_normal(n))
    trials = draw.integers(200, 4000, n).astype(float)
    came = draw.binomial(trials.astype(int), np.minimum(rate, 1)).astype(float)
    reach = factor * spread * DEVIATION
    trials[:10] = 0
    found = rate_coverage(np.exp(middle - reach), np.exp(middle + reach), trials, came)
    assert found["promotions"][0] == n - 10
    assert least < found["inside_80"][0] < most
    assert found["width"][0] == pytest.approx(np.exp(2 * reach))


def test_intervals_of_rates_hold_where_luck_is_all():
    """One trial in 20 at a known rate: the tie between none and one is broken at random."""
    draw = np.random.default_rng(1)
    rate = np.full(4000, 0.05)
    came = draw.binomial(1, rate).astype(float)
    low, high = rate * 0.999, rate * 1.001
    found = rate_coverage(low, high, np.ones(4000), came, draw.integers(0, 2, 4000))
    assert found["inside_80"].to_numpy() == pytest.approx(0.8, abs=0.03)
    assert found["predicted_over_observed"][0] == pytest.approx(1, abs=0.1)
    assert found["group"].to_list() == ["all", "0", "1"]
