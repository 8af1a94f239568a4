"""Broken cells: noted while a table is checked, listed with their place, written out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matching.errors import BadInput
from training.check_cells import Mask, as_text
from training.reading import Raw

SET_ASIDE_COLUMNS = ("table", "row", "column", "value", "reason")

_SCHEMA = pa.schema(
    [pa.field(name, pa.int64() if name == "row" else pa.string()) for name in SET_ASIDE_COLUMNS]
)

#: A longer cell is cut in the list of what was set aside: a vector as text can fill a page.
LONGEST_VALUE = 200


class BrokenCells:
    """Broken cells of one file while it is checked; the first reason found for a cell stays.

    A ragged row is broken as a whole: which of its cells belong to which column is anyone's
    guess, so nothing more is said of them.

    Parameters
    ----------
    raw : Raw
        The file as written.
    """

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._ragged = np.array([text is not None for text in raw.ragged], dtype=bool)
        self._codes: dict[str, npt.NDArray[np.int16]] = {}
        self._reasons = ["", "not as many fields as the header"]
        self.rows: Mask = self._ragged.copy()
        """Rows with any broken cell."""
        if self._ragged.any():
            self._codes[""] = self._ragged.astype(np.int16)

    def add(self, column: str, mask: Mask, reason: str) -> None:
        """Note cells of one column as broken for one reason."""
        mask = mask & ~self._ragged
        if not mask.any():
            return
        codes = self._codes.setdefault(column, np.zeros(len(self.rows), dtype=np.int16))
        if reason not in self._reasons:
            self._reasons.append(reason)
        codes[mask & (codes == 0)] = self._reasons.index(reason)
        self.rows |= mask

    def cells(self, columns: tuple[str, ...]) -> Mask:
        """Rows in which one of these columns is broken."""
        broken = [codes > 0 for name, codes in self._codes.items() if name in columns]
        return np.logical_or.reduce(broken) if broken else np.zeros(len(self.rows), dtype=bool)

    def listed(self) -> pd.DataFrame:
        """List them with row numbers and values of the file, by row and the contract's columns."""
        if not self._codes:
            return no_set_aside()
        raw = self._raw
        reasons = np.array(self._reasons, dtype=object)
        order = ["", *(name for column in raw.table.columns for name in column.names)]
        parts = []
        for column, codes in self._codes.items():
            at = np.flatnonzero(codes)
            part = {
                "table": np.full(len(at), raw.table.name, dtype=object),
                "row": raw.rows[at],
                "column": np.full(len(at), column, dtype=object),
                "value": _as_written(raw, column, at),
                "reason": reasons[codes[at]],
                "place": np.full(len(at), order.index(column)),
            }
            parts.append(pd.DataFrame({name: _series(cells) for name, cells in part.items()}))
        found = pd.concat(parts, ignore_index=True)
        found = found.sort_values(["row", "place"], kind="stable", ignore_index=True)
        return found[list(SET_ASIDE_COLUMNS)]


def no_set_aside() -> pd.DataFrame:
    """An empty list of broken cells."""
    types = {name: "int64" if name == "row" else "object" for name in SET_ASIDE_COLUMNS}
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in types.items()})


def write_set_aside(set_aside: pd.DataFrame, path: Path) -> None:
    """Write the list of broken cells as Parquet; the file is there as a whole or not at all.

    Raises
    ------
    BadInput
        When ``path`` cannot be written.
    """
    rows = pa.Table.from_pandas(set_aside, schema=_SCHEMA, preserve_index=False)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            pq.write_table(rows.replace_schema_metadata(None), half)
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written ({error.strerror or error}); name another file"
        ) from None


def _as_written(raw: Raw, column: str, at: npt.NDArray[np.intp]) -> npt.NDArray[np.object_]:
    if column:
        text = as_text(raw.columns[column].take(pa.array(at)))
    else:
        text = pa.chunked_array([pa.array(raw.ragged[at], pa.string())])
    text = pc.fill_null(text, "")
    head = pc.utf8_slice_codeunits(text, 0, LONGEST_VALUE - 1)
    cut = pc.binary_join_element_wise(head, "…", "")
    written = pc.if_else(pc.greater(pc.utf8_length(text), LONGEST_VALUE), cut, text)
    return np.array(written.to_pylist(), dtype=object)


def _series(cells: npt.NDArray[np.generic]) -> pd.Series:
    return pd.Series(cells, dtype=cells.dtype)
