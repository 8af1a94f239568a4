"""Whom nobody knows is served by its partners, without any training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from matching import BadInput, Plaza, UnknownId, Where
from matching.listings import PREDICTED


@pytest.fixture(scope="module")
def busy(plaza: Plaza) -> int:
    """The merchant with most partners."""
    return int(np.diff(plaza._learnt.history.met.indptr).argmax())


@pytest.fixture(scope="module")
def partners(plaza: Plaza, busy: int) -> list[str]:
    rows = plaza._learnt.history.creators_of(busy)
    return [str(one) for one in plaza.creator_ids[rows[:4]]]


def test_partners_stand_for_a_merchant_nobody_knows(plaza: Plaza, partners: list[str]) -> None:
    frame = plaza.creators_for_partners(partners, k=1_000)
    assert frame.columns.tolist() == [
        "rank",
        "creator_id",
        "score",
        *PREDICTED,
        "reasons",
        "sources",
    ]
    assert set(frame["creator_id"]) == set(plaza.creator_ids) - set(partners)
    assert frame["score"].is_monotonic_decreasing
    assert frame.attrs["shortfall"] == {"partners": len(partners)}
    assert frame["p_conversion"].notna().all()


def test_its_vector_is_that_of_the_same_history_folded_in(
    plaza: Plaza, partners: list[str]
) -> None:
    learnt = plaza._learnt
    rows = plaza._desk.creators.find(partners)[0]
    history = np.zeros((1, len(plaza.creator_ids)), np.float32)
    history[0, rows] = np.median(learnt.interactions.data)
    vector = learnt.affinity().embed_merchant(history=sparse.csr_matrix(history))
    frame = plaza.creators_for_partners(partners, k=10)
    listed = plaza._desk.creators.find(frame["creator_id"])[0]
    np.testing.assert_allclose(frame["score"], learnt.creator_vectors[listed] @ vector, rtol=1e-4)


def test_reasons_name_the_partners(plaza: Plaza, partners: list[str]) -> None:
    frame = plaza.creators_for_partners(partners, k=20)
    told = [reason for reasons in frame["reasons"] for reason in reasons]
    circles = [one for one in told if "your partner" in one and "also" in one]
    assert circles
    assert all(any(partner in one for partner in partners) for one in circles)
    assert not any("You have worked together" in one for one in told)
    assert not any("what you and your partners stand for" in one for one in told)


def test_an_audience_beside_the_partners_moves_the_list(plaza: Plaza, partners: list[str]) -> None:
    wish = {"age": {"18-23": 0.9}}
    plain = plaza.creators_for_partners(partners, k=20)
    aimed = plaza.creators_for_partners(partners, k=20, audience=wish)
    assert plain["creator_id"].tolist() != aimed["creator_id"].tolist()
    column = plaza._learnt.segments.index(("age", "18-23"))
    young = plaza._learnt.creator_share_high[:, column]

    def share(frame: Any) -> float:
        rows = plaza._desk.creators.find(frame["creator_id"])[0]
        return float(np.nanmean(young[rows]))

    assert share(aimed) > share(plain)


def test_order_and_repeats_of_partners_do_not_matter(plaza: Plaza, partners: list[str]) -> None:
    one = plaza.creators_for_partners(partners, k=9)
    other = plaza.creators_for_partners([*partners[::-1], partners[0]], k=9)
    assert one["creator_id"].tolist() == other["creator_id"].tolist()
    assert one["score"].tolist() == other["score"].tolist()


def test_filters_and_objectives_hold_for_strangers_too(plaza: Plaza, partners: list[str]) -> None:
    whole = plaza.creators_for_partners(partners, k=1_000, objective="gmv")
    assert whole["score"].tolist() == whole["expected_gmv"].tolist()
    some = plaza.creator_ids[::3].tolist()
    got = plaza.creators_for_partners(partners, k=9, objective="gmv", where=Where(creator_ids=some))
    expected = whole[whole["creator_id"].isin(some)].head(9)
    assert got["creator_id"].tolist() == expected["creator_id"].tolist()


@pytest.mark.parametrize("objective", ["match", "gmv"])
def test_merchants_stand_for_a_creator_nobody_knows(plaza: Plaza, objective: str) -> None:
    busy = int(np.diff(plaza._learnt.history.by_creator[0].starts).argmax())
    rows = plaza._learnt.history.merchants_of(busy)[:3]
    told = [str(one) for one in plaza.merchant_ids[rows]]
    frame = plaza.merchants_for_partners(told, k=100, objective=objective)
    assert set(frame["merchant_id"]) == set(plaza.merchant_ids) - set(told)
    assert frame["score"].is_monotonic_decreasing
    assert frame.attrs["shortfall"] == {"partners": 3}
    reasons = [reason for reasons in frame["reasons"] for reason in reasons]
    assert not any("of your audience" in one for one in reasons)
    assert any("your partner" in one for one in reasons)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda p: p.creators_for_partners(["zzz"]), UnknownId, "holds this creator: 'zzz'"),
        (lambda p: p.merchants_for_partners(["zzz"]), UnknownId, "holds this merchant: 'zzz'"),
        (
            lambda p: p.creators_for_partners("c001"),
            BadInput,
            r"partners: got 'c001', expected a list of creator ids; write \['c001'\]",
        ),
        (
            lambda p: p.merchants_for_partners("m01"),
            BadInput,
            r"partners: got 'm01', expected a list of merchant ids",
        ),
        (
            lambda p: p.creators_for_partners([]),
            BadInput,
            "partners: got none, expected one creator id or more to tell who is asking",
        ),
        (
            lambda p: p.creators_for_partners([7]),
            BadInput,
            "partners: got 7 of type int, expected a text or a list of texts",
        ),
        (
            lambda p: p.creators_for_partners(["c001"], audience={"age": {"young": 0.5}}),
            BadInput,
            "audience: unknown segment 'young' of 'age'",
        ),
        (
            lambda p: p.creators_for_partners(["c001"], objective="gvm"),
            BadInput,
            "did you mean 'gmv'",
        ),
        (lambda p: p.creators_for_partners(["c001"], k=0), BadInput, "k: got 0, expected a whole"),
        (lambda p: p.creators_for_audience(None), BadInput, "audience: got None, expected"),
    ],
)
def test_what_cannot_be_answered(
    plaza: Plaza, ask: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        ask(plaza)
    assert "\n" not in str(caught.value)
