"""What is sent back, by merchant: shrunk, and patient with refunds that are still on their way."""

from __future__ import annotations

import numpy as np
import pytest

from models.features import EntityFeatures, PromotionOutcomes
from models.pairs import Floats, Pairs
from models.refunds import refund_rates
from models.vocabulary import Rows
from tests.synthetic_promotions import Law
from training.simulation.outcomes import refunds_arrived

MERCHANTS = 60


def sold(n: int, seed: int, *, late: bool = False) -> tuple[Rows, PromotionOutcomes, Floats]:
    """Promotions of merchants with refund rates of their own; refunds as they come, or all."""
    rng = np.random.default_rng(seed)
    rate = 0.3 * np.exp(rng.normal(0, 0.3, MERCHANTS))
    merchant = rng.integers(0, MERCHANTS, n).astype(np.int32)
    age = rng.uniform(0, 90, n)
    orders = rng.poisson(rng.lognormal(1.5, 1, n)).astype(float)
    arrived = refunds_arrived(age) if late else np.ones(n)
    back = rng.binomial(orders.astype(int), np.minimum(rate[merchant], 1) * arrived)
    price = 50.0
    known = {"orders": orders, "gmv": orders * price, "refunded_gmv": back * price}
    return merchant, PromotionOutcomes.of(age, **known), rate


def rates(merchant: Rows, outcomes: PromotionOutcomes, n: int = MERCHANTS) -> Floats:
    pairs = Law().draw(len(merchant), 0).pairs
    object.__setattr__(pairs, "merchant", merchant)
    return refund_rates(pairs, outcomes, EntityFeatures.of(n))


def test_each_merchants_own_rate_is_found() -> None:
    merchant, outcomes, truth = sold(6_000, 1)
    found = rates(merchant, outcomes)
    assert found.shape == (MERCHANTS + 1,)
    assert np.abs(np.log(found[:-1] / truth)).mean() < 0.08
    assert found[-1] == pytest.approx(truth.mean(), rel=0.1)


def test_refunds_still_on_their_way_do_not_make_goods_seem_better() -> None:
    merchant, outcomes, truth = sold(6_000, 2, late=True)
    found = rates(merchant, outcomes)
    naive = np.nansum(outcomes.refunded_gmv) / np.nansum(outcomes.gmv)
    assert naive < 0.93 * truth.mean()
    assert found[-1] == pytest.approx(truth.mean(), rel=0.1)
    assert np.abs(np.log(found[:-1] / truth)).mean() < 0.09


def test_a_few_orders_are_not_a_rate() -> None:
    merchant, outcomes, _ = sold(6_000, 3)
    few = PromotionOutcomes.of([60.0], orders=[2.0], gmv=[100.0], refunded_gmv=[100.0])
    both = PromotionOutcomes.of(
        np.append(outcomes.age_days, few.age_days),
        **{
            name: np.append(getattr(outcomes, name), getattr(few, name))
            for name in ("orders", "gmv", "refunded_gmv")
        },
    )
    found = rates(np.append(merchant, np.int32(MERCHANTS)), both, MERCHANTS + 1)
    assert found[-2] < 1.35 * found[-1]


def test_without_orders_money_alone_tells() -> None:
    merchant, outcomes, truth = sold(6_000, 4)
    object.__setattr__(outcomes, "orders", np.full(len(merchant), np.nan))
    found = rates(merchant, outcomes)
    assert np.abs(np.log(found[:-1] / truth)).mean() < 0.12


def test_nothing_sent_back_is_nothing_and_nothing_told_is_unknown() -> None:
    merchant = np.zeros(3, dtype=np.int32)
    kept = PromotionOutcomes.of([60.0] * 3, gmv=[10.0] * 3, refunded_gmv=[0.0] * 3)
    assert rates(merchant, kept, 1).tolist() == [0.0, 0.0]
    blank = PromotionOutcomes.of([60.0] * 3, gmv=[10.0] * 3)
    assert np.isnan(rates(merchant, blank, 1)).all()


def test_of_sales_that_are_ranges_the_middle_stands_for_them() -> None:
    rng = np.random.default_rng(4)
    n, nothing = 600, np.full(600, np.nan)
    gmv = np.exp(rng.normal(6, 1, n))
    rows = (np.arange(n) % 5, np.arange(n) % 50, np.zeros(n))
    pairs = Pairs(*(one.astype(np.int32) for one in rows), nothing, nothing)
    outcomes = PromotionOutcomes.of(
        np.full(n, 90.0), gmv_low=gmv / 1.3, gmv_high=gmv * 1.3, refunded_gmv=0.3 * gmv
    )
    rates = refund_rates(pairs, outcomes, EntityFeatures((), np.empty((5, 0))))
    np.testing.assert_allclose(rates, 0.3, atol=0.03)
