"""A merchant's cooperations are told apart, and no surer than their figures are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from matching.diagnosis import Cooperations, Diagnosis
from matching.diagnosis.causes import NOT_KNOWN, Rung, cause_of, evidence
from matching.diagnosis.diagnosis import PROBABILITIES
from matching.diagnosis.quadrants import (
    ACTIONS,
    QUADRANTS,
    UNKNOWN,
    name_quadrants,
    quadrant_probabilities,
    sessions_to_settle,
)
from matching.diagnosis.standing import Conversions, Displays, right_side
from models.ranged import Ranged
from tests.diagnosed import Row, cooperation, cooperations, learnt, named, peers, promotions

#: One creator in each quadrant: 6 or 1.5 orders per 100 clicks, 60,000 or 1,500 exposures.
FOUR = [
    *cooperation(0, 8, 2000, 120, 60_000),
    *cooperation(1, 8, 2000, 120, 1_500),
    *cooperation(2, 8, 2000, 30, 60_000),
    *cooperation(3, 8, 2000, 30, 1_500),
]
ONE = np.ones(1)


def diagnosed(rows: list[Row], **changes: object) -> pd.DataFrame:
    return of(cooperations(rows, **changes)).set_index("creator_id")


def of(all_: Cooperations, merchant: int = 0, **told: Any) -> pd.DataFrame:
    return Diagnosis(all_).of(merchant, named(int(all_.creator.max()) + 1), **told)


@pytest.mark.parametrize(("creator", "quadrant"), list(enumerate(QUADRANTS)))
def test_each_quadrant_with_many_clicks_is_sure(creator: int, quadrant: str) -> None:
    row = diagnosed([*peers(), *FOUR]).loc[f"c{creator}"]
    assert row["quadrant"] == quadrant
    assert row["sureness"] > 0.9
    assert row["action"] == ACTIONS[quadrant]
    assert row["sessions_to_80"] == row["sessions_to_90"] == 0
    assert row["conversion_low"] < (0.06 if creator < 2 else 0.015) < row["conversion_high"]
    assert row["exposures_low"] < (60_000, 1_500)[creator % 2] < row["exposures_high"]
    assert (row["cause"] is None) == (creator < 2)
    assert (row["sessions"], row["promotions"], row["products"]) == (8, 8, 1)


def test_actions_are_those_of_the_domain() -> None:
    ladder = ("hange the product, then improve the script, then add a live benefit", "audience")
    for quadrant in ("poor fit", "both low"):
        assert all(part in ACTIONS[quadrant] for part in ladder)
    assert "Do not scale paid traffic while conversion is below average" in ACTIONS["both low"]
    assert "before spending" in ACTIONS["poor fit"]
    assert all(word in ACTIONS["rising star"] for word in ("whatever the size", "Buy traffic"))


@pytest.mark.parametrize("orders", [0, 1, 3])
def test_three_clicks_are_never_sure(orders: float) -> None:
    row = diagnosed([*peers(), *FOUR, *cooperation(4, 1, 3, orders, 60_000)]).loc["c4"]
    assert row["sureness"] < 0.8
    assert row["sessions_to_80"] > 0
    assert "would settle it" in " ".join(row["reasons"])


def test_sureness_grows_with_sessions_that_say_the_same() -> None:
    found = [
        diagnosed([*peers(), *FOUR, *cooperation(4, n, 100, 6, 60_000)]).loc["c4", "sureness"]
        for n in (1, 4, 16)
    ]
    assert found == sorted(found)
    assert found[0] < 0.9 < found[2]


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
    assert quadrant_probabilities(ONE, ONE).max() < 1.0


def test_a_gamma_of_one_order_is_an_exponential() -> None:
    one = Conversions(ONE, ONE, ONE)
    assert one.above(ONE, np.zeros(1)) == pytest.approx(np.exp(-1.0))
    assert one.quantile(0.5) == pytest.approx(np.log(2.0))
    # An unsure yardstick makes less sure.
    high = Conversions(2 * ONE, 9 * ONE, ONE)
    assert 0.5 < high.above(ONE, ONE) < high.above(ONE, np.zeros(1))
    assert one.learnt(ONE, np.zeros(1)) == pytest.approx(0.5)


def test_displays_are_normal_on_the_log_scale() -> None:
    one = Displays(np.log1p(np.array([100.0])), ONE, 1.0)
    assert one.quantile(0.5) == pytest.approx(100.0)
    assert one.above(np.array([100.0]), ONE) == pytest.approx(0.5)
    # One more session halves the variance; an unsure yardstick is never learnt.
    assert one.learnt(ONE, np.zeros(1)) == pytest.approx(0.5)
    assert one.learnt(ONE, ONE) == pytest.approx(0.25)


@pytest.mark.parametrize(("above", "share"), [(0.7, 0.5), (0.55, 0.2), (0.1, 0.9)])
def test_the_chance_to_be_right_later_is_that_of_two_normal_variables(
    above: float, share: float
) -> None:
    from scipy.special import ndtri

    centre = float(ndtri(above))
    root = np.sqrt(share)
    both = multivariate_normal([0, 0], [[1, root], [root, 1]])
    ends = [centre, centre / root]
    by_hand = both.cdf(ends) + both.cdf([-end for end in ends])
    assert right_side(np.array([above]), np.array([share])) == pytest.approx(by_hand, abs=1e-4)


def test_sessions_to_settle_by_hand() -> None:
    def sure(sessions: Any) -> Any:
        return np.ones(len(sessions))

    def rising(sessions: Any) -> Any:
        return 1.0 - 0.5 / (1.0 + sessions)

    # 1 − .5 / (1 + n) is .8 at n = 1.5 and .9 at n = 4.
    assert sessions_to_settle(sure, rising, 0.8, 1) == 2
    assert sessions_to_settle(sure, rising, 0.9, 1) == 4
    assert sessions_to_settle(sure, lambda n: 0.7 + 0 * n, 0.6, 1) == 0
    assert sessions_to_settle(sure, lambda n: 0.7 + 0 * n, 0.8, 1) == np.inf
    assert np.isnan(sessions_to_settle(sure, lambda n: np.nan * n, 0.8, 1)).all()


def test_close_to_the_usual_takes_long_to_settle() -> None:
    rows = [*peers(), *cooperation(0, 9, 1000, 30, 10_000)]
    row = diagnosed(rows).iloc[0]
    assert row["sureness"] < 0.8
    assert row["sessions_to_80"] > 10


GOOD, BAD, NONE = Rung(90, 60, 3, 2000), Rung(20, 60, 3, 2000), Rung(0, 0, 0)


def test_a_cause_is_told_when_it_is_likely() -> None:
    assert cause_of(np.array([0.6, 0.3, 0.1])) == ("product", 0.6)
    assert cause_of(np.array([0.3, 0.6, 0.1])) == ("script and offer", 0.6)
    assert cause_of(np.array([0.2, 0.4, 0.4]))[0] == NOT_KNOWN


def test_the_ladder_tells_its_evidence() -> None:
    assert evidence(GOOD, Rung(1, 2, 1, 100), 0.25, "click") == [
        "With other products, of 3 merchants, this creator sells 1.5 times what is usual there.",
        "In 1 cooperation with other creators these products get 1 orders per 100 clicks, where 2 "
        "is usual, too few to be sure.",
        "Its audience is closer to the one you want than in 25% of the market's cooperations.",
    ]
    assert evidence(NONE, NONE, np.nan, "click") == [
        "This creator with other products: not known.",
        "These products with other creators: not known.",
        "Distance of the audiences: not known.",
    ]
    assert BAD.high < 0.2 < 0.8 < GOOD.high


def test_asking_many_is_asking_one() -> None:
    all_ = cooperations([*peers(), *FOUR])
    frames = [of(all_, merchant) for merchant in range(6)]
    for merchant in reversed(range(6)):
        pd.testing.assert_frame_equal(frames[merchant], of(all_, merchant))
    assert frames[5].empty
    assert frames[5].attrs["notes"] == ["This merchant has not worked with any creator yet."]
    assert list(frames[5]) == list(frames[0])
    # A merchant that no table of promotions names.
    assert of(all_, 6, merchant_id="m9").attrs["notes"] == [
        "m9 has not worked with any creator yet."
    ]


@settings(max_examples=5)
@given(st.permutations(range(len(FOUR))))
def test_the_order_of_promotions_does_not_matter(order: list[int]) -> None:
    pd.testing.assert_frame_equal(
        diagnosed([*peers(), *FOUR]), diagnosed([*(FOUR[at] for at in order), *peers()])
    )


def test_what_is_learnt_is_closed_under_state() -> None:
    all_ = cooperations([*peers(), *FOUR])
    state = all_.state()
    again = Cooperations.from_state(state)
    assert state["conversions"]["mean"].dtype == np.float32
    pd.testing.assert_frame_equal(of(all_), of(again), rtol=1e-5)
    pd.testing.assert_frame_equal(of(again), of(Cooperations.from_state(again.state())))
    assert of(all_)[list(PROBABILITIES)].sum(axis=1).to_numpy() == pytest.approx(1.0)


def test_sessions_count_once() -> None:
    # Five products of one evening are one draw: no surer than one product.
    one = [*peers(), *cooperation(0, 1, 2000, 60, 30_000)]
    five = [*peers(), *[(0, 0, 7 + n, 1, 400, 12, 30_000) for n in range(5)]]
    for column in ("sureness", "conversion", "exposures_low"):
        assert diagnosed(five)[column].iloc[0] == pytest.approx(
            diagnosed(one)[column].iloc[0], rel=0.1
        )


def test_views_stand_in_and_say_so() -> None:
    frame = of(cooperations([*peers(), *FOUR], trials_basis="views", shown_basis="views"))
    assert frame.attrs["notes"][-1].startswith("Nobody counts exposures here")
    assert "orders of 16,000 views" in frame["reasons"].iloc[0][0]


def test_young_orders_are_not_failures() -> None:
    rows = [*peers(), *FOUR]
    past = promotions(rows)
    arrived = np.where((past.merchant == 0) & (past.creator == 0), 0.5, 1.0)
    young, old = diagnosed(rows, arrived=arrived), diagnosed(rows)
    assert young.loc["c0", "conversion"] > 1.5 * old.loc["c0", "conversion"]
    told = "Some of its orders are still on their way: about 50% have arrived"
    assert any(one.startswith(told) for one in young.loc["c0", "reasons"])
    assert not any("on their way" in one for one in old.loc["c0", "reasons"])


def test_high_by_paid_traffic_alone_is_told() -> None:
    rows = [*peers(), *FOUR]
    past = promotions(rows)
    shown = past.shown.low
    share = np.where((past.merchant == 0) & (past.creator == 0), 0.95, 0.1)
    bought = diagnosed(rows, paid=Ranged(share * shown, share * shown)).loc["c0"]
    assert bought["quadrant"] == "main contributor"
    assert bought["paid_share"] == pytest.approx(0.95)
    assert bought["organic_exposures"] == pytest.approx(0.05 * bought["exposures"])
    assert bought["organic_usual"] == pytest.approx(0.9 * bought["exposures_usual"])
    assert any("shown much by paid traffic alone: 95%" in one for one in bought["reasons"])
    unknown = diagnosed(rows).loc["c0"]
    assert unknown[["paid_share", "organic_exposures", "organic_usual"]].isna().all()
    assert not any("paid traffic" in one for one in unknown["reasons"])


def test_a_market_that_knows_no_figure() -> None:
    nothing = Ranged(np.full(8, np.nan), np.full(8, np.nan))
    past = promotions(cooperation(0, 8, 0, 0, 0), trials=nothing, orders=nothing, shown=nothing)
    frame = of(learnt(past, trials_basis=None, shown_basis=None))
    assert frame["quadrant"].tolist() == [UNKNOWN]


def test_alone_in_the_market_there_is_no_yardstick() -> None:
    frame = of(cooperations(cooperation(0, 5, 1000, 30, 10_000)))
    assert frame["quadrant"].tolist() == [UNKNOWN]
    assert frame["conversion_usual"].isna().all()
    assert "what is usual is not known" in frame["reasons"].iloc[0][0]
    assert frame.attrs["notes"] == [
        "Conversion: no other merchant's figures are known to compare with.",
        "Exposure: no other merchant's figures are known to compare with.",
    ]


def test_peers_are_named_by_their_circle() -> None:
    rows = [*peers(), *FOUR]
    tier = np.array([0, 0, 1, 1, 1, 1], dtype=np.int32)
    few = of(cooperations(rows, tier=tier, tiers=["A", "B"])).attrs["notes"][0]
    assert few == (
        "Conversion is compared with the average of 1 other merchant of the same industry and "
        "tier (beauty, tier A), drawn towards a wider circle for so few."
    )
    unknown = np.full(6, -1, dtype=np.int32)
    for changes, whom in (
        ({"tier": unknown}, "the same industry (beauty)."),
        ({"industry": unknown}, "the market."),
    ):
        assert of(cooperations(rows, **changes)).attrs["notes"][1] == (
            f"Exposure is compared with the average of 4 other merchants of {whom}"
        )
