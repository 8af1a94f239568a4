"""Kinds of events between a merchant and a creator, and the tables that tell of them."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

#: What can happen between a merchant and a creator; a kind's code is its place in this tuple.
EVENT_KINDS: tuple[str, ...] = (
    "viewed",
    "invited",
    "accepted",
    "posted",
    "sold",
    "repeated",
    "refused",
    "refunded",
)

_PAIR = ["merchant_id", "creator_id"]
_EVENT = [*_PAIR, "kind", "occurred_at", "amount"]


@dataclass(frozen=True)
class EventWeights:
    """What one event of each kind says about a pair; a negative weight says that it went wrong.

    The defaults are ours, as no source gives numbers. Looking and asking say little, work done
    together says 1, and coming back says most, since long cooperation counts above one-off
    selling. A refusal outweighs the invitation before it; heavy refunds take back a sale.

    Examples
    --------
    >>> EventWeights(sold=2.0).of("sold")
    2.0
    """

    viewed: float = 0.1
    invited: float = 0.3
    accepted: float = 0.7
    posted: float = 1.0
    sold: float = 1.0
    repeated: float = 1.5
    refused: float = -1.0
    refunded: float = -1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            weight = getattr(self, field.name)
            if not np.isfinite(weight):
                raise ValueError(f"weight of {field.name!r} is {weight}; give a finite number")

    def of(self, kind: str) -> float:
        """Weight of one kind.

        Raises
        ------
        ValueError
            When the kind is not one of ``EVENT_KINDS``.
        """
        return float(self.as_array()[kind_codes([kind])[0]])

    def as_array(self) -> npt.NDArray[np.float64]:
        """All weights in the order of ``EVENT_KINDS``, float64 of shape (8,)."""
        return np.array(astuple(self), dtype=np.float64)


def kind_codes(kinds: Any) -> npt.NDArray[np.int64]:
    """Codes of kinds given as names or already as codes.

    Raises
    ------
    ValueError
        For a name that is not in ``EVENT_KINDS`` or a code outside it.

    Examples
    --------
    >>> kind_codes(["posted", "viewed"]).tolist()
    [3, 0]
    """
    if isinstance(kinds, pa.Array | pa.ChunkedArray):
        kinds = kinds.to_pandas()
    given = pd.Series(kinds)
    if pd.api.types.is_integer_dtype(given.dtype):
        codes = given.to_numpy(np.int64)
        wrong = (codes < 0) | (codes >= len(EVENT_KINDS))
    else:
        local, names = pd.factorize(given, use_na_sentinel=False)
        codes = pd.Index(EVENT_KINDS).get_indexer(pd.Index(names, dtype=object))[local]
        wrong = codes < 0
    if wrong.any():
        raise ValueError(
            f"unknown kind of event {given[wrong].tolist()[0]!r}; give one of "
            f"{', '.join(EVENT_KINDS)}, or its place there from 0"
        )
    return codes


def market_events(
    promotions: pd.DataFrame,
    outreach: pd.DataFrame | None = None,
    *,
    heavy_refunds: float = 0.5,
) -> pd.DataFrame:
    """Tell promotions and outreach as events.

    =========  =============================================================================
    posted     every promotion
    sold       a promotion with orders (or, orders unknown, with GMV), counted
               1 + log10(orders): ten times the orders are one step more, so that no single
               record stream outweighs everything else
    repeated   every session of a pair after its first; promotions without a session id are
               of one session when they happened at the same moment
    refunded   a promotion whose refunded share of GMV is at least ``heavy_refunds``; about a
               third of GMV comes back in live selling, so half is out of the common
    invited    every outreach
    accepted   outreach accepted or posted (the promotion itself is in ``promotions``)
    refused    outreach rejected
    =========  =============================================================================

    The ``weight`` of a promotion multiplies its events. Overdue or withdrawn outreach stays an
    invitation, as it does not say who lost interest. Of a range the lower end is believed.

    Parameters
    ----------
    promotions : DataFrame
        With ``merchant_id, creator_id, occurred_at`` and, where known, ``session_id, orders,
        gmv, refunded_gmv, weight``.
    outreach : DataFrame, optional
        With ``merchant_id, creator_id, sent_at`` and, where known, ``status``.
    heavy_refunds : float
        Refunded share of GMV, in (0, 1], from which a promotion counts as refunded.

    Returns
    -------
    DataFrame
        ``merchant_id, creator_id, kind, occurred_at, amount``, as ``InteractionBuilder.add``
        takes them; ``kind`` is categorical.

    Raises
    ------
    ValueError
        When ``heavy_refunds`` is outside (0, 1].

    Examples
    --------
    >>> row = {"merchant_id": "m", "creator_id": "c", "occurred_at": "2024-01-01", "orders": 100}
    >>> market_events(pd.DataFrame([row]))[["kind", "amount"]].values.tolist()
    [['posted', 1.0], ['sold', 3.0]]
    """
    if not 0 < heavy_refunds <= 1:
        raise ValueError(f"heavy_refunds is {heavy_refunds}; give a share above 0, at most 1")
    events = _of_promotions(promotions, heavy_refunds)
    if outreach is not None:
        events += _of_outreach(outreach)
    told = pd.concat(events, ignore_index=True)
    told["kind"] = pd.Categorical(told["kind"], categories=EVENT_KINDS)
    return told


def _of_promotions(promotions: pd.DataFrame, heavy_refunds: float) -> list[pd.DataFrame]:
    rows = promotions[[*_PAIR, "occurred_at"]].assign(
        amount=_numbers(promotions, "weight").fillna(1.0),
        session=promotions.get("session_id", pd.Series(index=promotions.index, dtype=object)),
    )
    orders, gmv = _numbers(promotions, "orders"), _numbers(promotions, "gmv")
    sold = (orders > 0) | (orders.isna() & (gmv > 0))
    steps = 1.0 + np.log10(orders.where(orders > 1, 1.0))
    heavy = _numbers(promotions, "refunded_gmv") >= heavy_refunds * gmv.where(gmv > 0)
    return [
        _told(rows, "posted"),
        _told(rows.assign(amount=rows["amount"] * steps)[sold], "sold"),
        _told(_later_sessions(rows), "repeated"),
        _told(rows[heavy], "refunded"),
    ]


def _later_sessions(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for every session of a pair that is not its first."""
    rows = rows.assign(moment=rows["occurred_at"].where(rows["session"].isna()))
    # Ties are broken by all that tells rows apart, so that the order of the table does not show.
    rows = rows.sort_values(["occurred_at", "session", "amount"], kind="stable")
    sessions = rows[~rows.duplicated([*_PAIR, "session", "moment"])]
    return sessions[sessions.duplicated(_PAIR)]


def _of_outreach(outreach: pd.DataFrame) -> list[pd.DataFrame]:
    rows = outreach[_PAIR].assign(occurred_at=outreach["sent_at"], amount=1.0)
    status = outreach.get("status", pd.Series(index=outreach.index, dtype=object))
    return [
        _told(rows, "invited"),
        _told(rows[status.isin(["accepted", "posted"])], "accepted"),
        _told(rows[status == "rejected"], "refused"),
    ]


def _told(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    return rows.assign(kind=kind)[_EVENT]


def _numbers(frame: pd.DataFrame, column: str) -> pd.Series[float]:
    """Read a numeric column, or the lower end of its range; NaN where neither says anything."""
    nothing = pd.Series(np.nan, index=frame.index, dtype=np.float64)
    exact = pd.to_numeric(frame.get(column, nothing)).astype(np.float64)
    return exact.fillna(pd.to_numeric(frame.get(f"{column}_low", nothing)).astype(np.float64))
