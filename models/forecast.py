"""What one promotion of one pair will bring: the chain's formulas, number by number.

These functions are what every prediction comes from, whether all columns of a list are asked for
(`forecast_all`) or one number decides who comes onto it (`expected`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar

import numpy as np

from models.calibration import Cells, band_ends
from models.compiled import compiled
from models.conversion import Rate, rate_interval, rate_point
from models.exposure import Amount, amount_interval, amount_point
from models.loglinear import Folded, Places, deal_of, log_of, places, variance_of, within
from models.meetings import meeting
from models.money import net_of, price_of
from models.pairs import Floats
from models.vocabulary import Rows

#: One number or many.
_Numbers = TypeVar("_Numbers", float, Floats)

#: What makes the log of no orders finite, in orders.
HALF_ORDER = 0.5
_AT_ONCE = 64


@dataclass(frozen=True)
class Predictions:
    """Predictions for ``n`` pairs; float64 arrays of shape (n,), NaN where there was no data.

    Points are means. Intervals hold 80 %: that of ``p_conversion`` is for the true rate, those of
    exposures and GMV for what one promotion will bring; ``low ≤ point ≤ high`` always.
    """

    p_conversion: Floats
    p_conversion_low: Floats
    p_conversion_high: Floats
    exposures: Floats
    exposures_low: Floats
    exposures_high: Floats
    expected_orders: Floats
    expected_gmv: Floats
    expected_gmv_low: Floats
    expected_gmv_high: Floats
    expected_net: Floats


#: Columns of the predictions by name, in order.
COLUMNS = {field.name: column for column, field in enumerate(fields(Predictions))}

_CONVERSION, _CONVERSION_LOW, _CONVERSION_HIGH = 0, 1, 2
_EXPOSURES, _EXPOSURES_LOW, _EXPOSURES_HIGH = 3, 4, 5
_ORDERS, _GMV, _GMV_LOW, _GMV_HIGH, _NET = 6, 7, 8, 9, 10


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
    noise : float
        Variance of the log of what one promotion sells, apart from counting chance and doubt.
    cells : Cells
        Of the band around expected orders.
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
    cells: Cells
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


class Forecast(NamedTuple):
    """All that predictions are made of.

    Attributes
    ----------
    folded : Folded
    shown, sold : float64 arrays of shape (cells, 2)
        Surprises at the ends of the bands around exposures, and around what is sold.
    steps : Steps
    """

    folded: Folded
    shown: Floats
    sold: Floats
    steps: Steps


@compiled
def order_spread(orders: _Numbers, doubt: _Numbers) -> _Numbers:
    """Standard deviation of the log of orders: of their expectation, and of counting them."""
    spread: _Numbers = np.sqrt(doubt + 1.0 / (orders + HALF_ORDER))
    return spread


@compiled
def read(table: Floats, steps: Steps, at: Places) -> Known:
    """Collect all that is told of one pair."""
    shown, rate = steps.exposure.column, steps.conversion.column
    clicks, sold, money = steps.click_rate.column, steps.amount.column, steps.money
    return Known(
        log_of(table, at, shown) if shown >= 0 else np.nan,
        variance_of(table, at, shown) if shown >= 0 else np.nan,
        log_of(table, at, rate) if rate >= 0 else np.nan,
        variance_of(table, at, rate) if rate >= 0 else np.nan,
        log_of(table, at, clicks) if clicks >= 0 else 0.0,
        variance_of(table, at, clicks) if clicks >= 0 else 0.0,
        log_of(table, at, sold) if sold >= 0 else np.nan,
        variance_of(table, at, sold) if sold >= 0 else np.nan,
        price_of(table[at.product, money], table[at.merchant, money]),
        table[at.merchant, money + 1],
        table[at.product, money + 1],
        table[at.creator, money],
        table[at.creator, money + 1],
    )


@compiled
def conversion_of(known: Known, steps: Steps) -> tuple[float, float, float]:
    """Orders per trial, and the interval for the true rate."""
    if steps.conversion.column < 0:
        return np.nan, np.nan, np.nan
    return rate_interval(steps.conversion, known.conversion, known.conversion_variance)


@compiled
def exposures_of(known: Known, steps: Steps, shown: Floats) -> tuple[float, float, float]:
    """Exposures, and the interval for those of one promotion."""
    if steps.exposure.column < 0:
        return np.nan, np.nan, np.nan
    return amount_interval(steps.exposure, shown, known.exposure, known.exposure_variance)


@compiled
def orders_of(known: Known, steps: Steps, exposures: float, rate: float) -> float:
    """Orders that follow from exposures and conversion."""
    orders = exposures * rate
    if steps.click_rate.column >= 0:
        orders *= rate_point(known.click_rate)
    return orders * steps.factor


@compiled
def sold_of(
    known: Known, steps: Steps, sold: Floats, exposures: float, rate: float
) -> tuple[float, float, float]:
    """Orders (or money, where only that is learnt), and the interval for one promotion's."""
    if steps.amount.column >= 0:
        return amount_interval(steps.amount, sold, known.amount, known.amount_variance)
    if not steps.whole:
        return np.nan, np.nan, np.nan
    orders = orders_of(known, steps, exposures, rate)
    doubt = steps.noise + known.exposure_variance + known.conversion_variance
    spread = order_spread(orders, doubt + known.click_rate_variance)
    low, high = band_ends(sold, steps.cells, np.log(orders + HALF_ORDER), spread)
    return orders, min(low, orders), max(high, orders)


