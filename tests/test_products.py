"""A score depends on its pair alone, and lists are ordered by score and then by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.search import products
from matching.search.products import best_first, best_of_each, inner_products, products_of

NAN = float("nan")


@pytest.mark.parametrize("d", [0, 1, 7, 16, 33, 386])
def test_a_product_depends_on_its_pair_alone(d: int) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(2_000, d)).astype(np.float32)
    whole = inner_products(vectors, vectors[0])
    assert np.allclose(whole, vectors.astype(np.float64) @ vectors[0], rtol=1e-4, atol=1e-4)
    for size in (1, 2, 3, 17, 1_000):
        rows = rng.choice(len(vectors), size, replace=False).astype(np.int32)
        assert np.array_equal(inner_products(vectors[rows], vectors[0]), whole[rows])
        starts = np.array([0, size // 2, size])
        among = products_of(vectors, vectors[[0, 0]], starts, rows)
        assert np.array_equal(among, whole[rows])


def test_columns_of_wider_vectors_give_the_same() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    part = slice(3, 24)
    packed = np.ascontiguousarray(vectors[:, part])
    assert np.array_equal(
        inner_products(vectors[:, part], vectors[0, part]), inner_products(packed, packed[0])
    )


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, NAN]), max_size=30), st.integers(1, 40))
def test_best_first_is_a_stable_sort_with_unknown_last(scores: list[float], k: int) -> None:
    def key(place: int) -> tuple[bool, float, int]:
        unknown = scores[place] != scores[place]
        return unknown, 0 if unknown else -scores[place], place

    expected = sorted(range(len(scores)), key=key)[:k]
    assert best_first(np.array(scores, dtype=np.float64), k).tolist() == expected


_AWKWARD = [0.0, -0.0, 1.0, -1.0, 0.5, -0.25, 1e-40, -1e-40, float("inf"), -float("inf"), NAN]


@pytest.mark.parametrize("loop", [products._order, products._order_each])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(_AWKWARD), max_size=12)), st.integers(0, 15))
def test_lists_are_cut_by_score_and_then_by_row(
    monkeypatch: pytest.MonkeyPatch, loop: Callable[..., None], lists: list[list[float]], k: int
) -> None:
    monkeypatch.setattr(products, "_order", loop)
    rng = np.random.default_rng(len(lists))
    starts = np.cumsum([0, *map(len, lists)])
    rows = [rng.permutation(100)[: len(one)].astype(np.int32) for one in lists]
    scores = np.array([one for of_one in lists for one in of_one], dtype=np.float32)
    empty = np.empty(0, dtype=np.int32)
    ends, found, worth = best_of_each(starts, np.concatenate([empty, *rows]), scores, k)
    for i in range(len(lists)):
        mine = dict(zip(rows[i].tolist(), scores[starts[i] : starts[i + 1]], strict=True))
        known = sorted((-mine[row], row) for row in mine if mine[row] == mine[row])
        unknown = sorted(row for row in mine if mine[row] != mine[row])
        order = [*(row for _, row in known), *unknown][:k]
        at = slice(ends[i], ends[i + 1])
        assert found[at].tolist() == order
        assert np.array_equal(worth[at], [mine[row] for row in order], equal_nan=True)


def test_the_loop_in_python_scores_likewise() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 5)).astype(np.float32)
    starts, rows = np.array([0, 2, 2, 5]), np.array([3, 1, 0, 5, 2], dtype=np.int32)
    by_hand = np.empty(5, dtype=np.float32)
    products._score_pairs(vectors, vectors[:3], starts, rows, by_hand)
    assert np.allclose(by_hand, products_of(vectors, vectors[:3], starts, rows), rtol=1e-6)
