"""Affinity: one vector per merchant and per creator whose inner product says how well they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Block, Vectors
from models.collaborative import CollaborativeFactors, checked, strength
from models.evidence import (
    Foresight,
    WhitenedBlock,
    block_parts,
    collaborative_parts,
    common_width,
    place,
    popularity_parts,
    whiten,
)
from models.holdout import hold_out
from models.pairs import State
from models.weighing import Lesson, Part
from models.whitening import unit


class Affinity(BaseEstimator):  # type: ignore[misc]
    """Hybrid of history, audiences and popularity with learnt weights.

    Evidence about a pair is a list of parts, each an inner product: collaborative factors; for
    every block the likeness of the two themselves (``own``), of the creator to the merchant's
    expected partner (``partners``) and of the merchant to the creator's (``clients``); and how
    sought each side is. A choice model learns on later cooperations what each part is worth, from
    both sides at once. Then everything is fitted again on the whole history and laid side by side
    with those weights, so that one inner product is the weighted sum of all parts.

    An entity without history is represented by its blocks, one without blocks by its history,
    and one without either by popularity alone.

    Parameters
    ----------
    factors, spectral : int, default 64
        Widths of the two kinds of collaborative factors.
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
        width: int = 128,
        budget: int = 512,
        holdout: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.spectral = spectral
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
        speaking = [b for b in blocks if b.merchant_known.any() or b.creator_known.any()]
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            rng = np.random.default_rng(self.seed)
            before, later = hold_out(matrix, first_met, self.holdout, rng)
            lesson = Lesson.of(before, later, self.seed)
            room = self.budget - self.factors - self.spectral - 2
            width = common_width(speaking, self.width, room)
            self.powers_, whitened = whiten(speaking, lesson, width)
            parts = self._gather(whitened, before)
            weights = lesson.weigh(parts)
            self.weights_ = {part.name: float(w) for part, w in zip(parts, weights, strict=True)}
            self._lay_out(self._gather(whitened, matrix))
        return self

    def _gather(self, blocks: Sequence[WhitenedBlock], history: sp.csr_matrix) -> list[Part]:
        """Fit everything on one history; all parts, in the order of the columns."""
        self._collaborative = CollaborativeFactors(
            factors=self.factors, spectral=self.spectral, seed=self.seed
        ).fit(history)
        self._typical_ = self._collaborative.typical_
        parts, self._foresights = block_parts(blocks, strength(history))
        return [*collaborative_parts(self._collaborative), *parts, *popularity_parts(history)]

    def _lay_out(self, parts: Sequence[Part]) -> None:
        """Side by side: merchants plain, creators times the weights.

        Parts with the very same merchant side share its columns; parts without weight get none,
        but for popularity, so that there always is a vector.
        """
        merchants: list[Vectors] = []
        creators: list[Vectors] = []
        self._columns: dict[str, slice] = {}
        end = 0
        for part in parts:
            weight = np.float32(self.weights_[part.name])
            if weight == 0 and not part.name.startswith("popularity"):
                continue
            if merchants and merchants[-1] is part.merchants:
                creators[-1] = creators[-1] + weight * part.creators
            else:
                merchants.append(part.merchants)
                creators.append(weight * part.creators)
                end += part.merchants.shape[1]
            self._columns[part.name] = slice(end - part.merchants.shape[1], end)
        self.merchant_vectors_: Vectors = np.hstack(merchants)
        self.creator_vectors_: Vectors = np.hstack(creators)
        self._name_parts()

    def _name_parts(self) -> None:
        self.parts_: dict[str, slice] = {}
        for name, columns in self._columns.items():
            part = name.rpartition(":")[0]
            start = self.parts_.get(part, columns).start
            self.parts_[part] = slice(start, columns.stop)

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
        says = self._hear("merchant", history, blocks or {})
        row = np.zeros(self.merchant_vectors_.shape[1], dtype=np.float32)
        for name, columns in self._columns.items():
            row[columns] = says[name]
        return row

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
        says = self._hear("creator", history, blocks or {})
        row = np.zeros(self.creator_vectors_.shape[1], dtype=np.float32)
        for name, columns in self._columns.items():
            row[columns] += np.float32(self.weights_[name]) * says[name]
        return row

    def _hear(
        self, side: str, history: sp.csr_matrix | None, blocks: Mapping[str, npt.ArrayLike]
    ) -> dict[str, Vectors]:
        """What every part says about one newcomer, unweighted."""
        check_is_fitted(self, "merchant_vectors_")
        merchant = side == "merchant"
        others = self.creator_vectors_ if merchant else self.merchant_vectors_
        history = _one_row(history, len(others))
        own = place(self._foresights, blocks)
        fold_in = (
            self._collaborative.fold_in_merchants
            if merchant
            else self._collaborative.fold_in_creators
        )
        factors = fold_in(history)
        says = {
            f"collaborative:{name}": unit(factors[:, columns])[0]
            for name, columns in self._collaborative.parts_.items()
        }
        sought, one = (
            np.log1p(np.array([history.nnz], dtype=np.float32)),
            np.ones(1, dtype=np.float32),
        )
        says["popularity:merchants"] = sought if merchant else one
        says["popularity:creators"] = one if merchant else sought
        voices = [f for f in self._foresights if (f.client if merchant else f.partner) is not None]
        stack = np.concatenate([np.zeros(0, dtype=np.float32), *(own[f.name] for f in voices)])
        for block in self._foresights:
            plain, foretold = ("clients", "partners") if merchant else ("partners", "clients")
            says[f"{block.name}:own"] = says[f"{block.name}:{plain}"] = own[block.name]
            name, expected = f"{block.name}:{foretold}", block.partner if merchant else block.client
            if expected is not None and name in self._columns:
                met = others[history.indices, self._columns[name]]
                met = met / np.float32(self.weights_[name] if merchant else 1.0)
                weights = strength(history, self._typical_).data[None, :]
                says[name] = expected.transform(sp.csr_matrix(weights), stack[None, :], met)[0]
        return says

    def state(self) -> State:
        """All that a bundle keeps: the vectors too, so that nothing else is needed to restore."""
        check_is_fitted(self, "merchant_vectors_")
        return {
            "parameters": self.get_params(),
            "merchant_vectors": self.merchant_vectors_,
            "creator_vectors": self.creator_vectors_,
            "columns": {name: [c.start, c.stop] for name, c in self._columns.items()},
            "weights": self.weights_,
            "powers": self.powers_,
            "typical": self._typical_,
            "collaborative": self._collaborative.state(),
            "blocks": {block.name: block.state() for block in self._foresights},
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        restored = cls(**state["parameters"])
        restored.merchant_vectors_ = state["merchant_vectors"]
        restored.creator_vectors_ = state["creator_vectors"]
        restored._columns = {name: slice(*ends) for name, ends in state["columns"].items()}
        restored._name_parts()
        restored.weights_ = dict(state["weights"])
        restored.powers_ = dict(state["powers"])
        restored._typical_ = float(state["typical"])
        restored._collaborative = CollaborativeFactors.from_state(state["collaborative"])
        restored._foresights = [
            Foresight.from_state(name, state["blocks"][name]) for name in restored.powers_
        ]
        return restored


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
