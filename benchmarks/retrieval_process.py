"""One method on one set, in a process of its own, so that its CPU seconds and memory are its own.

    python benchmarks/retrieval_process.py JOB.json

`retrieval.py` starts it; nothing but numpy, scipy and the method itself is imported here.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from retrieval_split import Split, lists


def cpu_seconds() -> float:
    """User and system seconds of this process, all threads, and of children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_bytes() -> int:
    """Most memory this process ever held."""
    # VmHWM belongs to this program alone; ru_maxrss would remember the parent before exec.
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def run(job: dict[str, Any]) -> dict[str, float]:
    """Fit and rank, split by split; write the lists beside the job.

    Parameters
    ----------
    job : dict
        ``maker`` is ``module:Class``, ``settings`` what it is made with, ``splits`` the folders,
        ``depth`` the length of the lists, ``out`` where they go. With ``market``, the method is
        also given the folder of each split.

    Returns
    -------
    dict
        Seconds of CPU for fitting and for ranking, means over the splits; of everything with
        imports; wall seconds of fitting; peak memory up to the last fit and at the end, in bytes.
    """
    module, _, name = job["maker"].partition(":")
    maker = getattr(importlib.import_module(module), name)
    costs = {"fit_cpu_s": 0.0, "fit_wall_s": 0.0, "rank_cpu_s": 0.0, "fit_peak_bytes": 0.0}
    for number, folder in enumerate(job["splits"]):
        split = Split.load(Path(folder))
        given = {"folder": Path(folder)} if job["market"] else {}
        method = maker(**given, **job["settings"])
        before, started = cpu_seconds(), time.perf_counter()
        method.fit(split.history)
        fitted = cpu_seconds()
        costs["fit_wall_s"] += (time.perf_counter() - started) / len(job["splits"])
        costs["fit_cpu_s"] += (fitted - before) / len(job["splits"])
        if number == 0:  # before the first ranking, whose scores are not the method's to answer for
            costs["fit_peak_bytes"] = float(peak_bytes())
        ranked = lists(method, split, job["depth"])
        costs["rank_cpu_s"] += (cpu_seconds() - fitted) / len(job["splits"])
        np.save(Path(job["out"]) / f"lists-{number}.npy", ranked)
    return {**costs, "cpu_s": cpu_seconds(), "peak_bytes": float(peak_bytes())}


if __name__ == "__main__":
    print(json.dumps(run(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
