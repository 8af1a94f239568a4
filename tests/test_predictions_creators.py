"""Accounts and likes: the benchmarks on made-up files, and on real data where it is there."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from training.market import Market

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("ALLIANCE_DATA", ROOT.parent / "shared" / "data"))
PANEL, POSTS = DATA / "hypeauditor_top1000_2022", DATA / "instagram_kim2020"

needs_panel = pytest.mark.skipif(
    not PANEL.is_dir(), reason=f"no {PANEL}; set ALLIANCE_DATA to the folder of data sets"
)
needs_posts = pytest.mark.skipif(
    not POSTS.is_dir(), reason=f"no {POSTS}; set ALLIANCE_DATA to the folder of data sets"
)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module(request.param)


def panel(seed: int = 0, accounts: int = 150) -> pd.DataFrame:
    """Three snapshots of accounts whose views are noisy around levels of their own."""
    rng = np.random.default_rng(seed)
    level = rng.normal(10.0, 1.0, accounts)
    parts = []
    for snapshot in ("2022-06", "2022-09", "2022-11"):
        views = np.exp(level + 0.5 * rng.standard_normal(accounts))
        part = pd.DataFrame({"platform": "tiktok", "snapshot": snapshot, "views_avg": views})
        part["handle"] = [f"h{i}" for i in range(accounts)]
        part["category"], part["country"] = None, None
        part["followers"] = np.exp(level + 3.0)
        part["likes_avg"] = views / 10
        part["eng_avg"] = np.nan
        parts.append(part[rng.random(accounts) < 0.8])
    return pd.concat(parts, ignore_index=True)


def posts(seed: int = 0, count: int = 1_500, creators: int = 400) -> tuple[pd.DataFrame, ...]:
    """Posts whose likes follow followers and a strength of each creator."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, creators, count)
    followers = rng.lognormal(9.0, 1.0, creators).round()
    strength = 0.8 * np.log(followers) + 0.6 * rng.standard_normal(creators)
    table = pd.DataFrame({"post_id": [f"p{i}" for i in range(count)]})
    table["creator_id"] = [f"c{i}" for i in who]
    table["ts"] = np.sort(rng.integers(1_500_000_000, 1_540_000_000, count))
    table["media_type"] = rng.choice(["Image", "Sidecar"], count)
    table["likes"] = np.exp(strength[who] - 2.0 + 0.5 * rng.standard_normal(count)).round()
    for name in ("caption_len", "n_hashtags", "n_mentions", "n_tagged"):
        table[name] = rng.integers(0, 20, count)
    for name in ("ad_disclosed", "official_sponsor", "has_location"):
        table[name] = rng.integers(0, 2, count)
    people = pd.DataFrame({"creator_id": [f"c{i}" for i in range(creators)]})
    people["category"] = rng.choice(["food", "travel"], creators)
    people["followers"], people["followees"] = followers, rng.integers(10, 999, creators)
    people["n_posts"] = rng.integers(100, 999, creators)
    return table, people


@pytest.mark.parametrize("benchmark", ["predictions_accounts"], indirect=True)
def test_accounts_are_foretold_from_what_was_known(benchmark: ModuleType, tmp_path: Path) -> None:
    table = panel()
    table.to_csv(tmp_path / "panel.csv.gz", index=False)
    said = benchmark.report(tmp_path, None)
    assert "steps between visible snapshots" in said
    assert "tiktok views_avg 2022-09 to 2022-11" in said
    assert "instagram" not in said
    judged = benchmark.judge(table, [("2022-09", "2022-11")])[0]
    figures = judged.figures()
    assert figures["error, model"] < figures["error, persistence"]
    both = [set(table[table["snapshot"] == one]["handle"]) for one in ("2022-09", "2022-11")]
    assert figures["accounts"] == len(both[0] & both[1])
    # The answers are not read: others in their place change nothing that is foretold.
    other = table.assign(
        views_avg=table["views_avg"].where(table["snapshot"] != "2022-11", 1_000.0)
    )
    again = benchmark.judge(other, [("2022-09", "2022-11")])[0]
    np.testing.assert_array_equal(judged.table["median"], again.table["median"])


