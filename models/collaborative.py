"""Collaborative factors: what the history of cooperations alone says about who fits whom."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.alternating import AlternatingFactors
from models.blending import Blend
from models.blocks import Vectors
from models.pairs import State
from models.spectral import SpectralFactors
from models.strength import checked, strength, typical_weight


class CollaborativeFactors(BaseEstimator):  # type: ignore[misc]
    """Spectral factors and implicit ALS, as one vector per merchant and creator.

    The spectral filter takes popularity out before it looks for directions; ALS starts from these
    and lets every cooperation pull by its strength. Each estimates the same matrix of zeros and
    ones and they err in different places, so their scores are added. Where that takes more numbers
    than ``width``, the sum is cut to its leading directions.

    A merchant or creator without any cooperation has factors of zero.

    Parameters
    ----------
    factors : int, default 256
        Numbers per vector from ALS; 0 leaves ALS out.
    spectral : int, default 384
        Numbers per vector from the spectral filter; 0 leaves it out.
    width : int, default 384
        Most numbers per vector in the end.
    share : float, default 2.0
        How much the spectral score counts, with that of ALS counting 1.
    support : int, default 16
        Merchants, and creators, that there must be for each spectral direction beyond the
        sixteenth: the rest of a small history is noise.
    regularization, alpha, damping, iterations
        Of ALS, see :class:`~models.alternating.AlternatingFactors`.
    seed : int, default 0

    Attributes
    ----------
    merchant_factors_ : float32 array of shape (n_merchants, d)
    creator_factors_ : float32 array of shape (n_creators, d)
        Their inner product is the score.
    parts_ : dict of str to slice
        Which of the ``d`` columns are ``als`` and which ``spectral``; all are ``blend`` where the
        two had to be cut to ``width``.
    typical_ : float
        Median weight of the cooperations fitted; what ``strength`` measures weights by.

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
        factors: int = 256,
        spectral: int = 384,
        width: int = 384,
        share: float = 2.0,
        support: int = 16,
        regularization: float = 75.0,
        alpha: float = 50.0,
        damping: float = 0.25,
        iterations: int = 4,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.spectral = spectral
        self.width = width
        self.share = share
        self.support = support
        self.regularization = regularization
        self.alpha = alpha
        self.damping = damping
        self.iterations = iterations
        self.seed = seed

    @classmethod
    def quality(cls, **overrides: Any) -> Self:
        """Large and slow: for batch work where a CPU minute per million cells is well spent."""
        settings: dict[str, Any] = {
            "factors": 512,
            "spectral": 1024,
            "width": 512,
            "regularization": 50.0,
            "iterations": 6,
        }
        return cls(**(settings | overrides))

    def fit(self, interactions: sp.csr_matrix, y: object = None) -> Self:
        """Learn the factors.

        Parameters
        ----------
        interactions : csr_matrix of shape (n_merchants, n_creators)
            Non-negative weights, 0 = never met.
        y : ignored
            There because scikit-learn's pipelines pass it.

        Raises
        ------
        ValueError
            When a weight is negative or not finite, a side is empty, or a parameter cannot be used.
        """
        self._check_parameters()
        matrix = checked(interactions)
        if not min(matrix.shape):
            raise ValueError(
                f"interactions have shape {matrix.shape}; expected at least one merchant and one "
                "creator"
            )
        self.typical_ = typical_weight(matrix)
        matrix = strength(matrix, self.typical_)
        supported = max(16, min(matrix.shape) // self.support)
        self._spectral = SpectralFactors(
            factors=min(max(self.spectral, self.factors), supported), iterations=3, seed=self.seed
        ).fit(matrix)
        start = (self._spectral.merchant_factors_, self._spectral.creator_factors_)
        self._als = AlternatingFactors(
            factors=self.factors,
            regularization=self.regularization,
            alpha=self.alpha,
            damping=self.damping,
            iterations=self.iterations,
            seed=self.seed,
        ).fit(matrix, start)
        self._blend = None
        merchants, creators = self._both_sides()
        if merchants.shape[1] > self.width:
            # The busy weigh less than their many cooperations would make them.
            busy, sought = self._spectral.merchant_sums_, self._spectral.creator_sums_
            self._blend = Blend.fit(
                merchants,
                creators,
                self.width,
                merchant_weights=1 / np.sqrt(np.maximum(busy, 1.0)),
                creator_weights=1 / np.sqrt(np.maximum(sought, 1.0)),
            )
            merchants = _turn(merchants, self._blend.merchants)
            creators = _turn(creators, self._blend.creators)
        self._keep(merchants, creators)
        return self

    def fold_in(self, rows: sp.csr_matrix) -> Vectors:
        """Factors of merchants seen after the fit, everything else held fixed.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_creators)
            Their cooperations, weighted as in ``fit``.

        Returns
        -------
        float32 array of shape (n, d); an empty row gives zeros

        Raises
        ------
        ValueError
            When the columns are not those of the fit, or a weight is negative or not finite.
        """
        check_is_fitted(self, "merchant_factors_")
        rows = self._strengths(rows, "creator", len(self.creator_factors_))
        spectral = self._spectral.fold_in_merchants(rows)
        als = self._als.fold_in_merchants(rows, spectral)
        return self._merchants(als, spectral)

    def fold_in_creators(self, rows: sp.csr_matrix) -> Vectors:
        """Factors of creators seen after the fit; as ``fold_in``, mirrored.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_merchants)

        Returns
        -------
        float32 array of shape (n, d); an empty row gives zeros
        """
        check_is_fitted(self, "merchant_factors_")
        rows = self._strengths(rows, "merchant", len(self.merchant_factors_))
        spectral = self._spectral.fold_in_creators(rows)
        als = self._als.fold_in_creators(rows, spectral)
        return self._creators(als, spectral)

    def state(self) -> State:
        """All that fold-in and scoring need."""
        check_is_fitted(self, "merchant_factors_")
        return {
            "parameters": self.get_params(),
            "typical": self.typical_,
            "als": self._als.state(),
            "spectral": self._spectral.state(),
            "blend": {} if self._blend is None else self._blend.state(),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        restored = cls(**state["parameters"])
        restored.typical_ = float(state["typical"])
        restored._als = AlternatingFactors.from_state(state["als"])
        restored._spectral = SpectralFactors.from_state(state["spectral"])
        restored._blend = Blend(**state["blend"]) if state["blend"] else None
        restored._keep(*restored._both_sides())
        return restored

    def _check_parameters(self) -> None:
        least = {"factors": 0, "spectral": 0, "width": 1, "support": 1, "iterations": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
                raise ValueError(f"{name} is {value!r}; expected a whole number from {low} on")
        if not self.factors and not self.spectral:
            raise ValueError("factors and spectral are both 0; expected one of them above 0")

    def _strengths(self, rows: sp.csr_matrix, partner: str, partners: int) -> sp.csr_matrix:
        """Rows of newcomers, checked, as strengths."""
        rows = checked(rows)
        if rows.shape[1] != partners:
            raise ValueError(
                f"rows have shape {rows.shape}; expected (n, {partners}), a column for each "
                f"{partner} of the fit"
            )
        return strength(rows, self.typical_)

    def _keep(self, merchants: Vectors, creators: Vectors) -> None:
        self.merchant_factors_, self.creator_factors_ = merchants, creators
        als, both = self.factors, merchants.shape[1]
        self.parts_ = (
            {"als": slice(0, als), "spectral": slice(als, both)}
            if self._blend is None
            else {"blend": slice(0, both)}
        )

    def _both_sides(self) -> tuple[Vectors, Vectors]:
        return (
            self._merchants(self._als.merchant_factors_, self._spectral.merchant_factors_),
            self._creators(self._als.creator_factors_, self._spectral.creator_factors_),
        )

    def _merchants(self, als: Vectors, spectral: Vectors) -> Vectors:
        wide = np.hstack([als, np.float32(self.share) * spectral[:, : self.spectral]])
        return wide if self._blend is None else _turn(wide, self._blend.merchants)

    def _creators(self, als: Vectors, spectral: Vectors) -> Vectors:
        wide = np.hstack([als, spectral[:, : self.spectral]])
        return wide if self._blend is None else _turn(wide, self._blend.creators)


def _turn(wide: Vectors, onto: Vectors) -> Vectors:
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        turned: Vectors = wide @ onto
    return turned
