"""What a promotion brings on average over formats, slots and paid exposures, fees included."""

from __future__ import annotations

import numpy as np

from training.simulation.laws import Laws, expectation
from training.simulation.population import Population
from training.simulation.segments import Floats, Ints

#: Part that creators' fees take of what promotions leave before them, summed over the market.
FEE_SHARE = 0.26


def promotion_means(
    world: Population, laws: Laws, merchant: Ints, creator: Ints, product: Ints
) -> dict[str, Floats]:
    """Means of one promotion in ordinary conditions, for triples of rows.

    Returns
    -------
    dict of float64 arrays of shape (n,)
        exposures, clicks, orders, refunded_orders, gmv, and net (after refunds, commission, fee).
    """
    c = world.creators
    mean = expectation(world, laws, merchant, creator, product)
    # A format's weight in exposures, and in fees; only live streams can be dedicated.
    shown = c.formats[creator] * np.array(laws.format_exposures)
    shown[:, 0] *= 1 + c.dedicated[creator] * (laws.dedicated_exposures - 1)
    paid = c.formats[creator] * np.array(laws.fee_format)
    paid[:, 0] *= 1 + c.dedicated[creator] * (laws.dedicated_fee - 1)
    boost = 1 + world.merchants.paid[merchant] * (laws.paid_boost + laws.paid_lift)
    exposures = mean.organic * boost * shown.sum(axis=1)
    clicks = exposures * mean.click_rate
    orders = clicks * mean.conversion
    refund = (shown * mean.refund).sum(axis=1) / shown.sum(axis=1)
    gmv = orders * world.products.price[product]
    fee = c.slot_fee[creator] * paid.sum(axis=1)
    return {
        "exposures": exposures,
        "clicks": clicks,
        "orders": orders,
        "refunded_orders": orders * refund,
        "gmv": gmv,
        "net": gmv * (1 - refund) * (1 - mean.commission_rate) - fee,
    }


def settle_fees(world: Population, laws: Laws, rng: np.random.Generator) -> None:
    """Bring slot fees to the level this market bears; who asks more than whom stays.

    Without this, one market's fees would eat all there is to earn, and another's nothing.
    """
    fees = world.creators.slot_fee
    n = max(len(fees), 100_000)
    creator = np.arange(n) % len(fees)
    product = rng.integers(0, len(world.products.price), n)
    merchant = world.products.merchant[product]
    after = promotion_means(world, laws, merchant, creator, product)["net"].sum()
    world.creators.slot_fee = np.zeros_like(fees)
    before = promotion_means(world, laws, merchant, creator, product)["net"].sum()
    world.creators.slot_fee = (fees * FEE_SHARE * before / (before - after)).round()
