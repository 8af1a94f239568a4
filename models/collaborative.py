"""Collaborative factors: what the history of cooperations alone says about who fits whom."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.pairs import State
from models.spectral import SpectralFactors


class CollaborativeFactors(BaseEstimator):  # type: ignore[misc]
    """Implicit ALS beside spectral factors, as one vector per merchant and creator.

    ALS weighs every cooperation by its strength and sees the popular as popular; the spectral
    filter takes popularity out before it looks for directions. Each estimates the same matrix of
    zeros and ones, so their scores are added, and they err in different places.

    A merchant or creator without any cooperation has factors of zero.

    Parameters
    ----------
    factors : int, default 64
        Numbers per vector from ALS; 0 leaves ALS out.
    spectral : int, default 64
        Numbers per vector from the spectral filter; 0 leaves it out.
    regularization : float, default 5.0
        ALS: pull of every factor towards zero.
    alpha : float, default 40.0
        ALS: confidence in a cooperation of typical strength is ``1 + alpha``, in a pair that
        never met 1.
    iterations : int, default 15
        ALS: sweeps over both sides.
    seed : int, default 0

    Attributes
    ----------
    merchant_factors_ : float32 array of shape (n_merchants, d)
    creator_factors_ : float32 array of shape (n_creators, d)
        Their inner product is the score.
    parts_ : dict of str to slice
        Which of the ``d`` columns are ``als`` and which ``spectral``.
    typical_ : float
        Median weight of the cooperations fitted; what ``strength`` measures weights by.

    References
    ----------
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.

    Examples
    --------
    >>> met = sp.csr_matrix(np.array([[1.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]]))
    >>> factors = CollaborativeFactors(factors=2, spectral=2).fit(met)
    >>> score = factors.merchant_factors_ @ factors.creator_factors_.T
    >>> score[1].argsort()[::-1][:2].tolist()  # creator 1 works with the one who knows creator 0
    [0, 1]
    """

    def __init__(
        self,
        *,
        factors: int = 64,
        spectral: int = 64,
        regularization: float = 5.0,
        alpha: float = 40.0,
        iterations: int = 15,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.spectral = spectral
        self.regularization = regularization
        self.alpha = alpha
        self.iterations = iterations
        self.seed = seed

    @classmethod
    def quality(cls, **overrides: Any) -> Self:
        """Large and slow: for batch work where two CPU minutes per million cells are well spent."""
        settings: dict[str, Any] = {
            "factors": 256,
            "spectral": 512,
            "regularization": 100.0,
            "alpha": 100.0,
        }
        return cls(**(settings | overrides))

    def fit(self, interactions: sp.csr_matrix) -> Self:
        """Learn the factors.

        Parameters
        ----------
        interactions : csr_matrix of shape (n_merchants, n_creators)
            Non-negative weights, 0 = never met.

        Raises
        ------
        ValueError
            When a weight is negative or not finite.
        """
        matrix = checked(interactions)
        self.typical_ = float(np.median(matrix.data)) if matrix.nnz else 1.0
        matrix = strength(matrix, self.typical_)
        self._als = self._fit_als(matrix)
        self._spectral = SpectralFactors(factors=self.spectral, seed=self.seed).fit(matrix)
        self._assemble()
        return self

    def fold_in_merchants(self, rows: sp.csr_matrix) -> Vectors:
        """Factors of merchants seen after the fit, everything else held fixed.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_creators)
            Their cooperations, weighted as in ``fit``.

        Returns
        -------
        float32 array of shape (n, d); an empty row gives zeros
        """
        check_is_fitted(self, "merchant_factors_")
        rows = strength(rows, self.typical_)
        with threadpool_limits(1, user_api="blas"):
            als = self._als.recalculate_user(np.arange(rows.shape[0]), rows)
        return np.hstack([als, self._spectral.fold_in_merchants(rows)])

    def fold_in_creators(self, rows: sp.csr_matrix) -> Vectors:
        """Factors of creators seen after the fit, from a csr_matrix of shape (n, n_merchants)."""
        check_is_fitted(self, "merchant_factors_")
        rows = strength(rows, self.typical_)
        with threadpool_limits(1, user_api="blas"):
            als = self._als.recalculate_item(np.arange(rows.shape[0]), rows)
        return np.hstack([als, self._spectral.fold_in_creators(rows)])

    def state(self) -> State:
        """All that fold-in and scoring need."""
        check_is_fitted(self, "merchant_factors_")
        return {
            "parameters": self.get_params(),
            "typical": self.typical_,
            "merchant_factors": self._als.user_factors,
            "creator_factors": self._als.item_factors,
            "spectral": self._spectral.state(),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        restored = cls(**state["parameters"])
        restored.typical_ = float(state["typical"])
        restored._als = restored._blank_als()
        # Copied, since implicit refuses memory that is read-only, as that of a mapped file is.
        restored._als.user_factors = np.array(state["merchant_factors"])
        restored._als.item_factors = np.array(state["creator_factors"])
        restored._spectral = SpectralFactors.from_state(state["spectral"])
        restored._assemble()
        return restored

    def _blank_als(self) -> AlternatingLeastSquares:
        with threadpool_limits(1, user_api="blas"):  # implicit warns of a BLAS with several threads
            return AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                alpha=self.alpha,
                iterations=self.iterations,
                random_state=self.seed,
                use_gpu=False,
            )

    def _fit_als(self, matrix: sp.csr_matrix) -> AlternatingLeastSquares:
        model = self._blank_als()
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            model.fit(matrix, show_progress=False)
        # Conjugate gradients leave traces of the random start where there is nothing to fit.
        model.user_factors[np.diff(matrix.indptr) == 0] = 0.0
        model.item_factors[matrix.getnnz(axis=0) == 0] = 0.0
        return model

    def _assemble(self) -> None:
        sides = (self._als.user_factors, self._als.item_factors)
        spectral = (self._spectral.merchant_factors_, self._spectral.creator_factors_)
        self.merchant_factors_: Vectors = np.hstack([sides[0], spectral[0]])
        self.creator_factors_: Vectors = np.hstack([sides[1], spectral[1]])
        width = sides[0].shape[1]
        self.parts_ = {
            "als": slice(0, width),
            "spectral": slice(width, self.merchant_factors_.shape[1]),
        }


def checked(interactions: sp.csr_matrix) -> sp.csr_matrix:
    """Interactions as float32 without stored zeros.

    Raises
    ------
    ValueError
        When a weight is negative or not finite.
    """
    matrix = sp.csr_matrix(interactions, dtype=np.float32, copy=True)
    matrix.eliminate_zeros()
    if not np.all(matrix.data > 0) or not np.all(np.isfinite(matrix.data)):
        raise ValueError(
            "interactions hold negative or non-finite weights; expected weights >= 0, "
            "with refusals and refunds already netted off"
        )
    return matrix


def strength(weights: sp.csr_matrix, typical: float | None = None) -> sp.csr_matrix:
    """Weights of any unit as strengths in (0, 2), 1 for a typical one; float32.

    The hundredth cooperation of a pair tells less than its second: ``2 w / (w + typical)``,
    where the typical weight is the median unless it is given.

    Examples
    --------
    >>> strength(sp.csr_matrix(np.array([[0.0, 5.0, 45.0]])), typical=5.0).toarray().tolist()
    [[0.0, 1.0, 1.7999999523162842]]
    """
    matrix = sp.csr_matrix(weights, dtype=np.float32, copy=True)
    if typical is None:
        typical = float(np.median(matrix.data)) if matrix.nnz else 1.0
    matrix.data = 2 * matrix.data / (matrix.data + np.float32(typical))
    return matrix
