"""One way of doing the batch job, in a process of its own, so that its time and memory are its own.

    python benchmarks/speed_process.py JOB.json

Opening (bundle, index, tables, models) is timed apart from the job. `speed.py` starts it; BLAS has
one thread in it, since every way brings threads of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from retrieval_process import cpu_seconds, peak_bytes
from speed_kit import Kit

#: Said once, by the way itself, when all is open.
Ready = Callable[[], None]


def ours(job: dict[str, Any], out: Path, ready: Ready) -> int:
    """`alliance score`: every merchant of the bundle, with intervals and reasons."""
    from pipelines.score import score

    def told(done: int, _: int) -> None:
        if done == 0:
            ready()

    asked = {"k": job["k"], "objective": job["objective"]}
    manifest = score(job["bundle"], out / "lists", progress=told, **asked)
    return int(manifest["merchants"])


def floor(job: dict[str, Any], out: Path, ready: Ready) -> int:
    """The tight reference."""
    from floor import Floor

    kit = Kit.load(Path(job["kit"]))
    written, rows = Floor(kit), _rows(job, kit)
    written.part(rows[:2], job["k"])  # compiled code is read here
    ready()
    written.job(rows, job["k"], out)
    return len(rows)


def by_hand(job: dict[str, Any], out: Path, ready: Ready) -> int:
    """What a user would write."""
    from speed_by_hand import ByHand

    kit = Kit.load(Path(job["kit"]))
    written, rows = ByHand(kit), _rows(job, kit)
    ready()
    written.job(rows, job["k"], out)
    return len(rows)


def rectools(job: dict[str, Any], out: Path, ready: Ready) -> int:
    """RecTools: ALS alone, or with its second stage."""
    import speed_rectools

    kit = Kit.load(Path(job["kit"]))
    way = speed_rectools.TwoStage if job["way"] == "rectools_two_stage" else speed_rectools.RecTools
    written, rows = way(kit, job["k"]), _rows(job, kit)
    ready()
    written.job(rows, out)
    return len(rows)


WAYS = {
    "ours": ours,
    "floor": floor,
    "by_hand": by_hand,
    "rectools_als": rectools,
    "rectools_two_stage": rectools,
}


def _rows(job: dict[str, Any], kit: Kit) -> Any:
    """The merchants asked for: all, or so many from everywhere among them."""
    everyone = len(kit.merchant_ids)
    count = min(job.get("merchants") or everyone, everyone)
    return np.linspace(0, everyone - 1, count).astype(np.int32)


def measure(job: dict[str, Any]) -> dict[str, float]:
    """Do the job once.

    Parameters
    ----------
    job : dict
        ``way`` is one of :data:`WAYS`; ``bundle``, ``kit``, ``k``, ``objective``; ``merchants``,
        how many of them (ours takes all that there are); ``out``, where to write.

    Returns
    -------
    dict
        Merchants done, wall and CPU seconds of the job, wall seconds of opening, bytes written and
        the most memory the process ever held.
    """
    started, opened, used = time.perf_counter(), 0.0, 0.0

    def ready() -> None:
        nonlocal opened, used
        opened, used = time.perf_counter(), cpu_seconds()

    with tempfile.TemporaryDirectory(dir=job["out"]) as folder:
        merchants = WAYS[job["way"]](job, Path(folder), ready)
        ended, cpu = time.perf_counter(), cpu_seconds()
        written = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    return {
        "merchants": merchants,
        "seconds": ended - opened,
        "cpu_s": cpu - used,
        "opening_s": opened - started,
        "written_bytes": written,
        "peak_bytes": peak_bytes(),
    }


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
