"""Texts of many rows, each held once."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matching.reasons.told import Told, distinct


@pytest.fixture
def told() -> Told:
    codes = np.array([0, 2, 2, 1], dtype=np.int32)
    return Told(np.array([0, 0, 2, 2, 4]), codes, ["one", "two", "three"])


def test_as_lists(told: Told) -> None:
    assert told.lists() == [[], ["one", "three"], [], ["three", "two"]]
    assert len(told) == 4


def test_as_arrow(told: Told) -> None:
    made = told.arrow()
    made.validate(full=True)
    assert made.type == pa.list_(pa.string())
    assert made.to_pylist() == told.lists()


def test_a_reader_of_parquet_sees_lists_of_strings(told: Told) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"reasons": told.arrow()}), file)
    read = pq.read_table(file)
    assert pa.types.is_string(read.schema.field("reasons").type.value_type)
    assert read["reasons"].to_pylist() == told.lists()


def test_of_nothing() -> None:
    none = Told(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32), [])
    assert (len(none), none.lists(), none.arrow().to_pylist()) == (0, [], [])


@pytest.fixture(params=["compiled", "in Python"])
def form(request: pytest.FixtureRequest):
    return (lambda loop: loop) if request.param == "compiled" else (lambda loop: loop.py_func)


def test_what_is_equal_is_numbered_alike(form) -> None:
    rng = np.random.default_rng(0)
    found = rng.integers(-1, 8, (4_000, 5)).astype(np.int32)
    found[::3] = found[0]
    codes, first = form(distinct)(found)
    assert codes[0] == 0
    assert len(first) == len(np.unique(found, axis=0))
    assert len(first) > 1_024  # more than the numbers it starts with
    np.testing.assert_array_equal(found[first[codes]], found)
    assert (np.diff(first) > 0).all()
    np.testing.assert_array_equal(codes[first], np.arange(len(first)))


def test_those_that_share_a_place_are_told_apart(form) -> None:
    """Numbers that only differ far behind the comma of the first places."""
    found = np.zeros((3_000, 5), dtype=np.int32)
    found[:, 1] = np.repeat(np.arange(1_000), 3) << 20
    codes, first = form(distinct)(found)
    assert codes.tolist() == np.repeat(np.arange(1_000), 3).tolist()
    assert first.tolist() == list(range(0, 3_000, 3))


def test_nothing_to_number(form) -> None:
    codes, first = form(distinct)(np.empty((0, 5), dtype=np.int32))
    assert (len(codes), len(first)) == (0, 0)
