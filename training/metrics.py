"""Relevance metrics: how well each list names those that were to be found.

Lists are int arrays of shape (n, k) that hold columns of the matrix of what is relevant, best
first; a list that ends early is filled with -1. Every function of single lists returns float64 of
shape (n,), NaN for a list of which nothing is relevant, so that means are taken with ``nanmean``
and their intervals over lists with :func:`training.significance.bootstrap`. Whom the lists show,
relevant or not, is measured in :mod:`training.spread`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from models.pairs import Floats
from models.vocabulary import Rows

Hits = npt.NDArray[np.bool_]


def hits(lists: Rows, relevant: sp.csr_matrix) -> Hits:
    """Which entries of the lists are relevant; bool of shape (n, k).

    Parameters
    ----------
    lists : int array of shape (n, k), -1 where a list has ended
    relevant : csr_matrix of shape (n, n_candidates)

    Raises
    ------
    ValueError
        When there are not as many lists as rows, or a list names somebody twice.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[1, 0, 1], [0, 0, 1]]))
    >>> hits(np.array([[2, 1], [0, -1]]), relevant).tolist()
    [[True, False], [False, False]]
    """
    if len(lists) != relevant.shape[0]:
        raise ValueError(
            f"{len(lists)} lists, but relevance is told for {relevant.shape[0]}; give one row each"
        )
    sorted_lists = np.sort(lists, axis=1)
    twice = (sorted_lists[:, 1:] == sorted_lists[:, :-1]) & (sorted_lists[:, 1:] >= 0)
    if twice.any():
        raise ValueError(
            f"list {int(np.flatnonzero(twice.any(axis=1))[0])} names a candidate twice; "
            "a list must hold each at most once"
        )
    n = relevant.shape[1]
    # One sorted array of cells, to be searched, instead of a dense matrix of all candidates.
    cells = relevant.tocoo()
    there = np.sort(cells.row[cells.data != 0].astype(np.int64) * n + cells.col[cells.data != 0])
    asked = np.arange(len(lists), dtype=np.int64)[:, None] * n + lists
    found: Hits = np.isin(asked, there) & (lists >= 0)
    return found


def recall(lists: Rows, relevant: sp.csr_matrix, k: int) -> Floats:
    """Share of the relevant that is among the first ``k``.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[1, 1, 1, 0]]))
    >>> recall(np.array([[0, 3, 2]]), relevant, k=2).round(4).tolist()
    [0.3333]
    """
    return quotient(hits(lists, relevant)[:, :k].sum(axis=1), row_counts(relevant))


def hit_rate(lists: Rows, relevant: sp.csr_matrix, k: int) -> Floats:
    """1 where any of the first ``k`` is relevant, else 0.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[0, 1, 1], [1, 0, 0]]))
    >>> hit_rate(np.array([[0, 1], [1, 2]]), relevant, k=2).tolist()
    [1.0, 0.0]
    """
    any_hit = hits(lists, relevant)[:, :k].any(axis=1)
    return np.where(row_counts(relevant) > 0, any_hit.astype(np.float64), np.nan)


def ndcg(lists: Rows, relevant: sp.csr_matrix, k: int) -> Floats:
    """Discounted gain of the first ``k``, over that of the best list there could be.

    A hit at rank ``r`` gains ``1 / log2(1 + r)``.

    References
    ----------
    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[1, 0, 1, 0]]))
    >>> ndcg(np.array([[0, 1, 2]]), relevant, k=3).round(4).tolist()
    [0.9197]
    """
    gain = 1.0 / np.log2(np.arange(2, k + 2))
    found = hits(lists, relevant)[:, :k]
    best = np.concatenate([[0.0], np.cumsum(gain)])[np.minimum(row_counts(relevant), k)]
    return quotient(found @ gain[: found.shape[1]], best)


def reciprocal_rank(lists: Rows, relevant: sp.csr_matrix) -> Floats:
    """1 / rank of the first relevant entry, 0 where the list holds none.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[0, 1, 1], [1, 0, 0]]))
    >>> reciprocal_rank(np.array([[0, 1], [1, 2]]), relevant).tolist()
    [0.5, 0.0]
    """
    first = first_rank(lists, relevant)
    return np.where(np.isnan(first), np.nan, 1.0 / first)


def average_precision(lists: Rows, relevant: sp.csr_matrix) -> Floats:
    """Mean, over the relevant, of the precision at the rank of each; 0 for those not listed.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[1, 0, 1, 0]]))
    >>> average_precision(np.array([[0, 1, 2]]), relevant).round(4).tolist()
    [0.8333]
    """
    found = hits(lists, relevant)
    precision = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return quotient((precision * found).sum(axis=1), row_counts(relevant))


def first_rank(lists: Rows, relevant: sp.csr_matrix) -> Floats:
    """Rank of the first relevant entry, counting from 1; infinity where the list holds none.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[0, 1, 1], [1, 0, 0]]))
    >>> first_rank(np.array([[0, 1], [1, 2]]), relevant).tolist()
    [2.0, inf]
    """
    found = hits(lists, relevant)
    rank = np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)
    return np.where(row_counts(relevant) > 0, rank, np.nan)


def median_rank(lists: Rows, relevant: sp.csr_matrix) -> float:
    """Median rank of the first relevant entry; infinite where half of the lists hold none.

    A list as long as there are candidates always holds one; a shorter one says no more than that
    the first hit lies beyond it, and infinity is what that is worth.

    Examples
    --------
    >>> relevant = sp.csr_matrix(np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]]))
    >>> median_rank(np.array([[0, 1], [1, 2], [0, 2]]), relevant)
    2.0
    """
    first = first_rank(lists, relevant)
    known = first[~np.isnan(first)]
    return float(np.median(known)) if len(known) else float("nan")


def row_counts(matrix: sp.csr_matrix) -> npt.NDArray[np.int64]:
    """Entries of each row that are not zero; int64 of shape (n,)."""
    counts: npt.NDArray[np.int64] = np.asarray((matrix != 0).sum(axis=1)).ravel().astype(np.int64)
    return counts


def quotient(numerator: npt.NDArray[np.generic], denominator: npt.NDArray[np.generic]) -> Floats:
    """Numerator over denominator, NaN where the latter is 0; float64 of shape (n,)."""
    below = np.asarray(denominator, dtype=np.float64)
    found = np.full(len(below), np.nan)
    np.divide(numerator, below, out=found, where=below > 0)
    return found
