"""Where one of many stands, and what it takes to stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, log10

import numpy as np

from models.pairs import Floats

#: Digits that a value to be reached is rounded to.
_DIGITS = 3
_SLACK = 1e-9
#: One step of a commission told: a tenth of a point.
POINT_TENTH = 0.001


@dataclass(frozen=True)
class Standing:
    """One of many in a ranking, highest first, equal scores by row, unknown ones last.

    Attributes
    ----------
    scores : float64 array of shape (n,)
    row : int
    """

    scores: Floats
    row: int

    @property
    def score(self) -> float:
        """What it is ranked by."""
        return float(self.scores[self.row])

    @cached_property
    def others(self) -> Floats:
        """Scores of all others."""
        return np.delete(self.scores, self.row)

    def rank(self, score: float | None = None) -> int:
        """Place it has, from 1 on, or would have with another score, the others' being the same.

        Examples
        --------
        >>> one = Standing(np.array([5.0, 3.0, 3.0, np.nan]), 2)
        >>> one.rank(), one.rank(5.0), one.rank(5.1), one.rank(1.0)
        (3, 2, 1, 3)
        """
        own = self.score if score is None else score
        before = int((self.others[: self.row] == own).sum())
        return 1 + int((self.others > own).sum()) + before

    def needed(self, top: int) -> float:
        """Score of the last who is in a top of that length without it; -inf where room is left."""
        known = self.others[np.isfinite(self.others)]
        if len(known) < top:
            return -np.inf
        return float(np.partition(known, len(known) - top)[len(known) - top])


def rounded(value: float, up: bool, step: float | None = None) -> float:
    """A value to three digits, or to whole steps, towards one side.

    Examples
    --------
    >>> rounded(3157.2, up=False), rounded(3157.2, up=True), rounded(0.20034, True, 0.001)
    (3150.0, 3160.0, 0.201)
    """
    if value == 0.0 or not np.isfinite(value):
        return value
    step = _step(value) if step is None else step
    # What is a whole step but for its last digits is one.
    whole = ceil(value / step - _SLACK) if up else floor(value / step + _SLACK)
    return _decimal(whole * step)


def reached(
    value: float, up: bool, enough: Callable[[float], bool], step: float | None = None
) -> float | None:
    """The value rounded to the side on which it is enough, None where it still is not.

    The next step is tried as well: who is level with another may have to pass it.
    """
    told = rounded(value, up, step)
    if enough(told) or not told:
        return told if enough(told) else None
    size = _step(told) if step is None else step
    further = _decimal((round(told / size) + (1 if up else -1)) * size)
    return further if enough(further) else None


def _step(value: float) -> float:
    """One in the last of its digits."""
    return float(10.0 ** (floor(log10(abs(value))) + 1 - _DIGITS))


def _decimal(value: float) -> float:
    """The nearest decimal, not a sum of binary ones."""
    return float(f"{value:.10g}")
