"""ALS from a given start: known answers, what damping does, fold-in."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

from models.alternating import AlternatingFactors
from models.spectral import SpectralFactors


@pytest.fixture(scope="module")
def circles() -> sp.csr_matrix:
    """Five circles of eight merchants and twelve creators, each cell there with 60 %."""
    rng = np.random.default_rng(4)
    inside = np.kron(np.eye(5), np.ones((8, 12))) > 0
    return sp.csr_matrix((inside & (rng.random(inside.shape) < 0.6)).astype(np.float32))


def loss(factors: AlternatingFactors, met: sp.csr_matrix) -> float:
    """What ALS goes down on, with the confidences of undamped strengths."""
    score = factors.merchant_factors_ @ factors.creator_factors_.T
    confidence = 1 + (factors.scale_ - 1) * met.toarray()
    pull = np.square(factors.merchant_factors_).sum() + np.square(factors.creator_factors_).sum()
    missed = confidence * np.square(met.toarray() - score)
    return float(missed.sum() + factors.regularization * pull)


def test_a_good_start_saves_sweeps(circles: sp.csr_matrix) -> None:
    spectral = SpectralFactors(factors=5).fit(circles)
    start = (spectral.merchant_factors_, spectral.creator_factors_)
    settings = {"factors": 5, "regularization": 1.0, "alpha": 10.0, "damping": 0.0}
    led = AlternatingFactors(**settings, iterations=1).fit(circles, start)
    alone = AlternatingFactors(**settings, iterations=1).fit(circles)
    longer = AlternatingFactors(**settings, iterations=30).fit(circles)
    assert loss(led, circles) < loss(alone, circles)
    assert loss(led, circles) < 1.2 * loss(longer, circles)


def test_the_sought_are_trusted_less() -> None:
    met = np.zeros((20, 3), dtype=np.float32)
    met[:, 0] = 1.0  # everybody books the first
    met[0, 1] = met[1, 2] = 1.0

    def niche_over_sought(damping: float) -> float:
        settings = {"factors": 2, "regularization": 5.0, "alpha": 5.0, "iterations": 30}
        factors = AlternatingFactors(**settings, damping=damping).fit(sp.csr_matrix(met))
        score = factors.merchant_factors_ @ factors.creator_factors_.T
        return float(score[0, 1] / score[0, 0])

    assert niche_over_sought(0.5) > 1.1 * niche_over_sought(0.0) > 0


def test_fold_in_finds_the_circle(circles: sp.csr_matrix) -> None:
    factors = AlternatingFactors(factors=8, regularization=1.0, iterations=8).fit(circles)
    merchants = factors.fold_in_merchants(circles[:2]) @ factors.creator_factors_.T
    assert merchants[:, :12].min() > merchants[:, 12:].max()
    creators = factors.fold_in_creators(circles[:, :2].T.tocsr()) @ factors.merchant_factors_.T
    assert creators[:, :8].min() > creators[:, 8:].max()
    assert not factors.fold_in_merchants(sp.csr_matrix((1, 60))).any()
    assert not factors.fold_in_creators(sp.csr_matrix((1, 40))).any()


def test_fold_in_asks_for_a_fit() -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        AlternatingFactors().fold_in_merchants(sp.csr_matrix((1, 3)))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        AlternatingFactors().fold_in_creators(sp.csr_matrix((1, 3)))
