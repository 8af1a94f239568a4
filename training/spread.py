"""Spread metrics: whom the lists show, and how much alike those are; relevant or not.

Lists are int arrays of shape (n, k) that hold columns of candidates, best first, filled with -1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from models.blocks import Vectors
from models.pairs import Floats
from models.vocabulary import Rows
from training.metrics import quotient, row_counts


def exposure(lists: Rows, n_candidates: int) -> npt.NDArray[np.int64]:
    """How many lists name each candidate; shape (n_candidates,).

    Examples
    --------
    >>> exposure(np.array([[0, 2], [0, -1]]), n_candidates=4).tolist()
    [2, 0, 1, 0]
    """
    counts: npt.NDArray[np.int64] = np.bincount(lists[lists >= 0], minlength=n_candidates)
    return counts


def coverage(lists: Rows, n_candidates: int) -> float:
    """Share of the candidates that any list names.

    Examples
    --------
    >>> coverage(np.array([[0, 2], [0, -1]]), n_candidates=4)
    0.5
    """
    return float((exposure(lists, n_candidates) > 0).mean())


def gini(lists: Rows, n_candidates: int) -> float:
    """How unequally the lists share exposure out: 0 all alike, towards 1 all to one.

    Examples
    --------
    >>> gini(np.array([[0, 1], [2, 3]]), n_candidates=4)
    0.0
    >>> gini(np.array([[0], [0]]), n_candidates=4)
    0.75
    """
    counts = np.sort(exposure(lists, n_candidates)).astype(np.float64)
    if counts.sum() == 0:
        return float("nan")
    n = len(counts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * counts.sum()))


def novelty(lists: Rows, popularity: npt.NDArray[np.integer]) -> float:
    """Mean surprise of the entries, in bits: ``-log2`` of each candidate's share of cooperations.

    Parameters
    ----------
    lists : int array of shape (n, k)
    popularity : int array of shape (n_candidates,)
        Past partners of each candidate; one without any is taken to have one.

    Examples
    --------
    >>> novelty(np.array([[0, 1]]), np.array([4, 2, 2]))  # log2(8 / 4) and log2(8 / 2)
    1.5
    """
    named = lists[lists >= 0]
    if not len(named):
        return float("nan")
    share = np.maximum(popularity, 1) / max(int(popularity.sum()), 1)
    return float(np.mean(-np.log2(share[named])))


def popularity_lift(
    lists: Rows, history: sp.csr_matrix, popularity: npt.NDArray[np.integer] | None = None
) -> Floats:
    """How much more popular the listed are than those the asker worked with; 0 = alike.

    Parameters
    ----------
    lists : int array of shape (n, k)
    history : csr_matrix of shape (n, n_candidates)
        Past cooperations of the askers, in the order of the lists; NaN for one without any.
    popularity : int array of shape (n_candidates,), optional
        Past partners of each candidate; those in ``history`` where not given.

    References
    ----------
    Abdollahpouri et al., "The unfairness of popularity bias in recommendation", 2019.

    Examples
    --------
    >>> history = sp.csr_matrix(np.array([[1, 0, 1], [1, 0, 0]]))  # partners: 2, 0, 1
    >>> popularity_lift(np.array([[0], [2]]), history).round(4).tolist()  # 2 / 1.5 - 1, 1 / 2 - 1
    [0.3333, -0.5]
    """
    met = (history != 0).astype(np.float64)
    if popularity is None:
        popularity = np.asarray(met.sum(axis=0)).ravel()
    usual = quotient(met @ popularity, row_counts(met))
    listed = lists >= 0
    shown = np.where(listed, popularity[np.where(listed, lists, 0)], 0.0).sum(axis=1)
    return quotient(quotient(shown, listed.sum(axis=1)), usual) - 1.0


def lorenz(counts: npt.NDArray[np.integer]) -> Floats:
    """Share of all exposure that the least shown candidates have together.

    Parameters
    ----------
    counts : int array of shape (n_candidates,)
        How many lists name each, as :func:`exposure` gives it.

    Returns
    -------
    float64 array of shape (n_candidates + 1,)
        From 0 to 1; entry ``i`` is the share of the ``i`` least shown. NaN where nobody is shown.

    Examples
    --------
    >>> lorenz(np.array([3, 0, 1])).tolist()
    [0.0, 0.0, 0.25, 1.0]
    """
    total = counts.sum()
    if total == 0:
        return np.full(len(counts) + 1, np.nan)
    return np.concatenate([[0.0], np.cumsum(np.sort(counts)) / total])


def diversity(lists: Rows, vectors: Vectors) -> Floats:
    """Mean distance, one minus the cosine, between the entries of each list.

    Parameters
    ----------
    lists : int array of shape (n, k)
    vectors : float array of shape (n_candidates, d)
        Rows of length one; a row of zeros is a candidate of which nothing is known, and its pairs
        are left out.

    Returns
    -------
    float64 array of shape (n,), NaN for a list with fewer than two known entries

    References
    ----------
    Ziegler et al., "Improving recommendation lists through topic diversification", WWW 2005.

    Examples
    --------
    >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]])
    >>> diversity(np.array([[0, 1, 3], [0, 2, -1], [0, 3, -1]]), vectors).tolist()
    [1.0, 2.0, nan]
    """
    known = (lists >= 0) & np.any(vectors != 0, axis=1)[lists]
    n = known.sum(axis=1)
    total = np.zeros((len(lists), vectors.shape[1]))
    for place in range(lists.shape[1]):
        total += np.where(known[:, place, None], vectors[lists[:, place]], 0.0)
    # The squared length of a sum of n unit vectors is n plus twice the sum of their cosines.
    cosines = quotient(np.square(total).sum(axis=1) - n, n * (n - 1))
    return 1.0 - cosines
