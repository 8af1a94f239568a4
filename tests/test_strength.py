"""Strength of cooperations: measured by the typical one, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.strength import checked, strength, typical_weight


def test_stronger_cooperation_counts_more() -> None:
    told = strength(sp.csr_matrix(np.array([[1.0, 2.0, 100.0]])))
    assert told.data.tolist() == sorted(told.data.tolist())
    assert told.data[1] == 1.0
    assert told.data.max() < 2.0


def test_nothing_is_typical_of_no_cooperation() -> None:
    nothing = sp.csr_matrix((2, 3), dtype=np.float32)
    assert typical_weight(nothing) == 1.0
    assert strength(nothing).nnz == 0


def test_stored_zeros_go_and_the_matrix_given_stays() -> None:
    given = sp.csr_matrix((np.array([0.0, 2.0]), ([0, 0], [0, 1])), shape=(1, 2))
    found = checked(given)
    assert (found.nnz, found.dtype, given.nnz) == (1, np.float32, 2)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_what_is_no_weight_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="negative or non-finite weights; expected weights >= 0"):
        checked(sp.csr_matrix(np.array([[1.0, bad]])))
