"""Broken market folders: each gives one clear line, or exact lines of what was set aside."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matching.errors import BadInput
from tests.market_folders import content, small_market, write_market
from training.market import read_market
from training.market_tables import check_tables

HEADER = "occurred_at,merchant_id,creator_id"
ROW = "2026-01-01,m1,c1"


def text(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame as a CSV would hold it: text, None where blank."""
    frame = frame.astype(object).copy()
    if "vector" in frame:
        frame["vector"] = [" ".join(map(str, one)) for one in frame["vector"]]
    return frame.where(frame.isna(), frame.map(str)).where(frame.notna(), None)


class Unusable(NamedTuple):
    what: str
    damage: Callable[[Path], Any]
    says: str


def put(name: str, *lines: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text("\n".join(lines) + "\n")


def put_bytes(name: str, content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(content)


def put_parquet(name: str, **columns: Any) -> Callable[[Path], Any]:
    return lambda folder: pq.write_table(pa.table(columns), folder / name)


def twice(folder: Path) -> None:
    table = pa.table([pa.array(["c1"]), pa.array(["c2"])], names=["creator_id", "creator_id"])
    pq.write_table(table, folder / "creators.parquet")


def half(name: str) -> Callable[[Path], Any]:
    def damage(folder: Path) -> None:
        path = folder / name
        frame = pd.DataFrame({"creator_id": np.arange(5000).astype(str)})
        frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def in_the_middle(folder: Path) -> None:
    path = folder / "creators.parquet"
    pd.DataFrame({"creator_id": np.arange(5000).astype(str)}).to_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + b"?" * 50 + whole[250:])


PROMOTIONS = "expected promotions.csv, promotions.csv.gz or promotions.parquet"
LATE = "occurred_at,merchant_id,creator_id,clicks"

UNUSABLE = [
    Unusable(
        "no promotions",
        lambda folder: (folder / "promotions.csv").unlink(),
        rf".*: no promotions table; {PROMOTIONS}",
    ),
    Unusable(
        "promotions misspelt",
        lambda folder: (folder / "promotions.csv").rename(folder / "promotion.csv"),
        rf".*: no promotions table; {PROMOTIONS}; did you mean promotion\.csv\?",
    ),
    Unusable(
        "promotions in another format",
        lambda folder: (folder / "promotions.csv").rename(folder / "promotions.tsv"),
        rf".*: no promotions table; {PROMOTIONS}; did you mean promotions\.tsv\?",
    ),
    Unusable(
        "two files for one table",
        put_parquet("creators.parquet", creator_id=["c1"]),
        r"creators\.csv and creators\.parquet: two files for one table; keep one of them",
    ),
    Unusable(
        "a folder of parts",
        lambda folder: (folder / "creator_daily.parquet").mkdir(),
        r"creator_daily\.parquet: is a folder; expected one file, write its parts into one",
    ),
    Unusable(
        "empty file",
        put_bytes("creators.csv", b""),
        r"creators\.csv: is empty; expected a header line with creator_id",
    ),
    Unusable(
        "empty lines alone",
        put_bytes("products.csv", b"\n\r\n\n"),
        r"products\.csv: is empty; expected a header line with product_id, merchant_id",
    ),
    Unusable(
        "header alone",
        put("promotions.csv", HEADER),
        r"promotions\.csv: has no rows; expected one for every promotion",
    ),
    Unusable(
        "header without a line end",
        put_bytes("promotions.csv", HEADER.encode()),
        r"promotions\.csv: has no rows; expected one for every promotion",
    ),
    Unusable(
        "no header",
        put("promotions.csv", ROW, ROW.replace("m1", "m2")),
        r"promotions\.csv: no column occurred_at, which is required",
    ),
    Unusable(
        "column twice",
        put("promotions.csv", HEADER + ",gmv, gmv", ROW + ",1,1"),
        r"promotions\.csv: column 'gmv' comes twice; keep one of them",
    ),
    Unusable(
        "Parquet column twice",
        lambda folder: [(folder / "creators.csv").unlink(), twice(folder)],
        r"creators\.parquet: column 'creator_id' comes twice; keep one of them",
    ),
    Unusable(
        "required column missing",
        put("outreach.csv", "merchant_id,creator_id", "m1,c1"),
        r"outreach\.csv: no column sent_at, which is required",
    ),
    Unusable(
        "required column misspelt",
        put("promotions.csv", "occured_at,merchant_id,creator_id", ROW),
        r"promotions\.csv: no column occurred_at, which is required;"
        r" did you mean column occured_at\?",
    ),
    Unusable(
        "required column in capitals",
        put("merchants.csv", "Merchant_ID", "m1"),
        r"merchants\.csv: no column merchant_id, which is required;"
        r" did you mean column Merchant_ID\?",
    ),
    Unusable(
        "half a range",
        put("audiences.csv", "entity,entity_id,dimension,segment,share_low", "creator,c,a,b,0.1"),
        r"audiences\.csv: no column share, which is required; did you mean column .*|"
        r"audiences\.csv: no column share, which is required",
    ),
    Unusable(
        "semicolons",
        put("promotions.csv", HEADER.replace(",", ";"), ROW.replace(",", ";")),
        r"promotions\.csv: fields are separated by ';'; expected commas",
    ),
    Unusable(
        "tabs",
        put("promotions.csv", HEADER.replace(",", "\t"), ROW.replace(",", "\t")),
        r"promotions\.csv: fields are separated by '\\t'; expected commas",
    ),
    Unusable(
        "UTF-16",
        put_bytes("promotions.csv", f"{HEADER}\n{ROW}\n".encode("utf-16")),
        r"promotions\.csv: not UTF-8 \(invalid start byte\); save it as UTF-8",
    ),
    Unusable(
        "Latin-1",
        put_bytes("creators.csv", "creator_id,name\nc1,Zoé\n".encode("latin-1")),
        r"creators\.csv: not UTF-8 \(.*\); save it as UTF-8",
    ),
    Unusable(
        "Latin-1 far down",
        put_bytes("creators.csv", b"creator_id,name\n" + b"c,n\n" * 9999 + b"c1,Zo\xe9\n"),
        r"creators\.csv: not UTF-8 \(.*Row #10001: .*invalid UTF8 data\); save it as UTF-8",
    ),
    Unusable(
        "Latin-1 in the header",
        put_bytes("creators.csv", "creator_id,prénom\nc1,Zoe\n".encode("latin-1")),
        r"creators\.csv: not UTF-8 \(invalid continuation byte\); save it as UTF-8",
    ),
    Unusable(
        "gzip cut short",
        lambda folder: [(folder / "creators.csv").unlink(), half("creators.csv.gz")(folder)],
        r"creators\.csv\.gz: cannot be read as gzip \(Truncated compressed stream\);"
        r" compress it again",
    ),
    Unusable(
        "no gzip",
        lambda folder: (folder / "creators.csv").rename(folder / "creators.csv.gz"),
        r"creators\.csv\.gz: cannot be read as gzip \(Not a gzipped file \(b'cr'\)\);"
        r" compress it again",
    ),
    Unusable(
        "empty gzip",
        lambda folder: [
            (folder / "creators.csv").unlink(),
            (folder / "creators.csv.gz").write_bytes(gzip.compress(b"")),
        ],
        r"creators\.csv\.gz: is empty; expected a header line with creator_id",
    ),
    Unusable(
        "Parquet cut short",
        lambda folder: [(folder / "creators.csv").unlink(), half("creators.parquet")(folder)],
        r"creators\.parquet: cannot be read as Parquet \(.*magic bytes not found.*\);"
        r" write it again",
    ),
    Unusable(
        "Parquet damaged in the middle",
        lambda folder: [(folder / "creators.csv").unlink(), in_the_middle(folder)],
        r"creators\.parquet: cannot be read as Parquet \(.*\); write it again",
    ),
    Unusable(
        "CSV called Parquet",
        lambda folder: (folder / "creators.csv").rename(folder / "creators.parquet"),
        r"creators\.parquet: cannot be read as Parquet \(.*magic bytes not found.*\);"
        r" write it again",
    ),
    Unusable(
        "empty Parquet",
        lambda folder: [
            (folder / "creators.csv").unlink(),
            (folder / "creators.parquet").write_bytes(b""),
        ],
        r"creators\.parquet: cannot be read as Parquet \(.*0 bytes\); write it again",
    ),
    Unusable(
        "quotation mark never closed, last column",
        put("merchants.csv", "merchant_id,name", "m1,fine", 'm2,"open', "m3,lost", "m4,lost"),
        r"merchants\.csv: a quotation mark is opened and never closed; close it or double it",
    ),
    Unusable(
        "quotation mark never closed, first column",
        put("merchants.csv", "merchant_id,name", "m1,fine", '"m2,open', "m3,lost", "m4,lost"),
        r"merchants\.csv: a quotation mark is opened and never closed; close it or double it",
    ),
    Unusable(
        "a link to nowhere",
        lambda folder: (folder / "products.csv").symlink_to(folder / "gone.csv"),
        r"products\.csv: cannot be read \(No such file or directory\); mend or remove it",
    ),
    Unusable(
        "lists where numbers belong",
        lambda folder: [
            (folder / "merchants.csv").unlink(),
            put_parquet("merchants.parquet", merchant_id=["m1"], experience_score=[[1.0]])(folder),
        ],
        r"merchants\.parquet: column experience_score holds list<.*>; expected numbers",
    ),
    Unusable(
        "records where words belong",
        lambda folder: [
            (folder / "merchants.csv").unlink(),
            put_parquet("merchants.parquet", merchant_id=[{"id": 1}])(folder),
        ],
        r"merchants\.parquet: column merchant_id holds struct<.*>; expected text",
    ),
    Unusable(
        "lists of numbers where words belong",
        lambda folder: [
            (folder / "merchants.csv").unlink(),
            put_parquet("merchants.parquet", merchant_id=[[1]])(folder),
        ],
        r"merchants\.parquet: column merchant_id holds list<.*>; expected text",
    ),
    Unusable(
        "lists where times belong",
        lambda folder: [
            (folder / "outreach.csv").unlink(),
            put_parquet("outreach.parquet", merchant_id=["m"], creator_id=["c"], sent_at=[[1]])(
                folder
            ),
        ],
        r"outreach\.parquet: column sent_at holds list<.*>; expected timestamps",
    ),
    Unusable(
        "too much broken",
        put("promotions.csv", LATE, *[f"{ROW},-1", f"{ROW},5", f"{ROW},x"] * 2, f"{ROW},-2"),
        r"promotions\.csv: 5 of 7 rows \(71\.4%\) break the contract, most often clicks: below 0;"
        r" at most 5\.0% may be set aside: mend them, listed by"
        r" `alliance check MARKET --set-aside FILE`, or allow more with --max-set-aside",
    ),
    Unusable(
        "times as numbers",
        put("promotions.csv", HEADER, "1767225600,m1,c1"),
        r"promotions\.csv: 1 of 1 rows \(100\.0%\) break the contract, most often occurred_at: not"
        r" a time like 2026-01-31T18:30:00Z; at most .*",
    ),
    Unusable(
        "every row ragged",
        put("promotions.csv", HEADER, ROW + ",1,2", "2026-01-01"),
        r"promotions\.csv: 2 of 2 rows \(100\.0%\) break the contract, most often not as many"
        r" fields as the header; at most .*",
    ),
]


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: case.what)
def test_a_folder_that_cannot_be_used_gives_one_clear_line(case: Unusable, tmp_path: Path) -> None:
    sound = small_market()
    tables = {name: sound[name] for name in ("promotions", "creators", "merchants", "outreach")}
    folder = write_market(tmp_path / "market", **tables)
    case.damage(folder)
    before = content(folder)
    with pytest.raises(BadInput) as caught:
        read_market(folder)
    assert re.fullmatch(case.says, str(caught.value))
    assert content(folder) == before


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=rf"nowhere: no such folder; expected a market: .*{PROMOTIONS[9:]}"
    ):
        read_market(tmp_path / "nowhere")
    path = tmp_path / "a_file"
    path.write_text("")
    with pytest.raises(BadInput, match="a_file: is a file; expected a market: a folder with"):
        read_market(path)
    with pytest.raises(BadInput, match=f": no promotions table; {PROMOTIONS}$"):
        read_market(tmp_path)


