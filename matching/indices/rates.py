"""The metrics of DOMAIN, "Metrics, exactly", for any table that has their columns.

Each takes a table of the contract (``promotions``; ``creator_daily`` has views and GMV, too) and
what to group by, and gives one number a group: sums first, then one division. A rate that rests on
few trials is still only a raw rate; the models shrink it.
"""

from __future__ import annotations

from typing import Literal

import pandas as pd

from matching.errors import BadInput
from matching.indices.grouping import By
from matching.indices.ratio import Ratio

_GPM = Ratio("gpm", "gmv", "views", scale=1000.0)
_CLICK_THROUGH = Ratio("click_through", "clicks", "exposures", share=True)
_CLICK_CONVERSION = Ratio("click_conversion", "orders", "clicks", share=True)
_WATCH_TO_ORDER = Ratio("watch_to_order", "orders", "views")
_ITEM_PRICE = Ratio("item_price", "gmv", "orders")

_RATES = {
    one.name: one for one in (_GPM, _CLICK_THROUGH, _CLICK_CONVERSION, _WATCH_TO_ORDER, _ITEM_PRICE)
}
Rate = Literal["gpm", "click_through", "click_conversion", "watch_to_order", "item_price"]


def gpm(table: pd.DataFrame, by: By = None) -> pd.Series:
    """GMV per thousand views: Σ GMV / Σ views × 1000, in money; 0 or more.

    Views of a session count once, however many products were shown in it.

    Parameters
    ----------
    table : DataFrame
        ``gmv``, ``views``; ``session_id`` and ``creator_id`` where rows share a session.
    by : str or list of str, optional
        Columns to group by; without it all rows are one group, ``"all"``. A row whose group is
        unknown belongs to none.

    Returns
    -------
    float64 Series
        NaN where no row knows both, and where there was no view.

    Raises
    ------
    BadInput
        When a column is not there, holds text or a negative number.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (GPM).

    Examples
    --------
    Two products in one room that 1,000 people saw, then a room of 3,000:

    >>> sold = pd.DataFrame({"session_id": ["s1", "s1", "s2"], "views": [1000, 1000, 3000],
    ...                      "gmv": [50.0, 30.0, 40.0]})
    >>> gpm(sold).item()
    30.0
    """
    return _GPM.of(table, by)


def click_through(table: pd.DataFrame, by: By = None) -> pd.Series:
    """Clicks per display of a product: Σ clicks / Σ exposures, in [0, 1].

    Parameters, errors and unknowns as in :func:`gpm`; also refused where a group has more clicks
    than exposures.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (click-through); "product CTR" of P, table 1.

    Examples
    --------
    The mean of the two rates would be .35; the rate of the two together is .14:

    >>> shown = pd.DataFrame({"exposures": [900, 100], "clicks": [90, 50]})
    >>> click_through(shown).item()
    0.14
    """
    return _CLICK_THROUGH.of(table, by)


def click_conversion(table: pd.DataFrame, by: By = None) -> pd.Series:
    """Orders per click: Σ orders / Σ clicks, in [0, 1].

    Parameters, errors and unknowns as in :func:`gpm`; also refused where a group has more orders
    than clicks.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (click conversion); "click-to-order rate" of P, table 1.

    Examples
    --------
    Orders of unknown clicks say nothing of the rate; no click has no rate:

    >>> met = pd.DataFrame({"creator_id": ["c1", "c1", "c2"], "clicks": [40, None, 0],
    ...                     "orders": [2, 9, 0]})
    >>> click_conversion(met, by="creator_id").tolist()
    [0.05, nan]
    """
    return _CLICK_CONVERSION.of(table, by)


def watch_to_order(table: pd.DataFrame, by: By = None) -> pd.Series:
    """Orders per view of the room or the video: Σ orders / Σ views; 0 or more.

    Parameters, errors and unknowns as in :func:`gpm`. Views of a session count once. Above 1 where
    viewers order more than once.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (watch-to-order).

    Examples
    --------
    >>> watch_to_order(pd.DataFrame({"views": [500, 1500], "orders": [4, 6]})).item()
    0.005
    """
    return _WATCH_TO_ORDER.of(table, by)


def item_price(table: pd.DataFrame, by: By = None) -> pd.Series:
    """What an order brings: Σ GMV / Σ orders, in money; 0 or more.

    Parameters, errors and unknowns as in :func:`gpm`.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (item price); P, table 1.

    Examples
    --------
    >>> item_price(pd.DataFrame({"gmv": [300.0, 60.0], "orders": [2, 2]})).item()
    90.0
    """
    return _ITEM_PRICE.of(table, by)


def rate_bounds(rate: Rate, table: pd.DataFrame, by: By = None) -> pd.DataFrame:
    """Least and largest value that ranges leave possible for one of the five rates.

    A platform gives a range where a creator has not consented to the number; the rates themselves
    leave such rows out, this keeps them.

    Parameters
    ----------
    rate : str
        Name of the function.
    table, by
        As in :func:`gpm`; any column ``x`` may come as ``x_low`` and ``x_high``.

    Returns
    -------
    DataFrame
        ``low``, ``high``; ``high`` is NaN where no limit is known.

    Raises
    ------
    BadInput
        For a rate that is none, and as in :func:`gpm`.

    Examples
    --------
    >>> sold = pd.DataFrame({"views": [1000, 1000], "gmv": [20.0, None],
    ...                      "gmv_low": [None, 10.0], "gmv_high": [None, 30.0]})
    >>> gpm(sold).item(), rate_bounds("gpm", sold).loc["all"].tolist()
    (20.0, [15.0, 25.0])
    """
    if rate not in _RATES:
        raise BadInput(f"rate: got {rate!r}, expected one of {', '.join(_RATES)}")
    return _RATES[rate].bounds(table, by)
