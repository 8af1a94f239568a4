"""Sums over the rows of a table, by group: the first half of "aggregate first, then divide"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.errors import BadInput
from models.pairs import Floats

Codes = npt.NDArray[np.int64]

#: What groups are formed by: a column or several; None or none for one group of all rows.
By = str | Sequence[str] | None

#: Label of the one group of all rows.
ALL = "all"


@dataclass(frozen=True)
class Groups:
    """Which group each row belongs to.

    Attributes
    ----------
    codes : int64 array of shape (rows,)
        Place in ``labels``; -1 for a row whose group is unknown, which no sum counts.
    labels : Index
        Sorted values of the grouping columns.
    """

    codes: Codes
    labels: pd.Index

    @classmethod
    def of(cls, table: pd.DataFrame, by: By) -> Groups:
        """Group the rows of a table.

        Raises
        ------
        BadInput
            When a grouping column is not there.
        """
        names = [by] if isinstance(by, str) else list(by or ())
        if not names:
            return cls(np.zeros(len(table), dtype=np.int64), pd.Index([ALL]))
        require(table, names)
        grouped = table.groupby(names[0] if len(names) == 1 else names, observed=True)
        codes = np.asarray(grouped.ngroup().fillna(-1), dtype=np.int64)
        return cls(codes, grouped.size().index)

    def sums(self, values: Floats) -> Floats:
        """Sum per group; NaN where any row of the group is unknown, and where it has no row."""
        seen = self.codes >= 0
        codes, n = self.codes[seen], len(self.labels)
        total = np.bincount(codes, weights=values[seen], minlength=n)
        return np.where(np.bincount(codes, minlength=n) > 0, total, np.nan)

    def sums_of(self, values: Floats, rows: npt.NDArray[np.bool_]) -> Floats:
        """Sum per group over some of the rows; NaN where none of them is in the group."""
        return Groups(np.where(rows, self.codes, -1), self.labels).sums(values)

    def largest(self, values: Floats) -> Floats:
        """Largest known value per group; NaN where none is known."""
        best = np.full(len(self.labels), np.nan)
        seen = self.codes >= 0
        np.fmax.at(best, self.codes[seen], values[seen])
        return best

    def sessions(self, table: pd.DataFrame) -> tuple[Groups, Groups]:
        """Cut each group into its sessions.

        A session is known by its creator and its id, by the id alone where the table names no
        creator. A row of an unknown session (or creator) is a session of its own.

        Returns
        -------
        (Groups of the rows, Groups of the sessions)
            The session of every row, and the group of every session.
        """
        columns = [name for name in ("creator_id", "session_id") if name in table.columns]
        known = "session_id" in columns
        session = Groups.of(table, columns).codes.copy() if known else np.full(len(table), -1)
        alone = session < 0
        session[alone] = session.max(initial=-1) + 1 + np.arange(alone.sum())
        seen = self.codes >= 0
        many = session.max(initial=0) + 1
        cells, place = np.unique(self.codes[seen] * many + session[seen], return_inverse=True)
        codes = np.full(len(table), -1, dtype=np.int64)
        codes[seen] = place
        return Groups(codes, pd.RangeIndex(len(cells))), Groups(cells // many, self.labels)


def require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table that lacks any of the columns.

    Raises
    ------
    BadInput
    """
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        there = ", ".join(map(str, table.columns)) or "no column"
        raise BadInput(
            f"the table lacks {', '.join(lacking)}; it has {there}. Add what is lacking, "
            "NaN where it is unknown"
        )


def numbers(table: pd.DataFrame, column: str) -> Floats:
    """One column as float64, NaN where unknown.

    Raises
    ------
    BadInput
        When the column is not there, holds text, or a number that is negative or infinite.
    """
    require(table, [column])
    try:
        values = table[column].to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise BadInput(
            f"{column} holds {table[column].dtype}, expected numbers; read the market with "
            "read_market, or use pandas.to_numeric"
        ) from None
    wrong = (values < 0) | np.isinf(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadInput(
            f"{column} is {values[row]:g} in row {row}, expected 0 or more and finite, "
            "NaN where it is unknown"
        )
    return values


def ends(table: pd.DataFrame, column: str) -> tuple[Floats, Floats]:
    """Both ends of a column that may come as a range, ``x_low`` and ``x_high``.

    Returns
    -------
    (low, high)
        Equal where the number is exact. A range with one end alone is open at the other: 0 or
        infinity. NaN where nothing is known.
    """
    names = [f"{column}_low", f"{column}_high"]
    if not any(name in table.columns for name in (column, *names)):
        require(table, [column])
    nothing = np.full(len(table), np.nan)
    exact, low, high = (
        numbers(table, name) if name in table.columns else nothing for name in (column, *names)
    )
    ranged = ~(np.isnan(low) & np.isnan(high))
    open_low = np.where(np.isnan(low) & ranged, 0.0, low)
    open_high = np.where(np.isnan(high) & ranged, np.inf, high)
    known = ~np.isnan(exact)
    return np.where(known, exact, open_low), np.where(known, exact, open_high)
