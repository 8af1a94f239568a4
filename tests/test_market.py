from __future__ import annotations

import datetime
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.errors import BadInput
from tests.market_folders import small_market, write_market
from training.market import Market, bounds, point, read_market
from training.schema import SYNTHETIC_MARK, TABLES
from training.schema_types import Kind

AS_OF = "2026-02-01T12:00:00Z"


def same(one: Market, other: Market) -> None:
    """Whatever was seen is the same in both."""
    assert list(one.tables) == list(other.tables)
    for name in one.tables:
        pd.testing.assert_frame_equal(one.table(name), other.table(name))
    pd.testing.assert_frame_equal(one.set_aside, other.set_aside)
    assert one.as_of == other.as_of
    assert one.fingerprint == other.fingerprint


# --- formats and types ---------------------------------------------------------------------------


def test_every_format_gives_the_same_market(tmp_path: Path) -> None:
    plain, zipped, parquet = (
        read_market(write_market(tmp_path / suffix, suffix=suffix, **small_market()))
        for suffix in (".csv", ".csv.gz", ".parquet")
    )
    same(plain, zipped)
    same(plain, parquet)
    assert plain.set_aside.empty
    assert plain.summary["kept"].equals(plain.summary["rows"])


def test_native_parquet_types(tmp_path: Path) -> None:
    text, native = small_market(), small_market()
    for name, table in TABLES.items():
        for column in table.columns:
            if column.name in native[name] and column.kind in (Kind.TIME, Kind.DAY):
                times = pd.to_datetime(native[name][column.name], utc=True)
                is_day = column.kind is Kind.DAY
                native[name][column.name] = times.dt.date if is_day else times.dt.as_unit("us")
    promotions = native["promotions"]
    promotions["merchant_id"] = promotions["merchant_id"].astype("category")
    promotions["occurred_at"] = promotions["occurred_at"].dt.tz_convert("Asia/Shanghai")
    promotions["exposures"] = promotions["exposures"].astype("int32")
    native["creators"]["categories"] = [["beauty", "home"]] * 12
    native["creators"]["joined_at"] = native["creators"]["joined_at"].dt.tz_localize(None)
    same(
        read_market(write_market(tmp_path / "text", **text)),
        read_market(write_market(tmp_path / "native", suffix=".parquet", **native)),
    )


def test_the_types_promised(tmp_path: Path) -> None:
    market = read_market(write_market(tmp_path, **small_market()))
    for name, table in TABLES.items():
        for column in table.columns:
            cells = market.table(name)[column.name]
            if column.kind is Kind.NUMBER:
                assert cells.dtype == np.float64
            elif column.kind in (Kind.TIME, Kind.DAY):
                assert str(cells.dtype) == "datetime64[ns, UTC]"
            else:
                assert cells.dtype == object
    assert market.table("embeddings")["vector"][0].dtype == np.float32
    assert market.table("promotions")["session_id"][0] is None


def test_ids_are_text_as_written(tmp_path: Path) -> None:
    (tmp_path / "promotions.csv").write_text(
        'occurred_at,merchant_id,creator_id\n2026-01-01,007, 1.50 \n2026-01-01,"a,b",1e5\n'
    )
    promotions = read_market(tmp_path).table("promotions")
    assert promotions["merchant_id"].tolist() == ["007", "a,b"]
    assert promotions["creator_id"].tolist() == ["1.50", "1e5"]


def test_number_ids_of_parquet_become_their_decimals(tmp_path: Path) -> None:
    promotions = pd.DataFrame(
        {
            "occurred_at": ["2026-01-01"] * 3,
            "merchant_id": [17, 18, 19],
            "creator_id": [1, 2**60 + 1, 3],
            "product_id": [4.0, np.nan, 5.0],
        }
    )
    found = read_market(write_market(tmp_path, suffix=".parquet", promotions=promotions))
    table = found.table("promotions")
    assert table["merchant_id"].tolist() == ["17", "18", "19"]
    assert table["creator_id"].tolist() == ["1", "1152921504606846977", "3"]
    assert table["product_id"].tolist() == ["4", None, "5"]