@pytest.mark.parametrize("benchmark", ["predictions_accounts"], indirect=True)
def test_accounts_held_out_are_judged_once(benchmark: ModuleType, tmp_path: Path) -> None:
    table = panel()
    later = table["snapshot"] == "2022-11"
    table[~later].to_csv(tmp_path / "panel.csv.gz", index=False)
    table[later].to_csv(tmp_path / "held.csv", index=False)
    said = benchmark.report(tmp_path, tmp_path / "held.csv")
    assert "snapshot held out, foretold from 2022-09 and before" in said
    assert "lowest third" in said
    assert "2 known" in said


@needs_panel
@pytest.mark.parametrize("benchmark", ["predictions_accounts"], indirect=True)
def test_real_accounts_are_foretold_as_well_as_by_persistence(benchmark: ModuleType) -> None:
    judged = benchmark.judge(benchmark.read_panel(PANEL), [("2022-09", "2022-11")])
    views = judged[0].figures()
    assert views["what"] == "tiktok views_avg"
    assert views["error, model"] < views["error, persistence"]
    assert views["mean, model"] < 0.9 * views["mean, persistence"]
    assert 0.76 <= views["inside_80"] <= 0.84


@pytest.mark.parametrize("benchmark", ["predictions_likes"], indirect=True)
def test_likes_are_told_from_creator_and_history(benchmark: ModuleType, tmp_path: Path) -> None:
    table, people = posts()
    people.to_csv(tmp_path / "creators.csv.gz", index=False)
    table[:1_100].to_csv(tmp_path / "posts.csv.gz", index=False)
    table[1_100:].to_csv(tmp_path / "held.csv", index=False)
    said = benchmark.report(tmp_path, tmp_path / "held.csv")
    assert "400 posts held out" in said
    assert benchmark.WITH_POST in said
    assert "3 and more" in said
    ((_, question),) = benchmark.questions(tmp_path, tmp_path / "held.csv")
    errors, held = benchmark.figures(question)
    assert errors.loc[benchmark.OURS, "R2"] > errors.loc["trees, profile alone", "R2"]
    assert held["inside_80"][0] == pytest.approx(0.8, abs=0.08)
    # Nothing of the later posts is read but whose they are.
    changed = question.later.assign(likes=1.0, n_tagged=7, ts=question.later["ts"] + 9)
    other = benchmark.Question(people, question.past, changed)
    np.testing.assert_array_equal(other.fitted(posts=False)[0], question.fitted(posts=False)[0])


@pytest.mark.parametrize("benchmark", ["predictions_likes"], indirect=True)
def test_visible_posts_are_cut_by_time(benchmark: ModuleType, tmp_path: Path) -> None:
    table, people = posts(count=300)
    people.to_csv(tmp_path / "creators.csv.gz", index=False)
    table.to_csv(tmp_path / "posts.csv.gz", index=False)
    cut = list(benchmark.questions(tmp_path, None))
    assert len(cut) == len(benchmark.CUTS)
    for title, question in cut:
        assert "cut at 20" in title
        assert question.past["ts"].max() < question.later["ts"].min()


@needs_posts
@pytest.mark.parametrize("benchmark", ["predictions_likes"], indirect=True)
def test_real_likes_are_explained(benchmark: ModuleType) -> None:
    *_, (_, question) = benchmark.questions(POSTS, None)
    log, told = question.fitted(posts=False)
    assert benchmark.explained(question.actual, log) > 0.76
    likes = question.later["likes"]
    inside = (told["low"].to_numpy() <= likes) & (likes <= told["high"].to_numpy())
    assert 0.74 <= inside.mean() <= 0.84


@pytest.mark.parametrize("benchmark", ["outlook"], indirect=True)
def test_the_outlook_is_judged_by_later_days(benchmark: ModuleType, tiny_market: Market) -> None:
    table = benchmark.judged(tiny_market, 60)
    whole = table[table["group"] == "all"].set_index("what")
    assert whole.index.tolist() == ["followers", "views a day", "sessions a week"]
    assert (whole["promotions"] > 100).all()
    assert (whole["inside_80"] > 0.65).all()
    assert whole.loc["views a day", "error"] < whole.loc["views a day", "persistence"]
    past = benchmark.known_at(tiny_market, tiny_market.as_of - pd.Timedelta(days=60))
    assert past.table("creators")[["followers", "followers_low"]].isna().all(axis=None)
