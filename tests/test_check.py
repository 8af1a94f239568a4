from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matching.errors import BadInput
from pipelines.check import check_market, reasons
from tests.market_folders import content, small_market, write_market
from training.check_broken import SET_ASIDE_COLUMNS, no_set_aside, write_set_aside
from training.check_cells import numbers, times, vectors, words
from training.market import read_market


def table_of(printed: str) -> list[list[str]]:
    """Printed lines as words."""
    return [line.split() for line in printed.splitlines()]


def test_a_clean_market(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_market(tmp_path / "market", **small_market())
    before = content(folder)
    assert check_market(folder) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert table_of(printed.out)[:3] == [
        ["file", "rows", "kept", "set", "aside", "columns", "ignored"],
        ["promotions.csv", "60", "60", "0"],
        ["creators.csv", "12", "12", "0"],
    ]
    assert len(table_of(printed.out)) == 12
    assert content(folder) == before


def test_rows_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = small_market()
    tables["promotions"] = tables["promotions"].astype(object).assign(mood="fine")
    tables["promotions"].loc[[7, 9], "clicks"] = [-3, -4]
    tables["promotions"].loc[8, "merchant_id"] = None
    folder = write_market(tmp_path / "market", **tables)
    (folder / "promotion.csv").write_text("")
    found = tmp_path / "out" / "set_aside.parquet"
    assert check_market(folder, set_aside=found, max_set_aside=0.05) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "promotions.csv       60    57          3  mood" in printed.out
    told = [" ".join(line) for line in table_of(printed.out) if "example" in line or "row" in line]
    assert told == [
        "set aside cells reason for example",
        "promotions.csv 2 clicks: below 0 row 7: -3",
        "promotions.csv 1 merchant_id: required, but blank row 8: blank",
    ]
    assert "promotion.csv: not a table of a market, ignored; did you mean promotions" in printed.out
    assert "3 broken cells are listed in" in printed.out
    frame = pd.read_parquet(found)
    assert frame.to_numpy().tolist() == [
        ["promotions", 7, "clicks", "-3", "below 0"],
        ["promotions", 8, "merchant_id", "", "required, but blank"],
        ["promotions", 9, "clicks", "-4", "below 0"],
    ]
    assert frame.to_numpy().tolist() == read_market(folder).set_aside.to_numpy().tolist()


def test_too_much_is_shown_and_listed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = small_market()
    tables["creators"]["followers"] = -1
    folder = write_market(tmp_path / "market", **tables)
    found = tmp_path / "set_aside.parquet"
    assert check_market(folder, set_aside=found) == 2
    printed = capsys.readouterr()
    assert "creators.csv         12     0         12" in printed.out
    assert len(pd.read_parquet(found)) == 12
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("alliance: creators.csv: 12 of 12 rows (100.0%) break the")
    assert check_market(folder, max_set_aside=1) == 1


def test_everything_is_checked_however_late(tmp_path: Path) -> None:
    tables = small_market()
    tables["creators"] = tables["creators"].assign(joined_at="2099-01-01", followers=-1)
    assert check_market(write_market(tmp_path, **tables), max_set_aside=1) == 1


def test_unusable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_market(tmp_path) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "no promotions table; expected promotions.csv" in printed.err


def test_the_list_is_never_written_into_the_market(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_market(tmp_path / "market", **small_market())
    before = content(folder)
    assert check_market(folder, set_aside=folder / "deeper" / "set_aside.parquet") == 2
    assert "lies in the market folder, which is never changed" in capsys.readouterr().err
    assert content(folder) == before


def test_a_list_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_market(tmp_path / "market", **small_market())
    (tmp_path / "taken").mkdir()
    assert check_market(folder, set_aside=tmp_path / "taken") == 2
    assert "taken: cannot be written (Is a directory); name another file" in capsys.readouterr().err
    with pytest.raises(BadInput, match=r"cannot be written \(.*\); name another file"):
        write_set_aside(no_set_aside(), folder / "promotions.csv" / "set_aside.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["market", "taken"]


def test_an_empty_list_has_its_types(tmp_path: Path) -> None:
    write_set_aside(no_set_aside(), tmp_path / "none.parquet")
    schema = pq.read_schema(tmp_path / "none.parquet")
    assert tuple(schema.names) == SET_ASIDE_COLUMNS
    assert [str(kind) for kind in schema.types] == ["string", "int64", *["string"] * 3]


def test_the_most_frequent_reasons_come_first() -> None:
    cells = no_set_aside()
    for row, (column, reason) in enumerate([("a", "x"), *[("b", "y")] * 3, ("a", "z"), ("a", "z")]):
        cells.loc[row] = ["t", row, column, str(row), reason]
    found = reasons(cells)
    assert found[["column", "reason", "cells", "row", "value"]].to_numpy().tolist() == [
        ["b", "y", 3, 1, "1"],
        ["a", "z", 2, 4, "4"],
        ["a", "x", 1, 0, "0"],
    ]


# --- cells of unusual types ----------------------------------------------------------------------


def broken(cells: object) -> list[int]:
    """How many cells each reason has."""
    return [int(mask.sum()) for mask, _ in cells.broken]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None, 3], pa.int8()),
        pa.array([1, None, 3], pa.uint64()),
        pa.array([1, None, 3], pa.float32()),
        pa.array([1, None, 3], pa.decimal128(5, 2)),
        pa.array(["1", None, "3.0"]),
    ],
)
def test_numbers_of_any_type(column: pa.Array) -> None:
    cells = numbers(pa.chunked_array([column]))
    np.testing.assert_array_equal(cells.values, [1, np.nan, 3])
    assert cells.unknown.tolist() == [False, True, False]
    assert sum(broken(cells)) == 0


