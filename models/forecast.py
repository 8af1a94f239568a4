"""What one promotion of one pair will bring: the chain's formulas, number by number.

These functions are what every prediction comes from, whether all columns of a list are asked for
(`forecast_all`) or one number decides who comes onto it (`expected`)::

    orders     = exposures × click rate × conversion                          (`orders_of`)
    GMV        = orders × price                                               (`worth_of`)
    before fee = GMV × (1 − refunds) × (1 − commission)                       (`before_fee`)
    net        = before fee − slot fee
    break-even = before fee, but never below 0: the highest slot fee that net still bears

Means go through these lines, and so do the quantiles of what one promotion sells and of what of it
is kept: low, median and high net are ``before fee − slot fee`` at the quantiles of sales kept.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar

import numpy as np

from models.assortment import Assortment
from models.calibration import quantiles_around
from models.compiled import compiled
from models.conversion import rate_interval, rate_point
from models.exposure import amount_interval, amount_point
from models.known import Known, Steps, read
from models.loglinear import Folded, deal_of, places, within
from models.meetings import meeting
from models.money import net_of, price_of
from models.pairs import Floats
from models.vocabulary import Rows

#: One number or many.
_Numbers = TypeVar("_Numbers", float, Floats)

#: What makes the log of no orders finite, in orders.
HALF_ORDER = 0.5
_AT_ONCE = 64
#: Columns of what is known of a merchant beside the tables.
PAID, KEPT = 0, 1


@dataclass(frozen=True)
class Predictions:
    """Predictions for ``n`` pairs; float64 arrays of shape (n,), NaN where there was no data.

    Points are means. Intervals hold 80 %: that of ``p_conversion`` is for the true rate, the others
    for what one promotion will bring. Their low end is the tenth percentile (p10) and their high
    end the ninetieth; where more than a tenth brings nothing at all, the low end is 0 and all that
    is missed, a fifth, lies above the high end. Medians (p50) are exceeded as often as not, which
    means are not: a few promotions sell most. ``low ≤ p50 ≤ high`` and ``low ≤ point ≤ high``
    always.

    Break-even fees are the highest slot fees at which net is not below 0 in nine of ten promotions
    (p10) and in every other one (p50); whatever the fee is, net is that much less.
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
    expected_orders_low: Floats
    expected_orders_high: Floats
    orders_p50: Floats
    gmv_p50: Floats
    expected_net: Floats
    expected_net_low: Floats
    expected_net_high: Floats
    net_p50: Floats
    break_even_fee_p10: Floats
    break_even_fee_p50: Floats
    organic_exposures: Floats
    paid_exposures: Floats


#: Columns of the predictions by name, in order.
COLUMNS = {field.name: column for column, field in enumerate(fields(Predictions))}
#: Those that lists can be ordered by: `expected` tells one alone, `Chain.bound` the most it can be.
POINTS = ("p_conversion", "exposures", "expected_orders", "expected_gmv", "expected_net")

_CONVERSION, _CONVERSION_LOW, _CONVERSION_HIGH = 0, 1, 2
_EXPOSURES, _EXPOSURES_LOW, _EXPOSURES_HIGH = 3, 4, 5
_ORDERS, _GMV, _GMV_LOW, _GMV_HIGH = 6, 7, 8, 9
_ORDERS_LOW, _ORDERS_HIGH, _ORDERS_P50, _GMV_P50 = 10, 11, 12, 13
_NET, _NET_LOW, _NET_HIGH, _NET_P50 = 14, 15, 16, 17
_BREAK_EVEN_P10, _BREAK_EVEN_P50 = 18, 19
_ORGANIC, _PAID = 20, 21


class Bands(NamedTuple):
    """Bands around what is predicted, each as `models.calibration.Band.surprises`."""

    shown: Floats
    orders: Floats
    gmv: Floats
    kept: Floats


class Forecast(NamedTuple):
    """All that predictions are made of.

    Attributes
    ----------
    folded : Folded
    bands : Bands
    merchants : float64 array of shape (n_merchants + 1, 2)
        Part of a merchant's exposures that is paid for, and the variance of the log of what of
        its sales is not sent back.
    usual : Assortment
        What a pair without a product in particular stands for.
    steps : Steps
    """

    folded: Folded
    bands: Bands
    merchants: Floats
    usual: Assortment
    steps: Steps


