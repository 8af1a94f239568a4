"""The rating ledger: private, as of a moment, and the very thing that lists rank by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import Plaza
from matching.entries import Entries
from matching.errors import BadInput, UnknownId
from matching.ledger import RatingLedger
from matching.moments import day_of, days, moment
from matching.own_ratings import Grades, multiple, told
from models.rerating import own_sales
from pipelines.cli import run
from training.holdouts import Holdout
from training.market import Market

STEPS = ("conversion_rating", "click_rating", "exposure_rating")


@pytest.fixture(scope="module")
def past(past_bundle: Path) -> Plaza:
    return Plaza.load(past_bundle)


@pytest.fixture(scope="module")
def later(tiny_market: Market, holdout: Holdout) -> pd.DataFrame:
    rows = tiny_market.table("promotions")
    rows = rows[rows["occurred_at"] > holdout.past.as_of].reset_index(drop=True)
    return rows.assign(occurred_at=rows["occurred_at"].dt.as_unit("ns"))


@pytest.fixture(scope="module")
def read_at(tiny_market: Market) -> pd.Timestamp:
    return tiny_market.as_of


def busiest(plaza: Plaza) -> str:
    history = plaza._learnt.history
    return str(plaza.merchant_ids[np.bincount(history.merchant).argmax()])


def one(plaza: Plaza, **changed: Any) -> pd.DataFrame:
    """A promotion of the first merchant by the first creator, the day after the training."""
    as_of = pd.Timestamp(plaza.manifest["as_of"])
    row = {
        "occurred_at": as_of + pd.Timedelta(days=1),
        "merchant_id": plaza.merchant_ids[0],
        "creator_id": plaza.creator_ids[0],
        "exposures": 10_000.0,
        "clicks": 400.0,
        "orders": 40.0,
    }
    return pd.DataFrame([{**row, **changed}])


# --- what is read ----------------------------------------------------------------------------


def test_every_creator_worked_with_has_a_row(plaza: Plaza, tiny_market: Market) -> None:
    merchant = busiest(plaza)
    frame = plaza.ratings(merchant)
    rows = tiny_market.table("promotions").query("merchant_id == @merchant")
    assert sorted(frame["creator_id"]) == sorted(rows["creator_id"].unique())
    assert frame["promotions"].sum() == len(rows)
    by_creator = rows.groupby("creator_id")
    frame = frame.set_index("creator_id")
    pd.testing.assert_series_equal(
        frame["sessions"].sort_index(),
        by_creator["session_id"].nunique(),
        check_names=False,
    )
    last = by_creator["occurred_at"].max().dt.tz_localize(None).dt.floor("D")
    assert (frame["last_day"].sort_index() == last).all()
    np.testing.assert_allclose(
        frame["clicks"].sort_index(), by_creator["clicks"].sum(min_count=1), rtol=0.5
    )


def test_the_best_come_first_and_intervals_hold_the_rating(plaza: Plaza) -> None:
    frame = plaza.ratings(busiest(plaza))
    assert frame["sales_rating"].is_monotonic_decreasing
    for name in ("sales_rating", *STEPS):
        low, point, high = (frame[f"{name}{end}"].to_numpy() for end in ("_low", "", "_high"))
        assert (low <= point).all()
        assert (point <= high).all()
    np.testing.assert_allclose(frame["sales_rating"], frame[list(STEPS)].prod(axis=1))
    assert frame["audience_fit"].dropna().between(-1, 1).all()
    assert frame["audience_fit"].notna().any()
    assert frame.attrs["as_of"] == pd.Timestamp(plaza.manifest["as_of"]).floor("s")
    steps = plaza._learnt.outcomes.chain_.steps()
    assert frame.attrs["half_life_days"] == {k: one.half_life_days for k, one in steps.items()}


def test_a_prediction_is_that_of_a_stranger_times_the_rating(plaza: Plaza) -> None:
    """One truth: the ledger says what the ranking reads."""
    merchant = busiest(plaza)
    frame = plaza.ratings(merchant).set_index("creator_id")
    chain = plaza._learnt.outcomes.chain_
    rows, _ = plaza._desk.creators.find(frame.index)
    row = plaza._desk.merchants.row(merchant)
    met = chain.meetings.pairs.find(np.full(len(rows), row, np.int32), rows)
    np.testing.assert_allclose(own_sales(chain)[met], frame["sales_rating"], rtol=1e-9)
    for name, step in zip(STEPS, ("conversion", "click_rate", "exposure"), strict=True):
        own = chain.steps()[step].model_.tables[3][:, 0]
        np.testing.assert_allclose(np.exp(own[met] - own[-1]), frame[name], rtol=1e-9)


def test_the_history_has_the_same_pairs_in_the_same_order(plaza: Plaza) -> None:
    history, met = plaza._learnt.history, plaza._learnt.outcomes.chain_.meetings.pairs
    keys = history.merchant.astype(np.int64) * met.width + history.creator
    np.testing.assert_array_equal(keys, met.keys)


def test_no_merchant_reads_the_ledger_of_another(past: Plaza, later: pd.DataFrame) -> None:
    """Whatever others record, what one merchant reads stays, bit for bit."""
    merchant = busiest(past)
    others = later[later["merchant_id"] != merchant]
    told = past.record(others.assign(orders=others["clicks"]), as_of="2030-01-01")
    before = past.ratings(merchant, as_of="2030-01-01")
    pd.testing.assert_frame_equal(told.ratings(merchant, as_of="2030-01-01"), before)
    entries = told._ledger.recorded
    row = told._desk.merchants.row(merchant)
    assert len(entries.of_merchant(row)) == 0
    for ledger in (told._ledger, past._ledger):
        reading = ledger.read(told._trained.outcomes.chain_, 1e6, row)
        assert (reading.entries.merchant == row).all()


def test_only_what_was_known_then_is_read(tiny_market: Market, plaza: Plaza) -> None:
    merchant = busiest(plaza)
    rows = tiny_market.table("promotions").query("merchant_id == @merchant")
    middle = rows["occurred_at"].sort_values().iloc[len(rows) // 2]
    frame = plaza.ratings(merchant, as_of=middle)
    assert frame["promotions"].sum() == (rows["occurred_at"] <= middle).sum()
    ledger = plaza._ledger
    entries, row = ledger.trained, plaza._desk.merchants.row(merchant)
    then = float(days(pd.Series([middle]))[0])
    # The future is poisoned, and so are orders that had not settled yet.
    late = entries.day > then - 21
    poisoned = {
        name: np.where(
            late[:, None] if name in ("orders", "gmv") else entries.day[:, None] > then, 1e9, ends
        )
        for name, ends in entries.numbers.items()
    }
    noisy = {}
    for name, tells in entries.told.items():
        bad = late if name == "conversion" else entries.day > then
        noisy[name] = tells._replace(came=np.where(bad, 1e3, tells.came))
    columns = {**entries._columns(), "numbers": poisoned, "told": noisy}
    other = RatingLedger(Entries(**columns), ledger.recorded, ledger.shown_basis, ledger.as_of)
    chain = plaza._trained.outcomes.chain_
    one, two = (each.read(chain, then, row) for each in (ledger, other))
    for name in one.rated:
        np.testing.assert_array_equal(one.rated[name].rating, two.rated[name].rating)
    for name in ("orders", "gmv"):
        np.testing.assert_array_equal(one.entries.numbers[name], two.entries.numbers[name])
    assert np.isnan(one.entries.numbers["orders"]).all(axis=1).any()


def test_ratings_fade(plaza: Plaza) -> None:
    merchant = busiest(plaza)
    now = plaza.ratings(merchant).set_index("creator_id")
    later = plaza.ratings(merchant, as_of="2100-01-01").set_index("creator_id").loc[now.index]
    for name in STEPS:
        assert (np.abs(np.log(later[name])) <= np.abs(np.log(now[name])) + 1e-12).all()
        assert (later[f"{name}_high"] >= now[name]).all()
    np.testing.assert_allclose(later["conversion_rating"], 1.0, atol=1e-6)


def test_some_creators_alone(plaza: Plaza) -> None:
    merchant = busiest(plaza)
    frame = plaza.ratings(merchant)
    some = plaza.ratings(merchant, list(frame["creator_id"][1:3]))
    pd.testing.assert_frame_equal(some, frame.iloc[1:3].reset_index(drop=True))
    strangers = sorted(set(plaza.creator_ids) - set(frame["creator_id"]))
    assert plaza.ratings(merchant, strangers[:2]).empty


def test_before_anything_happened_there_is_no_row(plaza: Plaza) -> None:
    frame = plaza.ratings(plaza.merchant_ids[0], as_of="2001-01-01")
    assert frame.empty
    assert list(frame.columns) == list(plaza.ratings(busiest(plaza)).columns)


def test_what_cannot_be_read_is_refused(plaza: Plaza) -> None:
    with pytest.raises(UnknownId, match="no table holds this merchant: 'nobody'"):
        plaza.ratings("nobody")
    with pytest.raises(UnknownId, match="no table holds this creator: 'nobody'"):
        plaza.ratings(plaza.merchant_ids[0], ["nobody"])
    with pytest.raises(BadInput, match="creator_ids: got 'c1', expected a list"):
        plaza.ratings(plaza.merchant_ids[0], "c1")
    for wrong in ("now", "12:00", "2026-13-01", "2999-01-01", "1600-01-01", 20260101, pd.NaT):
        with pytest.raises(BadInput, match=f"as_of is {wrong!r}; expected a date or time"):
            plaza.ratings(plaza.merchant_ids[0], as_of=wrong)


def test_grades_are_ours_and_can_be_chosen(plaza: Plaza) -> None:
    merchant = busiest(plaza)
    usual, strict = plaza.ratings(merchant), plaza.ratings(merchant, grades=Grades(9, 8, 7))
    assert set(strict["grade"]) == {"D"}
    expected = pd.cut(
        usual["sales_rating"], [0, 0.75, 0.9, 1.2, 99], right=False, labels=list("DCBA")
    )
    assert (usual["grade"] == expected.astype(str)).all()
    with pytest.raises(
        ValueError, match=r"grades begin at 1, 2 and 0\.5, expected numbers above 0"
    ):
        Grades(1, 2, 0.5)


def test_ratings_in_words() -> None:
    last = pd.Timestamp("2026-05-04")
    assert told(0.96, 0.8, 1.2, 1, last) == (
        "Your own rating: sells what was expected (80% sure 0.8 to 1.2), over 1 cooperation, "
        "last in May 2026."
    )
    assert told(float("nan"), 0, 0, 1200, last) == (
        "Your own rating: not known what came of it, over 1,200 cooperations, last in May 2026."
    )
    assert multiple(2.0) == "sells 2.0 × what was expected"


def test_moments() -> None:
    assert day_of(pd.Timestamp("1970-01-03", tz="UTC")) == 2.0
    assert moment(day_of("2026-01-31T18:30:00Z")) == pd.Timestamp("2026-01-31T18:30Z")


def test_reasons_quote_the_own_rating_to_its_merchant_alone(past: Plaza) -> None:
    row = one(past, orders=400.0)
    plaza = past.record(pd.concat([row] * 9, ignore_index=True))
    merchant, creator = row["merchant_id"][0], row["creator_id"][0]
    rating = plaza.ratings(merchant, [creator])["sales_rating"].item()
    listed = plaza.creators_for(merchant, k=len(plaza.creator_ids)).set_index("creator_id")
    told = listed.loc[creator, "reasons"][0]
    assert told.startswith("You have worked together ")
    assert told.endswith(f" Your own rating: {multiple(rating)}.")
    mirrored = plaza.merchants_for(creator, k=len(plaza.merchant_ids)).set_index("merchant_id")
    assert not any("rating" in one for one in mirrored.loc[merchant, "reasons"])


# --- what is recorded ------------------------------------------------------------------------


def test_a_new_result_moves_the_pair_and_nobody_else(past: Plaza) -> None:
    row = one(past)
    merchant, creator = row["merchant_id"][0], row["creator_id"][0]
    when = row["occurred_at"][0]
    good = past.record(row)
    bad = past.record(row.assign(orders=0.0, clicks=400.0, exposures=10_000.0))
    pairs = pd.DataFrame({"merchant_id": merchant, "creator_id": past.creator_ids})
    found = [one.predict(pairs)["p_conversion"].to_numpy() for one in (good, past, bad)]
    assert found[0][0] > found[1][0] > found[2][0]
    others = np.setdiff1d(np.arange(1, len(pairs)), past._learnt.history.creators_of(0))
    np.testing.assert_array_equal(found[0][others], found[1][others])
    frame = good.ratings(merchant, [creator])
    assert frame["orders"].item() >= 40.0
    assert frame.attrs["as_of"] == when.floor("s")
    assert past.ratings(merchant).attrs["as_of"] < when


def test_recording_is_the_shrinkage_of_the_fit_given_all_else(past: Plaza) -> None:
    """One promotion of a pair that never met, by hand."""
    history = past._learnt.history
    stranger = int(np.setdiff1d(np.arange(len(past.creator_ids)), history.creators_of(0))[0])
    products = past._learnt.products
    product = str(products["id"][products["merchant_row"] == 0].iloc[0])
    row = one(past, creator_id=past.creator_ids[stranger], product_id=product)
    pairs = row[["merchant_id", "creator_id", "product_id"]]
    chain = past._trained.outcomes.chain_
    step = chain.conversion
    assert step is not None
    hoped = past.predict(pairs)["p_conversion"].item()
    as_of = row["occurred_at"][0] + pd.Timedelta(days=60)
    found = past.record(row, as_of=as_of)
    expected = 400.0 * hoped
    trust = 2 ** (-60 / step.half_life_days) / (1.0 + step.model_.noise * expected)
    strength = 1.0 / (step.model_.tables[3][-1, 1] - step.strangeness_)
    rating = (strength + trust * 40.0) / (strength + trust * expected)
    told = found.ratings(row["merchant_id"][0], [row["creator_id"][0]])
    assert told["conversion_rating"].item() == pytest.approx(rating)
    assert found.predict(pairs)["p_conversion"].item() == pytest.approx(hoped * rating)


def test_a_product_nobody_names_is_one_of_the_usual(past: Plaza) -> None:
    row = one(past)
    hoped = past.predict(row[["merchant_id", "creator_id"]])["p_conversion"].item()
    entries = past.record(row, as_of="2030-01-01")._ledger.recorded
    own = own_sales(past._learnt.outcomes.chain_)
    assert entries.told["conversion"].expected[0] == pytest.approx(400.0 * hoped, rel=0.5)
    assert len(own) == len(past._learnt.history.merchant)


def test_late_orders_are_no_failures(past: Plaza) -> None:
    row = one(past, orders=6.0)
    at_once = past.record(row).ratings(row["merchant_id"][0], [row["creator_id"][0]])
    later = past.record(row, as_of=row["occurred_at"][0] + pd.Timedelta(days=30))
    settled = later.ratings(
        row["merchant_id"][0], [row["creator_id"][0]], as_of=row["occurred_at"][0]
    )
    assert (
        at_once["orders_expected"].item()
        < later.ratings(row["merchant_id"][0], [row["creator_id"][0]])["orders_expected"].item()
    )
    # Read back to the day itself, what was read a month later was not known.
    assert np.isnan(settled["orders"].item()) or settled["orders"].item() < at_once["orders"].item()


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1))
def test_lists_after_recording_are_those_of_brute_force(
    past: Plaza, later: pd.DataFrame, read_at: pd.Timestamp, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    some = later.sample(int(rng.integers(1, 60)), random_state=seed)
    lively = some.assign(orders=np.minimum(some["orders"] * rng.integers(1, 9), some["clicks"]))
    plaza = past.record(lively, as_of=read_at)
    merchant = str(rng.choice(lively["merchant_id"]))
    objective = str(rng.choice(["conversion", "exposure", "orders", "gmv", "net"]))
    found = plaza.creators_for(merchant, k=10, objective=objective)
    everyone = pd.DataFrame({"merchant_id": merchant, "creator_id": plaza.creator_ids})
    column = {
        "conversion": "p_conversion",
        "exposure": "exposures",
        "orders": "expected_orders",
        "gmv": "expected_gmv",
        "net": "expected_net",
    }[objective]
    best = plaza.predict(everyone).sort_values(column, ascending=False, kind="stable").head(10)
    assert found["creator_id"].tolist() == best["creator_id"].tolist()
    np.testing.assert_array_equal(found["score"], best[column])


def test_one_by_one_or_all_at_once(past: Plaza, later: pd.DataFrame, read_at: pd.Timestamp) -> None:
    at_once = past.record(later, as_of=read_at)
    shuffled = later.sample(frac=1.0, random_state=0)
    half = len(later) // 2
    by_parts = past.record(shuffled[:half], as_of=read_at).record(shuffled[half:], as_of=read_at)
    table, other = (
        one._learnt.outcomes.chain_.forecast.folded.table for one in (at_once, by_parts)
    )
    np.testing.assert_array_equal(table, other)
    merchant = busiest(at_once)
    pd.testing.assert_frame_equal(at_once.ratings(merchant), by_parts.ratings(merchant))
    pd.testing.assert_frame_equal(
        at_once.creators_for(merchant, k=5), by_parts.creators_for(merchant, k=5)
    )


def test_who_was_recorded_has_been_worked_with(past: Plaza, later: pd.DataFrame) -> None:
    told = past.record(later)
    merchant = busiest(told)
    whom = set(later.query("merchant_id == @merchant")["creator_id"])
    listed = told.creators_for(merchant, k=200, exclude_worked_with=True)
    assert not whom & set(listed["creator_id"])
    assert whom <= set(told.ratings(merchant)["creator_id"])
    history, before = told._learnt.history, past._learnt.history
    assert history.promotions.sum() == before.promotions.sum() + len(later)
    assert (history.shape, told.bundle_hash) == (before.shape, past.bundle_hash)
    met = told._learnt.outcomes.chain_.meetings.pairs
    np.testing.assert_array_equal(
        history.merchant.astype(np.int64) * met.width + history.creator, met.keys
    )


def test_products_and_sessions_of_new_promotions(past: Plaza) -> None:
    row = one(past, product_id="launched since", session_id="s1", gmv=900.0)
    told = past.record(pd.concat([row, row, row.assign(session_id=None)], ignore_index=True))
    before = past.ratings(row["merchant_id"][0], [row["creator_id"][0]])["sessions"]
    after = told.ratings(row["merchant_id"][0], [row["creator_id"][0]])["sessions"].item()
    assert after == 2 + before.sum()
    assert (told._ledger.recorded.product == len(told._desk.products)).all()


def test_ranges_are_recorded_as_ranges(past: Plaza) -> None:
    row = one(past).drop(columns="orders").assign(orders_low=30.0, orders_high=50.0)
    told = past.record(row).ratings(row["merchant_id"][0], [row["creator_id"][0]])
    exact = past.record(one(past)).ratings(row["merchant_id"][0], [row["creator_id"][0]])
    spread = told["orders_high"].item() - told["orders_low"].item()
    assert spread == 20.0 + exact["orders_high"].item() - exact["orders_low"].item()
    assert 1.0 < told["conversion_rating"].item() < exact["conversion_rating"].item() * 1.1


def test_nothing_recorded_changes_nothing(past: Plaza) -> None:
    told = past.record(one(past).iloc[:0])
    pairs = pd.DataFrame({"merchant_id": past.merchant_ids[0], "creator_id": past.creator_ids})
    pd.testing.assert_frame_equal(told.predict(pairs), past.predict(pairs))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"occurred_at": "2001-01-01"}, "promotions: row 0 is of 2001-01-01 .* record what came l"),
        ({"occurred_at": "soon"}, "promotions: row 0 has occurred_at 'soon', expected a time in"),
        ({"clicks": -1.0}, "promotions: row 0 has clicks -1 .*, expected a number from 0 on"),
        ({"orders": "many"}, "promotions: row 0 has orders 'many', expected a number"),
        ({"clicks": 20_000.0}, "promotions: row 0 has 20000 clicks of 10000 exposures, expected"),
        ({"orders": 500.0, "clicks": 300.0}, "promotions: row 0 has 500 orders of 300 clicks"),
        ({"orders": None, "orders_low": 5.0, "orders_high": 1.0}, "orders nan .from 5 to 1."),
    ],
)
def test_promotions_that_cannot_be_are_refused(
    past: Plaza, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        past.record(one(past, **changed))


def test_what_is_no_table_of_promotions_is_refused(past: Plaza) -> None:
    with pytest.raises(BadInput, match="promotions: got list, expected a DataFrame with occurred"):
        past.record([])  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="promotions: no column 'creator_id' among occurred_at"):
        past.record(one(past).drop(columns="creator_id"))
    with pytest.raises(UnknownId, match="no table holds this creator: 'nobody'"):
        past.record(one(past, creator_id="nobody"))
    told = past.record(one(past))
    with pytest.raises(BadInput, match=r"as_of is .*, but something told is of .*no earlier"):
        told.record(one(past), as_of=pd.Timestamp(past.manifest["as_of"]))


# --- the command -----------------------------------------------------------------------------


def test_the_command_prints_a_line_a_creator(
    tiny_bundle: Path, plaza: Plaza, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant = busiest(plaza)
    frame = plaza.ratings(merchant)
    assert run(["ratings", str(tiny_bundle), merchant]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "creator", "grade", "sales", "conversion", "clicks", "exposures", "sessions", "last",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1 : len(frame) + 1]] == list(frame["creator_id"])
    assert "The market is synthetic" in lines[-1]


def test_the_command_writes_json(
    tiny_bundle: Path, plaza: Plaza, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant = busiest(plaza)
    assert run(["ratings", str(tiny_bundle), merchant, "--json", "--as-of", "2100-01-01"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["as_of"] == "2100-01-01T00:00:00+00:00"
    assert [row["creator_id"] for row in told["creators"]] == list(
        plaza.ratings(merchant, as_of="2100-01-01")["creator_id"]
    )


def test_the_command_says_when_there_is_nothing(
    tiny_bundle: Path, plaza: Plaza, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ratings", str(tiny_bundle), busiest(plaza), "--as-of", "2001-01-01"]) == 0
    assert capsys.readouterr().out.startswith("No cooperation was known then.")
    assert run(["ratings", str(tiny_bundle), "nobody"]) == 2
    assert "no table holds this merchant" in capsys.readouterr().err
