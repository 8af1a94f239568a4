"""Forgetting: what is left of an event after some half-lives, the same bits everywhere.

Powers of two differ in their last digit between processors, numpy builds, databases and Spark.
Sums, products and quotients do not, as IEEE 754 rounds each of them alike everywhere. So the power
is a polynomial, squared some times, and each engine takes the same steps in the same order.
"""

from __future__ import annotations

from math import factorial, log, sqrt
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_Number = TypeVar("_Number", bound=Any)

#: More half-lives than this count as this many: a 2**-64th is nothing on the grid of the weights.
MOST_HALF_LIVES = 64.0

#: How often :func:`short_decay` is squared to reach from one 64th of the way to all of it.
SQUARINGS = 6

#: Weights are multiples of 2**-36. Sums of such numbers are exact in float64 until a sum passes
#: 2**17, so that the order of the events cannot show in it.
GRID = float(1 << 36)

# Numbers this large have no digits after the point: adding it and taking it away again rounds.
_WITHOUT_DIGITS = 1.5 * (1 << 52)

# Taylor's terms of 2**-x around one half, highest first; what is left out is below 1e-17.
_TERMS = [sqrt(0.5) * (-log(2.0)) ** n / factorial(n) for n in range(14, -1, -1)]

# Numbers worked on together: few enough to stay in the processor's cache between the steps.
_BLOCK = 1 << 13


def short_decay(share: _Number) -> _Number:
    """2 to the power of minus ``share``, for shares from 0 to 1.

    ``share`` may be anything with ``+`` and ``*``: a number, an array, a column of a data frame.

    Examples
    --------
    >>> short_decay(0.0), round(short_decay(0.5) ** 2, 15)
    (1.0, 0.5)
    """
    part = share + -0.5
    total: _Number = part * _TERMS[0] + _TERMS[1]
    for term in _TERMS[2:]:
        total = total * part + term
    return total


def in_grid_steps(weight: _Number) -> _Number:
    """How many steps of the grid a weight is, rounded to whole ones, halves to the even one.

    Like :func:`short_decay` for anything with ``+`` and ``*``; the weight below 2**15.

    Examples
    --------
    >>> in_grid_steps(0.25) / GRID, in_grid_steps(1.6 / GRID), in_grid_steps(0.5 / GRID)
    (0.25, 2.0, 0.0)
    """
    steps: _Number = weight * GRID + _WITHOUT_DIGITS + -_WITHOUT_DIGITS
    return steps


def decay(half_lives: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """2 to the power of minus ``half_lives``, to 14 digits; float64 of the same shape, at least 0.

    Examples
    --------
    >>> decay(np.array([0.0, 1.0, 10.0])).round(12).tolist()
    [1.0, 0.5, 0.0009765625]
    """
    left = np.empty_like(half_lives, dtype=np.float64)
    for start in range(0, half_lives.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        some = short_decay(np.minimum(half_lives[block], MOST_HALF_LIVES) / MOST_HALF_LIVES)
        for _ in range(SQUARINGS):
            some *= some
        left[block] = some
    return left
