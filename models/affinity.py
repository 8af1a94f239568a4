"""Affinity: one vector per merchant and per creator whose inner product says how well they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Block, Vectors
from models.choice import ChoiceFactors
from models.collaborative import CollaborativeFactors
from models.echoes import without_echo
from models.evidence import WhitenedBlock, common_width, whiten
from models.foresight import Foresight
from models.holdout import hold_out
from models.layout import Layout
from models.lessons import Lesson
from models.newcomers import newcomer_factors
from models.pairs import State
from models.strength import checked, strength
from models.weighing import Part
from models.witnesses import Witnesses


class Affinity(BaseEstimator):  # type: ignore[misc]
    """Hybrid of history, audiences and popularity with learnt weights.

    Evidence about a pair is a list of parts, each an inner product: collaborative factors; for
    every block the likeness of the two themselves (``own``), of the creator to the merchant's
    expected partner (``partners``) and of the merchant to the creator's (``clients``); what a
    learnt choice makes of the creator's history and of each block (``choice``); and how sought
    each side is. A choice model learns on later cooperations what each part is worth, from
    both sides at once. Then everything is fitted again on the whole history and laid side by side
    with those weights, so that one inner product is the weighted sum of all parts.

    An entity without history is represented by its blocks, one without blocks by its history,
    and one without either by popularity alone.

    Parameters
    ----------
    factors, spectral : int, default 64
        Widths of the two kinds of collaborative factors.
    choice : int, default 32
        Width of the factors of the learnt choice, taken once for the history and once for each
        block that knows creators; at most a third of the budget in all.
    width : int, default 128
        Most directions kept of one block.
    budget : int, default 512
        Most numbers per vector; wide blocks are narrowed until all fit.
    holdout : float, default 0.25
        Share of the cooperations on which the weights are learnt.
    seed : int, default 0

    Attributes
    ----------
    merchant_vectors_ : float32 array of shape (n_merchants, d)
    creator_vectors_ : float32 array of shape (n_creators, d)
    parts_ : dict of str to slice
        Columns of ``collaborative``, of each block by its name, and of ``popularity``; the inner
        products over them add up to the affinity.
    weights_ : dict of str to float
        Learnt weight of every part, such as ``audience:partners``.
    newcomer_ : dict of str to float
        What each part is multiplied by in the row of a merchant without history; 1 where absent.
    powers_ : dict of str to float
        Whitening chosen for each block.

    References
    ----------
    McFadden, "Conditional logit analysis of qualitative choice behavior", 1974.
    """

    def __init__(
        self,
        *,
        factors: int = 64,
        spectral: int = 64,
        choice: int = 32,
        width: int = 128,
        budget: int = 512,
        holdout: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.spectral = spectral
        self.choice = choice
        self.width = width
        self.budget = budget
        self.holdout = holdout
        self.seed = seed

    def fit(
        self,
        interactions: sp.csr_matrix,
        blocks: Sequence[Block],
        *,
        first_met: sp.csr_matrix | None = None,
    ) -> Self:
        """Learn weights on the later cooperations, then the vectors on all of them.

        Parameters
        ----------
        interactions : csr_matrix of shape (n_merchants, n_creators)
            Non-negative weights, 0 = never met.
        blocks : sequence of Block
            Rows in the same order as the matrix. A block that knows nobody is passed over.
        first_met : csr_matrix of the same sparsity, optional
            Day of each pair's first cooperation; without it (or all alike) merchants and pairs
            are held out at random.

        Raises
        ------
        ValueError
            When a block has other numbers of merchants or creators than the matrix, or a weight is
            negative or not finite.
        """
        matrix = checked(interactions)
        _check_rows(blocks, matrix)
        met = strength(matrix)
        told = [without_echo(block, met) for block in blocks]
        speaking = [b for b in told if b.merchant_known.any() or b.creator_known.any()]
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            rng = np.random.default_rng(self.seed)
            before, later = hold_out(matrix, first_met, self.holdout, rng)
            lesson = Lesson.of(before, later, self.seed)
            telling = 1 + sum(bool(block.creator_known.any()) for block in speaking)
            choice = max(1, min(self.choice, self.budget // (3 * telling)))
            room = self.budget - self.factors - self.spectral - choice * telling - 2
            width = common_width(speaking, self.width, room)
            self.powers_, whitened = whiten(speaking, lesson, width)
            parts, _ = self._call(whitened, before, choice)
            weights = zip(parts, lesson.weigh(parts), strict=True)
            self.weights_ = {part.name: float(weight) for part, weight in weights}
            self.newcomer_ = newcomer_factors(
                whitened, matrix, lesson, self.weights_, choice=choice
            )
            parts, self._witnesses = self._call(whitened, matrix, choice)
            self._layout, self.merchant_vectors_, self.creator_vectors_ = Layout.of(
                parts, self.weights_, self.newcomer_
            )
        self.parts_ = self._layout.origins()
        return self

    def embed_merchant(
        self,
        *,
        history: sp.csr_matrix | None = None,
        blocks: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Vectors:
        """Vector of a merchant that was not there at the fit, or of a bare target audience.

        Parameters
        ----------
        history : csr_matrix of shape (1, n_creators), optional
            Its cooperations, weighted as in ``fit``.
        blocks : mapping of block name to vector, optional
            Its row in each block it is known in, as the block's own embedding gives it.

        Returns
        -------
        float32 array of shape (d,), to be multiplied with ``creator_vectors_``

        Raises
        ------
        ValueError
            When the history has another shape, or a block was not there at the fit.
        """
        check_is_fitted(self, "merchant_vectors_")
        row = _one_row(history, len(self.creator_vectors_))
        partners = partial(self._layout.creators_plain, self.creator_vectors_, row.indices)
        says = self._witnesses.of_merchant(row, blocks or {}, partners)
        return self._layout.merchant_row(says, newcomer=not row.nnz)

    def embed_creator(
        self,
        *,
        history: sp.csr_matrix | None = None,
        blocks: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Vectors:
        """Vector of a creator that was not there at the fit; the mirror of ``embed_merchant``.

        Parameters
        ----------
        history : csr_matrix of shape (1, n_merchants), optional
        blocks : mapping of block name to vector, optional

        Returns
        -------
        float32 array of shape (d,), to be multiplied with ``merchant_vectors_``
        """
        check_is_fitted(self, "merchant_vectors_")
        row = _one_row(history, len(self.merchant_vectors_))
        partners = partial(self._layout.merchants_plain, self.merchant_vectors_, row.indices)
        return self._layout.creator_row(self._witnesses.of_creator(row, blocks or {}, partners))

    def state(self) -> State:
        """All that a bundle keeps: the vectors too, so that nothing else is needed to restore."""
        check_is_fitted(self, "merchant_vectors_")
        return {
            "parameters": self.get_params(),
            "merchant_vectors": self.merchant_vectors_,
            "creator_vectors": self.creator_vectors_,
            "columns": {name: [c.start, c.stop] for name, c in self._layout.columns.items()},
            "weights": self.weights_,
            "newcomer": self.newcomer_,
            "powers": self.powers_,
            "typical": self._witnesses.factors.typical_,
            "collaborative": self._witnesses.factors.state(),
            "choice": self._witnesses.choice.state(),
            "blocks": {block.name: block.state() for block in self._witnesses.blocks},
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        restored = cls(**state["parameters"])
        restored.merchant_vectors_ = state["merchant_vectors"]
        restored.creator_vectors_ = state["creator_vectors"]
        restored.weights_ = dict(state["weights"])
        restored.newcomer_ = dict(state["newcomer"])
        restored.powers_ = dict(state["powers"])
        restored._layout = Layout(
            {name: slice(*ends) for name, ends in state["columns"].items()},
            restored.weights_,
            restored.newcomer_,
        )
        restored.parts_ = restored._layout.origins()
        restored._witnesses = Witnesses(
            CollaborativeFactors.from_state(state["collaborative"]),
            ChoiceFactors.from_state(state["choice"]),
            [Foresight.from_state(name, state["blocks"][name]) for name in restored.powers_],
        )
        return restored

    def _call(
        self, blocks: Sequence[WhitenedBlock], history: sp.csr_matrix, choice: int
    ) -> tuple[list[Part], Witnesses]:
        return Witnesses.call(
            blocks, history, als=self.factors, spectral=self.spectral, choice=choice, seed=self.seed
        )


def _check_rows(blocks: Sequence[Block], matrix: sp.csr_matrix) -> None:
    for block in blocks:
        found = (len(block.merchants), len(block.creators))
        if found != matrix.shape:
            raise ValueError(
                f"block {block.name!r} holds {found[0]} merchants and {found[1]} creators, "
                f"interactions {matrix.shape[0]} and {matrix.shape[1]}; give all the same rows"
            )


def _one_row(history: sp.csr_matrix | None, columns: int) -> sp.csr_matrix:
    if history is None:
        return sp.csr_matrix((1, columns), dtype=np.float32)
    if history.shape != (1, columns):
        raise ValueError(
            f"history has shape {history.shape}; expected (1, {columns}), a row over all partners"
        )
    return sp.csr_matrix(history, dtype=np.float32)
