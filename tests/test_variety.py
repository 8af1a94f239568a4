"""Variety re-ranks the head of a list, exactly filtered, and invents nobody."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from matching import BadInput, Plaza, Where, requests, variety
from matching.variety import check_variety, varied, worth_of
from models.whitening import unit
from training.market import Market, read_market

SEEDS = st.integers(0, 2**32 - 1)
KNOBS = st.sampled_from([0.0, 0.1, 0.5, 1.0])


def _list(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Worth (best first, some of it nothing), prices and vectors of a list, with ties."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 260))
    worth = np.sort(rng.integers(-9, 9, n) / rng.choice([1.0, 1e-6, 1e9]))[::-1]
    spread = float(worth.std()) if n else 0.0
    worth = np.append(worth, np.full(int(rng.integers(0, 5)), -np.inf))
    prices = rng.integers(0, 2, len(worth)) * rng.random(len(worth)) * spread
    vectors = unit(rng.integers(-1, 2, (len(worth), 3)).astype(np.float32))
    return worth, prices.astype(np.float32), vectors


@given(SEEDS, KNOBS, st.integers(1, 300))
def test_a_list_is_re_ranked_within_the_pool_and_nobody_is_lost_or_twice_there(
    seed: int, knob: float, k: int
) -> None:
    worth, prices, vectors = _list(seed)
    places = varied(worth, prices, vectors, knob, k)
    assert len(places) == min(k, len(worth)) == len(set(places.tolist()))
    pool = min(variety.POOL, int(np.isfinite(worth).sum()))
    assert set(places[:pool].tolist()) <= set(range(pool))
    if k >= pool:
        assert sorted(places[:pool].tolist()) == list(range(pool))
    assert places[pool:].tolist() == list(range(pool, len(places)))


@given(SEEDS, KNOBS, st.integers(1, 299))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(seed: int, knob: float, k: int) -> None:
    worth, prices, vectors = _list(seed)
    whole = varied(worth, prices, vectors, knob, 300)
    assert varied(worth, prices, vectors, knob, k).tolist() == whole[:k].tolist()


@given(SEEDS)
def test_without_variety_the_order_stays(seed: int) -> None:
    worth, prices, vectors = _list(seed)
    assert varied(worth, prices, vectors, 0.0, 300).tolist() == list(range(len(worth)))


@given(SEEDS, KNOBS, st.sampled_from([0.5, 4.0, 1024.0]))
def test_the_unit_of_the_objective_does_not_matter(seed: int, knob: float, unit_: float) -> None:
    worth, prices, vectors = _list(seed)
    one = varied(worth, prices, vectors, knob, 30)
    # Powers of two, so that no digit is lost on the way.
    other = varied(worth * unit_, prices * np.float32(unit_), vectors, knob, 30)
    assert one.tolist() == other.tolist()


def test_a_list_worth_nothing_stays() -> None:
    nothing = np.full(3, -np.inf)
    assert varied(nothing, np.ones(3), np.eye(3, dtype=np.float32), 1.0, 2).tolist() == [0, 1]


def test_who_is_in_everybodys_list_makes_room() -> None:
    worth, nobody = np.array([3.0, 2.5, 1.0]), np.zeros((3, 2), np.float32)
    prices = np.array([1.0, 0.0, 0.0])
    assert varied(worth, prices, nobody, 0.4, 3).tolist() == [0, 1, 2]
    assert varied(worth, prices, nobody, 0.6, 3).tolist() == [1, 0, 2]


def test_worth_of_affinity_is_itself_and_of_amounts_their_log() -> None:
    scores = np.array([2.0, -1.0, 0.0, np.nan])
    assert worth_of("match", scores).tolist() == [2.0, -1.0, 0.0, -np.inf]
    assert worth_of("net", scores).tolist() == [np.log(2.0), -np.inf, -np.inf, -np.inf]


@pytest.mark.parametrize("knob", [-0.1, 1.5, float("nan"), "0.3", None, True])
def test_a_knob_that_cannot_be_set_so(plaza: Plaza, knob: object) -> None:
    words = "variety: got .*, expected a number from 0 .* to 1"
    with pytest.raises(BadInput, match=words):
        check_variety(knob)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=words):
        plaza.creators_for("m00", variety=knob)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=words):
        plaza.merchants_for("c000", variety=knob)  # type: ignore[arg-type]


@pytest.mark.parametrize("objective", ["match", "gmv", "net", "conversion"])
def test_a_varied_list_holds_the_head_of_the_filtered_ranking(
    plaza: Plaza, monkeypatch: pytest.MonkeyPatch, objective: str
) -> None:
    for module in (variety, requests):
        monkeypatch.setattr(module, "POOL", 30)
    where = Where(followers=(1_000, None))
    for one in plaza.merchant_ids[:6]:
        plain = plaza.creators_for(one, k=200, objective=objective, where=where)
        whole = plaza.creators_for(one, k=200, objective=objective, where=where, variety=0.7)
        assert whole["rank"].tolist() == list(range(1, len(whole) + 1))
        assert set(whole["creator_id"][:30]) == set(plain["creator_id"][:30])
        assert whole["creator_id"][30:].tolist() == plain["creator_id"][30:].tolist()
        told = ["creator_id", "score", "expected_gmv", "reasons", "sources"]
        pd.testing.assert_frame_equal(
            whole[told].sort_values("creator_id", ignore_index=True),
            plain[told].sort_values("creator_id", ignore_index=True),
        )
        for k in (1, 10, 29, 31):
            short = plaza.creators_for(one, k=k, objective=objective, where=where, variety=0.7)
            pd.testing.assert_frame_equal(short, whole.head(k))


@pytest.mark.parametrize("objective", ["match", "gmv"])
def test_one_or_many_give_the_same_in_both_directions(plaza: Plaza, objective: str) -> None:
    asked = {"k": 5, "objective": objective, "variety": 0.4}
    for ask, ids, name in (
        (plaza.creators_for, plaza.merchant_ids[:8], "merchant_id"),
        (plaza.merchants_for, plaza.creator_ids[:8], "creator_id"),
    ):
        together = ask(ids.tolist(), **asked)
        for one in ids:
            mine = together[together[name] == one].drop(columns=name).reset_index(drop=True)
            pd.testing.assert_frame_equal(ask(str(one), **asked), mine)


def test_no_variety_is_what_it_was(plaza: Plaza) -> None:
    ids = plaza.merchant_ids.tolist()
    pd.testing.assert_frame_equal(
        plaza.creators_for(ids, k=7), plaza.creators_for(ids, k=7, variety=0)
    )
    assert plaza.creators_for("m00", k=3, variety=np.float32(0.5)).shape == (3, 27)


@pytest.mark.parametrize("objective", ["exposure", "gmv"])
def test_more_variety_names_more_creators(plaza: Plaza, objective: str) -> None:
    ids = plaza.merchant_ids.tolist()

    def named(knob: float) -> int:
        lists = plaza.creators_for(ids, k=5, objective=objective, variety=knob)
        return lists["creator_id"].nunique()

    assert named(0.0) < named(0.5) < named(1.0)
    assert named(1.0) > 1.3 * named(0.0)


def test_a_market_that_tells_no_outcome_can_be_varied_too(
    tmp_path: Path, tiny_market: Market
) -> None:
    from training.fit import train_market

    rows = tiny_market.table("promotions")[["occurred_at", "merchant_id", "creator_id"]]
    (tmp_path / "market").mkdir()
    rows.to_csv(tmp_path / "market" / "promotions.csv", index=False)
    train_market(read_market(tmp_path / "market"), tmp_path / "bundle")
    plaza = Plaza.load(tmp_path / "bundle")
    ids = plaza.merchant_ids.tolist()
    plain, mixed = (plaza.creators_for(ids, k=5, variety=knob) for knob in (0.0, 0.6))
    assert plain["creator_id"].tolist() != mixed["creator_id"].tolist()
    assert set(plaza._learnt.crowding.creators) == {"match"}


def test_the_benchmark_tells_price_and_gain(plaza: Plaza, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "benchmarks")
    benchmark = importlib.import_module("variety")
    monkeypatch.setattr(benchmark, "KNOBS", (0.0, 0.5))
    monkeypatch.setattr(benchmark, "K", 5)
    desk, history = plaza._desk, plaza._learnt.history.met
    later = sparse.random(*history.shape, 0.1, format="csr", random_state=0)
    found = (later - later.multiply(history)).tocsr()
    found.eliminate_zeros()
    merchants = np.arange(len(desk.merchants), dtype=np.int32)
    asked = (plaza, True, "gmv", desk.merchants, desk.creators, merchants, history, found)
    plain, mixed = benchmark.table([benchmark.Question(*asked)]).to_dict("records")
    assert (plain["kept"], plain["R@20, 95 % of the change"]) == ("1.000", "")
    assert float(mixed["coverage"]) > float(plain["coverage"])
    assert float(mixed["Gini"]) < float(plain["Gini"])
    assert float(mixed["kept"]) < 1
    assert " to " in mixed["R@20, 95 % of the change"]

    creators = np.flatnonzero(np.diff(history.T.tocsr().indptr)).astype(np.int32)
    mirrored = (desk.creators, desk.merchants, creators, history.T.tocsr(), found.T.tocsr())
    some = np.arange(0, len(desk.creators), 2, dtype=np.int32)
    for question in (
        benchmark.Question(plaza, False, "match", *mirrored),
        benchmark.Question(*asked, among=some),
    ):
        lists, promise = question.lists(0.5)
        assert len(lists) == len(promise) == len(question.everybody)
    assert set(lists[lists >= 0]) <= set(some)
