"""Intervals and tests: small cases by hand, and rates of error over many made-up comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from training.significance import Lead, bootstrap, bootstrap_columns, holm, sign_flip


def test_bootstrap_holds_the_mean_and_leaves_unknown_out() -> None:
    values = np.array([0.0, 1.0, np.nan, 1.0, 0.0, 1.0])
    low, high = bootstrap(values, seed=2)
    assert low < 3 / 5 < high
    assert bootstrap(values, seed=2) == (low, high)
    assert bootstrap(np.full(4, 0.25)) == (0.25, 0.25)
    assert np.isnan(bootstrap(np.array([np.nan]))).all()


def test_bootstrap_narrows_with_the_level() -> None:
    values = np.arange(50.0)
    low, high = bootstrap(values, level=0.5)
    wide = bootstrap(values, level=0.95)
    assert wide[0] < low < high < wide[1]


def test_bootstrap_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap(values)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(400), rel=0.05)


def test_columns_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).uniform(size=(40, 1)) * np.array([1.0, 2.0, 1.0])
    low, high = bootstrap_columns(values)
    np.testing.assert_allclose(low, low[0] * np.array([1, 2, 1]))
    assert (low[0], high[0]) == pytest.approx(bootstrap(values[:, 0]))
    # Few draws at a time, as for many askers: the same, for the draws come in one order.
    monkeypatch.setattr("training.significance._CELLS", 100)
    np.testing.assert_allclose(bootstrap_columns(values), (low, high))


def test_every_sign_pattern_counts_where_they_are_few() -> None:
    # Sums of the 8 patterns of 1, 2, 3: ±6, ±4, ±2, 0, 0; the observed 1 + 2 - 3 = 0.
    assert sign_flip(np.array([1.0, 2.0, -3.0])) == 8 / 8
    # 1 - 2 + 3 = 2: six of them are as far from 0.
    assert sign_flip(np.array([1.0, -2.0, 3.0])) == 6 / 8
    assert sign_flip(np.array([1.0, 2.0, 3.0])) == 2 / 8
    # Equal figures of both methods add nothing, unknown ones neither.
    assert sign_flip(np.array([1.0, 0.0, 2.0, np.nan, 3.0])) == 2 / 8


def test_nothing_to_tell_apart() -> None:
    assert sign_flip(np.zeros(4)) == 1.0
    assert np.isnan(sign_flip(np.array([np.nan])))


def test_drawn_patterns_come_near_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, 13)
    every = sign_flip(differences)  # 2**13 patterns
    drawn = sign_flip(differences, draws=4000)
    assert drawn == pytest.approx(every, abs=0.03)
    assert drawn != every
    assert drawn == sign_flip(differences, draws=4000)
    monkeypatch.setattr("training.significance._CELLS", 1300)
    assert sign_flip(differences, draws=4000) == pytest.approx(every, abs=0.03)


def test_the_test_errs_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    p = [sign_flip(rng.normal(size=30), draws=199, seed=i) for i in range(1000)]
    assert (np.array(p) <= 0.1).mean() == pytest.approx(0.1, abs=0.02)
    assert min(p) >= 1 / 200


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .04, .2 times 4, 3, 2, 1; none below the one before.
    assert holm([0.04, 0.01, 0.2, 0.02]) == pytest.approx([2 * 0.04, 4 * 0.01, 0.2, 3 * 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    found = holm([0.03, float("nan"), 0.04])
    assert found[0] == pytest.approx(2 * 0.03)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(2 * 0.03)
    assert holm([]) == []


def test_a_lead_is_of_the_same_askers() -> None:
    ours, theirs = np.array([0.5, 1.0, np.nan, 0.5]), np.array([0.0, 0.5, 0.5, 0.5])
    lead = Lead.of(ours, theirs)
    assert lead.mean == pytest.approx((0.5 + 0.5 + 0.0) / 3)
    assert lead.low <= lead.mean <= lead.high
    assert lead.p == 2 / 4
    back = Lead.of(theirs, ours)
    assert (back.mean, back.p) == (-lead.mean, lead.p)
    assert (back.low, back.high) == pytest.approx((-lead.high, -lead.low))
    assert np.isnan(Lead.of(np.array([np.nan]), np.array([1.0])).mean)
    with pytest.raises(ValueError, match="4 figures against 3; a paired test needs both methods"):
        Lead.of(ours, theirs[:3])
