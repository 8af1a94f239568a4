"""Whitening: vectors whose common directions no longer drown the telling ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.blocks import Mask, Vectors
from models.pairs import State


@dataclass(frozen=True)
class Whitening:
    """Divides each principal direction by a power of its spread, then brings rows to length one.

    Most embeddings spend their length on a few directions that everybody shares. With power 0.5
    every direction counts alike; with 0 only the width is cut.

    Attributes
    ----------
    turn : float32 array of shape (width in, width out)
        Principal directions, each already scaled.
    """

    turn: Vectors

    @classmethod
    def fit(
        cls, sides: list[tuple[Vectors, Mask]], *, power: float, width: int, floor: float = 1e-3
    ) -> Self:
        """Learn the directions from the known rows of all sides together.

        Parameters
        ----------
        sides : list of (vectors of shape (n, d), mask of shape (n,))
            Rows of length one, already centred. Every side counts alike, however many rows it has.
        power : float
            0 leaves lengths as they are, 0.5 makes all directions alike.
        width : int
            Directions kept, the widest first.
        floor : float, default 1e-3
            Share of the largest spread below which a direction is not blown up further.
        """
        d = sides[0][0].shape[1]
        spread = np.zeros((d, d))
        for vectors, known in sides:
            rows = vectors[known].astype(np.float64)
            spread += rows.T @ rows / max(len(rows), 1)
        values, directions = np.linalg.eigh(spread)
        order = np.argsort(-values, kind="stable")[:width]
        values, directions = np.maximum(values[order], 0.0), directions[:, order]
        # eigh leaves signs open; the largest entry of each direction is made positive.
        pivots = directions[np.abs(directions).argmax(axis=0), np.arange(len(order))]
        directions = directions * np.where(pivots < 0, -1.0, 1.0)
        scale = np.maximum(values + floor * values.max(initial=0.0), 1e-12) ** -power
        return cls((directions * scale).astype(np.float32))

    def transform(self, vectors: npt.NDArray[np.floating]) -> Vectors:
        """Whitened rows of length one; rows of zeros (unknown) stay zero."""
        rows = np.asarray(vectors, dtype=np.float32) @ self.turn
        return unit(rows)

    def state(self) -> State:
        """What a bundle keeps."""
        return {"turn": self.turn}


def unit(rows: Vectors) -> Vectors:
    """Bring rows to length one; rows of zeros stay zero.

    Examples
    --------
    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    safe = np.where(lengths > 0, lengths, 1.0).astype(np.float32)
    scaled: Vectors = np.asarray(rows / safe[:, None], dtype=np.float32)
    return scaled
