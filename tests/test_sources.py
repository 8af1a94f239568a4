"""What parts of the affinity add, and the evidence they speak by."""

from __future__ import annotations

import numpy as np
import pytest

from matching.reasons import sources
from matching.reasons.sources import affinity_parts, contributions_of, speaking_for
from matching.search.products import inner_products
from tests.in_python import in_python

PARTS = {"collaborative": slice(0, 3), "audience": slice(3, 8), "popularity": slice(8, 9)}


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2_000, 9)).astype(np.float32)


@pytest.fixture(params=["compiled", "in Python"])
def loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in Python":
        in_python(sources, monkeypatch)


def test_parts_add_up_to_the_affinity(vectors: np.ndarray) -> None:
    parts = affinity_parts(vectors[0], vectors, PARTS)
    assert parts.shape == (2_000, 3)
    whole = inner_products(vectors, vectors[0])
    np.testing.assert_allclose(parts.sum(axis=1), whole, rtol=1e-4, atol=1e-5)


def test_without_parts_nothing_adds_up(vectors: np.ndarray) -> None:
    assert affinity_parts(vectors[0], vectors, {}).shape == (2_000, 0)


@pytest.mark.usefixtures("loops")
def test_contributions_are_those_beyond_the_usual(vectors: np.ndarray) -> None:
    starts = np.array([0, 2, 2, 5])
    rows = np.array([5, 6, 7, 5, 1_999], dtype=np.int32)
    askers, usual = vectors[10:13], vectors.mean(axis=0)
    made = contributions_of(askers, starts, rows, vectors, usual, PARTS)
    for i, (asker, row) in enumerate(zip([0, 0, 2, 2, 2], rows, strict=True)):
        product = askers[asker] * (vectors[row] - usual)
        expected = [product[part].sum() for part in PARTS.values()]
        np.testing.assert_allclose(made[i], expected, rtol=1e-4, atol=1e-5)


def test_a_pair_owes_nothing_to_its_block(vectors: np.ndarray) -> None:
    """The same bits alone, in a block, and from vectors that stay on disk."""
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(300, 386)).astype(np.float32)
    parts = {"collaborative": slice(0, 114), "audience": slice(114, 384), "rest": slice(384, 386)}
    starts = np.arange(0, 1_001, 10)
    rows = rng.integers(0, 300, 1_000).astype(np.int32)
    askers, usual = rng.normal(size=(100, 386)).astype(np.float32), wide.mean(axis=0)
    together = contributions_of(askers, starts, rows, wide, usual, parts)
    for place in (0, 17, 999):
        own, alone = askers[[place // 10]], rows[[place]]
        made = contributions_of(own, np.array([0, 1]), alone, wide, usual, parts)
        np.testing.assert_array_equal(made[0], together[place])
    wide.flags.writeable = False
    again = contributions_of(askers, starts, rows, wide, usual, parts)
    np.testing.assert_array_equal(again, together)


@pytest.mark.usefixtures("loops")
def test_sources_are_named_when_their_evidence_is_material() -> None:
    contributions = np.array(
        [
            [3.0, 6.0, 1.0],
            [-5.0, 0.1, 0.0],
            [0.0, 0.0, 0.0],
            [-1.0, -1.0, -1.0],
            [2.0, 1.0, 2.0],
            [np.nan, 1.0, 2.0],
        ],
        np.float32,
    )
    assert speaking_for(contributions, PARTS).lists() == [
        ["audience", "cooperations"],
        ["audience"],
        [],
        [],
        ["cooperations", "popularity", "audience"],
        [],
    ]


def test_nobody_has_no_sources() -> None:
    assert speaking_for(np.empty((0, 3), np.float32), PARTS).lists() == []
    assert speaking_for(np.empty((2, 0), np.float32), {}).lists() == [[], []]
