"""The experience score of a merchant, and the three bad rates behind it.

The score is a gate and a feature: it moves traffic. The contract's tables hold the score of a
merchant as the platform gives it (``merchants.experience_score``), not what it is made of; who has
the counts can work it out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from matching.errors import BadInput
from matching.indices.grouping import By, numbers
from matching.indices.points import add_points
from matching.indices.ratio import Ratio

#: Points of each part of the experience score (P).
EXPERIENCE: Mapping[str, float] = MappingProxyType({"goods": 3.0, "logistics": 3.0, "service": 4.0})

_QUALITY_RETURNS = Ratio("quality_return_rate", "quality_returns", "orders", share=True)
_BAD_REVIEWS = Ratio("bad_review_rate", "bad_reviews", "reviews", share=True)
_COMPLAINTS = Ratio("complaint_rate", "complaints", "orders", share=True)


def experience_score(
    parts: pd.DataFrame, *, weights: Mapping[str, float] = EXPERIENCE
) -> pd.DataFrame:
    """Experience score, out of 10: goods 3 + logistics 3 + service 4.

    Parameters
    ----------
    parts : DataFrame
        ``goods``, ``logistics``, ``service``: how well each does, in [0, 1], 1 the best; NaN
        unknown. How a platform rates a part is its own affair; one minus a bad rate, or a
        percentile among peers, are ways to begin.
    weights : mapping of part to points

    Returns
    -------
    DataFrame
        Points of each part, ``points``, ``out_of`` and ``index``, as
        :func:`~matching.indices.points.add_points` gives them: ``index``, the score, is NaN
        unless all parts are known.

    Raises
    ------
    BadInput
        When a part is not there, or is no number in [0, 1].

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (experience score; P).

    Examples
    --------
    >>> parts = pd.DataFrame({"goods": [0.8, 0.8], "logistics": [1.0, None], "service": [0.5, 0.5]})
    >>> experience_score(parts)[["points", "out_of", "index"]].round(1).values.tolist()
    [[7.4, 10.0, 7.4], [4.4, 7.0, nan]]
    """
    points = {}
    for name, weight in weights.items():
        values = numbers(parts, name)
        if (values > 1).any():
            row = int(np.argmax(values > 1))
            raise BadInput(
                f"{name} is {values[row]:g} in row {row}, expected how well it does in [0, 1]; "
                "divide by the best there is"
            )
        points[name] = weight * values
    return add_points(pd.DataFrame(points, index=parts.index), weights)


def quality_return_rate(table: pd.DataFrame, by: By = None) -> pd.Series:
    """Orders sent back for their quality: Σ quality returns / Σ orders, in [0, 1]; less is better.

    Parameters
    ----------
    table : DataFrame
        ``quality_returns``, ``orders``, counted over the same orders. The contract's
        ``refunded_gmv`` will not do: it is money, whatever the reason.
    by : str or list of str, optional
        Columns to group by; without it all rows are one group, ``"all"``.

    Returns
    -------
    float64 Series
        NaN where no row knows both, and where there was no order.

    Raises
    ------
    BadInput
        When a column is not there, holds text or a negative number, or when more came back than
        was ordered.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (three bad rates; P). The denominators are not given; ours
    are what could have gone wrong: orders, reviews, orders.

    Examples
    --------
    >>> counts = pd.DataFrame({"quality_returns": [1, 0], "orders": [10, 90]})
    >>> quality_return_rate(counts).item()
    0.01
    """
    return _QUALITY_RETURNS.of(table, by)


def bad_review_rate(table: pd.DataFrame, by: By = None) -> pd.Series:
    """Reviews that are bad: Σ bad reviews / Σ reviews, in [0, 1]; less is better.

    Parameters, errors, source and unknowns as in :func:`quality_return_rate`; the columns are
    ``bad_reviews`` and ``reviews``. What counts as bad is the platform's to say.

    Examples
    --------
    >>> counts = pd.DataFrame({"merchant_id": ["m1", "m2"], "bad_reviews": [2, 0],
    ...                        "reviews": [50, 0]})
    >>> bad_review_rate(counts, by="merchant_id").tolist()
    [0.04, nan]
    """
    return _BAD_REVIEWS.of(table, by)


def complaint_rate(table: pd.DataFrame, by: By = None) -> pd.Series:
    """Orders complained about: Σ complaints / Σ orders, in [0, 1]; less is better.

    Parameters, errors, source and unknowns as in :func:`quality_return_rate`; the columns are
    ``complaints``, one an order at most, and ``orders``.

    Examples
    --------
    >>> complaint_rate(pd.DataFrame({"complaints": [3], "orders": [200]})).item()
    0.015
    """
    return _COMPLAINTS.of(table, by)
