"""The proof on a synthetic market: it runs, it says so, and its parts count right."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from matching import Plaza
from models.pairs import Floats
from training.backtest import Holdout
from training.later import later_promotions
from training.market import Market
from training.simulation.truth import Truth

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.fixture
def simulated() -> ModuleType:
    return importlib.import_module("predictions_simulated")


@pytest.fixture
def against() -> ModuleType:
    return importlib.import_module("against_truth")


@pytest.fixture
def oracle() -> ModuleType:
    return importlib.import_module("oracle_lists")


def test_the_whole_report_of_a_market(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = importlib.import_module("predictions")
    monkeypatch.setattr(sys, "argv", ["predictions.py", "simulated", str(tiny_folder)])
    predictions.main()
    told = capsys.readouterr().out
    assert told.startswith("A synthetic market: 24 merchants, 150 creators")
    for part in ("creator history", "law's", "expected calibration error", "p50", "Quadrants"):
        assert part in told
    served = next(line for line in told.splitlines() if line.startswith("served, by net"))
    random = next(line for line in told.splitlines() if line.startswith("random"))
    assert float(served.split()[-3]) > float(random.split()[-3])


def test_markets_are_made_by_the_name_of_their_size(
    simulated: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Path, int, str]] = []

    def simulate(folder: Path, *, seed: int, size: str) -> None:
        made.append((folder, seed, size))
        folder.mkdir()

    monkeypatch.setattr(simulated, "simulate_market", simulate)
    monkeypatch.setattr(simulated, "_MADE", tmp_path)
    assert simulated.market_folder(None) == tmp_path / "small-7"
    assert simulated.market_folder(Path("medium")) == tmp_path / "medium-7"
    simulated.market_folder(None)
    assert made == [(tmp_path / "small-7", 7, "small"), (tmp_path / "medium-7", 7, "medium")]


def test_what_has_no_truth_is_refused(
    simulated: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="has no folder truth; expected a market made by"):
        simulated.market_folder(tmp_path)
    with pytest.raises(ValueError, match="leave --held-out away"):
        simulated.report(None, tmp_path)


def test_the_laws_own_quantiles_have_width_one(
    against: ModuleType,
    past_bundle: Path,
    holdout: Holdout,
    tiny_market: Market,
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(against, "SAMPLED", 60)
    truth = Truth.load(tiny_folder / "truth")
    later = later_promotions(Plaza.load(past_bundle), holdout.past, tiny_market)
    law = against.drawn(later.rows, later.predicted, truth, 400, seed=5)
    for name, begin in against.QUANTITIES.items():
        ends: Floats = np.quantile(law[name], [0.1, 0.9], axis=1)
        later.predicted[f"{begin}_low"], later.predicted[f"{begin}_high"] = ends
    found = against.widths(later, truth)
    assert found["apart"].to_numpy(float) == pytest.approx(1.0, abs=0.1)
    assert found["over"].drop("net").to_numpy(float) == pytest.approx(1.0, abs=0.15)
    # A tie at the ends counts as inside, so that counts may hold more.
    assert found["inside"].between(0.78, 0.95).all()
    rate = against.true_rates(later, truth)
    for end in ("", "_low", "_high"):
        later.predicted[f"p_conversion{end}"] = rate
    held = against.conversion_coverage(later, rate)
    assert (held["inside_80"].dropna() == 1).all()
    assert (held["by"] == "all").sum() == 1


def test_fees_that_break_even_are_counted(against: ModuleType) -> None:
    told = pd.DataFrame(
        {"break_even_fee_p10": [0.0, 5.0, 5.0, 5.0], "break_even_fee_p50": [0.0, 9.0, 9.0, np.nan]}
    )
    found = against.break_even(told, np.array([1.0, 6.0, 4.0, np.nan]))
    assert found.loc["p10", "promotions"] == 3
    assert found.loc["p10", "bears it"] == pytest.approx(2 / 3)
    assert found.loc["p10", "of these"] == pytest.approx(1 / 2)
    assert found.loc["p50", "of these"] == 0
    none = against.break_even(told.assign(break_even_fee_p10=0.0), np.ones(4))
    assert np.isnan(none.loc["p10", "of these"])


def test_lists_are_ranked_with_the_unknown_last(oracle: ModuleType) -> None:
    score = np.arange(30.0)
    score[29] = np.nan
    assert oracle.best(score).tolist() == list(range(28, 8, -1))
