"""What a person sees, on a terminal and in a pipe."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from pipelines import console


def test_a_pipe_is_a_hundred_columns_wide_and_plain() -> None:
    assert console.stdout().width == 100
    assert not console.stdout().is_terminal


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.complain("two\n  lines") == 2
    assert capsys.readouterr() == ("", "alliance: two lines\n")


def test_progress_is_quiet_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with console.stages("training") as begin:
        begin("audiences")
    with console.bar("scoring") as told:
        told(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr(console, "stderr", lambda: terminal)
    with console.stages("training") as begin:
        begin("audiences")
        begin("affinity")
    with console.bar("scoring") as told:
        told(1, 2)
    shown = screen.getvalue()
    for expected in ("audiences", "affinity", "scoring", "1/2"):
        assert expected in shown


def test_a_bar_tells_the_rate_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    now = [0.0]
    terminal = Console(
        file=screen, force_terminal=True, width=100, color_system=None, get_time=lambda: now[0]
    )
    monkeypatch.setattr(console, "stderr", lambda: terminal)
    with console.bar("scoring", "merchants") as told:
        for done in (4000, 4100, 4200):
            told(done, 5000)
            now[0] += 2
    last = [line for line in screen.getvalue().splitlines() if "merchants" in line][-1]
    # What was done before this run began has no part in the rate: 200 in 4 s.
    assert last.split()[-4:] == ["4200/5000", "merchants", "50.0/s", "0:00:16"]


def test_paths_are_shown_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert console.shown(tmp_path / "artifacts" / "x") == "artifacts/x"
    assert console.shown("/far") == "/far"


def test_a_small_table_is_printed_whole() -> None:
    screen = io.StringIO()
    frame = pd.DataFrame(
        {"method": ["served", "popularity"], "recall": [0.25, float("nan")], "n": [3, 12]}
    )
    console.print_frame(Console(file=screen, width=60), frame, "Ranking")
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert lines == [
        "Ranking",
        "method      recall   n",
        "served       0.250   3",
        "popularity       –  12",
    ]
