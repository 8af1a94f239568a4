"""Alternating least squares, started where the spectral directions already are."""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.pairs import Floats, State


class AlternatingFactors(BaseEstimator):  # type: ignore[misc]
    """Implicit ALS whose first guess is given, and which trusts the popular a little less.

    From a random start the sweeps first have to find the main directions. Started on them, four
    sweeps recalled as much as fifteen had (``docs/log.md``). A pair that never met counts 1, a
    cooperation its strength times ``sought ** -damping``, scaled so that cooperations count
    ``alpha`` on average. ``sought`` is the sum of the creator's strengths: that everybody books
    somebody tells little of the one who does.

    Parameters
    ----------
    factors : int, default 256
        Numbers per vector.
    regularization : float, default 75.0
        Pull of every factor towards zero.
    alpha : float, default 50.0
        Mean confidence in a cooperation, where that in a pair that never met is 1.
    damping : float, default 0.25
        0 trusts all cooperations alike.
    iterations : int, default 4
        Sweeps over both sides.
    seed : int, default 0
        Of the start, or of what a start that is given lacks.

    Attributes
    ----------
    merchant_factors_ : float32 array of shape (n_merchants, factors)
    creator_factors_ : float32 array of shape (n_creators, factors)
        Their inner product estimates 1 for a cooperation and 0 for none.
    sought_ : float64 array of shape (n_creators,)
    scale_ : float
        Confidence in a cooperation of strength 1, before damping.

    References
    ----------
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008:
    the model, zeros that count little and cooperations that count by their strength. Takács,
    Pilászy and Tikk, "Applications of the conjugate gradient method for implicit feedback
    collaborative filtering", RecSys 2011: how each row is solved. Rendle, Krichene, Zhang and
    Koren, "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022: how
    much its settings matter.
    """

    def __init__(
        self,
        *,
        factors: int = 256,
        regularization: float = 75.0,
        alpha: float = 50.0,
        damping: float = 0.25,
        iterations: int = 4,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.regularization = regularization
        self.alpha = alpha
        self.damping = damping
        self.iterations = iterations
        self.seed = seed

    def fit(self, strengths: sp.csr_matrix, start: tuple[Vectors, Vectors] | None = None) -> Self:
        """Learn the factors.

        Parameters
        ----------
        strengths : csr_matrix of shape (n_merchants, n_creators)
            Positive where the two have cooperated, about 1 for a typical cooperation.
        start : two arrays of shape (n_merchants, d) and (n_creators, d), optional
            First guesses of at most ``factors`` numbers; what they lack starts at random.
        """
        self.sought_ = np.asarray(strengths.sum(axis=0, dtype=np.float64)).ravel()
        damped = _damp(strengths, self.sought_, self.damping)
        self.scale_ = float(self.alpha / np.mean(damped.data)) if damped.nnz else 1.0
        rng = np.random.default_rng(self.seed)
        sides = start or (np.zeros((n, 0), dtype=np.float32) for n in strengths.shape)
        guesses = [self._widen(side, rng) for side in sides]
        model = self._solver()
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            model.user_factors, model.item_factors = guesses
            if self.factors:  # BLAS complains of vectors without numbers
                model.fit(damped * np.float32(self.scale_), show_progress=False)
        self.merchant_factors_: Vectors = model.user_factors
        self.creator_factors_: Vectors = model.item_factors
        # Whoever met nobody has no place, whatever the start; without a sweep it would stay.
        self.merchant_factors_[np.diff(strengths.indptr) == 0] = 0.0
        self.creator_factors_[self.sought_ == 0] = 0.0
        return self

    def fold_in_merchants(self, rows: sp.csr_matrix, start: Vectors | None = None) -> Vectors:
        """Factors of merchants seen after the fit, everything else held fixed.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_creators)
            Strengths of their cooperations, as in ``fit``.
        start : array of shape (n, d), optional
            First guesses, as in ``fit``; what they lack starts at zero.

        Returns
        -------
        float32 array of shape (n, factors); an empty row gives zeros
        """
        check_is_fitted(self, "creator_factors_")
        damped = _damp(rows, self.sought_, self.damping)
        return self._solve(damped, start, self.creator_factors_)

    def fold_in_creators(self, rows: sp.csr_matrix, start: Vectors | None = None) -> Vectors:
        """Factors of creators seen after the fit; as ``fold_in_merchants``, mirrored.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_merchants)
        start : array of shape (n, d), optional

        Returns
        -------
        float32 array of shape (n, factors); an empty row gives zeros
        """
        check_is_fitted(self, "merchant_factors_")
        sought = np.asarray(rows.sum(axis=1, dtype=np.float64)).ravel()
        damped = _damp(rows.T.tocsr(), sought, self.damping).T.tocsr()
        return self._solve(damped, start, self.merchant_factors_)

    def state(self) -> State:
        """All that fold-in and scoring need."""
        check_is_fitted(self, "merchant_factors_")
        return {
            "parameters": self.get_params(),
            "merchant_factors": self.merchant_factors_,
            "creator_factors": self.creator_factors_,
            "sought": self.sought_,
            "scale": self.scale_,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        restored = cls(**state["parameters"])
        restored.merchant_factors_ = state["merchant_factors"]
        restored.creator_factors_ = state["creator_factors"]
        restored.sought_ = state["sought"]
        restored.scale_ = float(state["scale"])
        return restored

    def _solver(self) -> AlternatingLeastSquares:
        with threadpool_limits(1, user_api="blas"):  # implicit warns of a BLAS with several threads
            return AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                alpha=1.0,  # the confidences are scaled before
                iterations=self.iterations,
                use_gpu=False,
            )

    def _widen(self, guess: Vectors, rng: np.random.Generator) -> Vectors:
        guess = guess[:, : self.factors]
        lacking = (len(guess), self.factors - guess.shape[1])
        # Small, as implicit starts itself: zeros would never leave zero.
        more = rng.random(lacking, dtype=np.float32) * np.float32(0.01)
        return np.ascontiguousarray(np.hstack([guess, more]), dtype=np.float32)

    def _solve(self, damped: sp.csr_matrix, start: Vectors | None, others: Vectors) -> Vectors:
        """Three steps of conjugate gradients from the start, as in a sweep of the fit."""
        n = damped.shape[0]
        found = np.zeros((n, self.factors), dtype=np.float32)
        if start is not None:
            width = min(self.factors, start.shape[1])
            found[:, :width] = start[:, :width]
        # Copied, since implicit refuses memory that is read-only, as that of a mapped file is.
        others = np.require(others, requirements=["C", "W"])
        confidence = sp.csr_matrix(damped * np.float32(self.scale_), dtype=np.float32)
        solver = self._solver()
        if self.factors:
            with threadpool_limits(1, user_api="blas"):
                solver.solver(confidence, found, others, self.regularization)
        return found


def _damp(strengths: sp.csr_matrix, sought: Floats, damping: float) -> sp.csr_matrix:
    """Divide each creator's column by a power of how sought it is."""
    factor = np.zeros(len(sought))
    np.power(sought, -damping, out=factor, where=sought > 0)
    damped = sp.csr_matrix(strengths, dtype=np.float32, copy=True)
    damped.data *= factor[damped.indices].astype(np.float32)
    return damped
