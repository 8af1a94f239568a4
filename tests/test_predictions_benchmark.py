"""The command line of `benchmarks/predictions.py`, and its figures on real data if it is there."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("ALLIANCE_DATA", ROOT.parent / "shared" / "data"))
TMALL, ADS = DATA / "tmall_repeat_buyer", DATA / "kag_ads_conversion"

needs_tmall = pytest.mark.skipif(
    not TMALL.is_dir(), reason=f"no {TMALL}; set ALLIANCE_DATA to the folder of data sets"
)
needs_ads = pytest.mark.skipif(
    not ADS.is_dir(), reason=f"no {ADS}; set ALLIANCE_DATA to the folder of data sets"
)


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.fixture
def tmall(benchmarks: None) -> ModuleType:
    return importlib.import_module("predictions_tmall")


@pytest.fixture
def ads(benchmarks: None) -> ModuleType:
    return importlib.import_module("predictions_ads")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    benchmark = importlib.import_module("predictions")
    monkeypatch.setattr(sys, "argv", ["predictions.py", *map(str, arguments)])
    benchmark.main()


def buyers(n: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Pairs of 40 merchants that differ much, and of buyers who come back a fifth of the time."""
    draw = np.random.default_rng(seed)
    rate = draw.gamma(2.0, 0.1, 40)
    merchant = draw.integers(0, 40, n)
    came = draw.random(n) < np.minimum(rate, 0.9)[merchant]
    user = draw.integers(0, n, n)
    return pd.DataFrame({"user_id": user, "merchant_id": merchant, "label": came.astype(int)})


def advertisements(n: int = 300, seed: int = 0) -> pd.DataFrame:
    """Ads whose clicks depend on the interest and the age alone."""
    draw = np.random.default_rng(seed)
    interest, age = draw.integers(0, 10, n), draw.choice(["30-34", "45-49"], n)
    shown = draw.integers(1000, 200_000, n)
    rate = 2e-4 * np.exp(draw.normal(0, 0.6, 10))[interest] * np.where(age == "45-49", 2.0, 1.0)
    clicks = draw.poisson(shown * rate)
    asked = draw.binomial(clicks, 0.2)
    return pd.DataFrame(
        {
            "ad_id": np.arange(n),
            "xyz_campaign_id": draw.integers(0, 3, n),
            "fb_campaign_id": np.arange(n),
            "age": age,
            "gender": draw.choice(["F", "M"], n),
            "interest": interest,
            "Impressions": shown,
            "Clicks": clicks,
            "Spent": clicks * 1.5,
            "Total_Conversion": asked,
            "Approved_Conversion": draw.binomial(asked, 0.4),
        }
    )


def test_pairs_held_out_are_judged_once(
    tmall: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known, held = buyers(seed=0), buyers(1500, seed=0).iloc[::-1].assign(more=1)
    known.to_csv(tmp_path / "pairs.csv.gz", index=False)
    held.to_csv(tmp_path / "held.csv", index=False)
    run(monkeypatch, "tmall", tmp_path, "--held-out", tmp_path / "held.csv")
    told = capsys.readouterr().out
    assert "1,500 pairs held out, 4,000 known" in told
    assert tmall.SHRUNK in told
    assert "Expected calibration error" in told
    assert "nan" not in told.split("ahead: of")[0]


@pytest.mark.parametrize(("name", "file"), [("tmall", "pairs.csv.gz"), ("ads", "ads.csv")])
def test_without_a_held_out_file_the_visible_part_is_cut(
    benchmarks: None,
    name: str,
    file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(importlib.import_module(f"predictions_{name}"), "SEEDS", (0, 1))
    table = buyers(600) if name == "tmall" else advertisements()
    table.to_csv(tmp_path / file, index=False)
    run(monkeypatch, name, tmp_path)
    told = capsys.readouterr().out
    assert "2 random cuts of" in told
    assert "three tenths asked for" in told
    assert "Expected calibration error" in told


def test_the_probability_of_a_pair_falls_back_step_by_step(tmall: ModuleType) -> None:
    past = tmall.Past(buyers())
    asked = pd.DataFrame({"user_id": [-1, -1], "merchant_id": [0, -1], "label": [0, 1]})
    found = tmall.predictions(past, asked)
    rate = past.table["label"].mean()
    own = past.table.query("merchant_id == 0")["label"]
    assert found["everybody's rate"] == pytest.approx([rate, rate])
    assert found["merchant's rate, raw"] == pytest.approx([own.mean(), rate])
    shrunk = (own.sum() + 50 * rate) / (len(own) + 50)
    assert found[tmall.SHRUNK] == pytest.approx([shrunk, rate])
    assert found[tmall.OURS][0] == pytest.approx(own.mean(), rel=0.25)
    assert found[tmall.OURS][1] == pytest.approx(rate, rel=0.5)


def test_methods_are_compared_pair_by_pair(tmall: ModuleType) -> None:
    better, worse = np.array([0.1, 0.3]), np.array([0.2, 0.4])
    table = tmall.compare(
        [{tmall.SHRUNK: worse, "one": better}, {tmall.SHRUNK: worse, "one": worse}]
    )
    assert table.loc["one", "log-loss"] == pytest.approx(0.25)
    assert table.loc["one", "ahead"] == pytest.approx(1e5 * 0.1 / 2)
    assert table.loc["one", "±"] == pytest.approx(0, abs=1e-6)  # both pairs gain the same
    assert table.loc["one", "splits"] == 1


def test_ads_held_out_are_judged_against_segments(
    ads: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = advertisements(450)
    both[:300].to_csv(tmp_path / "ads.csv", index=False)
    both[300:].to_csv(tmp_path / "held.csv", index=False)
    found = ads.deviances(ads.Ads(both[:300], both[300:]), "Clicks", "Impressions")
    assert found[ads.OURS] < 0.6 * found["campaign × age × gender"]
    assert found[ads.OURS] < 0.6 * found["interest"]
    run(monkeypatch, "ads", tmp_path, "--held-out", tmp_path / "held.csv")
    told = capsys.readouterr().out
    assert "150 ads held out, 300 known" in told
    assert told.count("deviance:") == 4
    assert "nan" not in told


def test_a_segment_without_success_has_everybodys_rate(ads: ModuleType) -> None:
    past = pd.DataFrame({"interest": [1, 1, 2, 3], "n": [10, 30, 10, 0], "k": [4, 6, 0, 0]})
    asked = pd.DataFrame({"interest": [3, 2, 1, 9]})
    rates = ads.Ads(past, asked).mean_rate("k", "n", ["interest"])
    assert rates == pytest.approx([10 / 50, 10 / 50, 10 / 40, 10 / 50])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["tmall"], "tmall needs a folder with pairs.csv.gz; name it after tmall"),
        (["ads", "."], "has no ads.csv; give the data set's own folder"),
        (["tmall", "nowhere"], "nowhere is no folder"),
        (["cars", "."], "invalid choice: 'cars'"),
    ],
)
def test_a_slip_is_told_before_any_work(
    benchmarks: None,
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *arguments)
    assert complaint in capsys.readouterr().err


