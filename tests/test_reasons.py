"""Reasons in merchant words, each with the evidence it rests on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from matching import reasons
from matching.catalog import RANGES, Catalog
from matching.history import History, Ragged
from matching.reasons.evidence import Evidence
from matching.reasons.grounds import AT_MOST
from models.vocabulary import Vocabulary
from tests.in_python import in_python

NAN = float("nan")
UNKNOWN = np.full((1, 2), NAN, dtype=np.float32)
SEGMENTS = [("gender", "female"), ("city_tier", "1")]


@pytest.fixture
def evidence() -> Evidence:
    """Four creators and three merchants.

    m0 worked with c0 twice; m1 with c0 and c1; m2 with c0, c1 and c2. Nobody knows c3.
    """
    creators = pd.DataFrame(
        {
            "id": ["c0", "c1", "c2", "c3"],
            "name": ["Lin", None, "c2", None],
            "categories": ["beauty|home", "beauty", "toys", None],
            "region": [None] * 4,
            "agency_id": [None] * 4,
            **{f"{name}_{end}": [NAN] * 4 for name in RANGES for end in ("low", "high")},
        }
    )
    shares = np.array([[0.4, 0.5], [0.8, 0.1], [0.3, 0.6], [NAN, NAN]], dtype=np.float32)
    catalog = Catalog.of(Vocabulary.of(creators["id"]), creators, SEGMENTS, shares, shares)
    history = History(
        shape=(3, 4),
        merchant=np.array([0, 1, 1, 2, 2, 2], dtype=np.int32),
        creator=np.array([0, 0, 1, 0, 1, 2], dtype=np.int32),
        promotions=np.array([2, 1, 1, 1, 1, 1], dtype=np.int32),
        last_day=np.full(6, 19_723, dtype=np.int32),  # 2024-01-01
        clicks=np.array([1_200.0, NAN, NAN, NAN, NAN, NAN]),
        orders=np.array([31.0, 1.0, NAN, NAN, NAN, NAN]),
        gmv=np.full(6, NAN),
    )
    return Evidence(
        catalog=catalog,
        history=history,
        merchants=pd.DataFrame({"id": ["m0", "m1", "m2"], "name": ["Rose", None, None]}),
        creators=creators,
        merchant_labels=sparse.csr_matrix(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=bool)),
        merchant_shares=np.array([[0.7, 0.2], [0.5, 0.4], [NAN, NAN]], dtype=np.float32),
        reach=np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], dtype=np.float32),
    )


@pytest.fixture(autouse=True, params=["compiled", "in Python"])
def loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs the loops as they are compiled, and as they are written."""
    if request.param == "in Python":
        in_python(reasons, monkeypatch)


def block(rows: list[int], parts: dict[str, float]) -> tuple:
    """One list, every row of which owes the same to each part."""
    names = [name.replace("__", ":") for name in parts]
    owed = np.tile(np.array(list(parts.values()), np.float32), (len(rows), 1))
    return np.array([0, len(rows)]), np.array(rows, dtype=np.int32), owed, names


def one(row: int) -> np.ndarray:
    return np.array([row], dtype=np.int32)


def for_merchant(
    evidence: Evidence, merchant: int, creator: int, partners: Ragged | None = None, **parts: float
) -> list[str]:
    wanted = evidence.merchant_shares[[merchant]] if merchant < 3 else UNKNOWN
    if partners is None:
        partners = evidence.history.creators_of_each(one(merchant))
    told = reasons.for_merchants(
        evidence, one(merchant), partners, wanted, *block([creator], parts)
    )
    return told.lists()[0]


def for_creator(
    evidence: Evidence, creator: int, merchant: int, partners: Ragged | None = None, **parts: float
) -> list[str]:
    if partners is None:
        partners = evidence.history.merchants_of_each(one(creator))
    told = reasons.for_creators(evidence, one(creator), partners, *block([merchant], parts))
    return told.lists()[0]


def test_past_work_comes_first_with_what_it_brought(evidence: Evidence) -> None:
    told = for_merchant(evidence, 0, 0, popularity=1.0)
    assert told == [
        "You have worked together 2 times, last on 2024-01-01: 31 orders from 1,200 clicks.",
        "Booked by 3 merchants.",
    ]
    once = for_merchant(evidence, 1, 0)
    assert once[0] == "You have worked together once, last on 2024-01-01: 1 order."
    unknown = for_merchant(evidence, 1, 1)
    assert unknown[0] == "You have worked together once, last on 2024-01-01."


def test_a_shared_circle_names_the_partner(evidence: Evidence) -> None:
    told = for_merchant(evidence, 0, 1, collaborative=1.0)
    assert told == ["Works for 2 merchants that also work with your partner Lin (c0)."]
    told = for_merchant(evidence, 0, 2, collaborative=1.0)
    assert told[0] == "Works for 1 merchant that also works with your partner Lin (c0)."


