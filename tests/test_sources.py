"""Reading creators by promise finds the best; evidence that speaks for them is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import sources
from matching.index import inner_products
from matching.sources import Prospects, affinity_parts, speaking_for

PARTS = {"collaborative": slice(0, 3), "audience": slice(3, 8), "popularity": slice(8, 9)}


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2_000, 9)).astype(np.float32)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.floats(0, 2),
    st.floats(0, 1),
)
def test_reading_by_promise_finds_the_very_best(
    seed: int, k: int, slack: float, share: float
) -> None:
    """Whatever the scores are, as long as only partners exceed what they promise."""
    rng = np.random.default_rng(seed)
    n = 400
    promise = rng.normal(size=n).round(1)
    scores = np.exp(promise + 0.5 - slack * rng.random(n))
    scores[rng.random(n) < 0.05] = np.nan
    partners = np.sort(rng.choice(n, 9, replace=False)).astype(np.int32)
    scores[partners] *= 10
    allowed = np.flatnonzero(rng.random(n) < share).astype(np.int32)
    asked: list[int] = []

    def score(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return scores[rows]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BATCH", 8)
        rows, found = Prospects.of(promise).best(k, allowed, partners, 0.5, score)

    def key(row: int) -> tuple[bool, float, int]:
        unknown = bool(np.isnan(scores[row]))
        return unknown, 0.0 if unknown else -scores[row], row

    expected = sorted(allowed.tolist(), key=key)[:k]
    assert rows.tolist() == expected
    np.testing.assert_array_equal(found, scores[expected])
    assert len(asked) == len(set(asked))
    assert set(asked) <= set(allowed.tolist())


def test_it_stops_when_nobody_left_could_enter() -> None:
    promise = -np.arange(100_000, dtype=np.float64) / 1_000
    asked = []

    def score(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return np.exp(promise[rows])

    everyone = np.arange(100_000, dtype=np.int32)
    nobody = np.empty(0, dtype=np.int32)
    rows, _ = Prospects.of(promise).best(20, everyone, nobody, 1.0, score)
    assert rows.tolist() == list(range(20))
    assert sum(asked) == sources.BATCH


def test_parts_add_up_to_the_affinity(vectors: np.ndarray) -> None:
    parts = affinity_parts(vectors[0], vectors, PARTS)
    assert parts.shape == (2_000, 3)
    whole = inner_products(vectors, vectors[0])
    np.testing.assert_allclose(parts.sum(axis=1), whole, rtol=1e-4, atol=1e-5)


def test_without_parts_nothing_adds_up(vectors: np.ndarray) -> None:
    assert affinity_parts(vectors[0], vectors, {}).shape == (2_000, 0)


def test_sources_are_named_when_their_evidence_is_material() -> None:
    contributions = np.array(
        [[3.0, 6.0, 1.0], [-5.0, 0.1, 0.0], [0.0, 0.0, 0.0], [-1.0, -1.0, -1.0]], np.float32
    )
    assert speaking_for(contributions, PARTS) == [
        ["audience", "cooperations"],
        ["audience"],
        [],
        [],
    ]
