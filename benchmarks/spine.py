"""Time and memory of the main job: demo, training on a medium market, scoring it, one request.

    .venv/bin/python benchmarks/spine.py

The markets are synthetic. Each job runs in a process of its own; CPU seconds count all threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ALLIANCE = Path(sys.executable).parent / "alliance"

_REQUESTS = """
import json, sys, time
import numpy as np
from matching import Plaza
plaza = Plaza.load(sys.argv[1])
asked = np.random.default_rng(0).choice(plaza.merchant_ids, 300)
plaza.creators_for(str(asked[0]))
times = []
for one in asked:
    start = time.perf_counter()
    plaza.creators_for(str(one))
    times.append(1000 * (time.perf_counter() - start))
print(json.dumps([len(plaza.creator_ids), *np.percentile(times, [50, 99])]))
"""


def run(name: str, *command: str | Path) -> str:
    """Run one job, print what it cost, give back what it printed."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen([str(one) for one in command], stdout=told)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{name} ended with {os.waitstatus_to_exitcode(status)}")
        told.seek(0)
        printed = told.read().decode()
    wall = time.perf_counter() - start
    cpu = used.ru_utime + used.ru_stime
    print(f"{name:<32} {wall:7.1f} s {cpu:9.1f} CPU s {used.ru_maxrss / 1e6:6.2f} GB", flush=True)
    return printed


def main() -> None:
    """Run all jobs in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run("demo (small market)", ALLIANCE, "demo")
        run("simulate medium", ALLIANCE, "simulate", "market", "--seed", "1", "--size", "medium")
        run("train medium", ALLIANCE, "train", "market", "--bundle", "bundle", "--no-track")
        run("train medium, with backtest", ALLIANCE, "train", "market", "--bundle", "bundle")
        run("score medium", ALLIANCE, "score", "bundle", "--out", "lists")
        told = run("300 requests, one by one", sys.executable, "-c", _REQUESTS, "bundle")
        creators, middle, slow = json.loads(told)
        print(f"one request among {creators:,} creators: p50 {middle:.1f} ms, p99 {slow:.1f} ms")


if __name__ == "__main__":
    main()
