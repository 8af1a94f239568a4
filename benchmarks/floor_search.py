"""The floor's search: the best creators by inner product, one merchant or a block of them."""

from __future__ import annotations

from typing import Any

import faiss
import numba
import numpy as np
import numpy.typing as npt
from floor_trees import FAST
from speed_kit import Floats

Rows = npt.NDArray[np.int32]
#: Merchants and creators of one product of matrices: its result stays in the second cache.
ACROSS, DOWN = 512, 1024


@numba.njit(nogil=True, fastmath=FAST, cache=True)
def cut(scores: Any, rows: Any, n: int, k: int) -> Any:
    """Bring the best ``k`` of ``n`` to the front, in no order; gives the worst of them."""
    low, high = 0, n - 1
    while low < high:
        pivot, i, j = scores[(low + high) >> 1], low, high
        while i <= j:
            while scores[i] > pivot:
                i += 1
            while scores[j] < pivot:
                j -= 1
            if i <= j:
                scores[i], scores[j] = scores[j], scores[i]
                rows[i], rows[j] = rows[j], rows[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            break
    return scores[:k].min()


@numba.njit(nogil=True, fastmath=FAST, cache=True)
def sift(scores: Any, first: int, held: Any, rows: Any, n: int, least: Any, k: int) -> Any:
    """Add the scores above ``least`` to those held; gives how many are held, and the new least."""
    for start in range(0, len(scores), 32):
        end = min(start + 32, len(scores))
        top = scores[start]
        for j in range(start, end):
            top = max(top, scores[j])
        if top > least:
            for j in range(start, end):
                if scores[j] > least:
                    if n == len(held):
                        least, n = cut(held, rows, n, k), k
                    held[n], rows[n] = scores[j], first + j
                    n += 1
    if n > 2 * k:
        least, n = cut(held, rows, n, k), k
    return n, least


@numba.njit(nogil=True, fastmath=FAST, cache=True)
def sift_all(scores: Any, first: int, held: Any, rows: Any, n: Any, least: Any, k: int) -> None:
    """Sift one row of scores per merchant."""
    for i in range(len(scores)):
        n[i], least[i] = sift(scores[i], first, held[i], rows[i], n[i], least[i], k)


@numba.njit(nogil=True, cache=True)
def scan(codes: Any, query: Any, scores: Any) -> None:
    """Inner products of bytes with one query of two bytes each."""
    for i in range(len(codes)):
        total = np.int32(0)
        for j in range(len(query)):
            total += np.int32(codes[i, j]) * np.int32(query[j])
        scores[i] = total


class Bytes:
    """One query at a time: bytes propose, the vectors themselves decide.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    """

    def __init__(self, vectors: Floats) -> None:
        self.vectors = vectors
        scale = np.abs(vectors).max(axis=0) / 127
        self.scale = np.where(scale > 0, scale, 1).astype(np.float32)
        self.codes = np.rint(vectors / self.scale).astype(np.int8)

    def nearest(self, query: Floats, k: int) -> tuple[Rows, Floats]:
        """Rows and inner products of the best ``k``, in no order."""
        wide = k + k // 4 + 32
        weighed = query * self.scale
        scanned = np.empty(len(self.codes), np.int32)
        scan(
            self.codes, np.rint(weighed * (8191 / np.abs(weighed).max())).astype(np.int16), scanned
        )
        held, rows = np.empty(4 * wide, np.int32), np.empty(4 * wide, np.int32)
        n, _ = sift(scanned, 0, held, rows, 0, np.int32(-(2**31)), wide)
        scores = self.vectors[rows[:n]] @ query
        best = np.argpartition(-scores, k - 1)[:k]
        return rows[best], scores[best]


class Halves:
    """One query at a time by faiss in half precision, as the first floor did.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    """

    def __init__(self, vectors: Floats) -> None:
        kind = faiss.ScalarQuantizer.QT_fp16
        self._index: Any = faiss.IndexScalarQuantizer(
            vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT
        )
        self._index.train(vectors)
        self._index.add(vectors)

    def nearest(self, query: Floats, k: int) -> tuple[Rows, Floats]:
        """As :meth:`Bytes.nearest`."""
        scores, rows = self._index.search(query[None], k)
        return rows[0].astype(np.int32), scores[0]


def nearest_of_all(vectors: Floats, queries: Floats, k: int) -> tuple[Rows, Floats]:
    """Best ``k`` of many queries: products of blocks, sifted while they are in the cache.

    Returns
    -------
    rows, scores : arrays of shape (q, k)
        In no order.
    """
    found = [
        _nearest_of_block(vectors, queries[start : start + ACROSS], k)
        for start in range(0, len(queries), ACROSS)
    ]
    rows, scores = (np.concatenate(one) for one in zip(*found, strict=True))
    return rows, scores


def _nearest_of_block(vectors: Floats, queries: Floats, k: int) -> tuple[Rows, Floats]:
    m = len(queries)
    held, rows = np.empty((m, 4 * k), np.float32), np.empty((m, 4 * k), np.int32)
    n, least = np.zeros(m, np.int64), np.full(m, np.finfo(np.float32).min)
    block = np.empty((m, DOWN), np.float32)
    for first in range(0, len(vectors), DOWN):
        some = vectors[first : first + DOWN]
        scores = block if len(some) == DOWN else np.empty((m, len(some)), np.float32)
        np.matmul(queries, some.T, out=scores)
        sift_all(scores, first, held, rows, n, least, k)
    for i in range(m):
        cut(held[i], rows[i], n[i], k)
    return rows[:, :k], held[:, :k]
