"""Every table of a market folder, checked: what is kept, what is set aside, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.errors import BadInput
from training.check_broken import no_set_aside
from training.check_cells import Cells, read_cells
from training.check_rows import check_rows
from training.market_horizon import FIRST, Horizon
from training.reading import Raw, find_files, read_raw
from training.schema import TABLES

SUMMARY_COLUMNS = (
    "table", "file", "rows", "kept", "set_aside", "after_as_of", "ignored_columns", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class CheckedTables:
    """The tables of a folder after the checks.

    Attributes
    ----------
    tables : dict of str to DataFrame
        Kept rows of each table that has a file.
    set_aside : DataFrame
        Table, row, column, value, reason: one line per broken cell.
    summary : DataFrame
        One row per file: table, file, rows, kept, set_aside (rows, not cells), after_as_of,
        ignored_columns (names joined by commas), reason (the most frequent one, or "").
    notes : tuple of str
        Files in the folder that are no tables.
    """

    tables: dict[str, pd.DataFrame]
    set_aside: pd.DataFrame
    summary: pd.DataFrame
    notes: tuple[str, ...]


def check_tables(folder: Path, as_of: pd.Timestamp | None = None) -> CheckedTables:
    """Read and check every table of a folder.

    Rows that are not known yet at ``as_of`` are dropped before any other check, so that nothing
    in them can change what is kept or set aside.

    Raises
    ------
    BadInput
        When a file cannot be read at all, or a required table or column is missing.
    """
    files, notes = find_files(folder)
    horizon = Horizon(as_of)
    kept, listed, rows = {}, {}, {}
    for name in (*FIRST, *(one for one in TABLES if one not in FIRST)):
        if name not in files:
            continue
        raw = read_raw(files[name], TABLES[name])
        in_file = len(raw.rows)
        raw, ready = _cut(raw, horizon)
        kept[name], listed[name] = check_rows(raw, ready)
        rows[name] = {
            "table": name,
            "file": raw.file,
            "rows": in_file,
            "kept": len(kept[name]),
            "set_aside": len(raw.rows) - len(kept[name]),
            "after_as_of": in_file - len(raw.rows),
            "ignored_columns": ", ".join(raw.ignored),
            "reason": most_frequent_reason(listed[name]),
        }
    present = [name for name in TABLES if name in files]
    found = [listed[name] for name in present if len(listed[name])]
    return CheckedTables(
        tables={name: kept[name] for name in present},
        set_aside=pd.concat(found, ignore_index=True) if found else no_set_aside(),
        summary=pd.DataFrame([rows[name] for name in present], columns=list(SUMMARY_COLUMNS)),
        notes=tuple(notes),
    )


def refuse_unusable(summary: pd.DataFrame, max_set_aside: float) -> None:
    """Stop where too much was set aside or no promotion is left.

    Parameters
    ----------
    summary : DataFrame
        As in :class:`CheckedTables`.
    max_set_aside : float
        Largest share of a table's rows, in [0, 1], that may be set aside.

    Raises
    ------
    BadInput
    """
    if not 0 <= max_set_aside <= 1:
        raise BadInput(f"max_set_aside is {max_set_aside!r}; expected a share from 0 to 1")
    seen = summary["rows"] - summary["after_as_of"]
    share = summary["set_aside"] / seen.where(seen > 0, 1)
    if (share > max_set_aside).any():
        worst = summary.loc[share.idxmax()]
        raise BadInput(
            f"{worst['file']}: {worst['set_aside']} of {seen[share.idxmax()]} rows"
            f" ({share.max():.1%}) break the contract, most often {worst['reason']};"
            f" at most {max_set_aside:.1%} may be set aside: mend them, listed by"
            f" `alliance check MARKET --set-aside FILE`, or allow more with --max-set-aside"
        )
    promotions = summary.set_index("table").loc["promotions"]
    if promotions["rows"] == 0:
        raise BadInput(f"{promotions['file']}: has no rows; expected one for every promotion")
    if promotions["kept"] == 0:
        why = (
            "all of them are later than as_of; give a later --as-of"
            if promotions["after_as_of"] == promotions["rows"]
            else "the others are set aside; mend them"
        )
        raise BadInput(f"{promotions['file']}: none of {promotions['rows']} rows is left: {why}")


def most_frequent_reason(set_aside: pd.DataFrame) -> str:
    """Column and reason of most broken cells of one table, "" where there are none."""
    if not len(set_aside):
        return ""
    column, reason = set_aside.value_counts(["column", "reason"]).index[0]
    return f"{column}: {reason}" if column else str(reason)


def _cut(raw: Raw, horizon: Horizon) -> tuple[Raw, dict[str, Cells]]:
    """Leave out the rows not known yet; keep the columns that had to be read for it."""
    ready: dict[str, Cells] = {}

    def cells(name: str) -> npt.NDArray[Any]:
        column = raw.table.column(name)
        if name not in raw.columns:
            return np.full(len(raw.rows), np.datetime64("NaT", "ns"))
        ready[name] = read_cells(raw.columns[name], column)
        return ready[name].values

    late = horizon.hides(raw.table, cells)
    if late is None:
        return raw, ready
    known = ~late
    return raw.where(known), {
        name: Cells(one.values[known], tuple((mask[known], why) for mask, why in one.broken))
        for name, one in ready.items()
    }
