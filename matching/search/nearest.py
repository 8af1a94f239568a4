"""Exact candidates for many queries at once: a blocked product of matrices, sieved as it goes.

A product of matrices is the cheapest way to look at everybody, but its rounding depends on the
shape of the blocks. So it only proposes: whoever it leaves within its own error of the ``k``-th
best goes on to be scored pair by pair. The product of a block is sieved while it lies in the
processor's cache, so memory stays the same however many creators there are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.search.products import Scores
from matching.search.scanning import ROUNDING, scattered
from matching.shortlists import Starts
from models.blocks import Mask, Vectors
from models.compiled import compiled
from models.pairs import Floats
from models.vocabulary import Rows

#: Rows to a block of the product.
_WIDE = 512

#: So many scores are looked at together, and so many again where one of them may enter.
_WHOLE, _PART = 64, 16

#: Nothing finite is lower; who is left out has minus infinity.
_LOWEST = np.float32(np.finfo(np.float32).min)


def nearest(
    vectors: Vectors,
    queries: Vectors,
    k: int,
    longest: float,
    among: Rows | None,
    left_starts: Starts,
    left_out: Rows,
) -> tuple[Starts, Rows, Mask]:
    """Name all rows that may be among the best ``k`` of each query, ties included.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    queries : float32 array of shape (q, d)
        A few hundred: each needs room for a block's scores.
    k : int
        At least 1, and less than there are rows to choose from.
    longest : float
        Length of the longest vector.
    among : int32 array in rising order, optional
        Rows to choose from.
    left_starts : int64 array of shape (q + 1,)
    left_out : int32 array
        Query ``i`` does not want ``left_out[left_starts[i]:left_starts[i + 1]]``, in rising order:
        rows, or places in ``among``.

    Returns
    -------
    starts : int64 array of shape (q + 1,)
    rows : int32 array
        Those of query ``i`` are ``rows[starts[i]:starts[i + 1]]``, in rising order.
    settled : bool array of shape (q,)
        False where too many lie too close together to tell them apart: any row may be the best.
    """
    (q, d), size = queries.shape, len(vectors) if among is None else len(among)
    lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))
    # Twice the error of the product, twice that of the pair: how far the k-th best may be off.
    error = 1.01 * (d + 8) * (ROUNDING * longest * lengths + 2e-38)
    off = np.where(longest * lengths < 1e37, 4 * error, np.inf)
    room = 3 * k + 2 * _WHOLE
    kept, worth = np.empty((q, room), np.int32), np.empty((q, room), np.float32)
    bars = np.full(q, _LOWEST)
    filled = np.where(np.isfinite(off), 0, -1)
    product = np.empty(q * _WIDE, dtype=np.float32)
    gathered = np.empty((0 if among is None else _WIDE, d), dtype=np.float32)
    blocks, ranks = scattered(size, _WIDE, k)
    for turn, (first, rank) in enumerate(zip(blocks.tolist(), ranks.tolist(), strict=True), 1):
        wide = min(_WIDE, size - first)
        if among is None:
            block = vectors[first : first + wide]
        else:
            # "clip" because "raise" would gather into a copy first; all rows are there.
            block = gathered[:wide]
            np.take(vectors, among[first : first + wide], axis=0, out=block, mode="clip")
        scores = product[: q * wide].reshape(q, wide)
        np.matmul(queries, block.T, out=scores)
        _sieve(scores, first, rank, off, left_starts, left_out, kept, worth, filled, bars)
        if turn & (turn - 1) == 0:
            _raise(rank, off, kept, worth, filled, bars)
    starts = np.zeros(q + 1, dtype=np.int64)
    rows = np.empty(q * room, dtype=np.int32)
    _gather(k, off, kept, worth, filled, bars, starts, rows)
    rows = rows[: starts[-1]]
    return starts, rows if among is None else among[rows], filled >= 0


def _sieve_block(
    scores: Scores,
    first: int,
    rank: int,
    off: Floats,
    left_starts: Starts,
    left_out: Rows,
    kept: Rows,
    worth: Scores,
    filled: npt.NDArray[np.int64],
    bars: Scores,
) -> None:
    """Take over from a block of scores who is not worse than the bar; raise the bar when full."""
    q, wide = scores.shape
    room = kept.shape[1]
    whole, part = np.uint64(_WHOLE), np.uint64(_PART)
    for asker in range(q):
        n, bar, line = filled[asker], bars[asker], scores[asker]
        if n < 0:
            continue
        unwanted = left_out[left_starts[asker] : left_starts[asker + 1]]
        for i in range(np.searchsorted(unwanted, first), np.searchsorted(unwanted, first + wide)):
            line[unwanted[i] - first] = -np.inf
        for start in range(0, wide, _WHOLE):
            if n + _WHOLE > room:
                n, bar = _squeeze(kept[asker], worth[asker], n, rank, off[asker], bar)
                if n + _WHOLE > room:
                    n = -1
                    break
            if start + _WHOLE > wide:
                for at in range(start, wide):
                    if line[at] >= bar:
                        kept[asker, n], worth[asker, n] = first + at, line[at]
                        n += 1
                continue
            # Unsigned places of a fixed number: only such loops become the processor's vectors.
            hits = np.int32(0)
            for i in range(whole):
                hits += np.int32(1) if line[np.uint64(start) + i] >= bar else np.int32(0)
            if hits == 0:
                continue
            for near in range(start, start + _WHOLE, _PART):
                hits = np.int32(0)
                for i in range(part):
                    hits += np.int32(1) if line[np.uint64(near) + i] >= bar else np.int32(0)
                if hits == 0:
                    continue
                for at in range(near, near + _PART):
                    score = line[at]
                    # Written whether it counts or not: a guess less for the processor.
                    kept[asker, n], worth[asker, n] = first + at, score
                    n += np.int64(score >= bar)
        filled[asker], bars[asker] = n, bar


def _keep_best(
    kept: Rows, worth: Scores, n: int, rank: int, off: float, bar: np.float32
) -> tuple[int | np.int64, np.float32]:
    """Raise the bar to what the one of this rank leaves possible, and drop who is below."""
    if n < rank:
        return n, bar
    bar = max(bar, np.float32(np.partition(worth[:n], n - rank)[n - rank] - off))
    left = np.int64(0)
    for i in range(n):
        kept[left], worth[left] = kept[i], worth[i]
        left += np.int64(worth[i] >= bar)
    return left, bar


def _raise_each(
    rank: int,
    off: Floats,
    kept: Rows,
    worth: Scores,
    filled: npt.NDArray[np.int64],
    bars: Scores,
) -> None:
    for asker in range(len(filled)):
        n, bar = filled[asker], bars[asker]
        if n > 0:
            filled[asker], bars[asker] = _squeeze(
                kept[asker], worth[asker], n, rank, off[asker], bar
            )


def _gather_each(
    k: int,
    off: Floats,
    kept: Rows,
    worth: Scores,
    filled: npt.NDArray[np.int64],
    bars: Scores,
    starts: Starts,
    rows: Rows,
) -> None:
    """Lay out what was kept for each query, one after the other."""
    for asker in range(len(filled)):
        n, first, bar = filled[asker], starts[asker], bars[asker]
        if n >= k:
            least = np.float32(np.partition(worth[asker, :n], n - k)[n - k] - off[asker])
            n, _ = _squeeze(kept[asker], worth[asker], n, k, off[asker], bar)
        else:
            least = _LOWEST
        if bar > least:
            n = -1  # the bar was raised too far on the way
        filled[asker] = n
        starts[asker + 1] = first + max(n, 0)
        for i in range(n):
            rows[first + i] = kept[asker, i]


_squeeze = compiled(_keep_best)
_sieve = compiled(_sieve_block)
_raise = compiled(_raise_each)
_gather = compiled(_gather_each)
