"""Reasons in merchant words, each with the evidence it rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from matching import reasons
from matching.catalog import RANGES, Catalog
from matching.evidence import Evidence
from matching.history import History
from models.vocabulary import Vocabulary

NAN = float("nan")
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


def contributions(**parts: float) -> dict[str, np.ndarray]:
    return {name.replace("__", ":"): np.array([value], np.float32) for name, value in parts.items()}


def for_merchant(evidence: Evidence, merchant: int, creator: int, **parts: float) -> list[str]:
    wanted = evidence.merchant_shares[merchant] if merchant < 3 else np.full(2, NAN, np.float32)
    rows = np.array([creator], dtype=np.int32)
    return reasons.for_merchant(evidence, merchant, rows, contributions(**parts), wanted)[0]


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
    assert len(for_merchant(evidence, 0, 0, **parts, co_audience=1.0)) == 4


def test_the_creators_own_words(evidence: Evidence) -> None:
    rows = np.array([0], dtype=np.int32)
    parts = contributions(collaborative=1.0, audience=0.9, category=0.8, popularity=0.7)
    assert reasons.for_creator(evidence, 1, rows, parts)[0] == [
        "Works with 1 creator who also works for your partner m1.",
        "80% of your audience is female (gender; market average 50%), whom it sells to.",
        "Sells beauty, as you promote.",
    ]
    told = reasons.for_creator(
        evidence, 3, rows, contributions(collaborative=1.0, co_audience=1.0)
    )[0]
    assert told == ["Nothing in particular speaks for this merchant."]
    stranger = replace(evidence, history=_without_merchant(evidence.history, 0))
    told = reasons.for_creator(stranger, 3, rows, contributions(collaborative=1.0))[0]
    assert told == ["Little is known of this merchant yet."]
    again = reasons.for_creator(
        evidence, 0, np.array([2]), contributions(popularity=1.0, co_audience=0.5)
    )
    assert again[0] == [
        "You have worked together once, last on 2024-01-01.",
        "Your viewers also watch the creators it works with.",
        "Works with 3 creators.",
    ]


def test_a_stranger_is_told_of_the_partners_it_named(evidence: Evidence) -> None:
    parts = contributions(audience=1.0, given__tone=0.9, collaborative=0.8)
    partners = np.array([0], dtype=np.int32)
    nobody = len(evidence.creators)
    told = reasons.for_creator(evidence, nobody, np.array([1]), parts, partners)[0]
    assert told == [
        "Close by tone to your partners.",
        "Works with 1 creator who also works for your partner Rose (m0).",
    ]
    wanted = np.full(2, NAN, np.float32)
    nobody = len(evidence.merchants)
    told = reasons.for_merchant(evidence, nobody, np.array([1]), parts, wanted, partners)[0]
    assert told == [
        "Close by tone to your partners.",
        "Works for 2 merchants that also work with your partner Lin (c0).",
    ]
    alone = reasons.for_merchant(evidence, nobody, np.array([2]), parts, wanted)[0]
    assert alone == ["Nothing in particular speaks for this creator."]


def _without_merchant(history: History, merchant: int) -> History:
    state = dict(history.state())
    others = state["merchant"] != merchant
    return History.from_state(
        {name: one[others] if name != "shape" else one for name, one in state.items()}
    )


def test_why_two_creators_are_alike(evidence: Evidence) -> None:
    rows = np.array([1, 3], dtype=np.int32)
    close, unknown = reasons.alike(evidence, 0, rows)
    assert close == ["Works for the same 2 merchants: m1 and m2.", "Promotes beauty too."]
    assert unknown == ["Close in what cooperations and audience tell together."]
    audience = reasons.alike(evidence, 2, np.array([0]))[0]
    assert audience[-1] == (
        "50% of its audience is 1 (city tier; the other's 60%, market average 40%)."
    )
