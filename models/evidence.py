"""Evidence about pairs: which parts blocks, a history and mere popularity contribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from models.blocks import Block, Vectors
from models.choice import ChoiceFactors
from models.collaborative import CollaborativeFactors
from models.foresight import Foresight
from models.lessons import Lesson
from models.partners import ExpectedPartner
from models.strength import strength
from models.weighing import Part
from models.whitening import Whitening, unit

#: Powers tried for the whitening of a block, from none to full.
POWERS = (0.0, 0.25, 0.5)


@dataclass(frozen=True)
class WhitenedBlock:
    """One block after whitening; ``None`` for a side of which nothing is known.

    Attributes
    ----------
    name : str
    whitening : Whitening
    merchants, creators : float32 array of shape (n_…, d), or None
    """

    name: str
    whitening: Whitening
    merchants: Vectors | None
    creators: Vectors | None

    @classmethod
    def of(cls, block: Block, power: float, width: int) -> WhitenedBlock:
        """Whiten a block with a given power and cut it to a width."""
        sides = [(block.merchants, block.merchant_known), (block.creators, block.creator_known)]
        known = [side for side in sides if side[1].any()]
        whitening = Whitening.fit(known, power=power, width=width)
        merchants, creators = (
            whitening.transform(vectors) if mask.any() else None for vectors, mask in sides
        )
        return cls(block.name, whitening, merchants, creators)


def block_parts(
    blocks: Sequence[WhitenedBlock], history: sp.csr_matrix
) -> tuple[list[Part], list[Foresight]]:
    """What all blocks say about pairs, given a history.

    For each block, where it knows the sides this needs: ``own``, the likeness of the two
    themselves; ``partners``, of the creator to the merchant's expected partner; ``clients``, of
    the merchant to the creator's.

    Parameters
    ----------
    blocks : sequence of WhitenedBlock
    history : csr_matrix of shape (n_merchants, n_creators)
        Strength of each cooperation.
    """
    back = history.T.tocsr()
    merchants = _side_by_side([block.merchants for block in blocks], history.shape[0])
    creators = _side_by_side([block.creators for block in blocks], history.shape[1])
    parts, foresights = [], []
    for block in blocks:
        partner = client = None
        if block.merchants is not None and block.creators is not None:
            parts.append(Part(f"{block.name}:own", block.merchants, block.creators))
        if block.merchants is not None:
            client = ExpectedPartner.fit(back, creators, block.merchants)
            expected = client.transform(back, creators, block.merchants)
            parts.append(Part(f"{block.name}:clients", block.merchants, expected))
        if block.creators is not None:
            partner = ExpectedPartner.fit(history, merchants, block.creators)
            expected = partner.transform(history, merchants, block.creators)
            parts.append(Part(f"{block.name}:partners", expected, block.creators))
        foresights.append(Foresight(block.name, block.whitening, partner, client))
    return parts, foresights


def whiten(
    blocks: Sequence[Block], lesson: Lesson, width: int
) -> tuple[dict[str, float], list[WhitenedBlock]]:
    """Each block with the power that, alone, ranks the later cooperations highest.

    Returns
    -------
    powers : dict of block name to power
    whitened : list of WhitenedBlock
    """
    history = strength(lesson.before)
    popularity = popularity_parts(history)
    powers, chosen = {}, []
    for block in blocks:
        ways = {power: WhitenedBlock.of(block, power, width) for power in POWERS}
        grades = {
            power: lesson.grade([*popularity, *block_parts([way], history)[0]])
            for power, way in ways.items()
        }
        powers[block.name] = max(grades, key=grades.__getitem__)
        chosen.append(ways[powers[block.name]])
    return powers, chosen


def common_width(blocks: Sequence[Block], width: int, room: int) -> int:
    """Widest cut of all blocks with which they fit the room.

    A block takes its width once for each side that it knows.
    """
    sides = [int(b.merchant_known.any()) + int(b.creator_known.any()) for b in blocks]

    def taken(cut: int) -> int:
        return sum(n * min(cut, b.width) for n, b in zip(sides, blocks, strict=True))

    return next((cut for cut in range(width, 8, -8) if taken(cut) <= room), 8)


def collaborative_parts(factors: CollaborativeFactors) -> list[Part]:
    """ALS and spectral factors as directions; their length tells of popularity, told apart."""
    return [
        Part(
            f"collaborative:{name}",
            unit(factors.merchant_factors_[:, columns]),
            unit(factors.creator_factors_[:, columns]),
        )
        for name, columns in factors.parts_.items()
    ]


def choice_factors(
    blocks: Sequence[WhitenedBlock], history: sp.csr_matrix, *, factors: int, seed: int
) -> tuple[list[Part], ChoiceFactors]:
    """What a learnt choice makes of history and blocks together, told apart by where it comes from.

    A creator's place is a sum over its history and its blocks, so each gets a part of its own:
    ``collaborative:choice`` and, for each block that knows creators, ``<block>:choice``.
    """
    merchants = _side_by_side([block.merchants for block in blocks], history.shape[0])
    creators = _side_by_side([block.creators for block in blocks], history.shape[1])
    choice = ChoiceFactors(factors=factors, seed=seed).fit(history, merchants, creators)
    vectors = choice.merchant_factors_
    parts = [Part("collaborative:choice", vectors, choice.creator_history_)]
    end = 0
    for block in blocks:
        if block.creators is not None:
            start, end = end, end + block.creators.shape[1]
            mapped = block.creators @ choice.creator_map_[start:end]
            parts.append(Part(f"{block.name}:choice", vectors, mapped))
    return parts, choice


def popularity_parts(history: sp.csr_matrix) -> list[Part]:
    """How sought each side is: log of one plus the number of its partners."""
    merchants = np.log1p(history.getnnz(axis=1)).astype(np.float32)[:, None]
    creators = np.log1p(history.getnnz(axis=0)).astype(np.float32)[:, None]
    return [
        Part("popularity:merchants", merchants, np.ones_like(creators)),
        Part("popularity:creators", np.ones_like(merchants), creators),
    ]


def _side_by_side(vectors: Sequence[Vectors | None], rows: int) -> Vectors:
    known = [one for one in vectors if one is not None]
    return np.hstack([np.zeros((rows, 0), dtype=np.float32), *known])
