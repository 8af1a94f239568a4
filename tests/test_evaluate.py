"""The backtest: what is held out, what is asked, and figures whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matching import Plaza
from matching.errors import BadInput
from training.accuracy import _reliability, check_predictions
from training.backtest import Holdout, served_lists
from training.evaluate import Evaluation, backtest, evaluate_market, judge, served_recall
from training.fit import train_market
from training.market import Market, read_market
from training.plots import save_plots


@pytest.fixture(scope="module")
def holdout(tiny_market: Market) -> Holdout:
    return Holdout.of(tiny_market, 30)


@pytest.fixture(scope="module")
def evaluation(tiny_market: Market) -> Evaluation:
    return evaluate_market(tiny_market, holdout_days=30, k=10)


def market_of(folder: Path, rows: list[tuple[str, str, str]]) -> Market:
    """A market of nothing but meetings: moment, merchant, creator."""
    frame = pd.DataFrame(rows, columns=["occurred_at", "merchant_id", "creator_id"])
    frame.to_csv(folder / "promotions.csv", index=False)
    return read_market(folder)


def test_only_first_meetings_of_known_people_are_asked(tmp_path: Path) -> None:
    market = market_of(
        tmp_path,
        [
            ("2026-01-01", "m1", "c1"),
            ("2026-01-02", "m2", "c2"),
            ("2026-03-01", "m1", "c1"),  # met before
            ("2026-03-02", "m1", "c2"),  # new
            ("2026-03-02", "m1", "c2"),  # the same once more
            ("2026-03-03", "m1", "c9"),  # a creator nobody knew
            ("2026-03-04", "m9", "c1"),  # a merchant nobody knew
        ],
    )
    held = Holdout.of(market, 30)
    assert held.cut == market.as_of - pd.Timedelta(days=30)
    assert held.ids.creators.ids.tolist() == ["c1", "c2"]
    assert held.found.toarray().tolist() == [[0, 1], [0, 0]]
    assert held.met.toarray().tolist() == [[1, 0], [0, 1]]
    assert held.merchants.tolist() == [0]
    assert len(held.later) == 5
    figures = judge(np.array([[0, 1]], dtype=np.int32), held, 2)
    assert figures["recall_at_2"] == 1
    assert figures["mrr"] == 1 / 2
    assert figures["coverage"] == 1


def test_a_holdout_that_leaves_nothing_is_said(tmp_path: Path) -> None:
    rows = [("2026-01-01", "m1", "c1"), ("2026-03-01", "m1", "c1")]
    market = market_of(tmp_path, rows)
    with pytest.raises(BadInput, match=r"first promotion is of 2026-01-01.*hold out fewer days"):
        Holdout.of(market, 90)
    with pytest.raises(BadInput, match=r"no merchant met a new creator .*hold out more days"):
        Holdout.of(market, 30)


def test_the_fingerprint_is_of_the_question(tiny_market: Market, holdout: Holdout) -> None:
    assert Holdout.of(tiny_market, 30).fingerprint == holdout.fingerprint
    assert Holdout.of(tiny_market, 20).fingerprint != holdout.fingerprint


def test_served_lists_are_new_known_and_as_the_plaza_gives_them(
    holdout: Holdout, tmp_path: Path
) -> None:
    train_market(holdout.past, tmp_path / "bundle")
    plaza = Plaza.load(tmp_path / "bundle")
    lists = served_lists(plaza, holdout, 10)
    assert lists.shape == (len(holdout.merchants), 10)
    for merchant, row in zip(holdout.merchants, lists, strict=True):
        name = holdout.ids.merchants.ids[merchant]
        given = plaza.creators_for(name, k=10, objective="match", exclude_worked_with=True)
        assert holdout.ids.creators.ids[row[row >= 0]].tolist() == given["creator_id"].tolist()
        assert holdout.met[merchant].toarray().ravel()[row[row >= 0]].sum() == 0
    assert served_recall(plaza, holdout, 10) == judge(lists, holdout, 10)["recall_at_10"]


def test_an_older_plaza_is_asked_the_same(
    tiny_market: Market, holdout: Holdout, tmp_path: Path
) -> None:
    older = tiny_market.before(holdout.cut - pd.Timedelta(days=200))
    train_market(older, tmp_path / "bundle")
    lists = served_lists(Plaza.load(tmp_path / "bundle"), holdout, 5)
    for merchant, row in zip(holdout.merchants, lists, strict=True):
        assert holdout.met[merchant].toarray().ravel()[row[row >= 0]].sum() == 0
    assert (lists >= 0).any()


def test_a_plaza_of_another_market_finds_nobody(holdout: Holdout, tmp_path: Path) -> None:
    rows = [(f"2026-01-{day:02d}", f"x{day % 4}", f"y{day % 7}") for day in range(1, 29)]
    train_market(market_of(tmp_path, rows), tmp_path / "bundle")
    lists = served_lists(Plaza.load(tmp_path / "bundle"), holdout, 5)
    assert (lists == -1).all()


def test_the_table_compares_the_served_lists_with_every_baseline(evaluation: Evaluation) -> None:
    ranking = evaluation.ranking.set_index("method")
    assert ranking.index.tolist() == [
        "served",
        "served by gmv",
        "popularity",
        "item neighbours",
        "implicit ALS",
        "audience alone",
    ]
    assert (ranking["recall_at_10_low"] <= ranking["recall_at_10"]).all()
    assert (ranking["recall_at_10"] <= ranking["recall_at_10_high"]).all()
    shares = ranking.drop(columns=["gini"])
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    assert evaluation.metrics["recall_at_10"] == ranking.loc["served", "recall_at_10"]
    assert evaluation.metrics["popularity_mrr"] == ranking.loc["popularity", "mrr"]
    assert 0 < evaluation.metrics["exposures_inside_80"] <= 1


def test_a_backtest_gives_the_same_twice(evaluation: Evaluation) -> None:
    served = backtest(evaluation.holdout, k=10)
    assert served.ranking["method"].tolist() == ["served", "served by gmv"]
    pd.testing.assert_frame_equal(served.ranking, evaluation.ranking.iloc[:2])
    pd.testing.assert_frame_equal(served.accuracy.intervals, evaluation.accuracy.intervals)


def test_tables_and_plots_are_written(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    paths = save_plots(evaluation, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "coverage.png",
        "intervals.csv",
        "ranking.csv",
        "recall.png",
        "reliability.csv",
        "reliability.png",
    ]
    assert all(path.stat().st_size > 10_000 for path in paths)
    titles = list(evaluation.tables())
    assert titles[0].startswith(f"Ranking: {len(evaluation.holdout.merchants)} merchants")
    assert all(title.endswith("; synthetic market") for title in titles)
    assert pd.read_csv(tmp_path / "ranking.csv")["method"].tolist()[0] == "served"


def test_a_market_without_figures_is_judged_by_its_lists_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(160), unit="D")
    rows = [(str(day), f"m{rng.integers(6)}", f"c{rng.integers(20)}") for day in days]
    evaluation = evaluate_market(market_of(tmp_path, rows), holdout_days=60, k=5)
    methods = ["served", "popularity", "item neighbours", "implicit ALS"]
    assert evaluation.ranking["method"].tolist() == methods
    assert evaluation.accuracy.reliability.empty
    assert not any("synthetic" in title for title in evaluation.tables())
    assert [path.name for path in save_plots(evaluation, tmp_path / "plots")] == ["recall.png"]
    assert "exposures_inside_80" not in evaluation.metrics


def test_intervals_count_what_lies_inside(plaza: Plaza, holdout: Holdout) -> None:
    later = holdout.later.head(40).assign(product_id=None)
    predicted = plaza.predict(later[["merchant_id", "creator_id"]])
    inside = np.arange(len(later)) % 4 > 0
    middle = (predicted["exposures_low"] + predicted["exposures_high"]) / 2
    later["exposures"] = np.where(inside, middle, predicted["exposures_high"] * 2)
    table = check_predictions(plaza, replace(holdout, later=later), None)
    everyone = table.intervals.query("what == 'exposures' and tier == 'all'").iloc[0]
    assert everyone["promotions"] == 40
    assert everyone["inside_80"] == 3 / 4
    assert table.reliability.empty


def test_another_merchants_product_counts_as_none_in_particular(
    plaza: Plaza, holdout: Holdout
) -> None:
    later = holdout.later.head(40).reset_index(drop=True)
    merchants = holdout.ids.merchants.find(later["merchant_id"])[0]
    theirs = int(np.flatnonzero(holdout.ids.product_merchant != merchants[0])[0])
    swapped, blank = later.copy(), later.copy()
    swapped.loc[0, "product_id"] = holdout.ids.products.ids[theirs]
    blank.loc[0, "product_id"] = None
    found, wanted = (
        check_predictions(plaza, replace(holdout, later=rows), "clicks")
        for rows in (swapped, blank)
    )
    pd.testing.assert_frame_equal(found.intervals, wanted.intervals)
    pd.testing.assert_frame_equal(found.reliability, wanted.reliability)


def test_where_nothing_was_sold_there_is_no_ratio(plaza: Plaza, holdout: Holdout) -> None:
    unsold = replace(holdout, later=holdout.later.head(40).assign(gmv=0.0))
    table = check_predictions(plaza, unsold, None).intervals.query("what == 'gmv'")
    assert table["promotions"].max() == 40
    assert table["predicted_over_observed"].isna().all()


def test_reliability_compares_rates_in_rising_groups() -> None:
    rng = np.random.default_rng(1)
    rate = rng.uniform(0.02, 0.2, 2000)
    trials = rng.integers(1, 200, 2000).astype(float)
    orders = rng.binomial(trials.astype(int), rate).astype(float)
    orders[:5] = np.nan
    table = _reliability(rate, trials, orders)
    assert len(table) == 10
    assert table["predicted"].is_monotonic_increasing
    assert np.allclose(table["predicted"], table["observed"], atol=0.012)
    assert table["trials"].sum() == trials[5:].sum()
    inside = (table["observed_low"] <= table["predicted"]) & (
        table["predicted"] <= table["observed_high"]
    )
    assert inside.sum() >= 5
