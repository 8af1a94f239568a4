"""Compiled loops: kept for the next process, and never when what they stand on has changed."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pytest

from models.compiled import compiled, settled

LOOPS = """
from models.compiled import compiled
from parts import FACTOR, Kind, part

@compiled
def summed(kind):
    total = 0.0
    for one in kind.numbers:
        total += FACTOR * part(one)
    return total

def total(numbers):
    return summed(Kind(numbers))
"""

PARTS = """
from typing import NamedTuple
import numpy as np
from models.compiled import compiled

FACTOR = {factor}

class {name}(NamedTuple):
    numbers: np.ndarray

Kind = {name}

@compiled
def part(one):
    return one + {more}
"""


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., float]:
    """What a loop says that is imported afresh, with what it stands on as told."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loops.py").write_text(LOOPS)

    def total(**told: object) -> float:
        (tmp_path / "parts.py").write_text(PARTS.format(**told))
        for name in ("parts", "loops"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        return float(importlib.import_module("loops").total(np.ones(3)))

    return total


def test_a_loop_is_compiled_again_when_what_it_stands_on_has_changed(
    answer: Callable[..., float], tmp_path: Path
) -> None:
    """Another function it calls, another constant, another kind of tuple it is given."""
    assert answer(factor=1, more=1, name="Numbers") == 6.0
    assert answer(factor=1, more=10, name="Numbers") == 33.0
    assert answer(factor=2, more=10, name="Numbers") == 66.0
    assert answer(factor=2, more=10, name="Others") == 66.0
    kept = {one: one.stat().st_mtime_ns for one in tmp_path.rglob("*.nbc")}
    assert kept
    assert answer(factor=2, more=10, name="Others") == 66.0
    assert {one: one.stat().st_mtime_ns for one in tmp_path.rglob("*.nbc")} == kept


def test_a_loop_without_a_file_is_compiled_all_the_same() -> None:
    space: dict[str, object] = {}
    exec("def doubled(one):\n    return 2 * one\n", space)
    loop = compiled(space["doubled"])  # type: ignore[type-var]
    assert loop(4) == 8  # type: ignore[operator]


@pytest.mark.parametrize("given", [np.arange(6)[::2], np.arange(3), [0, 2, 4]])
def test_settled_arrays_are_all_of_one_kind(given: np.ndarray) -> None:
    array = settled(given, np.float64)
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1.0


def test_settling_leaves_the_array_as_it_was() -> None:
    own = np.zeros(3)
    assert settled(own, np.float64).base is own
    own[0] = 1.0


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("left", [0, 20])
def test_damaged_machine_code_is_made_again(
    answer: Callable[..., float], tmp_path: Path, ending: str, left: int
) -> None:
    """Where a disk was full, or a process died while it wrote."""
    assert answer(factor=1, more=1, name="Numbers") == 6.0
    damaged = list(tmp_path.rglob(f"*{ending}"))
    assert damaged
    for file in damaged:
        file.write_bytes(file.read_bytes()[:left])
    assert answer(factor=1, more=1, name="Numbers") == 6.0
    assert all(file.stat().st_size > left for file in damaged)


def test_a_full_disk_keeps_nothing_and_stops_nobody(
    answer: Callable[..., float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "save", full)
    assert answer(factor=1, more=1, name="Numbers") == 6.0
    assert not list(tmp_path.rglob("*.nbc"))


def test_loops_run_as_they_are_where_numba_is_told_so() -> None:
    code = (
        "from matching import Plaza; from models.forecast import expected; print(expected.__name__)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "expected"
