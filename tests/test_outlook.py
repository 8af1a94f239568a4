"""The outlook of accounts, from the market to the plaza."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from matching import BadInput, Plaza, UnknownId
from matching.outlook import Outlook
from models.pairs import Interval
from training.entities import Entities
from training.market import Market
from training.outlook import followers_seen, learn_outlook, present_days, sessions_seen

COLUMNS = ["followers", "growth_30d", "views_per_day", "sessions_per_week"]


def without(market: Market, *names: str) -> Market:
    tables = {name: table for name, table in market.tables.items() if name not in names}
    summary = market.summary[~market.summary["table"].isin(names)]
    return dataclasses.replace(market, tables=tables, summary=summary)


def learnt(market: Market) -> pd.DataFrame:
    ids = Entities.of(market)
    frame = learn_outlook(market, ids).frame(
        ids.creators.ids, np.arange(len(ids.creators), dtype=np.int32)
    )
    return frame.set_index("creator_id")


@pytest.fixture(scope="module")
def everyone(tiny_market: Market) -> pd.DataFrame:
    return learnt(tiny_market)


def test_every_creator_has_a_row_with_bounds(everyone: pd.DataFrame) -> None:
    names = [one + end for one in COLUMNS for end in ("", "_low", "_high")]
    assert everyone.columns.tolist() == names
    for name in COLUMNS:
        point, low, high = (everyone[name + end] for end in ("", "_low", "_high"))
        known = point.notna()
        assert known.any()
        assert (low <= high)[known].all()
        if name != "views_per_day":  # the mean of a day, beside the ends of a single one
            assert (low - 1e-9 <= point)[known].all()
            assert (point <= high + 1e-9)[known].all()
    assert (everyone["growth_30d_low"] > -1).all()


def test_followers_are_those_last_seen(everyone: pd.DataFrame, tiny_market: Market) -> None:
    daily = tiny_market.table("creator_daily").dropna(subset=["followers"]).sort_values("date")
    last = daily.groupby("creator_id")["followers"].last()
    found = everyone.loc[last.index, "followers"]
    apart = np.abs(np.log(found / last))
    assert np.quantile(apart, [0.5, 0.9]) == pytest.approx([0.0, 0.0], abs=0.05)
    told = tiny_market.table("creators").set_index("creator_id")["followers_low"].dropna().index
    ranged = told.difference(last.index)
    wide = everyone["followers_high"] / everyone["followers_low"]
    assert wide[ranged].median() - 1 > 3 * (wide[last.index].median() - 1)


def test_what_the_market_does_not_tell_is_unknown(tiny_market: Market) -> None:
    frame = learnt(without(tiny_market, "creator_daily"))
    assert frame["followers"].notna().any()
    assert (
        frame[["growth_30d", "growth_30d_low", "views_per_day", "views_per_day_high"]]
        .isna()
        .all(axis=None)
    )
    bare = learnt(without(tiny_market, "creator_daily", "creators"))
    assert bare["followers"].isna().all()
    assert bare["sessions_per_week"].notna().all()


def test_who_never_promoted_has_sessions_all_the_same(
    everyone: pd.DataFrame, tiny_market: Market
) -> None:
    worked = tiny_market.table("promotions")["creator_id"].unique()
    idle = everyone.index.difference(worked.tolist())
    assert len(idle)
    assert (everyone.loc[idle, "sessions_per_week"] > 0).all()


def test_promotions_without_a_session_are_one_a_day(tiny_market: Market) -> None:
    ids = Entities.of(tiny_market)
    rows = tiny_market.table("promotions")
    named, _ = sessions_seen(tiny_market, ids)
    assert len(named) == rows.groupby("creator_id")["session_id"].nunique().sum()
    tables = {**tiny_market.tables, "promotions": rows.assign(session_id=None)}
    creator, age = sessions_seen(tiny_market.holding(tables), ids)
    days = rows["occurred_at"].dt.strftime("%Y-%m-%d")
    assert len(creator) == len(pd.DataFrame({"c": rows["creator_id"], "d": days}).drop_duplicates())
    present = present_days(tiny_market, ids, creator, age)
    assert (present[creator] >= age).all()
    assert present.max() == age.max()


def test_followers_come_from_the_table_where_no_day_tells_them(tiny_market: Market) -> None:
    ids = Entities.of(tiny_market)
    daily = followers_seen(tiny_market, ids)
    table = followers_seen(without(tiny_market, "creator_daily"), ids)
    assert table.counts.max() == 1
    assert (table.counts[daily.counts == 0] == daily.counts[daily.counts == 0]).all()
    assert daily.counts.max() > 5


def test_the_outlook_survives_a_bundle() -> None:
    rng = np.random.default_rng(0)
    parts = [Interval(*rng.random((3, 4))) for _ in range(4)]
    one = Outlook(14.0, *parts)
    other = Outlook.from_state(one.state())
    ids, rows = np.array(["a", "b", "c", "d"], dtype=object), np.array([2, 0], dtype=np.int32)
    pd.testing.assert_frame_equal(one.frame(ids, rows), other.frame(ids, rows))
    assert one.frame(ids, rows)["creator_id"].tolist() == ["c", "a"]
    assert "growth_14d_low" in one.frame(ids, rows)


def test_the_plaza_tells_the_same(plaza: Plaza, everyone: pd.DataFrame) -> None:
    frame = plaza.outlook()
    pd.testing.assert_frame_equal(frame.set_index("creator_id"), everyone, check_names=False)
    wanted = frame["creator_id"].tolist()[5:2:-1]
    some = plaza.outlook(wanted)
    assert some["creator_id"].tolist() == wanted
    pd.testing.assert_frame_equal(
        some, frame.set_index("creator_id").loc[wanted].reset_index(), check_names=False
    )
    assert plaza.outlook([]).columns.tolist() == frame.columns.tolist()


def test_the_plaza_refuses_what_it_does_not_know(plaza: Plaza) -> None:
    with pytest.raises(UnknownId, match="no table holds this creator: 'nobody'"):
        plaza.outlook(["nobody"])
    with pytest.raises(BadInput, match=r"creator_ids: got 'c1', expected a list; write \['c1'\]"):
        plaza.outlook("c1")
