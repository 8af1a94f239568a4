"""A Parquet file → columns of the types that the checks know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matching.errors import BadInput
from training.reading_csv import refuse_twice
from training.schema_types import Column, Kind, Table


def read_parquet(path: Path, table: Table) -> tuple[dict[str, Any], npt.NDArray[np.object_]]:
    """Columns by name, and None for each row: a Parquet file has no ragged ones."""
    with pq.ParquetFile(path) as file:
        names = [name.strip() for name in file.schema_arrow.names]
        refuse_twice(path, names)
        read = file.read()
    kinds = {name: column for column in table.columns for name in column.names}
    columns = {
        name: _settled(cells, kinds[name], path.name) if name in kinds else cells
        for name, cells in zip(names, read.columns, strict=True)
    }
    return columns, np.full(len(read), None, dtype=object)


def _settled(cells: Any, column: Column, file: str) -> Any:
    """Bring a Parquet column to a type that the checks know: plain values, lists only of those."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    kind = cells.type
    if hasattr(kind, "value_type") and column.kind in (Kind.VECTOR, Kind.WORD):
        kind = kind.value_type
        if column.kind is Kind.WORD and _is_text(kind):
            return pc.binary_join(cells.cast(pa.list_(pa.string())), "|")
    if (column.kind is Kind.WORD and kind != cells.type) or not _has_text(kind):
        expected = {
            Kind.NUMBER: "numbers",
            Kind.WORD: "text",
            Kind.TIME: "timestamps",
            Kind.DAY: "dates",
            Kind.VECTOR: "lists of float",
        }
        raise BadInput(
            f"{file}: column {column.name} holds {cells.type}; expected {expected[column.kind]}"
        )
    return cells.cast(pa.string()) if _is_text(cells.type) else cells


def _is_text(kind: Any) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _has_text(kind: Any) -> bool:
    """Whether values of this type can be written as text, and so be read by the checks."""
    try:
        pc.cast(pa.array([], kind), pa.string())
    except pa.ArrowNotImplementedError:
        return False
    return True
