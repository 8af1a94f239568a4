"""How unsure it is what of a merchant's sales is not sent back."""

from __future__ import annotations

import numpy as np

from models.features import PromotionOutcomes
from models.pairs import Floats, Pairs

#: Age from which a promotion's refunds are taken as settled, in days.
SETTLED = 30.0
#: Orders that the belief in everybody's refunds is worth, as in `models.money`.
_ORDERS_WORTH = 30.0
_GUESS = 0.01  # variance of one promotion's refund rate, before any was seen
_GUESS_WORTH = 10.0  # promotions that guess is worth
_LEAST_KEPT = 0.05


def kept_doubts(pairs: Pairs, outcomes: PromotionOutcomes, rates: Floats) -> Floats:
    """Variance of the log of the kept share of one promotion's sales, by merchant.

    How refund rates of promotions scatter around their merchant's, beyond the chance of single
    orders, and how unsure the merchant's own rate is.

    Parameters
    ----------
    pairs : Pairs of n promotions
    outcomes : PromotionOutcomes of n promotions
    rates : float64 array of shape (n_merchants + 1,)
        Refund rate of each merchant, NaN where unknown.

    Returns
    -------
    float64 array of shape (n_merchants + 1,)
    """
    gmv, back, orders = outcomes.gmv, outcomes.refunded_gmv, outcomes.orders
    known = (outcomes.age_days >= SETTLED) & np.isfinite(back) & (gmv > 0.0) & (orders >= 1.0)
    known &= np.isfinite(rates[pairs.merchant])
    merchant, orders = pairs.merchant[known], orders[known]
    rate = rates[merchant]
    chance = rate * (1.0 - rate) / orders
    off = np.clip(back[known] / gmv[known], 0.0, 1.0) - rate
    # Squares are as unsure as what is expected of them.
    trust = 1.0 / (chance + _GUESS) ** 2
    belief = _GUESS_WORTH / _GUESS**2
    found = (trust @ (off**2 - chance) + belief * _GUESS) / (trust.sum() + belief)
    scatter = max(float(found), 0.0)
    seen = np.bincount(merchant, orders, len(rates))
    own = rates * (1.0 - rates) / (_ORDERS_WORTH + seen)
    doubts: Floats = (scatter + own) / np.maximum(1.0 - rates, _LEAST_KEPT) ** 2
    return doubts