def test_a_held_out_file_must_be_like_the_visible_one(
    benchmarks: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    buyers(50).to_csv(tmp_path / "pairs.csv.gz", index=False)
    wrong = {
        "unlabelled.csv": (buyers(5).drop(columns="label"), "has no column label; expected"),
        "empty.csv": (buyers(5)[:0], "has no rows; expected the columns user_id, merchant_id"),
        "absent.csv": (None, "is no file; expected one like the visible part"),
    }
    for name, (table, complaint) in wrong.items():
        if table is not None:
            table.to_csv(tmp_path / name, index=False)
        with pytest.raises(SystemExit, match="2"):
            run(monkeypatch, "tmall", tmp_path, "--held-out", tmp_path / name)
        assert complaint in capsys.readouterr().err


def test_a_failure_without_a_held_out_file_is_not_dressed_up(
    benchmarks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pairs.csv.gz").touch()
    monkeypatch.setattr(
        importlib.import_module("predictions_tmall"), "report", lambda *_: int("no number")
    )
    with pytest.raises(ValueError, match="invalid literal"):
        run(monkeypatch, "tmall", tmp_path)


def test_parts_are_cut_without_loss(benchmarks: None) -> None:
    halves = importlib.import_module("halves")
    table = pd.DataFrame({"row": np.arange(1000)})
    for known, asked in halves.random_parts(table, (0, 1)):
        assert sorted([*known["row"], *asked["row"]]) == list(range(1000))
        assert len(asked) == pytest.approx(300, abs=50)
    asked = [part["row"] for _, part in halves.random_folds(table, 3, seed=0)]
    assert sorted(np.concatenate(asked)) == list(range(1000))


@needs_tmall
def test_who_buys_again_is_foretold_better_than_by_shrunk_rates(tmall: ModuleType) -> None:
    table = pd.read_csv(TMALL / "pairs.csv.gz")
    ((known, asked),) = tmall.random_parts(table, (0,))
    losses = {
        method: tmall.log_loss(rate, asked["label"].to_numpy(float)).mean()
        for method, rate in tmall.predictions(tmall.Past(known), asked).items()
    }
    assert losses["merchant's rate, raw"] > losses["everybody's rate"]
    assert losses[tmall.SHRUNK] < losses["everybody's rate"] - 0.007
    assert losses[tmall.OURS] < losses[tmall.SHRUNK] - 0.0001


@needs_ads
def test_ads_are_foretold_better_than_by_their_segments(ads: ModuleType) -> None:
    table = pd.read_csv(ADS / "ads.csv")
    for count, among in ads.STEPS[:3]:
        found = [
            ads.deviances(ads.Ads(*part), count, among)
            for part in ads.random_parts(table, range(3))
        ]
        below = ads.compare(found)["below"].drop(ads.OURS)
        assert (below > 0.1).all()