@compiled
def order_spread(orders: _Numbers, doubt: _Numbers) -> _Numbers:
    """Standard deviation of the log of orders: of their expectation, and of counting them."""
    spread: _Numbers = np.sqrt(doubt + 1.0 / (orders + HALF_ORDER))
    return spread


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
def units_of(
    known: Known, steps: Steps, exposures: float, rate: float
) -> tuple[float, float, float]:
    """Orders (or money, where only that is learnt), and what their bands start from.

    The log of the centre, and its variance.
    """
    if steps.amount.column >= 0:
        units = amount_point(steps.amount, known.amount, known.amount_variance)
        return units, max(known.amount, 0.0), known.amount_variance + steps.amount.noise
    if not steps.whole:
        return np.nan, np.nan, np.nan
    orders = orders_of(known, steps, exposures, rate)
    doubt = steps.noise + known.exposure_variance + known.conversion_variance
    spread = order_spread(orders, doubt + known.click_rate_variance)
    return orders, np.log(orders + HALF_ORDER), spread * spread


@compiled
def worth_of(known: Known, steps: Steps) -> float:
    """What one unit of what is sold is worth."""
    return known.price if steps.in_orders else 1.0


@compiled
def before_fee(known: Known, steps: Steps, gmv: float) -> float:
    """What is left of GMV for the merchant before the slot fee."""
    usual = steps.usual_commission
    return net_of(gmv, known.refunds, known.offered, known.asked, usual, 0.0)


@compiled
def kept_within(known: Known, kept: float, sold: float) -> float:
    """Quantile of what is kept, in units of what is expected to be: never more than is sold."""
    left = 1.0 - known.refunds
    return min(kept, sold / left) if left > 0.0 else kept


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
    return gmv if column == _GMV else before_fee(known, steps, gmv) - known.fee


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
    folded, bands, merchants, usual, steps = forecast
    table, first, partner_starts, partners, promoted_starts, promoted, tastes, wanted = folded
    usual_starts, usual_products, shares = usual
    shown, ordered, sold, kept = bands
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
            known = read(
                table,
                first,
                promoted_starts,
                promoted,
                tastes,
                wanted,
                usual_starts,
                usual_products,
                shares,
                steps,
                at,
            )
            rate, low, high = conversion_of(known, steps)
            found[_CONVERSION, i], found[_CONVERSION_LOW, i] = rate, low
            found[_CONVERSION_HIGH, i] = high
            exposures, low, high = exposures_of(known, steps, shown)
            found[_EXPOSURES, i], found[_EXPOSURES_LOW, i] = exposures, low
            found[_EXPOSURES_HIGH, i] = high
            paid = exposures * merchants[merchant[i], PAID]
            found[_ORGANIC, i], found[_PAID, i] = exposures - paid, paid
            units, centre, variance = units_of(known, steps, exposures, rate)
            if steps.in_orders:
                around = quantiles_around(ordered, steps.orders, centre, variance, units)
                found[_ORDERS_LOW, i], found[_ORDERS_P50, i], found[_ORDERS_HIGH, i] = around
                found[_ORDERS, i] = units
            else:
                found[_ORDERS_LOW, i], found[_ORDERS_P50, i] = np.nan, np.nan
                found[_ORDERS_HIGH, i], found[_ORDERS, i] = np.nan, np.nan
            worth = worth_of(known, steps)
            if len(price) and steps.in_orders:
                worth = price_of(price[i], worth)
            variance += steps.scatter
            low, middle, high = quantiles_around(sold, steps.gmv, centre, variance, units)
            found[_GMV, i], found[_GMV_LOW, i] = units * worth, low * worth
            found[_GMV_P50, i], found[_GMV_HIGH, i] = middle * worth, high * worth
            variance += merchants[merchant[i], KEPT]
            bottom, median, top = quantiles_around(kept, steps.kept, centre, variance, units)
            bottom = before_fee(known, steps, kept_within(known, bottom, low) * worth)
            median = before_fee(known, steps, kept_within(known, median, middle) * worth)
            top = before_fee(known, steps, kept_within(known, top, high) * worth)
            found[_BREAK_EVEN_P10, i] = np.maximum(bottom, 0.0)
            found[_BREAK_EVEN_P50, i] = np.maximum(median, 0.0)
            found[_NET, i] = before_fee(known, steps, units * worth) - known.fee
            found[_NET_LOW, i], found[_NET_HIGH, i] = bottom - known.fee, top - known.fee
            found[_NET_P50, i] = median - known.fee
    return n
