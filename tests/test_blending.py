"""Blends: as near as any of their width can be, and exact where the rank allows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.blending import Blend


def narrowed(
    left: np.ndarray, right: np.ndarray, width: int, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Scores after the cut."""
    blend = Blend.fit(left, right, width, merchant_weights=rows, creator_weights=columns)
    assert blend.merchants.shape == blend.creators.shape == (left.shape[1], width)
    return (left @ blend.merchants) @ (right @ blend.creators).T


@given(seed=st.integers(0, 2**31 - 1), width=st.integers(1, 5))
@settings(max_examples=30)
def test_no_cut_of_that_width_is_nearer(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((12, 5)).astype(np.float32)
    right = rng.standard_normal((9, 5)).astype(np.float32)
    rows, columns = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 9)
    weights = np.sqrt(np.outer(rows, columns))
    scores = left @ right.T
    s = np.linalg.svd(weights * scores, compute_uv=False)
    best = np.sqrt(np.square(s[width:]).sum())
    found = narrowed(left, right, width, rows, columns)
    missed = np.linalg.norm(weights * (scores - found))
    assert missed <= best + 1e-3 * np.linalg.norm(weights * scores)


def test_columns_that_say_the_same_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    one = rng.standard_normal((10, 2)).astype(np.float32)
    left, right = np.hstack([one, one]), rng.standard_normal((7, 4)).astype(np.float32)
    found = narrowed(left, right, 2, np.ones(10), np.ones(7))
    np.testing.assert_allclose(found, left @ right.T, atol=1e-4)


def test_nothing_stays_nothing() -> None:
    nothing = np.zeros((3, 4), dtype=np.float32)
    assert not narrowed(nothing, nothing, 2, np.ones(3), np.ones(3)).any()
