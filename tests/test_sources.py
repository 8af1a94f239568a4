"""Sources propose by their own evidence; beyond a size only the proposed are predicted."""

from __future__ import annotations

import numpy as np
import pytest

from matching import sources
from matching.index import CreatorIndex, inner_products
from matching.sources import affinity_parts, propose, speaking_for

PARTS = {"collaborative": slice(0, 3), "audience": slice(3, 8), "popularity": slice(8, 9)}


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2_000, 9)).astype(np.float32)


@pytest.fixture(scope="module")
def index(vectors: np.ndarray) -> CreatorIndex:
    return CreatorIndex.build(vectors, vectors[:10])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make 2,000 creators too many to predict them all."""
    monkeypatch.setattr(sources, "EXACT_UP_TO", 500)
    monkeypatch.setattr(sources, "DEPTH", 50)


def _propose(index: CreatorIndex, allowed: np.ndarray, k: int = 20) -> np.ndarray:
    reach = np.arange(len(index.vectors), dtype=np.float32)
    return propose(index, index.vectors[0], PARTS, reach, allowed.astype(np.int32), k)


def test_a_small_market_needs_no_proposals(index: CreatorIndex) -> None:
    allowed = np.arange(0, 2_000, 3)
    assert _propose(index, allowed).tolist() == allowed.tolist()


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("step", [1, 2])
def test_each_source_proposes_its_best(index: CreatorIndex, vectors: np.ndarray, step: int) -> None:
    allowed = np.arange(0, 2_000, step)
    proposed = _propose(index, allowed)
    assert len(proposed) < 250
    assert np.array_equal(proposed, np.unique(proposed))
    assert set(proposed) <= set(allowed)
    columns = [slice(0, 9), *PARTS.values()]
    for part in columns:
        scores = inner_products(vectors[allowed][:, part], vectors[0, part])
        best = allowed[np.argsort(-scores, kind="stable")[:50]]
        assert set(best) <= set(proposed)
    assert set(allowed[-50:]) <= set(proposed)  # those who reach most, whoever asks


@pytest.mark.usefixtures("few")
def test_a_long_list_is_chosen_among_everyone(index: CreatorIndex) -> None:
    assert len(_propose(index, np.arange(2_000), k=51)) == 2_000


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
