"""Measuring in processes of their own: one way of the batch job, or all ways of one request."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from retrieval_bench import BENCH_PYTHON, BENCH_READY, ROOT
from speed_kit import Kit
from speed_market import MARKETS, NARROW, bundle_folder, write_bundle

from matching import Plaza
from matching.bundle import MANIFEST
from matching.errors import BundleError

#: Ways that only the environment of `make bench-setup` can go.
RECTOOLS = ("rectools_als", "rectools_two_stage")


def apart(script: str, job: dict[str, Any], *, bench: bool = False) -> Any:
    """Run a script of this folder on a job; gives what it printed.

    Parameters
    ----------
    bench : bool
        In the environment of `make bench-setup`.

    Raises
    ------
    SystemExit
        When the process fails; its last words are in the message.
    """
    # One thread of BLAS: every way brings threads of its own.
    threads = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        python = BENCH_PYTHON if bench else Path(sys.executable)
        command = [str(python), str(ROOT / "benchmarks" / script), file.name]
        done = subprocess.run(
            command, env=os.environ | threads, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"{script} failed on {job}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def prepared(folder: Path, name: str, width: int | None = NARROW) -> dict[str, str]:
    """Bundle and kit of a market, as a job names them; made where missing or outdated."""
    bundle = bundle_folder(folder, name, width)
    try:
        Plaza.load(bundle)
    except BundleError as why:
        print(f"{bundle}: made anew, for {why}", file=sys.stderr, flush=True)
        write_bundle(folder, name, width)
    kit = folder / f"{bundle.name}-kit"
    written = kit / "leaves.npy"
    if not written.exists() or written.stat().st_mtime < (bundle / MANIFEST).stat().st_mtime:
        Kit.of(bundle).save(kit)
    return {"bundle": str(bundle), "kit": str(kit)}


def forget_bundles(folder: Path) -> None:
    """Take away all bundles, for code that reads them otherwise; markets and affinities stay."""
    for name in MARKETS:
        for width in (NARROW, None):
            shutil.rmtree(bundle_folder(folder, name, width), ignore_errors=True)


def installed(way: str) -> bool:
    """Whether what a way needs is there."""
    return way not in RECTOOLS or BENCH_READY.exists()
