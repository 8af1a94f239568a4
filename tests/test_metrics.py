"""Metrics against tables worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from training import metrics

# Four lists over six candidates:
#   0: relevant at ranks 1 and 3 of three relevant; 1: one relevant, at rank 2, list ends there
#   2: relevant never listed;                       3: nothing is relevant
LISTS = np.array([[0, 4, 2, 5], [3, 1, -1, -1], [5, 4, 3, 2], [0, 1, 2, 3]], dtype=np.int32)
RELEVANT = sp.csr_matrix(
    np.array([[1, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
)
LOG = np.log2


def test_hits() -> None:
    assert metrics.hits(LISTS, RELEVANT).astype(int).tolist() == [
        [1, 0, 1, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("k", "expected"), [(1, [1 / 3, 0, 0]), (2, [1 / 3, 1, 0]), (4, [2 / 3, 1, 0])]
)
def test_recall(k: int, expected: list[float]) -> None:
    found = metrics.recall(LISTS, RELEVANT, k)
    np.testing.assert_allclose(found[:3], expected)
    assert np.isnan(found[3])


@pytest.mark.parametrize(("k", "expected"), [(1, [1, 0, 0]), (2, [1, 1, 0])])
def test_hit_rate(k: int, expected: list[float]) -> None:
    found = metrics.hit_rate(LISTS, RELEVANT, k)
    np.testing.assert_allclose(found[:3], expected)
    assert np.isnan(found[3])


def test_ndcg() -> None:
    found = metrics.ndcg(LISTS, RELEVANT, 3)
    ideal = 1 / LOG(2) + 1 / LOG(3) + 1 / LOG(4)
    np.testing.assert_allclose(
        found[:3], [(1 / LOG(2) + 1 / LOG(4)) / ideal, (1 / LOG(3)) / (1 / LOG(2)), 0]
    )
    assert np.isnan(found[3])


def test_ndcg_beyond_the_list_counts_what_could_have_been_listed() -> None:
    found = metrics.ndcg(LISTS, RELEVANT, 20)
    ideal = 1 / LOG(2) + 1 / LOG(3) + 1 / LOG(4)
    assert found[0] == pytest.approx((1 / LOG(2) + 1 / LOG(4)) / ideal)


def test_reciprocal_and_first_rank() -> None:
    np.testing.assert_allclose(metrics.reciprocal_rank(LISTS, RELEVANT), [1 / 1, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(metrics.first_rank(LISTS, RELEVANT), [1, 2, np.inf, np.nan])


def test_average_precision() -> None:
    np.testing.assert_allclose(
        metrics.average_precision(LISTS, RELEVANT),
        [1 / 3 * (1 / 1 + 2 / 3), 1 / 1 * (1 / 2), 0, np.nan],
    )


def test_median_rank_is_infinite_where_half_find_nothing() -> None:
    # First hits at 1, 2 and nowhere; the fourth list has nothing to find.
    assert metrics.median_rank(LISTS, RELEVANT) == 2
    assert metrics.median_rank(LISTS[:2], RELEVANT[:2]) == (1 + 2) / 2
    assert metrics.median_rank(LISTS[1:3], RELEVANT[1:3]) == np.inf
    assert metrics.median_rank(LISTS[2:3], RELEVANT[2:3]) == np.inf
    assert np.isnan(metrics.median_rank(LISTS[3:], RELEVANT[3:]))


def test_lists_and_relevance_must_match() -> None:
    with pytest.raises(ValueError, match="4 lists, but relevance is told for 3; give one row each"):
        metrics.recall(LISTS, RELEVANT[:3], 2)


def test_nobody_is_listed_twice() -> None:
    with pytest.raises(ValueError, match="list 1 names a candidate twice"):
        metrics.recall(np.array([[0, 1], [2, 2]]), RELEVANT[:2], 2)


@given(st.integers(0, 10_000))
def test_every_figure_stays_in_its_range_and_a_perfect_list_gets_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    relevant = sp.random(5, 9, density=0.4, random_state=rng).tocsr()
    relevant.data[:] = 1
    shuffled = np.array([rng.permutation(9) for _ in range(5)])
    best = np.argsort(-relevant.toarray(), axis=1, kind="stable")
    some = np.asarray(relevant.sum(axis=1)).ravel() > 0
    for figure in (
        lambda lists: metrics.recall(lists, relevant, 9),
        lambda lists: metrics.ndcg(lists, relevant, 4),
        lambda lists: metrics.hit_rate(lists, relevant, 3),
        lambda lists: metrics.reciprocal_rank(lists, relevant),
        lambda lists: metrics.average_precision(lists, relevant),
    ):
        np.testing.assert_allclose(figure(best)[some], 1.0)
        values = figure(shuffled)
        assert np.isnan(values[~some]).all()
        assert ((values[some] >= 0) & (values[some] <= 1 + 1e-12)).all()
