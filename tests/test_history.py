"""Who has worked with whom."""

from __future__ import annotations

import numpy as np
import pytest

from matching.history import History, Ragged


@pytest.fixture
def history() -> History:
    return History(
        shape=(3, 4),
        merchant=np.array([0, 0, 2], dtype=np.int32),
        creator=np.array([1, 3, 1], dtype=np.int32),
        promotions=np.array([2, 1, 5], dtype=np.int32),
        last_day=np.array([19_000, 19_001, 19_002], dtype=np.int32),
        clicks=np.array([10.0, np.nan, 0.0]),
        orders=np.array([1.0, np.nan, 0.0]),
        gmv=np.array([9.0, np.nan, 0.0]),
    )


def test_partners_of_either_side(history: History) -> None:
    assert history.creators_of(0).tolist() == [1, 3]
    assert history.creators_of(1).tolist() == []
    assert history.merchants_of(1).tolist() == [0, 2]


def test_a_merchant_nobody_knows_has_no_partners(history: History) -> None:
    assert history.creators_of(3).tolist() == []


def test_partners_of_several(history: History) -> None:
    several = history.creators_of_each(np.array([2, 3, 0, 1, 0]))
    assert [several.one(i).tolist() for i in range(6)] == [[1], [], [1, 3], [], [1, 3], []]
    assert history.merchants_of_each(np.array([1])).one(0).tolist() == [0, 2]
    none = history.creators_of_each(np.empty(0, dtype=np.int32))
    assert (none.starts.tolist(), none.rows.tolist()) == ([0], [])


def test_the_entries_behind_partners(history: History) -> None:
    met, entries = history.by_creator
    for creator in range(4):
        behind = entries[met.starts[creator] : met.starts[creator + 1]]
        assert history.creator[behind].tolist() == [creator] * len(behind)
        assert history.merchant[behind].tolist() == met.one(creator).tolist()
    assert history.by_merchant[1].tolist() == [0, 1, 2]


def test_lists_of_different_lengths() -> None:
    lists = Ragged.of(np.array([4, 2]), np.array([]), np.array([9]))
    assert lists.rows.dtype == np.int32
    assert lists.starts.dtype == np.int64
    assert lists.take(np.array([2, 0])).starts.tolist() == [0, 1, 3]
    assert Ragged.of().starts.tolist() == [0]


def test_state_and_back(history: History) -> None:
    again = History.from_state(history.state())
    assert again.shape == (3, 4)
    assert again.creators_of(0).tolist() == [1, 3]
    assert (again.met != history.met).nnz == 0
