"""Ways to hold out: what is asked, and that nothing in the past tells the answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matching.bundle import Bundle
from matching.errors import BadInput
from training.backtest import DIRECTIONS, Holdout
from training.fit import train_market
from training.holdouts import SPLITS, cold, hold_out, last_days, last_partners
from training.market import Market, read_market
from training.withheld import COOPERATION, without_pairs

EVERY = [(split, direction) for split in SPLITS for direction in DIRECTIONS]


def market_of(folder: Path, rows: list[tuple[str, str, str]], **tables: pd.DataFrame) -> Market:
    """A market of meetings (moment, merchant, creator) and whatever tables."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows, columns=["occurred_at", "merchant_id", "creator_id"])
    for name, table in {"promotions": frame, **tables}.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return read_market(folder)


def pairs(frame: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["merchant_id"], frame["creator_id"], strict=True))


def found_pairs(held: Holdout) -> set[tuple[str, str]]:
    """Merchant and creator of each pair asked for."""
    cells = held.found.tocoo()
    sides = (held.asking.ids[cells.row], held.candidates.ids[cells.col])
    return set(zip(*(sides if held.direction == "creators" else sides[::-1]), strict=True))


def shuffled(market: Market, held: Holdout) -> Market:
    """The market with every row of the pairs held out changed, and all sums of sales."""
    rng = np.random.default_rng(0)
    hidden = pd.MultiIndex.from_tuples(sorted(pairs(held.later)))
    tables = dict(market.tables)
    for name in COOPERATION:
        frame = tables[name].copy()
        both = pd.MultiIndex.from_frame(frame[["merchant_id", "creator_id"]]).isin(hidden)
        for column in frame.select_dtypes("number"):
            frame.loc[both, column] = rng.uniform(0, 1, both.sum())
        tables[name] = frame
    creators, daily = tables["creators"].copy(), tables["creator_daily"].copy()
    for frame, columns in ((creators, ["gmv_30d", "live_minutes_30d"]), (daily, ["gmv"])):
        for column in columns:
            frame[column] = rng.uniform(0, 1e6, len(frame))
    return market.holding({**tables, "creators": creators, "creator_daily": daily})


@pytest.mark.parametrize(("split", "direction"), EVERY)
def test_no_pair_asked_for_is_told_of_in_the_past(
    tiny_market: Market, split: str, direction: str
) -> None:
    held = hold_out(tiny_market, split, direction)
    assert (held.split, held.direction) == (split, direction)
    asked = found_pairs(held)
    assert asked <= pairs(held.later)
    for name in COOPERATION:
        told = pairs(held.past.table(name))
        if split != "temporal" or name == "promotions":
            # Invitations before the cut may concern a pair that met later; they are no answer.
            assert not asked & told, name
    assert held.found.shape == held.met.shape == (len(held.asking), len(held.candidates))
    assert held.found.multiply(held.met).nnz == 0
    assert len(held.askers) == len({one[DIRECTIONS.index(direction)] for one in asked})
    assert held.past.table("creators")["gmv_30d"].isna().all()
    assert held.past.table("creators")["followers"].notna().any()
    assert f"{held.found.nnz:,}" in held.told


@pytest.mark.parametrize("split", [split for split in SPLITS if split != "temporal"])
def test_what_is_held_out_cannot_change_the_past(tiny_market: Market, split: str) -> None:
    held = hold_out(tiny_market, split)
    other = hold_out(shuffled(tiny_market, held), split)
    assert other.past.fingerprint == held.past.fingerprint
    assert other.fingerprint == held.fingerprint
    assert other.past.table("creator_daily")["gmv"].isna().all()
    assert other.past.table("creator_daily")["views"].notna().any()


