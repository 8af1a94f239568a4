"""Whitening: directions made alike, the unknown left alone."""

from __future__ import annotations

import numpy as np

from models.whitening import Whitening, unit


def test_full_whitening_makes_directions_alike() -> None:
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(500, 4)) * [10, 3, 1, 0.5]).astype(np.float32)
    known = np.ones(500, bool)
    plain = Whitening.fit([(rows, known)], power=0.0, width=4).transform(rows)
    np.testing.assert_allclose(plain @ plain.T, unit(rows) @ unit(rows).T, atol=1e-4)
    white = Whitening.fit([(rows, known)], power=0.5, width=4).transform(rows)
    spread = white.std(axis=0)
    assert spread.max() / spread.min() < 1.5
    assert Whitening.fit([(rows, known)], power=0.5, width=2).transform(rows).shape == (500, 2)


def test_whitening_leaves_the_unknown_at_zero() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    white = Whitening.fit([(rows, np.array([True, False]))], power=0.5, width=2)
    assert not white.transform(rows)[1].any()
