"""How alike creators are: the cosine of all evidence but popularity."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from matching.search.products import inner_products
from models.blocks import Vectors
from models.vocabulary import Rows


class Likeness:
    """Compares creators by their vectors.

    Parameters
    ----------
    vectors : float32 array of shape (n_creators, d)
    popularity : slice
        Columns that say how sought somebody is: that two are sought makes them no more alike.

    Examples
    --------
    >>> vectors = np.array([[1, 0, 9], [2, 0, 1], [0, 3, 9]], dtype=np.float32)
    >>> alike = Likeness(vectors, popularity=slice(2, 3))
    >>> alike.cosines(alike.query(0), np.arange(3)).tolist()
    [1.0, 1.0, 0.0]
    """

    def __init__(self, vectors: Vectors, popularity: slice) -> None:
        self._vectors = vectors
        self._popularity = popularity

    def query(self, creator: int) -> Vectors:
        """Direction of a creator; float32 of shape (d,), zeros where nothing is known of it."""
        query = np.array(self._vectors[creator])
        query[self._popularity] = 0
        direction: Vectors = query / max(self._lengths[creator], np.finfo(np.float32).tiny)
        return direction

    def cosines(self, query: Vectors, rows: Rows) -> Vectors:
        """Cosines of some creators with a query; 0 for whom nothing is known of."""
        products = inner_products(self._vectors[rows], query)
        lengths = self._lengths[rows]
        cosines: Vectors = np.divide(
            products, lengths, out=np.zeros_like(products), where=lengths > 0
        )
        return cosines

    @cached_property
    def _lengths(self) -> Vectors:
        squares = np.einsum("ij,ij->i", self._vectors, self._vectors)
        sought = self._vectors[:, self._popularity]
        squares = squares - np.einsum("ij,ij->i", sought, sought)
        lengths: Vectors = np.sqrt(np.maximum(squares, 0))
        return lengths
