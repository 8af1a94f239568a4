"""A merchant's cooperations are told apart, and no surer than their figures are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.diagnosis import Cooperations, Diagnosis
from matching.diagnosis.causes import (
    NOT_KNOWN,
    Rung,
    cause_of,
    creator_elsewhere,
    product_elsewhere,
)
from matching.diagnosis.diagnosis import PROBABILITIES
from matching.diagnosis.quadrants import (
    QUADRANTS,
    UNKNOWN,
    name_quadrants,
    quadrant_probabilities,
    sessions_to_settle,
)
from matching.diagnosis.standing import Conversions, Displays
from matching.diagnosis.yardsticks import Yardsticks
from tests.diagnosed import Row, cooperation, cooperations, named, peers

#: One creator in each quadrant: 6 or 1.5 orders per 100 clicks, 60,000 or 1,500 exposures.
FOUR = [
    *cooperation(0, 8, 2000, 120, 60_000),
    *cooperation(1, 8, 2000, 120, 1_500),
    *cooperation(2, 8, 2000, 30, 60_000),
    *cooperation(3, 8, 2000, 30, 1_500),
]


def diagnosed(rows: list[Row], **changes: object) -> pd.DataFrame:
    past = cooperations(rows, **changes)
    return Diagnosis(past).of(0, named(past.shape[1])).set_index("creator_id")


@pytest.mark.parametrize(("creator", "quadrant"), list(enumerate(QUADRANTS)))
def test_each_quadrant_with_many_clicks_is_sure(creator: int, quadrant: str) -> None:
    row = diagnosed([*peers(), *FOUR]).loc[f"c{creator}"]
    assert row["quadrant"] == quadrant
    assert row["sureness"] > 0.9
    assert row["sessions_to_80"] == row["sessions_to_90"] == 0
    assert row["conversion_low"] < (0.06 if creator < 2 else 0.015) < row["conversion_high"]
    assert row["exposures_low"] < (60_000, 1_500)[creator % 2] < row["exposures_high"]
    assert (row["cause"] is None) == (creator < 2)
    assert (row["sessions"], row["promotions"], row["products"]) == (8, 8, 1)


def test_yardsticks_are_ratios_of_sums_of_other_merchants() -> None:
    rows = [*peers(), (2, 3, 9, 99, 3000, 330, 46_000), *FOUR]
    frame = diagnosed(rows)
    # 24 sessions of peers, and one odd one.
    assert frame["conversion_usual"].iloc[0] == pytest.approx((24 * 30 + 330) / (24 * 1000 + 3000))
    assert frame["exposures_usual"].iloc[0] == pytest.approx((24 * 10_000 + 46_000) / 25)
    assert frame.attrs["notes"][0] == (
        "Conversion is compared with 4 other merchants of the same industry and tier "
        "(beauty, tier A)."
    )


def test_too_few_peers_widen_the_circle() -> None:
    past = cooperations(peers())
    tier = np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)
    found = Yardsticks.of(cooperations(peers(), tier=tier, tiers=["A", "B"]))
    assert (found.conversion_circle[0], found.conversion_peers[0]) == (1, 4)
    nobodys = np.array([0, -1, -1, -1, -1, -1], dtype=np.int32)
    found = Yardsticks.of(cooperations(peers(), industry=nobodys))
    assert (found.exposures_circle[0], found.exposures_peers[0]) == (2, 4)
    # Itself left out: merchant 1 has three peers.
    assert Yardsticks.of(past).conversion_peers.tolist() == [4, 3, 3, 3, 3, 4]


def test_alone_in_the_market_there_is_no_yardstick() -> None:
    frame = diagnosed(cooperation(0, 5, 1000, 30, 10_000))
    assert frame["quadrant"].tolist() == [UNKNOWN]
    assert frame["conversion_usual"].isna().all()
    assert frame.attrs["notes"] == [
        "Conversion: no other merchant's figures are known to compare with.",
        "Exposure: no other merchant's figures are known to compare with.",
    ]


@pytest.mark.parametrize("orders", [0, 1, 3])
def test_three_clicks_are_never_sure(orders: float) -> None:
    row = diagnosed([*peers(), *FOUR, *cooperation(4, 1, 3, orders, 60_000)]).loc["c4"]
    assert row["sureness"] < 0.6
    assert row["sessions_to_80"] > 0
    assert "would settle it" in " ".join(row["reasons"])


def test_sureness_grows_with_sessions_that_say_the_same() -> None:
    found = [
        diagnosed([*peers(), *FOUR, *cooperation(4, n, 100, 6, 60_000)]).loc["c4", "sureness"]
        for n in (1, 4, 16)
    ]
    assert found == sorted(found)
    assert found[0] < 0.8 < found[2]


def test_unknown_is_not_zero() -> None:
    nan = np.nan
    rows = [*peers(), *FOUR]
    rows += [*cooperation(4, 3, nan, 9, 60_000), *cooperation(5, 3, nan, nan, nan)]
    rows += cooperation(6, 3, 2000, 120, nan)
    frame = diagnosed(rows)
    assert frame.loc[["c4", "c5", "c6"], "quadrant"].tolist() == [UNKNOWN] * 3
    assert np.isnan(frame.loc["c4", "conversion"])
    assert frame.loc["c4", "exposures"] > 20_000
    assert frame.loc["c6", "conversion"] > 0.03
    assert frame.loc["c5", ["sureness", "trials", "orders", "sessions_to_80"]].isna().all()
    assert frame.loc["c5", "reasons"] == [
        "Its conversion is not known.",
        "Its exposures are not known.",
    ]
    # What is unknown moves nobody else.
    known = diagnosed([*peers(), *FOUR])
    pd.testing.assert_frame_equal(
        frame.loc[known.index, ["conversion"]], known[["conversion"]], rtol=0.05
    )


def test_probabilities_add_up_and_ask_for_both_axes() -> None:
    found = quadrant_probabilities(np.array([0.9, 0.2, np.nan]), np.array([0.8, 0.5, 0.5]))
    assert found[0].round(2).tolist() == [0.72, 0.18, 0.08, 0.02]
    assert found[:2].sum(axis=1) == pytest.approx(1.0)
    assert name_quadrants(found).tolist() == ["main contributor", "poor fit", UNKNOWN]


def test_a_gamma_of_one_order_is_an_exponential() -> None:
    one = Conversions(np.array([1.0]), np.array([1.0]), np.array([9.0]), np.array([1.0]))
    assert one.above() == pytest.approx(np.exp(-1.0))
    assert one.quantile(0.5) == pytest.approx(np.log(2.0))
    # Trials worth one order are half believed, those worth none not at all.
    half = Conversions(one.mean, one.shape, np.array([1.0]), one.usual)
    assert half.above() == pytest.approx(0.5 + (np.exp(-1.0) - 0.5) / 2)


def test_sessions_to_settle_by_hand() -> None:
    sure = Conversions(np.array([4.0]), np.array([400.0]), np.array([99.0]), np.array([1.0]))
    # One standard deviation is 84 %; 90 % need 1.2816 of them, so a variance of .25 / 1.6424.
    display = Displays(np.array([0.5]), np.array([0.25]), 1.0)
    assert sessions_to_settle(sure, display, 0.8) == 0
    assert sessions_to_settle(sure, display, 0.9) == np.ceil((1.2815515655**2 / 0.25 - 4) * 1.0)
    level = Displays(np.array([0.0]), np.array([0.25]), 1.0)
    assert sessions_to_settle(sure, level, 0.8) == np.inf
    unknown = Displays(np.array([np.nan]), np.array([0.25]), 1.0)
    assert np.isnan(sessions_to_settle(sure, unknown, 0.8)).all()


def test_close_to_the_usual_is_never_settled() -> None:
    conversion = Conversions(np.array([1.0]), np.array([9.0]), np.array([9.0]), np.array([1.0]))
    display = Displays(np.array([3.0]), np.array([0.25]), 1.0)
    assert sessions_to_settle(conversion, display, 0.8) == np.inf
    rows = [*peers(), *(row for row in cooperation(0, 9, 1000, 30, 10_000))]
    row = diagnosed(rows).iloc[0]
    assert row["sureness"] < 0.8


GOOD, BAD, NONE = Rung(90, 60, 2000, 3), Rung(20, 60, 2000, 3), Rung(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("creator", "product", "audience", "cause"),
    [
        (GOOD, BAD, 0.9, "product"),
        (NONE, BAD, np.nan, "product"),
        (BAD, GOOD, 0.1, "audience"),
        (BAD, GOOD, 0.9, "script and offer"),
        (GOOD, GOOD, 0.4, NOT_KNOWN),
        (GOOD, GOOD, np.nan, NOT_KNOWN),
        (GOOD, NONE, 0.9, "product"),
        (GOOD, NONE, 0.1, NOT_KNOWN),
        (NONE, NONE, np.nan, NOT_KNOWN),
    ],
)
def test_the_cause_ladder(creator: Rung, product: Rung, audience: float, cause: str) -> None:
    found, told = cause_of(creator, product, audience)
    assert found == cause
    assert len(told) == 3


def test_the_ladder_tells_its_evidence() -> None:
    _, told = cause_of(GOOD, Rung(1, 2, 100, 1), 0.25)
    assert told == [
        "With other products, of 3 merchants, this creator sells 1.5 times what is usual there.",
        "With 1 other creator these products get 1 orders per 100 clicks, where 2 is usual, too "
        "few to be sure.",
        "Its audience is closer to the one you want than in 25% of the market's cooperations.",
    ]
    _, told = cause_of(NONE, NONE, np.nan)
    assert told == [
        "This creator with other products: not known.",
        "These products with other creators: not known.",
        "Distance of the audiences: not known.",
    ]


def test_the_ladder_compares_with_others_only() -> None:
    rows = [
        (0, 1, 7, 1, 1000, 10, 1.0),  # under diagnosis
        (0, 1, 8, 2, 1000, 20, 1.0),  # under diagnosis, too
        (0, 2, 7, 3, 1000, 40, 1.0),  # the same product, another creator
        (0, 2, 9, 4, 1000, 70, 1.0),  # neither
        (1, 1, 11, 5, 500, 25, 1.0),  # the same creator, another product
        (1, 1, 12, 6, 500, np.nan, 1.0),  # unknown
    ]
    past = cooperations(rows)
    usual = np.full(past.shape[0], 0.03)
    diagnosed_rows = np.array([0, 1], dtype=np.int32)
    creator = creator_elsewhere(past, usual, diagnosed_rows, 1)
    assert creator == Rung(orders=25, expected=15, trials=500, others=1)
    product = product_elsewhere(past, 0.03, diagnosed_rows, 1)
    assert product == Rung(orders=40, expected=30, trials=1000, others=1)


def test_audiences_enter_where_they_are_known() -> None:
    rows = [*peers(), *FOUR]
    fit = np.linspace(0.0, 1.0, len(rows))
    frame = diagnosed(rows, fit=fit)
    told = frame.loc["c3", "reasons"][-1]
    assert told.startswith("Its audience is closer to the one you want than in ")


def test_asking_many_is_asking_one() -> None:
    past = cooperations([*peers(), *FOUR])
    whole, again = Diagnosis(past), Diagnosis(past)
    ids = named(past.shape[1])
    frames = [whole.of(merchant, ids) for merchant in range(past.shape[0])]
    for merchant in reversed(range(past.shape[0])):
        pd.testing.assert_frame_equal(frames[merchant], again.of(merchant, ids))
    assert frames[5].empty
    assert frames[5].attrs["notes"] == ["This merchant has not worked with any creator yet."]
    assert list(frames[5]) == list(frames[0])
    # A merchant that no table of promotions names.
    assert whole.of(past.shape[0], ids, merchant_id="m9").attrs["notes"] == [
        "m9 has not worked with any creator yet."
    ]


@given(st.permutations(range(len(FOUR))))
def test_the_order_of_promotions_does_not_matter(order: list[int]) -> None:
    pd.testing.assert_frame_equal(
        diagnosed([*peers(), *FOUR]), diagnosed([*(FOUR[at] for at in order), *peers()])
    )


def test_chances_are_closed_under_state() -> None:
    past = cooperations([*peers(), *FOUR])
    again = Cooperations.from_state(past.state())
    ids = named(past.shape[1])
    pd.testing.assert_frame_equal(Diagnosis(past).of(0, ids), Diagnosis(again).of(0, ids))
    assert Diagnosis(past).of(0, ids)[list(PROBABILITIES)].sum(axis=1).to_numpy() == pytest.approx(
        1.0
    )


def test_sessions_count_once() -> None:
    # Five products of one evening are one draw: no surer than one product. (As peers they move
    # the others' yardstick a little.)
    one = [*peers(), *cooperation(0, 1, 2000, 60, 30_000)]
    five = [*peers(), *[(0, 0, 7 + n, 1, 400, 12, 30_000) for n in range(5)]]
    for column in ("sureness", "conversion", "exposures_low"):
        assert diagnosed(five)[column].iloc[0] == pytest.approx(
            diagnosed(one)[column].iloc[0], rel=0.1
        )


def test_views_stand_in_and_say_so() -> None:
    past = cooperations([*peers(), *FOUR], trials_basis="views", shown_basis="views")
    frame = Diagnosis(past).of(0, named(past.shape[1]))
    assert frame.attrs["notes"][-1].startswith("Nobody counts exposures here")
    assert "orders of 16,000 views" in frame["reasons"].iloc[0][0]


def test_young_orders_are_not_failures() -> None:
    rows = [*peers(), *FOUR]
    arrived = np.where(cooperations(rows).creator == 0, 0.5, 1.0)
    young, old = diagnosed(rows, arrived=arrived), diagnosed(rows)
    assert young.loc["c0", "conversion"] > 1.5 * old.loc["c0", "conversion"]


def test_a_market_that_knows_no_figure() -> None:
    nothing = {name: np.full(8, np.nan) for name in ("trials", "orders", "shown")}
    frame = diagnosed(cooperation(0, 8, 0, 0, 0), **nothing, trials_basis=None, shown_basis=None)
    assert frame["quadrant"].tolist() == [UNKNOWN]
