"""The index proposes through FAISS and is exact, ordered and complete all the same."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.index import CreatorIndex, best_first, inner_products


def _vectors(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    """Points around 20 centres: inverted lists find neighbours in such a cloud."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(20, d)) * 3
    return (centres[rng.integers(20, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def _brute(vectors: np.ndarray, query: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    scores = inner_products(vectors, query)
    order = sorted(allowed.tolist(), key=lambda row: (-scores[row], row))
    return np.array(order[:k], dtype=np.int32)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return _vectors(3_000)


@pytest.fixture(scope="module")
def flat(vectors: np.ndarray) -> CreatorIndex:
    return CreatorIndex.build(vectors, vectors[:50])


@pytest.fixture(scope="module")
def ivf(vectors: np.ndarray) -> CreatorIndex:
    return CreatorIndex.build(vectors, vectors[:50], exact_up_to=100, recall_target=0.9)


def test_small_is_exact_and_large_is_approximate(flat: CreatorIndex, ivf: CreatorIndex) -> None:
    assert (flat.kind, flat.recall) == ("flat", 1.0)
    assert ivf.kind == "ivf"
    assert 0.9 <= ivf.recall <= 1.0


def test_a_recall_out_of_reach_makes_it_exact(vectors: np.ndarray) -> None:
    index = CreatorIndex.build(vectors, vectors[:50], exact_up_to=100, recall_target=1.01)
    assert (index.kind, index.recall) == ("flat", 1.0)


def test_stated_recall_is_what_a_search_reaches(vectors: np.ndarray, ivf: CreatorIndex) -> None:
    rows, _ = ivf.search(vectors[:50], 100)
    everyone = np.arange(len(vectors))
    found = [
        len(set(row) & set(_brute(vectors, query, everyone, 100))) / 100
        for row, query in zip(rows, vectors[:50], strict=True)
    ]
    assert np.mean(found) == pytest.approx(ivf.recall)


@pytest.mark.parametrize("k", [1, 7, 100, 3_000, 10_000])
def test_flat_search_is_the_full_ranking(vectors: np.ndarray, flat: CreatorIndex, k: int) -> None:
    rows, scores = flat.search(vectors[:5], k)
    for row, score, query in zip(rows, scores, vectors[:5], strict=True):
        assert row.tolist() == _brute(vectors, query, np.arange(3_000), k).tolist()
        assert np.array_equal(score, inner_products(vectors[row], query))


@settings(max_examples=1_000, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 60), st.booleans())
def test_filtered_search_equals_brute_force(
    seed: int, share: float, k: int, approximate: bool
) -> None:
    vectors, index = _shared(approximate)
    rng = np.random.default_rng(seed)
    allowed = np.flatnonzero(rng.random(len(vectors)) < share).astype(np.int32)
    query = rng.normal(size=vectors.shape[1]).astype(np.float32)
    rows, _ = index.search(query[None], k, allowed=rng.permutation(allowed))
    assert rows[0].tolist() == _brute(vectors, query, allowed, k).tolist()


_built: dict[bool, tuple[np.ndarray, CreatorIndex]] = {}


def _shared(approximate: bool) -> tuple[np.ndarray, CreatorIndex]:
    if approximate not in _built:
        vectors = _vectors(500, 8)
        exact_up_to = 100 if approximate else 1_000
        index = CreatorIndex.build(
            vectors, vectors[:20], exact_up_to=exact_up_to, recall_target=0.5
        )
        _built[approximate] = vectors, index
    return _built[approximate]


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_one_query_or_many_give_the_same(
    kind: str, vectors: np.ndarray, request: pytest.FixtureRequest
) -> None:
    index: CreatorIndex = request.getfixturevalue(kind)
    together, scores = index.search(vectors[:40], 30)
    for i in range(40):
        alone, score = index.search(vectors[i : i + 1], 30)
        assert np.array_equal(alone[0], together[i])
        assert np.array_equal(score[0], scores[i])


def test_threads_do_not_change_the_answer(vectors: np.ndarray) -> None:
    answers = []
    before = faiss.omp_get_max_threads()
    for threads in (1, 2):
        faiss.omp_set_num_threads(threads)
        index = CreatorIndex.build(vectors, vectors[:50], exact_up_to=100, recall_target=0.9)
        answers.append(index.search(vectors[:50], 50)[0])
    faiss.omp_set_num_threads(before)
    assert np.array_equal(*answers)


def test_creators_nobody_knows_tie_and_are_ordered_by_row() -> None:
    vectors = np.zeros((400, 4), dtype=np.float32)
    vectors[7] = 1
    index = CreatorIndex.build(vectors, vectors[:1])
    rows, scores = index.search(np.ones((1, 4), dtype=np.float32), 5)
    assert rows[0].tolist() == [7, 0, 1, 2, 3]
    assert scores[0].tolist() == [4, 0, 0, 0, 0]


def test_no_missing_neighbour_escapes(vectors: np.ndarray, ivf: CreatorIndex) -> None:
    # One probed list cannot hold 2,000 neighbours, so FAISS itself answers -1 here.
    rows, _ = ivf.search(vectors[:3], 2_000)
    assert rows.min() >= 0
    assert all(len(set(row)) == 2_000 for row in rows)


def test_nobody_allowed_gives_an_empty_list(flat: CreatorIndex, vectors: np.ndarray) -> None:
    rows, scores = flat.search(vectors[:2], 5, allowed=np.empty(0, dtype=np.int32))
    assert rows.shape == scores.shape == (2, 0)


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_written_and_mapped_gives_the_same(
    kind: str, tmp_path: Path, vectors: np.ndarray, request: pytest.FixtureRequest
) -> None:
    index: CreatorIndex = request.getfixturevalue(kind)
    facts = index.save(tmp_path / "index.faiss")
    again = CreatorIndex.load(tmp_path / "index.faiss", vectors, facts)
    assert (again.kind, again.recall) == (index.kind, index.recall)
    for one, other in zip(
        again.search(vectors[:9], 20), index.search(vectors[:9], 20), strict=True
    ):
        assert np.array_equal(one, other)


def test_a_product_depends_on_its_row_alone(vectors: np.ndarray) -> None:
    whole = inner_products(vectors, vectors[0])
    rng = np.random.default_rng(1)
    for size in (1, 2, 3, 17, 1_000):
        rows = rng.choice(len(vectors), size, replace=False)
        assert np.array_equal(inner_products(vectors[rows], vectors[0]), whole[rows])


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, float("nan")]), max_size=30), st.integers(1, 40))
def test_best_first_is_a_stable_sort_with_unknown_last(scores: list[float], k: int) -> None:
    def key(place: int) -> tuple[bool, float, int]:
        unknown = scores[place] != scores[place]
        return unknown, 0 if unknown else -scores[place], place

    expected = sorted(range(len(scores)), key=key)[:k]
    assert best_first(np.array(scores, dtype=np.float64), k).tolist() == expected
