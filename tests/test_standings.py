"""Conversions and displays of pairs: ranges as bounds, campaigns taken out, doubt that fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matching.diagnosis.cooperations import Cooperations
from models.ranged import Ranged
from tests.diagnosed import Row, cooperation, learnt, peers, promotions
from training.promotion_sessions import PastPromotions
from training.yardsticks import average_of_peers, circles_of


def own(all_: Cooperations, creator: int = 0) -> int:
    """Place of merchant 0's cooperation with a creator."""
    return int(np.flatnonzero(all_.creator[: all_.starts[1]] == creator)[0])


def hidden(past: PastPromotions, rows: np.ndarray, **ends: tuple[float, float]) -> PastPromotions:
    """Some promotions told as ranges."""
    changed = {}
    for name, (low, high) in ends.items():
        exact = getattr(past, name)
        changed[name] = Ranged(np.where(rows, low, exact.low), np.where(rows, high, exact.high))
    return replace(past, **changed)


ROWS: list[Row] = [*peers(), *cooperation(0, 6, 2000, 120, 40_000)]


def test_a_narrow_range_is_as_good_as_the_number() -> None:
    past = promotions(ROWS)
    mine = past.merchant == 0
    exact = learnt(past)
    ranged = learnt(hidden(past, mine, orders=(119, 121), shown=(39_900, 40_100)))
    at = own(exact)
    assert ranged.conversions.mean[at] == pytest.approx(exact.conversions.mean[at], rel=0.01)
    assert ranged.displays.mean[at] == pytest.approx(exact.displays.mean[at], abs=0.02)


def test_a_wide_range_is_a_bound_and_no_middle() -> None:
    past = promotions(ROWS)
    mine = past.merchant == 0
    at = own(learnt(past))
    # 100 to 10,000 orders of 2,000 clicks: 5 % at least, and not the middle of 50 %.
    bound = learnt(hidden(past, mine, orders=(100, 10_000)))
    assert 0.04 < bound.conversions.mean[at] < 0.2
    # 0 to 100,000 says nothing.
    nothing = learnt(hidden(past, mine, orders=(0, 100_000)))
    assert nothing.conversions.shape[at] < bound.conversions.shape[at]
    assert nothing.conversions.mean[at] == pytest.approx(0.03, rel=0.5)
    # 20,000 exposures at least, in every session.
    shown = learnt(hidden(past, mine, shown=(20_000, 1e7)))
    assert np.expm1(shown.displays.mean[at]) > 20_000
    assert shown.displays.variance[at] > learnt(past).displays.variance[at]


def test_ranges_of_trials_make_less_sure() -> None:
    past = promotions(ROWS)
    wide = learnt(hidden(past, past.merchant == 0, trials=(1000, 3000)))
    at = own(wide)
    assert wide.conversions.shape[at] < learnt(past).conversions.shape[at]
    # Trials that vague have no part in anybody's average.
    vague = learnt(hidden(past, past.merchant == 1, trials=(0, 100_000)))
    assert vague.conversion.peers[0] == 3


def test_a_campaign_is_none_of_the_creators_doing() -> None:
    rng = np.random.default_rng(0)
    rows, busy = [], []
    for merchant in range(6):
        for creator in range(30):
            for session in range(2):
                campaign = bool(rng.random() < (0.9 if creator == 0 else 0.2))
                lift = np.exp(0.5 * campaign)
                orders = float(rng.poisson(30 * lift))
                shown = float(1000 * np.exp(campaign + rng.normal(0, 0.3)))
                rows.append(
                    (merchant, creator, merchant, 2 * creator + session, 1000, orders, shown)
                )
                busy.append(campaign)
    past = promotions(rows)
    told = learnt(replace(past, campaign=np.array(busy)))
    blind = learnt(past)
    at = own(told)
    assert abs(told.conversions.mean[at] - 0.03) < 0.6 * abs(blind.conversions.mean[at] - 0.03)
    assert blind.displays.mean[at] > told.displays.mean[at] + 0.3


def test_older_sessions_say_less_of_today() -> None:
    past = promotions(ROWS)
    old = learnt(replace(past, age_days=np.full(len(past.merchant), 400.0)))
    at = own(old)
    assert old.displays.variance[at] > learnt(past).displays.variance[at] + 0.1


def average(figures: list[float], sessions: float, *circles: list[int]) -> tuple[list[float], ...]:
    known = np.array(figures)
    below = np.where(np.isfinite(known), 1.0, 0.0)
    found = average_of_peers(
        np.nan_to_num(known), below, sessions * below, 0.0, [np.array(one) for one in circles]
    )
    return found.usual.tolist(), found.circle.tolist(), found.peers.tolist()


def test_yardsticks_are_averages_of_other_merchants() -> None:
    usual, circle, peers_ = average([1.0, 2.0, 6.0], 10, [0, 0, 0])
    assert usual == pytest.approx([4.0, 3.5, 1.5])
    assert (circle, peers_) == ([0, 0, 0], [2, 2, 2])


