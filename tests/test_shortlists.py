"""Lists of many askers in flat columns."""

from __future__ import annotations

import numpy as np

from matching.shortlists import Shortlists


def test_lists_lie_one_after_the_other() -> None:
    nobody = (np.zeros(0, np.int32), np.zeros(0))
    lists = Shortlists.of([(np.array([4, 2]), np.array([0.5, 0.25])), nobody, (np.array([7]), [1])])
    assert len(lists) == 3
    assert lists.starts.tolist() == [0, 2, 2, 3]
    assert lists.rows.tolist() == [4, 2, 7]
    assert lists.scores.tolist() == [0.5, 0.25, 1.0]
    assert lists.lengths.tolist() == [2, 0, 1]
    assert lists.askers.tolist() == [0, 0, 2]
    assert (lists.rows.dtype, lists.scores.dtype, lists.starts.dtype) == ("i4", "f8", "i8")


def test_nobody_asks() -> None:
    lists = Shortlists.of([])
    assert len(lists) == len(lists.rows) == len(lists.askers) == 0


def test_rows_as_they_come() -> None:
    lists = Shortlists.unordered(np.array([3, 1], dtype=np.int32))
    assert lists.rows.tolist() == [3, 1]
    assert np.isnan(lists.scores).all()
