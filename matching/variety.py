"""Lists that are not the same few for everybody, nor twenty of a kind: one knob re-ranks.

What a place in a list costs is learnt at training, as a price for being in everybody's lists (see
``training/crowding.py``). A list then takes, one by one, whoever is worth most after that price
and after a deduction for being like those it holds already. Both are in the objective's own
currency, so the knob means the same whatever a list is ranked by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from matching.errors import BadInput
from matching.search.products import inner_products
from matching.shortlists import Shortlists
from models.blocks import Vectors
from models.pairs import Floats, State
from models.whitening import unit

#: So many of the best, after all filters, are re-ranked; whoever comes after them stays there.
#: The number is fixed, so that a shorter list is the beginning of a longer one.
POOL = 200

#: What a twin of somebody in the list is deducted at full variety, in spreads of the pool's worth.
_TWIN = 1.0


@dataclass(frozen=True)
class Crowding:
    """What a place in a list costs at full variety, by objective.

    Attributes
    ----------
    creators, merchants : dict of objective to float32 array of shape (n,)
        Prices in units of :func:`worth_of`, 0 for whoever is in few lists. An objective that the
        market gave no data for is not there.
    """

    creators: Mapping[str, Vectors]
    merchants: Mapping[str, Vectors]

    def state(self) -> State:
        """Arrays to be written into a bundle."""
        return {"creators": self.creators, "merchants": self.merchants}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Read what :meth:`state` gave."""
        return cls(state["creators"], state["merchants"])


def check_variety(variety: float) -> None:
    """Refuse a knob that cannot be set so.

    Raises
    ------
    BadInput
    """
    number = isinstance(variety, int | float | np.integer | np.floating)
    if not number or isinstance(variety, bool) or not 0 <= variety <= 1:
        raise BadInput(
            f"variety: got {variety!r}, expected a number from 0 (the best first, whoever it is) "
            "to 1 (as varied as can be)"
        )


def worth_of(objective: str, scores: npt.NDArray[np.floating]) -> Floats:
    """Scores as what they are traded in: affinity as it is, amounts and rates by their logs.

    Half as much is then the same step down for a merchant of any size. Where there is nothing to
    gain, or nothing is known, the worth is minus infinity.

    Examples
    --------
    >>> worth_of("gmv", np.array([1.0, 0.0, np.nan])).tolist()
    [0.0, -inf, -inf]
    """
    if objective == "match":
        return np.where(np.isnan(scores), -np.inf, scores).astype(np.float64)
    worth = np.full(len(scores), -np.inf)
    np.log(scores, out=worth, where=scores > 0)
    return worth


def varied(
    worth: Floats, prices: npt.NDArray[np.floating], vectors: Vectors, variety: float, k: int
) -> npt.NDArray[np.intp]:
    """Places of a list's members in the order in which variety puts them.

    Parameters
    ----------
    worth : float64 array of shape (n,)
        Of the pool and whoever follows, best first; entries of minus infinity keep their places.
    prices : array of shape (n,)
        Of :class:`Crowding`.
    vectors : float32 array of shape (n, d)
        Rows of length one or zero: the cosine says how alike two are.
    variety : float in [0, 1]
    k : int

    Returns
    -------
    int array of shape (min(k, n),)

    References
    ----------
    Carbonell and Goldstein, "The use of MMR, diversity-based reranking", 1998, for the likeness.

    Examples
    --------
    >>> worth, nothing = np.array([1.0, 0.9, 0.85]), np.zeros(3)
    >>> twins = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    >>> varied(worth, nothing, twins, variety=0.0, k=2).tolist()
    [0, 1]
    >>> varied(worth, nothing, twins, variety=1.0, k=2).tolist()
    [0, 2]
    """
    order = np.arange(len(worth))[:k]
    size = int(np.isfinite(worth[:POOL]).sum())
    if not size:
        return order
    value = worth[:size] - variety * prices[:size]
    deducted = _TWIN * variety * float(np.std(worth[:size]))
    nearest = np.zeros(size, dtype=np.float32)
    for place in range(min(k, size)):
        best = int(np.argmax(value - deducted * nearest))
        order[place] = best
        value[best] = -np.inf
        nearest = np.maximum(nearest, inner_products(vectors[:size], vectors[best]))
    return order


def reordered(
    lists: Shortlists,
    vectors: Vectors,
    usual: Vectors,
    prices: npt.NDArray[np.floating] | None,
    objective: str,
    variety: float,
    k: int,
) -> Shortlists:
    """Lists as variety orders them, at most ``k`` long.

    Parameters
    ----------
    lists : Shortlists
        All that may be re-ranked.
    vectors : float32 array of shape (n, d)
        Of everybody who may be listed.
    usual : float32 array of shape (d,)
        Two are alike that differ alike from the usual one.
    prices : array of shape (n,), optional
        Of :class:`Crowding`, for the objective.
    objective : str
    variety : float in [0, 1]
    k : int
    """
    found = []
    for start, end in pairwise(lists.starts.tolist()):
        rows, scores = lists.rows[start:end], lists.scores[start:end]
        places = varied(
            worth_of(objective, scores),
            np.zeros(len(rows)) if prices is None else prices[rows],
            unit(vectors[rows] - usual),
            variety,
            k,
        )
        found.append((rows[places], scores[places]))
    return Shortlists.of(found)