def test_blank_is_unknown_never_zero(tmp_path: Path) -> None:
    blanks = ["", " ", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "NaT"]
    lines = [f"2026-01-01,m,c,{one},{one},{one}" for one in blanks]
    (tmp_path / "promotions.csv").write_text(
        "\n".join(["occurred_at,merchant_id,creator_id,clicks,product_id,format", *lines])
    )
    promotions = read_market(tmp_path).table("promotions")
    assert len(promotions) == len(blanks)
    assert promotions[["clicks", "product_id", "format"]].isna().all(axis=None)


def test_spellings_of_times_and_numbers(tmp_path: Path) -> None:
    moment = pd.Timestamp("2026-01-31T08:30:00Z")
    spellings = [
        "2026-01-31T08:30:00Z",
        "2026-01-31 08:30",
        " 2026-01-31T08:30:00.000 ",
        "2026-01-31T16:30:00+08:00",
        "2026-01-31 08:30:00+0000",
    ]
    numbers = ["1000", "1e3", "+1000", "1000.", " 1000.0 "]
    for picked in (spellings, spellings[:1], spellings[1:3]):
        lines = [f"{one},m,c,{two}" for one, two in zip(picked, numbers, strict=False)]
        (tmp_path / "promotions.csv").write_text(
            "\n".join(["occurred_at,merchant_id,creator_id,gmv", *lines])
        )
        promotions = read_market(tmp_path).table("promotions")
        assert promotions["occurred_at"].tolist() == [moment] * len(picked)
        assert promotions["gmv"].tolist() == [1000.0] * len(picked)


def test_windows_files(tmp_path: Path) -> None:
    body = 'occurred_at, merchant_id ,creator_id,product_id\r\n2026-01-01,m,c,"two\r\nlines"\r\n'
    (tmp_path / "promotions.csv").write_bytes(b"\xef\xbb\xbf" + body.encode())
    promotions = read_market(tmp_path).table("promotions")
    assert promotions["merchant_id"].tolist() == ["m"]
    assert promotions["product_id"].tolist() == ["two\r\nlines"]


def test_unknown_columns_are_kept_and_ignored(tmp_path: Path) -> None:
    sound = small_market()
    plain = read_market(write_market(tmp_path / "plain", **sound))
    sound["promotions"] = sound["promotions"].assign(mood="good ", score=1.5)[
        ["mood", *sound["promotions"].columns[::-1], "score"]
    ]
    more = read_market(write_market(tmp_path / "more", **sound))
    parquet = read_market(write_market(tmp_path / "parquet", suffix=".parquet", **sound))
    assert more.fingerprint == plain.fingerprint == parquet.fingerprint
    assert more.summary.loc[0, "ignored_columns"] == "mood, score"
    assert list(more.table("promotions").columns[-2:]) == ["mood", "score"]
    assert more.table("promotions")["mood"].unique().tolist() == ["good"]
    assert parquet.table("promotions")["score"].unique().tolist() == [1.5]


def test_files_that_are_no_tables_are_noted(tmp_path: Path) -> None:
    write_market(tmp_path, promotions=small_market()["promotions"])
    (tmp_path / "truth").mkdir()
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "creator.csv").write_text("")
    (tmp_path / "README.md").write_text("")
    assert read_market(tmp_path).notes == (
        "README.md: not a table of a market, ignored",
        "creator.csv: not a table of a market, ignored; did you mean creators.csv?",
    )


def test_promotions_alone_are_a_market(tmp_path: Path) -> None:
    market = read_market(write_market(tmp_path, promotions=small_market()["promotions"]))
    assert market.has("promotions")
    for name in TABLES:
        assert market.has(name) == (name == "promotions")
        assert len(market.table(name)) == 0 or name == "promotions"
        assert list(market.table(name).columns) == [one.name for one in TABLES[name].columns]
    assert str(market.table("creators")["joined_at"].dtype) == "datetime64[ns, UTC]"
    with pytest.raises(KeyError, match="followers"):
        market.table("followers")


