"""Filters keep and remove, lose nobody, and treat the unknown as unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.catalog import RANGES, TIERS, Catalog, tier_of
from matching.errors import BadInput, UnknownId
from matching.filters import Where, keep
from models.vocabulary import Vocabulary

NAN = float("nan")
SEGMENTS = [("gender", "female"), ("gender", "male"), ("age", "18-23")]


def catalog(**columns: list[Any]) -> Catalog:
    """A catalog of creators c0, c1, … with the given columns and all else unknown."""
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame(
        {
            "categories": columns.get("categories", [None] * n),
            "region": columns.get("region", [None] * n),
            "agency_id": columns.get("agency_id", [None] * n),
        }
    )
    for name in RANGES:
        exact = columns.get(name, [NAN] * n)
        frame[f"{name}_low"] = columns.get(f"{name}_low", exact)
        frame[f"{name}_high"] = columns.get(f"{name}_high", exact)
    shares = np.full((n, len(SEGMENTS)), NAN, dtype=np.float32)
    low = np.array(columns.get("share_low", shares), dtype=np.float32)
    high = np.array(columns.get("share_high", low), dtype=np.float32)
    ids = Vocabulary.of([f"c{i}" for i in range(n)])
    return Catalog.of(ids, frame, SEGMENTS, low, high)


def rows(catalog: Catalog, **where: Any) -> list[int]:
    return keep(catalog, Where(**where)).rows.tolist()


def test_labels_match_any_of_several_whatever_the_capitals() -> None:
    some = catalog(categories=["Beauty|home", "food", None, "beauty"], region=["N", "S", "N", None])
    assert rows(some, categories=["beauty"]) == [0, 3]
    assert rows(some, categories=["HOME", "food"]) == [0, 1]
    assert rows(some, categories=["beauty"], regions=["n"]) == [0]
    assert rows(some, categories=["toys"]) == []
    assert rows(some, categories=["beauty"], keep_unknown=True) == [0, 2, 3]
    assert rows(some, regions=["N"], keep_unknown=True) == [0, 2, 3]


def test_agencies() -> None:
    assert rows(catalog(agency_id=["a", "b", None]), agency_ids=["b"]) == [1]


def test_ranges_include_their_ends() -> None:
    some = catalog(followers=[10.0, 20.0, 30.0, NAN])
    assert rows(some, followers=(10, 20)) == [0, 1]
    assert rows(some, followers=(20, None)) == [1, 2]
    assert rows(some, followers=(None, 10)) == [0]
    assert rows(some, followers=(None, None)) == [0, 1, 2, 3]
    assert rows(some, followers=(10, 20), keep_unknown=True) == [0, 1, 3]


def test_a_creator_known_by_a_range_must_lie_inside_as_a_whole() -> None:
    some = catalog(slot_fee_low=[100.0, 100.0, 900.0], slot_fee_high=[500.0, 1_000.0, 1_000.0])
    assert rows(some, slot_fee=(None, 500)) == [0]
    assert rows(some, slot_fee=(None, 500), keep_unknown=True) == [0, 1]


def test_a_range_with_one_end_is_open_at_the_other() -> None:
    some = catalog(followers_low=[5_000.0, NAN], followers_high=[NAN, 9_000.0])
    assert rows(some, followers=(1_000, None)) == [0]
    assert rows(some, followers=(None, 10_000)) == [1]
    assert rows(some, followers=(None, 10_000), keep_unknown=True) == [0, 1]


def test_tiers_follow_from_followers() -> None:
    some = catalog(followers=[0.0, 9_999.0, 10_000.0, 100_000.0, 500_000.0, 1e6, NAN])
    assert tier_of(some.low["followers"]).tolist() == [
        "nano",
        "nano",
        "micro",
        "mid",
        "macro",
        "head",
        None,
    ]
    assert rows(some, tiers=["nano"]) == [0, 1]
    assert rows(some, tiers=["micro", "head"]) == [2, 5]
    assert rows(some, tiers=["head"], keep_unknown=True) == [5, 6]
    across = catalog(followers_low=[5_000.0], followers_high=[15_000.0])
    assert rows(across, tiers=["nano"]) == []
    assert rows(across, tiers=["nano"], keep_unknown=True) == [0]


def test_audience_shares_are_minima_that_all_must_hold() -> None:
    some = catalog(
        share_low=[[0.6, 0.4, 0.5], [0.6, 0.4, 0.1], [NAN, NAN, 0.9]],
        share_high=[[0.6, 0.4, 0.5], [0.6, 0.4, 0.6], [NAN, NAN, 0.9]],
    )
    assert rows(some, audience={"gender": {"female": 0.6}}) == [0, 1]
    both = {"gender": {"female": 0.5}, "age": {"18-23": 0.5}}
    assert rows(some, audience=both) == [0]
    assert rows(some, audience=both, keep_unknown=True) == [0, 1, 2]


def test_exactly_these_and_none_of_those() -> None:
    some = catalog(region=["n"] * 4)
    assert rows(some, creator_ids=["c3", "c1", "c3"]) == [1, 3]
    assert rows(some, exclude_creator_ids=["c0", "nobody"]) == [1, 2, 3]
    assert rows(some, creator_ids=[]) == []


def test_no_filter_keeps_everyone() -> None:
    kept = keep(catalog(region=["n", "s"]), None)
    assert kept.rows.tolist() == [0, 1]
    assert kept.removed == {}


def test_a_creator_is_removed_once_under_the_first_filter() -> None:
    some = catalog(region=["n", "s", "s"], followers=[1.0, 1.0, 9.0])
    kept = keep(some, Where(regions=["n"], followers=(5, None)), {"new": np.array([False] * 3)})
    assert kept.counts() == {"regions": 2, "followers": 1, "new": 0}


@given(st.integers(0, 2**32 - 1))
def test_kept_and_removed_make_up_everyone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    some = catalog(
        followers=np.where(rng.random(n) < 0.2, NAN, 10 ** rng.uniform(2, 7, n)).tolist(),
        categories=rng.choice(["beauty", "home|food", "toys", None], n).tolist(),
        share_low=rng.random((n, 3)).tolist(),
    )
    where = Where(
        categories=list(rng.choice(["beauty", "food", "toys"], 2)),
        tiers=[str(rng.choice(list(TIERS)))],
        followers=(float(10 ** rng.uniform(2, 5)), None),
        audience={"gender": {"female": float(rng.random())}},
        keep_unknown=bool(rng.random() < 0.5),
    )
    kept = keep(some, where, {"new": rng.random(n) < 0.5})
    parts = [kept.rows, *kept.removed.values()]
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (
            "categories",
            "beauty",
            r"where.categories: got 'beauty', expected a list of texts; write",
        ),
        ("regions", [1], r"where.regions: got \[1\], expected a list of texts"),
        ("creator_ids", 7, r"where.creator_ids: got 7, expected a list of texts"),
        ("creator_ids", iter(["c0"]), r"where.creator_ids: got <.*>, expected a list of texts"),
        ("tiers", ["huge"], r"where.tiers: got 'huge', expected one of nano, micro, mid, macro, "),
        ("followers", 5, r"where.followers: got 5, expected \(low, high\), either may be None"),
        ("followers", (1, 2, 3), r"where.followers: got \(1, 2, 3\), expected \(low, high\)"),
        ("followers", ("1", None), r"where.followers: got '1', expected a number or None"),
        ("followers", (NAN, None), r"where.followers: got nan, expected a number or None"),
        ("slot_fee", (9, 1), r"where.slot_fee: got low 9 above high 1; swap them"),
        ("audience", {"age": 0.5}, r"where.audience: got {'age': 0.5}, expected {dimension: "),
        ("audience", {"age": {"18": "x"}}, r"where.audience: got 'x' for age.18, expected "),
        ("audience", {"age": {"18": 1.5}}, r"got 1.5 for age.18, expected a share from 0 to 1"),
    ],
)
def test_a_value_of_the_wrong_kind(field: str, value: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Where(**{field: value})


def test_ids_and_segments_that_nobody_knows() -> None:
    some = catalog(region=["n"])
    with pytest.raises(UnknownId, match=r"where.creator_ids: no table holds a creator 'c9'"):
        keep(some, Where(creator_ids=["c0", "c9"]))
    with pytest.raises(BadInput, match=r"tells of 'gender.femal'; did you mean gender.female"):
        keep(some, Where(audience={"gender": {"femal": 0.5}}))
    with pytest.raises(BadInput, match=r"no creator's audience tells of 'x.y'$"):
        keep(some, Where(audience={"x": {"y": 0.5}}))


def test_without_any_audiences_the_filter_is_unknown_for_everyone() -> None:
    some = catalog(region=["n", "s"])
    bare = Catalog(
        some.ids,
        some.labels,
        some.names,
        some.low,
        some.high,
        [],
        np.empty((2, 0), np.float32),
        np.empty((2, 0), np.float32),
    )
    assert rows(bare, audience={"x": {"y": 0.5}}) == []
    assert rows(bare, audience={"x": {"y": 0.5}}, keep_unknown=True) == [0, 1]
