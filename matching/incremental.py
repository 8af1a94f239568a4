"""What a cooperation brings beside the merchant's own stream."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.overlap import Overlap
from models.pairs import Interval, Pairs

#: Expectations, and what is incremental of them.
INCREMENTAL = {
    "expected_orders": "incremental_orders",
    "expected_gmv": "incremental_gmv",
}


def with_incremental(frame: pd.DataFrame, pairs: Pairs, overlap: Overlap | None) -> pd.DataFrame:
    """Predictions with what is new to the merchant: viewers whom its own stream does not reach.

    Parameters
    ----------
    frame : DataFrame of n predictions
    pairs : Pairs of n
    overlap : Overlap or None
        None where the market tells of no single viewers.

    Returns
    -------
    DataFrame
        With ``reached_already``, the share of the creator's viewers whom the merchant reaches
        itself, with the ends of its 80 % interval, and the expected orders and GMV times what is
        left; NaN where it is not known whom either reaches.
    """
    nothing = np.full(len(pairs), np.nan)
    reached = Interval(nothing, nothing, nothing)
    if overlap is not None:
        reached = overlap.share(pairs.merchant, pairs.creator)
    shares = {
        "reached_already": reached.point,
        "reached_already_low": reached.low,
        "reached_already_high": reached.high,
    }
    new = {name: frame[of].to_numpy() * (1.0 - reached.point) for of, name in INCREMENTAL.items()}
    return frame.assign(**shares, **new)
