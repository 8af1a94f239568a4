"""Codes name everybody who could be among the best, whatever the vectors look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.search import codes, scanning
from matching.search.codes import Codes
from matching.search.products import best_first, inner_products
from matching.search.scanning import scattered


def _vectors(kind: str, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    vectors = rng.normal(size=(n, d))
    if kind == "whole":
        vectors = np.round(vectors)  # many ties
    if kind == "twins":
        vectors = vectors[rng.integers(max(1, n // 9), size=n)]
    if kind == "nobody":
        vectors *= rng.random((n, 1)) < 0.3
    if kind == "uneven":
        vectors *= rng.lognormal(sigma=3, size=(n, 1)) * rng.lognormal(sigma=2, size=d)
    if kind == "rising":
        vectors *= np.linspace(0, 5, n)[:, None]
    scale = {"huge": 1e18, "endless": 1e38, "tiny": 1e-38, "vanishing": 1e-44}.get(kind, 1.0)
    return (vectors * scale).astype(np.float32)


KINDS = (
    *("plain", "whole", "twins", "nobody", "uneven", "rising"),
    *("huge", "endless", "tiny", "vanishing"),
)


def _check(
    coded: Codes, vectors: np.ndarray, query: np.ndarray, k: int, rng: np.random.Generator
) -> None:
    n = len(vectors)
    with np.errstate(all="ignore"):
        scores = inner_products(vectors, query)
    among = np.flatnonzero(rng.random(n) < 0.7).astype(np.int32)
    left_out = np.unique(rng.integers(n, size=5)).astype(np.int32)
    for chosen, unwanted in ((None, []), (among, []), (None, left_out), (among, left_out)):
        rows = coded.near(query, k, among=chosen, left_out=np.array(unwanted, dtype=np.int32))
        everyone = np.setdiff1d(np.arange(n) if chosen is None else chosen, unwanted)
        named = np.sort(rows)
        assert np.isin(named, everyone).all()
        assert len(np.unique(named)) == len(named)
        best = everyone[best_first(scores[everyone], k)]
        assert np.isin(best, named).all()
        assert named[best_first(scores[named], k)].tolist() == best.tolist()


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 3_000),
    st.sampled_from([1, 2, 5, 16, 40]),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["like a creator", "new", "nobody", "huge", "unknown"]),
)
def test_nobody_who_could_be_among_the_best_is_missing(
    kind: str, n: int, d: int, k: int, seed: int, asker: str
) -> None:
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        vectors = _vectors(kind, n, d, rng)
        finite = np.nan_to_num(vectors)
        query = {
            "like a creator": finite[n // 2],
            "new": rng.normal(size=d).astype(np.float32),
            "nobody": np.zeros(d, dtype=np.float32),
            "huge": np.full(d, 1e30, dtype=np.float32),
            "unknown": np.full(d, np.nan, dtype=np.float32),
        }[asker]
        _check(Codes.build(finite), finite, query, k, rng)


def test_few_more_are_named_than_asked_for() -> None:
    rng = np.random.default_rng(0)
    vectors = _vectors("plain", 20_000, 64, rng)
    coded = Codes.build(vectors)
    named = [len(coded.near(query, 100)) for query in vectors[:20]]
    assert min(named) >= 100
    assert max(named) < 250


def test_the_best_at_the_end_are_found_though_the_bar_was_raised_too_far() -> None:
    # The best lie in one block that is looked at first, so those seen stand for nobody else.
    vectors = np.ones((40_000, 2), dtype=np.float32)
    vectors[:1_000, 0] = np.linspace(9, 10, 1_000)
    vectors[1_100:, 0] = np.linspace(0, 1, 38_900)
    coded = Codes.build(vectors)
    query = np.array([1, 0], dtype=np.float32)
    named = coded.near(query, 500)
    assert np.isin(np.arange(500, 1_000), named).all()
    assert len(named) < 40_000


def test_written_and_mapped_codes_name_the_same(tmp_path: Path) -> None:
    vectors = _vectors("uneven", 2_000, 9, np.random.default_rng(0))
    coded = Codes.build(vectors)
    facts = coded.save(tmp_path / "codes.faiss")
    again = Codes.load(tmp_path / "codes.faiss", vectors.shape, facts)
    assert np.array_equal(again.codes, coded.codes)
    assert not again.codes.flags.writeable
    for query in vectors[:5]:
        assert again.near(query, 10).tolist() == coded.near(query, 10).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_loops_in_python_are_the_same_loops(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    vectors = np.nan_to_num(_vectors(kind, 450, 3, rng))
    compiled = Codes.build(vectors)
    for name in ("_dots", "_tighten", "_wider"):
        monkeypatch.setattr(scanning, name, getattr(scanning, name).py_func)
    for name in ("aim_at", "near_rows", "_bound"):
        monkeypatch.setattr(codes, name, getattr(codes, name).py_func)
    monkeypatch.setattr(codes, "AT_ONCE", 16)
    monkeypatch.setattr(scanning, "AT_ONCE", 16)
    monkeypatch.setattr(scanning, "_PART", 8)
    with np.errstate(all="ignore"):
        coded = Codes.build(vectors)
        assert np.allclose(coded.slack, compiled.slack, rtol=1e-4)
        for k in (1, 3):
            _check(coded, vectors, vectors[7], k, rng)


def test_blocks_are_each_looked_at_once() -> None:
    for size in (1, 5, 64, 65, 1_000):
        firsts, ranks = scattered(size, 8, 20)
        assert sorted(firsts.tolist()) == list(range(0, size, 8))
        assert ranks[-1] == 20
        assert (ranks <= 20).all()
