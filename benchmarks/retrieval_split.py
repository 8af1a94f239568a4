"""A split as every method gets it: a matrix to learn from, and the cells that were held out of it.

Read and written with numpy and scipy alone, so that a method in another environment can too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]

#: Scores that are held at once, so that memory does not grow with the number who ask.
CELLS_AT_ONCE = 5_000_000


class Method(Protocol):
    """What every adapter offers: all there is between a method and its figures."""

    def fit(self, history: sp.csr_matrix) -> object:
        """Learn from a float32 matrix of ones, of shape (n_askers, n_candidates)."""

    def score(self, rows: Rows) -> Scores:
        """Scores of all candidates, higher is better; float32 of shape (len(rows), n_candidates).

        Minus infinity rules a candidate out.
        """


class Factors:
    """Scores as inner products of vectors; ``fit`` of a child class places them.

    Attributes
    ----------
    askers, candidates : float32 arrays of shape (n_askers, d) and (n_candidates, d)
    """

    askers: Scores
    candidates: Scores

    def score(self, rows: Rows) -> Scores:
        """Inner products with all candidates."""
        products: Scores = self.askers[rows] @ self.candidates.T
        return products

    def place(
        self,
        shape: tuple[int, int],
        askers: tuple[npt.ArrayLike, npt.ArrayLike],
        candidates: tuple[npt.ArrayLike, npt.ArrayLike],
    ) -> None:
        """Put vectors that come with row numbers where they belong, zeros for all others."""
        placed = []
        for size, (rows, vectors) in zip(shape, (askers, candidates), strict=True):
            side = np.zeros((size, np.shape(vectors)[1]), dtype=np.float32)
            side[np.asarray(rows)] = vectors
            placed.append(side)
        self.askers, self.candidates = placed


@dataclass(frozen=True)
class Split:
    """Who asks, what is known of them, and what they found later.

    Attributes
    ----------
    history : float32 csr_matrix of ones, shape (n_askers, n_candidates)
        Met before; learnt from, and left out of the lists.
    asked : float32 csr_matrix of ones, same shape
        Held out. Rows that hold something ask.
    among : int32 array, optional
        Columns that may be listed; all when None.
    """

    history: sp.csr_matrix
    asked: sp.csr_matrix
    among: Rows | None = None

    @property
    def rows(self) -> Rows:
        """Who asks."""
        return np.flatnonzero(np.diff(self.asked.indptr)).astype(np.int32)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        among = folder / "among.npy"
        return cls(
            sp.csr_matrix(sp.load_npz(folder / "history.npz")),
            sp.csr_matrix(sp.load_npz(folder / "asked.npz")),
            np.load(among, allow_pickle=False) if among.exists() else None,
        )

    def save(self, folder: Path) -> None:
        """Write the split as arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        sp.save_npz(folder / "history.npz", self.history, compressed=False)
        sp.save_npz(folder / "asked.npz", self.asked, compressed=False)
        if self.among is not None:
            np.save(folder / "among.npy", self.among)

    def fingerprint(self) -> str:
        """Hash of the cells, by which a stored result knows its split."""
        digest = hashlib.sha256(str(self.history.shape).encode())
        for matrix in (self.history, self.asked):
            digest.update(matrix.indptr.astype(np.int64).tobytes())
            digest.update(matrix.indices.astype(np.int64).tobytes())
        if self.among is not None:
            digest.update(self.among.astype(np.int64).tobytes())
        return digest.hexdigest()[:16]


def matrix_of(cells: npt.ArrayLike, shape: tuple[int, int] | None = None) -> sp.csr_matrix:
    """Ones at pairs of (asker, candidate), each once; float32 csr_matrix."""
    rows, columns = np.asarray(cells).T
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def hold_out(history: sp.csr_matrix, share: float, seed: int) -> Split:
    """Hold a share of every asker's cells out, rounded; who has one cell only keeps it."""
    draw = np.random.default_rng(seed)
    held = np.zeros(history.nnz, dtype=bool)
    for start, end in zip(history.indptr[:-1], history.indptr[1:], strict=True):
        out = min(round(share * (end - start)), end - start - 1)
        if out > 0:
            held[start + draw.permutation(end - start)[:out]] = True
    rows, columns = history.nonzero()
    parts = [
        matrix_of(np.column_stack([rows, columns])[part], history.shape) for part in (~held, held)
    ]
    return Split(*parts)


def lists(method: Method, split: Split, k: int) -> Rows:
    """Rank all candidates for everybody who asks, and keep the best.

    Parameters
    ----------
    method : Method
        Fitted.
    split : Split
    k : int

    Returns
    -------
    int32 array of shape (len(split.rows), k)
        Best first, without those met before; -1 where the candidates have run out. Of equal
        scores the smaller column comes first among those listed.
    """
    parts = []
    for rows in _blocks(split):
        scores = np.array(method.score(rows), dtype=np.float32)
        scores[split.history[rows].nonzero()] = -np.inf
        if split.among is not None:
            scores[:, np.setdiff1d(np.arange(scores.shape[1]), split.among)] = -np.inf
        kept = min(k, scores.shape[1])
        top = np.sort(np.argpartition(-scores, kept - 1, axis=1)[:, :kept], axis=1)
        found = np.take_along_axis(scores, top, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        top = np.take_along_axis(top, order, axis=1)
        ruled_out = np.take_along_axis(found, order, axis=1) == -np.inf
        block = np.full((len(rows), k), -1, dtype=np.int32)
        block[:, :kept] = np.where(ruled_out, -1, top)
        parts.append(block)
    return np.concatenate(parts)


def _blocks(split: Split) -> Iterator[Rows]:
    rows = split.rows
    size = max(1, CELLS_AT_ONCE // split.history.shape[1])
    return (rows[start : start + size] for start in range(0, len(rows), size))
