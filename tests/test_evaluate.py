"""The backtest: what is held out, what is asked, and figures whose answer is known."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from matching import Plaza
from pipelines.console import print_frame
from pipelines.evaluate import evaluate, notes, printed_tables
from training.accuracy import check_predictions
from training.backtest import Holdout
from training.evaluate import backtest, evaluate_market, served_recall
from training.evaluation import Evaluation
from training.fit import train_market
from training.holdouts import last_days
from training.judgement import per_asker
from training.list_plots import (
    plot_curve,
    plot_exposure,
    plot_leads,
    plot_recall,
    plot_tradeoff,
)
from training.market import Market, read_market
from training.plots import save_plots
from training.reliability import reliability_table
from training.served import served_lists, served_methods


def trained_once(bundle: Path) -> Callable[..., object]:
    """Stand in for a training whose bundle is there already."""
    return lambda _, folder, **__: shutil.copytree(bundle, folder)


def market_of(folder: Path, rows: list[tuple[str, str, str]]) -> Market:
    """A market of nothing but meetings: moment, merchant, creator."""
    frame = pd.DataFrame(rows, columns=["occurred_at", "merchant_id", "creator_id"])
    frame.to_csv(folder / "promotions.csv", index=False)
    return read_market(folder)


def test_served_lists_are_new_known_and_as_the_plaza_gives_them(
    holdout: Holdout, past_bundle: Path
) -> None:
    plaza = Plaza.load(past_bundle)
    lists = served_lists(plaza, holdout, 10)
    assert lists.shape == (len(holdout.askers), 10)
    for merchant, row in zip(holdout.askers, lists, strict=True):
        name = holdout.asking.ids[merchant]
        given = plaza.creators_for(name, k=10, objective="match", exclude_worked_with=True)
        assert holdout.ids.creators.ids[row[row >= 0]].tolist() == given["creator_id"].tolist()
        assert holdout.met[merchant].toarray().ravel()[row[row >= 0]].sum() == 0
    assert served_recall(plaza, holdout, 10) == per_asker(lists, holdout, 10)["recall"].mean()


def test_creators_are_served_as_merchants_are(
    last_partner: Holdout, last_partner_bundle: Path
) -> None:
    held, plaza = last_partner, Plaza.load(last_partner_bundle)
    methods = served_methods(plaza, held, 6, [0, 0.5])
    assert list(methods) == ["served", "served by gmv", "served, variety 0.5"]
    for name, objective, variety in (("served", "match", 0), ("served, variety 0.5", "match", 0.5)):
        for creator, row in list(zip(held.askers, methods[name], strict=True))[:20]:
            given = plaza.merchants_for(
                held.asking.ids[creator],
                k=6,
                objective=objective,
                exclude_worked_with=True,
                variety=variety,
            )
            assert held.candidates.ids[row[row >= 0]].tolist() == given["merchant_id"].tolist()
    assert not np.array_equal(methods["served"], methods["served, variety 0.5"])


def test_an_older_plaza_is_asked_the_same(
    tiny_market: Market, holdout: Holdout, past_bundle: Path
) -> None:
    later = last_days(tiny_market, 10)
    assert (later.met.sum(), later.cut) > (holdout.met.sum(), holdout.cut)
    lists = served_lists(Plaza.load(past_bundle), later, 5)
    for merchant, row in zip(later.askers, lists, strict=True):
        assert later.met[merchant].toarray().ravel()[row[row >= 0]].sum() == 0
    assert (lists >= 0).any()


def test_a_plaza_of_another_market_finds_nobody(holdout: Holdout, tmp_path: Path) -> None:
    rows = [(f"2026-01-{day:02d}", f"x{day % 4}", f"y{day % 7}") for day in range(1, 29)]
    train_market(market_of(tmp_path, rows), tmp_path / "bundle")
    lists = served_lists(Plaza.load(tmp_path / "bundle"), holdout, 5)
    assert (lists == -1).all()


METHODS = [
    "served",
    "served by gmv",
    "served, variety 0.3",
    "popularity",
    "item neighbours",
    "EASE",
    "implicit ALS",
    "audience alone",
]


def test_the_table_compares_the_served_lists_with_every_baseline(evaluation: Evaluation) -> None:
    ranking = evaluation.ranking.set_index("method")
    assert ranking.index.tolist() == METHODS
    for name in ("recall_at_10", "ndcg_at_10"):
        assert (ranking[f"{name}_low"] <= ranking[name]).all()
        assert (ranking[name] <= ranking[f"{name}_high"]).all()
    for name in ("recall", "ndcg", "mrr", "map", "hit_rate", "coverage", "gini"):
        assert ranking[f"{name}_at_10"].between(0, 1).all()
    assert (ranking["median_rank_at_50"] >= 1).all()
    assert ranking["diversity_at_10"].between(0, 2).all()
    assert ranking.loc["popularity", "coverage_at_10"] == ranking["coverage_at_10"].min()
    assert ranking.loc["popularity", "popularity_lift_at_10"] > 0


def test_leads_belong_to_the_table(evaluation: Evaluation) -> None:
    ranking = evaluation.ranking.set_index("method")
    for row in evaluation.ahead.itertuples():
        apart = ranking.loc["served", row.metric] - ranking.loc[row.method, row.metric]
        assert row.ahead == pytest.approx(apart)
        assert row.low <= row.ahead <= row.high
        assert 0 < row.p <= row.p_holm <= 1
    assert set(evaluation.ahead["method"]) == set(METHODS[3:])


def test_every_asker_and_every_length_is_there(evaluation: Evaluation) -> None:
    ranking = evaluation.ranking.set_index("method")
    by_method = evaluation.askers.groupby("method")
    assert (by_method.size() == len(evaluation.holdout.askers)).all()
    np.testing.assert_allclose(by_method["recall"].mean()[METHODS], ranking["recall_at_10"])
    at_10 = evaluation.curve[evaluation.curve["k"] == 10].set_index("method")
    np.testing.assert_allclose(at_10["recall"], ranking["recall_at_10"])
    assert evaluation.curve["k"].max() == 50
    assert (evaluation.exposure > 0).mean()[METHODS].tolist() == pytest.approx(
        ranking["coverage_at_10"].tolist()
    )


def test_metrics_are_named_by_method_and_finite(evaluation: Evaluation) -> None:
    found = evaluation.metrics
    ranking = evaluation.ranking.set_index("method")
    assert found["recall_at_10"] == ranking.loc["served", "recall_at_10"]
    assert found["popularity_mrr_at_10"] == ranking.loc["popularity", "mrr_at_10"]
    variety = ranking.loc["served, variety 0.3", "ndcg_at_10"]
    assert found["served_variety_0.3_ndcg_at_10"] == variety
    lead = evaluation.ahead.set_index(["metric", "method"]).loc[("recall_at_10", "EASE")]
    assert found["ahead_of_EASE_recall_at_10"] == lead["ahead"]
    assert found["ahead_of_EASE_recall_at_10_p_holm"] == lead["p_holm"]
    assert 0 < found["exposures_inside_80"] <= 1
    assert np.isfinite(list(found.values())).all()
    beyond = replace(evaluation, ranking=ranking.assign(median_rank_at_50=np.inf).reset_index())
    assert "median_rank_at_50" not in beyond.metrics


def test_a_backtest_gives_the_same_twice(
    monkeypatch: pytest.MonkeyPatch, evaluation: Evaluation, past_bundle: Path
) -> None:
    monkeypatch.setattr("training.evaluate.train_market", trained_once(past_bundle))
    served = backtest(evaluation.holdout, k=10, depth=50)
    assert served.ranking["method"].tolist() == ["served", "served by gmv"]
    pd.testing.assert_frame_equal(served.ranking, evaluation.ranking.iloc[:2])
    pd.testing.assert_frame_equal(served.accuracy.intervals, evaluation.accuracy.intervals)
    assert served.ahead.empty
    assert not any("ahead" in title for title in printed_tables(served))
    assert len(notes(served)) == 1
    assert sorted(served.files()) == [
        "askers", "exposure", "intervals", "ranking", "recall_curve", "reliability",
    ]  # fmt: skip


def test_tables_and_plots_are_written(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    paths = save_plots(evaluation, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ahead.csv",
        "ahead.png",
        "askers.csv",
        "baselines.csv",
        "coverage.png",
        "exposure.csv",
        "exposure.png",
        "intervals.csv",
        "ranking.csv",
        "recall.png",
        "recall_and_coverage.png",
        "recall_curve.csv",
        "recall_curve.png",
        "reliability.csv",
        "reliability.png",
    ]
    assert all(path.stat().st_size > 10_000 for path in paths)
    assert pd.read_csv(tmp_path / "ranking.csv")["method"].tolist() == METHODS
    assert len(pd.read_csv(tmp_path / "exposure.csv")) == len(evaluation.holdout.candidates)


def test_plots_say_what_was_asked_and_that_it_is_synthetic(evaluation: Evaluation) -> None:
    for plot in (plot_recall, plot_curve, plot_leads, plot_exposure, plot_tradeoff):
        [axes] = plot(evaluation).axes
        assert axes.get_title(loc="left").endswith(" (synthetic market)")
        assert any("merchants ask for creators" in text.get_text() for text in axes.texts)
        assert axes.get_xlabel()


def test_printed_tables_fit_and_say_it_is_synthetic(evaluation: Evaluation) -> None:
    tables = printed_tables(evaluation)
    titles = list(tables)
    assert titles[0] == ("Found in the first 10; median rank of the first hit; synthetic market")
    assert all(title.endswith("; synthetic market") for title in titles)
    console = Console(width=100, record=True, file=io.StringIO(), markup=False, highlight=False)
    for title, table in tables.items():
        print_frame(console, table, title)
    text = console.export_text()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "…" not in text
    assert evaluation.title.startswith("Temporal split: ")
    assert evaluation.title.endswith(" Synthetic market.")
    [settings, same] = notes(evaluation)
    assert settings.startswith("Baselines were set by a split inside the past. item neighbours: s")
    assert evaluation.holdout.fingerprint[:12] in same


def test_an_evaluation_is_tracked_where_asked(
    monkeypatch: pytest.MonkeyPatch, evaluation: Evaluation, tiny_folder: Path, tmp_path: Path
) -> None:
    tracked: list[str] = []

    def track(found: Evaluation, *, experiment: str) -> None:
        assert found is evaluation
        tracked.append(experiment)

    monkeypatch.setattr("pipelines.evaluate.evaluate_market", lambda *_, **__: evaluation)
    monkeypatch.setattr("pipelines.evaluate.save_plots", lambda *_: None)
    monkeypatch.setattr("training.tracking.track_evaluation", track)
    assert evaluate(tiny_folder, tmp_path, track=False).set_aside == 0
    assert tracked == []
    assert evaluate(tiny_folder, tmp_path, experiment="mine").evaluation is evaluation
    assert tracked == ["mine"]
    assert (tmp_path / "ranking.csv").is_file()


def test_a_first_hit_beyond_the_lists_is_printed_as_such(evaluation: Evaluation) -> None:
    ranking = evaluation.ranking.assign(median_rank_at_50=[np.inf, 3.5, *[7.0] * 6])
    first = next(iter(printed_tables(replace(evaluation, ranking=ranking)).values()))
    assert first["first hit"].tolist()[:3] == ["> 50", "3.5", "7"]


@pytest.fixture(scope="module", params=["merchants", "creators"])
def newcomers(
    request: pytest.FixtureRequest, tiny_market: Market, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Evaluation, Path]:
    """Who is cold, how they are found when asked for, and the bundle that does not know them."""
    folder = tmp_path_factory.mktemp("cold")
    found = evaluate_market(
        tiny_market,
        split=f"cold-{request.param}",
        direction=request.param,
        share=0.5,
        seed=1,
        k=5,
        variety=(),
        workdir=folder,
    )
    return request.param, found, folder / "bundle"


def test_newcomers_compete_among_themselves(newcomers: tuple[str, Evaluation, Path]) -> None:
    who, found, bundle = newcomers
    held = found.holdout
    cold = set(held.later[f"{who.removesuffix('s')}_id"])
    assert set(held.candidates.ids[held.among]) == set(found.exposure.index) == cold
    assert found.params["candidates"] == len(cold) < len(held.candidates)
    # Never sampled: a list that is long enough holds each of them, and nobody else.
    lists = served_lists(Plaza.load(bundle), held, len(held.candidates), variety=0.5)
    np.testing.assert_array_equal(np.unique(lists), [-1, *held.among])
    assert ((lists >= 0).sum(axis=1) == len(cold)).all()
    assert set(found.exposure.sum()) == {5 * len(held.askers)}
    told = f"ask which of the {len(cold)} {who} without a past (50 % by seed 1); "
    assert told in found.title
    [first, *_] = printed_tables(found)
    assert first.startswith(f"Found in the first 5 of {len(cold)} newcomers; median rank")
    assert f"lists at random would find {5 / len(cold):.3f}" in notes(found)[0]
    ranking = found.ranking.set_index("method")
    # What knows nothing of histories beats chance; what knows nothing else cannot tell who is who.
    assert ranking.loc["audience alone", "recall_at_5"] > 5 / len(cold)
    assert ranking.loc["served", "recall_at_5"] > 5 / len(cold)
    for name in ("item neighbours", "EASE", "implicit ALS"):
        assert ranking.loc[name, "recall_at_5"] == ranking.loc["popularity", "recall_at_5"]


def test_lists_with_room_for_all_newcomers_are_called_so(
    newcomers: tuple[str, Evaluation, Path],
) -> None:
    _, found, _ = newcomers
    pool = len(found.holdout.among)
    for k in (pool, 797):
        named = found.ranking.rename(
            columns=lambda name, k=k: re.sub("_at_5(?!0)", f"_at_{k}", name)
        )
        long = replace(found, k=k, ranking=named)
        titles = list(printed_tables(long))
        assert titles[0].startswith(f"Found in lists of all {pool} newcomers; median rank of the f")
        assert f"Whom lists of all {pool} newcomers show; synthetic market" in titles
        assert (
            f"Only the {pool} newcomers compete; lists of {k} have room for all, so take a "
            "smaller k to compare. Methods"
        ) in notes(long)[0]


def test_newcomers_ask_among_everybody(
    monkeypatch: pytest.MonkeyPatch, tiny_market: Market, newcomers: tuple[str, Evaluation, Path]
) -> None:
    who, asked_for, bundle = newcomers
    monkeypatch.setattr("training.evaluate.train_market", trained_once(bundle))
    [direction] = {"merchants", "creators"} - {who}
    found = evaluate_market(
        tiny_market, split=f"cold-{who}", direction=direction, share=0.5, seed=1, k=5, variety=()
    )
    assert found.holdout.past.fingerprint == asked_for.holdout.past.fingerprint
    assert found.params["candidates"] == len(found.holdout.candidates)
    assert f"{who} without a past (50 % by seed 1) ask for {direction}; " in found.title
    ranking = found.ranking.set_index("method")
    for name in ("item neighbours", "EASE", "implicit ALS"):
        assert ranking.loc[name, "recall_at_5"] == ranking.loc["popularity", "recall_at_5"]
    assert ranking["popularity_lift_at_5"].isna().all()
    assert (found.accuracy.intervals["promotions"] > 0).any()


def test_a_plaza_that_knows_no_newcomer_lists_nobody(
    newcomers: tuple[str, Evaluation, Path], plaza: Plaza
) -> None:
    _, found, _ = newcomers
    strangers = replace(found.holdout, among=np.empty(0, dtype=np.int32))
    assert (served_lists(plaza, strangers, 5) == -1).all()


def test_a_market_without_figures_is_judged_by_its_lists_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(160), unit="D")
    rows = [(str(day), f"m{rng.integers(6)}", f"c{rng.integers(20)}") for day in days]
    evaluation = evaluate_market(market_of(tmp_path, rows), holdout_days=60, k=5)
    methods = ["served", "served, variety 0.1", "served, variety 0.3", *METHODS[3:-1]]
    assert evaluation.ranking["method"].tolist() == methods
    assert evaluation.ranking["diversity_at_5"].isna().all()
    assert evaluation.accuracy.reliability.empty
    assert "ynthetic" not in evaluation.title + "".join(printed_tables(evaluation))
    drawn = [path.stem for path in save_plots(evaluation, tmp_path / "plots")]
    assert drawn == ["recall", "recall_curve", "ahead", "exposure", "recall_and_coverage"]
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
    table = reliability_table(rate, trials, orders)
    assert len(table) == 10
    assert table["predicted"].is_monotonic_increasing
    assert np.allclose(table["predicted"], table["observed"], atol=0.012)
    assert table["trials"].sum() == trials[5:].sum()
    inside = (table["observed_low"] <= table["predicted"]) & (
        table["predicted"] <= table["observed_high"]
    )
    assert inside.sum() >= 5
