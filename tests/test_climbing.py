"""Climbing: batches, samples that stand for all, steps that come down."""

from __future__ import annotations

import numpy as np
import pytest

from models.climbing import Adam, batches, offer


def test_a_sample_stands_for_the_rest() -> None:
    rng = np.random.default_rng(0)
    offered, stands_for = offer(np.arange(5_000), np.array([7, 7, 4_000]), 500, rng)
    assert len(offered) == 502
    assert (np.diff(offered) > 0).all()
    assert stands_for[np.searchsorted(offered, [7, 4_000])].tolist() == [0.0, 0.0]
    assert np.exp(stands_for).sum() == pytest.approx(5_000, rel=1e-5)
    everyone, weights = offer(np.arange(50), np.array([3]), 20, rng)
    assert everyone.tolist() == list(range(50))
    assert not weights.any()


def test_questions_are_bounded_and_come_again() -> None:
    few = list(batches(70, 100, 64, np.random.default_rng(0)))
    assert [len(rows) for _, rows in few] == [64, 6, 30]
    assert [share for share, _ in few] == [0.0, 0.64, 0.7]
    first = np.concatenate([rows for _, rows in few[:2]])
    assert sorted(first.tolist()) == list(range(70))
    assert list(batches(0, 0, 64, np.random.default_rng(0))) == []


def test_the_steep_and_the_flat_come_down_alike() -> None:
    place = np.array([1.0, 1.0], dtype=np.float32)
    climb = Adam([place], rate=0.1)
    steep = np.array([100.0, 0.01], dtype=np.float32)
    climb.step([steep * place])
    np.testing.assert_allclose(place, 0.9, atol=1e-4)
    for turn in range(60):
        climb.step([steep * place], 1 - turn / 60)
    assert np.abs(place).max() < 0.1
