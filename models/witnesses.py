"""Witnesses: all that was fitted on one history, and what each says of whoever comes later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from models.blocks import Vectors
from models.choice import ChoiceFactors
from models.collaborative import CollaborativeFactors
from models.evidence import (
    WhitenedBlock,
    block_parts,
    choice_factors,
    collaborative_parts,
    popularity_parts,
)
from models.foresight import Foresight, place
from models.layout import by_origin
from models.partners import ExpectedPartner
from models.strength import strength
from models.weighing import Part
from models.whitening import unit

#: Gives what a newcomer's partners say in one part, a row each; None for a part without a say.
Partners = Callable[[str], Vectors | None]


@dataclass(frozen=True)
class Witnesses:
    """Factors, a learnt choice and the foresight of every block.

    Attributes
    ----------
    factors : CollaborativeFactors
    choice : ChoiceFactors
    blocks : list of Foresight
    """

    factors: CollaborativeFactors
    choice: ChoiceFactors
    blocks: list[Foresight]

    @classmethod
    def call(
        cls,
        blocks: Sequence[WhitenedBlock],
        history: sp.csr_matrix,
        *,
        als: int,
        spectral: int,
        choice: int,
        seed: int,
    ) -> tuple[list[Part], Self]:
        """Fit everything on one history.

        Parameters
        ----------
        blocks : sequence of WhitenedBlock
        history : csr_matrix of shape (n_merchants, n_creators)
        als, spectral, choice : int
            Numbers per vector of each kind of factors.
        seed : int

        Returns
        -------
        parts : list of Part
            Parts of one origin side by side.
        witnesses : Witnesses
        """
        factors = CollaborativeFactors(factors=als, spectral=spectral, seed=seed).fit(history)
        met = strength(history)
        said, foresights = block_parts(blocks, met)
        chosen, learnt = choice_factors(blocks, met, factors=choice, seed=seed)
        parts = [*collaborative_parts(factors), *said, *chosen, *popularity_parts(history)]
        return by_origin(parts), cls(factors, learnt, foresights)

    def of_merchant(
        self, history: sp.csr_matrix, blocks: Mapping[str, npt.ArrayLike], partners: Partners
    ) -> dict[str, Vectors]:
        """What each part says of a merchant, unweighted.

        Parameters
        ----------
        history : csr_matrix of shape (1, n_creators)
        blocks : mapping of block name to vector
        partners : callable
            Gives its partners' rows of a part, in the order of ``history.indices``.

        Raises
        ------
        ValueError
            For a block that was not there at the fit, or a vector of another length.
        """
        own = place(self.blocks, blocks)
        sought, one = _sought(history)
        says = self._collaborative(self.factors.fold_in(history))
        says |= {"popularity:merchants": sought, "popularity:creators": one}
        met = strength(history, self.factors.typical_)
        told = _joined([own[block.name] for block in self.blocks if block.client is not None])
        wanted = self.choice.fold_in_merchants(met, told)[0]
        says["collaborative:choice"] = wanted
        for block in self.blocks:
            name = block.name
            says |= {
                f"{name}:choice": wanted,
                f"{name}:own": own[name],
                f"{name}:clients": own[name],
            }
            says |= _expected(f"{name}:partners", block.partner, met, told, partners)
        return says

    def of_creator(
        self, history: sp.csr_matrix, blocks: Mapping[str, npt.ArrayLike], partners: Partners
    ) -> dict[str, Vectors]:
        """What each part says of a creator; as :meth:`of_merchant`, mirrored."""
        own = place(self.blocks, blocks)
        sought, one = _sought(history)
        says = self._collaborative(self.factors.fold_in_creators(history))
        says |= {"popularity:merchants": one, "popularity:creators": sought}
        met = strength(history, self.factors.typical_)
        knowing = [block.name for block in self.blocks if block.partner is not None]
        told = _joined([own[name] for name in knowing])
        says["collaborative:choice"] = self.choice.fold_in_creators(met)[0]
        end = 0
        for name in knowing:
            start, end = end, end + len(own[name])
            says[f"{name}:choice"] = own[name] @ self.choice.creator_map_[start:end]
        for block in self.blocks:
            name = block.name
            says |= {f"{name}:own": own[name], f"{name}:partners": own[name]}
            says |= _expected(f"{name}:clients", block.client, met, told, partners)
        return says

    def _collaborative(self, folded: Vectors) -> dict[str, Vectors]:
        return {
            f"collaborative:{name}": unit(folded[:, columns])[0]
            for name, columns in self.factors.parts_.items()
        }


def _sought(history: sp.csr_matrix) -> tuple[Vectors, Vectors]:
    """How sought a newcomer is, and the one by which the other side's count is multiplied."""
    return np.log1p(np.array([history.nnz], dtype=np.float32)), np.ones(1, dtype=np.float32)


def _joined(own: Sequence[Vectors]) -> Vectors:
    return np.concatenate([np.zeros(0, dtype=np.float32), *own])[None, :]


def _expected(
    name: str,
    foretold: ExpectedPartner | None,
    met: sp.csr_matrix,
    told: Vectors,
    partners: Partners,
) -> dict[str, Vectors]:
    """A newcomer's expected partner in one block; nothing where that has no say."""
    rows = None if foretold is None else partners(name)
    if foretold is None or rows is None:
        return {}
    return {name: foretold.transform(sp.csr_matrix(met.data[None, :]), told, rows)[0]}
