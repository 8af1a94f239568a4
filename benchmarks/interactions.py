"""Events to matrix: the builder beside pandas, on made-up events, each in a process of its own.

    python benchmarks/interactions.py --events 20_000_000

The events are synthetic: merchants and creators of log-normal popularity, times over a year, five
kinds. Both sides read the same Parquet file, decay by age, sum duplicates and end in the same
float32 CSR matrix. Memory is the process's whole peak less the matrix it made.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix

from models.interactions import EVENT_KINDS, EventWeights, InteractionBuilder

AS_OF = pd.Timestamp("2025-01-01")
HALF_LIFE_DAYS = 180.0
KINDS = ("viewed", "invited", "posted", "sold", "refused")
BATCH = 1_000_000


def write_events(path: Path, events: int, merchants: int, creators: int, seed: int) -> None:
    """Write made-up events in row groups, so that making them takes little memory too."""
    draw = np.random.default_rng(seed)
    merchant_ids = np.array([f"merchant-{i:07d}" for i in range(merchants)], dtype=object)
    creator_ids = np.array([f"creator-{i:07d}" for i in range(creators)], dtype=object)
    merchant_steps = np.cumsum(draw.lognormal(sigma=0.7, size=merchants))
    creator_steps = np.cumsum(draw.lognormal(sigma=0.7, size=creators))
    schema = pa.schema(
        [
            ("merchant_id", pa.string()),
            ("creator_id", pa.string()),
            ("kind", pa.string()),
            ("occurred_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, events, BATCH):
            n = min(BATCH, events - start)
            merchant = np.searchsorted(merchant_steps, draw.random(n) * merchant_steps[-1])
            creator = np.searchsorted(creator_steps, draw.random(n) * creator_steps[-1])
            age = draw.integers(0, 365 * 86_400, n).astype("timedelta64[s]")
            columns = [
                pa.array(merchant_ids[merchant]),
                pa.array(creator_ids[creator]),
                pa.array(np.array(KINDS, dtype=object)[draw.integers(0, len(KINDS), n)]),
                pa.array((AS_OF.to_datetime64() - age).astype("datetime64[us]")).cast(
                    schema.field("occurred_at").type
                ),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def with_builder(path: Path) -> csr_matrix:
    """Stream the file through the builder."""
    builder = InteractionBuilder(as_of=AS_OF, half_life_days=HALF_LIFE_DAYS)
    words = ["merchant_id", "creator_id", "kind"]
    # Without pre_buffer=False the reader keeps the bytes of every row group it has passed.
    source = pq.ParquetFile(path, read_dictionary=words, pre_buffer=False)
    for batch in source.iter_batches(batch_size=BATCH):
        builder.add(batch["merchant_id"], batch["creator_id"], batch["kind"], batch["occurred_at"])
    return builder.build().matrix


def with_pandas(path: Path) -> csr_matrix:
    """Read the file whole, factorize and group."""
    frame = pd.read_parquet(path)
    weight = frame["kind"].map(dict(zip(EVENT_KINDS, EventWeights().as_array(), strict=True)))
    age_days = (AS_OF.tz_localize("UTC") - frame["occurred_at"]) / pd.Timedelta(days=1)
    merchant, merchant_ids = pd.factorize(frame["merchant_id"], sort=True)
    creator, creator_ids = pd.factorize(frame["creator_id"], sort=True)
    coded = pd.DataFrame(
        {
            "merchant": merchant,
            "creator": creator,
            "weight": weight * np.exp2(-age_days / HALF_LIFE_DAYS),
        }
    )
    cells = coded.groupby(["merchant", "creator"], sort=True)["weight"].sum().reset_index()
    starts = np.searchsorted(cells["merchant"], np.arange(len(merchant_ids) + 1))
    return csr_matrix(
        (cells["weight"].to_numpy(np.float32), cells["creator"].to_numpy(np.int32), starts),
        shape=(len(merchant_ids), len(creator_ids)),
    )


WAYS: dict[str, Callable[[Path], csr_matrix]] = {"pandas": with_pandas, "builder": with_builder}


def measure(way: str, path: Path) -> dict[str, float]:
    """Run one way in this process and say what it cost."""
    used, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    matrix = WAYS[way](path)
    wall = time.perf_counter() - started
    now = resource.getrusage(resource.RUSAGE_SELF)
    matrix_bytes = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    # VmHWM belongs to this program alone; ru_maxrss would remember the parent before exec.
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return {
        "cpu_s": now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
        "wall_s": wall,
        "beyond_mb": (peak - matrix_bytes) / 1e6,
        "result_mb": matrix_bytes / 1e6,
        "cells": matrix.nnz,
        "total": float(matrix.data.sum(dtype=np.float64)),
    }


def main() -> None:
    """Make the events, run each way apart, print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--merchants", type=int, default=20_000)
    parser.add_argument("--creators", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure[0], Path(asked.measure[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_events(path, asked.events, asked.merchants, asked.creators, asked.seed)
        costs = {}
        for way in WAYS:
            command = [sys.executable, __file__, "--measure", way, str(path)]
            costs[way] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    table = pd.DataFrame(costs).T
    table.loc["builder / pandas"] = table.loc["builder"] / table.loc["pandas"]
    print(f"{asked.events:,} synthetic events")
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
