"""Spectral factors: the main directions of who works with whom, by truncated SVD."""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.pairs import Floats, State


class SpectralFactors(BaseEstimator):  # type: ignore[misc]
    """Low-pass filter of the graph of merchants and creators.

    The matrix is divided by the square roots of its row and column sums, so that the popular do
    not fill every direction, cut to its leading singular vectors, and multiplied back:
    ``X ~ D_m^½ U S V' D_c^½``. Directions that few cooperations support are noise and fall away.
    Nothing is sampled but the start of the power iteration, which the seed fixes.

    Parameters
    ----------
    factors : int, default 64
        Singular vectors kept; never more than the smaller side of the matrix.
    iterations : int, default 6
        Power iterations of the randomised SVD.
    seed : int, default 0

    Attributes
    ----------
    merchant_factors_ : float32 array of shape (n_merchants, factors)
    creator_factors_ : float32 array of shape (n_creators, factors)
        Their inner product is the filtered matrix.
    singular_values_ : float64 array of shape (factors,)
        In [0, 1], falling.
    merchant_sums_, creator_sums_ : float64 arrays of shape (n_merchants,) and (n_creators,)

    References
    ----------
    Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021 (GF-CF, its
    ideal low-pass part). Halko, Martinsson and Tropp, 2011 (the randomised SVD).

    Examples
    --------
    >>> met = sp.csr_matrix(np.array([[1.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]]))
    >>> spectral = SpectralFactors(factors=2).fit(met)
    >>> np.round(spectral.merchant_factors_ @ spectral.creator_factors_.T, 1) + 0.0
    array([[1.3, 0.7, 0. , 0. ],
           [0.7, 0.3, 0. , 0. ],
           [0. , 0. , 1. , 1. ]], dtype=float32)
    """

    def __init__(self, *, factors: int = 64, iterations: int = 6, seed: int = 0) -> None:
        self.factors = factors
        self.iterations = iterations
        self.seed = seed

    def fit(self, interactions: sp.csr_matrix) -> Self:
        """Learn the factors.

        Parameters
        ----------
        interactions : csr_matrix of shape (n_merchants, n_creators)
            Not negative, 0 = never met.
        """
        matrix = sp.csr_matrix(interactions, dtype=np.float32)
        self.merchant_sums_ = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
        self.creator_sums_ = np.asarray(matrix.sum(axis=0, dtype=np.float64)).ravel()
        rows, columns = np.sqrt(self.merchant_sums_), np.sqrt(self.creator_sums_)
        normalised = sp.diags_array(_inverse(rows)) @ matrix @ sp.diags_array(_inverse(columns))
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            left, values, right = randomized_svd(
                sp.csr_matrix(normalised, dtype=np.float32),
                min(self.factors, *matrix.shape),
                n_iter=self.iterations,
                random_state=self.seed,
            )
        # A direction without weight is rounding dust; fold-in would divide by it.
        self.singular_values_ = np.where(values > 1e-5, values, 0.0).astype(np.float64)
        root = np.sqrt(self.singular_values_)
        self.merchant_factors_: Vectors = (rows[:, None] * left * root).astype(np.float32)
        self.creator_factors_: Vectors = (columns[:, None] * right.T * root).astype(np.float32)
        return self

    def fold_in_merchants(self, rows: sp.csr_matrix) -> Vectors:
        """Factors of merchants seen after the fit, everything else held fixed.

        Exact: a merchant of the fit gets its own factors again.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_creators)
            Their cooperations, as in ``fit``.

        Returns
        -------
        float32 array of shape (n, factors); an empty row gives zeros
        """
        check_is_fitted(self, "creator_factors_")
        return self._fold_in(rows, self.creator_factors_, self.creator_sums_)

    def fold_in_creators(self, rows: sp.csr_matrix) -> Vectors:
        """Factors of creators seen after the fit; as ``fold_in_merchants``, mirrored.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_merchants)

        Returns
        -------
        float32 array of shape (n, factors); an empty row gives zeros
        """
        check_is_fitted(self, "merchant_factors_")
        return self._fold_in(rows, self.merchant_factors_, self.merchant_sums_)

    def _fold_in(self, rows: sp.csr_matrix, factors: Vectors, sums: Floats) -> Vectors:
        # H D^-½ V S^-½, where factors = D^½ V S^½: one division by D, one by S.
        scaled = sp.csr_matrix(rows, dtype=np.float32, copy=True)
        scaled.data *= _inverse(sums).astype(np.float32)[scaled.indices]
        folded: Vectors = (scaled @ factors) * _inverse(self.singular_values_).astype(np.float32)
        return folded

    def state(self) -> State:
        """All that fold-in and scoring need."""
        check_is_fitted(self, "merchant_factors_")
        return {
            "parameters": self.get_params(),
            "merchant_factors": self.merchant_factors_,
            "creator_factors": self.creator_factors_,
            "merchant_sums": self.merchant_sums_,
            "creator_sums": self.creator_sums_,
            "singular_values": self.singular_values_,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        restored = cls(**state["parameters"])
        restored.merchant_factors_ = state["merchant_factors"]
        restored.creator_factors_ = state["creator_factors"]
        restored.merchant_sums_ = state["merchant_sums"]
        restored.creator_sums_ = state["creator_sums"]
        restored.singular_values_ = state["singular_values"]
        return restored


def _inverse(values: Floats) -> Floats:
    """1/x, and 0 where x is 0: an empty row or column stays empty."""
    return np.divide(1.0, values, out=np.zeros_like(values, dtype=np.float64), where=values > 0)
