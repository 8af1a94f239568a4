"""What the benchmarks ask of their command line, so that a slip is told before any work."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path


def lacking(folder: Path, files: Sequence[str], remedy: str) -> str:
    """What a folder of data lacks, and what to do; empty where all is there.

    Parameters
    ----------
    folder : Path
    files : sequence of str
        Names that are expected in it.
    remedy : str
        What to do about it.
    """
    if not folder.is_dir():
        return f"{folder} is no folder; expected one with {', '.join(files)}; {remedy}"
    missing = [name for name in files if not (folder / name).is_file()]
    return f"{folder} has no {', '.join(missing)}; {remedy}" if missing else ""


def at_least(least: int) -> Callable[[str], int]:
    """Read a whole number that is not below another; for the ``type`` of an option."""

    def read(text: str) -> int:
        expected = f"got {text}, expected a whole number from {least} on"
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(expected) from None
        if value < least:
            raise argparse.ArgumentTypeError(expected)
        return value

    return read


def between(above: float, below: float, such_as: str) -> Callable[[str], float]:
    """Read a number between two others; for the ``type`` of an option.

    Parameters
    ----------
    above, below : float
        Neither is allowed itself; ``below`` may be infinite.
    such_as : str
        An example for the message.
    """
    limits = f"above {above:g}" + (f" and below {below:g}" if math.isfinite(below) else "")

    def read(text: str) -> float:
        expected = f"got {text}, expected a number {limits}, such as {such_as}"
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(expected) from None
        # Not a number is between no two.
        if not above < value < below:
            raise argparse.ArgumentTypeError(expected)
        return value

    return read
