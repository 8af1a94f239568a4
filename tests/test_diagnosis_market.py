"""The diagnosis from a market's tables to what is printed and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matching import Plaza
from matching.diagnosis import Cooperations, Diagnosis
from matching.errors import BadInput, UnknownId
from models.fits import PairFits
from models.outcome import OutcomeModel
from pipelines import cli
from pipelines.console import PIPE_WIDTH
from pipelines.quadrant_chart import draw_quadrants
from tests.diagnosed import cooperation, cooperations, named, peers
from tests.market_folders import write_market
from training import entities as facts
from training.cooperations import past_cooperations
from training.entities import Entities
from training.fit import promotion_outcomes, promotion_pairs
from training.market import Market, read_market

CAPTURE = pytest.CaptureFixture[str]


def read(
    folder: Path, promotions: list[dict[str, object]] | pd.DataFrame, **tables: object
) -> Cooperations:
    """Cooperations of a market in memory."""
    market = read_market(write_market(folder, promotions=promotions, **tables))  # type: ignore[arg-type]
    return of(market)


def of(market: Market) -> Cooperations:
    ids, fits = Entities.of(market), PairFits(None, None)
    pairs = promotion_pairs(market.table("promotions"), ids, fits)
    outcomes = OutcomeModel().fit(
        pairs,
        promotion_outcomes(market),
        creators=facts.creator_features(market, ids.creators),
        merchants=facts.merchant_features(market, ids.merchants),
        products=facts.product_features(market, ids.products),
    )
    return past_cooperations(market, ids, outcomes, pairs)


def row(merchant: str, creator: str, **figures: object) -> dict[str, object]:
    when = {"occurred_at": "2026-01-05T12:00:00Z"}
    return {**when, "merchant_id": merchant, "creator_id": creator, **figures}


def test_ranges_and_blanks_are_unknown(tmp_path: Path) -> None:
    past = read(
        tmp_path / "m",
        [
            row("m1", "c1", session_id="s", clicks=100, orders=4, exposures=900, product_id="p1"),
            row("m1", "c1", session_id="s", orders=4, clicks_low=10, clicks_high=30),
            row("m2", "c1", session_id="s", clicks_low=50, clicks_high=50, orders=1),
        ],
        merchants=[
            {"merchant_id": "m1", "industry": "food", "tier": "B"},
            {"merchant_id": "m2", "industry": "beauty"},
        ],
    )
    assert np.sort(past.trials).tolist() == pytest.approx([50, 100, np.nan], nan_ok=True)
    assert len(set(past.session.tolist())) == 1
    assert past.industry.tolist() == [1, 0]
    assert past.tier.tolist() == [0, -1]
    assert (past.industries, past.tiers) == (["beauty", "food"], ["B"])
    sessions = past.sessions
    assert sessions.trials.tolist() == [100, 50]
    assert sessions.orders.tolist() == [4, 1]
    assert sorted(past.product.tolist()) == [-1, -1, 0]


def test_views_of_a_session_are_shared_by_its_products(tmp_path: Path) -> None:
    past = read(
        tmp_path / "m",
        [
            row("m1", "c1", session_id="s", views=1000, orders=4),
            row("m1", "c1", session_id="s", views=1000, orders=6),
            row("m2", "c1", session_id="s", views=1000, orders=5),
            row("m1", "c1", views=300, orders=3),
            row("m1", "c1", views=300, orders=3),
        ],
    )
    assert (past.trials_basis, past.shown_basis) == ("views", "views")
    sessions = past.sessions
    assert sorted(sessions.trials[sessions.pair == 0].tolist()) == [300, 300, 1000]
    assert sessions.orders.tolist()[-1] == 5


def test_nothing_but_who_met_whom(tmp_path: Path) -> None:
    past = read(tmp_path / "m", [row("m1", "c1"), row("m2", "c1")])
    assert (past.trials_basis, past.shown_basis) == (None, None)
    assert np.isnan(past.trials).all()


def test_the_order_of_the_file_does_not_matter(tiny_market: Market) -> None:
    rows = tiny_market.table("promotions")
    mixed = rows.sample(frac=1.0, random_state=3).reset_index(drop=True)
    other = tiny_market.holding({**tiny_market.tables, "promotions": mixed})
    one, two = of(tiny_market).state(), of(other).state()
    for name, value in one.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(value, two[name], rtol=1e-6)
        else:
            assert value == two[name]


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


def test_the_chart_says_what_is_left_out_and_that_it_is_synthetic() -> None:
    rows = [*peers(), *cooperation(0, 8, 2000, 120, 60_000), *cooperation(1, 8, 2000, 30, 60_000)]
    rows += [*cooperation(2, 2, np.nan, np.nan, 500.0)]
    rows += [one for n in range(3, 10) for one in cooperation(n, 6, 2000, 30 - n, 1000 + 300 * n)]
    past = cooperations(rows)
    names = ["Ada", None, *["somebody of a long name"] * (past.shape[1] - 2)]
    frame = Diagnosis(past).of(0, named(past.shape[1]), names, "m0")
    frame.attrs["synthetic"] = True
    axes = draw_quadrants(frame, "m0").axes[0]
    assert axes.get_title(loc="left") == "Cooperations of m0 (synthetic market)"
    assert "1 without known figures are left out" in axes.get_xlabel()
    texts = [text.get_text() for text in axes.texts]
    assert "Ada" in texts
    assert "c1" in texts
    assert texts.count("somebody of a long name") < 7
