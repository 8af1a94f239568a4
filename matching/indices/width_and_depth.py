"""Content width and conversion depth: 50 points each, of merchants, creators or products.

The contract's tables tell two of the four parts of width and three of the four of depth. The
others (live dwell, live interaction, repurchase) need what viewers did one by one; who has them
puts them into the columns left unknown here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.indices.grouping import By, Groups, numbers, require
from matching.indices.points import LEAST_PEERS, add_points, percentile_points
from matching.indices.rates import click_conversion, click_through, item_price

#: Points of each part of content width (P, table 1).
CONTENT_WIDTH: Mapping[str, float] = MappingProxyType(
    {"exposures": 14.0, "contents": 10.0, "live_dwell": 12.0, "live_interaction_rate": 14.0}
)

#: Points of each part of conversion depth (P, table 1).
CONVERSION_DEPTH: Mapping[str, float] = MappingProxyType(
    {"click_through": 14.0, "click_conversion": 14.0, "item_price": 10.0, "repurchase_rate": 12.0}
)

Labels = pd.Series | npt.ArrayLike | None


def content_width_parts(promotions: pd.DataFrame, by: By) -> pd.DataFrame:
    """Raw values behind the content-width index, as far as promotions tell them.

    Parameters
    ----------
    promotions : DataFrame
        ``exposures``, ``creator_id``, ``session_id``.
    by : str or list of str
        Whose: ``"merchant_id"``, ``"creator_id"``, …

    Returns
    -------
    DataFrame, one row a group
        ``exposures``: displays of products. ``contents``: distinct sessions (live streams and
        videos). Either is NaN where it is unknown in any row. ``live_dwell`` (seconds a viewer)
        and ``live_interaction_rate`` (interactions a view) are NaN: no table of the contract
        holds them.

    Raises
    ------
    BadInput
        When a column is not there or exposures are no counts.

    Examples
    --------
    >>> shown = pd.DataFrame({"merchant_id": ["m1", "m1", "m1"], "creator_id": ["c1", "c1", "c2"],
    ...                       "session_id": ["s1", "s1", "s2"], "exposures": [400, 100, 250]})
    >>> content_width_parts(shown, "merchant_id").loc["m1"].tolist()
    [750.0, 2.0, nan, nan]
    """
    require(promotions, ["exposures", "creator_id", "session_id"])
    groups = Groups.of(promotions, by)
    _, sessions = groups.sessions(promotions)
    named = promotions[["creator_id", "session_id"]].notna().all(axis=1).to_numpy()
    unnamed = groups.sums(np.where(named, 0.0, np.nan))
    parts = {
        "exposures": groups.sums(numbers(promotions, "exposures")),
        "contents": sessions.sums(np.ones(len(sessions.codes))) + unnamed,
        "live_dwell": np.nan,
        "live_interaction_rate": np.nan,
    }
    return pd.DataFrame(parts, index=groups.labels)


def content_width_index(
    parts: pd.DataFrame,
    industry: Labels = None,
    tier: Labels = None,
    *,
    weights: Mapping[str, float] = CONTENT_WIDTH,
    least_peers: int = LEAST_PEERS,
) -> pd.DataFrame:
    """Content-width index, out of 50: how widely and how lastingly content is seen.

    Exposures 14 + number of contents 10 + live dwell 12 + live interaction rate 14, each by
    percentile within industry × tier (:func:`~matching.indices.points.percentile_points`).

    Parameters
    ----------
    parts : DataFrame
        A column for each part, as :func:`content_width_parts` gives them; NaN unknown.
    industry, tier : Series or arrays, optional
        Of each row, a Series by its index. Peers agree in both.
    weights : mapping of part to points
    least_peers : int

    Returns
    -------
    DataFrame
        Points of each part, ``points``, ``out_of`` and ``index``, as
        :func:`~matching.indices.points.add_points` gives them: ``index`` is NaN unless all parts
        are known.

    Raises
    ------
    BadInput
        When a part is not there.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly"; P, table 1.

    Examples
    --------
    >>> parts = pd.DataFrame({"exposures": [900, 400], "contents": [3, 3],
    ...                       "live_dwell": [60.0, 80.0], "live_interaction_rate": [0.1, None]})
    >>> content_width_index(parts)[["points", "out_of", "index"]].round(1).values.tolist()
    [[18.5, 36.0, nan], [17.5, 36.0, nan]]
    """
    return _index(parts, industry, tier, weights, least_peers)


def conversion_depth_parts(promotions: pd.DataFrame, by: By) -> pd.DataFrame:
    """Raw values behind the conversion-depth index, as far as promotions tell them.

    Parameters
    ----------
    promotions : DataFrame
        ``exposures``, ``clicks``, ``orders``, ``gmv``.
    by : str or list of str

    Returns
    -------
    DataFrame, one row a group
        ``click_through``, ``click_conversion``, ``item_price``: each a ratio of sums.
        ``repurchase_rate`` is NaN: no table of the contract knows who bought.

    Raises
    ------
    BadInput
        As :func:`~matching.indices.rates.gpm`.

    Examples
    --------
    >>> sold = pd.DataFrame({"merchant_id": ["m1"], "exposures": [1000], "clicks": [50],
    ...                      "orders": [5], "gmv": [400.0]})
    >>> conversion_depth_parts(sold, "merchant_id").loc["m1"].tolist()
    [0.05, 0.1, 80.0, nan]
    """
    parts = [rate(promotions, by) for rate in (click_through, click_conversion, item_price)]
    return pd.concat(parts, axis=1).assign(repurchase_rate=np.nan)


def conversion_depth_index(
    parts: pd.DataFrame,
    industry: Labels = None,
    tier: Labels = None,
    *,
    weights: Mapping[str, float] = CONVERSION_DEPTH,
    least_peers: int = LEAST_PEERS,
) -> pd.DataFrame:
    """Conversion-depth index, out of 50: how far viewers go, from the click to the next order.

    Product click-through 14 + click conversion 14 + item price 10 + repurchase rate 12, each by
    percentile within industry × tier. Rates from few clicks are as wild here as anywhere: where
    shrunk ones are known, put them into the columns instead.

    Parameters, columns, errors as in :func:`content_width_index`.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly"; P, table 1.

    Examples
    --------
    >>> parts = pd.DataFrame({"click_through": [0.05, 0.03], "click_conversion": [0.1, 0.2],
    ...                       "item_price": [80.0, 60.0], "repurchase_rate": [0.3, 0.1]})
    >>> conversion_depth_index(parts)["index"].tolist()
    [30.5, 19.5]
    """
    return _index(parts, industry, tier, weights, least_peers)


def _index(
    parts: pd.DataFrame,
    industry: Labels,
    tier: Labels,
    weights: Mapping[str, float],
    least_peers: int,
) -> pd.DataFrame:
    require(parts, list(weights))
    points = {
        name: percentile_points(parts[name], weight, industry, tier, least_peers=least_peers)
        for name, weight in weights.items()
    }
    return add_points(pd.DataFrame(points, index=parts.index), weights)
