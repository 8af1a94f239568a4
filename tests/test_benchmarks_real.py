"""The benchmarks on real data, where it is there: market folders that hold, figures that beat."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from training.market import read_market

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("ALLIANCE_DATA", ROOT.parent / "shared" / "data"))
INSTAGRAM = DATA / "instagram_kim2020"
BMI = DATA / "bmi_brand_creator"

needs_instagram = pytest.mark.skipif(
    not INSTAGRAM.is_dir(), reason=f"no {INSTAGRAM}; set ALLIANCE_DATA to the folder of data sets"
)
needs_bmi = pytest.mark.skipif(
    not BMI.is_dir(), reason=f"no {BMI}; set ALLIANCE_DATA to the folder of data sets"
)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module(request.param)


@needs_instagram
@pytest.mark.parametrize("benchmark", ["instagram"], indirect=True)
def test_instagram_market_holds_nothing_after_the_cut(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    cut = pd.Timestamp("2018-10-06", tz="UTC")
    benchmark.write_market(INSTAGRAM, tmp_path, cut)
    market = read_market(tmp_path, as_of=cut)
    promotions = market.table("promotions")
    assert market.set_aside.empty
    assert promotions["occurred_at"].max() < cut
    assert market.table("engagements")["occurred_at"].max() < cut
    assert (promotions.groupby("merchant_id")["creator_id"].nunique() >= 5).all()
    accounts = pd.read_csv(INSTAGRAM / "accounts.csv.gz")
    listed = set(accounts.loc[accounts["is_listed_creator"] == 1, "account"])
    assert not listed & set(promotions["merchant_id"])
    assert set(market.table("embeddings")["space"]) == {"hashtags"}


@needs_instagram
@pytest.mark.parametrize("benchmark", ["instagram"], indirect=True)
def test_instagram_served_lists_beat_neighbours_and_ease(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    posts = benchmark.read_posts(INSTAGRAM)["occurred_at"]
    figures = benchmark.run(INSTAGRAM, tmp_path, posts.quantile(0.8), depth=50)
    served = figures.loc[benchmark.SERVED]
    for rival in ("popularity", "item-kNN, cosine, shrink 5", "EASE, penalty 20"):
        assert served["R@20"] > figures.loc[rival, "R@20"] + 0.02
        assert served["NDCG@20"] > figures.loc[rival, "NDCG@20"]
    assert served["R@20"] > 0.26


@needs_bmi
@pytest.mark.parametrize("benchmark", ["bmi"], indirect=True)
def test_bmi_ranks_brands_without_history_better_than_plain_cosines(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    pairs = benchmark.read_pairs(BMI)
    known, asked = next(benchmark.merchant_folds(pairs, folds=4, seed=0))
    judged = benchmark.run_fold(BMI, tmp_path, known, asked, depth=50)
    figures = benchmark.summary(judged)
    served, plain = figures.loc[benchmark.SERVED], figures.loc["untrained cosine, concept + topic"]
    assert len(judged[benchmark.SERVED]) > 60
    assert read_market(tmp_path / "market").set_aside.empty
    assert served["MRR"] > plain["MRR"] + 0.03
    assert served["R@10"] > plain["R@10"] + 0.01
