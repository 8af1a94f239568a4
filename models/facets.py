"""Facets: what is told, or not told, of an entity in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from models.blocks import Vectors
from models.pairs import Floats
from models.share_space import ShareSpace
from models.vocabulary import Rows

#: The three kinds of entity, in the order in which their rows are counted.
SIDES = ("creators", "merchants", "products")

#: Values of shape (n, k), finite everywhere, and the trust in each row, of shape (n,).
Told = tuple[Vectors, Vectors]

#: A facet that fewer rows tell says nothing of how things go together.
LEAST_ROWS = 20.0

# A column whose values stray less than this from their mean tells nobody from anybody.
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Facet:
    """Columns that an entity tells all of or none of, such as the ages of its viewers.

    Attributes
    ----------
    name : str
    told : mapping of side to (float32 of shape (n, k), float32 of shape (n,))
        Values, and the trust in them: 0 unknown, 1 a plain reading, less for a vague one, more
        for a mean of several. Sides that are left out are silent.
    segments : int64 array of shape (k,)
        Place of each column among the segments of a space of shares, if an audience that is
        asked for may fill it; -1 elsewhere.
    """

    name: str
    told: Mapping[str, Told]
    segments: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        name: str,
        values: Mapping[str, npt.NDArray[np.floating]],
        trust: Mapping[str, npt.NDArray[np.floating]] | None = None,
        segments: npt.NDArray[np.int64] | None = None,
    ) -> Self:
        """Take values with NaN where unknown; a row with any NaN is unknown.

        Parameters
        ----------
        name : str
        values : mapping of side to float array of shape (n, k)
        trust : mapping of side to float array of shape (n,), optional
            Of each row, if it is known; 1 for all where not given.
        segments : int64 array of shape (k,), optional
        """
        told = {}
        for side, rows in values.items():
            known = np.isfinite(rows).all(axis=1)
            worth = known if trust is None else np.where(known, trust[side], 0.0)
            filled = np.where(known[:, None], rows, 0.0).astype(np.float32)
            told[side] = (filled, worth.astype(np.float32))
        width = max((rows.shape[1] for rows in values.values()), default=0)
        return cls(name, told, np.full(width, -1) if segments is None else segments)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.segments)

    def tells(self, sides: Sequence[str]) -> bool:
        """Whether anybody on one of these sides tells it."""
        return any(bool((self.told[side][1] > 0).any()) for side in sides if side in self.told)

    def telling(self, least: float = LEAST_ROWS) -> Facet | None:
        """Only the columns that tell rows apart; None where none does, or few rows tell."""
        known = [values[trust > 0] for values, trust in self.told.values()]
        rows = np.concatenate([np.zeros((0, self.width), dtype=np.float32), *known])
        if len(rows) < least:
            return None
        keep = rows.std(axis=0, dtype=np.float64) > _LEAST_SPREAD
        if not keep.any():
            return None
        told = {side: (values[:, keep], trust) for side, (values, trust) in self.told.items()}
        return replace(self, told=told, segments=self.segments[keep])


@dataclass(frozen=True)
class Evidence:
    """What the tables of a market tell of its creators, merchants and products.

    Attributes
    ----------
    sizes : mapping of side to int
        Number of entities.
    facets : tuple of Facet
    product_merchants : int32 array of shape (n_products,)
        Row of the merchant that sells each product; a row outside is nobody's.
    space : ShareSpace, optional
        How an audience that is asked for becomes values of the facets that have ``segments``.
    """

    sizes: Mapping[str, int]
    facets: tuple[Facet, ...]
    product_merchants: Rows
    space: ShareSpace | None = None

    def telling(self, least: float = LEAST_ROWS) -> Evidence:
        """Only what tells entities apart, each facet by as many rows at the least."""
        kept = [one for one in (facet.telling(least) for facet in self.facets) if one is not None]
        return replace(self, facets=tuple(kept))

    @property
    def width(self) -> int:
        """Columns of all facets together."""
        return sum(one.width for one in self.facets)

    def groups(self) -> npt.NDArray[np.int64]:
        """Facet of each column, all columns side by side."""
        return np.repeat(np.arange(len(self.facets)), [one.width for one in self.facets])

    def cells(self, side: str, rows: slice | npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Values of shape (n, p) and trust of shape (n, g) of some rows of a side."""
        n = len(np.arange(self.sizes[side])[rows])
        cells = np.zeros((n, self.width))
        trust = np.zeros((n, len(self.facets)))
        at = 0
        for place, one in enumerate(self.facets):
            if side in one.told:
                values, worth = one.told[side]
                cells[:, at : at + one.width] = values[rows]
                trust[:, place] = worth[rows]
            at += one.width
        return cells, trust