class Broken(NamedTuple):
    """Cells changed in some row of a table, and the lines that must come of it."""

    table: str
    cells: dict[str, Any]
    lines: list[tuple[str, str, str]]
    row: int = 3


MOMENT = "not a time like 2026-01-31T18:30:00Z"

BROKEN = [
    Broken("promotions", {"merchant_id": None}, [("merchant_id", "", "required, but blank")]),
    Broken("promotions", {"creator_id": " NA "}, [("creator_id", " NA ", "required, but blank")]),
    Broken("promotions", {"occurred_at": None}, [("occurred_at", "", "required, but blank")]),
    Broken("promotions", {"occurred_at": "soon"}, [("occurred_at", "soon", MOMENT)]),
    Broken("promotions", {"occurred_at": "now"}, [("occurred_at", "now", MOMENT)]),
    Broken("promotions", {"occurred_at": "2026-02-30"}, [("occurred_at", "2026-02-30", MOMENT)]),
    Broken("promotions", {"occurred_at": "31.1.2026"}, [("occurred_at", "31.1.2026", MOMENT)]),
    Broken("promotions", {"occurred_at": "1500-01-01"}, [("occurred_at", "1500-01-01", MOMENT)]),
    Broken(
        "promotions",
        {"occurred_at": "2026-01-01T25:00:00Z"},
        [("occurred_at", "2026-01-01T25:00:00Z", MOMENT)],
    ),
    Broken("promotions", {"exposures": "many"}, [("exposures", "many", "not a number")]),
    Broken("promotions", {"exposures": "1,000"}, [("exposures", "1,000", "not a number")]),
    Broken("promotions", {"gmv": "12%"}, [("gmv", "12%", "not a number")]),
    Broken("promotions", {"gmv": "inf"}, [("gmv", "inf", "not finite")]),
    Broken("promotions", {"gmv": "-0.01"}, [("gmv", "-0.01", "below 0")]),
    Broken("promotions", {"clicks": "-5"}, [("clicks", "-5", "below 0")]),
    Broken("promotions", {"clicks": "5.5"}, [("clicks", "5.5", "not a whole number")]),
    Broken(
        "promotions",
        {"exposures": "10", "paid_exposures": "3", "clicks": "11", "orders": "2"},
        [("clicks", "11", "above exposures")],
    ),
    Broken(
        "promotions",
        {"exposures": "10", "paid_exposures": "12", "clicks": "1", "orders": "2"},
        [("paid_exposures", "12", "above exposures"), ("orders", "2", "above clicks")],
    ),
    Broken(
        "promotions",
        {"gmv": "99.99", "refunded_gmv": "100"},
        [("refunded_gmv", "100", "above gmv")],
    ),
    Broken(
        "promotions", {"format": "radio"}, [("format", "radio", "not one of live, video, showcase")]
    ),
    Broken(
        "promotions", {"format": "Live"}, [("format", "Live", "not one of live, video, showcase")]
    ),
    Broken(
        "promotions",
        {"merchant_id": None, "creator_id": "", "clicks": "-1"},
        [
            ("merchant_id", "", "required, but blank"),
            ("creator_id", "", "required, but blank"),
            ("clicks", "-1", "below 0"),
        ],
    ),
    Broken("creators", {"followers": "-1"}, [("followers", "-1", "below 0")]),
    Broken("creators", {"joined_at": "2025"}, [("joined_at", "2025", MOMENT)]),
    Broken(
        "creators",
        {"creator_id": "c00"},
        [("creator_id", "c00", "same creator_id as an earlier row")],
    ),
    Broken(
        "creators",
        {"gmv_30d_low": "1000", "gmv_30d_high": "100"},
        [("gmv_30d_low", "1000", "above gmv_30d_high")],
    ),
    Broken("creators", {"gmv_30d_low": "-1"}, [("gmv_30d_low", "-1", "below 0")]),
    Broken("merchants", {"experience_score": "10.5"}, [("experience_score", "10.5", "above 10")]),
    Broken(
        "merchants",
        {"merchant_id": "m0"},
        [("merchant_id", "m0", "same merchant_id as an earlier row")],
    ),
    Broken("products", {"merchant_id": "null"}, [("merchant_id", "null", "required, but blank")]),
    Broken("products", {"price": "free"}, [("price", "free", "not a number")]),
    Broken(
        "audiences", {"entity": "fan"}, [("entity", "fan", "not one of creator, merchant, product")]
    ),
    Broken("audiences", {"share": "1.01"}, [("share", "1.01", "above 1")]),
    Broken("audiences", {"share": "-0.1"}, [("share", "-0.1", "below 0")]),
    Broken("audiences", {"share": None}, [("share", "", "required, but blank")]),
    Broken(
        "audiences",
        {"segment": "female"},
        [
            (
                "segment",
                "female",
                "same entity, entity_id, audience, dimension, segment as an earlier row",
            )
        ],
    ),
    Broken(
        "audiences",
        {"audience": "buyers"},
        [("audience", "buyers", "not one of viewer, fan, buyer, target")],
    ),
    Broken(
        "embeddings",
        {"vector": "0.5 0.5"},
        [("vector", "0.5 0.5", "not as long as the other vectors of its space")],
    ),
    Broken("embeddings", {"vector": ""}, [("vector", "", "required, but blank")]),
    Broken(
        "embeddings",
        {"vector": "0.5 nan 1"},
        [("vector", "0.5 nan 1", "not a list of finite numbers")],
    ),
    Broken(
        "embeddings",
        {"vector": "[0.5, 0.5, 1]"},
        [("vector", "[0.5, 0.5, 1]", "not a list of finite numbers")],
    ),
    Broken(
        "embeddings",
        {"vector": "1e300 0 1"},
        [("vector", "1e300 0 1", "not a list of finite numbers")],
    ),
    Broken(
        "embeddings",
        {"entity_id": "p0"},
        [("space", "look", "same entity, entity_id, space as an earlier row")],
    ),
    Broken(
        "engagements",
        {"entity": "product"},
        [("entity", "product", "not one of creator, merchant")],
    ),
    Broken("engagements", {"weight": "-1"}, [("weight", "-1", "below 0")]),
    Broken("engagements", {"viewer_id": " "}, [("viewer_id", " ", "required, but blank")]),
    Broken(
        "creator_daily",
        {"date": "2026-01-02"},
        [("date", "2026-01-02", "same creator_id, date as an earlier row")],
    ),
    Broken("creator_daily", {"date": "Monday"}, [("date", "Monday", "not a date like 2026-01-31")]),
    Broken(
        "campaigns",
        {"ends_at": "2026-02-19"},
        [("ends_at", "2026-02-19", "below starts_at")],
        row=1,
    ),
    Broken(
        "outreach",
        {"status": "ignored"},
        [
            (
                "status",
                "ignored",
                "not one of pending, accepted, posted, rejected, overdue, withdrawn",
            )
        ],
    ),
    Broken("impressions", {"propensity": "1.5"}, [("propensity", "1.5", "above 1")]),
    Broken("impressions", {"position": None}, [("position", "", "required, but blank")]),
]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    "case", BROKEN, ids=lambda case: f"{case.table}: " + "; ".join(map(str, case.cells.items()))
)
def test_broken_cells_are_set_aside_with_their_place(
    case: Broken, suffix: str, tmp_path: Path
) -> None:
    sound = small_market()
    tables = {name: text(sound[name]) for name in {"promotions", case.table}}
    for column, cell in case.cells.items():
        tables[case.table].loc[case.row, column] = cell
    folder = write_market(tmp_path / "market", suffix=suffix, **tables)
    before = content(folder)
    market = read_market(folder, max_set_aside=1)

    found = market.set_aside
    assert list(found.columns) == ["table", "row", "column", "value", "reason"]
    assert set(found["table"]) == {case.table}
    assert set(found["row"]) == {case.row}
    assert (
        list(found[["column", "value", "reason"]].itertuples(index=False, name=None)) == case.lines
    )
    rows = market.summary.set_index("table")
    assert (rows["rows"] == rows["kept"] + rows["set_aside"] + rows["after_as_of"]).all()
    assert rows["set_aside"].sum() == rows.loc[case.table, "set_aside"] == 1
    assert {name: len(frame) for name, frame in market.tables.items()} == rows["kept"].to_dict()
    assert content(folder) == before


