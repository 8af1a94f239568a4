"""Killed with -9: no reader sees half a part, and the next run leaves the same bytes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from matching.bundle import file_hash
from tests.score_folders import again, content, places

PER_PART = 2

#: The job as a process of its own; a line says that it has begun to rank. A moment to die at may
#: be named: just before a file of this name gets its place, which is when it is most awkward.
_JOB = """
import os, signal, sys
from pathlib import Path
from pipelines import parts
from pipelines.score import score

bundle, out, moment = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
per_part = int(sys.argv[4])
replace = os.replace

def die(name):
    if name == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def placed(here, there):
    die(f"before {Path(there).name}")
    replace(here, there)
    die(f"after {Path(there).name}")

def begun(done, of):
    if begun.first:
        print("begun", flush=True)
        begun.first = False

begun.first = True
parts.os.replace = placed
score(bundle, out, k=7, merchants_per_part=per_part, progress=begun)
"""


def job(bundle: Path, out: Path, moment: str = "") -> subprocess.Popen[str]:
    """Start the job; gives it back when it has begun to rank."""
    command = [sys.executable, "-c", _JOB, str(bundle), str(out), moment, str(PER_PART)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def ended(process: subprocess.Popen[str]) -> int:
    code = process.wait(timeout=60)
    assert process.stdout is not None
    process.stdout.close()
    return code


@pytest.fixture(scope="module")
def whole(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists of a job that was never stopped, with somebody reading all the time."""
    out = tmp_path_factory.mktemp("whole")
    process = job(tiny_bundle, out)
    seen: dict[str, set[str]] = {}
    while process.poll() is None:
        for path in out.glob("part-*.parquet"):
            seen.setdefault(path.name, set()).add(file_hash(path))
            pq.read_table(path)
    assert ended(process) == 0
    assert len(seen) > 1
    assert all(hashes == {file_hash(out / name)} for name, hashes in seen.items())
    return out


def check_what_is_seen(out: Path, whole: Path) -> dict[str, tuple[int, int]]:
    """What a reader sees after a kill is whole; gives back where it lies."""
    for path in out.glob("part-*"):
        assert file_hash(path) == file_hash(whole / path.name)
    return places(out)


def test_killed_at_random_moments(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    draw = random.Random(4)
    finished: dict[str, tuple[int, int]] = {}
    for _ in range(3):
        process = job(tiny_bundle, tmp_path)
        time.sleep(draw.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        assert ended(process) in (-signal.SIGKILL, 0)
        now = check_what_is_seen(tmp_path, whole)
        assert finished.items() <= now.items()
        finished = now
    again(tiny_bundle, tmp_path, merchants_per_part=PER_PART)
    assert content(tmp_path) == content(whole)
    assert finished.items() <= places(tmp_path).items()


@pytest.mark.parametrize(
    ("moment", "parts"),
    [
        ("before .part-00002.json", 2),
        ("after .part-00002.json", 2),
        ("before manifest.json", 12),
        ("after manifest.json", 12),
    ],
)
def test_killed_at_the_most_awkward_moment(
    moment: str, parts: int, whole: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    assert ended(job(tiny_bundle, tmp_path, moment)) == -signal.SIGKILL
    finished = check_what_is_seen(tmp_path, whole)
    assert (tmp_path / "manifest.json").exists() == (moment == "after manifest.json")
    assert len(finished) == parts
    again(tiny_bundle, tmp_path, merchants_per_part=PER_PART)
    assert content(tmp_path) == content(whole)
    assert finished.items() <= places(tmp_path).items()


def test_ctrl_c_leaves_nothing_half_written(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    process = job(tiny_bundle, tmp_path)
    process.send_signal(signal.SIGINT)
    assert ended(process) != 0
    assert not list(tmp_path.glob(".*.tmp"))