def test_a_bundle_of_the_past_is_the_same_whatever_was_held_out(
    tiny_market: Market, last_partner: Holdout, last_partner_bundle: Path, tmp_path: Path
) -> None:
    poisoned = last_partners(shuffled(tiny_market, last_partner), "merchants")
    assert train_market(poisoned.past, tmp_path / "bundle").hash == (
        Bundle.open(last_partner_bundle).hash
    )


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
    held = last_days(market, 30)
    assert held.cut == market.as_of - pd.Timedelta(days=30)
    assert held.candidates.ids.tolist() == ["c1", "c2"]
    assert held.found.toarray().tolist() == [[0, 1], [0, 0]]
    assert held.met.toarray().tolist() == [[1, 0], [0, 1]]
    assert held.askers.tolist() == [0]
    assert len(held.later) == 5
    mirrored = last_days(market, 30, "merchants")
    assert mirrored.found.toarray().tolist() == [[0, 0], [1, 0]]
    assert mirrored.askers.tolist() == [1]


def test_the_last_partner_goes_with_everything_the_pair_did(tmp_path: Path) -> None:
    rows = [
        ("2026-01-01", "m1", "c1"),
        ("2026-02-01", "m1", "c2"),
        ("2026-03-01", "m1", "c1"),  # met first in January
        ("2026-04-01", "m1", "c2"),
        ("2026-01-05", "m2", "c2"),  # an only partner
    ]
    outreach = pd.DataFrame(
        {"merchant_id": ["m1", "m1", "m2"], "creator_id": ["c2", "c1", "c2"]}
    ).assign(sent_at="2026-01-01", status="posted")
    held = last_partners(market_of(tmp_path, rows, outreach=outreach))
    assert found_pairs(held) == {("m1", "c2")}
    assert len(held.later) == 2
    assert pairs(held.past.table("promotions")) == {("m1", "c1"), ("m2", "c2")}
    assert pairs(held.past.table("outreach")) == {("m1", "c1"), ("m2", "c2")}
    # Nobody goes back in time: answers of others are known.
    assert held.past.table("outreach")["status"].tolist() == ["posted", "posted"]
    assert held.cut == held.as_of
    # Asked by creators: c1 has one partner, c2 took m1 on last.
    assert found_pairs(last_partners(market_of(tmp_path, rows), "merchants")) == {("m1", "c2")}


def test_the_cold_stay_known_by_themselves_alone(tiny_market: Market) -> None:
    held = cold(tiny_market, "creators", share=0.3, seed=4)
    newcomers = set(held.later["creator_id"])
    everyone = tiny_market.table("promotions")["creator_id"].nunique()
    assert len(newcomers) == round(0.3 * everyone)
    for name in COOPERATION:
        assert not newcomers & set(held.past.table(name)["creator_id"])
    assert newcomers <= set(held.past.table("creators")["creator_id"])
    for name in ("audiences", "embeddings", "engagements"):
        assert len(held.past.table(name)) == len(tiny_market.table(name)), name
    assert newcomers == set(held.candidates.ids[held.among])
    mirrored = cold(tiny_market, "creators", "merchants", share=0.3, seed=4)
    assert mirrored.among.tolist() == list(range(len(mirrored.candidates)))
    again = cold(tiny_market, "creators", share=0.3, seed=4)
    assert again.fingerprint == held.fingerprint
    assert cold(tiny_market, "creators", share=0.3, seed=5).fingerprint != held.fingerprint


def test_fingerprints_are_of_the_question(tiny_market: Market) -> None:
    prints = [hold_out(tiny_market, *one).fingerprint for one in EVERY]
    prints.append(last_days(tiny_market, 20).fingerprint)
    prints.append(cold(tiny_market, "merchants", share=0.4).fingerprint)
    assert len(set(prints)) == len(prints)
    assert last_days(tiny_market, 30).fingerprint == prints[0]


def test_what_has_seen_the_answers_is_known(tiny_market: Market) -> None:
    held = last_days(tiny_market, 30)
    assert held.known_to(held.as_of)
    assert not held.known_to(held.cut)
    assert last_partners(tiny_market).known_to(held.cut)


def test_params_tell_how(tiny_market: Market) -> None:
    assert last_days(tiny_market, 30).params["holdout_days"] == 30
    told = cold(tiny_market, "merchants", share=0.5, seed=2).params
    assert (told["share"], told["split_seed"], told["split"]) == (0.5, 2, "cold-merchants")
    assert "holdout_days" not in told


