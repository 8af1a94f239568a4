"""Framing: how factors are hung so that inner products of two portraits mean something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.facets import SIDES, Evidence
from models.factoring import Factors
from models.pairs import Floats, State

#: Rows of each side that something is learnt from.
Chosen = Mapping[str, npt.NDArray[np.int64]]

# So many unknown entities' worth draws the centre of a side to that of all.
_CENTRE = 20.0

# An axis on which creators and goods never meet keeps this part of the mean length.
_LEAST_AXIS = 1e-3


@dataclass(frozen=True)
class Frame:
    """From cells to portraits: factors, less the usual ones, on axes that matter to a pair.

    Creators are centred on the usual creator, merchants and products on the usual goods, so that
    whoever is unknown is zero. The axes are the principal ones of what both creators and goods
    tell of (an audience, a content): the plain inner product of two portraits is how much the two
    agree on it, and an axis of which only one side tells is short. Each source counts alike.

    Attributes
    ----------
    factors : Factors
    centres : mapping of side to float64 array of shape (d,)
    turn : float64 array of shape (d, d)
    """

    factors: Factors
    centres: Mapping[str, Floats]
    turn: Floats

    @classmethod
    def settle(cls, factors: Factors, evidence: Evidence, rows: Chosen) -> Self:
        """Learn where the usual creator and the usual goods lie, and the axes."""
        unit = np.eye(factors.width)
        centres: dict[str, Floats] = {}
        for sides in (SIDES[:1], SIDES[1:]):
            pull, total = _CENTRE * unit, np.zeros(factors.width)
            for side in sides:
                means, covariances = factors.posterior(*evidence.cells(side, rows[side]))
                pull += (unit - covariances).sum(axis=0)
                total += means.sum(axis=0)
            centre: Floats = np.asarray(np.linalg.solve(pull, total), dtype=np.float64)
            centres |= dict.fromkeys(sides, centre)
        return cls(factors, centres, _axes(factors, evidence))

    def draw(self, side: str, cells: Floats, trust: Floats) -> tuple[Floats, Floats]:
        """Portraits, of shape (n, d), and doubts, of shape (n,), of rows of a side."""
        means, covariances = self.factors.posterior(cells, trust)
        # With a prior around the centre, instead of zero, less the centre: unknown stays zero.
        means = means + covariances @ self.centres[side] - self.centres[side]
        doubts = np.trace(covariances, axis1=1, axis2=2) / self.factors.width
        return means @ self.turn, np.asarray(doubts)

    def state(self) -> State:
        """What a bundle keeps."""
        return {
            "factors": self.factors.state(),
            "centres": dict(self.centres),
            "turn": self.turn,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        centres = {side: np.asarray(centre) for side, centre in state["centres"].items()}
        return cls(Factors.from_state(state["factors"]), centres, np.asarray(state["turn"]))


def _axes(factors: Factors, evidence: Evidence) -> Floats:
    """Principal axes of what both sides tell of, each as long as it matters; mean square one."""
    met = np.array(
        [one.tells(SIDES[:1]) and one.tells(SIDES[1:]) for one in evidence.facets], dtype=bool
    )
    if not met.any():  # Nothing in common: whatever each side tells.
        met[:] = True
    sources = np.array([one.name.partition(":")[0] for one in evidence.facets])
    explained = np.zeros((factors.width, factors.width))
    for source in np.unique(sources[met]):
        columns = np.isin(factors.groups, np.flatnonzero(met & (sources == source)))
        loadings = factors.loadings[columns]
        explained += loadings.T @ loadings / len(loadings)
    lengths, axes = np.linalg.eigh(explained)
    lengths = np.maximum(lengths[::-1] / lengths.mean(), _LEAST_AXIS)
    axes = axes[:, ::-1]
    # eigh leaves signs open; the largest loading on each axis is made positive.
    turned = factors.loadings @ axes
    pivots = turned[np.abs(turned).argmax(axis=0), np.arange(factors.width)]
    return np.asarray(axes * np.where(pivots < 0, -1.0, 1.0) * np.sqrt(lengths))