def test_sound_rows_around_broken_ones_are_kept_untouched(tmp_path: Path) -> None:
    tables = small_market()
    whole = read_market(write_market(tmp_path / "whole", **tables))
    broken = tables["promotions"].astype(object)
    broken.loc[[5, 59], "clicks"] = ["x", "-1"]
    some = read_market(write_market(tmp_path / "some", **{**tables, "promotions": broken}))
    expected = whole.table("promotions").drop([5, 59]).reset_index(drop=True)
    pd.testing.assert_frame_equal(some.table("promotions"), expected)


def test_ragged_rows_keep_their_number_and_text(tmp_path: Path) -> None:
    lines = [HEADER + ",gmv", ROW + ",1", ROW, "", ROW + ',"a,b",c', ROW + ",4", '"2026-01-01"']
    put("promotions.csv", *lines)(tmp_path)
    market = read_market(tmp_path, max_set_aside=1)
    assert market.table("promotions")["gmv"].tolist() == [1, 4]
    assert market.set_aside.to_numpy().tolist() == [
        ["promotions", row, "", value, "not as many fields as the header"]
        for row, value in ((1, ROW), (2, ROW + ',"a,b",c'), (4, '"2026-01-01"'))
    ]


def test_a_row_set_aside_for_itself_does_not_take_the_key_from_a_sound_one(tmp_path: Path) -> None:
    creators = [{"creator_id": "c1", "followers": -1}, {"creator_id": "c1", "followers": 5}]
    market = read_market(
        write_market(tmp_path, promotions=small_market()["promotions"], creators=creators),
        max_set_aside=0.5,
    )
    assert market.table("creators")["followers"].tolist() == [5]


