"""Baselines set inside the past: what is tried, what is chosen, what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.blocks import Block
from training import contest
from training.baselines import Ease, ItemNeighbours
from training.contest import Baselines, grids, spaces
from training.holdouts import hold_out, last_days
from training.market import Market, read_market
from training.meetings import first_days


def block(name: str, n_merchants: int, n_creators: int) -> Block:
    """Vectors at random, all known."""
    rng = np.random.default_rng(len(name))
    sides = [rng.normal(size=(n, 3)) for n in (n_merchants, n_creators, 0)]
    return Block.of(name, *[(side, np.ones(len(side), bool)) for side in sides], None)


@pytest.fixture(scope="module")
def small(tiny_market: Market) -> dict[str, Baselines]:
    """Baselines in both directions."""
    made = {}
    for direction in ("creators", "merchants"):
        held = hold_out(tiny_market, direction=direction)
        n = (len(held.ids.merchants), len(held.ids.creators))
        blocks = {name: block(name, *n) for name in ("audience", "given:a", "category")}
        made[direction] = Baselines.of(held, blocks, 7, by=5)
    return made


@pytest.mark.parametrize("direction", ["creators", "merchants"])
def test_every_baseline_ranks_everybody_it_may(
    tiny_market: Market, small: dict[str, Baselines], direction: str
) -> None:
    held = hold_out(tiny_market, direction=direction)
    lists = small[direction].lists
    names = ["popularity", "item neighbours", "EASE", "implicit ALS", "audience alone"]
    assert list(lists) == names
    for rows in lists.values():
        assert rows.shape == (len(held.askers), 7)
        listed = rows >= 0
        met = np.asarray(held.met[np.repeat(held.askers, 7), rows.ravel()]).reshape(rows.shape)
        assert not met[listed].any()
    assert small[direction].notes == []


def test_the_best_setting_on_the_inner_split_is_chosen(small: dict[str, Baselines]) -> None:
    settings = small["creators"].settings
    assert (settings.groupby("method")["chosen"].sum() == 1).all()
    for method, tried in settings.groupby("method"):
        if method == "popularity":
            assert tried["recall"].isna().all()
        else:
            assert tried["recall"].between(0, 1).all()
            assert tried.loc[tried["chosen"], "recall"].item() == tried["recall"].max()
    audience = settings[settings["method"] == "audience alone"]
    assert audience["setting"].tolist() == ["all spaces", "audience", "given:a"]


def test_what_is_held_out_has_no_part_in_the_choice(tiny_market: Market) -> None:
    held = last_days(tiny_market, 30)
    inner = contest._Inner.of(held)
    assert inner.later.multiply(held.found).nnz == 0
    assert (inner.earlier + inner.later - held.met).nnz == 0
    # The later part is the later one: of the days of first meeting, the last.
    days = first_days(held.past.table("promotions"), held.ids.merchants, held.ids.creators)
    assert days.multiply(inner.earlier > 0).max() <= days.multiply(inner.later).tocsr().data.min()
    assert (np.diff(inner.earlier.indptr)[inner.askers] > 0).all()


def test_many_askers_are_judged_by_some(
    tiny_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = last_days(tiny_market, 30)
    monkeypatch.setattr(contest, "_MOST", 5)
    asked = contest._Inner.of(held).askers
    assert len(asked) == 5
    assert asked.tolist() == contest._Inner.of(held).askers.tolist() == sorted(asked)


def test_a_dense_method_is_left_out_of_a_large_market(
    tiny_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contest, "EASE_LIMIT", 100)
    monkeypatch.setattr(
        contest, "grids", lambda _: {"EASE": [("", Ease())], "x": [("", ItemNeighbours())]}
    )
    made = Baselines.of(last_days(tiny_market, 30), {}, 3)
    assert list(made.lists) == ["x"]
    assert made.notes == ["EASE is left out: 150 candidates, limit 100."]


def test_a_past_too_short_to_be_parted_takes_the_first_setting(tmp_path: Path) -> None:
    rows = [("2026-01-01", "m1", "c1"), ("2026-01-01", "m2", "c2"), ("2026-03-01", "m1", "c2")]
    frame = pd.DataFrame(rows, columns=["occurred_at", "merchant_id", "creator_id"])
    frame.to_csv(tmp_path / "promotions.csv", index=False)
    made = Baselines.of(last_days(read_market(tmp_path), 30), {}, 3)
    assert "audience alone" not in made.lists
    assert (made.settings.loc[made.settings["recall"].notna(), "recall"] == 0).all()
    assert made.settings.groupby("method")["chosen"].first().all()


def test_spaces_are_turned_with_the_direction(tiny_market: Market) -> None:
    held = hold_out(tiny_market, direction="merchants")
    blocks = {"audience": block("audience", 2, 3), "category": block("category", 2, 3)}
    [(askers, candidates)] = spaces(held, blocks).values()
    assert (askers.shape[0], candidates.shape[0]) == (3, 2)
    single = grids({"audience": (askers, candidates)})["audience alone"]
    assert [setting for setting, _ in single] == ["all spaces"]
