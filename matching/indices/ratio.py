"""A rate by definition: one sum over another, never a mean of rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matching.errors import BadInput
from matching.indices.grouping import By, Groups, ends, numbers
from models.pairs import Floats

#: Of a session and not of a product: every row of a session repeats it.
_OF_SESSION = "views"


@dataclass(frozen=True)
class Ratio:
    """What is divided by what.

    A row takes part in both sums or in neither: one whose numerator or denominator is unknown
    would lend the other half to a rate it says nothing of. Views are those of the room or the
    video, so the rows of one session are added up first and its views count once; the session
    takes part when the numerator is known in all its rows of the group.

    Attributes
    ----------
    name : str
    above, below : str
        Columns whose sums are divided.
    scale : float
        What the quotient is multiplied by.
    share : bool
        Whether ``above`` counts some of what ``below`` counts, so that the rate is at most 1.
    """

    name: str
    above: str
    below: str
    scale: float = 1.0
    share: bool = False

    def of(self, table: pd.DataFrame, by: By = None) -> pd.Series:
        """Sum, then divide, in every group.

        Returns
        -------
        float64 Series, one entry a group
            NaN where nothing is known or the denominator is 0: no trial has no rate.

        Raises
        ------
        BadInput
            When a column is not there, holds text or a negative number, or when a group has more
            in the part than in the whole.
        """
        groups = Groups.of(table, by)
        above, below = numbers(table, self.above), numbers(table, self.below)
        (part,), (whole,) = self._sums(table, groups, (above,), (below,))
        if self.share and (part > whole).any():
            place = int(np.argmax(part > whole))
            raise BadInput(
                f"{self.name}: {groups.labels[place]} has {part[place]:g} {self.above} "
                f"of {whole[place]:g} {self.below}; count both over the same rows"
            )
        return pd.Series(self._divide(part, whole), groups.labels, name=self.name)

    def bounds(self, table: pd.DataFrame, by: By = None) -> pd.DataFrame:
        """Least and largest rate that the ranges of a market leave possible.

        Returns
        -------
        DataFrame, one row a group
            ``low``, ``high``: equal where all is exact. ``high`` is NaN where no limit is known.
        """
        groups = Groups.of(table, by)
        (above_low, above_high), (below_low, below_high) = (
            ends(table, self.above),
            ends(table, self.below),
        )
        part, whole = self._sums(table, groups, (above_low, above_high), (below_low, below_high))
        low, high = self._divide(part[0], whole[1]), self._divide(part[1], whole[0])
        if self.share:
            # No more than all of it, however wide the ranges.
            high = np.where(np.isnan(low), np.nan, np.fmin(high, 1.0))
        return pd.DataFrame({"low": low, "high": high}, index=groups.labels)

    def _sums(
        self,
        table: pd.DataFrame,
        groups: Groups,
        above: tuple[Floats, ...],
        below: tuple[Floats, ...],
    ) -> tuple[list[Floats], list[Floats]]:
        if self.below == _OF_SESSION:
            rows, groups = groups.sessions(table)
            above = tuple(rows.sums(one) for one in above)
            below = tuple(rows.largest(one) for one in below)
        known = np.isfinite(above[0]) & np.isfinite(below[0])
        parts = [groups.sums_of(one, known) for one in above]
        return parts, [groups.sums_of(one, known) for one in below]

    def _divide(self, part: Floats, whole: Floats) -> Floats:
        quotient = np.full(len(part), np.nan)
        np.divide(part, whole, out=quotient, where=(whole > 0) & np.isfinite(part))
        return quotient * self.scale
