"""Where candidates come from, and which evidence speaks for each.

Affinity has the index. Predictions have two sources: the asker's own partners, whose history
settles part of the outcome, and everybody else in the order of what they promise whoever asks.
The second is read until nobody who is left could enter the list, so a list is exact at any size
and any length (after Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware", 2003).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from matching.index import inner_products
from models.blocks import Vectors
from models.pairs import Floats
from models.vocabulary import Rows

#: Creators predicted at first; then twice as many each time.
BATCH = 2_048

#: A part of the affinity speaks for a creator when it is at least this share of all that does.
MATERIAL = 0.2

#: The bound is computed in another order than the prediction: room for the last digits.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Prospects:
    """Creators by what they promise for one prediction, whoever asks.

    Attributes
    ----------
    rows : int32 array of shape (number of creators,)
        The most promising first.
    promise : float64 array of shape (number of creators,)
        Log of their own part in the prediction, in the same order.
    """

    rows: Rows
    promise: Floats

    @classmethod
    def of(cls, promise: Floats) -> Self:
        """Order creators by their promises, given in row order."""
        order = np.argsort(-promise, kind="stable")
        return cls(order.astype(np.int32), promise[order])

    def best(
        self,
        k: int,
        allowed: Rows,
        partners: Rows,
        ceiling: float,
        score: Callable[[Rows], Floats],
    ) -> tuple[Rows, Floats]:
        """Find the best ``k``, best first; equal scores are ordered by row.

        Parameters
        ----------
        allowed : int32 array
            Creators to choose from.
        partners : int32 array
            Creators that may do better than they promise: they are scored first.
        ceiling : float
            Log of the most that anything else adds to a promise.
        score : callable
            Gives the scores of some rows; NaN where unknown, which comes last.

        Returns
        -------
        rows : int32 array of shape (min(k, number allowed),)
        scores : float64 array of the same shape
        """
        waiting = np.zeros(len(self.rows), dtype=bool)
        waiting[allowed] = True
        rows = partners[waiting[partners]]
        waiting[rows] = False
        places = np.flatnonzero(waiting[self.rows])
        rows, scores = _keep_best(k, rows, score(rows))
        start, size = 0, BATCH
        while start < len(places):
            most = np.exp(self.promise[places[start]] + ceiling) * (1 + _ROUNDING)
            if len(rows) == k and scores[-1] > most:
                break
            batch = self.rows[places[start : start + size]]
            joined = np.concatenate([rows, batch]), np.concatenate([scores, score(batch)])
            rows, scores = _keep_best(k, *joined)
            start, size = start + size, 2 * size
        return rows, scores


def _keep_best(k: int, rows: Rows, scores: Floats) -> tuple[Rows, Floats]:
    keys = np.where(np.isnan(scores), -np.inf, scores)
    best = np.lexsort((rows, -keys))[:k]
    return rows[best], scores[best]


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


def affinity_parts(vector: Vectors, vectors: Vectors, parts: Mapping[str, slice]) -> Vectors:
    """What each part adds to the inner product; the columns add up to it.

    Parameters
    ----------
    vector : float32 array of shape (d,)
    vectors : float32 array of shape (n, d)
        As they are, the columns add up to the affinity; less those of the usual one, to what is
        beyond the usual.

    Returns
    -------
    float32 array of shape (n, number of parts)
    """
    columns = [inner_products(vectors[:, part], vector[part]) for part in parts.values()]
    return np.stack(columns, axis=1) if columns else np.zeros((len(vectors), 0), np.float32)


def speaking_for(contributions: Vectors, parts: Mapping[str, slice]) -> list[list[str]]:
    """Sources whose evidence speaks for each creator, the strongest first.

    Parameters
    ----------
    contributions : float32 array of shape (n, number of parts)

    Returns
    -------
    list of n lists of source names; empty where nothing is known that speaks for a creator
    """
    positive = np.maximum(contributions, 0)
    share = positive / np.maximum(positive.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    order = np.argsort(-share, axis=1, kind="stable")
    names = [source_of(part) for part in parts]
    return [
        [names[part] for part in ranked if row[part] >= MATERIAL]
        for ranked, row in zip(order, share, strict=True)
    ]