def test_a_row_more_changes_the_fingerprint_and_a_blank_column_does_not(tmp_path: Path) -> None:
    promotions = small_market()["promotions"]
    frames = {
        "plain": promotions,
        "blank": promotions.assign(weight=None),
        "shorter": promotions[:-1],
        "changed": promotions.assign(gmv=promotions["gmv"] + 0.01),
        "renamed": promotions.replace({"creator_id": {"c00": "c0"}}),
    }
    found = {
        name: read_market(write_market(tmp_path / name, promotions=frame)).fingerprint
        for name, frame in frames.items()
    }
    assert found.pop("plain") == found.pop("blank")
    assert len(set(found.values())) == 3


def test_a_vector_may_come_in_any_list_type(tmp_path: Path) -> None:
    vectors = [[0.5, -1.0], [2.0, 3.0]]
    kinds = [
        pa.list_(pa.float32()),
        pa.list_(pa.float64()),
        pa.list_(pa.float32(), 2),
        pa.large_list(pa.float32()),
    ]
    found = []
    for number, kind in enumerate(kinds):
        folder = write_market(tmp_path / str(number), promotions=small_market()["promotions"])
        columns = {
            "entity": ["creator", "merchant"],
            "entity_id": ["c00", "m0"],
            "space": ["style"] * 2,
            "vector": pa.array(vectors, kind),
        }
        pq.write_table(pa.table(columns), folder / "embeddings.parquet")
        found.append(read_market(folder))
        assert np.stack(list(found[-1].table("embeddings")["vector"])).tolist() == vectors
    assert len({market.fingerprint for market in found}) == 1


def test_vectors_of_one_space_have_one_length(tmp_path: Path) -> None:
    rows = [
        ("a", [1, 2]),
        ("a", [1, 2, 3]),
        ("b", [1]),
        ("a", [1, 2, 4]),
        ("c", [1]),
        ("c", [1, 2]),
    ]
    embeddings = [
        {"entity": "creator", "entity_id": f"c{n}", "space": space, "vector": vector}
        for n, (space, vector) in enumerate(rows)
    ]
    promotions = small_market()["promotions"]
    folder = write_market(tmp_path, promotions=promotions, embeddings=embeddings)
    market = read_market(folder, max_set_aside=1)
    # The most frequent length stays; where two are equally frequent, the first.
    assert market.set_aside[["row", "value"]].to_numpy().tolist() == [[0, "1 2"], [5, "1 2"]]


# --- ranges --------------------------------------------------------------------------------------


def test_point_and_bounds(tmp_path: Path) -> None:
    creators = pd.DataFrame(
        {
            "creator_id": list("abcdef"),
            "followers": [7, None, None, None, None, 300],
            "followers_low": [None, 100, 0, 100, None, 100],
            "followers_high": [None, 10_000, 50, None, None, 1000],
        }
    )
    promotions = small_market()["promotions"]
    table = read_market(write_market(tmp_path, promotions=promotions, creators=creators)).table(
        "creators"
    )
    nan = np.nan
    np.testing.assert_equal(point(table, "followers").to_numpy(), [7, 1000, 25, nan, nan, 300])
    low, high = bounds(table, "followers")
    np.testing.assert_equal(low.to_numpy(), [7, 100, 0, 100, nan, 300])
    np.testing.assert_equal(high.to_numpy(), [7, 10_000, 50, nan, nan, 300])
    assert point(table, "gmv_30d").isna().all()
    assert point(table, "no_such").isna().all()
    assert point(table, "followers").name == "followers"


def test_a_range_alone_serves_for_a_required_number(tmp_path: Path) -> None:
    audience = {"entity": "creator", "entity_id": "c", "dimension": "age"}
    audiences = [
        {**audience, "segment": "18-23", "share_low": 0.1, "share_high": 0.4},
        {**audience, "segment": "24-30", "share_low": None, "share_high": 0.4},
    ]
    folder = write_market(tmp_path, promotions=small_market()["promotions"], audiences=audiences)
    market = read_market(folder, max_set_aside=0.5)
    assert point(market.table("audiences"), "share").tolist() == [pytest.approx(0.2)]
    assert market.set_aside.to_numpy().tolist() == [
        ["audiences", 1, "share_low", "", "required, but blank"]
    ]


