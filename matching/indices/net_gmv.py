"""GMV after refunds: a sum, which one unknown makes unknown, and the bounds it keeps to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from matching.errors import BadInput
from matching.indices.grouping import By, Groups, ends, numbers
from models.pairs import Floats

# Money is rounded: a refund of all may be off by a last digit.
_ROUNDING = 1e-6


def net_gmv(table: pd.DataFrame, by: By = None) -> pd.Series:
    """GMV after refunds: Σ (GMV − refunded GMV), in money.

    Parameters and errors as in :func:`gpm`; the columns are ``gmv`` and ``refunded_gmv``; also
    refused where more was sent back than sold. A sum is not helped by leaving rows out: one
    unknown row makes it unknown. :func:`net_gmv_bounds` says between what it lies.

    Notes
    -----
    Source: DOMAIN, "Metrics, exactly" (net GMV).

    Examples
    --------
    >>> sold = pd.DataFrame({"merchant_id": ["m1", "m1", "m2"], "gmv": [100.0, 40.0, 70.0],
    ...                      "refunded_gmv": [30.0, 0.0, None]})
    >>> net_gmv(sold, by="merchant_id").tolist()
    [110.0, nan]
    """
    gmv, back = numbers(table, "gmv"), numbers(table, "refunded_gmv")
    _check(gmv, back)
    net = gmv - back
    groups = Groups.of(table, by)
    return pd.Series(groups.sums(net), groups.labels, name="net_gmv")


def net_gmv_bounds(table: pd.DataFrame, by: By = None) -> pd.DataFrame:
    """Least and largest net GMV, with ranges, and with refunds known only to be part of the GMV.

    Parameters
    ----------
    table : DataFrame
        ``gmv`` and ``refunded_gmv``, or their ``_low`` and ``_high``.

    Returns
    -------
    DataFrame
        ``low``, ``high``; ``high`` is NaN where a GMV has no upper limit.

    Examples
    --------
    >>> sold = pd.DataFrame({"gmv": [100.0, None], "gmv_low": [None, 50.0],
    ...                      "gmv_high": [None, 80.0], "refunded_gmv": [30.0, None]})
    >>> net_gmv_bounds(sold).loc["all"].tolist()
    [70.0, 150.0]
    """
    gmv_low, gmv_high = ends(table, "gmv")
    back_low, back_high = ends(table, "refunded_gmv")
    _check(gmv_high, back_low)
    groups = Groups.of(table, by)
    # fmax reads an unknown as 0: no GMV at least, all of it sent back at most, or nothing.
    low = groups.sums(np.fmax(gmv_low - back_high, 0.0))
    high = groups.sums(np.maximum(gmv_high - np.fmax(back_low, 0.0), 0.0))
    return pd.DataFrame(
        {"low": low, "high": np.where(np.isinf(high), np.nan, high)}, index=groups.labels
    )


def _check(gmv: Floats, back: Floats) -> None:
    wrong = back > gmv * (1.0 + _ROUNDING) + _ROUNDING
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadInput(
            f"refunded_gmv is {back[row]:g} in row {row} where gmv is {gmv[row]:g}, expected no "
            "more than was sold; leave refunds of other promotions out"
        )
