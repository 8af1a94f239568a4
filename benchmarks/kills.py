"""A batch job killed with -9 at random moments: what a reader sees, and what the next run leaves.

    .venv/bin/python benchmarks/kills.py [--bundle BUNDLE] [--kills 30] [--merchants-per-part 20]

Without a bundle a market of medium size is made up and trained on; it is synthetic. The job runs in
a process of its own and is killed at a moment drawn over the time that a whole run takes. Then the
same command goes on, is killed again, and so forth; when it comes to its end, the next folder
begins, until enough have been killed. After each kill every part in sight must be what a run never
killed has there, and every finished part must lie where it lay, unchanged; at the end the folders
must hold the same bytes. Exit code 1 where one of these fails.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matching.bundle import file_hash

_JOB = """
import sys
from pathlib import Path
from pipelines.score import score
first = [True]
def begun(done, of):
    if first:
        first.clear()
        print("begun", flush=True)
score(sys.argv[1], Path(sys.argv[2]), merchants_per_part=int(sys.argv[3]), progress=begun)
"""

SEED = 9


def begin(bundle: Path, out: Path, per_part: int) -> subprocess.Popen[bytes]:
    """Start the job; gives it back when it begins to rank."""
    command = [sys.executable, "-c", _JOB, str(bundle), str(out), str(per_part)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    if process.stdout.readline() != b"begun\n":
        raise SystemExit(f"{bundle}: the job cannot run; its complaint stands above")
    return process


def end(process: subprocess.Popen[bytes]) -> int:
    """Wait for a job to end; gives back its exit code."""
    code = process.wait()
    assert process.stdout is not None
    process.stdout.close()
    return code


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, hidden ones too."""
    return {path.name: file_hash(path) for path in folder.iterdir()}


def places(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every part in sight."""
    found = ((path.name, path.stat()) for path in folder.glob("part-*.parquet"))
    return {name: (one.st_ino, one.st_mtime_ns) for name, one in found}


def run(bundle: Path, folder: Path, *, kills: int, per_part: int) -> bool:
    """Kill jobs and let them go on; prints what came of it and says whether all held."""
    whole = folder / "whole"
    start = time.perf_counter()
    process = begin(bundle, whole, per_part)
    begun = time.perf_counter()
    if end(process):
        raise SystemExit(f"{bundle}: the job cannot run; its complaint stands above")
    lasted = time.perf_counter() - begun
    expected = content(whole)
    draw = random.Random(SEED)
    killed = folders = differ = touched = kept = 0
    while killed < kills:
        out = folder / f"killed-{folders}"
        finished: dict[str, tuple[int, int]] = {}
        ended = False
        while not ended:
            process = begin(bundle, out, per_part)
            if killed < kills:
                time.sleep(draw.uniform(0, lasted))
                process.send_signal(signal.SIGKILL)
            ended = end(process) == 0
            killed += not ended
            now = places(out)
            touched += len(finished.items() - now.items())
            differ += sum(file_hash(out / name) != expected[name] for name in now)
            kept += len(now) if not ended else 0
            finished = now
        found = content(out)
        differ += len(found.items() ^ expected.items())
        folders += 1
    parts = len(places(whole))
    print(
        f"{killed} kills in {folders} jobs of {parts} parts ({lasted:.1f} s unkilled): "
        f"{kept} finished parts found after them, {touched} of these done again, "
        f"{differ} files differ; {time.perf_counter() - start:.0f} s in all"
    )
    return not (touched or differ)


@contextmanager
def bundle_for(given: Path | None) -> Iterator[Path]:
    """The bundle that was named, or one of a market made up for the purpose."""
    if given is not None:
        yield given
        return
    alliance = Path(sys.executable).parent / "alliance"
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            ["simulate", "market", "--seed", "1", "--size", "medium"],
            ["train", "market", "--bundle", "bundle", "--no-track"],
        ):
            subprocess.run([alliance, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        yield Path(folder) / "bundle"


def main() -> None:
    """Parse, run, exit with 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--merchants-per-part", type=int, default=20)
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with bundle_for(options.bundle) as bundle, tempfile.TemporaryDirectory() as folder:
        held = run(
            bundle.resolve(),
            Path(folder),
            kills=options.kills,
            per_part=options.merchants_per_part,
        )
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
