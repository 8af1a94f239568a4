"""Nearest creators by inner product: exact or approximate, filtered or not, over FAISS.

FAISS proposes, this module decides. Every answer is scored by :func:`inner_products`, whose
result for a row depends on that row alone, and ordered by score and then by row. So one query or
a thousand, one thread or two, filtered or not, the same creators come back in the same order, and
the ``-1`` that FAISS gives for a missing neighbour never leaves this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from models.blocks import Vectors
from models.vocabulary import Rows

Scores = npt.NDArray[np.float32]

#: Up to this many creators a flat scan is fast enough to need no approximation.
EXACT_UP_TO = 50_000

#: More rows than asked are taken from FAISS, since its rounding may swap neighbours.
MARGIN = 32

#: So many queries at once are worth FAISS's product of matrices. One alone reads every vector once,
#: which :func:`inner_products` does as fast, on one core, without waking FAISS's threads.
SEVERAL = 8

#: From this share of the rows on, scoring all is cheaper than gathering those asked for.
_MOST = 0.2


def inner_products(vectors: Vectors, query: Vectors) -> Scores:
    """Inner product of each row with one query; a row's result never depends on other rows.

    A BLAS product would be as exact, but rounds differently with the number of rows.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    query : float32 array of shape (d,)

    Returns
    -------
    float32 array of shape (n,)
    """
    return np.einsum("ij,j->i", vectors, query)  # type: ignore[no-any-return]


def best_first(scores: npt.NDArray[Any], k: int) -> npt.NDArray[np.intp]:
    """Positions of the ``k`` highest scores, best first; equal scores keep their order.

    Scores that are not known (NaN) come last.

    Examples
    --------
    >>> best_first(np.array([0.2, 0.9, np.nan, 0.9]), 3).tolist()
    [1, 3, 0]
    """
    keys = np.where(np.isnan(scores), -np.inf, scores)
    if k < len(keys):
        # Everything at least as good as the k-th goes on, so that ties are cut by position.
        threshold = np.partition(keys, len(keys) - k)[len(keys) - k]
        shortlist = np.flatnonzero(keys >= threshold)
    else:
        shortlist = np.arange(len(keys))
    return shortlist[np.argsort(-keys[shortlist], kind="stable")[:k]]


@dataclass(frozen=True)
class CreatorIndex:
    """Search over one vector per creator.

    Attributes
    ----------
    vectors : float32 array of shape (n, d)
        Row ``i`` is the creator in row ``i`` of the vocabulary.
    kind : {"flat", "ivf"}
        An exact scan, or inverted lists searched in part.
    recall : float
        Share of the true top 100 that :meth:`search` returns without a filter, measured on
        queries of this market when the index was built; 1.0 where it is exact.
    """

    vectors: Vectors
    kind: str
    recall: float
    _faiss: Any
    _probes: int

    @classmethod
    def build(
        cls,
        vectors: Vectors,
        queries: Vectors,
        *,
        recall_target: float = 0.99,
        exact_up_to: int = EXACT_UP_TO,
        seed: int = 0,
    ) -> CreatorIndex:
        """Build the index, exact when small, else the cheapest that reaches the recall.

        Parameters
        ----------
        vectors : float32 array of shape (n, d)
        queries : float32 array of shape (m, d)
            Vectors of this market's merchants: what the recall is measured with.
        recall_target : float
            Least share of the true top 100 to find. Where no number of probes reaches it,
            the index is exact.
        """
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        n, d = vectors.shape
        if n <= exact_up_to or not len(queries):
            return cls._flat(vectors)
        lists = int(2 * np.sqrt(n))
        quantizer: Any = faiss.IndexFlatIP(d)
        ivf: Any = faiss.IndexIVFFlat(quantizer, d, lists, faiss.METRIC_INNER_PRODUCT)
        ivf.own_fields = True
        quantizer.this.disown()
        ivf.cp.seed = seed + 1234
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # k-means sums in the order of its threads
        try:
            ivf.train(vectors)
            ivf.add(vectors)
        finally:
            faiss.omp_set_num_threads(threads)
        sample = np.random.default_rng(seed).permutation(len(queries))[:200]
        asked = queries[np.sort(sample)]
        k = min(100, n)
        truth = [set(best_first(inner_products(vectors, query), k)) for query in asked]
        probes = 8
        while probes < lists // 2:
            index = cls(vectors, "ivf", 0.0, ivf, probes)
            found, _ = index.search(asked, k)
            hits = [
                len(known.intersection(rows)) / k for known, rows in zip(truth, found, strict=True)
            ]
            recall = float(np.mean(hits))
            if recall >= recall_target:
                return cls(vectors, "ivf", recall, ivf, probes)
            probes *= 2
        return cls._flat(vectors)

    @classmethod
    def _flat(cls, vectors: Vectors) -> CreatorIndex:
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        return cls(vectors, "flat", 1.0, flat, 0)

    def save(self, path: Path) -> dict[str, Any]:
        """Write the FAISS index; the returned facts are needed again by :meth:`load`."""
        faiss.write_index(self._faiss, str(path))
        return {"kind": self.kind, "recall": self.recall, "probes": self._probes}

    @classmethod
    def load(cls, path: Path, vectors: Vectors, facts: dict[str, Any]) -> CreatorIndex:
        """Open a written index, mapped into memory rather than read."""
        opened = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        return cls(vectors, facts["kind"], facts["recall"], opened, facts["probes"])

    def search(
        self, queries: Vectors, k: int, *, allowed: Rows | None = None
    ) -> tuple[npt.NDArray[np.int32], Scores]:
        """Find the best ``k`` creators of each query, best first.

        Parameters
        ----------
        queries : float32 array of shape (q, d)
        k : int
        allowed : int32 array, optional
            Rows to choose from, without repeats. The answer is then exact: just what filtering
            the full ranking would give.

        Returns
        -------
        rows, scores : arrays of shape (q, min(k, number of rows to choose from))
        """
        size = len(self.vectors) if allowed is None else len(allowed)
        k = min(k, size)
        rows = np.empty((len(queries), k), dtype=np.int32)
        scores = np.empty((len(queries), k), dtype=np.float32)
        if k == 0:
            return rows, scores
        if allowed is not None:
            allowed = np.sort(allowed)
        proposed = None if allowed is not None else self._propose(queries, k)
        for i, query in enumerate(queries):
            choice = allowed if proposed is None else proposed[i]
            rows[i], scores[i] = self._settle(query, k, choice)
        return rows, scores

    def _propose(self, queries: Vectors, k: int) -> list[Rows | None]:
        """Rows worth scoring for each query, in row order; None asks for all of them."""
        wide = k + MARGIN
        alone = self.kind == "flat" and len(queries) < SEVERAL
        if alone or wide >= len(self.vectors):
            return [None] * len(queries)
        given = np.ascontiguousarray(queries, dtype=np.float32)
        if self.kind == "ivf":
            parameters: Any = faiss.SearchParametersIVF()
            parameters.nprobe = self._probes
            scores, found = self._faiss.search(given, wide, params=parameters)
        else:
            scores, found = self._faiss.search(given, wide)
        return [
            # Too few neighbours, or a tie that runs past the margin: only a full scan is right.
            None
            if row[-1] < 0 or np.isclose(score[-1], score[k - 1], rtol=1e-5, atol=1e-7)
            else np.sort(row).astype(np.int32)
            for score, row in zip(scores, found, strict=True)
        ]

    def _settle(self, query: Vectors, k: int, choice: Rows | None) -> tuple[Rows, Scores]:
        if choice is None:
            scores = inner_products(self.vectors, query)
        elif len(choice) > _MOST * len(self.vectors):
            scores = inner_products(self.vectors, query)[choice]
        else:
            scores = inner_products(self.vectors[choice], query)
        best = best_first(scores, k)
        rows = best if choice is None else choice[best]
        return rows.astype(np.int32), scores[best]
