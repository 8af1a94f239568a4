"""Likeness of creators: popularity does not make alike, and the unknown are like nobody."""

from __future__ import annotations

import numpy as np

from matching.alike import Likeness

VECTORS = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
VECTORS[7, :4] = 0.0  # of whom nothing is known but how sought it is
ALIKE = Likeness(VECTORS, popularity=slice(4, 6))


def test_the_cosine_is_that_of_all_but_popularity() -> None:
    rows = np.array([3, 11, 20], dtype=np.int32)
    told = VECTORS[:, :4] / np.linalg.norm(VECTORS[:, :4], axis=1, keepdims=True).clip(1e-9)
    np.testing.assert_allclose(ALIKE.cosines(ALIKE.query(5), rows), told[rows] @ told[5], atol=1e-6)


def test_of_whom_nothing_is_known_is_like_nobody() -> None:
    everyone = np.arange(30, dtype=np.int32)
    assert not ALIKE.query(7).any()
    assert not ALIKE.cosines(ALIKE.query(7), everyone).any()
    assert ALIKE.cosines(ALIKE.query(5), everyone)[7] == 0.0
