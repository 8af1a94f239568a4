"""Memory of the batch job as merchants grow: it should hold the index, a few blocks, and no more.

    .venv/bin/python benchmarks/memory.py --bundle BUNDLE [--k 50] [--times 1 10 100]

The merchants of the bundle are asked for again and again, as if the market had so many more of
them; creators stay as they are. Each size runs in a process of its own. `loaded` is what it holds
once the plaza is open and one block is ranked, `peak` the most it ever held, `job` the difference.
Files that are mapped into memory count as far as they were touched.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from matching import Plaza
from matching.ranking import OBJECTIVES
from pipelines.local_score import rank_parts
from pipelines.score import MERCHANTS_PER_PART
from pipelines.score_record import Job, job_folder

#: Merchants of the block that is ranked before anything is measured, smaller than a job's blocks.
WARMING = 100


def held(what: str) -> float:
    """Memory of this process in MB: ``VmRSS`` now, ``VmHWM`` at the most."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    assert found is not None
    return int(found[1]) / 1000


def one(bundle: Path, times: int, k: int, objective: str | None) -> dict[str, float]:
    """Rank the merchants of a bundle ``times`` over; gives back what that took."""
    plaza = Plaza.load(bundle)
    everyone = np.tile(plaza.merchant_ids, times)
    plaza.score(list(everyone[:WARMING]), k, objective=objective)
    loaded = held("VmRSS")
    job = Job(
        bundle=plaza.bundle_hash,
        parameters={
            "k": k,
            "objective": objective or plaza.default_objective,
            "variety": 0.0,
            "merchants_per_part": MERCHANTS_PER_PART,
        },
        everyone=everyone,
        fingerprints=np.tile(plaza.merchant_fingerprints, times),
        synthetic=True,
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as out, job_folder(Path(out), job) as folder:
        rank_parts(plaza, folder)
        folder.finish()
    seconds = time.perf_counter() - start
    return {
        "creators": len(plaza.creator_ids),
        "merchants": len(everyone),
        "loaded": loaded,
        "peak": held("VmHWM"),
        "rate": len(everyone) / seconds,
    }


def main() -> None:
    """Run each size in a process of its own and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--objective", choices=OBJECTIVES, help="the bundle's default if not given")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.bundle, options.times[0], options.k, options.objective)))
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    bundle = options.bundle.resolve()
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 1e6
    print(f"the bundle weighs {size:,.0f} MB")
    titles = ("merchants", "creators", "loaded MB", "peak MB", "job MB", "/s")
    print(" ".join(f"{title:>10}" for title in titles))
    for times in options.times:
        command = [sys.executable, __file__, "--bundle", bundle, "--k", options.k, "--one"]
        if options.objective:
            command += ["--objective", options.objective]
        done = subprocess.run(
            [*map(str, command), "--times", str(times)], stdout=subprocess.PIPE, check=True
        )
        told = json.loads(done.stdout)
        told["job"] = told["peak"] - told["loaded"]
        shown = ("merchants", "creators", "loaded", "peak", "job", "rate")
        print(" ".join(f"{told[name]:10,.0f}" for name in shown), flush=True)


if __name__ == "__main__":
    main()
