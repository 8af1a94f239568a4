"""From orders to money: what an order is worth, what comes back, and what the creator costs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from models.censoring import normal_within
from models.compiled import compiled
from models.features import EntityFeatures, PromotionOutcomes, Terms
from models.pairs import Floats, Pairs, State
from models.refunds import refund_rates
from models.returns import kept_doubts

#: Promotions worth of belief that a merchant's items cost what its neighbours' do.
_PRICE_WORTH = 2.0
_GUESSED_SCATTER = 0.25  # variance of the log of what one order is worth, where none was seen
#: Fees paid that are worth as much as the fee asked.
_FEE_WORTH = 3.0
_RIDGE = 1.0


@dataclass(frozen=True)
class Money:
    """Prices, refund rates, commissions and fees, all known parts filled in.

    Missing is not zero: what is unknown of one entity is taken from its merchant, then from the
    market; what no part of the market knows stays NaN, and so does everything that needs it.

    ==========  ==============================================================================
    price       the product's price × what buyers pay of listed prices; without a product or
                its price the merchant's typical order, shrunk towards the market's
    refund      refunded / GMV in the end, the merchant's shrunk to the market's
    commission  the higher of what the product offers and the creator asks, on what is not sent
                back; where neither is known, what promotions paid
    slot fee    what the creator was paid, shrunk towards what it asks × what the market pays of
                what is asked; who asks nothing known is taken to ask like creators with like
                features
    ==========  ==============================================================================

    Attributes
    ----------
    product_price, product_commission : float64 arrays of shape (n_products + 1,)
    merchant_price, refund_rate, kept_doubt : float64 arrays of shape (n_merchants + 1,)
        The last is how unsure the rest is: the variance of the log of the share that is kept.
    creator_commission, slot_fee : float64 arrays of shape (n_creators + 1,)
    usual_commission : float
    scatter : float
        Variance of the log of what an order turned out to be worth.
    """

    product_price: Floats
    merchant_price: Floats
    refund_rate: Floats
    kept_doubt: Floats
    product_commission: Floats
    creator_commission: Floats
    slot_fee: Floats
    usual_commission: float
    scatter: float

    @classmethod
    def learn(
        cls,
        pairs: Pairs,
        outcomes: PromotionOutcomes,
        terms: Terms,
        creators: EntityFeatures,
        n_merchants: int,
    ) -> Self:
        """Learn from the terms offered and from what past promotions brought and cost."""
        listed = np.append(np.where(terms.price > 0.0, terms.price, np.nan), np.nan)
        product_price, merchant_price, scatter = _prices(
            pairs, outcomes, listed, terms, n_merchants
        )
        asked = np.append(terms.creator_commission, np.nan)
        offered = np.append(terms.product_commission, np.nan)
        usual = _ratio(outcomes.commission, outcomes.gmv - outcomes.refunded_gmv)
        if np.isnan(usual):
            usual = _ratio(outcomes.commission, outcomes.gmv)
        if np.isnan(usual):
            usual = _mean(offered) if np.isfinite(offered).any() else _mean(asked)
        refunds = refund_rates(pairs, outcomes, EntityFeatures.of(n_merchants))
        return cls(
            product_price,
            merchant_price,
            refunds,
            kept_doubts(pairs, outcomes, refunds),
            offered,
            asked,
            _slot_fees(pairs, outcomes, terms, creators),
            usual,
            scatter,
        )

    def price(self, pairs: Pairs) -> Floats:
        """What one order is worth."""
        found = np.empty(len(pairs))
        usual = self.merchant_price.take(pairs.merchant)
        _prices_of(self.product_price.take(pairs.product), usual, found)
        return found

    def unknown(self) -> tuple[str, ...]:
        """Parts of net that the market never tells: with any of them net is unknown."""
        parts = {
            "price": self.merchant_price,
            "refunded_gmv": self.refund_rate,
            "commission": np.array([self.usual_commission]),
            "slot_fee": self.slot_fee,
        }
        return tuple(name for name, part in parts.items() if not np.isfinite(part).any())

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Money from what `state` gave."""
        known: dict[str, Any] = {name: np.asarray(part) for name, part in state.items()}
        for name in ("usual_commission", "scatter"):
            known[name] = float(state[name])
        return cls(**known)


@compiled
def price_of(own: float, usual: float) -> float:
    """What one order is worth: the product's own price, else the merchant's usual one."""
    return own if np.isfinite(own) else usual


@compiled
def net_of(
    gmv: float, refunds: float, offered: float, asked: float, usual: float, fee: float
) -> float:
    """What is left of ``gmv``: ``gmv × (1 − refunds) × (1 − commission) − slot fee``.

    Commission is the higher of what is offered and asked, else the usual one, and is paid on what
    is not sent back.
    """
    rate = np.fmax(offered, asked)
    if not np.isfinite(rate):
        rate = usual
    left: float = gmv * (1.0 - refunds) * (1.0 - rate) - fee
    return left


@compiled
def _prices_of(own: Floats, usual: Floats, found: Floats) -> None:
    for i in range(len(found)):
        found[i] = price_of(own[i], usual[i])


