"""Inner products of single pairs, and lists ordered by them: the same bits in any company.

One loop scores every pair that anybody asks for, one merchant or a thousand, with a filter or
without. A result depends on the two vectors alone, where a product of matrices rounds differently
with their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from matching.shortlists import Starts
from models.blocks import Vectors
from models.compiled import compiled, settled
from models.vocabulary import Rows

Scores = npt.NDArray[np.float32]

_SIGN, _LOW = np.uint64(0x80000000), np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def inner_products(vectors: Vectors, query: Vectors) -> Scores:
    """Inner product of each row with one query; a row's result never depends on other rows.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    query : float32 array of shape (d,)

    Returns
    -------
    float32 array of shape (n,)
    """
    n = len(vectors)
    return products_of(
        vectors, query[None], np.array([0, n], dtype=np.int64), np.arange(n, dtype=np.int32)
    )


def products_of(vectors: Vectors, queries: Vectors, starts: Starts, rows: Rows) -> Scores:
    """Inner products of each query with rows of its own.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    queries : float32 array of shape (q, d)
    starts : int64 array of shape (q + 1,)
        Query ``i`` is scored against ``rows[starts[i]:starts[i + 1]]``.
    rows : int32 array of shape (m,)

    Returns
    -------
    float32 array of shape (m,)
    """
    scores = np.empty(len(rows), dtype=np.float32)
    _score(
        settled(vectors, np.float32),
        settled(queries, np.float32),
        starts,
        settled(rows, np.int32),
        scores,
    )
    return scores


def best_first(scores: npt.NDArray[Any], k: int) -> npt.NDArray[np.intp]:
    """Positions of the ``k`` highest scores, best first; equal scores keep their order.

    Scores that are not known (NaN) come last.

    Examples
    --------
    >>> best_first(np.array([0.2, 0.9, np.nan, 0.9]), 3).tolist()
    [1, 3, 0]
    """
    keys = np.where(np.isnan(scores), -np.inf, scores)
    if k < len(keys):
        # Everything at least as good as the k-th goes on, so that ties are cut by position.
        threshold = np.partition(keys, len(keys) - k)[len(keys) - k]
        shortlist = np.flatnonzero(keys >= threshold)
    else:
        shortlist = np.arange(len(keys))
    return shortlist[np.argsort(-keys[shortlist], kind="stable")[:k]]


def best_of_each(starts: Starts, rows: Rows, scores: Scores, k: int) -> tuple[Starts, Rows, Scores]:
    """Cut each of many lists to its ``k`` best, by score and then by row; unknown scores last.

    Parameters
    ----------
    starts : int64 array of shape (q + 1,)
        List ``i`` is ``rows[starts[i]:starts[i + 1]]``.
    rows : int32 array of shape (m,)
        In any order, no row twice in a list.
    scores : float32 array of shape (m,)

    Returns
    -------
    starts, rows, scores
        The cut lists, laid out like the given ones.

    Examples
    --------
    >>> lists = best_of_each(
    ...     np.array([0, 3, 4]),
    ...     np.array([5, 2, 7], dtype=np.int32).repeat([1, 1, 2]),
    ...     np.array([0.5, 0.5, 0.9, -1.0], dtype=np.float32),
    ...     2,
    ... )
    >>> [one.tolist() for one in lists]
    [[0, 2, 3], [7, 2, 7], [0.8999999761581421, 0.5, -1.0]]
    """
    ends = np.zeros(len(starts), dtype=np.int64)
    np.cumsum(np.minimum(np.diff(starts), k), out=ends[1:])
    found = np.empty(ends[-1], dtype=np.int32)
    bits = np.empty(ends[-1], dtype=np.uint32)
    rows, scores = settled(rows, np.int32), settled(scores, np.float32)
    _order(starts, rows, scores, scores.view(np.uint32), ends, found, bits)
    return ends, found, bits.view(np.float32)


def _score_pairs(
    vectors: Vectors, queries: Vectors, starts: Starts, rows: Rows, scores: Scores
) -> None:
    width = vectors.shape[1]
    for asker in range(len(queries)):
        for place in range(starts[asker], starts[asker + 1]):
            row = rows[place]
            total = np.float32(0)
            for j in range(width):
                total += vectors[row, j] * queries[asker, j]
            scores[place] = total


def _order_each(
    starts: Starts,
    rows: Rows,
    scores: Scores,
    bits: npt.NDArray[np.uint32],
    ends: Starts,
    found: Rows,
    found_bits: npt.NDArray[np.uint32],
) -> None:
    for one in range(len(starts) - 1):
        first, n = starts[one], starts[one + 1] - starts[one]
        k = ends[one + 1] - ends[one]
        # Score and row as one number, the best the smallest: no two are equal, so whatever sorts
        # or selects them has one right answer. Bits of floats sort like whole numbers, once those
        # of negative ones are turned round.
        keys = np.empty(n, dtype=np.uint64)
        for i in range(n):
            score = scores[first + i]
            high = np.uint64(bits[first + i])
            if score == 0:
                high = np.uint64(0)  # minus zero is zero
            if score != score:
                high = _LOW
            elif high & _SIGN == 0:
                high = (high ^ _LOW) ^ _SIGN
            keys[i] = high << _HALF | np.uint64(rows[first + i])
        if k < n:
            keys = np.partition(keys, k)[:k]
        keys.sort()
        for i in range(k):
            high = keys[i] >> _HALF
            if high & _SIGN == 0:
                high = (high ^ _LOW) ^ _SIGN
            found[ends[one] + i] = np.int32(keys[i] & _LOW)
            found_bits[ends[one] + i] = np.uint32(high)


_score = compiled(_score_pairs, reordered=True)
_order = compiled(_order_each)
