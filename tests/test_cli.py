"""The command line: words, exit codes, what is printed where."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import typer.main

from matching.errors import BadInput
from pipelines import cli

ROOT = Path(__file__).parent.parent
COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
CAPTURE = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every command in an empty folder of its own, at a width that keeps lines whole."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERMINAL_WIDTH", "160")


def test_the_commands_of_the_contract_are_there() -> None:
    assert COMMANDS == [
        "check", "demo", "diagnose", "evaluate", "explain", "match", "ratings", "score",
        "simulate", "train",
    ]  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_an_example_and_a_mention(name: str, capsys: CAPTURE) -> None:
    assert cli.run([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    example = re.search(rf"Example: (alliance {name} [^│╰]+)", text)
    assert example, text
    assert f"alliance {name}" in (ROOT / "README.md").read_text("utf-8")


def test_help_without_a_command(capsys: CAPTURE) -> None:
    assert cli.run([]) == 0
    assert "Usage: alliance" in capsys.readouterr().out


def test_version(capsys: CAPTURE) -> None:
    assert cli.run(["--version"]) == 0
    assert re.fullmatch(r"alliance \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["trian"], "alliance: No such command 'trian'. Did you mean 'train'?; see"),
        (["check"], "alliance: Missing argument 'MARKET'; see alliance --help"),
        (["train", "x"], "alliance: Missing option '--bundle'; see alliance --help"),
        (["simulate", "x", "--size", "huge"], "Invalid value for '--size': 'huge' is not one of"),
        (["match", "b", "m", "-k", "0"], "alliance: Invalid value for '--k' / '-k': "),
        (["match", "b", "m", "--variety", "2"], "Invalid value for '--variety': Input should be"),
        (["score", "b", "--out", "o", "--engine", "abacus"], "'abacus' is not"),
        (["check", "nowhere"], "alliance: nowhere: no such folder; expected a market"),
        (["train", "nowhere", "--bundle", "b"], "alliance: nowhere: no such folder"),
        (["evaluate", "nowhere"], "alliance: nowhere: no such folder"),
        (["evaluate", "m", "--share", "nan"], "'--share': got nan, expected a share above 0 and b"),
        (["evaluate", "m", "--share", "1"], "'--share': got 1, expected a share above 0 and below"),
        (["score", "nowhere", "--out", "o"], "alliance: nowhere: no manifest.json here"),
        (["match", "nowhere", "m1"], "alliance: nowhere: no manifest.json here; make a bundle"),
        (["match", "b", "m1", "--where", "x"], "alliance: --where x: expected field=a,b"),
        (["diagnose", "nowhere", "m1"], "alliance: nowhere: no manifest.json here; make a bundle"),
        (["diagnose", "b", "m1", "--plot", "x.pdf"], "--plot x.pdf: expected a file that ends in"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(
    arguments: list[str], complaint: str, capsys: CAPTURE
) -> None:
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_unknown_ids_are_one_line(tiny_bundle: Path, capsys: CAPTURE) -> None:
    assert cli.run(["match", str(tiny_bundle), "m9"]) == 2
    assert re.fullmatch(r"alliance: .*'m9'.*did you mean .*\n", capsys.readouterr().err)


def test_a_full_or_forbidden_disk_is_one_line(
    tiny_bundle: Path, tmp_path: Path, capsys: CAPTURE
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert cli.run(["score", str(tiny_bundle), "--out", "file/scores"]) == 2
    assert (
        capsys.readouterr().err == "alliance: file/scores: Not a directory; name another folder\n"
    )


def test_ctrl_c_is_clean(monkeypatch: pytest.MonkeyPatch, capsys: CAPTURE) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.simulate.simulate", interrupted)
    assert cli.run(["simulate", "market"]) == 130
    assert capsys.readouterr().err.strip() == "alliance: stopped"


def test_a_reader_that_leaves_early_sees_no_traceback(tiny_bundle: Path) -> None:
    code = "import sys, pipelines.cli as c; sys.exit(c.run(sys.argv[1:]))"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", code, "match", str(tiny_bundle), "m01"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_help_needs_no_models() -> None:
    code = (
        "import sys, pipelines.cli as c; c.run(['--help']);"
        "print([n for n in ('numpy', 'pandas', 'faiss', 'mlflow') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_simulate_then_check(tmp_path: Path, capsys: CAPTURE, tiny_folder: Path) -> None:
    market = tmp_path / "market"
    shutil.copytree(tiny_folder, market)
    assert cli.run(["simulate", "market", "--seed", "1"]) == 2
    assert "already holds a simulated market" in capsys.readouterr().err
    assert cli.run(["check", "market"]) == 0
    assert "promotions.parquet" in capsys.readouterr().out


def test_match_prints_figures_reasons_and_what_is_short(tiny_bundle: Path, capsys: CAPTURE) -> None:
    assert cli.run(["match", str(tiny_bundle), "m03", "-k", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = ["rank", "creator", "gmv", "conversion", "%", "exposures", "expected", "GMV"]
    assert lines[0].split() == titles
    assert [line.split()[0] for line in lines[1:-1] if not line.startswith("      ")] == [
        "1", "2", "3",
    ]  # fmt: skip
    assert any(line.startswith("      • ") for line in lines)
    assert all(len(line) <= 100 for line in lines)
    assert lines[-1] == "The market is synthetic: nothing in it is real."
    assert "\x1b" not in "".join(lines)

    where = ["--where", "creator_ids=c001,c002", "--exclude-worked-with", "--objective", "match"]
    assert cli.run(["match", str(tiny_bundle), "m03", *where]) == 0
    out = capsys.readouterr().out
    assert "match" in out.splitlines()[0]
    assert re.search(r"Only \d creators? pass(es)?: creator_ids removed 148", out)


def test_match_and_score_can_be_varied(tiny_bundle: Path, tmp_path: Path, capsys: CAPTURE) -> None:
    asked = ["match", str(tiny_bundle), "m03", "--objective", "match"]
    assert cli.run(asked) == 0
    plain = capsys.readouterr().out
    assert cli.run([*asked, "--variety", "0.8"]) == 0
    assert plain != capsys.readouterr().out
    arguments = ["score", str(tiny_bundle), "--out", "lists", "-k", "3", "--variety", "0.8"]
    assert cli.run(arguments) == 0
    assert '"variety": 0.8' in (tmp_path / "lists" / "manifest.json").read_text("utf-8")


def test_match_leaves_out_what_the_market_does_not_tell(
    tmp_path: Path, tiny_folder: Path, capsys: CAPTURE
) -> None:
    market = tmp_path / "market"
    market.mkdir()
    promotions = pd.read_parquet(tiny_folder / "promotions.parquet")
    promotions = promotions[["occurred_at", "merchant_id", "creator_id"]]
    promotions.to_csv(market / "promotions.csv", index=False)
    assert cli.run(["train", "market", "--bundle", "bundle", "--no-track"]) == 0
    assert capsys.readouterr().out == "The bundle is in bundle\n"
    assert cli.run(["match", "bundle", "m03", "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rank", "creator", "match"]
    assert lines[-1] == "This market has no data for: conversion %, exposures, expected GMV."


def test_rows_set_aside_are_worth_a_warning(
    tmp_path: Path, tiny_folder: Path, capsys: CAPTURE
) -> None:
    market = tmp_path / "market"
    market.mkdir()
    promotions = pd.read_parquet(tiny_folder / "promotions.parquet")
    promotions = promotions[["occurred_at", "merchant_id", "creator_id", "clicks"]]
    promotions.loc[5, "clicks"] = -1
    promotions.to_csv(market / "promotions.csv", index=False)
    assert cli.run(["train", "market", "--bundle", "bundle", "--no-track"]) == 1
    assert capsys.readouterr().err == "alliance: 1 rows set aside; see `alliance check market`\n"
    strict = ["train", "market", "--bundle", "b2", "--no-track", "--max-set-aside", "0"]
    assert cli.run(strict) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "b2").exists()


def test_evaluate_prints_tables_and_leaves_plots(
    tmp_path: Path, tiny_folder: Path, capsys: CAPTURE
) -> None:
    arguments = ["evaluate", str(tiny_folder), "--holdout-days", "40", "-k", "5", "--no-track"]
    assert cli.run(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("Temporal split: ")
    for expected in ("first 5", "popularity", "audience alone", "Served ahead by", "inside_80"):
        assert expected in captured.out
    assert "served, variety 0.1" in captured.out
    assert "Tables and plots are in artifacts/evaluation" in captured.out
    assert (tmp_path / "artifacts" / "evaluation" / "recall.png").is_file()


def test_evaluate_asks_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_folder: Path, capsys: CAPTURE
) -> None:
    # A bundle takes seconds to train; what is asked for is settled before.
    asked: dict[str, object] = {}

    def stop(_: object, **given: object) -> None:
        asked.update(given)
        raise BadInput("enough")

    monkeypatch.setattr("pipelines.evaluate.evaluate_market", stop)
    options = "--split cold-creators --direction merchants --share 0.3 --seed 4 --variety 0"
    assert cli.run(["evaluate", str(tiny_folder), *options.split(), "--variety", "0.5"]) == 2
    assert capsys.readouterr().err == "alliance: enough\n"
    del asked["progress"]
    assert asked == {
        "split": "cold-creators",
        "direction": "merchants",
        "holdout_days": 30,
        "share": 0.3,
        "seed": 4,
        "k": 20,
        "variety": [0.0, 0.5],
    }
    assert cli.run(["evaluate", str(tiny_folder), "--split", "random"]) == 2
    assert "'random' is not one of 'temporal'" in capsys.readouterr().err


def test_score_says_what_lies_where(tiny_bundle: Path, capsys: CAPTURE) -> None:
    assert cli.run(["score", str(tiny_bundle), "--out", "scores", "-k", "2"]) == 0
    assert capsys.readouterr() == ("48 rows for 24 merchants are in scores\n", "")


def test_the_main_job_in_one_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_folder: Path, capsys: CAPTURE
) -> None:
    def copied(out: Path, **_: object) -> None:
        shutil.copytree(tiny_folder, out)

    monkeypatch.setattr("pipelines.demo.simulate_market", copied)
    for version in (1, 2):  # the second demo takes the first one's place, but for its run
        assert cli.run(["demo"]) == 0
        captured = capsys.readouterr()
        assert "nothing in it is real" in captured.out
        assert "Remember that the data are synthetic" in captured.out
        assert f"Version {version} of model alliance" in captured.out
        assert captured.err == ""
    made = sorted(path.name for path in (tmp_path / "artifacts" / "demo").iterdir())
    assert made == ["bundle", "market", "mlflow", "scores"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifacts"]
    # The two commands it proposes are real ones.
    for line in captured.out.splitlines()[-2:]:
        program, *arguments = line.split()
        assert program == ".venv/bin/alliance"
        if arguments[0] == "match":
            assert cli.run(arguments) == 0


def test_a_demo_takes_nothing_elses_place(tmp_path: Path, capsys: CAPTURE) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    assert cli.run(["demo", "--out", str(tmp_path)]) == 2
    assert "there is something here that is no demo" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "keep me"
