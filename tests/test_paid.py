"""Which part of exposures is paid for: by hand, and where nobody tells."""

from __future__ import annotations

import numpy as np

from models.features import PromotionOutcomes
from models.paid import paid_parts
from models.pairs import Pairs


def of(merchant: list[int]) -> Pairs:
    rows = np.array(merchant, dtype=np.int32)
    return Pairs(rows, rows, rows, np.full(len(rows), np.nan), np.full(len(rows), np.nan))


def test_whether_and_how_much_are_both_shrunk() -> None:
    """Merchant 0 never pays, merchant 1 always for half of its exposures, of 2 nothing is known."""
    pairs = of([0] * 5 + [1] * 5)
    told = PromotionOutcomes.of(
        np.zeros(10), exposures=np.full(10, 200.0), paid_exposures=[0.0] * 5 + [100.0] * 5
    )
    # Five promotions worth of belief that half pay, and get as many again (a boost of 1).
    often = np.array([(0 + 5 * 0.5) / 10, (5 + 5 * 0.5) / 10, 0.5, 0.5])
    np.testing.assert_allclose(paid_parts(pairs, told, 3), often / (1 + often))


def test_a_boost_is_the_merchants_own_when_it_often_paid() -> None:
    pairs = of([0] * 400 + [1] * 400)
    paid = np.repeat([300.0, 100.0], 400)
    told = PromotionOutcomes.of(np.zeros(800), exposures=100.0 + paid, paid_exposures=paid)
    # All pay: three and one times the organic exposures, against twice as many overall.
    parts = paid_parts(pairs, told, 2)
    boosts = np.array([(400 * 3 + 5 * 2) / 405, (400 * 1 + 5 * 2) / 405, 2.0])
    np.testing.assert_allclose(parts, boosts / (1 + boosts))


def test_who_never_pays_and_who_only_pays() -> None:
    pairs, shown = of([0, 0]), np.array([10.0, 30.0])
    never = PromotionOutcomes.of(np.zeros(2), exposures=shown, paid_exposures=np.zeros(2))
    np.testing.assert_array_equal(paid_parts(pairs, never, 1), [0.0, 0.0])
    only = PromotionOutcomes.of(np.zeros(2), exposures=shown, paid_exposures=shown)
    np.testing.assert_array_equal(paid_parts(pairs, only, 1), [1.0, 1.0])


def test_nothing_is_told_where_nobody_counts() -> None:
    pairs, shown = of([0, 0]), np.array([10.0, 30.0])
    silent = PromotionOutcomes.of(np.zeros(2), exposures=shown)
    assert np.isnan(paid_parts(pairs, silent, 1)).all()
    views = PromotionOutcomes.of(np.zeros(2), "views", exposures=shown, paid_exposures=shown / 2)
    assert np.isnan(paid_parts(pairs, views, 1)).all()
    # More paid than there were is no count of the same thing.
    more = PromotionOutcomes.of(np.zeros(2), exposures=shown, paid_exposures=shown + 1)
    assert np.isnan(paid_parts(pairs, more, 1)).all()
