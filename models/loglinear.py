"""A log-linear model of promotions, folded into tables.

creator × merchant × product × pair × deal × curves of the fits: what is learnt of each adds to the
log, so a prediction is seven look-ups and a sum, whatever went into the fit
(`models.backfitting`), and each grouping's part of a prediction is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.meetings import Found, Meetings
from models.pairs import Floats, Pairs, State

#: Cells that a fit in [-1, 1] is read with; one more stands for "unknown".
FIT_CELLS = 512
_LEAST_VARIANCE = 1e-9
GROUPINGS = ("creator", "merchant", "product", "pair", "deal", "audience_fit", "category_fit")


def fit_cells(fit: Floats) -> npt.NDArray[np.int64]:
    """Cell of each audience or category fit, `FIT_CELLS` where it is unknown."""
    known = np.isfinite(fit)
    cell = np.where(known, (fit + 1.0) * (FIT_CELLS / 2), 0.0).astype(np.int64)
    np.clip(cell, 0, FIT_CELLS - 1, out=cell)
    return np.where(known, cell, FIT_CELLS)


@dataclass(frozen=True)
class LogLinear:
    """Folded tables: column 0 adds to the log, column 1 to its variance.

    Attributes
    ----------
    tables : tuple of seven float64 arrays of shape (rows + 1, 2)
        In the order of `GROUPINGS`; the last row is nobody's (or the unknown fit's). The
        constant is in the table of pairs.
    meetings : Meetings
    noise : float
        Variance of one promotion's log around its expectation, apart from counting chance.
    """

    tables: tuple[Floats, ...]
    meetings: Meetings
    noise: float

    def predict(self, pairs: Pairs) -> tuple[Floats, Floats]:
        """Log and its variance for each pair; float64 arrays of shape (n,)."""
        total = look_up(self.tables, self.meetings.find(pairs), pairs)
        return total[0], total[1]

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same model."""
        return {
            "tables": dict(zip(GROUPINGS, self.tables, strict=True)),
            "noise": self.noise,
        }

    @classmethod
    def from_state(cls, state: State, meetings: Meetings) -> LogLinear:
        """Model from what `state` gave, on the meetings it was fitted with."""
        tables = tuple(np.asarray(state["tables"][name]) for name in GROUPINGS)
        return cls(tables, meetings, float(state["noise"]))


def look_up(
    tables: Sequence[Floats],
    met: tuple[Found, Found],
    pairs: Pairs,
) -> Floats:
    """Sum of what all tables say of each pair; shape (columns of the tables, n), contiguous.

    Only gathers and sums: a pair's numbers do not depend on what else is asked.
    """
    creator, merchant, product, pair, deal, audience, category = tables
    total: Floats = pair.take(met[0], axis=0)
    total += deal.take(met[1], axis=0)
    total += creator.take(pairs.creator, axis=0)
    total += merchant.take(pairs.merchant, axis=0)
    total += product.take(pairs.product, axis=0)
    total += audience.take(fit_cells(pairs.audience_fit), axis=0)
    total += category.take(fit_cells(pairs.category_fit), axis=0)
    total = np.ascontiguousarray(total.T)
    # A product asked for with another merchant than its own is settled by no history.
    np.maximum(total[1::2], _LEAST_VARIANCE, out=total[1::2])
    return total
