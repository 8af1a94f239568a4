"""Lessons: what came later, put as questions from both sides at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from models.pairs import Floats
from models.weighing import Choices, Part, ask, weigh


@dataclass(frozen=True)
class Lesson:
    """What came later, to be explained by parts built from what came before.

    Attributes
    ----------
    before, later : csr_matrix of shape (n_merchants, n_creators)
    merchants, creators : intp arrays
        Rows that can be offered as candidates.
    seed : int
        Questions are drawn afresh from it each time, so that losses can be compared.
    """

    before: sp.csr_matrix
    later: sp.csr_matrix
    merchants: npt.NDArray[np.intp]
    creators: npt.NDArray[np.intp]
    seed: int

    @classmethod
    def of(cls, before: sp.csr_matrix, later: sp.csr_matrix, seed: int, enough: int = 50) -> Lesson:
        """Ask about entities with history where there are enough of them, else about all.

        History says nothing of newcomers. Where many of the later partners are newcomers, they
        would teach that it is worth nothing for the others either.
        """
        merchants, creators = (np.flatnonzero(before.getnnz(axis=axis)) for axis in (1, 0))
        pairs = later.tocoo()
        both = np.isin(pairs.row, merchants) & np.isin(pairs.col, creators)
        if both.sum() < max(enough, 0.1 * len(both)):
            everybody = [np.arange(n) for n in later.shape]
            return cls(before, later, everybody[0], everybody[1], seed)
        among = sp.csr_matrix(
            (pairs.data[both], (pairs.row[both], pairs.col[both])), shape=later.shape
        )
        return cls(before, among, merchants, creators, seed)

    @classmethod
    def with_newcomers(
        cls,
        history: sp.csr_matrix,
        known: npt.NDArray[np.bool_],
        seed: int,
        *,
        share: float = 0.25,
        enough: int = 20,
        most: int = 300,
    ) -> Lesson | None:
        """Take all partners from some merchants of whom more than a history is known.

        None where there are too few of them to learn from.
        """
        able = np.flatnonzero(known & (np.diff(history.indptr) > 0))
        if len(able) < enough:
            return None
        drawn = np.random.default_rng(seed).choice(able, min(most, int(share * len(able))), False)
        fresh = np.zeros(history.shape[0], dtype=np.float32)
        fresh[drawn] = 1.0
        before = sp.csr_matrix(sp.diags_array(1 - fresh) @ history)
        later = sp.csr_matrix(sp.diags_array(fresh) @ (history > 0).astype(np.float32))
        before.eliminate_zeros()
        later.eliminate_zeros()
        merchants, creators = (np.arange(n) for n in history.shape)
        return cls(before, later, merchants, creators, seed)

    @property
    def of_newcomers_mostly(self) -> bool:
        """Whether most later cooperations are of merchants that had none before."""
        counts = np.diff(self.later.indptr)
        return bool(counts[np.diff(self.before.indptr) == 0].sum() > 0.5 * counts.sum())

    def weigh(self, parts: Sequence[Part], *, merchants_only: bool = False) -> Floats:
        """Weights of the parts, learnt from both directions or from merchants' choices alone."""
        return weigh(self._ask(parts)[: 1 if merchants_only else 2])

    def grade(self, parts: Sequence[Part]) -> float:
        """Mean reciprocal rank of the later cooperations under the best weights.

        What counts of a list is its head; the likelihood would rather have the tail in order.
        """
        choices = self._ask(parts)
        weights = weigh(choices)
        return float(np.mean([one.reciprocal_rank(weights) for one in choices]))

    def _ask(self, parts: Sequence[Part]) -> list[Choices]:
        turned = [part.turned() for part in parts]
        before, later = self.before.T.tocsr(), self.later.T.tocsr()
        rngs = [np.random.default_rng([self.seed, side]) for side in (0, 1)]
        return [
            ask(parts, self.before, self.later, self.creators, rngs[0]),
            ask(turned, before, later, self.merchants, rngs[1]),
        ]
