"""Creators' vectors in a byte a number, each with a bound on what that leaves out.

A scan of the codes reads a quarter of the memory and multiplies whole numbers, so it takes a third
of the time of a scan of the vectors. The bounds make it exact: whoever the codes cannot rule out
from the best ``k`` is named, usually 1.3 to 2 times ``k`` rows, and only those need their true
scores. The codes are a plain FAISS index of scalar quantisers (Jégou et al., 2011, "Product
quantization for nearest neighbor search", is where such codes come from); the bounds are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from matching.search.products import Scores
from matching.search.scanning import AT_ONCE, Bytes, aim_at, near_rows, scattered
from models.blocks import Vectors
from models.compiled import compiled, settled
from models.pairs import Floats
from models.vocabulary import Rows

_NOBODY = settled(np.empty(0), np.int32)


@dataclass(frozen=True)
class Codes:
    """Codes of one vector per creator.

    Number ``j`` of a vector is taken for ``low[j] + step[j] * (code + .5)``.

    Attributes
    ----------
    codes : uint8 array of shape (n, d)
        Those of the FAISS index itself, mapped into memory after :meth:`load`.
    low, step : float64 arrays of shape (d,)
    slack : float32 array of shape (n,)
        Length of what the code of each row leaves out, never too short; infinite where it has no
        length.
    spread : float
        Greatest length of a row's codes, counted from 128.
    longest : float
        Greatest length of a vector.
    """

    codes: Bytes
    low: Floats
    step: Floats
    slack: Scores
    spread: float
    longest: float
    _faiss: Any

    @classmethod
    def build(cls, vectors: Vectors) -> Codes:
        """Code the vectors.

        Parameters
        ----------
        vectors : float32 array of shape (n, d), finite
        """
        vectors = settled(vectors, np.float32)
        made: Any = faiss.IndexScalarQuantizer(
            vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        if len(vectors):
            made.train(vectors)
            made.add(vectors)
        else:
            made.is_trained = True
        codes, low, step = _opened(made, *vectors.shape)
        slack = np.empty(len(vectors), dtype=np.float32)
        spread, longest = _bound(codes, low, step, vectors, slack)
        return cls(codes, low, step, settled(slack, np.float32), spread, longest, made)

    def save(self, path: Path) -> dict[str, Any]:
        """Write the FAISS index; the returned facts are needed again by :meth:`load`."""
        faiss.write_index(self._faiss, str(path))
        return {"slack": self.slack, "spread": self.spread, "longest": self.longest}

    @classmethod
    def load(cls, path: Path, shape: tuple[int, int], facts: dict[str, Any]) -> Codes:
        """Open written codes, mapped into memory rather than read."""
        made = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        codes, low, step = _opened(made, *shape)
        slack = settled(facts["slack"], np.float32)
        return cls(codes, low, step, slack, facts["spread"], facts["longest"], made)

    def near(
        self, query: Vectors, k: int, *, among: Rows | None = None, left_out: Rows = _NOBODY
    ) -> Rows:
        """Name all rows that may be among the best ``k`` of one query, ties included.

        "Best" is by :func:`~matching.search.products.products_of`, whose rounding is allowed for.

        Parameters
        ----------
        query : float32 array of shape (d,)
        k : int
            At least 1.
        among : int32 array, optional
            Rows to choose from.
        left_out : int32 array in rising order, optional
            Rows not to choose.

        Returns
        -------
        int32 array, in no order
            At least ``k`` of them, if there are so many.
        """
        size = len(self.codes) if among is None else len(among)
        query, left_out = settled(query, np.float32), settled(left_out, np.int32)
        aim = aim_at(self.low, self.step, self.spread, self.longest, query)
        if not np.isfinite(aim[-1]):
            everyone = np.arange(size, dtype=np.int32) if among is None else among
            return np.setdiff1d(everyone, left_out)
        chosen = _NOBODY if among is None else settled(among, np.int32)
        given = (self.codes, self.slack, *aim, k, chosen, among is None, left_out)
        firsts, ranks = scattered(size, AT_ONCE, k)
        rows, sure = near_rows(*given, firsts, ranks)
        if not sure:
            rows, _ = near_rows(*given, firsts, np.full_like(ranks, k))
        return rows


def _opened(made: Any, n: int, d: int) -> tuple[Bytes, Floats, Floats]:
    """See the codes of a FAISS index where they lie, and how to read them."""
    codes = np.empty((0, d), dtype=np.uint8)
    low, width = np.zeros(d), np.zeros(d)
    if n:
        codes = faiss.rev_swig_ptr(made.codes.data(), n * d).reshape(n, d)
        trained = faiss.vector_to_array(made.sq.trained).astype(np.float64)
        low, width = trained[:d], trained[d:]
    # Numbers too far apart for a float32 have no codes: a width of nothing, and endless slack.
    usable = np.isfinite(low) & np.isfinite(width)
    low, step = np.where(usable, low, 0.0), np.where(usable, width, 0.0) / 255
    return settled(codes, np.uint8), settled(low, np.float64), settled(step, np.float64)


def _bound_rows(
    codes: Bytes, low: Floats, step: Floats, vectors: Vectors, slack: Scores
) -> tuple[float, float]:
    """Fill in the slack; give back the greatest length of codes and of vectors."""
    n, d = codes.shape
    spread, longest = 0.0, 0.0
    for row in range(n):
        left, length, code_length = 0.0, 0.0, 0.0
        for j in range(d):
            number, code = np.float64(vectors[row, j]), np.float64(codes[row, j])
            beside = number - (low[j] + step[j] * (code + 0.5))
            left += beside * beside
            length += number * number
            code_length += (code - 128.0) * (code - 128.0)
        # Rounded up: a float32 has seven digits, and a bound must not lose in them.
        slack[row] = np.float32(np.sqrt(left) * 1.000001 + 1e-37)
        spread = max(spread, np.sqrt(code_length) * 1.000001)
        longest = max(longest, np.sqrt(length) * 1.000001)
    return spread, longest


_bound = compiled(_bound_rows, reordered=True)
