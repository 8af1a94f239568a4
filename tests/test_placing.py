"""Placing by partners: stated merchants found again, in one step and through a state."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.blocks import Vectors
from models.placing import Placing


@pytest.fixture(scope="module")
def creators() -> Vectors:
    return np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def truth() -> Vectors:
    return np.random.default_rng(1).normal(size=(80, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def met(creators: Vectors, truth: Vectors) -> sp.csr_matrix:
    """Cooperations as a choice model makes them."""
    odds = np.exp(truth @ creators.T - 3)
    return sp.csr_matrix((np.random.default_rng(2).random(odds.shape) < odds).astype(np.float32))


@pytest.fixture(scope="module")
def placing(met: sp.csr_matrix, creators: Vectors, truth: Vectors) -> Placing:
    return Placing.fit(met, creators, np.zeros_like(truth), truth)


def test_a_step_finds_the_direction(
    placing: Placing, met: sp.csr_matrix, creators: Vectors, truth: Vectors
) -> None:
    found = placing.step(met, creators)
    cosine = (found * truth).sum(axis=1) / np.linalg.norm(found, axis=1)
    assert np.median(cosine / np.linalg.norm(truth, axis=1)) > 0.9


def test_what_merchants_put_there_themselves_does_not_count(
    placing: Placing, met: sp.csr_matrix, creators: Vectors, truth: Vectors
) -> None:
    total = np.asarray(met.sum(axis=1)).reshape(-1, 1)
    everything = met @ creators.astype(np.float64) - total * placing.usual
    nothing_left = Placing.fit(met, creators, everything, truth)
    assert abs(nothing_left.stride) < 1e-3 * placing.stride


def test_nobody_met_stays_where_the_usual_one_is(placing: Placing, creators: Vectors) -> None:
    assert not placing.step(sp.csr_matrix((2, 200), dtype=np.float32), creators).any()


def test_a_state_steps_alike(placing: Placing, met: sp.csr_matrix, creators: Vectors) -> None:
    again = Placing.from_state(placing.state())
    np.testing.assert_array_equal(again.step(met, creators), placing.step(met, creators))
