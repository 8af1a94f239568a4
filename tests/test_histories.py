"""Histories: what was seen of accounts, averaged by week, latest last."""

from __future__ import annotations

import numpy as np
import pytest

from models.histories import Histories


def of(n: int, seen: list[tuple[int, float, float, float]], most: int = 12) -> Histories:
    account, days, low, high = (np.array(one) for one in zip(*seen, strict=True))
    return Histories.of(n, account.astype(int), days, low, high, most=most)


def test_days_of_a_week_are_one_sight() -> None:
    found = of(2, [(1, -1.0, 8.0, 8.0), (1, -3.0, 2.0, 2.0), (1, -20.0, 5.0, 5.0)])
    assert found.counts.tolist() == [0, 2]
    assert found.days[1].tolist() == [-20.0, -2.0]
    assert np.exp(found.logs[1]).tolist() == pytest.approx([5.0, 4.0])
    assert found.seen[1].tolist() == [1.0, 2.0]
    assert np.isnan(found.days[0]).all()


def test_a_range_is_its_middle_and_says_how_unsure_it_is() -> None:
    found = of(1, [(0, 0.0, 100.0, 300.0)])
    assert np.exp(found.logs[0, 0]) == pytest.approx(np.sqrt(30_000.0))
    assert found.blur[0, 0] == pytest.approx(np.log(3.0) ** 2 / 12)


def test_a_range_from_nothing_begins_at_a_tenth_of_its_end() -> None:
    found = of(1, [(0, 0.0, 0.0, 100.0)])
    assert np.exp(found.logs[0, 0]) == pytest.approx(np.sqrt(1_000.0))


def test_what_says_nothing_is_passed_over() -> None:
    nan = float("nan")
    seen = [(0, -1.0, nan, nan), (0, -2.0, 0.0, 0.0), (0, 3.0, 5.0, 5.0), (0, nan, 5.0, 5.0)]
    seen += [(0, -9.0, 5.0, np.inf), (0, -30.0, 5.0, nan)]
    assert of(1, seen).counts.tolist() == [0]


def test_only_the_latest_are_kept_in_the_order_of_time() -> None:
    seen = [(0, -7.0 * i, float(i + 1), float(i + 1)) for i in range(20)]
    found = of(1, seen, most=3)
    assert found.days[0].tolist() == [-14.0, -7.0, 0.0]


def test_going_back_forgets_the_latest() -> None:
    found = of(2, [(0, -30.0, 1.0, 1.0), (0, -10.0, 2.0, 2.0), (1, 0.0, 3.0, 3.0)])
    past = found.first(np.array([1, 0]))
    assert past.counts.tolist() == [1, 0]
    assert past.at(np.array([0, 0])).day.tolist()[0] == -30.0
    assert np.isnan(past.at(np.array([-1, 7])).log).all()


def test_others_fill_in_for_those_never_seen() -> None:
    few, many = of(3, [(0, -10.0, 2.0, 2.0)]), of(3, [(0, 0.0, 9.0, 9.0), (1, 0.0, 4.0, 4.0)])
    found = few.filled(many)
    assert np.exp(found.logs[:2, 0]).tolist() == pytest.approx([2.0, 4.0])
    assert found.counts.tolist() == [1, 1, 0]
    assert many.filled(few).counts.tolist() == [1, 1, 0]