def test_a_market_with_fewer_tables_can_lose_pairs_too(tmp_path: Path) -> None:
    rows = [("2026-01-01", "m1", "c1"), ("2026-01-02", "m1", "c2")]
    market = market_of(tmp_path, rows)
    left = without_pairs(market, pd.DataFrame({"merchant_id": ["m1"], "creator_id": ["c1"]}))
    assert pairs(left.table("promotions")) == {("m1", "c2")}
    assert left.summary["kept"].tolist() == [1]
    assert pairs(market.table("promotions")) == {("m1", "c1"), ("m1", "c2")}


ONE = [("2026-01-01", "m1", "c1"), ("2026-03-01", "m1", "c1")]
TWO = [("2026-01-01", "m1", "c1"), ("2026-01-02", "m1", "c2")]
ONE_DAY = [("2026-01-01 08:00", "m1", "c1"), ("2026-01-01 19:00", "m1", "c2")]
ONE_DAY += [("2026-01-01 20:00", "m2", "c2")]
NIGHT = [("2026-01-01 22:00", "m1", "c1"), ("2026-01-02 02:00", "m1", "c2")]
PROFILE = pd.DataFrame({"merchant_id": ["m1"]})


@pytest.mark.parametrize(
    ("rows", "arguments", "complaint"),
    [
        (ONE, {"split": "random"}, r"split is 'random'; expected temporal, leave-last, cold-m"),
        (ONE, {"direction": "both"}, "direction is 'both'; expected creators or merchants"),
        (
            ONE,
            {"split": "leave-last", "direction": "both"},
            "direction is 'both'; expected creators or merchants",
        ),
        (ONE, {"days": 90}, r"first promotion is of 2026-01-01.*hold out fewer days"),
        (ONE, {"days": 30}, r"no merchant met a new creator .*hold out more days"),
        (
            ONE,
            {"days": 30, "direction": "merchants"},
            r"no creator met a new merchant after 2026-01-30; hold out more days",
        ),
        (
            ONE_DAY,
            {},
            r"holdout of 30 days: all promotions are of one day, 2026-01-01, which leaves no past "
            r"to learn from; hold out another way, with alliance evaluate --split leave-last, ",
        ),
        (NIGHT, {"days": 1}, "are of one day, 2026-01-01 to 2026-01-02, which leaves no past"),
        (ONE, {"split": "leave-last"}, "leave-last: no merchant has two partners"),
        (TWO, {"split": "leave-last"}, "the last of them a creator that is known without it"),
        (
            ONE,
            {"split": "cold-merchants"},
            "cold-merchants: none of the merchants is known from a table of their own, such as "
            "merchants; add one or use another split",
        ),
        (
            ONE,
            {"split": "cold-merchants", "share": 1.0},
            "cold-merchants: share is 1.0; expected a share above 0",
        ),
    ],
)
def test_what_leaves_nothing_is_said(
    rows: list[tuple[str, str, str]], arguments: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=complaint):
        hold_out(market_of(tmp_path, rows), **arguments)  # type: ignore[arg-type]


def test_a_market_of_one_day_can_be_held_out_the_way_that_is_offered(tmp_path: Path) -> None:
    market = market_of(tmp_path, ONE_DAY)
    assert found_pairs(hold_out(market, "leave-last")) == {("m1", "c2")}


def test_a_cold_split_needs_somebody_to_learn_from_and_somebody_to_find(tmp_path: Path) -> None:
    alone = market_of(tmp_path / "alone", ONE, merchants=PROFILE)
    with pytest.raises(BadInput, match=r"a share of 0\.2 leaves no promotion to learn from"):
        cold(alone, "merchants")
    rows = [*TWO, ("2026-01-03", "m2", "c3")]
    strangers = market_of(tmp_path / "strangers", rows, merchants=PROFILE)
    with pytest.raises(BadInput, match="none of their partners is known without them"):
        cold(strangers, "merchants")
    with pytest.raises(BadInput, match="cold are 'agencies'; expected creators or merchants"):
        cold(strangers, "agencies")
