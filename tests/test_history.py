"""Who has worked with whom."""

from __future__ import annotations

import numpy as np
import pytest

from matching.history import History


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


def test_the_entry_of_a_pair(history: History) -> None:
    assert history.between(0, 1) == 0
    assert history.between(2, 1) == 2
    assert history.between(0, 2) is None
    assert history.between(1, 0) is None


def test_state_and_back(history: History) -> None:
    again = History.from_state(history.state())
    assert again.shape == (3, 4)
    assert again.between(0, 3) == 1
    assert (again.met != history.met).nnz == 0
