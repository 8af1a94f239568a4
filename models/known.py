"""All that is told of one pair, read from the tables: the chain's logs, and what money is made of.

A pair without a product in particular is asked about what the merchant usually promotes: the mean
over its assortment, weighted as the chain goes. Exposures count by how often each product is
promoted, clicks by exposures, conversion by clicks, and what an order is worth by orders: so that
their product is the mean of the products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.calibration import Cells
from models.compiled import compiled
from models.conversion import Rate
from models.exposure import Amount
from models.loglinear import (
    LEAST_VARIANCE,
    First,
    Places,
    deal_of,
    log_of,
    taste_of,
    told_of,
)
from models.meetings import Starts
from models.money import price_of
from models.pairs import Floats
from models.tastes import Vectors
from models.vocabulary import Rows


class Steps(NamedTuple):
    """The steps of a chain, in plain numbers.

    Attributes
    ----------
    exposure, amount : Amount
    conversion, click_rate : Rate
    money : int
        Column of the tables that holds a product's price, a merchant's price and a creator's
        commission; the next holds what a product offers, a merchant's refunds and a creator's fee.
    usual_commission : float
    factor : float
        What later promotions sold over what the steps' product known.
    noise, scatter : float
        Variances of the log of orders of one promotion, apart from counting chance and doubt, and
        of the log of what an order turns out to be worth.
    orders, gmv, kept : Cells
        Of the bands around expected orders: for orders, for GMV in units of the expected price,
        and for what is kept of it in units of what is expected to be kept of that.
    whole : bool
        Whether orders follow from exposures step by step.
    in_orders : bool
        Whether what is sold is told in orders rather than in money.
    """

    exposure: Amount
    conversion: Rate
    click_rate: Rate
    amount: Amount
    money: int
    usual_commission: float
    factor: float
    noise: float
    scatter: float
    orders: Cells
    gmv: Cells
    kept: Cells
    whole: bool
    in_orders: bool


class Known(NamedTuple):
    """All that is told of one pair: what each step's tables add up to, and its money."""

    exposure: float
    exposure_variance: float
    conversion: float
    conversion_variance: float
    click_rate: float
    click_rate_variance: float
    amount: float
    amount_variance: float
    price: float
    refunds: float
    offered: float
    asked: float
    fee: float


@compiled
def read(
    table: Floats,
    first: First,
    promoted_starts: Starts,
    promoted: Rows,
    tastes: Vectors,
    wanted: Vectors,
    usual_starts: Starts,
    usual: Rows,
    shares: Floats,
    steps: Steps,
    at: Places,
) -> Known:
    """Collect all that is told of one pair.

    Parameters
    ----------
    table, first, promoted_starts, promoted, tastes, wanted
        Of `models.loglinear.Folded`, taken out once by the caller's loop.
    usual_starts, usual, shares
        Of `models.assortment.Assortment`.
    """
    merchant = at.merchant - first.merchant
    # The last row of the products is none in particular.
    if at.product < first.pair - 1 or merchant + 1 >= len(usual_starts):
        return _told(table, tastes, wanted, steps, at)
    start, end = usual_starts[merchant], usual_starts[merchant + 1]
    if start == end:
        return _told(table, tastes, wanted, steps, at)
    return _mixed(
        table,
        first,
        promoted_starts,
        promoted,
        tastes,
        wanted,
        usual[start:end],
        shares[start:end],
        steps,
        at,
    )


@compiled
def _shared(table: Floats, at: Places, column: int) -> tuple[float, float]:
    """What a step adds to the log and to its variance whichever product is promoted."""
    if column < 0:
        return 0.0, 0.0
    log = log_of(table, at, column) - table[at.product, column] - table[at.deal, column]
    other = column + 1
    variance = log_of(table, at, other) - table[at.product, other] - table[at.deal, other]
    return log, variance


@compiled
def _of_product(
    table: Floats,
    tastes: Vectors,
    wanted: Vectors,
    creator: int,
    product: int,
    deal: int,
    portrait: int,
    column: int,
) -> tuple[float, float]:
    """What a product adds to that, from its rows of the tables and of the portraits."""
    if column < 0:
        return 0.0, 0.0
    width = wanted.shape[1]
    start = column // 2 * width
    log = table[product, column] + table[deal, column]
    log += taste_of(tastes, creator, start, wanted, portrait)
    variance = table[product, column + 1] + table[deal, column + 1]
    unsure = np.float64(tastes[creator, start + width - 1])
    return log, variance + unsure * np.float64(wanted[portrait, width - 1])


