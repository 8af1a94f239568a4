"""How costs grow: events, creators, merchants, tasks; and what that makes of 10 M × 5 M.

    .venv/bin/python benchmarks/speed_market.py artifacts/speed small medium hundred few large
    .venv/bin/python benchmarks/scale.py --speed artifacts/speed

Everything is measured at three or four sizes, each in a process of its own, on one core unless told
otherwise; a line through the sizes is the slope. Markets, events and vectors are synthetic. The
plan in docs/scale.md stands on what this prints.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from scale_plan import plan

EVENTS = (250_000, 500_000, 1_000_000, 2_000_000)
CREATORS = (50_000, 100_000, 200_000, 400_000)
WIDTH = 128
#: Bundles of rising size that benchmarks/speed_market.py keeps.
BUNDLES = ("small-128", "medium-128", "hundred-128", "few-128", "large-128")
TASKS = (16, 64, 256)
MERCHANTS = 400
K = 50
#: A wave that takes some seconds.
PARTS, PER_PART = 32, 1000


def memory(name: str) -> int:
    """Bytes that ``/proc`` counts for this process under a name, such as VmHWM or RssAnon."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def interactions(events: str) -> dict[str, float]:
    """Build the matrix of a file of synthetic events, streaming."""
    from interactions import measure, write_events

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_events(path, int(events), 20_000, 200_000, seed=0)
        measure("builder", path)  # loads what is loaded once
        took = measure("builder", path)
    return {
        "events": int(events),
        "CPU s": took["cpu_s"],
        "pairs": took["cells"],
        "result MB": took["result_mb"],
        "beyond MB": took["beyond_mb"],
    }


def shuffled(events: str) -> dict[str, float]:
    """Sum the same events on Spark, on two cores, and ask Spark what it shuffled."""
    from interactions import AS_OF, write_events

    from pipelines.spark import spark_session
    from training.interaction_table import interaction_table

    with tempfile.TemporaryDirectory() as folder, spark_session("scale", "local[2,4]") as spark:
        path = Path(folder) / "events.parquet"
        write_events(path, int(events), 20_000, 200_000, seed=0)
        spark.conf.set("spark.sql.shuffle.partitions", "8")
        start = time.perf_counter()
        table = interaction_table(spark.read.parquet(str(path)), as_of=AS_OF)
        pairs = table.count()
        took = time.perf_counter() - start
        executors = spark.sparkContext._jsc.sc().statusStore().executorList(True)
        written = executors.apply(0).totalShuffleWrite()
    return {"events": int(events), "s": took, "pairs": pairs, "shuffle MB": written / 1e6}


def index(creators: str) -> dict[str, float]:
    """Search among synthetic creators whose spectrum falls off, exactly."""
    from search import made_up

    from matching.search.index import CreatorIndex

    rng = np.random.default_rng(0)
    vectors = made_up(int(creators), WIDTH, True, rng)
    queries = made_up(256, WIDTH, True, rng)
    start = time.process_time()
    exact = CreatorIndex.build(vectors, queries[:0])
    built = time.process_time() - start
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.faiss"
        exact.save(path)
        size = path.stat().st_size
    return {
        "creators": int(creators),
        "build CPU s": built,
        "index bytes each": size / int(creators),
        "ms one query": 1e3 * _cpu(lambda: exact.search(queries[:1], K), 20),
        "ms in a batch": 1e3 * _cpu(lambda: exact.search(queries, K), 3) / len(queries),
    }


def bundle(folder: str) -> dict[str, float]:
    """Open a bundle and rank merchants of it, as a worker of Spark does."""
    from matching import Plaza

    before = memory("RssAnon")
    start = time.process_time()
    plaza = Plaza.load(folder)
    opened = time.process_time() - start
    ids = list(plaza.merchant_ids[:MERCHANTS])
    costs = {}
    for objective in ("match", "gmv"):
        plaza.score(ids[:50], K, objective=objective)
        taken = _cpu(lambda objective=objective: plaza.score(ids, K, objective=objective), 2)
        costs[f"ms a merchant, {objective}"] = 1e3 * taken / len(ids)
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {
        "creators": len(plaza.creator_ids),
        "merchants": len(plaza.merchant_ids),
        "promotions": plaza.manifest["counts"]["promotions"],
        "bundle MB": sum(path.stat().st_size for path in files) / 1e6,
        "open CPU s": opened,
        "own MB": (memory("RssAnon") - before) / 1e6,
        **costs,
    }


