"""A merchant's cooperations, one row a creator: where each stands and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.diagnosis.causes import Rung, cause_of, evidence
from matching.diagnosis.cooperations import Cooperations, Ladder, as_read, taken
from matching.diagnosis.quadrants import (
    ACTIONS,
    QUADRANTS,
    name_quadrants,
    quadrant_probabilities,
    sessions_to_settle,
)
from matching.diagnosis.standing import Conversions, Displays, right_side
from matching.diagnosis.words import SURE, notes, reasons
from matching.diagnosis.yardstick import Yardstick
from models.pairs import Floats

#: Columns of a probability, in the order of `QUADRANTS`.
PROBABILITIES = tuple("p_" + name.replace(" ", "_") for name in QUADRANTS)

#: Usual orders that the trials must be worth before their rate is believed as it is.
_LEAST_ORDERS = 0.5

_ENDS = (("", 0.5), ("_low", 0.1), ("_high", 0.9))


class Diagnosis:
    """Diagnoses any merchant of a market from what was learnt of its cooperations.

    Parameters
    ----------
    cooperations : Cooperations
    """

    def __init__(self, cooperations: Cooperations) -> None:
        self.cooperations = cooperations

    def of(
        self,
        merchant: int,
        creator_ids: Sequence[Any] | npt.NDArray[Any],
        creator_names: Sequence[Any] | npt.NDArray[Any] | None = None,
        merchant_id: str = "This merchant",
    ) -> pd.DataFrame:
        """Diagnose one merchant.

        Parameters
        ----------
        merchant : int
            Its row.
        creator_ids : sequence of str
            Ids of all creators, in row order.
        creator_names : sequence of str or None, optional
            Their names, likewise.
        merchant_id : str
            What the merchant is called in the notes.

        Returns
        -------
        DataFrame
            As `Plaza.diagnose` describes it; empty, with a note, without cooperations.
        """
        all_ = self.cooperations
        span = all_.rows_of(merchant)
        rows = np.arange(span.start, span.stop)
        rows = rows[np.argsort(-all_.sessions[rows], kind="stable")]
        rate = taken(all_.conversions, rows)
        shown = taken(all_.displays, rows)
        ladder = taken(all_.ladder, rows)
        trials = as_read(all_.trials, rows)
        tried, seen = trials > 0.0, all_.shown[rows] > 0
        lines = [_at(one, merchant, len(rows)) for one in (all_.conversion, all_.exposures)]
        sides = [
            np.where(tried, rate.above(*lines[0]), np.nan),
            np.where(seen, shown.above(*lines[1]), np.nan),
        ]
        # Trials that would bring less than half an order are no rate, whatever the market makes
        # likely: three clicks are never sure.
        worth = trials * as_read(all_.arrived, rows) * lines[0][0]
        sides[0] = 0.5 + np.minimum(worth / _LEAST_ORDERS, 1.0) * (sides[0] - 0.5)
        chances = quadrant_probabilities(*sides)
        known = np.isfinite(chances).all(axis=1)
        names = name_quadrants(chances)
        causes = [cause_of(one) for one in ladder.causes]
        low = tried & (sides[0] < 0.5)
        creators = all_.creator[rows]
        called = np.full(len(creator_ids), None) if creator_names is None else creator_names
        top = 1.0 if all_.trials_basis != "views" else np.inf
        columns: dict[str, Any] = {
            "creator_id": np.asarray(creator_ids, dtype=object)[creators],
            "name": np.asarray(called, dtype=object)[creators],
            "quadrant": names,
            "sureness": np.where(known, chances.max(axis=1), np.nan),
            "sessions": all_.sessions[rows].astype(np.int64),
            "promotions": all_.promotions[rows].astype(np.int64),
            "products": _known_count(all_.products[rows]),
            "trials": trials,
            "orders": as_read(all_.orders, rows),
            **_interval("conversion", rate, tried, top),
            "conversion_usual": lines[0][0],
            **_interval("exposures", shown, seen, np.inf),
            "exposures_usual": lines[1][0],
            **_organic(
                all_, merchant, rows, np.where(seen, shown.quantile(0.5), np.nan), lines[1][0]
            ),
            **dict(zip(PROBABILITIES, chances.T, strict=True)),
            "action": [ACTIONS[one] for one in names],
            "cause": [
                one if is_low else None for (one, _), is_low in zip(causes, low, strict=True)
            ],
            "cause_sureness": np.where(low, [one for _, one in causes], np.nan),
            **{
                f"sessions_to_{100 * sure:.0f}": _to_settle(sides, (rate, shown), lines, sure)
                for sure in (SURE, 0.9)
            },
        }
        frame = pd.DataFrame(columns)
        arrived = as_read(all_.arrived, rows)
        frame["reasons"] = [
            reasons(row, _evidence(ladder, at, all_.trials_basis), arrived[at], all_.trials_basis)
            for at, row in enumerate(frame.to_dict("records"))
        ]
        frame.attrs["notes"] = notes(all_, merchant, merchant_id, len(frame))
        frame.attrs["trials"] = all_.trials_basis
        return frame


def _at(yardstick: Yardstick, merchant: int, n: int) -> tuple[Floats, Floats]:
    """Usual figure and its doubt for n cooperations of one merchant; NaN for a stranger."""
    if merchant >= len(yardstick.usual):
        return np.full(n, np.nan), np.full(n, np.nan)
    return (
        np.full(n, float(yardstick.usual[merchant])),
        np.full(n, float(yardstick.doubt[merchant])),
    )


def _interval(
    name: str, told: Conversions | Displays, known: npt.NDArray[np.bool_], top: float
) -> dict[str, Floats]:
    return {
        name + end: np.where(known, np.minimum(told.quantile(share), top), np.nan)
        for end, share in _ENDS
    }


def _organic(
    all_: Cooperations, merchant: int, rows: npt.NDArray[np.int64], shown: Floats, usual: Floats
) -> dict[str, Floats]:
    """Paid and organic exposures apart, as far as it is known what was paid for."""
    paid = as_read(all_.paid, rows)
    peers = float(all_.paid_usual[merchant]) if merchant < len(all_.paid_usual) else np.nan
    return {
        "paid_share": paid,
        "organic_exposures": shown * (1.0 - paid),
        "organic_usual": usual * (1.0 - peers),
    }


def _to_settle(
    sides: Sequence[Floats],
    told: tuple[Conversions, Displays],
    lines: Sequence[tuple[Floats, Floats]],
    sureness: float,
) -> Floats:
    def axis(at: int, sessions: Floats) -> Floats:
        return right_side(sides[at], told[at].learnt(sessions, lines[at][1]))

    return sessions_to_settle(
        lambda more: axis(0, more), lambda more: axis(1, more), sureness, len(sides[0])
    )


def _known_count(count: npt.NDArray[np.int32]) -> Floats:
    return np.where(count > 0, count.astype(np.float64), np.nan)


def _evidence(ladder: Ladder, at: int, basis: str | None) -> list[str]:
    creator = Rung(
        float(ladder.creator_orders[at]),
        float(ladder.creator_expected[at]),
        int(ladder.creator_others[at]),
    )
    product = Rung(
        float(ladder.product_orders[at]),
        float(ladder.product_expected[at]),
        int(ladder.product_others[at]),
        float(ladder.product_trials[at]),
    )
    return evidence(
        creator, product, float(ladder.nearer[at]), (basis or "clicks").removesuffix("s")
    )
