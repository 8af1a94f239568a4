"""What later promotions brought, beside what was foretold of each, and whom each was of.

Coverage of all promotions together hides who is served badly, so every promotion carries its
creator's tier, how often the creator and the pair had been seen, and coverage is told for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching import Plaza
from matching.catalog import TIERS, tier_of
from models.pairs import Floats
from training.coverage import coverage
from training.entities import Entities, by_row
from training.market import Market, bounds, point

#: What one promotion brings, each with an 80 % interval: name, and where its columns begin. Net is
#: judged as at the fee that was agreed: that is known before, and net is that much less.
QUANTITIES = {
    "exposures": "exposures",
    "orders": "expected_orders",
    "gmv": "expected_gmv",
    "net": "expected_net",
}
#: Days after which nearly all orders, and nearly all refunds, have come in.
SETTLED_DAYS = {"orders": 7.0, "gmv": 7.0, "net": 28.0}
#: Promotions known before: the least number that belongs to each group.
OF_CREATOR = {"never seen": 0, "1-4": 1, "5-19": 5, "20-79": 20, "80 or more": 80}
OF_PAIR = {"never met": 0, "1": 1, "2-4": 2, "5 or more": 5}


@dataclass(frozen=True)
class Later:
    """Promotions of the days after a cut, row by row.

    Attributes
    ----------
    rows : DataFrame
        ``occurred_at``, ``merchant_id``, ``creator_id``, ``product_id`` as they were, and
        ``asked_product``, None where nobody knew the product at the cut.
    groups : DataFrame of Categoricals
        ``tier`` of the creator; ``creator history`` and ``pair history``, promotions known.
    predicted : DataFrame
        As `Plaza.predict` told them at the cut.
    observed : mapping of str to float64 array
        ``exposures``, ``clicks``, ``orders``, ``gmv``; ``before_fee``, what was left after refunds
        and commission; ``net``, that less the fee that was *foretold*, so that net is judged as
        at the fee that was agreed; and ``net_paid``, less the fee that was paid. NaN where not
        known exactly, or not yet all there.
    unknown : int
        Promotions of merchants or creators whom nobody knew at the cut; they are left out.
    """

    rows: pd.DataFrame
    groups: pd.DataFrame
    predicted: pd.DataFrame
    observed: Mapping[str, Floats]
    unknown: int

    def __len__(self) -> int:
        return len(self.rows)


def later_promotions(
    plaza: Plaza,
    past: Market,
    market: Market,
    *,
    settled_days: Mapping[str, float] | None = None,
) -> Later:
    """Ask a plaza, trained on the past, for what happened afterwards.

    Parameters
    ----------
    plaza : Plaza
        Trained on ``past``.
    past, market : Market
        As known at the cut, and at the end.
    settled_days : mapping of str to float, optional
        Age that a promotion must have for its ``orders``, ``gmv`` and ``net`` to count.
    """
    promotions = market.table("promotions")
    rows = promotions[promotions["occurred_at"] > past.as_of].reset_index(drop=True)
    there = rows["merchant_id"].isin(plaza.merchant_ids) & rows["creator_id"].isin(
        plaza.creator_ids
    )
    unknown = int((~there).sum())
    rows = rows[there].reset_index(drop=True)
    ids = Entities.of(past)
    known = ids.products.find(rows["product_id"])[1]
    products = pd.Series(rows["product_id"].to_numpy(object), dtype=object)
    asked = rows[["merchant_id", "creator_id"]].assign(product_id=products.where(known))
    predicted = plaza.predict(asked)
    named = ["occurred_at", "merchant_id", "creator_id", "product_id"]
    return Later(
        rows[named].assign(asked_product=asked["product_id"]),
        _groups(rows, past, ids),
        predicted,
        _observed(rows, predicted, market.as_of, {**SETTLED_DAYS, **(settled_days or {})}),
        unknown,
    )


def coverage_by_group(later: Later, only: str | None = None) -> pd.DataFrame:
    """Share of promotions inside their 80 % intervals, for all of them and by group.

    Parameters
    ----------
    only : str, optional
        One of `QUANTITIES`; all when not given.

    Returns
    -------
    DataFrame
        ``quantity``, ``by`` (``all``, or what is grouped by), and the columns of
        `training.coverage.coverage` with ``error``, the binomial standard error of ``inside_80``.
    """
    parts = []
    for name in QUANTITIES if only is None else [only]:
        middle, low, high = ends_of(later.predicted, name)
        for by in later.groups:
            found = coverage(later.observed[name], middle, low, high, later.groups[by])
            found = found.assign(quantity=name, by=["all", *[str(by)] * (len(found) - 1)])
            # All promotions are the same whatever they are grouped by.
            parts.append(found if by == later.groups.columns[0] else found.iloc[1:])
    return with_error(pd.concat(parts, ignore_index=True))


def with_error(found: pd.DataFrame) -> pd.DataFrame:
    """Binomial standard error beside each share ``inside_80``."""
    share, count = found["inside_80"], found["promotions"]
    found = found.assign(error=np.sqrt(share * (1 - share) / count))
    first = [name for name in ("quantity", "by", "group") if name in found]
    return found[[*first, *(name for name in found.columns if name not in first)]]


def ends_of(predicted: pd.DataFrame, name: str) -> tuple[Floats, Floats, Floats]:
    """Point, low and high end of one of `QUANTITIES` out of predictions."""
    begin = QUANTITIES[name]
    point_, low, high = (
        predicted[f"{begin}{end}"].to_numpy(float) for end in ("", "_low", "_high")
    )
    return point_, low, high


def _groups(rows: pd.DataFrame, past: Market, ids: Entities) -> pd.DataFrame:
    creators = by_row(past.table("creators"), "creator_id", ids.creators)
    place, _ = ids.creators.find(rows["creator_id"])
    tier = tier_of(point(creators, "followers").to_numpy(float)[place])
    seen = past.table("promotions")
    of_creator = seen["creator_id"].value_counts().reindex(rows["creator_id"]).fillna(0)
    pairs = ["merchant_id", "creator_id"]
    met = seen.groupby(pairs).size().reindex(pd.MultiIndex.from_frame(rows[pairs])).fillna(0)
    return pd.DataFrame(
        {
            "tier": pd.Categorical(tier, list(TIERS)),
            "creator history": _grouped(of_creator.to_numpy(), OF_CREATOR),
            "pair history": _grouped(met.to_numpy(), OF_PAIR),
        }
    )


def _grouped(count: npt.NDArray[Any], groups: Mapping[str, int]) -> pd.Categorical:
    names = np.array(list(groups), dtype=object)
    place = np.searchsorted(list(groups.values()), count, side="right") - 1
    return pd.Categorical(names[place], list(groups))


def _observed(
    rows: pd.DataFrame,
    predicted: pd.DataFrame,
    as_of: pd.Timestamp,
    settled_days: Mapping[str, float],
) -> dict[str, Floats]:
    """What came, where it is known exactly and all of it had come by the end."""
    age = (as_of - rows["occurred_at"]).dt.total_seconds().to_numpy(float) / 86_400
    exact = {name: _exactly(rows, name) for name in ("exposures", "clicks", "orders", "gmv")}
    for name in ("orders", "gmv"):
        exact[name] = np.where(age >= settled_days[name], exact[name], np.nan)
    before = exact["gmv"] - _exactly(rows, "refunded_gmv") - _exactly(rows, "commission")
    before = np.where(age >= settled_days["net"], before, np.nan)
    return {
        **exact,
        "before_fee": before,
        "net": before - fee_of(predicted),
        "net_paid": before - _exactly(rows, "slot_fee"),
    }


def fee_of(predicted: pd.DataFrame) -> Floats:
    """The slot fee that net is told after: the fee that breaks even is that much above it."""
    fee = predicted["break_even_fee_p50"] - predicted["net_p50"]
    found: Floats = fee.to_numpy(float)
    return found


def _exactly(rows: pd.DataFrame, column: str) -> Floats:
    low, high = bounds(rows, column)
    return low.where(low == high).to_numpy(float)
