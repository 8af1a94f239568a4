"""Lists as Arrow: what batch jobs write, column by column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from matching.listings import PREDICTED, Listings

#: Columns of a batch. Fixed, so that a part without a single price reads like the others.
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


def batch_of(listings: Listings, creator_ids: pa.Array, merchant_ids: pa.Array) -> pa.RecordBatch:
    """Lists of several merchants as Arrow.

    Parameters
    ----------
    creator_ids : string array
        Id of every row of the vocabulary of creators.
    merchant_ids : string array
        Of those who asked.

    Returns
    -------
    RecordBatch of :data:`SCHEMA`
        Null where a number is not known: a reader need not know of NaN.
    """
    lists = listings.lists
    numbers = [lists.scores, *(getattr(listings.predictions, one) for one in PREDICTED)]
    columns = [
        merchant_ids.take(pa.array(lists.askers)),
        pa.array(listings.ranks.astype(np.int32)),
        creator_ids.take(pa.array(lists.rows)),
        *(pa.array(one, from_pandas=True) for one in numbers),
        listings.reasons.arrow(),
        listings.sources.arrow(),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