def test_the_segment_that_both_have_more_of_than_average(evidence: Evidence) -> None:
    told = for_merchant(evidence, 0, 1, audience=1.0)
    assert told == ["80% of its audience is female (gender; market average 50%), whom you sell to."]


def test_categories_in_common(evidence: Evidence) -> None:
    assert for_merchant(evidence, 0, 1, category=1.0)[-1] == "Promotes beauty, as you sell."
    assert for_merchant(evidence, 1, 1, category=1.0)[-1] != "Promotes home, as you sell."


def test_other_evidence_has_its_own_words(evidence: Evidence) -> None:
    told = for_merchant(evidence, 0, 2, co_audience=1.0, given__topic_mix=0.9)
    assert told == [
        "Its viewers also watch the creators you work with.",
        "Close by topic mix to what you and your partners stand for.",
    ]


def test_weak_parts_and_parts_against_say_nothing(evidence: Evidence) -> None:
    told = for_merchant(evidence, 0, 1, audience=-1.0, category=1.0, collaborative=0.01)
    assert told == ["Promotes beauty, as you sell."]


def test_nothing_known_is_said(evidence: Evidence) -> None:
    told = for_merchant(evidence, 3, 3, collaborative=1.0, audience=1.0, category=1.0)
    assert told == ["Little is known of this creator yet."]
    told = for_merchant(evidence, 3, 2, collaborative=1.0, audience=1.0, given__tone=1.0)
    assert told == ["Nothing in particular speaks for this creator."]


def test_a_creator_that_stands_out(evidence: Evidence) -> None:
    rows = np.arange(10, dtype=np.float32)
    many = replace(evidence, reach=np.stack([rows, -rows], axis=1))
    assert "Gets more exposures than 90% of creators." not in for_merchant(many, 2, 3)
    assert for_merchant(many, 3, 0) == ["Converts better than 90% of creators."]


def test_those_who_tie_do_not_stand_out(evidence: Evidence) -> None:
    alike = replace(evidence, reach=np.ones((10, 3), dtype=np.float32))
    assert for_merchant(alike, 3, 3) == ["Little is known of this creator yet."]
    one_better = np.ones((10, 3), dtype=np.float32)
    one_better[3, 1] = 2
    told = for_merchant(replace(evidence, reach=one_better), 3, 3)
    assert told == ["Converts better than 90% of creators."]


def test_at_most_four(evidence: Evidence) -> None:
    parts = {"collaborative": 1.0, "audience": 1.0, "category": 1.0, "popularity": 1.0}
    assert len(for_merchant(evidence, 0, 0, **parts, co_audience=1.0)) == AT_MOST == 4


def test_the_creators_own_words(evidence: Evidence) -> None:
    told = for_creator(
        evidence, 1, 0, collaborative=1.0, audience=0.9, category=0.8, popularity=0.7
    )
    assert told == [
        "Works with 1 creator who also works for your partner m1.",
        "80% of your audience is female (gender; market average 50%), whom it sells to.",
        "Sells beauty, as you promote.",
    ]
    told = for_creator(evidence, 3, 0, collaborative=1.0, co_audience=1.0)
    assert told == ["Nothing in particular speaks for this merchant."]
    deserted = replace(evidence, history=_without_merchant(evidence.history, 0))
    told = for_creator(deserted, 3, 0, collaborative=1.0)
    assert told == ["Little is known of this merchant yet."]
    assert for_creator(evidence, 0, 2, popularity=1.0, co_audience=0.5, given__tone=2.0) == [
        "You have worked together once, last on 2024-01-01.",
        "Close to you by tone.",
        "Your viewers also watch the creators it works with.",
        "Works with 3 creators.",
    ]


def test_a_stranger_is_told_of_the_partners_it_named(evidence: Evidence) -> None:
    parts = {"audience": 1.0, "given__tone": 0.9, "collaborative": 0.8}
    lin = Ragged.of(np.array([0]))
    assert for_creator(evidence, len(evidence.creators), 1, lin, **parts) == [
        "Close by tone to your partners.",
        "Works with 1 creator who also works for your partner Rose (m0).",
    ]
    nobody = len(evidence.merchants)
    assert for_merchant(evidence, nobody, 1, lin, **parts) == [
        "Close by tone to your partners.",
        "Works for 2 merchants that also work with your partner Lin (c0).",
    ]
    alone = for_merchant(evidence, nobody, 2, **parts)
    assert alone == ["Nothing in particular speaks for this creator."]


