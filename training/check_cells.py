"""Columns as written → typed values, and which cells are broken.

A cell that is blank, or broken, becomes unknown: None, NaN or NaT, never zero. Each function takes
a column of any Arrow type that ``training.reading`` lets through, text or already typed, so that
CSV and Parquet come to the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from training.schema_types import BLANK_WORDS, Column, Kind

Mask = npt.NDArray[np.bool_]

NUMBER_PATTERN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
#: ISO 8601 within the years that datetime64[ns] spans.
TIME_PATTERN = (
    r"^(?:1[7-9]|2[01])\d{2}-\d{2}-\d{2}"
    r"([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
)


@dataclass(frozen=True)
class Cells:
    """The cells of one column.

    Attributes
    ----------
    values : array of shape (n,)
        Words: object, None = unknown. Numbers: float64, NaN. Times and days: datetime64[ns] in
        UTC, NaT. Vectors: object array of float32 arrays, None. Broken cells are unknown.
    broken : tuple of (bool array of shape (n,), str)
        Which cells are broken, and the reason; no cell is broken twice.
    """

    values: npt.NDArray[Any]
    broken: tuple[tuple[Mask, str], ...] = ()

    @property
    def unknown(self) -> Mask:
        """Cells without a value."""
        return np.asarray(pd.isna(self.values), dtype=bool)


def read_cells(written: Any, column: Column, name: str | None = None) -> Cells:
    """Typed values of one column.

    Parameters
    ----------
    written : pyarrow.ChunkedArray
    column : Column
        What the contract says of it.
    name : str, optional
        The name it came under, where that is an end of a range. An end need not be whole.
    """
    if column.kind is Kind.WORD:
        return words(written, column.choices)
    if column.kind is Kind.NUMBER:
        whole = column.whole and name in (None, column.name)
        return numbers(written, least=column.least, most=column.most, whole=whole)
    if column.kind is Kind.VECTOR:
        return vectors(written)
    return times(written, day=column.kind is Kind.DAY)


def words(written: Any, choices: Sequence[str] = ()) -> Cells:
    """Words without the blanks around them; ids keep their leading zeros.

    Examples
    --------
    >>> cells = words(pa.chunked_array([["live", " video ", "NA", "Live"]]), ("live", "video"))
    >>> cells.values.tolist()
    ['live', 'video', None, None]
    >>> [(mask.tolist(), reason) for mask, reason in cells.broken]
    [([False, False, False, True], 'not one of live, video')]
    """
    coded = as_text(written).combine_chunks().dictionary_encode()
    # Judging the distinct words alone is much faster than judging every cell.
    spellings = _blank_to_null(coded.dictionary).to_pylist()
    allowed = np.array([one is None or not choices or one in choices for one in spellings], bool)
    vocabulary = np.empty(len(spellings) + 1, dtype=object)
    vocabulary[:-1] = [one if fine else None for one, fine in zip(spellings, allowed, strict=True)]
    codes = coded.indices.fill_null(len(spellings)).to_numpy(zero_copy_only=False)
    foreign = ~np.append(allowed, True)[codes]
    broken = ((foreign, f"not one of {', '.join(choices)}"),) if choices else ()
    return Cells(vocabulary[codes], broken)


def numbers(
    written: Any,
    *,
    least: float = float("-inf"),
    most: float = float("inf"),
    whole: bool = False,
) -> Cells:
    """Finite numbers between ``least`` and ``most``.

    Examples
    --------
    >>> cells = numbers(pa.chunked_array([["0.5", "", "1.2", "12%"]]), least=0, most=1)
    >>> cells.values.tolist()
    [0.5, nan, nan, nan]
    >>> [reason for mask, reason in cells.broken if mask.any()]
    ['not a number', 'above 1']
    """
    values, unreadable = _floats(written)
    broken = [(unreadable, "not a number")]
    for reason, test in (
        ("not finite", np.isinf),
        (f"below {least:g}", lambda known: known < least),
        (f"above {most:g}", lambda known: known > most),
        ("not a whole number", lambda known: whole & (known % 1 != 0) & ~np.isnan(known)),
    ):
        mask = np.asarray(test(values), dtype=bool)
        values[mask] = np.nan
        broken.append((mask, reason))
    return Cells(values, tuple(broken))


def times(written: Any, *, day: bool = False) -> Cells:
    """Moments in UTC, from timestamps or ISO 8601 text; without a zone they are taken as UTC.

    Parameters
    ----------
    written : pyarrow.ChunkedArray
    day : bool
        Cut each moment down to the day it falls on.

    Examples
    --------
    >>> cells = times(pa.chunked_array([["2026-01-31", "2026-01-31T08:00+08:00", "31.1.2026"]]))
    >>> cells.values.astype("datetime64[h]").tolist()[:2]
    [datetime.datetime(2026, 1, 31, 0, 0), datetime.datetime(2026, 1, 31, 0, 0)]
    >>> cells.broken[0][0].tolist()
    [False, False, True]
    """
    moments, unreadable = _moments(written)
    reason = "not a date like 2026-01-31" if day else "not a time like 2026-01-31T18:30:00Z"
    if day:
        moments = moments.astype("datetime64[D]").astype("datetime64[ns]")
    return Cells(moments, ((unreadable, reason),))


def vectors(written: Any) -> Cells:
    """Lists of numbers, or text with numbers joined by spaces; an empty list is unknown.

    Examples
    --------
    >>> cells = vectors(pa.chunked_array([["0.5 -1", "", "1 x"]]))
    >>> cells.values[0]
    array([ 0.5, -1. ], dtype=float32)
    >>> [(mask.tolist(), reason) for mask, reason in cells.broken]
    [([False, False, True], 'not a list of finite numbers')]
    """
    parts = [_chunk_vectors(chunk) for chunk in written.chunks]
    values = np.concatenate([np.empty(0, dtype=object)] + [found for found, _ in parts])
    broken = np.concatenate([np.zeros(0, dtype=bool)] + [bad for _, bad in parts])
    return Cells(values, ((broken, "not a list of finite numbers"),))


def as_text(written: Any) -> Any:
    """Cells as text: numbers in their shortest form, so that an id 17 is ``"17"``."""
    if hasattr(written.type, "value_type"):
        return pc.binary_join(written.cast(pa.list_(pa.string())), " ")
    return written if pa.types.is_string(written.type) else written.cast(pa.string())


def _blank_to_null(text: Any) -> Any:
    trimmed = pc.utf8_trim_whitespace(text)
    blank = pc.is_in(trimmed, value_set=pa.array(BLANK_WORDS))
    return pc.if_else(blank, pa.scalar(None, pa.string()), trimmed)


def _floats(written: Any) -> tuple[npt.NDArray[np.float64], Mask]:
    """float64 values, NaN where blank or unreadable; and which are unreadable."""
    kind = written.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        cast = pc.cast(written, pa.float64(), safe=False)
        return _to_floats(cast), np.zeros(len(written), dtype=bool)
    text = as_text(written)
    try:
        return _to_floats(pc.cast(text, pa.float64())), np.zeros(len(text), dtype=bool)
    except pa.ArrowInvalid:
        # One unreadable cell stops the whole cast: look at the cells one by one.
        trimmed = _blank_to_null(text)
        readable = pc.fill_null(pc.match_substring_regex(trimmed, NUMBER_PATTERN), True)
        picked = pc.if_else(readable, trimmed, pa.scalar(None, pa.string()))
        return _to_floats(pc.cast(picked, pa.float64())), ~_to_mask(readable)


def _moments(written: Any) -> tuple[npt.NDArray[np.datetime64], Mask]:
    """datetime64[ns] values in UTC, NaT where blank or unreadable; and which are unreadable."""
    utc = pa.timestamp("ns", tz="UTC")
    if pa.types.is_temporal(written.type):
        try:
            return _to_moments(pc.cast(written, utc)), np.zeros(len(written), dtype=bool)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # A moment out of range, or a time of day: its text will be told apart below.
    trimmed = _blank_to_null(as_text(written))
    shaped = pc.fill_null(pc.match_substring_regex(trimmed, TIME_PATTERN), True)
    picked = pc.if_else(shaped, trimmed, pa.scalar(None, pa.string()))
    for kind in (utc, pa.timestamp("ns")):
        try:
            return _to_moments(pc.cast(picked, kind)), ~_to_mask(shaped)
        except pa.ArrowInvalid:
            continue  # Zones on some cells only, or a 30th of February: pandas judges each cell.
    text = pd.Series(picked.to_numpy(zero_copy_only=False), dtype=object)
    parsed = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce").dt.tz_localize(None)
    moments = parsed.to_numpy().astype("datetime64[ns]")
    return moments, np.isnat(moments) & ~_to_mask(pc.is_null(trimmed))


def _chunk_vectors(chunk: Any) -> tuple[npt.NDArray[np.object_], Mask]:
    if not hasattr(chunk.type, "value_type"):
        chunk = pc.utf8_split_whitespace(_blank_to_null(as_text(chunk)))
    lengths = pc.fill_null(pc.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
    items, _ = _floats(chunk.flatten())
    with np.errstate(over="ignore"):
        flat = items.astype(np.float32)
    owner = np.repeat(np.arange(len(chunk)), lengths)
    broken = np.zeros(len(chunk), dtype=bool)
    broken[owner[~np.isfinite(flat)]] = True
    ends = np.cumsum(lengths)
    found = np.empty(len(chunk), dtype=object)
    for row in np.flatnonzero((lengths > 0) & ~broken):
        found[row] = flat[ends[row] - lengths[row] : ends[row]]
    return found, broken


def _to_floats(array: Any) -> npt.NDArray[np.float64]:
    # A copy: Arrow's memory is not to be written to.
    return np.array(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def _to_moments(array: Any) -> npt.NDArray[np.datetime64]:
    return np.array(array.to_numpy(zero_copy_only=False), dtype="datetime64[ns]")


def _to_mask(array: Any) -> Mask:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)
