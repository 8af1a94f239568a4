"""Files of a market → columns as written: CSV or Parquet, nothing judged yet.

What cannot be read at all raises :class:`matching.errors.BadInput` here, with the file's name and
what to do. What can be read but breaks the contract is left for ``training.check_rows``.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from matching.errors import BadInput
from training.reading_csv import read_csv
from training.reading_parquet import read_parquet
from training.schema import SYNTHETIC_MARK, TABLES
from training.schema_types import Kind, Table

SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Raw:
    """The rows of one file, as written.

    Attributes
    ----------
    table : Table
        What the contract says of it.
    file : str
        Name of the file.
    columns : dict of str to pyarrow.ChunkedArray
        By header name without surrounding blanks; contract columns and others.
    rows : int64 array
        Number of each row in the file, from 0, the header and empty lines not counted.
    ragged : object array
        Text of a CSV row that has too few or too many fields, else None. Its cells are taken
        from the left as far as they go.
    """

    table: Table
    file: str
    columns: dict[str, Any]
    rows: npt.NDArray[np.int64]
    ragged: npt.NDArray[np.object_]

    @property
    def ignored(self) -> list[str]:
        """Names of the columns that the contract does not know."""
        known = {name for column in self.table.columns for name in column.names}
        return [name for name in self.columns if name not in known]

    def where(self, mask: npt.NDArray[np.bool_]) -> Raw:
        """Those rows that the mask picks."""
        picked = pa.array(mask)
        return replace(
            self,
            columns={name: cells.filter(picked) for name, cells in self.columns.items()},
            rows=self.rows[mask],
            ragged=self.ragged[mask],
        )


def find_files(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """One file per table, and notes about what in the folder is no table.

    Hidden files are passed over, and so is what marks a simulated market: ``truth``, where it
    keeps its hidden truth, and the note that says so.

    Raises
    ------
    BadInput
        No such folder, no promotions, two files for one table, or a folder where a file belongs.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise BadInput(f"{folder}: {what}; expected a market: a folder with {_file_names()}")
    wanted = {name + suffix: name for name in TABLES for suffix in SUFFIXES}
    found: dict[str, Path] = {}
    notes = []
    strangers = []
    for path in sorted(folder.iterdir()):
        name = wanted.get(path.name)
        if path.name.startswith(".") or path.name == SYNTHETIC_MARK:
            continue
        if path.name == "truth" and path.is_dir():
            continue
        if name is None:
            strangers.append(path.name)
            meant = _did_you_mean(path.name, wanted)
            notes.append(f"{path.name}: not a table of a market, ignored{meant}")
        elif path.is_dir():
            raise BadInput(f"{path.name}: is a folder; expected one file, write its parts into one")
        elif name in found:
            raise BadInput(
                f"{found[name].name} and {path.name}: two files for one table; keep one of them"
            )
        else:
            found[name] = path
    if "promotions" not in found:
        near = [one for one in strangers if get_close_matches(one, list(wanted)[:3], 1, 0.75)]
        meant = f"; did you mean {near[0]}?" if near else ""
        raise BadInput(f"{folder}: no promotions table; expected {_file_names()}{meant}")
    return found, notes


def read_raw(path: Path, table: Table) -> Raw:
    """Read one file.

    Raises
    ------
    BadInput
        The file cannot be read, a header name comes twice, a required column is missing, or a
        Parquet column holds something that a column of its kind cannot.
    """
    read = read_parquet if path.suffix == ".parquet" else read_csv
    try:
        columns, ragged = read(path, table)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name}: not UTF-8 ({error.reason}); save it as UTF-8") from None
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException) as error:
        raise BadInput(f"{path.name}: {_unreadable(path, error)}") from None
    raw = Raw(table, path.name, columns, np.arange(len(ragged), dtype=np.int64), ragged)
    _require_columns(raw)
    return raw


def _require_columns(raw: Raw) -> None:
    for column in raw.table.columns:
        if not column.required or column.name in raw.columns:
            continue
        if column.kind is Kind.NUMBER and all(name in raw.columns for name in column.names[1:]):
            continue
        found = list(raw.columns)
        if len(found) == 1 and any(mark in found[0] for mark in ";\t|"):
            mark = next(mark for mark in ";\t|" if mark in found[0])
            raise BadInput(f"{raw.file}: fields are separated by {mark!r}; expected commas")
        meant = _did_you_mean(column.name, raw.ignored, "column ")
        raise BadInput(f"{raw.file}: no column {column.name}, which is required{meant}")


def _unreadable(path: Path, error: Exception) -> str:
    """Tell in one line what is wrong with a file that a reader gave up on."""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    said = told.splitlines()[0].rstrip(".")
    if "invalid UTF8" in said:
        return f"not UTF-8 ({said}); save it as UTF-8"
    if path.suffix == ".gz" and not isinstance(error, pa.ArrowException):
        return f"cannot be read as gzip ({said}); compress it again"
    if path.suffix == ".parquet":
        return f"cannot be read as Parquet ({said}); write it again"
    if not isinstance(error, pa.ArrowException | csv.Error):
        return f"cannot be read ({said}); mend or remove it"
    return f"cannot be read as CSV ({said}); is a quotation mark left open?"


def _did_you_mean(name: str, known: Iterable[str], what: str = "") -> str:
    lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), lower, n=1, cutoff=0.75)
    return f"; did you mean {what}{lower[near[0]]}?" if near else ""


def _file_names() -> str:
    return ", ".join(f"promotions{suffix}" for suffix in SUFFIXES[:-1]) + " or promotions.parquet"
