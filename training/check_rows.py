"""Rows that keep the contract, and one line for every broken cell of those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from training.check_broken import BrokenCells
from training.check_cells import Cells, Mask, read_cells, words
from training.reading import Raw
from training.schema_types import Column, Kind, Rule, Table

Values = Mapping[str, npt.NDArray[Any]]

# Money is rounded apart from its parts; a refund of the whole GMV must not fail by a last digit.
_ROUNDING = 1e-9


def check_rows(raw: Raw, ready: Mapping[str, Cells]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide the rows of a file into those to keep and those to set aside.

    Parameters
    ----------
    raw : Raw
    ready : mapping of str to Cells
        Columns that were read before.

    Returns
    -------
    kept : DataFrame
        Every column of the contract, unknown where the file has none, ends of ranges where it has
        them, then the columns that the contract does not know.
    set_aside : DataFrame
        Table, row, column, value, reason: one line per broken cell. ``column`` is empty where the
        row as a whole is broken.
    """
    broken = BrokenCells(raw)
    values: dict[str, npt.NDArray[Any]] = {}
    for column in raw.table.columns:
        for name in column.names:
            if name in raw.columns:
                cells = ready.get(name) or read_cells(raw.columns[name], column, name)
                values[name] = cells.values
                for mask, reason in cells.broken:
                    broken.add(name, mask, reason)
            elif name == column.name:
                values[name] = _unknown(column.kind, len(raw.rows))
        if column.required:
            named = column.name if column.name in raw.columns else column.names[1]
            blank = _blank(values, column) & ~broken.cells(column.names)
            broken.add(named, blank, "required, but blank")
        _check_range(values, column, broken)
    for rule in raw.table.rules:
        _check_rule(values, rule, broken)
    frame = _framed(raw.table, values)
    _check_vectors(frame, broken)
    _check_key(frame, raw.table, broken)
    for name in raw.ignored:
        frame[name] = _as_found(raw.columns[name])
    kept = frame[~broken.rows].reset_index(drop=True) if broken.rows.any() else frame
    return kept, broken.listed()


def ends(values: Any, column: str) -> tuple[Any, Any]:
    """Low and high end of each number: the number itself where it is known, else its range.

    Parameters
    ----------
    values : mapping of str to float64 arrays, or a DataFrame
    column : str
    """
    exact = np.asarray(values[column])
    low = np.asarray(values.get(f"{column}_low", exact))
    high = np.asarray(values.get(f"{column}_high", exact))
    unknown = pd.isna(exact)
    return np.where(unknown, low, exact), np.where(unknown, high, exact)


def empty_frame(table: Table) -> pd.DataFrame:
    """No rows, with every column of the contract in its type."""
    return _framed(table, {one.name: _unknown(one.kind, 0) for one in table.columns})


def _blank(values: Values, column: Column) -> Mask:
    blank = pd.isna(values[column.name])
    given = [values[name] for name in column.names[1:] if name in values]
    if len(given) == 2:
        blank &= np.isnan(given[0]) | np.isnan(given[1])
    return np.asarray(blank, dtype=bool)


def _check_range(values: Values, column: Column, broken: BrokenCells) -> None:
    low, high = (values.get(f"{column.name}_{end}") for end in ("low", "high"))
    if low is not None and high is not None:
        broken.add(f"{column.name}_low", low > high, f"above {column.name}_high")
    if low is not None:
        broken.add(column.name, values[column.name] < low, f"below {column.name}_low")
    if high is not None:
        broken.add(column.name, values[column.name] > high, f"above {column.name}_high")


def _check_rule(values: Values, rule: Rule, broken: BrokenCells) -> None:
    low, high = ends(values, rule.column)
    other_low, other_high = ends(values, rule.other)
    if rule.never == "below":
        against = high < other_low
        end = "high"
    else:
        against = low > other_high + np.abs(other_high) * _ROUNDING
        end = "low"
    exact = ~pd.isna(values[rule.column])
    broken.add(rule.column, against & exact, f"{rule.never} {rule.other}")
    broken.add(f"{rule.column}_{end}", against & ~exact, f"{rule.never} {rule.other}")


def _check_vectors(frame: pd.DataFrame, broken: BrokenCells) -> None:
    """Within a space all vectors have one length: the most frequent, or the first of those."""
    sound = np.flatnonzero(~broken.rows)
    if "vector" not in frame or not len(sound):
        return
    spaces = frame["space"].iloc[sound].to_numpy()
    lengths = np.array([len(one) for one in frame["vector"].iloc[sound]])
    counts = pd.DataFrame({"space": spaces, "length": lengths}).value_counts(sort=False)
    first = pd.DataFrame({"space": spaces, "length": lengths}).drop_duplicates()
    first["rows"] = counts.loc[pd.MultiIndex.from_frame(first)].to_numpy()
    usual = first.sort_values("rows", ascending=False, kind="stable").drop_duplicates("space")
    other = np.zeros(len(frame), dtype=bool)
    other[sound] = lengths != usual.set_index("space")["length"].loc[spaces].to_numpy()
    broken.add("vector", other, "not as long as the other vectors of its space")


def _check_key(frame: pd.DataFrame, table: Table, broken: BrokenCells) -> None:
    """Of the sound rows of one key the first is kept."""
    if not table.key:
        return
    sound = np.flatnonzero(~broken.rows)
    again = np.zeros(len(frame), dtype=bool)
    again[sound] = frame[list(table.key)].iloc[sound].duplicated().to_numpy()
    broken.add(table.key[-1], again, f"same {', '.join(table.key)} as an earlier row")


def _framed(table: Table, values: Values) -> pd.DataFrame:
    series = {}
    for column in table.columns:
        for name in column.names:
            if name in values:
                one = pd.Series(values[name], dtype=values[name].dtype)
                is_time = column.kind in (Kind.TIME, Kind.DAY)
                series[name] = one.dt.tz_localize("UTC") if is_time else one
    return pd.DataFrame(series)


def _unknown(kind: Kind, rows: int) -> npt.NDArray[Any]:
    if kind is Kind.NUMBER:
        return np.full(rows, np.nan)
    if kind in (Kind.TIME, Kind.DAY):
        return np.full(rows, np.datetime64("NaT", "ns"))
    return np.full(rows, None, dtype=object)


def _as_found(written: Any) -> Any:
    """A column that the contract does not know: text as words, anything else as it is."""
    return words(written).values if pa.types.is_string(written.type) else written.to_pandas()
