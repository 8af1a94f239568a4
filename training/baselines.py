"""Baselines that know who worked with whom and nothing else; scorers as in :mod:`training.scoring`.

Of who has no past they know nothing, whether it asks or is asked for.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from models.vocabulary import Rows
from training.scoring import Scores, ones_of


class Popularity:
    """The same list for everybody: who has worked with most."""

    def fit(self, history: sp.csr_matrix) -> Self:
        """Count partners."""
        self._counts = history.getnnz(axis=0).astype(np.float32)
        return self

    def score(self, rows: Rows) -> Scores:
        """Partners of each candidate, whoever asks."""
        return np.repeat(self._counts[None, :], len(rows), axis=0)


class ItemNeighbours:
    """Candidates that share partners with those the asker already works with.

    Parameters
    ----------
    shrink : float
        Added to the cosine's denominator: two candidates who met once by chance are not alike.
    """

    def __init__(self, shrink: float = 5.0) -> None:
        self.shrink = shrink

    def fit(self, history: sp.csr_matrix) -> Self:
        """Cosine between the columns, without the diagonal."""
        self._met = ones_of(history)
        together = (self._met.T @ self._met).tocoo()
        norm = np.sqrt(self._met.getnnz(axis=0).astype(np.float64))
        cosine = together.data / (norm[together.row] * norm[together.col] + self.shrink)
        other = together.row != together.col
        cells = (together.row[other], together.col[other])
        self._alike = sp.csr_matrix((cosine[other], cells), together.shape, dtype=np.float32)
        return self

    def score(self, rows: Rows) -> Scores:
        """Sum of cosines to the asker's partners."""
        scores: Scores = (self._met[rows] @ self._alike).toarray()
        return scores


class Ease:
    """Linear regression of every candidate on all others, in closed form.

    Parameters
    ----------
    penalty : float
        Ridge penalty.
    limit : int
        Most candidates; the method inverts a matrix of their number squared.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """

    def __init__(self, penalty: float = 20.0, limit: int = 10_000) -> None:
        self.penalty = penalty
        self.limit = limit

    def fit(self, history: sp.csr_matrix) -> Self:
        """Invert the matrix of co-occurrences.

        Raises
        ------
        ValueError
            When there are more candidates than ``limit``.
        """
        if history.shape[1] > self.limit:
            raise ValueError(
                f"EASE over {history.shape[1]} candidates, limit {self.limit}; "
                "its matrix would be dense, use another baseline"
            )
        self._met = ones_of(history)
        gram = (self._met.T @ self._met).toarray().astype(np.float64)
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            inverse = np.linalg.inv(gram + self.penalty * np.eye(len(gram)))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self._weights = weights.astype(np.float32)
        return self

    def score(self, rows: Rows) -> Scores:
        """Predicted cooperation."""
        scores: Scores = self._met[rows] @ self._weights
        return scores


class ImplicitAls:
    """Factors of implicit ALS and nothing else.

    Parameters
    ----------
    factors, iterations, seed : int
    regularization : float
        Pull of every factor towards zero.
    alpha : float
        How much surer a cooperation is than a pair that never met.

    References
    ----------
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """

    def __init__(
        self,
        factors: int = 64,
        seed: int = 0,
        *,
        regularization: float = 5.0,
        alpha: float = 40.0,
        iterations: int = 15,
    ) -> None:
        self.factors = factors
        self.seed = seed
        self.regularization = regularization
        self.alpha = alpha
        self.iterations = iterations

    def fit(self, history: sp.csr_matrix) -> Self:
        """Learn the factors."""
        met = ones_of(history)
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            model = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                alpha=self.alpha,
                iterations=self.iterations,
                random_state=self.seed,
                use_gpu=False,
                num_threads=1,  # threads cost more than they save on the grids of small markets
            )
            model.fit(met, show_progress=False)
        self._askers, self._candidates = model.user_factors, model.item_factors
        # Conjugate gradients leave traces of the random start where there is nothing to fit.
        self._askers[met.getnnz(axis=1) == 0] = 0.0
        self._candidates[met.getnnz(axis=0) == 0] = 0.0
        return self

    def score(self, rows: Rows) -> Scores:
        """Inner products."""
        scores: Scores = self._askers[rows] @ self._candidates.T
        return scores