def test_a_stranger_is_told_of_the_audience_it_named(evidence: Evidence) -> None:
    wanted, nobody = np.array([[0.9, NAN]], dtype=np.float32), one(len(evidence.merchants))
    told = reasons.for_merchants(
        evidence, nobody, Ragged.of(one(0)[:0]), wanted, *block([1, 0, 3], {"audience": 1.0})
    )
    assert told.lists() == [
        ["80% of its audience is female (gender; market average 50%), whom you sell to."],
        ["Nothing in particular speaks for this creator."],
        ["Little is known of this creator yet."],
    ]


def test_one_is_told_the_same_as_all(evidence: Evidence) -> None:
    """Lists of any length, some of them empty, some of strangers, told at once or one by one."""
    rng = np.random.default_rng(0)
    parts = ["collaborative", "audience", "given:tone", "category", "co_audience", "popularity"]
    merchants = rng.integers(0, 4, 40).astype(np.int32)
    lengths = rng.integers(0, 5, 40)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.concatenate([rng.permutation(4)[:length] for length in lengths]).astype(np.int32)
    owed = rng.normal(size=(len(rows), 6)).astype(np.float32)
    wanted = np.vstack([evidence.merchant_shares, UNKNOWN])[merchants]
    partners = evidence.history.creators_of_each(merchants)
    told = reasons.for_merchants(evidence, merchants, partners, wanted, starts, rows, owed, parts)
    assert len(told) == len(rows)
    assert len(set(told.texts)) == len(told.texts)
    alone = []
    for i, (start, end) in enumerate(pairwise(starts)):
        own = evidence.history.creators_of_each(merchants[[i]])
        alone += reasons.for_merchants(
            evidence,
            merchants[[i]],
            own,
            wanted[[i]],
            np.array([0, end - start]),
            rows[start:end],
            owed[start:end],
            parts,
        ).lists()
    assert told.lists() == alone
    assert all(1 <= len(one) <= AT_MOST for one in alone)


def test_nobody_asked_nothing_is_told(evidence: Evidence) -> None:
    none, starts = np.empty(0, dtype=np.int32), np.zeros(1, dtype=np.int64)
    owed, wanted = np.empty((0, 1), np.float32), np.empty((0, 2), np.float32)
    told = reasons.for_merchants(
        evidence, none, Ragged.of(), wanted, starts, none, owed, ["category"]
    )
    assert (len(told), told.lists(), told.arrow().to_pylist()) == (0, [], [])
    assert reasons.alike(evidence, 0, none).lists() == []


def test_without_parts_only_facts_are_told(evidence: Evidence) -> None:
    assert for_merchant(evidence, 1, 1) == ["You have worked together once, last on 2024-01-01."]
    assert for_merchant(evidence, 0, 1) == ["Nothing in particular speaks for this creator."]


def test_parts_that_speak_against_a_row_or_are_unknown_tell_nothing(evidence: Evidence) -> None:
    against = for_merchant(evidence, 0, 1, category=-1.0, popularity=-2.0, audience=NAN)
    assert against == ["Nothing in particular speaks for this creator."]


def test_two_that_look_the_same_are_one_text(evidence: Evidence) -> None:
    """The grounds differ, since m2 has met c1 and c2 in two entries; the words do not."""
    told = reasons.for_merchants(
        evidence,
        one(2),
        evidence.history.creators_of_each(one(2)),
        UNKNOWN,
        *block([1, 2], {}),
    )
    assert told.texts == ["You have worked together once, last on 2024-01-01."]
    assert told.codes.tolist() == [0, 0]


def _without_merchant(history: History, merchant: int) -> History:
    state = dict(history.state())
    others = state["merchant"] != merchant
    return History.from_state(
        {name: one[others] if name != "shape" else one for name, one in state.items()}
    )


def test_why_two_creators_are_alike(evidence: Evidence) -> None:
    close, unknown = reasons.alike(evidence, 0, np.array([1, 3])).lists()
    assert close == ["Works for the same 2 merchants: m1 and m2.", "Promotes beauty too."]
    assert unknown == ["Close in what cooperations and audience tell together."]
    audience = reasons.alike(evidence, 2, np.array([0])).lists()[0]
    assert audience == [
        "Works for the same merchant: m2.",
        "50% of its audience is 1 (city tier; the other's 60%, market average 40%).",
    ]


def test_three_of_many_partners_in_common_are_named(evidence: Evidence) -> None:
    merchants, creators = np.divmod(np.arange(10, dtype=np.int32), 2)
    unknown = np.full(10, NAN)
    count = np.ones(10, dtype=np.int32)
    history = History((5, 4), merchants, creators, count, count, unknown, unknown, unknown)
    five = pd.DataFrame({"id": [f"m{i}" for i in range(5)], "name": [None] * 5})
    told = reasons.alike(replace(evidence, history=history, merchants=five), 0, np.array([1]))
    assert told.lists()[0][0] == "Works for the same 5 merchants: such as m0, m1 and m2."
