"""Exact numbers, ranges and blanks side by side."""

from __future__ import annotations

import numpy as np
import pytest

from models.ranged import Ranged

BLANK = np.nan
TOLD = Ranged.of(
    [7.0, BLANK, BLANK, BLANK, BLANK, 0.0],
    low=[BLANK, 100.0, BLANK, 50.0, BLANK, BLANK],
    high=[BLANK, 400.0, 100.0, BLANK, BLANK, BLANK],
)


def test_open_ends_are_nothing_and_no_bound() -> None:
    np.testing.assert_array_equal(TOLD.low, [7, 100, 0, 50, BLANK, 0])
    np.testing.assert_array_equal(TOLD.high, [7, 400, 100, np.inf, BLANK, 0])


def test_what_is_exact_what_is_known_and_where_to_start() -> None:
    assert TOLD.exact.tolist() == [True, False, False, False, False, True]
    assert TOLD.known.tolist() == [True, True, True, True, False, True]
    np.testing.assert_allclose(TOLD.middle, [7, 200, 50, 50, BLANK, 0])
    np.testing.assert_array_equal(TOLD.values(), [7, BLANK, BLANK, BLANK, BLANK, 0])


def test_from_nothing_upwards_is_unknown() -> None:
    assert not Ranged.of([BLANK], low=[0.0]).known[0]


def test_an_exact_number_stands_before_its_range() -> None:
    both = Ranged.of([150.0], low=[100.0], high=[300.0])
    assert (both.low[0], both.high[0]) == (150.0, 150.0)
    assert Ranged.of(both) is both


def test_parts_and_changes_keep_both_ends() -> None:
    some = TOLD.take(np.array([1, 0])).rising(np.log1p)
    np.testing.assert_allclose(some.low, np.log1p([100.0, 7.0]))
    np.testing.assert_allclose(some.high, np.log1p([400.0, 7.0]))
    assert len(some) == 2


def test_a_range_the_wrong_way_round_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"range 1 goes from 300\.0 to 100\.0, expected its lower"):
        Ranged.of([1.0, BLANK], low=[BLANK, 300.0], high=[BLANK, 100.0])
