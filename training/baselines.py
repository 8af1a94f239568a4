"""Baselines: what a ranking has to beat, each fitted in a line and honest about its reach.

Every baseline learns from a matrix of who asks (rows) and who is asked for (columns) and scores
all columns for some rows. Merchants asking for creators give the matrix as it is, creators asking
for merchants its transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.collaborative import CollaborativeFactors
from models.vocabulary import Rows
from models.whitening import unit

Scores = npt.NDArray[np.float32]


class Scorer(Protocol):
    """Scores all candidates for some askers."""

    def fit(self, history: sp.csr_matrix) -> Self:
        """Learn from a matrix of shape (n_askers, n_candidates)."""

    def score(self, rows: Rows) -> Scores:
        """Scores of all candidates; float32 of shape (len(rows), n_candidates)."""


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
        self._met = _ones(history)
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
        self._met = _ones(history)
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
    factors, seed : int
    """

    def __init__(self, factors: int = 64, seed: int = 0) -> None:
        self.factors = factors
        self.seed = seed

    def fit(self, history: sp.csr_matrix) -> Self:
        """Learn the factors."""
        model = CollaborativeFactors(factors=self.factors, spectral=1, seed=self.seed).fit(history)
        als = model.parts_["als"]
        self._askers = model.merchant_factors_[:, als]
        self._candidates = model.creator_factors_[:, als]
        return self

    def score(self, rows: Rows) -> Scores:
        """Inner products."""
        return self._askers[rows] @ self._candidates.T


class AudienceAlone:
    """Likeness of audiences, with no more of the history than it must have.

    The sum of cosines over the spaces; an entity that a space does not know takes the mean place of
    its partners there.

    Parameters
    ----------
    spaces : sequence of (askers, candidates)
        Vectors of length one, zeros where unknown; float32 of shape (n_…, d).
    """

    def __init__(self, spaces: Sequence[tuple[Vectors, Vectors]]) -> None:
        self.spaces = spaces

    def fit(self, history: sp.csr_matrix) -> Self:
        """Place those that are not placed by themselves."""
        met = _ones(history)
        self._placed = [
            (_lend(askers, met, candidates), _lend(candidates, met.T.tocsr(), askers))
            for askers, candidates in self.spaces
        ]
        return self

    def score(self, rows: Rows) -> Scores:
        """Sum of cosines over the spaces."""
        scores: Scores = np.sum([own[rows] @ other.T for own, other in self._placed], axis=0)
        return scores


def _lend(own: Vectors, met: sp.csr_matrix, partners: Vectors) -> Vectors:
    known = np.any(own != 0, axis=1)
    lent: Vectors = np.where(known[:, None], own, unit(met @ partners))
    return lent


def ranked(scores: Scores, met: sp.csr_matrix, k: int) -> Rows:
    """Lists from scores, without those already met.

    Parameters
    ----------
    scores : float array of shape (n, n_candidates)
        Minus infinity rules a candidate out.
    met : csr_matrix of shape (n, n_candidates)
        Pairs to be left out.
    k : int

    Returns
    -------
    int32 array of shape (n, k)
        Best first, ties by row number; -1 where the candidates have run out.

    Examples
    --------
    >>> met = sp.csr_matrix(np.array([[0, 0, 1]]))
    >>> ranked(np.array([[0.1, 0.5, 0.9]], dtype=np.float32), met, k=3).tolist()
    [[1, 0, -1]]
    """
    open_scores = np.where(met.toarray() != 0, -np.inf, scores)
    order = np.argsort(-open_scores, axis=1, kind="stable")[:, :k].astype(np.int32)
    kept = np.take_along_axis(open_scores, order, axis=1) > -np.inf
    lists = np.full((len(scores), k), -1, dtype=np.int32)
    lists[:, : order.shape[1]] = np.where(kept, order, -1)
    return lists


def _ones(history: sp.csr_matrix) -> sp.csr_matrix:
    met = sp.csr_matrix(history, dtype=np.float32, copy=True)
    met.eliminate_zeros()
    met.data[:] = 1.0
    return met
