"""Shrinkage: a little evidence moves little, much evidence moves all the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features import EntityFeatures
from models.pairs import Floats
from models.shrinkage import Alone, Effects, shrink_counts, shrink_levels

FLAT = np.empty((3, 0))
NO_PRIOR = np.empty(0)


def one_each(got: Floats, expected: Floats) -> Alone:
    """Groups of one promotion: nothing to learn of the variance between them."""
    return Alone((got - expected) ** 2, expected**2)


def test_one_order_of_three_clicks_is_pulled_to_the_market_rate() -> None:
    market = 0.03
    got = np.array([1.0, 3_000.0, 0.0])
    expected = np.array([3.0, 10_000.0, 0.0]) * market
    learnt = shrink_counts(
        got, expected, one_each(got, expected), FLAT, NO_PRIOR, Effects.none(FLAT, 0.25)
    )
    rate = market * np.exp(learnt.mean)
    # A prior variance of ¼ is worth 4 expected orders: (4 + got) / (4 + expected).
    np.testing.assert_allclose(rate[0], market * (4 + 1) / (4 + 0.09))
    assert rate[0] < 0.04  # raw: one third
    assert rate[1] == pytest.approx(0.3, rel=0.02)  # ten thousand clicks keep their rate
    assert rate[2] == pytest.approx(market)
    assert learnt.spread[1] < 0.001 < 0.1 < learnt.spread[0] < learnt.spread[2]


def test_levels_are_averaged_by_their_precision() -> None:
    residual, precision = np.array([1.0, 1.0, 0.0]), np.array([1.0, 99.0, 0.0])
    alone = Alone((precision * residual) ** 2, precision**2)
    learnt = shrink_levels(residual, precision, alone, FLAT, NO_PRIOR, Effects.none(FLAT, 1.0))
    np.testing.assert_allclose(learnt.mean, [1 / 2, 99 / 100, 0.0])
    np.testing.assert_allclose(learnt.spread, [1 / 2, 1 / 100, 1.0])


@given(got=st.floats(0, 1e6), expected=st.floats(1e-6, 1e6), variance=st.floats(1e-3, 5))
def test_the_posterior_lies_between_the_prior_and_the_raw_rate(
    got: float, expected: float, variance: float
) -> None:
    flat, counts, hoped = np.empty((1, 0)), np.array([got]), np.array([expected])
    learnt = shrink_counts(
        counts, hoped, one_each(counts, hoped), flat, NO_PRIOR, Effects.none(flat, variance)
    )
    ratio = np.exp(learnt.mean[0])
    assert min(1.0, got / expected) - 1e-9 <= ratio <= max(1.0, got / expected) * (1 + 1e-9)
    assert learnt.spread[0] > 0.0


@pytest.mark.parametrize("true", [0.02, 0.3])
def test_the_variance_between_groups_is_learnt_whatever_promotions_scatter(true: float) -> None:
    rng = np.random.default_rng(0)
    n, each = 3000, 6
    effect = rng.gamma(1 / true, true, n)
    # Every promotion has a luck of its own, of variance ½, that groups must not be blamed for.
    luck = rng.gamma(2.0, 0.5, (n, each))
    counts = rng.poisson(10.0 * effect[:, None] * luck).astype(float)
    trust = 1.0 / (1.0 + 0.5 * 10.0)
    got, expected = trust * counts.sum(axis=1), np.full(n, trust * 10.0 * each)
    alone = Alone(
        ((trust * (counts - 10.0)) ** 2).sum(axis=1), np.full(n, each * (trust * 10.0) ** 2)
    )
    flat = np.empty((n, 0))
    learnt = Effects.none(flat, 0.15)
    for _ in range(5):
        learnt = shrink_counts(got, expected, alone, flat, NO_PRIOR, learnt)
    assert learnt.variance == pytest.approx(true, rel=0.25, abs=0.01)


def test_groups_of_one_promotion_tell_no_variance() -> None:
    got, expected = np.array([9.0, 0.0]), np.array([3.0, 3.0])
    flat = np.empty((2, 0))
    alone = one_each(got, expected)
    learnt = shrink_counts(got, expected, alone, flat, NO_PRIOR, Effects.none(flat, 0.4))
    assert learnt.variance == 0.4


def test_a_newcomer_is_told_by_its_features() -> None:
    rng = np.random.default_rng(1)
    skill = np.linspace(-2, 2, 400)
    basis, prior = EntityFeatures(("skill",), skill[:, None]).basis()
    expected = np.append(np.where(np.arange(400) % 2, 50.0, 0.0), 0.0)
    got = np.append(rng.poisson(expected[:-1] * np.exp(0.5 * skill)), 0).astype(float)
    learnt = Effects.none(basis, 0.1)
    alone = one_each(got, expected)
    for _ in range(8):
        learnt = shrink_counts(got, expected, alone, basis, prior, learnt)
    unseen = np.arange(0, 400, 2)
    centred = learnt.mean[unseen] - learnt.mean[unseen].mean()
    np.testing.assert_allclose(centred, 0.5 * skill[unseen], atol=0.15)
    assert learnt.mean[-1] == 0.0


def test_a_group_far_from_expected_is_approached_in_steps() -> None:
    basis, prior = EntityFeatures(("x",), np.array([[0.0], [1.0]])).basis()
    got, expected = np.array([1.0, 1e6, 0.0]), np.array([1.0, 1.0, 0.0])
    start = Effects.none(basis, 0.1)
    learnt = shrink_counts(got, expected, one_each(got, expected), basis, prior, start)
    assert np.abs(basis @ learnt.coefficients).max() == pytest.approx(1.5)
