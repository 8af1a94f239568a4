"""From a method that scores candidates to lists: what every baseline does alike.

Every method learns from a matrix of who asks (rows) and who is asked for (columns) and scores
all columns for some rows. Merchants asking for creators give the matrix as it is, creators asking
for merchants its transpose.
"""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from matching.search.products import best_first
from models.vocabulary import Rows

Scores = npt.NDArray[np.float32]

#: Askers whose scores of all candidates are held at once.
_ROWS = 256


class Scorer(Protocol):
    """Scores all candidates for some askers."""

    def fit(self, history: sp.csr_matrix) -> Self:
        """Learn from a matrix of shape (n_askers, n_candidates)."""

    def score(self, rows: Rows) -> Scores:
        """Scores of all candidates; float32 of shape (len(rows), n_candidates)."""


def lists_of(
    scorer: Scorer, met: sp.csr_matrix, rows: Rows, k: int, among: Rows | None = None
) -> Rows:
    """Lists of a fitted scorer for some askers, without those they have met.

    Equal scores are listed by popularity: so a method that knows nothing of an asker, or has run
    out of neighbours, goes on with the most popular instead of with the first ids.

    Parameters
    ----------
    scorer : Scorer
    met : csr_matrix of shape (n_askers, n_candidates)
    rows : int array
        Who asks.
    k : int
    among : int array, optional
        Candidates that compete; all where not given.

    Returns
    -------
    int32 array of shape (len(rows), k)
        As :func:`ranked` gives them.
    """
    competing = np.arange(met.shape[1], dtype=np.int32) if among is None else among
    popular = competing[np.argsort(-met.getnnz(axis=0)[competing], kind="stable")]
    blocks = np.array_split(rows, range(_ROWS, len(rows), _ROWS))
    return np.concatenate([ranked(scorer.score(block), met[block], k, popular) for block in blocks])


def ranked(scores: Scores, met: sp.csr_matrix, k: int, among: Rows | None = None) -> Rows:
    """Lists from scores, without those already met.

    Parameters
    ----------
    scores : float array of shape (n, n_candidates)
        Minus infinity rules a candidate out.
    met : csr_matrix of shape (n, n_candidates)
        Pairs to be left out.
    k : int
    among : int array, optional
        Candidates that compete, in the order in which equal scores are listed; all, by row
        number, where not given.

    Returns
    -------
    int32 array of shape (n, k)
        Best first; -1 where the candidates have run out.

    Examples
    --------
    >>> met = sp.csr_matrix(np.array([[0, 0, 1, 0]]))
    >>> scores = np.array([[0.1, 0.5, 0.9, 0.1]], dtype=np.float32)
    >>> ranked(scores, met, k=4).tolist()
    [[1, 0, 3, -1]]
    >>> ranked(scores, met, k=4, among=np.array([3, 2, 0], dtype=np.int32)).tolist()
    [[3, 0, -1, -1]]
    """
    order = np.arange(scores.shape[1], dtype=np.int32) if among is None else among
    open_scores = np.where(met.toarray() != 0, -np.inf, scores)[:, order]
    lists = np.full((len(scores), k), -1, dtype=np.int32)
    for row, own in enumerate(open_scores):
        best = best_first(own, k)
        best = best[own[best] > -np.inf]
        lists[row, : len(best)] = order[best]
    return lists


def ones_of(history: sp.csr_matrix) -> sp.csr_matrix:
    """Who has met whom, float32, however often; a copy."""
    met = sp.csr_matrix(history, dtype=np.float32, copy=True)
    met.eliminate_zeros()
    met.data[:] = 1.0
    return met
