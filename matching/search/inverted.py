"""Approximate search for markets too large to scan: FAISS inverted lists of short codes.

Lists to look into are chosen by the same loop that scores pairs, so one query and a thousand are
given the same candidates; FAISS scans the lists. Numbers are stored in 8 bits, or in 16 where that
is needed to find enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from matching.search.products import best_of_each, products_of
from matching.shortlists import Starts
from models.blocks import Mask, Vectors
from models.compiled import settled
from models.vocabulary import Rows

#: FAISS is fast where vectors are so many numbers long, or a multiple of it.
_STEP = 16

#: More rows are taken than asked for: codes may swap neighbours.
_MARGIN = 32


@dataclass(frozen=True)
class Inverted:
    """Inverted lists over one vector per creator.

    Attributes
    ----------
    centres : float32 array of shape (lists, d), d a multiple of 16
    probes : int
        Lists to look into.
    """

    centres: Vectors
    probes: int
    _faiss: Any

    @classmethod
    def each(cls, vectors: Vectors, *, seed: int) -> Iterator[Inverted]:
        """Build inverted lists in every setting worth trying, the cheapest first."""
        padded = _padded(vectors)
        lists = max(1, int(2 * np.sqrt(len(vectors))))
        for stored in (faiss.ScalarQuantizer.QT_8bit, faiss.ScalarQuantizer.QT_fp16):
            made = _built(padded, lists, stored, seed)
            centres = settled(made.quantizer.reconstruct_n(0, lists), np.float32)
            probes = 8
            while probes < lists // 2:
                made.nprobe = probes
                yield cls(centres, probes, made)
                probes *= 2

    def save(self, path: Path) -> dict[str, Any]:
        """Write the FAISS index; the returned facts are needed again by :meth:`load`."""
        faiss.write_index(self._faiss, str(path))
        return {"probes": self.probes}

    @classmethod
    def load(cls, path: Path, facts: dict[str, Any]) -> Inverted:
        """Open a written index, mapped into memory rather than read."""
        made: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        made.nprobe = facts["probes"]
        return cls(
            settled(made.quantizer.reconstruct_n(0, made.nlist), np.float32), facts["probes"], made
        )

    def near(self, queries: Vectors, k: int) -> tuple[Starts, Rows, Mask]:
        """Rows that are likely to be the best ``k`` of each query.

        Returns
        -------
        starts, rows, settled
            As :func:`~matching.search.nearest.nearest` gives them; unsettled is who was found too
            few.
        """
        q, given, lists = len(queries), _padded(queries), len(self.centres)
        everywhere = np.tile(np.arange(lists, dtype=np.int32), q)
        starts = lists * np.arange(q + 1, dtype=np.int64)
        closeness = products_of(self.centres, given, starts, everywhere)
        _, chosen, values = best_of_each(starts, everywhere, closeness, self.probes)
        wide = k + k // 4 + _MARGIN
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # of this thread alone; the caller has threads of its own
        try:
            _, found = self._faiss.search_preassigned(
                given, wide, chosen.reshape(q, self.probes), values.reshape(q, self.probes)
            )
        finally:
            faiss.omp_set_num_threads(threads)
        there = found >= 0  # FAISS says -1 where it found nobody
        settled = there.sum(axis=1) >= k
        there &= settled[:, None]
        ends = np.zeros(q + 1, dtype=np.int64)
        np.cumsum(there.sum(axis=1), out=ends[1:])
        return ends, found[there].astype(np.int32), settled


def _padded(vectors: Vectors) -> Vectors:
    """Bring vectors to a length that FAISS is fast at; zeros change no product."""
    n, d = vectors.shape
    padded = np.zeros((n, -d % _STEP + d), dtype=np.float32)
    padded[:, :d] = vectors
    return padded


def _built(vectors: Vectors, lists: int, stored: int, seed: int) -> Any:
    d = vectors.shape[1]
    quantizer: Any = faiss.IndexFlatIP(d)
    made: Any = faiss.IndexIVFScalarQuantizer(
        quantizer, d, lists, stored, faiss.METRIC_INNER_PRODUCT
    )
    made.own_fields = True
    quantizer.this.disown()
    made.cp.seed = seed + 1234
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # k-means sums in the order of its threads
    try:
        made.train(vectors)
        made.add(vectors)
    finally:
        faiss.omp_set_num_threads(threads)
    return made
