"""Where each creator's account is going, from the days and sessions that a market tells of."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from matching.outlook import Outlook
from models.features import EntityFeatures
from models.growth import Growth
from models.histories import Histories
from models.pairs import Floats, Interval
from models.sessions import SessionRate
from models.vocabulary import Rows
from training.entities import Entities, by_row, creator_features
from training.market import Market, bounds

#: Days that are looked ahead.
AHEAD = 30.0

# What an account's level and growth may depend on, beside how large it is. What a creator sold or
# sent of late is a consequence of the same growth, and is not known of an earlier day.
_OF_ACCOUNTS = ("account_days", "category", "region")


def learn_outlook(market: Market, ids: Entities, days: float = AHEAD) -> Outlook:
    """Fit growth of followers, views a day and sessions a week, and foretell them.

    Followers come from ``creator_daily``, and from ``creators`` where a creator has no day there.
    Growth is unknown where no creator was seen twice, views where no day tells them.

    Parameters
    ----------
    ids : Entities
        The vocabulary of creators that the rows follow.
    days : float
        How far ahead.
    """
    n = len(ids.creators)
    features = creator_features(market, ids.creators)
    followers = followers_seen(market, ids)
    last = np.exp(followers.at(followers.counts - 1).log)
    first = np.exp(followers.at(np.zeros(n, dtype=np.int64)).log)
    growing = None
    if followers.counts.max(initial=0) > 0:
        growing = Growth().fit(
            followers,
            level=some(features, _OF_ACCOUNTS),
            slope=joined(some(features, _OF_ACCOUNTS), "followers", first),
        )
    views = daily_seen(market, ids, "views")
    viewed = None
    if views.counts.max(initial=0) > 0:
        known = some(features, (*_OF_ACCOUNTS, "sessions_per_week"))
        viewed = Growth().fit(views, level=joined(known, "followers", last))
    told = Outlook.of(
        n,
        days,
        followers=None if growing is None else growing.predict(days),
        views=None if viewed is None else viewed.predict(days),
        sessions=_sessions(market, ids, features, days),
    )
    if followers.counts.max(initial=0) < 2:
        # Seen once each, accounts tell how large they are and nothing of where they go.
        return Outlook(
            days, told.followers, _unknown(n), told.views_per_day, told.sessions_per_week
        )
    return told


def followers_seen(market: Market, ids: Entities) -> Histories:
    """Followers of each creator on the days that tell them; today's, where no day does."""
    seen = daily_seen(market, ids, "followers")
    rows = by_row(market.table("creators"), "creator_id", ids.creators)
    low, high = (end.to_numpy(float) for end in bounds(rows, "followers"))
    unseen = np.flatnonzero(seen.counts == 0)
    now = np.zeros(len(unseen), dtype=np.float64)
    return seen.filled(Histories.of(len(seen), unseen, now, low[unseen], high[unseen]))


def daily_seen(market: Market, ids: Entities, column: str) -> Histories:
    """One column of ``creator_daily`` as histories of the creators."""
    table = market.table("creator_daily")
    creator, known = ids.creators.find(table["creator_id"])
    table = table[known]
    low, high = (end.to_numpy(float) for end in bounds(table, column))
    days = -_days(market.as_of, table["date"])
    return Histories.of(len(ids.creators), creator, days, low, high)


def sessions_seen(market: Market, ids: Entities) -> tuple[Rows, Floats]:
    """Creator of each session with promotions, and the days since it began.

    A promotion that names no session is one with the creator's others of the day.
    """
    rows = market.table("promotions")
    day = rows["occurred_at"].dt.strftime("%Y-%m-%d")
    named = rows["session_id"].notna()
    key = ("s" + rows["session_id"].astype("string")).where(named, "d" + day)
    grouped = rows.assign(key=key).groupby(["creator_id", "key"], sort=True)["occurred_at"]
    began = grouped.min().reset_index()
    creator, known = ids.creators.find(began["creator_id"])
    return creator, _days(market.as_of, began["occurred_at"])[known]


def present_days(market: Market, ids: Entities, creator: Rows, age: Floats) -> Floats:
    """Days for which sessions of each creator would have been seen: since it joined the market."""
    rows = by_row(market.table("creators"), "creator_id", ids.creators)
    since = _days(market.as_of, pd.to_datetime(rows["joined_at"], utc=True))
    present: Floats = np.clip(np.nan_to_num(since, nan=np.inf), 0.0, age.max())
    np.maximum.at(present, creator, age)
    return present


def some(features: EntityFeatures, names: Collection[str]) -> EntityFeatures:
    """Features of those names; a label's columns go by the label's name."""
    kept = [i for i, name in enumerate(features.names) if name.split("=")[0] in names]
    return EntityFeatures(tuple(features.names[i] for i in kept), features.values[:, kept])


def joined(features: EntityFeatures, name: str, amounts: Floats) -> EntityFeatures:
    """The same features and one more, as its log."""
    values = np.column_stack([features.values, np.log1p(amounts)])
    return EntityFeatures((*features.names, name), values)


def _sessions(market: Market, ids: Entities, features: EntityFeatures, days: float) -> Interval:
    creator, age = sessions_seen(market, ids)
    present = present_days(market, ids, creator, age)
    if not present.max(initial=0.0) > 0.0:
        return _unknown(len(present))  # nobody was seen for any time at all
    return SessionRate(horizon_days=days).fit(creator, age, present, features).predict()


def _days(as_of: pd.Timestamp, times: pd.Series[pd.Timestamp]) -> Floats:
    passed: pd.Series[pd.Timedelta] = as_of - times
    return np.asarray(passed / pd.Timedelta(days=1), dtype=np.float64)


def _unknown(n: int) -> Interval:
    return Interval(*(np.full(n, np.nan) for _ in range(3)))
