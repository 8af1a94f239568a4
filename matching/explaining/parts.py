"""The parts of one prediction, step by step: their product is the prediction.

A pair without a product in particular stands for the mean over what the merchant usually promotes
(`models.known`). What products differ by then enters in three turns: the mean over the products as
everybody's audience takes them, over that with this creator's taste for each, and with its own
past promotions of each. Each turn is told as a factor on the turn before, so that nothing is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matching.explaining.factors import BY_PRODUCT, MEETINGS, Factors, Rows, middle, rows_of
from models.chain import Chain
from models.pairs import Floats, Pairs

#: Steps by the name they have in `Chain.steps`, as people call them.
STEPS = {"exposure": "exposures", "click_rate": "click rate", "conversion": "conversion"}
#: Steps that each objective asks for, before money.
_CHAINED = {"exposure": ("exposure",), "conversion": ("conversion",)}


@dataclass(frozen=True)
class Part:
    """One part of a prediction: multiplied by ``factor``, or, of the fee, with ``adds`` added."""

    step: str
    part: str
    factor: float
    adds: float = 0.0


@dataclass(frozen=True)
class Terms:
    """What money is made of for one pair; NaN where unknown.

    Attributes
    ----------
    price : what one order is worth
    refunds : share of sales that is sent back
    commission : share of what is kept that the creator gets
    asked : the commission it asks; less is not to be had unless it agrees
    fee : slot fee
    """

    price: float
    refunds: float
    commission: float
    asked: float
    fee: float


@dataclass(frozen=True)
class Promoted:
    """What a pair promotes: one product, or the merchant's assortment.

    Attributes
    ----------
    creator, merchant : int
    products, portraits, deals : int arrays of shape (n,)
        Rows of the products' tables, of the portraits and of the deals' tables.
    shares : float64 array of shape (n,)
        Summing to 1.
    """

    creator: int
    merchant: int
    products: Rows
    portraits: Rows
    deals: Rows
    shares: Floats

    @classmethod
    def of(cls, chain: Chain, pair: Pairs) -> Promoted:
        """Look up what one pair promotes."""
        merchant, creator, product = (int(one[0]) for one in pair.columns()[:3])
        usual, merchants = chain.usual, len(chain.money.merchant_price)
        nothing = len(chain.money.product_price) - 1
        products, shares = np.array([product]), np.ones(1)
        if product == nothing and merchant + 1 < len(usual.starts):
            own = slice(usual.starts[merchant], usual.starts[merchant + 1])
            if own.stop > own.start:
                products, shares = usual.products[own].astype(np.int64), usual.shares[own]
        portraits = np.where(products == nothing, merchant, merchants + products)
        deals = chain.meetings.deals.find(np.full(len(products), creator), products)
        met = chain.meetings.pairs.find(pair.merchant, pair.creator)[0]
        if product == nothing and met == len(chain.meetings.pairs.keys):
            # As `models.known` has it: of a stranger no own promotion of these goods is looked for.
            deals = np.full_like(deals, len(chain.meetings.deals.keys))
        return cls(creator, merchant, products, portraits, deals, shares)


def parts_of(
    chain: Chain, usual: Mapping[str, Mapping[str, float]], pair: Pairs, objective: str
) -> tuple[list[Part], Terms]:
    """Take one prediction apart.

    Parameters
    ----------
    chain : Chain
    usual : dict of step to what `Factors.usual` gives of it
    pair : Pairs of one pair
    objective : str
        Which prediction, as lists are ranked by.

    Returns
    -------
    parts : list of Part
        Product of all factors, plus all that is added, is the prediction.
    terms : Terms
    """
    promoted, rows = Promoted.of(chain, pair), rows_of(chain, pair)
    direct = chain.amount is not None and objective not in _CHAINED
    asked = ("amount",) if direct else _CHAINED.get(objective, tuple(STEPS))
    mixed, weight = _mixed(chain, promoted, ("amount",) if direct else tuple(STEPS))
    parts: list[Part] = []
    for name in asked:
        if name in mixed:
            title = STEPS.get(name, "GMV" if chain.amount_of == "gmv" else "orders")
            factors = Factors.of(chain, name)
            parts += _step(title, factors, usual[name], rows, mixed[name])
    if objective not in _CHAINED and not direct:
        parts.append(Part("orders", "drift", float(chain.factor)))
    terms = _terms(chain, promoted, weight)
    return parts + _money(chain, promoted, terms, objective), terms


def _mixed(
    chain: Chain, promoted: Promoted, names: tuple[str, ...]
) -> tuple[dict[str, Floats], Floats]:
    """Logs of the three turns of each step; and what of all orders each product brings."""
    turns: dict[str, Floats] = {}
    weight = np.tile(promoted.shares, (3, 1))
    creator = np.full(len(promoted.products), promoted.creator)
    for name in names:
        if name not in chain.steps():
            continue
        factors = Factors.of(chain, name)
        product = factors.logs["product"][promoted.products]
        taste = factors.taste(creator, promoted.portraits)
        deal = factors.logs["deal"][promoted.deals]
        after = weight * np.exp(np.cumsum([product, taste, deal], axis=0))
        turns[name] = np.log(after.sum(axis=1) / weight.sum(axis=1))
        weight = after
    return turns, weight[-1]


def _step(
    title: str,
    factors: Factors,
    usual: Mapping[str, float],
    rows: Mapping[str, Rows],
    turns: Floats,
) -> list[Part]:
    logs = {
        name: float(table[rows[name][0]])
        for name, table in factors.logs.items()
        if name not in BY_PRODUCT
    }
    logs |= {"product": turns[0], "taste": turns[1] - turns[0], "deal": turns[2] - turns[1]}
    found = [Part(title, "market", float(np.exp(sum(usual.values()))) * factors.scale)]
    # What is general first, the two's own results last, as the model was fitted.
    order = sorted(usual, key=lambda name: name in MEETINGS)
    found += [Part(title, name, float(np.exp(logs[name] - usual[name]))) for name in order]
    whole = float(np.prod([one.factor for one in found]))
    return [*found, Part(title, "limit", factors.limited(whole) / whole if whole else 1.0)]


def _terms(chain: Chain, promoted: Promoted, weight: Floats) -> Terms:
    """Money of a pair: of an assortment, by how much of each product is ordered."""
    money, merchant, creator = chain.money, promoted.merchant, promoted.creator
    asked = float(money.creator_commission[creator])
    prices = money.product_price[promoted.products]
    prices = np.where(np.isfinite(prices), prices, money.merchant_price[merchant])
    rates = np.fmax(money.product_commission[promoted.products], asked)
    rates = np.where(np.isfinite(rates), rates, money.usual_commission)
    worth = np.ones(len(prices)) if chain.amount_of == "gmv" else prices
    sold = weight * worth
    paid = sold if np.isfinite(sold).all() else weight
    return Terms(
        float(sold.sum() / weight.sum()),
        float(money.refund_rate[merchant]),
        float((paid * rates).sum() / paid.sum()),
        asked,
        float(money.slot_fee[creator]),
    )


def _money(chain: Chain, promoted: Promoted, terms: Terms, objective: str) -> list[Part]:
    money, found = chain.money, []
    if objective in ("gmv", "net") and chain.amount_of != "gmv":
        own = float(money.merchant_price[promoted.merchant])
        own = own if np.isfinite(own) else terms.price
        usual = middle(money.merchant_price[:-1], own)
        found += [
            Part("price", "market", usual),
            Part("price", "merchant", own / usual),
            Part("price", "product", terms.price / own),
        ]
    if objective == "net":
        kept = 1.0 - middle(money.refund_rate[:-1], terms.refunds)
        left = 1.0 - middle(money.creator_commission[:-1], money.usual_commission)
        # Where all is usually lost, "usual" is no measure.
        kept, left = kept or 1.0, left or 1.0
        found += [
            Part("refunds", "market", kept),
            Part("refunds", "merchant", (1.0 - terms.refunds) / kept),
            Part("commission", "market", left),
            Part("commission", "terms", (1.0 - terms.commission) / left),
            Part("slot fee", "creator", 1.0, -terms.fee),
        ]
    return found
