"""Ranking metrics: one value per list where lists are judged, one for all where exposure is.

Lists are int arrays of shape (n, k) that hold columns of the matrix of what is relevant, best
first; a list that ends early is filled with -1. Every function of single lists returns float64 of
shape (n,), NaN for a list of which nothing is relevant, so that means are taken with ``nanmean``
and bootstrapped over lists.
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
    return _divide(hits(lists, relevant)[:, :k].sum(axis=1), _count(relevant))


def hit_rate(lists: Rows, relevant: sp.csr_matrix, k: int) -> Floats:
    """1 where any of the first ``k`` is relevant, else 0."""
    any_hit = hits(lists, relevant)[:, :k].any(axis=1)
    return np.where(_count(relevant) > 0, any_hit.astype(np.float64), np.nan)


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
    best = np.concatenate([[0.0], np.cumsum(gain)])[np.minimum(_count(relevant), k)]
    return _divide(found @ gain[: found.shape[1]], best)


def reciprocal_rank(lists: Rows, relevant: sp.csr_matrix) -> Floats:
    """1 / rank of the first relevant entry, 0 where the list holds none."""
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
    return _divide((precision * found).sum(axis=1), _count(relevant))


def first_rank(lists: Rows, relevant: sp.csr_matrix) -> Floats:
    """Rank of the first relevant entry, counting from 1; infinity where the list holds none."""
    found = hits(lists, relevant)
    rank = np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)
    return np.where(_count(relevant) > 0, rank, np.nan)


def exposure(lists: Rows, n_candidates: int) -> npt.NDArray[np.int64]:
    """How many lists name each candidate; shape (n_candidates,)."""
    counts: npt.NDArray[np.int64] = np.bincount(lists[lists >= 0], minlength=n_candidates)
    return counts


def coverage(lists: Rows, n_candidates: int) -> float:
    """Share of the candidates that any list names."""
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
    """
    share = np.maximum(popularity, 1) / max(int(popularity.sum()), 1)
    return float(np.mean(-np.log2(share[lists[lists >= 0]])))


def popularity_lift(lists: Rows, history: sp.csr_matrix) -> Floats:
    """How much more popular the listed are than those the asker worked with; 0 = alike.

    Parameters
    ----------
    lists : int array of shape (n, k)
    history : csr_matrix of shape (n, n_candidates)
        Past cooperations of the askers, in the order of the lists; NaN for one without any.

    References
    ----------
    Abdollahpouri et al., "The unfairness of popularity bias in recommendation", 2019.
    """
    met = (history != 0).astype(np.float64)
    popularity = np.asarray(met.sum(axis=0)).ravel()
    usual = _divide(met @ popularity, _count(met))
    listed = lists >= 0
    shown = np.where(listed, popularity[np.where(listed, lists, 0)], 0.0).sum(axis=1)
    return _divide(_divide(shown, listed.sum(axis=1)), usual) - 1.0


def bootstrap(
    values: Floats, *, seed: int = 0, level: float = 0.95, draws: int = 2000
) -> tuple[float, float]:
    """Interval of the mean over lists, by drawing lists with replacement.

    For the difference of two methods on the same lists, give the differences.

    Parameters
    ----------
    values : float array of shape (n,)
        NaN entries are left out.
    seed : int
    level : float
        Share of draws inside the interval.
    draws : int

    Returns
    -------
    low, high : float
        NaN when no value is known.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", 1993 (percentile interval).

    Examples
    --------
    >>> low, high = bootstrap(np.array([0.0, 1.0] * 50))
    >>> bool(low < 0.5 < high)
    True
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    # A draw of n out of n is a multinomial count per list: no n × draws array of indices.
    counts = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), size=draws)
    means = counts @ known / len(known)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _count(relevant: sp.csr_matrix) -> npt.NDArray[np.int64]:
    counts: npt.NDArray[np.int64] = np.asarray((relevant != 0).sum(axis=1)).ravel().astype(np.int64)
    return counts


def _divide(numerator: npt.NDArray[np.generic], denominator: npt.NDArray[np.generic]) -> Floats:
    """Quotient, NaN where the denominator is 0."""
    below = np.asarray(denominator, dtype=np.float64)
    found = np.full(len(below), np.nan)
    np.divide(numerator, below, out=found, where=below > 0)
    return found