def test_a_row_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.reading_csv._BLOCK_BYTES", 100)
    put("promotions.csv", HEADER, ROW, f'2026-01-01,m1,"{"long " * 100}"', ROW)(tmp_path)
    with pytest.raises(
        BadInput, match=r"promotions\.csv: cannot be read as CSV \(.*\); is a quotation mark left"
    ):
        read_market(tmp_path)


def test_broken_vectors_of_parquet_are_listed_as_text(tmp_path: Path) -> None:
    write_market(tmp_path, promotions=small_market()["promotions"])
    put_parquet(
        "embeddings.parquet",
        entity=["creator"] * 3,
        entity_id=["c1", "c2", "c3"],
        space=["s"] * 3,
        vector=[[1.0, 0.5], [2.5, float("nan")], []],
    )(tmp_path)
    found = read_market(tmp_path, max_set_aside=1).set_aside
    assert found[["row", "value", "reason"]].to_numpy().tolist() == [
        [1, "2.5 nan", "not a list of finite numbers"],
        [2, "", "required, but blank"],
    ]


def test_a_long_value_is_cut_in_the_list(tmp_path: Path) -> None:
    creators = [{"creator_id": "c1", "followers": "x" * 1000}]
    write_market(tmp_path, promotions=small_market()["promotions"], creators=creators)
    (value,) = check_tables(tmp_path).set_aside["value"]
    assert value == "x" * 199 + "…"


