"""A CSV file → columns of text; rows with too few or too many fields keep their place."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from matching.errors import BadInput
from training.schema_types import Table

# A row must fit into one block; a vector of some thousand numbers as text does.
_BLOCK_BYTES = 1 << 24


def read_csv(path: Path, table: Table) -> tuple[dict[str, Any], npt.NDArray[np.object_]]:
    """Columns of text by name, and for each row its text where it is ragged, else None."""
    header = _csv_header(path, table)
    ragged: list[tuple[int, str]] = []

    def note_ragged(row: Any) -> str:
        # Rows count from 1 with the header; only a reader with one thread knows the number.
        ragged.append((row.number - 2, row.text))
        return "skip"

    try:
        read = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=pacsv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=note_ragged
            ),
            convert_options=pacsv.ConvertOptions(
                # Everything as text: a leading zero in an id must survive.
                column_types=dict.fromkeys(header, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise
        read = pa.table({name: pa.array([], pa.string()) for name in header})
    texts = np.full(len(read) + len(ragged), None, dtype=object)
    if ragged:
        read = _with_ragged(read, ragged)
        texts[[number for number, _ in ragged]] = [text for _, text in ragged]
    if _quote_left_open(path, read, ragged):
        raise BadInput(
            f"{path.name}: a quotation mark is opened and never closed; close it or double it"
        )
    return dict(zip([name.strip() for name in header], read.columns, strict=True)), texts


def _csv_header(path: Path, table: Table) -> list[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        header = next((line for line in csv.reader(file) if line), None)
    if header is None:
        wanted = ", ".join(column.name for column in table.columns if column.required)
        raise BadInput(f"{path.name}: is empty; expected a header line with {wanted}")
    refuse_twice(path, [name.strip() for name in header])
    return header


def _with_ragged(read: Any, ragged: list[tuple[int, str]]) -> Any:
    """Put the ragged rows back where they were, so that row numbers and times stay true."""
    width = read.num_columns
    # A split at every comma is rough, but enough to find the time of a row that is set aside.
    fields = [[one.strip('" ') or None for one in text.split(",")] for _, text in ragged]
    padded = [(row + [None] * width)[:width] for row in fields]
    extra = pa.table(
        [pa.array(cells, pa.string()) for cells in zip(*padded, strict=True)], schema=read.schema
    )
    ragged_numbers = np.array([number for number, _ in ragged])
    sound_numbers = np.setdiff1d(np.arange(len(read) + len(ragged)), ragged_numbers)
    order = np.argsort(np.concatenate([sound_numbers, ragged_numbers]))
    return pa.concat_tables([read, extra]).take(pa.array(order))


def _quote_left_open(path: Path, read: Any, ragged: list[tuple[int, str]]) -> bool:
    """Whether the last cell ran on to the end of the file because a quotation mark stayed open.

    The parser takes such a file for whole, and the rows swallowed would be lost unseen.
    """
    last = read.column(read.num_columns - 1)[-1].as_py() if len(read) else None
    tails = [text for _, text in ragged[-1:]] + [last or ""]
    if not any("\n" in tail for tail in tails):
        return False
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        return sum(block.count(b'"') for block in iter(lambda: file.read(1 << 20), b"")) % 2 == 1


def refuse_twice(path: Path, names: list[str]) -> None:
    """Raise :class:`BadInput` when a header has a name twice: which one is meant is unknown."""
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{path.name}: column {name!r} comes twice; keep one of them")
