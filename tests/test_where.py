"""Filters as typed on the command line."""

from __future__ import annotations

import pytest

from matching import Where
from matching.errors import BadInput
from pipelines.where import parse_where


def test_no_filters_are_no_where() -> None:
    assert parse_where([]) is None


def test_every_field_can_be_typed() -> None:
    typed = [
        "creator_ids=c1,c2",
        "exclude_creator_ids=c3",
        "categories=beauty, home",
        "categories=food",
        "regions=north",
        "agency_ids=a1",
        "tiers=micro,mid",
        "followers=10_000..500000",
        "slot_fee=..900",
        "commission_rate=0.1..",
        "reputation=4.5..",
        "audience.gender.female=0.5",
        "audience.age.18-23=0.2",
        "keep_unknown=true",
    ]
    assert parse_where(typed) == Where(
        creator_ids=["c1", "c2"],
        exclude_creator_ids=["c3"],
        categories=["beauty", "home", "food"],
        regions=["north"],
        agency_ids=["a1"],
        tiers=["micro", "mid"],
        followers=(10_000, 500_000),
        slot_fee=(None, 900),
        commission_rate=(0.1, None),
        reputation=(4.5, None),
        audience={"gender": {"female": 0.5}, "age": {"18-23": 0.2}},
        keep_unknown=True,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("followers", "--where followers: expected field=a,b for texts"),
        ("followers=", "--where followers=: expected field=a,b"),
        ("folowers=1..2", "no field 'folowers'; did you mean followers?"),
        ("xyz=1", "no field 'xyz'; known are creator_ids, exclude_creator_ids, categories"),
        ("followers=10000", "expected a range as in 10000..500000, 10000.. or ..500000"),
        ("followers=..", "expected a range"),
        ("followers=a..b", "--where followers=a..b: 'a' is no number"),
        ("followers=nan..5", "where.followers: got nan, expected a number or None"),
        ("followers=9..3", "where.followers: got low 9.0 above high 3.0; swap them"),
        ("audience=0.5", "name a dimension and a segment, as in audience.gender.female=0.5"),
        ("audience.gender=0.5", "name a dimension and a segment"),
        ("audience.gender.female=half", "'half' is no number"),
        ("audience.gender.female=5", "expected a share from 0 to 1"),
        ("keep_unknown=yes", "got 'yes', expected true or false"),
        ("tiers=huge", "where.tiers: got 'huge', expected one of nano, micro"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, complaint: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_where([text])
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_second_range_of_one_field_is_refused() -> None:
    with pytest.raises(BadInput, match=r"followers=..9: followers is given twice; write one range"):
        parse_where(["followers=5..", "followers=..9"])
