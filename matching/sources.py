"""Where candidates come from: each kind of evidence proposes its own.

A small market needs no proposals: every creator that passes the filters is predicted, so the
list is exact. Beyond :data:`~matching.index.EXACT_UP_TO` creators each source asks the index for
the creators that are best on its part of the affinity alone, and only those are predicted.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matching.index import EXACT_UP_TO, CreatorIndex, inner_products
from models.blocks import Vectors
from models.vocabulary import Rows

#: Creators that each source proposes to a list, when not everyone can be predicted.
DEPTH = 200

#: A part of the affinity speaks for a creator when it is at least this share of all that does.
MATERIAL = 0.2


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


def propose(
    index: CreatorIndex,
    vector: Vectors,
    parts: Mapping[str, slice],
    reach: Vectors,
    allowed: Rows,
    k: int,
) -> Rows:
    """Creators worth predicting for one merchant, in row order.

    Parameters
    ----------
    vector : float32 array of shape (d,)
        The merchant's.
    parts : dict of str to slice
        Columns of the vectors that belong to each part of the affinity.
    reach : float32 array of shape (number of creators,)
        Outcome a creator brings whoever the merchant is, on a log scale.
    allowed : int32 array
        Creators that passed the filters.
    k : int
        Length of the list; a list longer than :data:`DEPTH` is chosen among everyone.
    """
    if len(allowed) <= EXACT_UP_TO or k > DEPTH:
        return allowed
    queries = np.zeros((len(parts) + 1, len(vector)), dtype=np.float32)
    queries[0] = vector
    for query, columns in zip(queries[1:], parts.values(), strict=True):
        query[columns] = vector[columns]
    everyone = len(allowed) == len(index.vectors)
    found, _ = index.search(queries, DEPTH, allowed=None if everyone else allowed)
    far = allowed[np.argsort(-reach[allowed], kind="stable")[:DEPTH]]
    return np.union1d(found.ravel(), far).astype(np.int32)


def affinity_parts(vector: Vectors, vectors: Vectors, parts: Mapping[str, slice]) -> Vectors:
    """What each part adds to the affinity; the columns add up to the ``match`` score.

    Parameters
    ----------
    vector : float32 array of shape (d,)
    vectors : float32 array of shape (n, d)

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
