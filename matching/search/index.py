"""Nearest creators by inner product: exact or approximate, filtered or not.

Whatever way candidates are found, the answer is scored pair by pair by
:func:`~matching.search.products.products_of` and ordered by score and then by row. So one query or
a thousand, one thread or two, filtered or not, the same creators come back in the same order, and
an exact search is exact by proof: each way names everybody who could be among the best.

One query scans codes of 8 bits (:mod:`matching.search.codes`), several share a product of matrices
(:mod:`matching.search.nearest`), and where even the codes take long, FAISS looks into inverted
lists (:mod:`matching.search.inverted`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from matching.history import Ragged
from matching.search.codes import Codes
from matching.search.inverted import Inverted
from matching.search.nearest import nearest
from matching.search.products import (
    best_of_each,
    products_of,
)
from matching.search.unwanted import Unwanted, ranges
from matching.shortlists import Shortlists, Starts
from models.blocks import Mask, Vectors
from models.compiled import settled
from models.vocabulary import Rows

#: Up to so many bytes of codes a scan is fast enough to need no approximation: about 2 ms.
EXACT_UP_TO = 40_000_000

#: So many queries at once are worth a product of matrices; fewer scan the codes one by one.
SEVERAL = 6

#: Queries to a block of the product.
BLOCK = 1_024

#: Up to so many rows, scoring all is cheaper than choosing whom to score.
_FEW = 1_024

#: Pairs that are scored at once where everybody is.
_PAIRS = 1_000_000


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
    _codes: Codes
    _inverted: Inverted | None

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
        vectors : float32 array of shape (n, d), finite
        queries : float32 array of shape (m, d)
            Vectors of this market's merchants: what the recall is measured with.
        recall_target : float
            Least share of the true top 100 to find. Where no setting reaches it, the index is
            exact.
        exact_up_to : int
            Bytes of codes, one for each number, up to which the index is exact.
        """
        vectors = settled(vectors, np.float32)
        exact = cls(vectors, "flat", 1.0, Codes.build(vectors), None)
        if vectors.size <= exact_up_to or not len(queries):
            return exact
        sample = np.random.default_rng(seed).permutation(len(queries))[:200]
        asked = settled(queries[np.sort(sample)], np.float32)
        truth = exact.search(asked, 100)
        for inverted in Inverted.each(vectors, seed=seed):
            recall = _share(
                truth, cls(vectors, "ivf", 0.0, exact._codes, inverted).search(asked, 100)
            )
            if recall >= recall_target:
                return cls(vectors, "ivf", recall, exact._codes, inverted)
        return exact

    def save(self, path: Path) -> dict[str, Any]:
        """Write the FAISS index; the returned facts are needed again by :meth:`load`.

        An approximate index has its codes, which answer where something is filtered, beside it.
        """
        facts = {"kind": self.kind, "recall": self.recall}
        if self._inverted is None:
            return {**facts, "codes": self._codes.save(path)}
        lists = self._inverted.save(path)
        return {**facts, "codes": self._codes.save(_beside(path)), "lists": lists}

    @classmethod
    def load(cls, path: Path, vectors: Vectors, facts: dict[str, Any]) -> CreatorIndex:
        """Open a written index, mapped into memory rather than read."""
        n, d = vectors.shape
        kind, inverted, codes = facts["kind"], None, path
        if kind == "ivf":
            inverted, codes = Inverted.load(path, facts["lists"]), _beside(path)
        opened = Codes.load(codes, (n, d), facts["codes"])
        return cls(settled(vectors, np.float32), kind, facts["recall"], opened, inverted)

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        allowed: Rows | None = None,
        left_out: Ragged | None = None,
        threads: int = 1,
    ) -> Shortlists:
        """Find the best ``k`` creators of each query, best first.

        Parameters
        ----------
        queries : float32 array of shape (q, d)
        k : int
        allowed : int32 array, optional
            Rows to choose from, without repeats. The answer is then exact: just what filtering
            the full ranking would give.
        left_out : Ragged of q, optional
            Rows that one query alone does not want. Where it names any, the answer is exact too.
        threads : int
            Blocks of queries that are searched side by side. With more than one, BLAS is held to
            one thread meanwhile, in the whole process.

        Returns
        -------
        Shortlists
            A list is shorter than ``k`` where there are not so many rows to choose from.
        """
        asked = settled(queries, np.float32)
        among = None if allowed is None else _rising(allowed)
        size = len(self.vectors) if among is None else len(among)
        k = max(0, min(k, size))
        if not k:
            nobody = np.empty(0, dtype=np.int32)
            return Shortlists(np.zeros(len(asked) + 1, np.int64), nobody, np.empty(0))
        left = Unwanted.told(left_out, len(asked), among, len(self.vectors))
        # Everybody is scored where few may be chosen from, or many are to be chosen.
        whole = size <= max(_FEW, 4 * k)
        step = max(1, min(BLOCK, _PAIRS // size)) if whole else BLOCK
        # A block for each thread at least: one block alone would leave the others idle.
        step = min(step, max(SEVERAL, -(-len(asked) // threads)))

        def block(first: int) -> Shortlists:
            part = asked[first : first + step]
            bounds = left.starts[first : first + len(part) + 1]
            unwanted = Unwanted(bounds - bounds[0], left.places[bounds[0] : bounds[-1]])
            if whole:
                return self._of_all(part, k, among, unwanted)
            return self._of_some(part, k, among, unwanted)

        firsts = range(0, len(asked), step)
        if threads == 1 or len(firsts) < 2:
            return _joined([block(first) for first in firsts])
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            return _joined(list(pool.map(block, firsts)))

    def _of_all(self, queries: Vectors, k: int, among: Rows | None, left: Unwanted) -> Shortlists:
        """Score everybody who may be chosen."""
        everyone = np.arange(len(self.vectors), dtype=np.int32) if among is None else among
        wanted = np.ones((len(queries), len(everyone)), dtype=bool)
        wanted[left.askers, left.places] = False
        starts = np.zeros(len(queries) + 1, dtype=np.int64)
        np.cumsum(wanted.sum(axis=1), out=starts[1:])
        return self._scored(queries, k, starts, np.tile(everyone, len(queries))[wanted.ravel()])

    def _of_some(self, queries: Vectors, k: int, among: Rows | None, left: Unwanted) -> Shortlists:
        """Score those only who may be among the best, each query in the cheapest way there is."""
        waiting = np.arange(len(queries))
        places, lists = [], []

        def take(which: npt.NDArray[np.intp], found: tuple[Starts, Rows, Mask]) -> None:
            starts, rows, settled = found
            which = which[settled]  # a query that is not settled has no rows
            starts = np.append(0, starts[1:][settled])
            places.append(which)
            lists.append(self._scored(queries[which], k, starts, rows))

        if self._inverted is not None and among is None:
            unfiltered = np.flatnonzero(np.diff(left.starts) == 0)
            take(unfiltered, self._inverted.near(queries[unfiltered], k))
            waiting = np.setdiff1d(waiting, places[-1])
        if len(waiting) >= SEVERAL:
            unwanted = left.of(waiting)
            longest = self._codes.longest
            found = nearest(
                self.vectors, queries[waiting], k, longest, among, unwanted.starts, unwanted.places
            )
            take(waiting, found)
            waiting = np.setdiff1d(waiting, places[-1])
        for one in waiting:
            unwanted_rows = left.places[left.starts[one] : left.starts[one + 1]]
            if among is not None:
                unwanted_rows = among[unwanted_rows]
            rows = self._codes.near(queries[one], k, among=among, left_out=unwanted_rows)
            places.append(np.array([one]))
            starts = np.array([0, len(rows)], dtype=np.int64)
            lists.append(self._scored(queries[one : one + 1], k, starts, rows))
        return _joined(lists, np.concatenate(places))

    def _scored(self, queries: Vectors, k: int, starts: Starts, rows: Rows) -> Shortlists:
        scores = products_of(self.vectors, queries, starts, rows)
        starts, rows, scores = best_of_each(starts, rows, scores, k)
        return Shortlists(starts, rows, scores.astype(np.float64))


def _joined(lists: Sequence[Shortlists], places: npt.NDArray[np.intp] | None = None) -> Shortlists:
    """Lay lists one after the other, or each in the place it is given."""
    if len(lists) == 1:
        return lists[0]
    lengths = np.concatenate([np.empty(0, np.int64), *(one.lengths for one in lists)])
    rows = np.concatenate([np.empty(0, np.int32), *(one.rows for one in lists)])
    scores = np.concatenate([np.empty(0), *(one.scores for one in lists)])
    if places is not None:
        order = np.argsort(places)
        at = ranges((np.cumsum(lengths) - lengths)[order], lengths[order])
        lengths, rows, scores = lengths[order], rows[at], scores[at]
    return Shortlists(np.append(0, np.cumsum(lengths)), rows, scores)


def _rising(rows: Rows) -> Rows:
    rows = settled(rows, np.int32)
    return rows if (rows[1:] > rows[:-1]).all() else settled(np.sort(rows), np.int32)


def _share(truth: Shortlists, found: Shortlists) -> float:
    """Share of the true lists that was found."""
    n = 1 + max(truth.rows.max(), found.rows.max())
    there = np.isin(truth.askers * n + truth.rows, found.askers * n + found.rows)
    return float(there.mean())


def _beside(path: Path) -> Path:
    return path.with_name(f"codes-of-{path.name}")
