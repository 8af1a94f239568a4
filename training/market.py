"""A market: the tables of the contract, checked, as they were known at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.errors import BadInput
from training.check_rows import empty_frame, ends
from training.fingerprint import fingerprint, naive_times
from training.market_horizon import FIRST, Horizon, known_since, parse_as_of, without_trailing_sums
from training.market_tables import check_tables, refuse_unusable
from training.schema import SYNTHETIC_MARK, TABLES


@dataclass(frozen=True)
class Market:
    """What a market knew at ``as_of``.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        Tables that have a file. Every column of the contract is there, unknown where the file has
        none; ``x_low`` and ``x_high`` where the file has them; then columns the contract does not
        know. Words are str or None, times datetime64[ns, UTC] or NaT, numbers float64 or NaN,
        vectors float32 arrays.
    set_aside : DataFrame
        Table, row (from 0 in the file), column, value (as written), reason: one line per broken
        cell.
    summary : DataFrame
        One row per file: table, file, rows, kept, set_aside, after_as_of, ignored_columns, reason.
    as_of : Timestamp
        In UTC.
    fingerprint : str
        SHA-256 of all kept rows in the contract's columns, whatever the format of the files and
        the order of their columns.
    notes : tuple of str
        Files in the folder that are no tables.
    synthetic : bool
        Whether the folder is marked as a simulated market, in which nothing is real.
    """

    tables: Mapping[str, pd.DataFrame]
    set_aside: pd.DataFrame
    summary: pd.DataFrame
    as_of: pd.Timestamp
    fingerprint: str
    notes: tuple[str, ...] = ()
    synthetic: bool = False

    def has(self, name: str) -> bool:
        """Whether a table is there and holds any row."""
        return not self.table(name).empty

    def table(self, name: str) -> pd.DataFrame:
        """One table; without rows where the market has none.

        Raises
        ------
        KeyError
            When the contract knows no such table.
        """
        found = self.tables.get(name)
        return empty_frame(TABLES[name]) if found is None else found

    def before(self, as_of: str | date | pd.Timestamp) -> Market:
        """Go back to what this market knew at an earlier moment, as a backtest needs it.

        The same as reading the folder again with that ``as_of``, save for two things. A row set
        aside for the sake of a later one (the second of two with one key) stays set aside. And
        what would tell a backtest of the days it is to foresee is unknown: sums over the last 30
        days, which describe this market's own ``as_of``, and the answers to outreach, which may
        have come after the question. Followers, reputation and late refunds bear no date either;
        they stay, since they move slowly.

        Raises
        ------
        BadInput
            When ``as_of`` is no moment, is later than this market's own, or leaves no promotion.
        """
        moment = parse_as_of(as_of)
        if moment is None or moment > self.as_of:
            raise BadInput(f"as_of is {as_of}; this market is known up to {self.as_of}, not later")
        horizon = Horizon(moment)
        tables = {}
        for name in (*FIRST, *(one for one in self.tables if one not in FIRST)):
            if name in self.tables:
                frame = self.tables[name]
                late = horizon.hides(TABLES[name], partial(_cells, frame))
                frame = frame if late is None else frame[~late].reset_index(drop=True)
                if moment < self.as_of:
                    frame = without_trailing_sums(frame)
                    if name == "outreach":
                        frame = frame.assign(status=None, reason=None)
                tables[name] = frame
        past = self.holding({name: tables[name] for name in self.tables}, as_of=moment)
        refuse_unusable(past.summary, max_set_aside=1)
        return past

    def holding(
        self, tables: Mapping[str, pd.DataFrame], *, as_of: pd.Timestamp | None = None
    ) -> Market:
        """Keep only some rows, as if nobody had known of the others; counts follow.

        Parameters
        ----------
        tables : mapping of str to DataFrame
            Every table of this market, with as many rows or fewer.
        as_of : Timestamp, optional
            When it knew no more; this market's own moment where not given.
        """
        kept = self.summary["table"].map({name: len(frame) for name, frame in tables.items()})
        summary = self.summary.assign(
            kept=kept, after_as_of=self.summary["after_as_of"] + self.summary["kept"] - kept
        )
        return replace(
            self,
            tables=dict(tables),
            summary=summary,
            as_of=self.as_of if as_of is None else as_of,
            fingerprint=fingerprint(tables),
        )


def read_market(
    folder: str | Path,
    *,
    as_of: str | date | pd.Timestamp | None = None,
    max_set_aside: float = 0.05,
) -> Market:
    """Read a market folder.

    Parameters
    ----------
    folder : path
        One ``.csv``, ``.csv.gz`` or ``.parquet`` file per table. Nothing in it is changed.
    as_of : str, date or Timestamp, optional
        Nothing after this moment is seen. Without it everything in the folder is, and the
        market's ``as_of`` is the time of the latest event. Columns that bear no date, such as
        followers, are believed as they are written.
    max_set_aside : float
        Largest share of a table's rows that may break the contract.

    Raises
    ------
    BadInput
        When the folder cannot be used; one line that tells what to do.
    """
    moment = parse_as_of(as_of)
    checked = check_tables(Path(folder), moment)
    refuse_unusable(checked.summary, max_set_aside)
    return Market(
        tables=checked.tables,
        set_aside=checked.set_aside,
        summary=checked.summary,
        as_of=_latest_event(checked.tables) if moment is None else moment,
        fingerprint=fingerprint(checked.tables),
        notes=checked.notes,
        synthetic=(Path(folder) / SYNTHETIC_MARK).is_file(),
    )


def point(table: pd.DataFrame, column: str) -> pd.Series:
    """Best single value of a number: itself where it is known, else the middle of its range.

    The middle is the geometric mean, as ranges span orders of magnitude; the arithmetic one where
    the low end is not above 0.

    Returns
    -------
    float64 Series, NaN where neither the number nor both ends are known

    Examples
    --------
    >>> followers = pd.DataFrame({"followers": [7.0, None], "followers_low": [None, 100.0],
    ...                           "followers_high": [None, 400.0]})
    >>> point(followers, "followers").tolist()
    [7.0, 200.0]
    """
    low, high = (end.to_numpy() for end in bounds(table, column))
    geometric = np.sqrt(np.clip(low, 0, None)) * np.sqrt(np.clip(high, 0, None))
    middle = np.where(low > 0, geometric, (low + high) / 2)
    # An exact number is both ends; the root of its square may be off by a last digit.
    return pd.Series(np.where(low == high, low, middle), index=table.index, name=column)


def bounds(table: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    """Low and high end of a number; equal where it is exact, NaN where an end is unknown.

    A column that the table does not have is unknown throughout.
    """
    if column not in table:
        table = table.assign(**{column: np.nan})
    low, high = ends(table, column)
    return (
        pd.Series(low, index=table.index, dtype=np.float64, name=f"{column}_low"),
        pd.Series(high, index=table.index, dtype=np.float64, name=f"{column}_high"),
    )


def _latest_event(tables: Mapping[str, pd.DataFrame]) -> pd.Timestamp:
    latest = [
        np.fmax.reduce(known_since(table, _cells(tables[name], table.time)))
        for name, table in TABLES.items()
        if table.event and table.time is not None and name in tables and len(tables[name])
    ]
    # Engagements may lack a time: fmax passes over NaT.
    return pd.Timestamp(np.fmax.reduce(latest), tz="UTC")


def _cells(frame: pd.DataFrame, column: str) -> npt.NDArray[Any]:
    cells = frame[column]
    return naive_times(cells) if isinstance(cells.dtype, pd.DatetimeTZDtype) else cells.to_numpy()
