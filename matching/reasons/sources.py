"""What each part of the affinity adds to a pair, and which sources speak for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from matching.reasons.told import Told
from matching.shortlists import Starts
from models.blocks import Vectors
from models.compiled import compiled, settled
from models.vocabulary import Rows

#: A part of the affinity speaks for a row when it is at least this share of all that does.
MATERIAL = np.float32(0.2)

_TINY = np.finfo(np.float32).tiny


def source_of(part: str) -> str:
    """Name the source that a part of the affinity belongs to.

    Examples
    --------
    >>> source_of("collaborative"), source_of("co_audience"), source_of("given:topic")
    ('cooperations', 'shared audience', 'topic vectors')
    """
    if part.startswith("given:"):
        return f"{part.removeprefix('given:')} vectors"
    return {
        "collaborative": "cooperations",
        "co_audience": "shared audience",
        "popularity": "popularity",
    }.get(part, part)


def contributions_of(
    askers: Vectors,
    starts: Starts,
    rows: Rows,
    vectors: Vectors,
    usual: Vectors,
    parts: Mapping[str, slice],
) -> Vectors:
    """What each part adds to the affinity of each pair of a block, beyond the usual.

    Parameters
    ----------
    askers : float32 array of shape (m, d)
    starts : int64 array of shape (m + 1,)
    rows : int32 array of shape (n,)
        Asker ``i`` is given ``rows[starts[i]:starts[i + 1]]``.
    vectors : float32 array of shape (number of those that can be listed, d)
    usual : float32 array of shape (d,)
        What speaks for somebody is what sets it apart from the usual one.
    parts : dict of name to slice
        Columns of each part.

    Returns
    -------
    float32 array of shape (n, number of parts)
        A pair's numbers depend on that pair alone. With a usual one of zeros they add up to the
        affinity.
    """
    ends = np.array([[part.start, part.stop] for part in parts.values()], dtype=np.int64)
    askers, vectors, usual = (settled(one, np.float32) for one in (askers, vectors, usual))
    return _beyond(askers, vectors, usual, starts, rows, ends.reshape(-1, 2))


@partial(compiled, reordered=True)
def _beyond(
    askers: Vectors,
    vectors: Vectors,
    usual: Vectors,
    starts: Starts,
    rows: Rows,
    ends: npt.NDArray[np.int64],
) -> Vectors:
    sums = np.empty((len(rows), len(ends)), dtype=np.float32)
    for i in range(len(starts) - 1):
        for at in range(starts[i], starts[i + 1]):
            for part in range(len(ends)):
                start, end = ends[part]
                # Slices first: numbers that count from the end of an array are no vector's.
                own, theirs = askers[i, start:end], vectors[rows[at], start:end]
                other = usual[start:end]
                total = np.float32(0)
                for j in range(len(own)):
                    total += own[j] * (theirs[j] - other[j])
                sums[at, part] = total
    return sums


def affinity_parts(vector: Vectors, vectors: Vectors, parts: Mapping[str, slice]) -> Vectors:
    """What each part adds to the inner products of one vector with some others.

    Parameters
    ----------
    vector : float32 array of shape (d,)
    vectors : float32 array of shape (n, d)

    Returns
    -------
    float32 array of shape (n, number of parts)
        The columns add up to the inner products.
    """
    starts = np.array([0, len(vectors)], dtype=np.int64)
    rows = np.arange(len(vectors), dtype=np.int32)
    return contributions_of(vector[None], starts, rows, vectors, np.zeros_like(vector), parts)


def speaking_for(contributions: Vectors, parts: Mapping[str, slice]) -> Told:
    """Sources whose evidence speaks for each row, the strongest first.

    Parameters
    ----------
    contributions : float32 array of shape (n, number of parts)

    Returns
    -------
    Told
        Names of sources; none where nothing is known that speaks for a row.
    """
    starts, codes = _material(contributions)
    return Told(starts, codes, [source_of(part) for part in parts])


@compiled
def _material(contributions: Vectors) -> tuple[Starts, Rows]:
    """Parts that speak for each row, the strongest first."""
    n, parts = contributions.shape
    starts = np.zeros(n + 1, dtype=np.int64)
    codes = np.empty(n * parts, dtype=np.int32)
    shares = np.empty(parts, dtype=np.float32)
    end = 0
    for at in range(n):
        total = np.float32(0)
        for part in range(parts):
            value = contributions[at, part]
            shares[part] = np.float32(0) if value < 0 else value
            total += shares[part]
        total = _TINY if total < _TINY else total
        for part in range(parts):
            shares[part] /= total
            if shares[part] >= MATERIAL:
                place = end
                while place > starts[at] and shares[codes[place - 1]] < shares[part]:
                    codes[place] = codes[place - 1]
                    place -= 1
                codes[place] = part
                end += 1
        starts[at + 1] = end
    return starts, codes[:end].copy()
