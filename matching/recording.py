"""Promotions told after a training: into the ledger, and from there into the ranking."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from matching.entries import NUMBERS, Entries
from matching.errors import BadInput
from matching.history import History
from matching.learnt import Learnt
from matching.ledger import RatingLedger
from matching.moments import day_of, days, moment
from matching.queries import Desk
from models.features import PromotionOutcomes
from models.pairs import Floats
from models.ranged import Ranged

REQUIRED = ("occurred_at", "merchant_id", "creator_id")
_SUMS = ("clicks", "orders", "gmv")


def recorded(
    trained: Learnt,
    desk: Desk,
    ledger: RatingLedger,
    promotions: pd.DataFrame,
    as_of: str | date | pd.Timestamp | None = None,
) -> tuple[Learnt, RatingLedger]:
    """What a plaza answers from once it was told of further promotions, without a training.

    Predictions read the new ratings, and the history of who worked with whom knows of them; all
    else stays as trained.

    Parameters
    ----------
    trained : Learnt
        As read from the bundle.
    ledger : RatingLedger
        With all that was recorded before.
    promotions : DataFrame
        As in a market; only ``occurred_at``, ``merchant_id`` and ``creator_id`` are required.
    as_of : str, date or Timestamp, optional
        When the figures were read; the latest moment told of where not given.

    Raises
    ------
    UnknownId
        When no table of the market holds a merchant or a creator.
    BadInput
        When the promotions cannot be used, or the bundle knows them already.
    """
    when = _days(promotions)
    latest = max([ledger.read_at, *when.tolist()])
    read = latest if as_of is None else day_of(as_of)
    if len(when) and when.min() <= ledger.as_of:
        raise BadInput(
            f"promotions: row {int(when.argmin())} is of {moment(float(when.min()))}, and the "
            f"bundle knows all up to {moment(ledger.as_of)}; record what came later, or train again"
        )
    if read < latest:
        raise BadInput(
            f"as_of is {moment(read)}, but something told is of {moment(latest)}; expected a "
            "moment no earlier"
        )
    named = promotions[["merchant_id", "creator_id"]].reset_index(drop=True)
    if "product_id" in promotions:
        goods = promotions["product_id"].reset_index(drop=True)
        # One launched since the training is none in particular.
        named["product_id"] = goods.where(goods.isin(desk.products.ids))
    pairs = desk.named(named)
    outcomes = _outcomes(promotions, ledger.shown_basis, read - when)
    sessions = promotions.get("session_id", pd.Series([None] * len(pairs), dtype=object))
    new = Entries.of(trained.outcomes.chain_, pairs, outcomes, sessions, when, read)
    ledger = replace(ledger, recorded=ledger.recorded.joined(new))
    learnt = replace(
        trained,
        outcomes=ledger.ranked(trained.outcomes, read),
        history=_history(trained.history, ledger.recorded),
    )
    return learnt, ledger


def _days(promotions: pd.DataFrame) -> Floats:
    """Check that it is a table of promotions, and tell when they took place."""
    if not isinstance(promotions, pd.DataFrame):
        raise BadInput(
            f"promotions: got {type(promotions).__name__}, expected a DataFrame with "
            f"{', '.join(REQUIRED)}"
        )
    for name in REQUIRED:
        if name not in promotions:
            raise BadInput(
                f"promotions: no column {name!r} among {', '.join(map(str, promotions.columns))}; "
                f"give {', '.join(REQUIRED)}"
            )
    times = pd.to_datetime(promotions["occurred_at"], utc=True, errors="coerce")
    unread = np.flatnonzero(times.isna())
    if len(unread):
        one = promotions["occurred_at"].iloc[unread[0]]
        raise BadInput(
            f"promotions: row {unread[0]} has occurred_at {one!r}, expected a time in UTC like "
            "2026-01-31T18:30:00Z"
        )
    return days(times)


def _outcomes(promotions: pd.DataFrame, basis: str, age_days: Floats) -> PromotionOutcomes:
    """What promotions brought, as exact numbers and as ranges.

    Raises
    ------
    BadInput
        When a number is below 0, a range is turned, or more clicked than saw, or more bought.
    """
    columns: dict[str, Floats] = {}
    for name in NUMBERS:
        given = basis if name == "exposures" else name
        exact, low, high = (_numbers(promotions, given + end) for end in ("", "_low", "_high"))
        wrong = np.flatnonzero((exact < 0.0) | (low < 0.0) | (low > high))
        if len(wrong):
            one = wrong[0]
            raise BadInput(
                f"promotions: row {one} has {given} {exact[one]:g} (from {low[one]:g} to "
                f"{high[one]:g}), expected a number from 0 on, or a range of such"
            )
        columns |= {name: exact, f"{name}_low": low, f"{name}_high": high}
    outcomes = PromotionOutcomes.of(age_days, basis, **columns)
    clicks, shown = outcomes.ranged("clicks").low, outcomes.ranged("exposures").high
    above = np.flatnonzero(clicks > shown)
    if len(above) and basis == "exposures":
        raise BadInput(
            f"promotions: row {above[0]} has {clicks[above[0]]:g} clicks of "
            f"{shown[above[0]]:g} exposures, expected no more clicks than exposures"
        )
    orders, clicks = outcomes.ranged("orders").low, outcomes.ranged("clicks").high
    above = np.flatnonzero(orders > clicks)
    if len(above):
        raise BadInput(
            f"promotions: row {above[0]} has {orders[above[0]]:g} orders of "
            f"{clicks[above[0]]:g} clicks, expected no more orders than clicks"
        )
    return outcomes


def _numbers(promotions: pd.DataFrame, name: str) -> Floats:
    if name not in promotions:
        return np.full(len(promotions), np.nan)
    cells = promotions[name]
    found = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(cells.notna().to_numpy(bool) & ~np.isfinite(found))
    if len(wrong):
        raise BadInput(
            f"promotions: row {wrong[0]} has {name} {cells.iloc[wrong[0]]!r}, expected a number"
        )
    return found


def _history(trained: History, new: Entries) -> History:
    """Past cooperations with those of some entries, summed over what is known."""
    columns = {
        "merchant": new.merchant,
        "creator": new.creator,
        "promotions": np.ones(len(new), dtype=np.int32),
        "last_day": np.floor(new.day).astype(np.int32),
        **{name: Ranged(*new.numbers[name].T).middle for name in _SUMS},
    }
    rows = pd.DataFrame(
        {name: np.concatenate([getattr(trained, name), told]) for name, told in columns.items()}
    )
    grouped = rows.groupby(["merchant", "creator"])
    sums = grouped[list(_SUMS)].sum(min_count=1)
    keys = sums.index.to_frame(index=False)
    return History(
        shape=trained.shape,
        merchant=keys["merchant"].to_numpy(np.int32),
        creator=keys["creator"].to_numpy(np.int32),
        promotions=grouped["promotions"].sum().to_numpy(np.int32),
        last_day=grouped["last_day"].max().to_numpy(np.int32),
        **{name: sums[name].to_numpy(float) for name in _SUMS},
    )