def test_few_peers_are_drawn_towards_a_wider_circle() -> None:
    # Weight .5 at three sessions: one peer of 4 in the circle, one merchant's worth of the
    # market's average of 2, 4 and 6 without oneself.
    usual, circle, peers_ = average([1.0, 4.0, 2.0, 6.0], 3, [0, 0, 1, -1], [0, 0, 0, 0])
    assert usual[0] == pytest.approx((0.5 * 4 + 1 * 4) / 1.5)
    assert (circle[0], peers_[0]) == (0, 1)
    # Nobody else in the circle, or in none: the market.
    assert usual[2] == pytest.approx((1 + 4 + 6) / 3)
    assert usual[3] == pytest.approx((1 + 4 + 2) / 3)
    assert (circle[2], peers_[2]) == (1, 3)


def test_unknown_figures_are_nobodys_peers() -> None:
    usual, _, peers_ = average([1.0, np.nan, 3.0], 10, [0, 0, 0])
    assert usual == pytest.approx([3.0, 2.0, 1.0])
    assert peers_ == [1, 2, 1]
    # Nobody, and nothing to divide by.
    assert np.isnan(average([1.0], 10, [0])[0]).all()
    assert np.isnan(average([1.0, 0.0], 10, [0, 0])[0][0])


def test_a_yardstick_of_few_sessions_is_unsure() -> None:
    ones = np.ones(3)
    few, many = (
        average_of_peers(ones, ones, n * ones, 0.4, [np.zeros(3, dtype=np.int64)]).doubt[0]
        for n in (2.0, 200.0)
    )
    assert few == pytest.approx(0.4 / 2 / 2)
    assert many == pytest.approx(0.4 / 200 / 2)


def test_circles_of_unknown_labels() -> None:
    industry, tier = (np.array(one, dtype=np.int32) for one in ([0, 0, 1, -1], [0, 1, 0, 0]))
    both, same, all_ = circles_of(industry, tier)
    assert len(set(both[:3].tolist())) == 3
    assert (both[3], same.tolist(), all_.tolist()) == (-1, [0, 0, 1, -1], [0] * 4)


def test_the_ladder_compares_with_others_only() -> None:
    rows: list[Row] = [
        (0, 1, 7, 1, 1000, 10, 1.0),  # under diagnosis
        (0, 1, 8, 2, 1000, 20, 1.0),  # under diagnosis, too
        (0, 2, 7, 3, 1000, 40, 1.0),  # the same product, another creator
        (0, 2, 9, 4, 1000, 70, 1.0),  # neither
        (1, 1, 11, 5, 500, 25, 1.0),  # the same creator, another product
        (1, 1, 12, 6, 500, np.nan, 1.0),  # unknown
    ]
    past = promotions(rows, fits=np.column_stack([[0.1, 0.3, 0.9, np.nan, 0.5, 0.5]] * 2))
    at = own(learnt(past), 1)
    told = learnt(past).ladder
    usual = 0.05  # merchant 1's, the only other one
    assert told.creator_orders[at] == 25
    assert told.creator_others[at] == 1
    assert told.product_orders[at] == 40
    assert told.product_expected[at] == pytest.approx(1000 * usual)
    assert (told.product_trials[at], told.product_others[at]) == (1000, 1)
    assert told.nearer[at] == 0.0
    assert told.causes.sum(axis=1) == pytest.approx(1.0)


def market_of(low: str) -> Cooperations:
    """Ten creators and ten merchants; one creator, or one product, sells a quarter of the usual."""
    rng = np.random.default_rng(3)
    rows = []
    for merchant in range(10):
        for creator in range(10):
            weak = creator == 0 if low == "script and offer" else merchant == 0
            if low == "audience":
                weak = merchant == creator == 0
            rate = 0.0125 if weak else 0.05
            for session in range(3):
                orders = float(rng.poisson(2000 * rate))
                rows.append((merchant, creator, merchant, 3 * creator + session, 2000, orders, 9e4))
    return learnt(promotions(rows))


@pytest.mark.parametrize(("low", "place"), [("product", 0), ("script and offer", 1)])
def test_the_ladder_names_what_is_low_everywhere(low: str, place: int) -> None:
    all_ = market_of(low)
    causes = all_.ladder.causes[own(all_)]
    assert causes.argmax() == place
    assert causes[place] > 0.5


def test_nothing_tells_script_and_audience_apart_where_a_pair_alone_is_low() -> None:
    all_ = market_of("audience")
    causes = all_.ladder.causes[own(all_)]
    assert causes[0] < 0.35
    assert causes.max() < 0.7


def test_a_ladder_without_promotions_is_empty() -> None:
    empty = learnt(promotions([]))
    assert len(empty.creator) == 0
    assert empty.starts.tolist() == [0] * 7