def test_a_range_that_cannot_be_is_set_aside(tmp_path: Path) -> None:
    row = {"occurred_at": "2026-01-01", "merchant_id": "m", "creator_id": "c"}
    promotions = [
        {**row, "exposures_low": 10, "exposures_high": 100, "clicks": 100},
        {**row, "exposures_low": 10, "exposures_high": 100, "clicks": 101},
        {**row, "exposures": 5, "exposures_low": 10, "exposures_high": 100},
        {**row, "exposures": 101, "exposures_low": 10, "exposures_high": 100},
        {**row, "exposures": 90, "clicks_low": 91, "clicks_high": 99},
        {**row, "exposures": 90, "clicks_low": 0.5, "clicks_high": 99},
    ]
    market = read_market(write_market(tmp_path, promotions=promotions), max_set_aside=1)
    assert market.set_aside[["row", "column", "reason"]].to_numpy().tolist() == [
        [1, "clicks", "above exposures"],
        [2, "exposures", "below exposures_low"],
        [3, "exposures", "above exposures_high"],
        [4, "clicks_low", "above exposures"],
    ]


def test_a_refund_of_everything_may_differ_in_the_last_digit(tmp_path: Path) -> None:
    row = {"occurred_at": "2026-01-01", "merchant_id": "m", "creator_id": "c"}
    promotions = [{**row, "gmv": 0.3, "refunded_gmv": 0.1 + 0.2}]
    assert read_market(write_market(tmp_path, promotions=promotions)).set_aside.empty


@given(
    st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 10**6))] * 3), min_size=1, max_size=20)
)
@settings(max_examples=50)
def test_the_point_lies_within_the_bounds(rows: list[tuple[Any, Any, Any]]) -> None:
    table = pd.DataFrame(rows, columns=["x", "x_low", "x_high"], dtype=float)
    table = table[~(table["x_low"] > table["x_high"])]
    middle, (low, high) = point(table, "x"), bounds(table, "x")
    both = low.notna() & high.notna()
    assert middle.notna().equals(both)
    assert (middle >= low * (1 - 1e-12))[both].all()
    assert (middle <= high * (1 + 1e-12))[both].all()
    assert (middle == table["x"])[table["x"].notna()].all()


# --- point in time -------------------------------------------------------------------------------


def test_as_of_is_the_latest_event_when_none_is_given(tmp_path: Path) -> None:
    sound = small_market()
    engagements = sound["engagements"].astype(object)
    engagements.loc[59, "occurred_at"] = None
    promotions, outreach = sound["promotions"], sound["outreach"]
    folder = write_market(
        tmp_path / "some", promotions=promotions[:5], outreach=outreach[:9], engagements=engagements
    )
    assert read_market(folder).as_of == pd.Timestamp("2026-02-28T12:30:00Z")
    # A day is known once it has ended.
    whole = read_market(write_market(tmp_path / "whole", **sound))
    assert whole.as_of == pd.Timestamp("2026-03-02T00:00:00Z")
    no_time = engagements.assign(occurred_at=None)
    folder = write_market(tmp_path / "few", promotions=promotions[:5], engagements=no_time)
    assert read_market(folder).as_of == pd.Timestamp("2026-01-05T12:30:00Z")


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-01-10",
        " 2026-01-10 00:00 ",
        "2026-01-10T08:00+08:00",
        datetime.date(2026, 1, 10),
        datetime.datetime(2026, 1, 10),
        pd.Timestamp("2026-01-10", tz="UTC"),
        pd.Timestamp("2026-01-10T08:00", tz="Asia/Shanghai"),
    ],
)
def test_as_of_in_any_spelling(as_of: Any, tmp_path: Path) -> None:
    folder = write_market(tmp_path, promotions=small_market()["promotions"])
    market = read_market(folder, as_of=as_of)
    assert market.as_of == pd.Timestamp("2026-01-10", tz="UTC")
    assert len(market.table("promotions")) == 9


@pytest.mark.parametrize("as_of", ["soon", "now", "2026-02-30", "", 5.5j, pd.NaT])
def test_as_of_that_is_no_moment(as_of: Any, tmp_path: Path) -> None:
    folder = write_market(tmp_path, promotions=small_market()["promotions"])
    with pytest.raises(BadInput, match=r"as_of is .*; expected a date or time like 2026-01-31 or"):
        read_market(folder, as_of=as_of)


