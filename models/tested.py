"""How the outcome chain errs: what later promotions sold, held against fits to earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.arrival import Arrival
from models.calibration import Band
from models.censoring import spread_within
from models.chain import BANDS, Chain
from models.features import PromotionOutcomes
from models.forecast import HALF_ORDER, order_spread
from models.money import Money
from models.pairs import Floats, Pairs
from models.ranged import Ranged
from models.returns import SETTLED
from models.sales import orders_told, sold_told

#: Later promotions count for the bands when this share of their orders has arrived.
_ARRIVED = 0.9
_BELIEF = 10.0  # orders worth of belief that the steps multiply as they are
_RETURNED = 0.7  # and for the band of what is kept, this share of their refunds
_FEWEST = 100  # promotions whose refunds are settled, for a band of their own


@dataclass(frozen=True)
class _Test:
    """Orders expected of ``n`` later promotions, and the variance of their log without chance."""

    centre: Floats
    doubt: Floats

    def band(self, told: Ranged, share: Floats, doubt: Floats | float = 0.0) -> Band:
        """Band around these expectations of what came, as far as it should have come."""
        use = np.flatnonzero((share >= _ARRIVED) & told.known & np.isfinite(self.centre))
        centre, unsure = (self.centre * share)[use], (self.doubt + doubt)[use]
        came = spread_out(told.take(use), centre, unsure)
        return Band.learn(centre, order_spread(centre, unsure), came, HALF_ORDER)


def untested() -> dict[str, Band]:
    """Bands for want of later promotions."""
    return {name: Band.untested(HALF_ORDER) for name in BANDS}


def tested(chain: Chain, pairs: Pairs, outcomes: PromotionOutcomes) -> Chain:
    """Learn on later promotions how the steps' product errs, from fits to earlier ones.

    Steps are multiplied as if they erred apart; what is wrong with that, a factor on orders and
    the bands around them tell, and a factor on prices what an order is worth in the mean. Each
    band is learnt from what it is for: orders, GMV over the expected price (which has the scatter
    of prices in it), and what is kept of GMV over what is expected to be kept (which has that of
    refunds). What is still on its way is not missing.

    Parameters
    ----------
    pairs, outcomes
        Of the promotions that the steps' earlier fits have not seen.

    Returns
    -------
    Chain
        The same where a step could not be tested.
    """
    tests = [step.tested_ for step in chain.steps().values()]
    known = [test for test in tests if test is not None]
    exposure, conversion = chain.exposure, chain.conversion
    if exposure is None or conversion is None or len(known) < len(tests):
        return chain
    (first, doubt), *others = (test.predict(pairs) for test in known)
    centre = exposure.interval(first, doubt).point
    for log, variance in others:
        centre = centre * np.exp(log)
        doubt = doubt + variance
    doubt = doubt + sum(test.noise for test in known)
    money = _dearer(chain.money, chain.money.price(pairs), outcomes)
    price, scatter = money.price(pairs), money.scatter
    share = conversion.arrival_.share(outcomes.age_days)
    orders = orders_told(outcomes, price, scatter)
    factor = _factor(centre * share, orders, share, doubt)
    test = _Test(centre * factor, doubt)
    bands = {
        "orders": test.band(orders, share),
        "gmv": test.band(sold_told(outcomes, price), share, scatter),
    }
    kept = _kept(outcomes, price, money.refund_rate[pairs.merchant])
    unsure = scatter + money.kept_doubt[pairs.merchant]
    bands["kept"] = bands["gmv"] if kept is None else test.band(kept, share, unsure)
    return replace(chain, factor=factor, bands=bands, money=money)


def _dearer(money: Money, price: Floats, outcomes: PromotionOutcomes) -> Money:
    """Prices brought to the mean of what orders were worth: they are learnt in logs."""
    gmv, orders = outcomes.gmv, outcomes.orders
    use = np.flatnonzero(np.isfinite(gmv) & (orders > 0.0) & (price > 0.0))
    trust = 1.0 / np.sqrt(orders[use])
    belief = _BELIEF * float(np.median(price[use])) if len(use) else 1.0
    came = float(trust @ gmv[use]) + belief
    dearer = came / (float(trust @ (orders * price)[use]) + belief)
    return replace(
        money,
        product_price=money.product_price * dearer,
        merchant_price=money.merchant_price * dearer,
    )


def _factor(centre: Floats, orders: Ranged, share: Floats, doubt: Floats) -> float:
    """What was ordered over what was expected."""
    use = np.flatnonzero((share >= _ARRIVED) & orders.known & np.isfinite(centre))
    came, centre = spread_out(orders.take(use), centre[use], doubt[use]), centre[use]
    # Sums, for the mean is asked for; roots, so that a few giants do not decide alone.
    trust = 1.0 / np.sqrt(1.0 + centre)
    return float(((trust * came).sum() + _BELIEF) / ((trust * centre).sum() + _BELIEF))


def _kept(outcomes: PromotionOutcomes, price: Floats, refunds: Floats) -> Ranged | None:
    """Sales that were not sent back, in units of what one order leaves.

    Refunds of young promotions are still on their way: what is left of theirs is measured by what
    should be left at their age. None where too few are settled to tell how refunds arrive.
    """
    gmv, back, age = outcomes.gmv, outcomes.refunded_gmv, outcomes.age_days
    known = np.isfinite(gmv - back) & (price > 0.0) & np.isfinite(refunds)
    if int((known & (age >= SETTLED)).sum()) < _FEWEST:
        return None
    sold = np.flatnonzero(known & (gmv > 0.0) & (refunds > 0.0))
    due, came = gmv[sold] * refunds[sold] / price[sold], back[sold] / price[sold]
    steps = Arrival.REFUND_STEPS
    arrived = Arrival.learn(age[sold], due, came, steps=steps).share(age)
    left = 1.0 - refunds * arrived
    use = known & (arrived >= _RETURNED) & (left > 0.0)
    units = np.full(len(gmv), np.nan)
    units[use] = np.maximum(gmv - back, 0.0)[use] / (price * left)[use]
    return Ranged(units, units)


def spread_out(told: Ranged, centre: Floats, doubt: Floats) -> Floats:
    """What came, ranges spread out around what earlier fits expected."""
    came = told.values()
    open_ = np.flatnonzero(~told.exact)
    hoped = centre[open_]
    logs = told.take(open_).rising(lambda end: np.log(end + HALF_ORDER))
    spread = order_spread(hoped, doubt[open_])
    came[open_] = np.exp(spread_within(np.log(hoped + HALF_ORDER), spread**2, logs)) - HALF_ORDER
    return came