def sold_for(
    outcomes: PromotionOutcomes, expected: Floats, scatter: float = _GUESSED_SCATTER
) -> Floats:
    """GMV of each promotion; where only its range is known, the typical amount within it.

    Without an expectation that is the range's middle (`Ranged.middle`).

    Parameters
    ----------
    outcomes : PromotionOutcomes of n promotions
    expected : float64 array of shape (n,)
        What was to be expected of the GMV, NaN where nothing was.
    scatter : float
        Variance of its log around that.
    """
    gmv = outcomes.ranged("gmv")
    open_ = np.flatnonzero(gmv.known & ~gmv.exact & (expected > 0.0))
    found = np.where(gmv.exact, gmv.low, gmv.middle)
    with np.errstate(divide="ignore"):
        ends = gmv.take(open_).rising(np.log)
        found[open_] = np.exp(normal_within(np.log(expected[open_]), scatter, ends)[0])
    return found


def _prices(
    pairs: Pairs, outcomes: PromotionOutcomes, listed: Floats, terms: Terms, n_merchants: int
) -> tuple[Floats, Floats, float]:
    """Price by product, by merchant, and the scatter of what orders turned out to be worth."""
    offered = listed[pairs.product]
    gmv = sold_for(outcomes, outcomes.orders * offered)
    sold = np.isfinite(gmv) & np.isfinite(outcomes.orders) & (gmv > 0.0) & (outcomes.orders > 0.0)
    worth = np.log(gmv[sold] / outcomes.orders[sold])
    merchant, offered = pairs.merchant[sold], np.log(offered[sold])
    told = np.isfinite(offered)
    # Buyers pay less than listed, or buy several; a few promotions do not move it far from 1.
    paid = (worth - offered)[told].sum() / (told.sum() + 2 * _PRICE_WORTH)
    product_log = np.log(listed) + paid
    seller = np.where(terms.product_merchant >= 0, terms.product_merchant, n_merchants)
    has_price = np.isfinite(product_log[:-1])
    every = np.concatenate([worth, product_log[:-1][has_price]])
    if not len(every):
        return np.full(len(listed), np.nan), np.full(n_merchants + 1, np.nan), _GUESSED_SCATTER
    market = float(np.median(worth if len(worth) else every))
    offers = np.bincount(seller[has_price], minlength=n_merchants + 1)
    sum_offers = np.bincount(seller[has_price], product_log[:-1][has_price], n_merchants + 1)
    centre = (sum_offers + _PRICE_WORTH * market) / (offers + _PRICE_WORTH)
    sales = np.bincount(merchant, minlength=n_merchants + 1)
    sum_sales = np.bincount(merchant, worth, n_merchants + 1)
    merchant_log = (sum_sales + _PRICE_WORTH * centre) / (sales + _PRICE_WORTH)
    merchant_log[-1] = market
    product_log[:-1] = np.where(has_price, product_log[:-1], merchant_log[seller])
    guess = np.where(told, offered + paid, merchant_log[merchant])
    squares = float(((worth - guess) ** 2).sum())
    scatter = (squares + _PRICE_WORTH * _GUESSED_SCATTER) / (len(worth) + _PRICE_WORTH)
    return np.exp(product_log), np.exp(merchant_log), scatter


def _ratio(part: Floats, whole: Floats) -> float:
    """Sum of a part over the sum of its whole where both are known; NaN where nowhere."""
    known = np.isfinite(part) & np.isfinite(whole) & (whole > 0.0)
    return float(part[known].sum() / whole[known].sum()) if known.any() else float("nan")


def _mean(column: Floats) -> float:
    known = column[np.isfinite(column)]
    return float(known.mean()) if len(known) else float("nan")


def _slot_fees(
    pairs: Pairs, outcomes: PromotionOutcomes, terms: Terms, creators: EntityFeatures
) -> Floats:
    n = len(creators) + 1
    asked = np.append(terms.slot_fee, np.nan)
    told = np.isfinite(outcomes.slot_fee)
    creator, fee = pairs.creator[told], outcomes.slot_fee[told]
    times, paid = np.bincount(creator, minlength=n), np.bincount(creator, fee, n)
    both = told & np.isfinite(asked[pairs.creator])
    # A fee asked for one slot is not paid in every format: what is paid of it is learnt.
    share = _ratio(outcomes.slot_fee[both], asked[pairs.creator][both])
    centre = asked * (share if np.isfinite(share) else 1.0)
    known = np.where(np.isfinite(centre), centre, paid / np.where(times > 0, times, np.nan))
    if not np.isfinite(known).any():
        return known
    centre = np.where(np.isfinite(centre), centre, _like_creators(known, creators))
    fees: Floats = (paid + _FEE_WORTH * centre) / (times + _FEE_WORTH)
    return fees


def _like_creators(fee: Floats, creators: EntityFeatures) -> Floats:
    """Fee of creators like each, by a ridge line through the logs of the known fees."""
    known = np.isfinite(fee)
    basis, prior = creators.basis()
    logs = np.log1p(fee[known])
    centre = basis[known].mean(axis=0)
    seen = basis[known] - centre
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        curvature = seen.T @ seen + np.diag(_RIDGE / prior)
        slope = np.linalg.solve(curvature, seen.T @ (logs - logs.mean()))
        line: Floats = logs.mean() + (basis - centre) @ slope
    like = np.expm1(np.maximum(line, 0.0))
    # The line is through logs; this brings the mean back to that of the fees.
    like *= fee[known].sum() / max(float(like[known].sum()), 1e-9)
    fees: Floats = np.clip(like, fee[known].min(), fee[known].max())
    fees[-1] = fee[known].mean()
    return fees