def test_what_happens_at_as_of_is_known(tmp_path: Path) -> None:
    sound = small_market()
    daily = sound["creator_daily"]
    folder = write_market(tmp_path, promotions=sound["promotions"], creator_daily=daily)
    at = read_market(folder, as_of="2026-01-02T12:30:00Z")
    assert len(at.table("promotions")) == 2
    assert len(at.table("creator_daily")) == 1
    assert len(read_market(folder, as_of="2026-01-03").table("creator_daily")) == 2


def test_nothing_after_as_of_is_kept(tmp_path: Path) -> None:
    market = read_market(write_market(tmp_path, **small_market()), as_of=AS_OF)
    for name, table in TABLES.items():
        if table.time is not None:
            times = market.table(name)[table.time]
            late = pd.Timedelta(days=1) if name == "creator_daily" else pd.Timedelta(0)
            assert not (times + late > market.as_of).any()
    to_come = {f"c{n:02d}" for n in range(7, 12)}
    assert not to_come & set(market.table("creators")["creator_id"])
    assert not to_come & set(market.table("audiences")["entity_id"])
    assert set(market.table("embeddings")["entity_id"]) == {f"p{n}" for n in range(6)}
    timeless = market.table("engagements")["occurred_at"].isna()
    assert timeless.any()
    assert not to_come & set(market.table("engagements")["entity_id"][timeless])
    rows = market.summary
    assert (rows["rows"] == rows["kept"] + rows["after_as_of"]).all()
    assert (rows.set_index("table")["after_as_of"] > 0).sum() == len(TABLES) - 1


NASTY = ["-1", "1e400", "x", "", "c00", "m0", "p0", "creator", "9 9", "0.5", "1", "nan", "2.5"]


def poison(tables: dict[str, pd.DataFrame], seed: int) -> dict[str, pd.DataFrame]:
    """Change every cell, save times, of all that lies after ``AS_OF``; append more of it."""
    rng = np.random.default_rng(seed)
    as_of = pd.Timestamp(AS_OF)
    changed = {}
    for name, table in TABLES.items():
        frame = tables[name].astype(object).copy()
        late = np.zeros(len(frame), dtype=bool)
        if table.time is not None:
            times = pd.to_datetime(frame[table.time], utc=True, format="ISO8601")
            ended = pd.Timedelta(days=1 if name == "creator_daily" else 0)
            late = np.array(times + ended > as_of)
        if name in ("creators", "products"):
            keep = [table.time, *table.key]
        elif "entity_id" in frame:
            to_come = [f"c{n:02d}" for n in range(7, 12)] + ["p6", "p7"]
            late |= frame["entity_id"].isin(to_come).to_numpy() & (
                True if table.time is None else frame[table.time].isna().to_numpy()
            )
            keep = ["entity", "entity_id", table.time]
        else:
            keep = [table.time] if table.time else list(frame.columns)
        for column in frame.columns.difference([one for one in keep if one]):
            frame.loc[late, column] = rng.choice(NASTY, late.sum())
        # More of the same, with a key the past has too where the time alone tells them apart.
        more = frame[late].copy()
        if name in ("creators", "products") and len(more):
            more[table.key[0]] = rng.choice(["new", *frame[table.key[0]]], len(more))
        changed[name] = pd.concat([frame, more, more], ignore_index=True)
    return changed


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("seed", range(5))
def test_the_future_has_no_influence(suffix: str, seed: int, tmp_path: Path) -> None:
    sound = small_market(seed)
    sound["promotions"] = sound["promotions"].astype({"clicks": object})
    sound["promotions"].loc[4, "clicks"] = "broken"
    sound = {
        name: frame.astype(object).where(frame.isna(), frame.astype(object).map(_text))
        for name, frame in sound.items()
    }
    before = read_market(write_market(tmp_path / "sound", suffix=suffix, **sound), as_of=AS_OF)
    after = read_market(
        write_market(tmp_path / "poisoned", suffix=suffix, **poison(sound, seed)), as_of=AS_OF
    )
    assert len(before.set_aside) == 1
    same(before, after)
    assert after.summary["rows"].sum() > before.summary["rows"].sum()


