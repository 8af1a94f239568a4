"""Whether the outlook of accounts holds: days and weeks after a cut, against persistence.

    .venv/bin/alliance simulate /tmp/market --seed 11 --size small
    .venv/bin/python benchmarks/outlook.py /tmp/market --ahead 30 60

Each market is cut some days before its end, the outlook is learnt from what was known then, and
held against the followers and views of later days and the sessions of the days up to the end. Of
simulated markets every figure is synthetic.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from command_line import at_least

from matching.catalog import TIERS, tier_of
from models.pairs import Floats, Interval
from training.coverage import coverage
from training.entities import Entities
from training.market import Market, read_market
from training.outlook import daily_seen, followers_seen, learn_outlook, sessions_seen

_SIGHTS = (-1, 0, 1, 4, 1_000_000)


def known_at(market: Market, cut: pd.Timestamp) -> Market:
    """What a market knew then; followers that bear no date are of the end, and left out."""
    past = market.before(cut)
    creators = past.table("creators")
    hidden = [name for name in creators.columns.astype(str) if name.startswith("followers")]
    creators = creators.assign(**dict.fromkeys(hidden, np.nan))
    return past.holding({**past.tables, "creators": creators})


def judged(market: Market, days: int) -> pd.DataFrame:
    """How the outlook of a cut ``days`` before the end holds; a row per number and group.

    Returns
    -------
    DataFrame
        ``what``; ``group`` (all, a tier, a number of earlier sights); ``promotions`` (creators
        judged), ``inside_80``, ``width``, ``predicted_over_observed`` as of
        `training.coverage.coverage`; ``error`` and ``persistence``, the mean |log| error of all.
    """
    end = market.as_of
    past = known_at(market, end - pd.Timedelta(days=days))
    ids = Entities.of(past)
    told = learn_outlook(past, ids, float(days))
    followers, views = followers_seen(past, ids), daily_seen(past, ids, "views")
    last = np.exp(followers.at(followers.counts - 1).log)
    growth = Interval(
        *(1.0 + one for one in (told.growth.point, told.growth.low, told.growth.high))
    )
    later = _last_day(market, ids, "followers", past.as_of)
    grown = Interval(*(told.followers.point * one for one in vars(growth).values()))
    viewed = np.exp(views.at(views.counts - 1).log)
    seen = _last_day(market, ids, "views", past.as_of)
    creator, age = sessions_seen(market, ids)
    held = np.bincount(creator[age < days], minlength=len(ids.creators)) / (days / 7.0)
    before, ages = sessions_seen(past, ids)
    count = np.bincount(before, minlength=len(ids.creators))
    usual = count / max(float(ages.max()), 7.0) * 7.0
    parts = []
    for what, found, actual, stays, sights in (
        ("followers", grown, later, last, followers.counts),
        ("views a day", told.views_per_day, seen, viewed, views.counts),
        ("sessions a week", told.sessions_per_week, held, usual, count),
    ):
        known = pd.cut(sights, _SIGHTS, labels=["unseen", "seen once", "seen 2-4", "seen 5+"])
        tiers = pd.Categorical(tier_of(last), list(TIERS))
        tables = [coverage(actual, found.point, found.low, found.high, by) for by in (tiers, known)]
        table = pd.concat([tables[0], tables[1][1:]], ignore_index=True)
        table.insert(0, "what", what)
        for name, one in (("error", found.point), ("persistence", stays)):
            table[name] = [_error(what, actual, one), *([np.nan] * (len(table) - 1))]
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _error(what: str, actual: Floats, predicted: Floats) -> float:
    """Mean |log| error; of sessions, where most creators hold none, the root mean square."""
    if what.startswith("sessions"):
        return float(np.sqrt(np.mean((actual - predicted) ** 2)))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.log(actual / predicted))
    return float(apart[np.isfinite(apart)].mean())


def _last_day(market: Market, ids: Entities, column: str, cut: pd.Timestamp) -> Floats:
    """An exact number of each creator on the last day that tells it after a cut; else NaN."""
    table = market.table("creator_daily")
    table = table[(table["date"] > cut) & table[column].notna()].sort_values("date")
    last = table.groupby("creator_id")[column].last()
    return last.reindex(ids.creators.ids).to_numpy(float)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("markets", type=Path, nargs="+", help="folders of markets")
    parser.add_argument(
        "--ahead", type=at_least(7), nargs="+", default=[30], metavar="DAYS", help="days cut off"
    )
    asked = parser.parse_args()
    for folder in asked.markets:
        market = read_market(folder)
        for days in asked.ahead:
            word = " (synthetic)" if market.synthetic else ""
            print(f"\n{folder}{word}, {days} days ahead")
            print(judged(market, days).round(4).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
