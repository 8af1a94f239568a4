"""Columns of a batch, whatever they come as."""

from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.columns import GrowingDictionary, moment, moments, numbers

WORDS = ["b", "a", "b"]


@pytest.mark.parametrize(
    "ids",
    [
        WORDS,
        np.array(WORDS),
        np.array(WORDS, dtype=object),
        pd.Series(WORDS),
        pd.Series(WORDS, dtype="string"),
        pd.Series(WORDS, dtype="category"),
        pd.Index(WORDS),
        pa.array(WORDS),
        pa.array(WORDS, pa.large_string()),
        pa.array(WORDS).dictionary_encode(),
        pa.chunked_array([WORDS[:1], WORDS[1:]]),
        pa.DictionaryArray.from_arrays([2, 0, 2], ["a", "x", "b", "y"]),
    ],
)
def test_ids_are_numbered_as_they_are_met(ids):
    met = GrowingDictionary("ids")
    assert met.codes([met.encode(["a"]), met.encode(ids)]).tolist() == [0, 1, 0, 1]
    assert met.numbers == {"a": 0, "b": 1}
    assert len(met) == 2


def test_nothing_is_an_empty_batch():
    met = GrowingDictionary("ids")
    assert met.codes([met.encode([])]).tolist() == []


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        (["a", None], "ids holds 1 missing ids; leave those events out"),
        (pd.Series(["a", np.nan], dtype=object), "ids holds 1 missing ids"),
        (pa.DictionaryArray.from_arrays([0, 1], ["a", None]), "ids holds 1 missing ids"),
        ([1, 2], "ids must be strings, not int64; write them as text"),
        (np.array(["a", 1], dtype=object), "ids must be strings; "),
    ],
)
def test_ids_must_be_there_and_be_strings(ids, match):
    with pytest.raises(ValueError, match=match):
        GrowingDictionary("ids").encode(ids)


@pytest.mark.parametrize(
    "values", [[1.0, None], pa.array([1, None]), pd.Series([1, None], dtype="Int64")]
)
def test_numbers_keep_what_is_missing(values):
    np.testing.assert_array_equal(numbers(values), [1.0, np.nan])


UTC = pd.Series(pd.to_datetime(["2024-01-01T00:00Z", None]))


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-01", None],
        ["2024-01-01T09:00+09:00", None],
        UTC,
        UTC.dt.tz_convert("Asia/Tokyo"),
        UTC.dt.tz_localize(None),
        np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
        pa.array(UTC),
        pa.array(UTC).cast(pa.timestamp("s", "Asia/Tokyo")),
        pa.array(["2024-01-01", None]),
    ],
)
def test_moments_are_utc(values):
    got = moments(values)
    assert got.dtype == "datetime64[us]"
    assert got[0] == np.datetime64("2024-01-01")
    assert np.isnat(got[1])


@pytest.mark.parametrize(
    "value",
    ["2024-01-01", "2024-01-01T09:00+09:00", datetime(2024, 1, 1), pd.Timestamp(2024, 1, 1)],
)
def test_a_moment_is_utc(value):
    assert moment(value) == np.datetime64("2024-01-01", "us")


@pytest.mark.parametrize("value", ["soon", None, object()])
def test_a_moment_must_be_one(value):
    with pytest.raises(ValueError, match=r"is not a time; give one like '2024-07-01'"):
        moment(value)