def test_every_broken_cell_is_listed_however_many_there_are(tmp_path: Path) -> None:
    rows = 20_000
    promotions = pd.DataFrame(
        {"occurred_at": "never", "merchant_id": "m", "creator_id": None, "gmv": -1}, range(rows)
    )
    checked = check_tables(write_market(tmp_path, promotions=promotions))
    assert len(checked.set_aside) == 3 * rows
    assert checked.set_aside["row"].tolist() == [row for row in range(rows) for _ in range(3)]


def test_the_stop_counts_rows_that_were_known_then(tmp_path: Path) -> None:
    late = "2026-06-01,m1,c1,-1"
    put("promotions.csv", LATE, *[f"{ROW},5"] * 18, f"{ROW},-1", *[late] * 50)(tmp_path)
    with pytest.raises(BadInput, match=r"1 of 19 rows \(5\.3%\) break"):
        read_market(tmp_path, as_of="2026-05-01")
    market = read_market(tmp_path, as_of="2026-05-01", max_set_aside=0.06)
    assert market.summary.loc[0, ["rows", "kept", "set_aside", "after_as_of"]].tolist() == [
        69, 18, 1, 50,
    ]  # fmt: skip


def test_nothing_left(tmp_path: Path) -> None:
    put("promotions.csv", LATE, f"{ROW},5", f"{ROW},-1")(tmp_path)
    with pytest.raises(
        BadInput,
        match=r"promotions\.csv: none of 2 rows is left: all of them are later than as_of;"
        r" give a later --as-of",
    ):
        read_market(tmp_path, as_of="2025-01-01")
    put("promotions.csv", LATE, f"{ROW},-1")(tmp_path)
    with pytest.raises(BadInput, match=r"none of 1 rows is left: the others are set aside; mend"):
        read_market(tmp_path, max_set_aside=1)
    with pytest.raises(BadInput, match=r"max_set_aside is 5; expected a share from 0 to 1"):
        read_market(tmp_path, max_set_aside=5)
