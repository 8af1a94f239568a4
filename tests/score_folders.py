"""Folders of lists for tests: how they are made, what they hold, where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matching.bundle import file_hash
from pipelines.score import score

PER_PART = 5


def again(bundle: Path, out: Path, **changed: Any) -> dict[str, Any]:
    """Run the one job of these tests, or another that differs in a parameter."""
    return score(str(bundle), out, **{"k": 7, "merchants_per_part": PER_PART, **changed})


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, hidden ones too."""
    return {path.name: file_hash(path) for path in folder.iterdir()}


def places(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every part: neither stays when one is written again."""
    found = ((path.name, path.stat()) for path in sorted(folder.glob("part-*.parquet")))
    return {name: (one.st_ino, one.st_mtime_ns) for name, one in found}
