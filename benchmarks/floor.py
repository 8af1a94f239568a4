"""The floor: the same job as tight as numpy, faiss and numba let it be written, for one case only.

No filters, no unknown numbers, no reasons, no intervals learnt, no checks: nothing here is for use.
It says what the hardware and these libraries can do, and everything else is held against it. For
every merchant: the best creators by inner product, 40 features of each, 60 trees for conversion and
60 for exposures, their product with a price, sorted, as a table of the columns that Alliance gives,
but for reasons and sources, which no floor has.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from floor_search import Bytes, Halves, Rows, nearest_of_all
from floor_trees import rescore, walk
from speed_kit import CLICK_RATE, FEATURES, HIGH, LOW, NUMBERS, OF_CREATOR, Floats, Kit

PER_PART = 1024


class Floor:
    """Everything prepared that can be.

    Parameters
    ----------
    kit : Kit
    first : bool
        As the first floor was: one query by faiss in half precision, trees walked step by step.
    """

    def __init__(self, kit: Kit, *, first: bool = False) -> None:
        self.first = first
        self.queries, self.vectors = np.array(kit.merchant_vectors), np.array(kit.creator_vectors)
        self.of_merchants = np.array(kit.merchant_features)
        self.of_creators = np.array(kit.creator_features)
        self.prices = np.array(kit.prices)
        self.search = Halves(self.vectors) if first else Bytes(self.vectors)
        self.starts = kit.starts.tolist()
        flat = [np.array(one) for one in (kit.features, kit.thresholds, kit.leaves)]
        self.trees = tuple(tuple(one[i] for one in flat) for i in range(2))
        self.merchant_ids = pa.array(kit.merchant_ids, pa.string())
        self.creator_ids = pa.array(kit.creator_ids, pa.string())
        self.names = kit.creator_ids.astype(object)

    def one(self, merchant: int, k: int) -> tuple[Rows, list[Any]]:
        """One request, as arrays: rows of the creators and their numbers, best first."""
        rows, affinity = self.search.nearest(self.queries[merchant], k)
        return self.columns(np.array([merchant]), rows[None], affinity[None])

    def one_frame(self, merchant: int, k: int) -> pd.DataFrame:
        """One request, as a DataFrame."""
        rows, numbers = self.one(merchant, k)
        columns = {"rank": np.arange(1, len(rows) + 1), "creator_id": self.names[rows]}
        return pd.DataFrame(columns | dict(zip(NUMBERS, numbers, strict=True)), copy=False)

    def columns(self, merchants: Rows, rows: Rows, affinity: Floats) -> tuple[Rows, list[Any]]:
        """Rescore creators of each merchant, by GMV: rows and numbers of shape (m × k,)."""
        m, k = rows.shape
        sums = np.empty((2, m * k), np.float32)
        sums[0], sums[1] = self.starts
        if self.first:
            given = np.empty((m * k, len(FEATURES)), np.float32)
            given[:, :OF_CREATOR] = self.of_creators[rows.ravel()]
            given[:, OF_CREATOR:-1] = np.repeat(self.of_merchants[merchants], k, axis=0)
            given[:, -1] = affinity.ravel()
            for tree, told in zip(self.trees, sums, strict=True):
                walk(given, *tree, told)
        else:
            theirs = self.of_merchants[merchants]
            rescore(self.of_creators, theirs, rows, affinity, *self.trees, sums)
        odds, exposures = np.exp(sums).astype(np.float64).reshape(2, m, k)
        conversion = odds / (1 + odds)
        orders = CLICK_RATE * exposures * conversion
        gmv = orders * self.prices[merchants][:, None]
        order = np.argsort(-gmv, axis=1)
        order += np.arange(0, m * k, k)[:, None]
        placed = [one.ravel()[order.ravel()] for one in (rows, conversion, exposures, orders, gmv)]
        wide = [(one, one * LOW, one * HIGH) for one in placed]
        return placed[0], [placed[4], *wide[1], *wide[2], placed[3], *wide[4]]

    def part(self, merchants: Rows, k: int) -> pa.RecordBatch:
        """Lists of a block of merchants, as Arrow."""
        rows, affinity = nearest_of_all(self.vectors, self.queries[merchants], k)
        placed, numbers = self.columns(merchants, rows, affinity)
        columns = [
            self.merchant_ids.take(pa.array(np.repeat(merchants, k))),
            pa.array(np.tile(np.arange(1, k + 1, dtype=np.int32), len(merchants))),
            self.creator_ids.take(pa.array(placed)),
            *map(pa.array, numbers),
        ]
        names = ["merchant_id", "rank", "creator_id", *NUMBERS]
        return pa.RecordBatch.from_arrays(columns, names=names)

    def job(self, merchants: Rows, k: int, out: Path) -> None:
        """Write the lists of all merchants as Parquet, two blocks at a time."""

        def write(start: int) -> None:
            batch = self.part(merchants[start : start + PER_PART], k)
            pq.write_table(
                pa.Table.from_batches([batch]),
                out / f"part-{start // PER_PART:05d}.parquet",
                compression="zstd",
                compression_level=1,
                use_dictionary=["merchant_id", "rank", "creator_id"],
                use_byte_stream_split=NUMBERS,
                write_statistics=False,
            )

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, range(0, len(merchants), PER_PART)))
