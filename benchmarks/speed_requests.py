"""One request, measured in a process of its own: ours, the floor and code by hand, turn by turn.

    python benchmarks/speed_requests.py JOB.json

The same merchants are asked for in every way, one after the other, so that whatever else this
machine does slows all ways alike. The floor always answers with the nearest creators, rescored;
``first`` is the floor as it was first measured: faiss in half precision, trees walked.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd
from floor import Floor
from speed_by_hand import ByHand
from speed_kit import Kit

from matching import Plaza

Way = Callable[[int], Any]
THREADS = 8
#: Candidates over which the growth of a request is shown.
CANDIDATES = (50, 100, 200, 350, 500)


def in_turn(ways: dict[str, Way], asked: Sequence[int]) -> dict[str, dict[str, float]]:
    """Milliseconds of each way, taking turns; the first of them begins a new round each time.

    Returns
    -------
    dict of way to dict
        ``p50`` and ``p99`` of the wall time, ``cpu``, the median of the CPU time of all threads.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    order = list(ways)
    for name in order:
        ways[name](asked[0])
    for turn, one in enumerate(asked):
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            wall, cpu = time.perf_counter(), time.process_time()
            ways[name](one)
            used = time.process_time() - cpu
            taken[name].append((1000 * (time.perf_counter() - wall), 1000 * used))
    found = {}
    for name, times in taken.items():
        wall_ms, cpu_ms = np.array(times).T
        p50, p99 = np.percentile(wall_ms, [50, 99])
        found[name] = {"p50": float(p50), "p99": float(p99), "cpu": float(np.median(cpu_ms))}
    return found


def at_once(plaza: Plaza, ids: Sequence[str], k: int, objective: str) -> dict[str, float]:
    """Requests a second from one thread and from eight, and whether all answers are the same."""

    def ask(one: str) -> pd.DataFrame:
        return plaza.creators_for(one, k, objective=objective)

    start = time.perf_counter()
    alone = [ask(one) for one in ids]
    middle = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(ask, ids))
    end = time.perf_counter()
    same = all(one.equals(other) for one, other in zip(alone, together, strict=True))
    return {
        "one_thread": len(ids) / (middle - start),
        "eight_threads": len(ids) / (end - middle),
        "same_answers": float(same),
    }


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Ask one bundle in all ways.

    Parameters
    ----------
    job : dict
        ``bundle``, ``kit``, ``requests``, how many merchants ask; ``growth``, whether to tell how
        a request grows with its candidates.
    """
    plaza, kit = Plaza.load(job["bundle"]), Kit.load(Path(job["kit"]))
    now, first, hand = Floor(kit), Floor(kit, first=True), ByHand(kit)
    # For one query its threads only wake each other up: 9 ms instead of 1 on a busy machine.
    faiss.omp_set_num_threads(1)
    # As a server does that has loaded all it will answer from: the garbage collector then looks
    # through what requests leave behind, not through everything numba and pandas ever made.
    gc.collect()
    gc.freeze()
    rng = np.random.default_rng(0)
    asked = rng.integers(0, len(kit.merchant_ids), job["requests"]).tolist()

    def ours(k: int, objective: str) -> Way:
        return lambda row: plaza.creators_for(str(kit.merchant_ids[row]), k, objective=objective)

    ways: dict[str, Way] = {
        "ours, match, k=20": ours(20, "match"),
        "ours, match, k=500": ours(500, "match"),
        "ours, gmv, k=20": ours(20, "gmv"),
        "ours, gmv, k=500": ours(500, "gmv"),
        "floor, k=500": lambda row: now.one(row, 500),
        "floor, k=500, DataFrame": lambda row: now.one_frame(row, 500),
        "first, k=500": lambda row: first.one(row, 500),
        "first, k=500, DataFrame": lambda row: first.one_frame(row, 500),
        "floor, k=20, DataFrame": lambda row: now.one_frame(row, 20),
        "first, k=20, DataFrame": lambda row: first.one_frame(row, 20),
    }
    found: dict[str, Any] = {"creators": len(kit.creator_ids), "ways": in_turn(ways, asked)}
    slow: dict[str, Way] = {"by hand, k=500": lambda row: hand.lists(np.array([row]), 500)}
    found["ways"] |= in_turn(slow, asked[: max(5, len(asked) // 10)])
    ids = [str(kit.merchant_ids[row]) for row in asked]
    found["at_once"] = at_once(plaza, ids, 500, "match")
    if job.get("growth"):
        found["growth"] = {
            str(k): in_turn(
                {
                    "ours": ours(k, "match"),
                    "floor": lambda row, k=k: now.one_frame(row, k),
                    "first": lambda row, k=k: first.one_frame(row, k),
                },
                asked[: max(5, len(asked) // 3)],
            )
            for k in CANDIDATES
        }
    return found


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