def _text(cell: Any) -> Any:
    return " ".join(map(str, cell)) if isinstance(cell, np.ndarray) else str(cell)


def test_a_ragged_row_of_the_future_has_no_influence(tmp_path: Path) -> None:
    header = "occurred_at,merchant_id,creator_id"
    path = tmp_path / "promotions.csv"
    path.write_text(f"{header}\n2026-01-01,m,c\n")
    before = read_market(tmp_path, as_of="2026-02-01")
    path.write_text(f'{header}\n2026-01-01,m,c\n2026-03-01,m\n"2026-03-02",m,c,d\n')
    after = read_market(tmp_path, as_of="2026-02-01")
    same(before, after)
    assert after.summary.loc[0, "after_as_of"] == 2


def test_tables_without_a_time_are_known_all_along(tmp_path: Path) -> None:
    sound = small_market()
    folder = write_market(
        tmp_path, promotions=sound["promotions"], creators=[{"creator_id": "c00"}]
    )
    market = read_market(folder, as_of=AS_OF)
    assert market.table("creators")["creator_id"].tolist() == ["c00"]
    same(read_market(folder).before(AS_OF), market)


def test_a_creator_listed_twice_is_known_from_the_earlier_row(tmp_path: Path) -> None:
    creators = [
        {"creator_id": "c00", "joined_at": "2026-05-01", "followers": 9},
        {"creator_id": "c00", "joined_at": "2026-01-01", "followers": 5},
    ]
    sound = small_market()
    folder = write_market(
        tmp_path,
        promotions=sound["promotions"],
        creators=creators,
        audiences=sound["audiences"][:2],
    )
    market = read_market(folder, as_of=AS_OF)
    assert market.table("creators")["followers"].tolist() == [5]
    assert len(market.table("audiences")) == 2


@given(day=st.integers(1, 59))
@settings(max_examples=10)
def test_before_is_reading_again(day: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_market(tmp_path_factory.mktemp("market"), **small_market())
    moment = pd.Timestamp("2026-01-01T12:30:00Z") + pd.Timedelta(days=day - 1)
    whole = read_market(folder)
    earlier = whole.before(moment)
    again = read_market(folder, as_of=moment)
    for name in again.tables:
        rewound, read = earlier.table(name), again.table(name)
        hindsight = [column for column in read if "_30d" in column]
        hindsight += ["status", "reason"] if name == "outreach" else []
        assert rewound[hindsight].isna().all(axis=None)
        pd.testing.assert_frame_equal(rewound.drop(columns=hindsight), read.drop(columns=hindsight))
    assert again.table("creators")["gmv_30d_low"].notna().any()
    pd.testing.assert_frame_equal(earlier.set_aside, again.set_aside)
    assert earlier.as_of == again.as_of
    pd.testing.assert_frame_equal(earlier.summary, again.summary)
    assert len(whole.table("promotions")) == 60


def test_before_goes_back_only(tmp_path: Path) -> None:
    market = read_market(write_market(tmp_path, **small_market()), as_of=AS_OF)
    with pytest.raises(BadInput, match=r"as_of is 2026-03-01; this market is known up to 2026-02"):
        market.before("2026-03-01")
    with pytest.raises(BadInput, match=r"none of 60 rows is left: all of them are later than"):
        market.before("2025-03-01")
    same(market.before(market.as_of), market)


def test_a_simulated_market_is_known_by_its_mark(tmp_path: Path) -> None:
    folder = write_market(tmp_path, **small_market())
    assert not read_market(folder).synthetic
    (folder / SYNTHETIC_MARK).write_text("made up", "utf-8")
    market = read_market(folder)
    assert market.synthetic
    assert market.before(AS_OF).synthetic
    assert market.notes == ()


def test_a_gzip_in_two_members_is_read_whole(tmp_path: Path) -> None:
    head = "occurred_at,merchant_id,creator_id\n2026-01-01,m,c\n"
    (tmp_path / "promotions.csv.gz").write_bytes(
        gzip.compress(head.encode()) + gzip.compress(b"2026-01-02,m,c\n")
    )
    assert len(read_market(tmp_path).table("promotions")) == 2
