"""The blocked product names everybody who could be among the best, or says that it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.search import nearest as room
from matching.search.nearest import nearest
from matching.search.products import best_first, inner_products


def _check(
    vectors: np.ndarray,
    queries: np.ndarray,
    k: int,
    among: np.ndarray | None,
    left_out: list[list[int]],
) -> np.ndarray:
    with np.errstate(all="ignore"):
        longest = float(np.linalg.norm(vectors.astype(np.float64), axis=1).max())
        starts, rows, settled = nearest(
            vectors,
            queries,
            k,
            longest,
            among,
            np.cumsum([0, *map(len, left_out)]),
            np.array([one for of_one in left_out for one in of_one], dtype=np.int32),
        )
        everyone = np.arange(len(vectors)) if among is None else among
        for i, query in enumerate(queries):
            named = np.sort(rows[starts[i] : starts[i + 1]])
            if not settled[i]:
                assert len(named) == 0
                continue
            wanted = np.delete(everyone, left_out[i])
            assert np.isin(named, wanted).all()
            scores = inner_products(vectors, query)
            best = wanted[best_first(scores[wanted], k)]
            assert named[best_first(scores[named], k)].tolist() == best.tolist()
    return settled


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["plain", "whole", "twins", "nobody", "uneven", "huge", "tiny"]),
    st.integers(200, 3_000),
    st.sampled_from([1, 3, 16, 40]),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
)
def test_nobody_who_could_be_among_the_best_is_missing(
    kind: str, n: int, d: int, k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d))
    if kind == "whole":
        vectors = np.round(vectors)
    if kind == "twins":
        vectors = vectors[rng.integers(n // 9, size=n)]
    if kind == "nobody":
        vectors *= rng.random((n, 1)) < 0.3
    if kind == "uneven":
        vectors *= rng.lognormal(sigma=3, size=(n, 1))
    vectors = (vectors * {"huge": 1e20, "tiny": 1e-38}.get(kind, 1.0)).astype(np.float32)
    queries = np.concatenate([vectors[:4], np.zeros((1, d), dtype=np.float32)])
    among = np.flatnonzero(rng.random(n) < 0.8).astype(np.int32) if seed % 2 else None
    size = n if among is None else len(among)
    left_out = [sorted(rng.choice(size, m, replace=False).tolist()) for m in (0, 3, 0, 40, 1)]
    settled = _check(vectors, queries, k, among, left_out)
    if kind == "plain" and d > 3:
        assert settled[:3].all()
    if kind == "huge":
        assert not settled[:4].any()


def test_no_more_than_a_few_are_named() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20_000, 32)).astype(np.float32)
    nobody = np.empty(0, dtype=np.int32)
    starts, _, settled = nearest(
        vectors, vectors[:64], 100, 12.0, None, np.zeros(65, np.int64), nobody
    )
    assert settled.all()
    assert np.diff(starts).max() < 105


def test_too_many_ties_are_left_to_others() -> None:
    vectors = np.ones((3_000, 4), dtype=np.float32)
    assert not _check(vectors, vectors[:3], 10, None, [[], [1], []]).any()


def test_a_bar_raised_too_far_is_noticed() -> None:
    vectors = np.ones((40_000, 2), dtype=np.float32)
    vectors[:, 0] = np.linspace(0, 1, 40_000)
    vectors[:500, 0] += 9  # all in the first block
    queries = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    settled = _check(vectors, queries, 400, None, [[], []])
    assert settled.tolist() == [False, True]


def test_loops_in_python_are_the_same_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_squeeze", "_sieve", "_raise", "_gather"):
        monkeypatch.setattr(room, name, getattr(room, name).py_func)
    monkeypatch.setattr(room, "_WIDE", 40)
    monkeypatch.setattr(room, "_WHOLE", 16)
    monkeypatch.setattr(room, "_PART", 8)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(290, 4)).astype(np.float32)
    assert _check(vectors, vectors[:5], 4, None, [[], [3, 280], [], [7], []]).all()
    among = np.arange(3, 290, 2, dtype=np.int32)
    assert _check(vectors, vectors[:2], 60, among, [list(range(100)), []]).all()
    vectors[:] = 1
    queries = np.array([[1, 1, 1, 1], [np.inf, 0, 0, 0]], dtype=np.float32)
    assert not _check(vectors, queries, 4, None, [[], []]).any()
