"""What creators let others see: exact numbers, ranges, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.simulation.columns import numbers
from training.simulation.segments import Floats, Ints

#: Grades of consent and how many creators give them.
OPEN, RANGES, NOTHING = range(3)
_SHARE = (0.76, 0.15, 0.09)


def draw_consent(n: int, rng: np.random.Generator) -> Ints:
    """Grade of consent of each creator."""
    return rng.choice(3, n, p=_SHARE)


def as_consented(name: str, values: Floats, consent: Ints) -> dict[str, Any]:
    """Columns `name`, `name_low` and `name_high` as each row's grade of consent allows."""
    low, high = bounds(values)
    return {
        name: numbers(values, consent == OPEN),
        f"{name}_low": numbers(low, consent == RANGES),
        f"{name}_high": numbers(high, consent == RANGES),
    }


def bounds(values: Floats) -> tuple[Floats, Floats]:
    """Ranges that amounts fall into: 0–100, 100–300, 300–1,000, 1,000–3,000 and so on.

    Examples
    --------
    >>> low, high = bounds(np.array([0.0, 250.0, 1000.0]))
    >>> low.tolist(), high.tolist()
    ([0.0, 100.0, 1000.0], [100.0, 300.0, 3000.0])
    """
    edges = np.r_[0.0, np.outer(10.0 ** np.arange(2, 12), [1.0, 3.0]).ravel()]
    place = np.searchsorted(edges, values, side="right")
    return edges[place - 1], edges[place]


def share_bounds(shares: Floats) -> tuple[Floats, Floats]:
    """Ranges of a tenth, as shares are given without consent to more."""
    low = np.minimum(np.floor(shares * 10), 9) / 10
    return low, (low + 0.1).round(1)
