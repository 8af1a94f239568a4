"""The best few of many, kept in a heap while they come by.

Everything works on a stretch of two arrays, so that lists lie one after the other in memory.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from models.pairs import Floats
from models.vocabulary import Rows


@compiled
def worse(score: float, row: int, other_score: float, other_row: int) -> bool:
    """Whether one creator comes after another: by score, the unknown last, then by row."""
    if np.isnan(score) or np.isnan(other_score):
        if np.isnan(score) and np.isnan(other_score):
            return row > other_row
        return bool(np.isnan(score))
    return score < other_score or (score == other_score and row > other_row)


@compiled
def sink(scores: Floats, rows: Rows, start: int, size: int, at: int) -> None:
    """Let one entry of a heap sink to its place; the worst of a heap is at its top."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        one, other = start + child, start + child + 1
        if child + 1 < size and worse(scores[other], rows[other], scores[one], rows[one]):
            one, child = other, child + 1
        top = start + at
        if not worse(scores[one], rows[one], scores[top], rows[top]):
            return
        scores[top], scores[one] = scores[one], scores[top]
        rows[top], rows[one] = rows[one], rows[top]
        at = child


@compiled
def take_in(
    scores: Floats, rows: Rows, start: int, size: int, k: int, score: float, row: int
) -> int:
    """Put one creator onto a heap of the best ``k``, and tell its size."""
    if size < k:
        at = size
        while at > 0:
            above, own = start + (at - 1) // 2, start + at
            if not worse(score, row, scores[above], rows[above]):
                break
            scores[own], rows[own] = scores[above], rows[above]
            at = (at - 1) // 2
        scores[start + at], rows[start + at] = score, row
        return size + 1
    if worse(scores[start], rows[start], score, row):
        scores[start], rows[start] = score, row
        sink(scores, rows, start, size, 0)
    return size


@compiled
def into_order(scores: Floats, rows: Rows, start: int, size: int) -> None:
    """Bring a heap into order, the best first."""
    while size > 1:
        size -= 1
        last = start + size
        scores[start], scores[last] = scores[last], scores[start]
        rows[start], rows[last] = rows[last], rows[start]
        sink(scores, rows, start, size, 0)
