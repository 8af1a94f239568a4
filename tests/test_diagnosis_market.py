"""The diagnosis from a market's tables to what is printed and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from matching import Plaza
from matching.diagnosis import Cooperations, Diagnosis
from matching.errors import BadInput, UnknownId
from models.fits import PairFits
from models.outcome import OutcomeModel
from pipelines import cli
from pipelines.chart_names import called, families
from pipelines.console import PIPE_WIDTH
from pipelines.diagnose import diagnosis_document
from pipelines.quadrant_chart import draw_quadrants
from tests.diagnosed import cooperation, cooperations, named, peers
from tests.market_folders import write_market
from training import entities as facts
from training.cooperations import merchant_labels, past_cooperations, past_promotions
from training.entities import Entities
from training.fit import promotion_outcomes, promotion_pairs
from training.market import Market, read_market
from training.promotion_sessions import PastPromotions

CAPTURE = pytest.CaptureFixture[str]


def read(
    folder: Path, promotions: list[dict[str, object]] | pd.DataFrame, **tables: object
) -> tuple[PastPromotions, OutcomeModel, str | None]:
    """Promotions of a market in memory."""
    market = read_market(write_market(folder, promotions=promotions, **tables))  # type: ignore[arg-type]
    ids, pairs, outcomes = fitted(market)
    past, basis = past_promotions(market, ids, outcomes, pairs)
    return past, outcomes, basis


def fitted(market: Market) -> tuple[Entities, Any, OutcomeModel]:
    ids, fits = Entities.of(market), PairFits(None, None)
    pairs = promotion_pairs(market.table("promotions"), ids, fits)
    outcomes = OutcomeModel().fit(
        pairs,
        promotion_outcomes(market),
        creators=facts.creator_features(market, ids.creators),
        merchants=facts.merchant_features(market, ids.merchants),
        products=facts.product_features(market, ids.products),
    )
    return ids, pairs, outcomes


def of(market: Market) -> Cooperations:
    ids, pairs, outcomes = fitted(market)
    return past_cooperations(market, ids, outcomes, pairs)


def row(merchant: str, creator: str, **figures: object) -> dict[str, object]:
    when = {"occurred_at": "2026-01-05T12:00:00Z"}
    return {**when, "merchant_id": merchant, "creator_id": creator, **figures}


def test_ranges_stay_ranges_and_blanks_unknown(tmp_path: Path) -> None:
    rows = [
        row("m1", "c1", session_id="s", clicks=100, orders=4, exposures=900, product_id="p1"),
        row("m1", "c1", session_id="s", orders=4, clicks_low=10, clicks_high=30),
        row("m1", "c1", session_id="s", orders=4, clicks=None),
        row("m2", "c1", session_id="s", clicks_low=50, clicks_high=50, orders_low=1),
    ]
    past, _, basis = read(tmp_path / "m", rows)
    assert basis == "exposures"
    assert np.sort(past.trials.low).tolist() == pytest.approx([10, 50, 100, np.nan], nan_ok=True)
    assert len(set(past.session.tolist())) == 1
    sessions = past.sessions
    assert (sessions.trials.low.tolist(), sessions.trials.high.tolist()) == ([110, 50], [130, 50])
    assert (sessions.orders.low.tolist(), sessions.orders.high.tolist()) == ([8, 1], [8, np.inf])
    assert sessions.shown.low.tolist() == pytest.approx([900, np.nan], nan_ok=True)
    assert sorted(past.product.tolist()) == [-1, -1, -1, 0]


def test_labels_of_merchants(tmp_path: Path) -> None:
    merchants = [
        {"merchant_id": "m1", "industry": "food", "tier": "B"},
        {"merchant_id": "m2", "industry": "beauty"},
    ]
    promotions = [row("m1", "c1"), row("m2", "c1")]
    market = read_market(write_market(tmp_path / "m", promotions=promotions, merchants=merchants))
    labels = merchant_labels(market, Entities.of(market))
    assert (labels.industry.tolist(), labels.tier.tolist()) == ([1, 0], [0, -1])
    assert (labels.industries, labels.tiers) == (["beauty", "food"], ["B"])


def test_views_of_a_session_are_shared_by_its_products(tmp_path: Path) -> None:
    rows = [
        row("m1", "c1", session_id="s", views=1000, orders=4),
        row("m1", "c1", session_id="s", views=1000, orders=6),
        row("m2", "c1", session_id="s", views=1000, orders=5),
        row("m1", "c1", views=300, orders=3),
        row("m1", "c1", views=300, orders=3),
    ]
    past, outcomes, basis = read(tmp_path / "m", rows)
    assert (outcomes.trials_basis_, basis) == ("views", "views")
    sessions = past.sessions
    assert sorted(sessions.trials.low[sessions.pair == 0].tolist()) == [300, 300, 1000]
    assert sessions.orders.low.tolist()[-1] == 5


def test_nothing_but_who_met_whom(tmp_path: Path) -> None:
    past, outcomes, basis = read(tmp_path / "m", [row("m1", "c1"), row("m2", "c1")])
    assert (outcomes.trials_basis_, basis) == (None, None)
    assert not past.trials.known.any()


def test_the_order_of_the_file_does_not_matter(tiny_market: Market) -> None:
    rows = tiny_market.table("promotions")
    mixed = rows.sample(frac=1.0, random_state=3).reset_index(drop=True)
    other = tiny_market.holding({**tiny_market.tables, "promotions": mixed})
    ids = Entities.of(tiny_market)
    for merchant in range(0, len(ids.merchants), 5):
        one, two = (
            Diagnosis(all_).of(merchant, ids.creators.ids) for all_ in (of(tiny_market), of(other))
        )
        pd.testing.assert_frame_equal(one, two, rtol=1e-5)
        break


def test_the_plaza_diagnoses_every_merchant(plaza: Plaza) -> None:
    for merchant in plaza.merchant_ids[:6]:
        frame = plaza.diagnose(merchant)
        history = plaza._learnt.history
        at = int(np.flatnonzero(plaza.merchant_ids == merchant)[0])
        assert set(frame["creator_id"]) == set(plaza.creator_ids[history.creators_of(at)])
        assert frame["sessions"].is_monotonic_decreasing
        known = frame[frame["quadrant"] != "unknown"]
        assert known["sureness"].between(0.25, 1).all()
        assert (known["conversion_low"] <= known["conversion"]).all()
        assert (known["conversion"] <= known["conversion_high"]).all()
    pd.testing.assert_frame_equal(frame, plaza.diagnose(merchant))


def test_who_is_nobody_is_said(plaza: Plaza) -> None:
    with pytest.raises(UnknownId, match=r"no table holds this merchant: 'm99' is not among"):
        plaza.diagnose("m99")
    with pytest.raises(BadInput, match=r"merchant_id: got 7, expected one id as a text"):
        plaza.diagnose(7)  # type: ignore[arg-type]


def test_the_command_prints_and_draws(
    tiny_bundle: Path, tmp_path: Path, capsys: CAPTURE, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["diagnose", str(tiny_bundle), "m03", "--plot", "q.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["creator", "sure", "%"]
    assert any(line.startswith("Both low: Change the product") for line in lines)
    assert lines[-2] == "The market is synthetic: nothing in it is real."
    assert lines[-1] == "The chart is in q.png"
    assert max(map(len, lines)) <= PIPE_WIDTH
    drawn = Path("q.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    assert cli.run(["diagnose", str(tiny_bundle), "m03", "--reasons", "--plot", "r.png"]) == 0
    out = capsys.readouterr().out
    assert "  • " in out
    assert "is usual." in out
    assert drawn == Path("r.png").read_bytes()
    assert cli.run(["diagnose", str(tiny_bundle), "m99"]) == 2
    assert "alliance: no table holds this merchant: 'm99'" in capsys.readouterr().err


def test_a_merchant_without_cooperations_is_told_so(
    tmp_path: Path, capsys: CAPTURE, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_market(
        Path("market"),
        promotions=[row(f"m{n % 4}", f"c{n % 7}", session_id=f"s{n}") for n in range(40)],
        merchants=[{"merchant_id": "m9"}],
    )
    assert cli.run(["train", "market", "--bundle", "b", "--no-track"]) == 0
    capsys.readouterr()
    assert cli.run(["diagnose", "b", "m9"]) == 0
    assert capsys.readouterr().out == "m9 has not worked with any creator yet.\n"
    assert cli.run(["diagnose", "b", "m1"]) == 0
    out = capsys.readouterr().out
    assert "Unknown: Ask the creator for its figures" in out
    assert cli.run(["diagnose", "b", "m1", "--plot", "q.png"]) == 2
    assert "m1: none of 7 cooperations has a known conversion" in capsys.readouterr().err


def test_one_json_document(tiny_bundle: Path, capsys: CAPTURE, tmp_path: Path) -> None:
    chart = tmp_path / "q.png"
    assert cli.run(["diagnose", str(tiny_bundle), "m03", "--json", "--out", str(chart)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    told = json.loads(out)
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert (told["merchant_id"], told["synthetic"], told["interval"]) == ("m03", True, 0.8)
    frame = Plaza.load(tiny_bundle).diagnose("m03")
    assert [one["creator_id"] for one in told["cooperations"]] == frame["creator_id"].tolist()
    one = told["cooperations"][0]
    assert set(one) == {*frame.columns, "settles"}
    assert one["conversion"] == pytest.approx(frame["conversion"].iloc[0], nan_ok=True)
    assert told["notes"] == frame.attrs["notes"]


def test_json_knows_neither_unknown_nor_never() -> None:
    rows = [*peers(), *cooperation(0, 8, 2000, 120, 60_000), *cooperation(1, 2, np.nan, 1, 9.0)]
    frame = Diagnosis(cooperations(rows)).of(0, named(16), [np.nan] * 16, "m0")
    frame["sessions_to_80"] = [np.inf, np.nan]
    known, unknown = json.loads(diagnosis_document(frame, "m0"))["cooperations"]
    assert (known["sessions_to_80"], known["settles"], known["name"]) == (None, False, None)
    assert (unknown["sessions_to_80"], unknown["settles"], unknown["conversion"]) == (None,) * 3
    frame["sessions_to_80"] = [3.0, np.nan]
    assert json.loads(diagnosis_document(frame, "m0"))["cooperations"][0]["settles"] is True


def drawn(frame: pd.DataFrame) -> Any:
    figure = draw_quadrants(frame, "m0")
    figure.canvas.draw()
    return figure.axes[0]


def test_the_chart_says_what_is_left_out_and_that_it_is_synthetic() -> None:
    rows = [*peers(), *cooperation(0, 8, 2000, 120, 60_000), *cooperation(1, 8, 2000, 30, 60_000)]
    rows += [*cooperation(2, 2, np.nan, np.nan, 500.0)]
    rows += [one for n in range(3, 10) for one in cooperation(n, 6, 2000, 30 - n, 1000 + 300 * n)]
    names = ["Ada (synthetic)", None, *["somebody of a long name"] * 14]
    frame = Diagnosis(cooperations(rows)).of(0, named(16), names, "m0")
    frame.attrs["synthetic"] = True
    axes = drawn(frame)
    assert axes.get_title(loc="left") == "Cooperations of m0 (synthetic market)"
    texts = [text.get_text() for text in axes.texts]
    assert any("1 without known figures left out" in text for text in texts)
    assert any("Both are compared with the average of 4 other" in text for text in texts)
    assert "Main contributor (1)\nstrengthen" in texts
    assert {"Ada", "c1"} <= set(texts)
    assert texts.count("somebody of a lon…") < 7
    assert {line.get_marker() for line in axes.lines} >= {"o", "s", "D"}


def test_each_corner_of_the_chart_has_room() -> None:
    # All far below the usual: the yardsticks must not lie at the edge.
    rows = [*peers(), *cooperation(0, 8, 2000, 5, 100), *cooperation(1, 8, 2000, 6, 120)]
    axes = drawn(Diagnosis(cooperations(rows)).of(0, named(16)))
    for low, high, usual in (
        (*np.log(axes.get_xlim()), np.log(10_000)),
        (*np.log(axes.get_ylim()), np.log(3)),
    ):
        assert 0.2 < (usual - low) / (high - low) < 0.8


def test_names_that_no_font_can_draw_give_way_to_ids() -> None:
    strange = "\U00013000"  # a hieroglyph
    assert called(strange, "c7") == "c7"
    assert called(np.nan, "c7") == "c7"
    assert called("  ", "c7") == "c7"
    assert called("阿米", "c7") == ("阿米" if len(families()) > 1 else "c7")
    rows = [*peers(), *cooperation(0, 8, 2000, 120, 60_000)]
    frame = Diagnosis(cooperations(rows)).of(0, named(16), ["a $1 $2 _x^"] * 16)
    assert "a $1 $2 _x^" in [text.get_text() for text in drawn(frame).texts]