def test_true_is_no_number() -> None:
    assert broken(numbers(pa.chunked_array([[True, None]])))[0] == 1


def test_times_of_any_type() -> None:
    moment = np.datetime64("2026-01-31T00:00", "ns")
    for kind in (
        pa.timestamp("s"),
        pa.timestamp("ns", tz="UTC"),
        pa.timestamp("us", tz="Europe/Paris"),
        pa.date32(),
        pa.date64(),
    ):
        column = pa.array(["2026-01-31"]).cast(pa.timestamp("s")).cast(kind)
        if kind.equals(pa.timestamp("us", tz="Europe/Paris")):
            assert column[0].as_py().hour == 1
        assert times(pa.chunked_array([column])).values.tolist() == [moment.item()]


def test_a_moment_out_of_range_does_not_spoil_the_others() -> None:
    column = pa.array(["2026-01-31", "9999-12-31", None]).cast(pa.timestamp("us"))
    cells = times(pa.chunked_array([column]))
    assert np.isnat(cells.values).tolist() == [False, True, True]
    assert cells.broken[0][0].tolist() == [False, True, False]


def test_a_time_of_day_is_no_moment() -> None:
    column = pa.chunked_array([pa.array([3_600], pa.time32("s"))])
    assert times(column).broken[0][0].tolist() == [True]


def test_mixed_zones_and_a_day() -> None:
    column = pa.chunked_array([["2026-01-31T23:00Z", "2026-02-01", "2026-02-01T07:00+08:00", " "]])
    cells = times(column, day=True)
    assert cells.values.astype("datetime64[D]").astype(str).tolist() == [
        "2026-01-31", "2026-02-01", "2026-01-31", "NaT",
    ]  # fmt: skip
    assert broken(cells) == [0]


def test_words_of_several_chunks() -> None:
    column = pa.chunked_array([["b", None], [" a", "b"]])
    assert words(column).values.tolist() == ["b", None, "a", "b"]
    assert words(pa.chunked_array([], pa.string())).values.tolist() == []


def test_vectors_of_several_chunks() -> None:
    column = pa.chunked_array([[[1.0], None], [[], [2.0, None]], [[3.0, 4.0]]])
    cells = vectors(column)
    assert [None if one is None else one.tolist() for one in cells.values] == [
        [1.0], None, None, None, [3.0, 4.0],
    ]  # fmt: skip
    assert cells.broken[0][0].tolist() == [False, False, False, True, False]
