"""Embeddings given from outside, one block for each space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from models.blocks import Block, Mask
from models.pairs import Floats
from models.vocabulary import Rows, Vocabulary

# A kind of entity has a centre of its own once so many of its vectors are known.
_OWN_CENTRE = 20.0


def given_blocks(
    embeddings: pd.DataFrame,
    merchants: Vocabulary,
    creators: Vocabulary,
    products: Vocabulary,
    product_merchants: Rows | None,
) -> list[Block]:
    """Centre and scale the vectors of each space; blocks ``given:<space>``, by name.

    Vectors of one space are comparable across entities, yet texts of brands and posts of creators
    often lie apart as groups (a gap that says nothing of any pair, and that would fill the
    cosine). So each kind of entity is centred on its own mean, which is drawn towards the mean of
    all by 20 vectors' worth: a single merchant must not be its own centre. Vectors that are shares
    of a whole, as topics are, come in by their square roots (Hellinger's distance).

    Parameters
    ----------
    embeddings : DataFrame
        ``entity, entity_id, space, vector`` (sequences of float). Ids outside the vocabularies
        are passed over, so are vectors with a missing number; several of one entity are averaged.
    merchants, creators, products : Vocabulary
    product_merchants : int32 array of shape (n_products,), or None
        Merchants and products without a vector take one from each other.

    Raises
    ------
    ValueError
        When the vectors of a space differ in length.
    """
    blocks = []
    ids = {"merchant": merchants, "creator": creators, "product": products}
    for space, means in given_vectors(embeddings, ids):
        known = [means[kind][0][means[kind][1]] for kind in means]
        overall = np.concatenate(known).mean(axis=0) if sum(map(len, known)) else 0.0
        centred = {kind: (_centred(*means[kind], overall), means[kind][1]) for kind in means}
        blocks.append(
            Block.of(
                f"given:{space}",
                centred["merchant"],
                centred["creator"],
                centred["product"],
                product_merchants,
            )
        )
    return blocks


def given_vectors(
    embeddings: pd.DataFrame, ids: Mapping[str, Vocabulary]
) -> Iterator[tuple[str, dict[str, tuple[Floats, Mask]]]]:
    """Mean vector of each entity, space by space, and which entities have one.

    Vectors that are shares of a whole come by their square roots; see :func:`given_blocks`.
    """
    for space, rows in embeddings.groupby("space", sort=True):
        vectors = _stacked(rows["vector"], str(space))
        usable = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        rows, vectors = rows.iloc[usable], _rooted(vectors[usable])
        yield str(space), {kind: _means(rows, vectors, kind, of) for kind, of in ids.items()}


def _stacked(vectors: pd.Series, space: str) -> Floats:
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        raise ValueError(
            f"space {space!r} holds vectors of {lengths[0]} and of {lengths[-1]} numbers; "
            "give all vectors of a space the same length"
        )
    return np.array(vectors.tolist(), dtype=np.float64)


def _rooted(vectors: Floats) -> Floats:
    """Square roots, where every vector is made of shares that add up to one."""
    shares = (vectors >= 0).all() and np.allclose(vectors.sum(axis=1), 1.0, atol=1e-3)
    return np.sqrt(vectors) if shares and len(vectors) else vectors


def _means(rows: pd.DataFrame, vectors: Floats, kind: str, ids: Vocabulary) -> tuple[Floats, Mask]:
    """Mean vector of each entity of a kind, and which have one."""
    of_kind = np.flatnonzero(rows["entity"] == kind)
    found, known = ids.find(rows["entity_id"].iloc[of_kind])
    totals = np.zeros((len(ids), vectors.shape[1]))
    np.add.at(totals, found, vectors[of_kind[known]])
    counts = np.bincount(found, minlength=len(ids))
    return totals / np.maximum(counts, 1)[:, None], counts > 0


def _centred(vectors: Floats, known: Mask, overall: Floats | float) -> Floats:
    own = vectors[known].sum(axis=0) + _OWN_CENTRE * overall
    centre = own / (known.sum() + _OWN_CENTRE)
    return np.where(known[:, None], vectors - centre, 0.0)
