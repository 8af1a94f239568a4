"""What evidence is worth about a merchant without history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from models.evidence import WhitenedBlock, block_parts, choice_factors, popularity_parts
from models.layout import by_origin, grouped
from models.lessons import Lesson
from models.strength import strength

#: Least share of popularity's weight in the row of a merchant without history.
_LEAST = 0.1


def newcomer_factors(
    blocks: Sequence[WhitenedBlock],
    history: sp.csr_matrix,
    lesson: Lesson,
    weights: Mapping[str, float],
    *,
    choice: int,
) -> dict[str, float]:
    """By what each part of a merchant without history is multiplied.

    Weights learnt on those with a history trust expected partners more, and the entity itself
    less, than is right where the partners are foretold. So some merchants lose their history, and
    what the parts are worth is learnt once more on them.

    Parameters
    ----------
    blocks : sequence of WhitenedBlock
    history : csr_matrix of shape (n_merchants, n_creators)
    lesson : Lesson
        That of which the weights were learnt.
    weights : dict of part name to float
    choice : int
        Width of the factors of the learnt choice.

    Returns
    -------
    dict of part name to float
        Empty for no difference: too few merchants to learn from, or newcomers were what the
        lesson was about.
    """
    known = np.zeros(history.shape[0], dtype=bool)
    for block in blocks:
        if block.merchants is not None:
            known |= block.merchants.any(axis=1)
    fresh = Lesson.with_newcomers(history, known, lesson.seed)
    if fresh is None or lesson.of_newcomers_mostly:
        return {}
    met = strength(fresh.before)
    said, _ = block_parts(blocks, met)
    chosen, _ = choice_factors(blocks, met, factors=choice, seed=lesson.seed)
    sharing = grouped(by_origin([*chosen, *said, *popularity_parts(met)]), weights)
    factors = fresh.weigh([part for _, part in sharing], merchants_only=True)
    found = {
        name: float(factor)
        for (names, _), factor in zip(sharing, factors, strict=True)
        for name in names
    }
    # Popularity stays, however little: it is all there is to rank by for a mere name.
    return found | {
        name: max(factor, _LEAST)
        for name, factor in found.items()
        if name.startswith("popularity:")
    }
