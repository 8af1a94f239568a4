"""Arrays to Arrow columns and Parquet files, without a Python object per cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.simulation.segments import Bools, Floats, Ints

#: Written into every file, so that a table taken out of its folder still says what it is.
MARK = {"synthetic": "true"}

Words = npt.NDArray[np.object_]


def ids(prefix: str, count: int) -> Any:
    """`count` ids that sort like their numbers."""
    return numbered(prefix, np.arange(count), count)


def numbered(prefix: str, numbers: Ints, count: int) -> Any:
    """Ids of the given numbers out of `count`, as an Arrow string array."""
    width = len(str(max(count - 1, 0)))
    text = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, text, "")


def coded(codes: npt.NDArray[Any], words: Any) -> Any:
    """A column of words given by number; -1 is missing."""
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))


def moments(microseconds: Ints) -> Any:
    """UTC timestamps."""
    return pa.array(microseconds, pa.timestamp("us", tz="UTC"))


def numbers(values: Floats | Ints, known: Bools | None = None) -> Any:
    """A column of numbers; missing where not known or NaN."""
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    if known is not None:
        missing |= ~known
    return pa.array(values, mask=missing)


def write(folder: Path, name: str, columns: dict[str, Any]) -> None:
    """Write one table as ``name.parquet``."""
    table = pa.table(columns)
    # Without Arrow's own schema in the file, words come back as words, however they were coded.
    with pq.ParquetWriter(
        folder / f"{name}.parquet", table.schema, compression="zstd", store_schema=False
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(MARK)