@compiled
def _mixed(
    table: Floats,
    first: First,
    promoted_starts: Starts,
    promoted: Rows,
    tastes: Vectors,
    wanted: Vectors,
    products: Rows,
    shares: Floats,
    steps: Steps,
    at: Places,
) -> Known:
    """Mean over an assortment, so that the steps' product is the mean of the products."""
    money, creator = steps.money, at.creator
    asked, usual_price = table[creator, money], table[at.merchant, money]
    shows, clicks = steps.exposure.column, steps.click_rate.column
    buys, sells = steps.conversion.column, steps.amount.column
    shown_log, shown_variance = _shared(table, at, shows)
    click_log, click_variance = _shared(table, at, clicks)
    buy_log, buy_variance = _shared(table, at, buys)
    sell_log, sell_variance = _shared(table, at, sells)
    met = at.pair < first.deal - 1
    shown, clicked, ordered, sold, charged = 0.0, 0.0, 0.0, 0.0, 0.0
    shown_mean, shown_square, sell_mean, sell_square = 0.0, 0.0, 0.0, 0.0
    for j in range(len(products)):
        # Who never worked with the merchant has not promoted its goods: nothing to look for.
        deal = at.deal
        if met:
            deal = first.deal + deal_of(first, promoted_starts, promoted, creator, products[j])
        row, share = first.product + products[j], shares[j]
        portrait = first.product - first.merchant + products[j]
        log, variance = _of_product(table, tastes, wanted, creator, row, deal, portrait, shows)
        shown_mean += share * log
        shown_square += share * log * log
        shown_variance += share * variance
        part = share * np.exp(log + 0.5 * variance) if shows >= 0 else share
        shown += part
        log, variance = _of_product(table, tastes, wanted, creator, row, deal, portrait, clicks)
        click_variance += share * variance
        part *= np.exp(log) if clicks >= 0 else 1.0
        clicked += part
        log, variance = _of_product(table, tastes, wanted, creator, row, deal, portrait, buys)
        buy_variance += share * variance
        part *= np.exp(log) if buys >= 0 else 1.0
        if sells >= 0:
            log, variance = _of_product(table, tastes, wanted, creator, row, deal, portrait, sells)
            sell_mean += share * log
            sell_square += share * log * log
            sell_variance += share * variance
            part = share * np.exp(log + 0.5 * variance)
        ordered += part
        worth = price_of(table[row, money], usual_price) if steps.in_orders else 1.0
        sold += part * worth
        rate = np.fmax(table[row, money + 1], asked)
        if not np.isfinite(rate):
            rate = steps.usual_commission
        charged += part * rate * (worth if np.isfinite(worth) else 1.0)
    # What products differ by is chance to who does not say which; means stay what they are.
    shown_more = max(shown_square - shown_mean * shown_mean, 0.0)
    sell_more = max(sell_square - sell_mean * sell_mean, 0.0)
    log_shown = shown_log + np.log(shown) - 0.5 * (shown_variance - _shared(table, at, shows)[1])
    log_sold = sell_log + np.log(ordered) - 0.5 * (sell_variance - _shared(table, at, sells)[1])
    return Known(
        log_shown - 0.5 * shown_more if shows >= 0 else np.nan,
        max(shown_variance, LEAST_VARIANCE) + shown_more if shows >= 0 else np.nan,
        buy_log + np.log(ordered / clicked) if buys >= 0 else np.nan,
        max(buy_variance, LEAST_VARIANCE) if buys >= 0 else np.nan,
        click_log + np.log(clicked / shown) if clicks >= 0 else 0.0,
        max(click_variance, LEAST_VARIANCE) if clicks >= 0 else 0.0,
        log_sold - 0.5 * sell_more if sells >= 0 else np.nan,
        max(sell_variance, LEAST_VARIANCE) + sell_more if sells >= 0 else np.nan,
        sold / ordered if steps.in_orders else np.nan,
        table[at.merchant, money + 1],
        charged / (sold if np.isfinite(sold) else ordered),
        asked,
        table[creator, money + 1],
    )


@compiled
def _told(table: Floats, tastes: Vectors, wanted: Vectors, steps: Steps, at: Places) -> Known:
    exposure, exposure_variance = np.nan, np.nan
    conversion, conversion_variance = np.nan, np.nan
    clicks, clicks_variance = 0.0, 0.0
    amount, amount_variance = np.nan, np.nan
    if steps.exposure.column >= 0:
        column = steps.exposure.column
        exposure, exposure_variance = told_of(table, tastes, wanted, at, column)
    if steps.conversion.column >= 0:
        column = steps.conversion.column
        conversion, conversion_variance = told_of(table, tastes, wanted, at, column)
    if steps.click_rate.column >= 0:
        column = steps.click_rate.column
        clicks, clicks_variance = told_of(table, tastes, wanted, at, column)
    if steps.amount.column >= 0:
        column = steps.amount.column
        amount, amount_variance = told_of(table, tastes, wanted, at, column)
    money = steps.money
    return Known(
        exposure,
        exposure_variance,
        conversion,
        conversion_variance,
        clicks,
        clicks_variance,
        amount,
        amount_variance,
        price_of(table[at.product, money], table[at.merchant, money]),
        table[at.merchant, money + 1],
        table[at.product, money + 1],
        table[at.creator, money],
        table[at.creator, money + 1],
    )
