"""A market without some cooperations, as if they had never been: for splits that cut no time.

What a cooperation leaves behind is more than its promotions. Invitations and impressions name the
pair as well. Sums of sales (``gmv_30d`` and its like, and the daily GMV of a creator) hold what
the pair sold, without saying with whom; no share of them can be taken out, so they are unknown
for everybody. What describes an entity by itself stays: its profile, products, audiences,
embeddings, viewers, followers and views.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.entities import Entities
from training.market import Market
from training.market_horizon import without_trailing_sums

#: Tables whose rows tell of a pair.
COOPERATION = ("promotions", "outreach", "impressions")

_Mask = npt.NDArray[np.bool_]


def without_pairs(market: Market, pairs: pd.DataFrame) -> Market:
    """Take out all that tells of some pairs.

    Parameters
    ----------
    market : Market
    pairs : DataFrame with merchant_id and creator_id

    Returns
    -------
    Market known up to the same moment
    """
    names = ["merchant_id", "creator_id"]
    hidden = pd.MultiIndex.from_frame(pairs[names].drop_duplicates())
    return _without(
        market, lambda rows: np.asarray(pd.MultiIndex.from_frame(rows[names]).isin(hidden))
    )


def without_cooperation(market: Market, by: str, ids: npt.NDArray[np.object_]) -> Market:
    """Take out all cooperation of some merchants or creators, who stay known for themselves.

    Parameters
    ----------
    market : Market
    by : {"merchant_id", "creator_id"}
    ids : array of str
    """
    return _without(market, lambda rows: rows[by].isin(ids).to_numpy())


def known_by_themselves(market: Market) -> Entities:
    """Who would still be known if nobody had ever worked with anybody."""
    rest = {name: frame for name, frame in market.tables.items() if name not in COOPERATION}
    return Entities.of(replace(market, tables=rest))


def _without(market: Market, hidden: Callable[[pd.DataFrame], _Mask]) -> Market:
    tables = dict(market.tables)
    for name in COOPERATION:
        if name in tables:
            tables[name] = tables[name][~hidden(tables[name])].reset_index(drop=True)
    if "creators" in tables:
        tables["creators"] = without_trailing_sums(tables["creators"])
    if "creator_daily" in tables:
        daily = tables["creator_daily"]
        sales = [str(column) for column in daily if str(column).split("_")[0] == "gmv"]
        tables["creator_daily"] = daily.assign(**dict.fromkeys(sales, np.nan))
    return market.holding(tables)
