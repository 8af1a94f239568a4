"""Spread metrics against tables worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from training import spread

LOG = np.log2
#: Three lists over four candidates; the last one ends early.
LISTS = np.array([[0, 1], [0, 2], [0, -1]], dtype=np.int32)
NOBODY = np.array([[-1, -1]], dtype=np.int32)


def test_exposure_coverage_gini() -> None:
    assert spread.exposure(LISTS, 4).tolist() == [3, 1, 1, 0]
    assert spread.coverage(LISTS, 4) == 3 / 4
    # Sorted exposure 0, 1, 1, 3: weights -3, -1, 1, 3 over n × sum = 4 × 5.
    assert spread.gini(LISTS, 4) == pytest.approx((-3 * 0 - 1 * 1 + 1 * 1 + 3 * 3) / (4 * 5))
    assert np.isnan(spread.gini(NOBODY, 4))


def test_lorenz_shares_of_the_least_shown() -> None:
    assert spread.lorenz(spread.exposure(LISTS, 4)).tolist() == [0, 0, 1 / 5, 2 / 5, 5 / 5]
    assert np.isnan(spread.lorenz(spread.exposure(NOBODY, 4))).all()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any))
def test_gini_is_twice_the_area_between_lorenz_and_alike(counts: list[int]) -> None:
    curve = spread.lorenz(np.array(counts))
    area = float((curve[1:] + curve[:-1]).sum()) / (2 * len(counts))
    lists = np.repeat(np.arange(len(counts)), counts)[:, None]
    assert spread.gini(lists, len(counts)) == pytest.approx(1 - 2 * area)


def test_novelty_in_bits() -> None:
    popularity = np.array([6, 1, 1, 0])
    lists = np.array([[0, 1], [3, -1]], dtype=np.int32)
    expected = (LOG(8 / 6) + LOG(8 / 1) + LOG(8 / 1)) / 3
    assert spread.novelty(lists, popularity) == pytest.approx(expected)
    assert np.isnan(spread.novelty(NOBODY, popularity))


def test_popularity_lift() -> None:
    history = sp.csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0]]))
    # Partners per candidate: 2, 0, 1. The first worked with (2 + 1) / 2, is shown 0 and 2.
    lists = np.array([[1, 0], [2, -1], [0, 1]], dtype=np.int32)
    np.testing.assert_allclose(
        spread.popularity_lift(lists, history),
        [(0 + 2) / 2 / ((2 + 1) / 2) - 1, 1 / 2 - 1, np.nan],
    )
    # Others than those who ask work with somebody too: 5, 1, 1 partners.
    np.testing.assert_allclose(
        spread.popularity_lift(lists, history, np.array([5, 1, 1])),
        [(1 + 5) / 2 / ((5 + 1) / 2) - 1, 1 / 5 - 1, np.nan],
    )


def test_diversity_is_the_mean_distance_of_the_pairs_in_a_list() -> None:
    half = np.sqrt(1 / 2)
    vectors = np.array([[1, 0], [0, 1], [half, half], [0, 0]], dtype=np.float32)
    lists = np.array([[0, 1, 2], [0, 2, 3], [0, 0, -1], [3, 1, -1]], dtype=np.int32)
    lists[2, 1] = 2
    np.testing.assert_allclose(
        spread.diversity(lists, vectors),
        [((1 - 0) + (1 - half) + (1 - half)) / 3, 1 - half, 1 - half, np.nan],
        rtol=1e-6,
    )
    # One market knows nobody's audience.
    assert np.isnan(spread.diversity(lists, np.zeros((4, 2), dtype=np.float32))).all()


@given(st.integers(0, 1000))
def test_diversity_equals_pair_by_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(7, 3))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    vectors[rng.integers(7)] = 0
    own = rng.permutation(7)[:5]
    known = [one for one in own if vectors[one].any()]
    pairs = [1 - vectors[a] @ vectors[b] for i, a in enumerate(known) for b in known[:i]]
    assert spread.diversity(own[None], vectors)[0] == pytest.approx(np.mean(pairs))
