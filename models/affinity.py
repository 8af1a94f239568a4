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
from models.choice import ChoiceFactors
from models.collaborative import CollaborativeFactors, checked, strength
from models.evidence import (
    Foresight,
    WhitenedBlock,
    block_parts,
    choice_factors,
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

#: Least share of popularity's weight in the row of a merchant without history.
_LEAST = 0.1


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
        speaking = [b for b in blocks if b.merchant_known.any() or b.creator_known.any()]
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            rng = np.random.default_rng(self.seed)
            before, later = hold_out(matrix, first_met, self.holdout, rng)
            lesson = Lesson.of(before, later, self.seed)
            telling = 1 + sum(bool(block.creator_known.any()) for block in speaking)
            self._chosen = max(1, min(self.choice, self.budget // (3 * telling)))
            room = self.budget - self.factors - self.spectral - self._chosen * telling - 2
            width = common_width(speaking, self.width, room)
            self.powers_, whitened = whiten(speaking, lesson, width)
            parts = self._gather(whitened, before)
            weights = lesson.weigh(parts)
            self.weights_ = {part.name: float(w) for part, w in zip(parts, weights, strict=True)}
            self.newcomer_ = self._weigh_newcomers(whitened, matrix, lesson)
            self._lay_out(self._gather(whitened, matrix))
        return self

    def _weigh_newcomers(
        self, blocks: Sequence[WhitenedBlock], history: sp.csr_matrix, lesson: Lesson
    ) -> dict[str, float]:
        """By what each part of a merchant without history is multiplied; empty for no difference.

        Weights learnt on those with a history trust expected partners more, and the entity itself
        less, than is right where the partners are foretold.
        """
        known = np.zeros(history.shape[0], dtype=bool)
        for block in blocks:
            if block.merchants is not None:
                known |= block.merchants.any(axis=1)
        fresh = Lesson.with_newcomers(history, known, self.seed)
        if fresh is None or lesson.of_newcomers_mostly:
            return {}
        met = strength(fresh.before)
        said, _ = block_parts(blocks, met)
        chosen, _ = choice_factors(blocks, met, factors=self._chosen, seed=self.seed)
        grouped = self._grouped(_by_origin([*chosen, *said, *popularity_parts(met)]))
        parts = [part for _, part in grouped]
        factors = fresh.weigh(parts, merchants_only=True)
        found = {
            name: float(factor)
            for (names, _), factor in zip(grouped, factors, strict=True)
            for name in names
        }
        # Popularity stays, however little: it is all there is to rank by for a mere name.
        return found | {
            name: max(factor, _LEAST)
            for name, factor in found.items()
            if name.startswith("popularity:")
        }

    def _gather(self, blocks: Sequence[WhitenedBlock], history: sp.csr_matrix) -> list[Part]:
        """Fit everything on one history; all parts, in the order of the columns."""
        self._collaborative = CollaborativeFactors(
            factors=self.factors,
            spectral=self.spectral,
            support=1,  # the weights say what a direction is worth
            regularization=5.0,  # few directions of a small history need less of a pull
            alpha=40.0,
            damping=0.0,
            iterations=15,
            seed=self.seed,
        ).fit(history)
        self._typical_ = self._collaborative.typical_
        met = strength(history)
        said, self._foresights = block_parts(blocks, met)
        chosen, self._choice = choice_factors(blocks, met, factors=self._chosen, seed=self.seed)
        parts = [*collaborative_parts(self._collaborative), *said, *chosen]
        return _by_origin([*parts, *popularity_parts(history)])

    def _grouped(self, parts: Sequence[Part]) -> list[tuple[list[str], Part]]:
        """Parts by what shares columns: merchants plain, creators times the weights.

        Parts of one origin with the very same merchant side share its columns; parts without
        weight get none, but for popularity, so that there always is a vector.
        """
        found: list[tuple[list[str], Part]] = []
        for part in parts:
            weight = np.float32(self.weights_[part.name])
            if weight == 0 and part.origin != "popularity":
                continue
            names, creators = [part.name], weight * part.creators
            if found and found[-1][1].merchants is part.merchants:
                before = found.pop()
                names, creators = before[0] + names, before[1].creators + creators
            found.append((names, Part(part.origin, part.merchants, creators)))
        return found

    def _lay_out(self, parts: Sequence[Part]) -> None:
        """Side by side, with the rows of merchants without history weighed as newcomers are."""
        grouped = self._grouped(parts)
        self._columns: dict[str, slice] = {}
        end = 0
        for names, part in grouped:
            start, end = end, end + part.merchants.shape[1]
            self._columns |= dict.fromkeys(names, slice(start, end))
        self.merchant_vectors_: Vectors = np.hstack([part.merchants for _, part in grouped])
        self.creator_vectors_: Vectors = np.hstack([part.creators for _, part in grouped])
        self._name_parts()
        self.merchant_vectors_[self._without_history()] *= self._newcomer_row()

    def _without_history(self) -> npt.NDArray[np.bool_]:
        """Which merchants nobody has sought so far."""
        sought = self.merchant_vectors_[:, self._columns["popularity:merchants"]]
        return np.asarray(~sought.any(axis=1))

    def _newcomer_row(self) -> Vectors:
        """What a row of a merchant without history is multiplied by."""
        row = np.ones(self.merchant_vectors_.shape[1], dtype=np.float32)
        for name, columns in self._columns.items():
            row[columns] = self.newcomer_.get(name, 1.0)
        return row

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
        return row if history is not None and history.nnz else row * self._newcomer_row()

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
        fold_in = self._collaborative.fold_in if merchant else self._collaborative.fold_in_creators
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
        met_before = strength(history, self._typical_)
        if merchant:
            wanted = self._choice.fold_in_merchants(met_before, stack[None, :])[0]
            says |= {name: wanted for name in self._columns if name.endswith(":choice")}
        else:
            says["collaborative:choice"] = self._choice.fold_in_creators(met_before)[0]
            end = 0
            for block in voices:
                start, end = end, end + len(own[block.name])
                told = own[block.name] @ self._choice.creator_map_[start:end]
                says[f"{block.name}:choice"] = told
        for block in self._foresights:
            plain, foretold = ("clients", "partners") if merchant else ("partners", "clients")
            says[f"{block.name}:own"] = says[f"{block.name}:{plain}"] = own[block.name]
            name, expected = f"{block.name}:{foretold}", block.partner if merchant else block.client
            if expected is not None and name in self._columns:
                met = others[history.indices, self._columns[name]]
                if merchant:
                    met = met / np.float32(self.weights_[name])
                else:
                    met = self._plain(met, history.indices, name)
                weights = met_before.data[None, :]
                says[name] = expected.transform(sp.csr_matrix(weights), stack[None, :], met)[0]
        return says

    def _plain(self, vectors: Vectors, rows: npt.NDArray[np.integer], name: str) -> Vectors:
        """One part of some merchants' rows, those of newcomers brought back to its own scale."""
        factor = self.newcomer_.get(name, 1.0)
        back = np.float32(1 / factor if factor > 0 else 0)
        return np.where(self._without_history()[rows][:, None], back * vectors, vectors)

    def state(self) -> State:
        """All that a bundle keeps: the vectors too, so that nothing else is needed to restore."""
        check_is_fitted(self, "merchant_vectors_")
        return {
            "parameters": self.get_params(),
            "merchant_vectors": self.merchant_vectors_,
            "creator_vectors": self.creator_vectors_,
            "columns": {name: [c.start, c.stop] for name, c in self._columns.items()},
            "weights": self.weights_,
            "newcomer": self.newcomer_,
            "powers": self.powers_,
            "typical": self._typical_,
            "collaborative": self._collaborative.state(),
            "choice": self._choice.state(),
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
        restored.newcomer_ = dict(state["newcomer"])
        restored.powers_ = dict(state["powers"])
        restored._typical_ = float(state["typical"])
        restored._collaborative = CollaborativeFactors.from_state(state["collaborative"])
        restored._choice = ChoiceFactors.from_state(state["choice"])
        restored._foresights = [
            Foresight.from_state(name, state["blocks"][name]) for name in restored.powers_
        ]
        return restored


def _by_origin(parts: Sequence[Part]) -> list[Part]:
    """Parts of one origin side by side, origins in the order in which they first appear."""
    origins = list(dict.fromkeys(part.origin for part in parts))
    return sorted(parts, key=lambda part: origins.index(part.origin))


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
