"""What a person sees: tables on stdout, progress and errors on stderr, plain text in a pipe."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

#: Width of printed tables where no terminal tells one.
PIPE_WIDTH = 100


def stdout() -> Console:
    """The console for results: as wide as the terminal, or 100 columns in a pipe."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(width=width, highlight=False, markup=False)


def stderr() -> Console:
    """The console for progress; whoever writes to it asks first whether it is a terminal."""
    return Console(stderr=True, highlight=False, markup=False)


def complain(line: str) -> int:
    """Say in one line on stderr what went wrong; gives back exit code 2."""
    print(f"alliance: {' '.join(line.split())}", file=sys.stderr)
    return 2


@contextmanager
def stages(title: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal which stage of a long job runs and how long each took.

    Yields a callable that names the stage that begins; in a pipe it does nothing.
    """
    console = stderr()
    if not console.is_terminal:
        yield lambda _: None
        return
    began = time.perf_counter()
    current: list[str] = []

    def done() -> None:
        if current:
            console.print(f"  {current.pop()}  {time.perf_counter() - began:.1f} s", style="dim")

    def begin(stage: str) -> None:
        nonlocal began
        done()
        began = time.perf_counter()
        current.append(stage)
        status.update(f"{title}: {stage}")

    with console.status(title) as status:
        yield begin
        done()


class _Rate(ProgressColumn):
    """How many a second, as soon as that can be told."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{number(speed)}/s", style="dim")


@contextmanager
def bar(title: str, what: str = "") -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how much is done, how fast it goes and how long it will take.

    Yields a callable that is told what is done, of what; its first call says what was done
    before, which has no part in the rate. In a pipe it does nothing.
    """
    console = stderr()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(what),
        _Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task(title, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def shown(path: Path | str) -> str:
    """A path as a person would type it: relative to where they are, where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def print_frame(console: Console, frame: pd.DataFrame, title: str = "") -> None:
    """Print a small table, numbers to the right."""
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for name in frame.columns:
        numeric = frame[name].dtype.kind in "iuf"
        table.add_column(str(name), justify="right" if numeric else "left", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*(number(one) if isinstance(one, float) else str(one) for one in row))
    console.print(table)


def counted(count: int, one: str, more: str) -> str:
    """How many there are, in the words for one or for any other number.

    Examples
    --------
    >>> counted(1, "row", "rows"), counted(0, "row", "rows"), counted(1234, "row", "rows")
    ('1 row', '0 rows', '1,234 rows')
    """
    return f"{count:,} {one if count == 1 else more}"


def number(value: float) -> str:
    """A number as a person writes it, to three digits or to the unit; NaN is a dash.

    Examples
    --------
    >>> number(1234.5), number(999.9), number(0.03456), number(float("nan")), number(973)
    ('1,234', '1,000', '0.0346', '–', '973')
    """
    if value != value:
        return "–"
    if abs(value) >= 999.5:  # below it, three digits would round it up to 1.00e+03
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if value else "0"
