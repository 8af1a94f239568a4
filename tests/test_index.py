"""The index is exact, ordered and complete, whichever way it finds its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.history import Ragged
from matching.search.index import CreatorIndex
from matching.search.products import inner_products
from matching.shortlists import Shortlists

EVERYBODY = 10**9


def _vectors(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    """Points around 20 centres: inverted lists find neighbours in such a cloud."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(20, d)) * 3
    return (centres[rng.integers(20, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def _brute(vectors: np.ndarray, query: np.ndarray, allowed: Sequence[int], k: int) -> list[int]:
    scores = inner_products(vectors, query)
    return sorted(allowed, key=lambda row: (-scores[row], row))[:k]


def _lists(found: Shortlists) -> list[list[int]]:
    return [one.tolist() for one in np.split(found.rows, found.starts[1:-1])]


def _same(one: Shortlists, other: Shortlists) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("starts", "rows", "scores")
    )


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
    found = _lists(ivf.search(vectors[:50], 100))
    shares = [
        len(set(row) & set(_brute(vectors, query, range(3_000), 100))) / 100
        for row, query in zip(found, vectors[:50], strict=True)
    ]
    assert np.mean(shares) == pytest.approx(ivf.recall)


@pytest.mark.parametrize("k", [0, 1, 7, 100, 3_000, 10_000])
@pytest.mark.parametrize("queries", [1, 5, 9])
def test_flat_search_is_the_full_ranking(
    vectors: np.ndarray, flat: CreatorIndex, k: int, queries: int
) -> None:
    found = flat.search(vectors[:queries], k)
    assert found.scores.dtype == np.float64
    each = zip(_lists(found), np.split(found.scores, found.starts[1:-1]), strict=True)
    for query, (rows, scores) in zip(vectors, each, strict=False):
        assert rows == _brute(vectors, query, range(3_000), k)
        assert np.array_equal(scores, inner_products(vectors[rows], query))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from([1, 3, 8]),
)
def test_filtered_search_equals_brute_force(
    seed: int, share: float, k: int, approximate: bool, queries: int
) -> None:
    vectors, index = _shared(approximate)
    rng = np.random.default_rng(seed)
    allowed = np.flatnonzero(rng.random(len(vectors)) < share).astype(np.int32)
    asked = rng.normal(size=(queries, vectors.shape[1])).astype(np.float32)
    left_out = [
        rng.integers(len(vectors), size=n).astype(np.int32)
        for n in rng.choice([0, 3, 900], size=queries)
    ]
    found = index.search(asked, k, allowed=rng.permutation(allowed), left_out=Ragged.of(*left_out))
    for query, rows, unwanted in zip(asked, _lists(found), left_out, strict=True):
        assert rows == _brute(vectors, query, np.setdiff1d(allowed, unwanted).tolist(), k)


_built: dict[bool, tuple[np.ndarray, CreatorIndex]] = {}


def _shared(approximate: bool) -> tuple[np.ndarray, CreatorIndex]:
    if approximate not in _built:
        vectors = _vectors(2_500, 8)
        exact_up_to = 100 if approximate else EVERYBODY
        index = CreatorIndex.build(
            vectors, vectors[:20], exact_up_to=exact_up_to, recall_target=0.5
        )
        assert index.kind == ("ivf" if approximate else "flat")
        _built[approximate] = vectors, index
    return _built[approximate]


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_whom_one_asker_does_not_want_is_left_out_of_its_list_alone(
    kind: str, vectors: np.ndarray, request: pytest.FixtureRequest
) -> None:
    index: CreatorIndex = request.getfixturevalue(kind)
    asked = vectors[:12]
    everyone = index.search(asked, 20)
    unwanted = [np.array(rows[::-2] * (i % 2)) for i, rows in enumerate(_lists(everyone))]
    found = index.search(asked, 20, left_out=Ragged.of(*unwanted))
    for i, (rows, without) in enumerate(zip(_lists(found), unwanted, strict=True)):
        if i % 2:
            wanted = np.setdiff1d(range(3_000), without).tolist()
            assert rows == _brute(vectors, asked[i], wanted, 20)
        else:
            assert rows == _lists(everyone)[i]


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_one_query_or_many_give_the_same(
    kind: str, vectors: np.ndarray, request: pytest.FixtureRequest
) -> None:
    index: CreatorIndex = request.getfixturevalue(kind)
    together = index.search(vectors[:600], 30)
    assert _same(together, index.search(vectors[:600], 30, threads=2))
    for i in range(0, 600, 13):
        alone = index.search(vectors[i : i + 1], 30)
        there = slice(together.starts[i], together.starts[i + 1])
        assert np.array_equal(alone.rows, together.rows[there])
        assert np.array_equal(alone.scores, together.scores[there])


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_eight_threads_at_once_get_the_same(
    kind: str, vectors: np.ndarray, request: pytest.FixtureRequest
) -> None:
    index: CreatorIndex = request.getfixturevalue(kind)
    allowed = np.arange(0, 3_000, 2, dtype=np.int32)
    questions = [(vectors[i : i + n], only) for i in range(20) for n in (1, 9) for only in (0, 1)]

    def answer(question: tuple[np.ndarray, int]) -> Shortlists:
        return index.search(question[0], 25, allowed=allowed if question[1] else None)

    with ThreadPoolExecutor(8) as pool:
        for found, question in zip(pool.map(answer, questions), questions, strict=True):
            assert _same(found, answer(question))


def test_threads_do_not_change_the_answer(vectors: np.ndarray) -> None:
    answers = []
    before = faiss.omp_get_max_threads()
    for threads in (1, 2):
        faiss.omp_set_num_threads(threads)
        index = CreatorIndex.build(vectors, vectors[:50], exact_up_to=100, recall_target=0.9)
        answers.append(index.search(vectors[:50], 50))
    faiss.omp_set_num_threads(before)
    assert _same(*answers)


@pytest.mark.parametrize("queries", [1, 8])
def test_creators_nobody_knows_tie_and_are_ordered_by_row(queries: int) -> None:
    vectors = np.zeros((4_000, 4), dtype=np.float32)
    vectors[7] = 1
    index = CreatorIndex.build(vectors, vectors[:1])
    found = index.search(np.ones((queries, 4), dtype=np.float32), 5)
    assert _lists(found) == [[7, 0, 1, 2, 3]] * queries
    assert found.scores[:5].tolist() == [4, 0, 0, 0, 0]


def test_an_asker_nobody_knows_gets_the_first_rows(vectors: np.ndarray, flat: CreatorIndex) -> None:
    asked = vectors[:9].copy()
    asked[4] = 0
    assert _lists(flat.search(asked, 3))[4] == [0, 1, 2]
    assert _lists(flat.search(asked[4:5], 3)) == [[0, 1, 2]]


def test_no_missing_neighbour_escapes(vectors: np.ndarray, ivf: CreatorIndex) -> None:
    # Eight lists of a hundred cannot hold so many neighbours: FAISS itself answers -1 here.
    for rows in _lists(ivf.search(vectors[:3], 700)):
        assert len(set(rows)) == 700
        assert min(rows) >= 0


def test_nobody_allowed_gives_an_empty_list(flat: CreatorIndex, vectors: np.ndarray) -> None:
    found = flat.search(vectors[:2], 5, allowed=np.empty(0, dtype=np.int32))
    assert _lists(found) == [[], []]


def test_nobody_asks_and_nobody_is_listed(flat: CreatorIndex, vectors: np.ndarray) -> None:
    assert len(flat.search(vectors[:0], 5)) == 0
    nobody = CreatorIndex.build(vectors[:0], vectors[:2])
    assert _lists(nobody.search(vectors[:2], 5)) == [[], []]


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_written_and_mapped_gives_the_same(
    kind: str, tmp_path: Path, vectors: np.ndarray, request: pytest.FixtureRequest
) -> None:
    index: CreatorIndex = request.getfixturevalue(kind)
    facts = index.save(tmp_path / "index.faiss")
    again = CreatorIndex.load(tmp_path / "index.faiss", vectors, facts)
    assert (again.kind, again.recall) == (index.kind, index.recall)
    assert again._inverted is None or again._inverted.probes == index._inverted.probes
    for queries in (1, 9):
        asked = vectors[:queries]
        assert _same(again.search(asked, 20), index.search(asked, 20))
    # Any program with FAISS can read it: one vector per creator.
    assert faiss.read_index(str(tmp_path / "index.faiss")).ntotal == len(vectors)


def test_the_faiss_index_alone_finds_nearly_the_same(
    tmp_path: Path, vectors: np.ndarray, flat: CreatorIndex
) -> None:
    flat.save(tmp_path / "index.faiss")
    _, rows = faiss.read_index(str(tmp_path / "index.faiss")).search(vectors[:20], 10)
    exact = _lists(flat.search(vectors[:20], 10))
    shared = [len(set(one) & set(other)) for one, other in zip(rows.tolist(), exact, strict=True)]
    assert np.mean(shared) > 9