def tasks(asked: str) -> dict[str, float]:
    """Run tasks that do nothing, on two cores: what Spark adds to each and to each wave."""
    import pyarrow as pa

    from pipelines.spark import spark_session
    from pipelines.spark_score import run_tasks

    schema = pa.schema([("done", pa.int64())])

    def nothing(batches: Any) -> Any:
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"done": [batch.num_rows]}, schema=schema)

    start = time.perf_counter()
    with spark_session("scale", "local[2,4]") as spark:
        up = time.perf_counter() - start
        run_tasks(spark, 4, nothing, schema)
        first = time.perf_counter() - start - up
        start = time.perf_counter()
        run_tasks(spark, int(asked), nothing, schema)
        took = time.perf_counter() - start
    return {"tasks": int(asked), "session s": up, "first wave s": first, "wave s": took}


def executors(cores: str, folder: str) -> dict[str, float]:
    """Rank the same merchants by the local engine's scorer and on Spark, with one core or two."""
    from threadpoolctl import threadpool_limits

    from matching import Plaza
    from pipelines.local_score import blocks_of
    from pipelines.parts import write_part
    from pipelines.spark import spark_session
    from pipelines.spark_parts import RECORD, BundlePlace, Wave
    from pipelines.spark_score import run_tasks

    plaza = Plaza.load(folder)
    parameters = {"k": K, "objective": "match", "variety": 0.0}
    # The bundle has fewer merchants than a job of some seconds takes, so they come again.
    parts = [(n, list(np.roll(plaza.merchant_ids, 97 * n)[:PER_PART])) for n in range(PARTS)]
    with tempfile.TemporaryDirectory() as out, spark_session("scale", f"local[{cores},4]") as spark:
        (Path(out) / "token").touch()
        place = BundlePlace(str(Path(folder).resolve()), plaza.bundle_hash)
        wave = Wave(place, out, "token", parameters, parts)
        run_tasks(spark, 2 * int(cores), wave.rank, RECORD)  # opens the bundle
        start = time.perf_counter()
        run_tasks(spark, PARTS, wave.rank, RECORD)
        on_spark = time.perf_counter() - start
        start = time.perf_counter()
        with threadpool_limits(1):
            for number, ids in parts:
                batches = (plaza.score(block, **parameters) for block in blocks_of(ids, K))
                write_part(Path(out) / f"here-{number}.parquet", batches, merchants=len(ids))
        here = time.perf_counter() - start
    merchants = sum(len(ids) for _, ids in parts)
    return {
        "cores": int(cores),
        "merchants": merchants,
        "merchants/s on Spark": merchants / on_spark,
        "merchants/s of one thread here": merchants / here,
    }


def _cpu(work: Callable[[], object], rounds: int) -> float:
    """Least CPU time of some rounds, in seconds; a first one is not counted."""
    work()
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    one.__name__: one for one in (interactions, shuffled, index, bundle, tasks, executors)
}


def apart(measure: str, sizes: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Measure each size in a process of its own."""
    rows = []
    for size in sizes:
        command = [sys.executable, __file__, "--measure", measure, *map(str, size)]
        done = subprocess.run(command, check=True, capture_output=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    frame = pd.DataFrame(rows)
    print(f"\n{measure}\n{frame.round(3).to_string(index=False)}", flush=True)
    return frame


def main() -> None:
    """Measure all, print every table, then the plan."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speed", type=Path, default=Path("artifacts/speed"), metavar="FOLDER")
    parser.add_argument("--measure", nargs="+", metavar="WHAT", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(MEASURES[asked.measure[0]](*asked.measure[1:])))
        return
    bundles = [asked.speed / name for name in BUNDLES]
    bundles = [one for one in bundles if (one / "manifest.json").is_file()]
    if len(bundles) < 4:
        parser.error(
            f"{asked.speed} has {len(bundles)} of {', '.join(BUNDLES)}, expected 4 or more; "
            "run benchmarks/speed_market.py"
        )
    found = {
        "interactions": apart("interactions", [[one] for one in EVENTS]),
        "shuffled": apart("shuffled", [[one] for one in EVENTS[1:]]),
        "index": apart("index", [[one] for one in CREATORS]),
        "bundle": apart("bundle", [[one] for one in bundles]),
        "tasks": apart("tasks", [[one] for one in TASKS]),
        "executors": apart("executors", [[cores, bundles[-1]] for cores in (1, 2)]),
    }
    print(f"\nplan for 10 M creators and 5 M merchants\n{plan(found).to_string(index=False)}")


if __name__ == "__main__":
    main()
