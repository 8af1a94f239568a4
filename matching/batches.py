"""Ranked lists as Arrow: what batch jobs write, column by column."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from matching.frames import PREDICTED

#: Columns of every batch. Fixed, so that a part without a single price reads like the others.
SCHEMA = pa.schema(
    [
        ("merchant_id", pa.string()),
        ("rank", pa.int32()),
        ("creator_id", pa.string()),
        *((name, pa.float64()) for name in ("score", *PREDICTED)),
        ("reasons", pa.list_(pa.string())),
        ("sources", pa.list_(pa.string())),
    ]
)


def batch_of(frame: pd.DataFrame) -> pa.RecordBatch:
    """Lists of many merchants as one batch; what is not known is null."""
    columns = []
    for field in SCHEMA:
        values = frame[field.name]
        if pa.types.is_floating(field.type):
            # NA in the frame is null in the batch: a reader need not know of NaN.
            values = pd.to_numeric(values).astype("Float64")
        columns.append(pa.array(values, type=field.type, from_pandas=True))
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
