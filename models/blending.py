"""Several models as one inner product of few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.pairs import Floats, State


@dataclass(frozen=True)
class Blend:
    """Linear maps that take wide factors of both sides to narrow ones.

    Attributes
    ----------
    merchants, creators : float32 arrays of shape (wide, narrow)
        ``(L @ merchants) @ (R @ creators).T`` is near ``L @ R.T``.
    """

    merchants: Vectors
    creators: Vectors

    @classmethod
    def fit(
        cls,
        merchants: Vectors,
        creators: Vectors,
        width: int,
        *,
        merchant_weights: Floats,
        creator_weights: Floats,
    ) -> Self:
        """Find the maps that change the scores least, by weighted squares.

        The score matrix ``L R'`` is never built: with ``G = L'WL`` and ``H = R'WR`` its singular
        vectors are those of ``G^½ H^½``, as small as the factors are wide.

        Parameters
        ----------
        merchants : float32 array of shape (n_merchants, wide)
        creators : float32 array of shape (n_creators, wide)
        width : int
            Numbers to keep.
        merchant_weights, creator_weights : float arrays of shape (n_…,)
            Weight of each row and column in the squares.

        References
        ----------
        Eckart and Young, "The approximation of one matrix by another of lower rank", 1936.

        Examples
        --------
        >>> left = np.array([[1, 2], [3, 6]], dtype=np.float32)  # of rank one
        >>> right, one = np.eye(2, dtype=np.float32), np.ones(2)
        >>> blend = Blend.fit(left, right, 1, merchant_weights=one, creator_weights=one)
        >>> ((left @ blend.merchants) @ (right @ blend.creators).T).round(3).tolist()
        [[1.0, 2.0], [3.0, 6.0]]
        """
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            left, left_inverse = _roots(merchants, merchant_weights)
            right, right_inverse = _roots(creators, creator_weights)
            turn, values, back = np.linalg.svd(left @ right)
            root = np.sqrt(values[:width])
            return cls(
                (left_inverse @ (turn[:, :width] * root)).astype(np.float32),
                (right_inverse @ (back[:width].T * root)).astype(np.float32),
            )

    def state(self) -> State:
        """What a bundle keeps."""
        return {"merchants": self.merchants, "creators": self.creators}


def _roots(rows: Vectors, weights: Floats) -> tuple[Floats, Floats]:
    """Square root of the weighted Gram matrix, and its inverse where there is anything."""
    weighted = rows * np.sqrt(weights)[:, None].astype(np.float32)
    gram = (weighted.T @ weighted).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    there = values > values.max(initial=0.0) * 1e-7
    root = np.sqrt(np.where(there, values, 0.0))
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=there)
    return (vectors * root) @ vectors.T, (vectors * inverse) @ vectors.T
