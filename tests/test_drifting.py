"""The law accounts move by: its covariance, and what it foretells."""

from __future__ import annotations

import numpy as np
import pytest

from models.drifting import YEAR, Law, covariance, foretell
from models.histories import Histories

LAW = Law(level=0.5, slope=0.1, memory=0.4, luck=0.02)


def seen(days: list[float], amounts: list[float]) -> Histories:
    low = np.array(amounts)
    return Histories.of(1, np.zeros(len(days), int), np.array(days), low, low)


def test_the_covariance_is_the_double_integral_of_the_slopes() -> None:
    steps = (np.arange(600) + 0.5) / 600
    one, other = 0.9 * steps, 0.35 * steps
    slopes = LAW.slope * np.exp(-np.abs(one[:, None] - other[None, :]) / LAW.memory)
    expected = LAW.level + slopes.mean() * 0.9 * 0.35
    found = covariance(LAW, np.array(0.9), np.array(0.35))
    assert found == pytest.approx(expected, rel=1e-4)


def test_who_was_never_seen_is_what_features_tell() -> None:
    nothing = Histories(*(np.full((1, 2), np.nan) for _ in range(4)))
    told = foretell(LAW, nothing, np.array([3.0]), np.array([0.6]), np.array([YEAR]))
    assert told.now.mean[0] == 3.0
    assert told.later.mean[0] == pytest.approx(3.6)
    assert told.now.deviation[0] == pytest.approx(np.sqrt(LAW.level))
    assert told.lively[0] == 1.0


def test_growth_seen_often_goes_on_and_is_forgotten() -> None:
    days = [-7.0 * i for i in range(12)][::-1]
    rising = seen(days, [float(np.exp(5 + 0.02 * day / 7)) for day in days])
    level, slope = np.array([5.0]), np.array([0.0])
    near, far, further = (
        foretell(LAW._replace(luck=1e-6), rising, level, slope, np.array([one]))
        for one in (28.0, YEAR, 2 * YEAR)
    )
    assert near.change.mean[0] == pytest.approx(0.08, abs=0.01)
    assert far.change.mean[0] < 0.7 * 0.02 * 52
    assert further.change.mean[0] - far.change.mean[0] < 0.2 * far.change.mean[0]
    assert near.change.deviation[0] < far.change.deviation[0] < further.change.deviation[0]


def test_one_sight_is_no_growth() -> None:
    once = seen([0.0], [1_000.0])
    told = foretell(LAW, once, np.array([5.0]), np.array([0.0]), np.array([30.0]))
    assert told.change.mean[0] == 0.0
    assert told.now.mean[0] < np.log(1_000.0)  # part of it was luck


def test_a_wild_account_is_foretold_with_wider_bounds() -> None:
    days = [-60.0, -40.0, -20.0, 0.0]
    calm, wild = seen(days, [100.0] * 4), seen(days, [100.0, 300.0, 50.0, 400.0])
    level, slope, ahead = np.array([4.6]), np.array([0.0]), np.array([30.0])
    one, other = (foretell(LAW, one, level, slope, ahead) for one in (calm, wild))
    assert other.lively[0] > 3 * one.lively[0]
    assert other.later.deviation[0] > 1.5 * one.later.deviation[0]
