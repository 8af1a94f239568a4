"""A log-linear model of promotions, folded into tables.

creator × merchant × product × pair × deal × curves of the fits × the creator's taste for what is
promoted: what is learnt of each adds to the log, so a prediction is seven look-ups, a short inner
product and a sum, whatever went into the fit (`models.backfitting`), and each part of a prediction
is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.compiled import compiled, settled
from models.meetings import Meetings, Starts, meeting
from models.pairs import Floats, Pairs, State
from models.tastes import Tasted, Vectors
from models.vocabulary import Rows

#: Cells that a fit in [-1, 1] is read with; one more stands for "unknown".
FIT_CELLS = 512
#: Least variance of a log.
LEAST_VARIANCE = 1e-9
_LINE = 8  # numbers in a line of the processor's cache
GROUPINGS = ("creator", "merchant", "product", "pair", "deal", "audience_fit", "category_fit")


class First(NamedTuple):
    """First row of each grouping but the first, where all tables lie one after the other."""

    merchant: int
    product: int
    pair: int
    deal: int
    audience_fit: int
    category_fit: int


class Places(NamedTuple):
    """Rows of one pair where all tables lie one after the other.

    ``wanted`` is the row of what is promoted among the portraits: the product's, or the merchant's
    without a product in particular.
    """

    creator: int
    merchant: int
    product: int
    pair: int
    deal: int
    audience_fit: int
    category_fit: int
    wanted: int


class Folded(NamedTuple):
    """Tables of one or several models side by side, as compiled loops read them.

    A loop takes the arrays out once, at its beginning: inside, each touch of a tuple of arrays
    would count who refers to them, which costs more than what is read.

    Attributes
    ----------
    table : float64 array of shape (rows of all groupings, width)
        Column ``2 * i`` adds to the log of model ``i``, the next to its variance; other columns
        hold what else is known of an entity.
    first : First
    partner_starts, partners, promoted_starts, promoted
        Creators that each merchant has met, and products that each creator has, as in
        `models.meetings.Partners`.
    tastes, wanted : float32 arrays
        As in `models.tastes.Tasted`, the tastes of all models side by side.
    """

    table: Floats
    first: First
    partner_starts: Starts
    partners: Rows
    promoted_starts: Starts
    promoted: Rows
    tastes: Vectors
    wanted: Vectors

    @classmethod
    def of(cls, groupings: Sequence[Floats], meetings: Meetings, tasted: Tasted) -> Folded:
        """Fold what is told of each grouping, in the order of `GROUPINGS`, and of tastes."""
        ends = np.cumsum([len(one) for one in groupings])
        table = in_lines(groupings)
        return cls.on(table, ends[:-1].tolist(), meetings, tasted)

    @classmethod
    def on(cls, table: Floats, first: Sequence[int], meetings: Meetings, tasted: Tasted) -> Folded:
        """Read tables that lie one after the other already, such as those of a bundle."""
        met = (*meetings.pairs.partners, *meetings.deals.partners)
        tastes, wanted = (settled(one, np.float32) for one in tasted)
        return cls(settled(table, np.float64), First(*first), *met, tastes, wanted)


def in_lines(parts: Sequence[Floats]) -> Floats:
    """Tables one after the other; a row of eight numbers lies in one line of the cache."""
    shape = (sum(map(len, parts)), parts[0].shape[1])
    room = np.empty(shape[0] * shape[1] + _LINE)
    shift = -(room.ctypes.data // room.itemsize) % _LINE
    table = room[shift : shift + shape[0] * shape[1]].reshape(shape)
    return np.concatenate(parts, out=table)


@compiled
def fit_cell(fit: float) -> int:
    """Cell of an audience or category fit, `FIT_CELLS` where it is unknown."""
    if not np.isfinite(fit):
        return FIT_CELLS
    return min(max(int((fit + 1.0) * (FIT_CELLS / 2)), 0), FIT_CELLS - 1)


@compiled
def within(first: First, merchant: int, creator: int, product: int) -> bool:
    """Whether the tables have such rows."""
    return (
        0 <= creator < first.merchant
        and 0 <= merchant < first.product - first.merchant
        and 0 <= product < first.pair - first.product
    )


@compiled
def places(
    first: First,
    merchant: int,
    creator: int,
    product: int,
    pair: int,
    deal: int,
    audience_fit: float,
    category_fit: float,
) -> Places:
    """Rows of a pair in all tables, from its rows in the vocabularies and its meetings."""
    merchants, products = first.product - first.merchant, first.pair - first.product
    return Places(
        creator,
        first.merchant + merchant,
        first.product + product,
        first.pair + pair,
        first.deal + deal,
        first.audience_fit + fit_cell(audience_fit),
        first.category_fit + fit_cell(category_fit),
        merchant if product == products - 1 else merchants + product,
    )


@compiled
def log_of(table: Floats, at: Places, column: int) -> float:
    """Sum of what one column of all tables says: the log that a model expects."""
    total: float = table[at.pair, column] + table[at.deal, column]
    total += table[at.creator, column]
    total += table[at.merchant, column]
    total += table[at.product, column]
    total += table[at.audience_fit, column]
    total += table[at.category_fit, column]
    return total


@partial(compiled, reordered=True)
def taste_of(tastes: Vectors, creator: int, start: int, wanted: Vectors, row: int) -> float:
    """What a creator's taste, from a column on, makes of one portrait: it adds to the log."""
    total = 0.0
    for i in range(wanted.shape[1] - 1):
        total += np.float64(tastes[creator, start + i]) * np.float64(wanted[row, i])
    return total


