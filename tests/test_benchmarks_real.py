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
needs_matrices = pytest.mark.skipif(
    not (DATA / "gowalla_m1").is_dir(),
    reason=f"no {DATA / 'gowalla_m1'}; set ALLIANCE_DATA to the folder of data sets",
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


@needs_matrices
@pytest.mark.parametrize("benchmark", ["retrieval_sets"], indirect=True)
@pytest.mark.parametrize(
    ("name", "learnt", "asked", "askers"),
    [
        ("gowalla", 647_063, 163_065, 29_858),
        ("lastfm", 42_135, 10_533, 1_858),
        ("ml100k", 100_000 - 943, 943, 943),
    ],
)
def test_matrices_are_cut_without_loss_or_overlap(
    benchmark: ModuleType, tmp_path: Path, name: str, learnt: int, asked: int, askers: int
) -> None:
    source = benchmark.SOURCES[name]
    split = next(source.splits(DATA / source.folder, tmp_path))
    assert (split.history.nnz, split.asked.nnz) == (learnt, asked)
    assert len(split.rows) == askers
    assert split.history.multiply(split.asked).nnz == 0


@needs_instagram
@pytest.mark.parametrize("benchmark", ["retrieval_sets"], indirect=True)
def test_the_instagram_set_asks_what_its_own_benchmark_asks(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "CUTS", (0.8,))
    (split,) = benchmark.instagram_accounts(INSTAGRAM, tmp_path)
    assert (len(split.rows), split.asked.nnz, split.asked.shape[1]) == (418, 1354, 1464)
    assert split.history.multiply(split.asked).nnz == 0
    assert (split.history[split.rows].getnnz(axis=1) > 0).all()


@needs_bmi
@pytest.mark.parametrize("benchmark", ["retrieval_sets"], indirect=True)
def test_the_bmi_set_asks_about_every_brand_once_and_cold(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    splits = list(benchmark.bmi_brands(BMI, tmp_path))
    assert sum(len(split.rows) for split in splits) == 286
    assert sum(split.asked.nnz for split in splits) == len(benchmark.bmi.read_pairs(BMI))
    for split in splits:
        assert split.history[split.rows].nnz == 0
        assert set(split.asked.nonzero()[1]) == set(split.among)