@compiled
def worth_of(known: Known, steps: Steps) -> float:
    """What one unit of what is sold is worth."""
    return known.price if steps.in_orders else 1.0


@compiled
def left_of(known: Known, steps: Steps, gmv: float) -> float:
    """What is left of GMV for the merchant."""
    usual = steps.usual_commission
    return net_of(gmv, known.refunds, known.offered, known.asked, usual, known.fee)


@compiled
def expected(known: Known, steps: Steps, column: int) -> float:
    """One point prediction: the same bits as that column of `forecast_all`."""
    rate, exposures, sold = np.nan, np.nan, np.nan
    if steps.conversion.column >= 0:
        rate = rate_point(known.conversion)
    if column == _CONVERSION:
        return rate
    if steps.exposure.column >= 0:
        exposures = amount_point(steps.exposure, known.exposure, known.exposure_variance)
    if column == _EXPOSURES:
        return exposures
    if steps.amount.column >= 0:
        sold = amount_point(steps.amount, known.amount, known.amount_variance)
    elif steps.whole:
        sold = orders_of(known, steps, exposures, rate)
    if column == _ORDERS:
        return sold if steps.in_orders else np.nan
    gmv = sold * worth_of(known, steps)
    return gmv if column == _GMV else left_of(known, steps, gmv)


@compiled
def forecast_all(
    forecast: Forecast,
    merchant: Rows,
    creator: Rows,
    product: Rows,
    audience_fit: Floats,
    category_fit: Floats,
    price: Floats,
    found: Floats,
) -> int:
    """Predict all columns of some pairs, and tell how many: fewer where a row is none.

    A pair's numbers do not depend on the others.

    Parameters
    ----------
    price : float64 array of shape (n,) or (0,)
        What one order is worth, where the caller knows better; NaN = as learnt.
    found : float64 array of shape (columns, n)
        To be written.
    """
    folded, shown, sold, steps = forecast
    table, first, partner_starts, partners, promoted_starts, promoted = folded
    n = len(merchant)
    for start in range(0, n, _AT_ONCE):
        end = min(start + _AT_ONCE, n)
        for i in range(start, end):
            if not within(first, merchant[i], creator[i], product[i]):
                return i
            # Only to touch it: so the processor waits for the memory of many creators at once.
            found[0, i] = table[creator[i], 0]
        for i in range(start, end):
            at = places(
                first,
                merchant[i],
                creator[i],
                product[i],
                meeting(partner_starts, partners, merchant[i], creator[i]),
                deal_of(first, promoted_starts, promoted, creator[i], product[i]),
                audience_fit[i],
                category_fit[i],
            )
            known = read(table, steps, at)
            rate, low, high = conversion_of(known, steps)
            found[_CONVERSION, i], found[_CONVERSION_LOW, i] = rate, low
            found[_CONVERSION_HIGH, i] = high
            exposures, low, high = exposures_of(known, steps, shown)
            found[_EXPOSURES, i], found[_EXPOSURES_LOW, i] = exposures, low
            found[_EXPOSURES_HIGH, i] = high
            units, low, high = sold_of(known, steps, sold, exposures, rate)
            found[_ORDERS, i] = units if steps.in_orders else np.nan
            worth = worth_of(known, steps)
            if len(price) and steps.in_orders:
                worth = price_of(price[i], worth)
            gmv = units * worth
            found[_GMV, i], found[_GMV_LOW, i], found[_GMV_HIGH, i] = gmv, low * worth, high * worth
            found[_NET, i] = left_of(known, steps, gmv)
    return n
