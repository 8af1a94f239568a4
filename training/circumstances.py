"""Circumstances of past promotions, as the market's tables tell them afterwards."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.circumstances import Circumstances, Numbers
from models.pairs import Floats
from models.vocabulary import Vocabulary
from training.market import Market, point

_DAY = pd.Timedelta(days=1)


def promotion_circumstances(market: Market, creators: Vocabulary) -> Circumstances:
    """Collect the circumstances of a market's promotions.

    Returns
    -------
    Circumstances
        Kinds are formats, live ones told apart by slot. Further circumstances: whether a
        ``campaign`` ran, by the promotion's own word or by the calendar; and ``size``, the log of
        the account's followers then over those now.
    """
    rows = market.table("promotions")
    kind, kinds = _kinds(rows)
    session, _ = pd.factorize(rows["session_id"])
    values = {"campaign": _campaign(market, rows), "size": _size(market, rows, creators)}
    return Circumstances(
        kind,
        kinds,
        tuple(values),
        np.column_stack(list(values.values())),
        np.asarray(session, dtype=np.int64),
    )


def _kinds(rows: pd.DataFrame) -> tuple[Numbers, tuple[str, ...]]:
    """Kind of each promotion, -1 where its format is unknown, and the kinds' names."""
    kinds = rows["format"].astype("string")
    # A video is a video: slots are parts of streams.
    slot = rows["slot"].astype("string").fillna("")
    kinds = kinds.where(kinds != "live", (kinds + " " + slot).str.strip())
    kind, names = pd.factorize(kinds, sort=True)
    return np.asarray(kind, dtype=np.int64), tuple(names)


def _campaign(market: Market, rows: pd.DataFrame) -> Floats:
    """1 where a campaign ran, 0 where none did."""
    ran = rows["campaign_id"].notna().to_numpy(bool).copy()
    moment = rows["occurred_at"].to_numpy("datetime64[ns]")
    if market.has("campaigns"):
        known = market.table("campaigns").dropna(subset=["starts_at", "ends_at"])
        starts, ends = (known[one].to_numpy("datetime64[ns]") for one in ("starts_at", "ends_at"))
        for start, end in zip(starts, ends, strict=True):
            ran |= (moment >= start) & (moment <= end)
    return ran.astype(float)


def _size(market: Market, rows: pd.DataFrame, creators: Vocabulary) -> Floats:
    """Log of the account's followers then over those now, NaN where that is unknown."""
    found = np.full(len(rows), np.nan)
    if not market.has("creator_daily"):
        return found
    daily = market.table("creator_daily")
    daily = daily.assign(log=np.log(point(daily, "followers").where(lambda one: one > 0)))
    daily = daily.dropna(subset=["log", "creator_id"]).sort_values(["creator_id", "date"])
    account, told = creators.find(daily["creator_id"])
    day = _days(daily["date"][told], market.as_of)
    log = daily["log"].to_numpy(float)[told]
    creator, _ = creators.find(rows["creator_id"])
    then = _days(rows["occurred_at"], market.as_of)
    # One line through all accounts: each has a stretch of its own, days wide, to be read in.
    order = np.lexsort((day, account))
    account, day, log = account[order], day[order], log[order]
    first = np.searchsorted(account, np.arange(len(creators)))
    last = np.searchsorted(account, np.arange(len(creators)), side="right") - 1
    known = last[creator] > first[creator]
    own = creator[known]
    inside = np.clip(then[known], day[first[own]], day[last[own]])
    width = np.ptp(day) + 1.0 if len(day) else 1.0
    read = np.interp(own * width + inside, account * width + day, log)
    found[known] = read - log[last[own]]
    return found


def _days(moments: pd.Series[pd.Timestamp], as_of: pd.Timestamp) -> Floats:
    """Days up to the moment of looking, negative before it."""
    days = (pd.to_datetime(moments, utc=True) - as_of) / _DAY
    return np.asarray(days, dtype=np.float64)
