"""How much of what a merchant sells is sent back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from models.arrival import Arrival
from models.features import EntityFeatures, PromotionOutcomes
from models.groupings import Grouping
from models.pairs import Floats, Pairs

_ROUNDS = 10
_GUESS = 0.1  # variance between merchants of the log of the rate, before any was seen
_NOISE = 0.3  # variance of a promotion's rate over its square, to begin with
_NOISE_WORTH = 6.0  # promotions that guess is worth
_EVENLY = np.array(Arrival.REFUND_STEPS) / Arrival.REFUND_STEPS[-1]
_EVENLY_WORTH = 2.0  # refunds worth of belief that they come evenly until they have settled


def refund_rates(pairs: Pairs, outcomes: PromotionOutcomes, merchants: EntityFeatures) -> Floats:
    """Share of its sales that each merchant gets back in the end; float64 (n_merchants + 1,).

    A merchant's own share is shrunk towards the market's, and towards what its features tell,
    by how much merchants are seen to differ. Refunds of the last weeks are still arriving, so
    a young promotion's sales count by the share of refunds that has come at its age (`Arrival`).
    The last row is nobody's. All is NaN where no promotion tells both GMV and refunds.

    Parameters
    ----------
    pairs : Pairs of n promotions
    outcomes : PromotionOutcomes of n promotions
    merchants : EntityFeatures
    """
    use, orders, returned = _returned(outcomes)
    if not len(use):
        return np.full(len(merchants) + 1, np.nan)
    share = refunds_arrival(outcomes).share(outcomes.age_days[use])
    grouping = Grouping.of_entities(pairs.merchant[use], merchants, _GUESS)
    rates: Floats = np.clip(np.exp(_fitted(grouping, orders * share, returned)), 0.0, 1.0)
    return rates


def refunds_arrival(outcomes: PromotionOutcomes) -> Arrival:
    """Share of the refunds that has come at each age."""
    use, orders, returned = _returned(outcomes)
    return Arrival.learn(
        outcomes.age_days[use],
        orders,
        returned,
        noise=_NOISE,
        belief=_EVENLY,
        worth=_EVENLY_WORTH,
        steps=Arrival.REFUND_STEPS,
    )


def _returned(outcomes: PromotionOutcomes) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Promotions that tell of refunds, their orders, and how many of these came back.

    In orders rather than money, so that chance is that of counts.
    """
    # Of a range its middle: for a share of sales that is near enough, and better than nothing.
    gmv, back = outcomes.ranged("gmv").middle, outcomes.refunded_gmv
    use = np.flatnonzero(np.isfinite(gmv) & np.isfinite(back) & (gmv > 0.0))
    gmv, back, orders = gmv[use], np.minimum(back[use], gmv[use]), outcomes.orders[use]
    usual = gmv.sum() / max(float(np.nansum(orders)), float(len(gmv)), 1.0)
    orders = np.where(orders > 0.0, orders, gmv / max(usual, 1e-9))
    return use, orders, orders * (back / gmv)


def _fitted(grouping: Grouping, due: Floats, returned: Floats) -> Floats:
    """Log of each group's rate: the scatter of promotions and of groups in turns."""
    if not returned.sum() > 0.0:
        return np.full(len(grouping.basis), -np.inf)
    constant, noise = float(np.log(returned.sum() / due.sum())), _NOISE
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        for _ in range(_ROUNDS):
            expected = due * np.exp(constant + grouping.effects.mean[grouping.rows])
            trust = 1.0 / (1.0 + noise * expected)
            got, hoped = trust * returned, trust * expected
            shift = float(np.log(got.sum() / hoped.sum()))
            constant, expected = constant + shift, expected * np.exp(shift)
            expected *= np.exp(grouping.refit_counts(got, trust * expected))
            noise = _scatter(returned, expected, noise)
    return grouping.table()[:, 0] + constant


def _scatter(returned: Floats, expected: Floats, before: float) -> float:
    """Variance of a promotion's rate over its square, beyond counting chance."""
    trust = 1.0 / (1.0 + before * expected) ** 2
    worth = float(trust @ expected**2)
    belief = _NOISE_WORTH * worth / len(expected)
    excess = float(trust @ ((returned - expected) ** 2 - expected))
    return float(np.clip((excess + belief * _NOISE) / (worth + belief), 1e-4, 4.0))
