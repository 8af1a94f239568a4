"""Figures of a holdout so small that all of them can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training import judgement
from training.backtest import Holdout
from training.holdouts import last_days
from training.market import read_market

#: Past partners: c1 of m1 and m2, c2 of m2. Later m1 meets c2 and c3, and m2 meets c3.
ROWS = [
    ("2026-01-01", "m1", "c1"),
    ("2026-01-01", "m2", "c1"),
    ("2026-01-01", "m2", "c2"),
    ("2026-01-01", "m3", "c3"),
    ("2026-01-01", "m3", "c4"),
    ("2026-03-01", "m1", "c2"),
    ("2026-03-01", "m1", "c3"),
    ("2026-03-01", "m2", "c3"),
]
#: m1 is shown c4, c2, c3; m2 is shown c4, and nobody else.
LISTS = np.array([[3, 1, 2], [3, -1, -1]], dtype=np.int32)
LOG = np.log2


@pytest.fixture
def held(tmp_path: Path) -> Holdout:
    frame = pd.DataFrame(ROWS, columns=["occurred_at", "merchant_id", "creator_id"])
    frame.to_csv(tmp_path / "promotions.csv", index=False)
    return last_days(read_market(tmp_path), 30)


def test_figures_of_each_asker(held: Holdout) -> None:
    found = judgement.per_asker(LISTS, held, 2)
    assert found.index.tolist() == ["m1", "m2"]
    assert found["to_find"].tolist() == [2, 1]
    assert found["recall"].tolist() == [1 / 2, 0]
    assert found["ndcg"].tolist() == [(1 / LOG(3)) / (1 / LOG(2) + 1 / LOG(3)), 0]
    assert found["mrr"].tolist() == [1 / 2, 0]
    assert found["map"].tolist() == [1 / 2 * (1 / 2), 0]
    assert found["hit_rate"].tolist() == [1, 0]
    assert found["first_rank"].tolist() == [2, np.inf]


def test_figures_of_a_method(held: Holdout) -> None:
    # c4 stands across from c2, and of c3 nothing is known.
    vectors = np.array([[1, 0], [0, 1], [0, 0], [0, -1]], dtype=np.float32)
    figures = judgement.per_asker(LISTS, held, 2)
    found = judgement.overall(LISTS, figures, held, 2, [vectors])
    assert found["recall_at_2"] == (1 / 2 + 0) / 2
    assert 0 <= found["recall_at_2_low"] <= found["recall_at_2"] <= found["recall_at_2_high"]
    assert found["ndcg_at_2_low"] <= found["ndcg_at_2"] <= found["ndcg_at_2_high"]
    assert found["mrr_at_2"] == (1 / 2 + 0) / 2
    assert found["map_at_2"] == (1 / 4 + 0) / 2
    assert found["hit_rate_at_2"] == 1 / 2
    assert found["median_rank_at_3"] == np.inf
    assert found["coverage_at_2"] == 2 / 4
    # Exposure 0, 0, 1, 2 with weights -3, -1, 1, 3 over n × sum = 4 × 3.
    assert found["gini_at_2"] == pytest.approx((1 * 1 + 3 * 2) / (4 * 3))
    # Partners 2, 1, 1, 1 of 5; shown are c4, c2 and c4.
    assert found["novelty_at_2"] == pytest.approx(LOG(5 / 1))
    # m1 worked with c1 (2), is shown c4 and c2 (1, 1); m2 with c1 and c2, is shown c4.
    assert found["popularity_lift_at_2"] == pytest.approx(((1 / 2 - 1) + (1 / (3 / 2) - 1)) / 2)
    assert found["diversity_at_2"] == 1 - (-1)
    assert np.isnan(judgement.overall(LISTS, figures, held, 2)["diversity_at_2"])


def test_the_curve_grows_to_the_depth_of_the_lists(held: Holdout) -> None:
    curve = judgement.recall_curve(LISTS, held)
    assert curve["k"].tolist() == [1, 2, 3]
    assert curve["recall"].tolist() == [0, (1 / 2 + 0) / 2, (2 / 2 + 0) / 2]
    assert (curve["low"] <= curve["recall"]).all()
    assert (curve["recall"] <= curve["high"]).all()


def test_exposure_by_method(held: Holdout) -> None:
    found = judgement.exposure_of({"a": LISTS, "b": LISTS[:, ::-1]}, held, 1)
    assert found.index.tolist() == ["c1", "c2", "c3", "c4"]
    assert found["a"].tolist() == [0, 0, 0, 2]
    assert found["b"].tolist() == [0, 0, 1, 0]


def test_leads_are_corrected_for_the_number_of_baselines() -> None:
    rng = np.random.default_rng(0)
    ours = rng.uniform(0.4, 0.6, 200)
    figures = {
        "served": pd.DataFrame({"recall": ours, "ndcg": ours}),
        "worse": pd.DataFrame({"recall": ours - 0.1, "ndcg": ours}),
        "alike": pd.DataFrame({"recall": rng.permutation(ours), "ndcg": ours - 0.2}),
    }
    found = judgement.leads(figures, "served", ["worse", "alike"], 20)
    assert found[["metric", "method"]].to_numpy().tolist() == [
        ["recall_at_20", "worse"],
        ["recall_at_20", "alike"],
        ["ndcg_at_20", "worse"],
        ["ndcg_at_20", "alike"],
    ]
    assert found["ahead"].to_numpy() == pytest.approx([0.1, 0, 0, 0.2])
    assert found.loc[0, ["low", "high"]].tolist() == pytest.approx([0.1, 0.1])
    assert found.loc[0, "p"] == 1 / 10_000
    assert found.loc[0, "p_holm"] == 2 / 10_000
    assert found.loc[1, "p_holm"] > 0.2
    assert found.loc[2, "p_holm"] == 1.0
    assert judgement.leads(figures, "served", [], 20).empty