@compiled
def told_of(
    table: Floats, tastes: Vectors, wanted: Vectors, at: Places, column: int
) -> tuple[float, float]:
    """Log that a model expects of a pair, from its column of all tables on; and its variance."""
    width = wanted.shape[1]
    start = column // 2 * width
    log = log_of(table, at, column) + taste_of(tastes, at.creator, start, wanted, at.wanted)
    unsure = np.float64(tastes[at.creator, start + width - 1])
    unsure *= np.float64(wanted[at.wanted, width - 1])
    # A product asked for with another merchant than its own is settled by no history.
    return log, max(log_of(table, at, column + 1) + unsure, LEAST_VARIANCE)


@compiled
def _cells(fit: Floats, found: npt.NDArray[np.int64]) -> None:
    for i in range(len(fit)):
        found[i] = fit_cell(fit[i])


@compiled
def deal_of(first: First, starts: Starts, promoted: Rows, creator: int, product: int) -> int:
    """Row of a deal among `Meetings.deals`; none in particular is no deal."""
    if product == first.pair - first.product - 1:
        return len(promoted)
    return meeting(starts, promoted, creator, product)


@compiled
def _predict(
    folded: Folded,
    merchant: Rows,
    creator: Rows,
    product: Rows,
    audience_fit: Floats,
    category_fit: Floats,
    log: Floats,
    variance: Floats,
) -> int:
    table, first, partner_starts, partners, promoted_starts, promoted, tastes, wanted = folded
    for i in range(len(log)):
        if not within(first, merchant[i], creator[i], product[i]):
            return i
        at = places(
            first,
            merchant[i],
            creator[i],
            product[i],
            meeting(partner_starts, partners, merchant[i], creator[i]),
            deal_of(first, promoted_starts, promoted, creator[i], product[i]),
            audience_fit[i],
            category_fit[i],
        )
        log[i], variance[i] = told_of(table, tastes, wanted, at, 0)
    return len(log)


def fit_cells(fit: Floats) -> npt.NDArray[np.int64]:
    """Cell of each audience or category fit, `FIT_CELLS` where it is unknown."""
    found = np.empty(len(fit), dtype=np.int64)
    _cells(np.ascontiguousarray(fit, dtype=np.float64), found)
    return found


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
    tasted : Tasted
    """

    tables: tuple[Floats, ...]
    meetings: Meetings
    noise: float
    tasted: Tasted

    @cached_property
    def _folded(self) -> Folded:
        return Folded.of(self.tables, self.meetings, self.tasted)

    def predict(self, pairs: Pairs) -> tuple[Floats, Floats]:
        """Log and its variance for each pair; float64 arrays of shape (n,).

        A pair's numbers do not depend on what else is asked.

        Raises
        ------
        IndexError
            When a pair has a row that no table has.
        """
        log, variance = np.empty((2, len(pairs)))
        columns = pairs.columns()
        done = _predict(self._folded, *columns, log, variance)
        check_rows(self._folded.first, pairs, done)
        return log, variance

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same model."""
        return {
            "tables": dict(zip(GROUPINGS, self.tables, strict=True)),
            "noise": self.noise,
            "tastes": self.tasted.tastes,
            "wanted": self.tasted.wanted,
        }

    @classmethod
    def from_state(cls, state: State, meetings: Meetings) -> LogLinear:
        """Model from what `state` gave, on the meetings it was fitted with."""
        tables = tuple(np.asarray(state["tables"][name]) for name in GROUPINGS)
        tasted = Tasted(state["tastes"], state["wanted"])
        return cls(tables, meetings, float(state["noise"]), tasted)


def check_rows(first: First, pairs: Pairs, done: int) -> None:
    """Refuse pairs that a loop had to stop at.

    Parameters
    ----------
    done : int
        Number of pairs that the loop could work on.

    Raises
    ------
    IndexError
        When it is not all of them.
    """
    if done < len(pairs):
        asked = pairs.merchant[done], pairs.creator[done], pairs.product[done]
        sizes = first.product - first.merchant, first.merchant, first.pair - first.product
        last = tuple(size - 1 for size in sizes)
        raise IndexError(
            f"pair {done} has rows {tuple(map(int, asked))} of merchant, creator and product, "
            f"expected each from 0 to {last}; the last stands for somebody unknown"
        )
