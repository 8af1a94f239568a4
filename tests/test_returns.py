"""How unsure it is what is kept: by hand, and by how promotions scatter."""

from __future__ import annotations

import numpy as np
import pytest

from models.features import PromotionOutcomes
from models.pairs import Pairs
from models.returns import kept_doubts


def of(merchant: np.ndarray) -> Pairs:
    rows = merchant.astype(np.int32)
    return Pairs(rows, rows, rows, np.full(len(rows), np.nan), np.full(len(rows), np.nan))


def test_before_anything_was_seen() -> None:
    told = PromotionOutcomes.of([60.0, 5.0], gmv=[np.nan, 100.0], refunded_gmv=[1.0, 50.0])
    doubts = kept_doubts(of(np.zeros(2)), told, np.array([0.5, 0.2, np.nan]))
    # The guess of .01, and a rate as unsure as thirty orders leave it; over what is kept, squared.
    expected = [(0.01 + 0.5 * 0.5 / 30) / 0.5**2, (0.01 + 0.2 * 0.8 / 30) / 0.8**2]
    np.testing.assert_allclose(doubts[:2], expected)
    assert np.isnan(doubts[2])


@pytest.mark.parametrize("scatter", [0.0, 0.2])
def test_scatter_beyond_the_chance_of_single_orders_is_learnt(scatter: float) -> None:
    rng = np.random.default_rng(0)
    n, orders = 4_000, 40
    rate = 0.4 + scatter * rng.choice([-1.0, 1.0], n)
    back = rng.binomial(orders, rate) / orders
    known = {
        "gmv": np.full(n, 80.0),
        "refunded_gmv": 80.0 * back,
        "orders": np.full(n, float(orders)),
    }
    told = PromotionOutcomes.of(np.full(n, 90.0), **known)
    doubts = kept_doubts(of(np.zeros(n)), told, np.full(2, 0.4))
    own = 0.4 * 0.6 / (30 + n * orders)
    assert doubts[0] * 0.6**2 == pytest.approx(scatter**2 + own, abs=0.002)
    assert doubts[1] * 0.6**2 == pytest.approx(scatter**2 + 0.4 * 0.6 / 30, abs=0.002)


def test_where_all_is_sent_back_the_doubt_stays_finite() -> None:
    told = PromotionOutcomes.of([60.0], gmv=[10.0], refunded_gmv=[10.0], orders=[1.0])
    assert np.isfinite(kept_doubts(of(np.zeros(1)), told, np.ones(2))).all()
