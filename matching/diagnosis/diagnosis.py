"""A merchant's cooperations, one row a creator: where each stands and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.diagnosis.causes import cause_of, creator_elsewhere, product_elsewhere
from matching.diagnosis.cooperations import Cooperations
from matching.diagnosis.quadrants import (
    ACTIONS,
    QUADRANTS,
    UNKNOWN,
    name_quadrants,
    quadrant_probabilities,
    sessions_to_settle,
)
from matching.diagnosis.standing import Z80, conversions, displays
from matching.diagnosis.yardsticks import CIRCLES, Yardsticks
from models.pairs import Floats

#: Probability from which a quadrant is called sure.
SURE = 0.8

#: Columns of a probability, in the order of `QUADRANTS`.
PROBABILITIES = tuple("p_" + name.replace(" ", "_") for name in QUADRANTS)


class Diagnosis:
    """Diagnoses every merchant of a market; each pair's figures depend on nobody's asking.

    Parameters
    ----------
    past : Cooperations

    Attributes
    ----------
    yardsticks : Yardsticks
    """

    def __init__(self, past: Cooperations) -> None:
        self.past = past
        self.yardsticks = Yardsticks.of(past)
        sessions = past.sessions
        self._conversions = conversions(sessions, self.yardsticks.conversion[sessions.merchant])
        self._displays = displays(sessions, self.yardsticks.exposures[sessions.merchant])
        self._trials = sessions.per_pair(sessions.trials)
        self._orders = sessions.per_pair(sessions.orders)
        self._seen = sessions.per_pair(np.isfinite(sessions.shown).astype(float))
        self._count = np.bincount(sessions.pair, minlength=len(sessions.merchant))
        self._fits = np.sort(past.fit[np.isfinite(past.fit)])

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
        sessions = self.past.sessions
        start, end = np.searchsorted(sessions.merchant, [merchant, merchant + 1])
        pairs = np.arange(start, end)
        pairs = pairs[np.argsort(-self._count[pairs], kind="stable")]
        told = self._conversions.take(pairs)
        shown = self._displays.take(pairs)
        tried, seen = self._trials[pairs] > 0.0, self._seen[pairs] > 0
        usual = self._usual(merchant)
        chances = quadrant_probabilities(
            np.where(tried, told.above(), np.nan), np.where(seen, shown.above(), np.nan)
        )
        known = np.isfinite(chances).all(axis=1)
        names = name_quadrants(chances)
        rates = {
            "conversion": told.quantile(0.5),
            "conversion_low": told.quantile(0.1),
            "conversion_high": told.quantile(0.9),
        }
        reach = Z80 * np.sqrt(shown.variance)
        logs = {
            "exposures": shown.mean,
            "exposures_low": shown.mean - reach,
            "exposures_high": shown.mean + reach,
        }
        rungs = [self._ladder(merchant, int(sessions.creator[pair])) for pair in pairs]
        low = told.above() < 0.5
        creators = sessions.creator[pairs]
        called = np.full(self.past.shape[1], None) if creator_names is None else creator_names
        columns: dict[str, Any] = {
            "creator_id": np.asarray(creator_ids, dtype=object)[creators],
            "name": np.asarray(called, dtype=object)[creators],
            "quadrant": names,
            "sureness": np.where(known, chances.max(axis=1), np.nan),
            "sessions": self._count[pairs],
            "promotions": [rung["promotions"] for rung in rungs],
            "products": [rung["products"] for rung in rungs],
            "trials": np.where(tried, [rung["trials"] for rung in rungs], np.nan),
            "orders": np.where(tried, self._orders[pairs], np.nan),
            **{
                k: np.where(tried, _rate(v * usual[0], self.past), np.nan) for k, v in rates.items()
            },
            "conversion_usual": usual[0],
            **{k: np.where(seen, np.exp(v) * usual[1], np.nan) for k, v in logs.items()},
            "exposures_usual": usual[1],
            **dict(zip(PROBABILITIES, chances.T, strict=True)),
            "action": [ACTIONS[one] for one in names],
            "cause": [
                rung["cause"] if is_low and ok else None
                for rung, is_low, ok in zip(rungs, low, tried & np.isfinite(told.mean), strict=True)
            ],
            "sessions_to_80": np.where(known, sessions_to_settle(told, shown, SURE), np.nan),
            "sessions_to_90": np.where(known, sessions_to_settle(told, shown, 0.9), np.nan),
        }
        frame = pd.DataFrame(columns)
        frame["reasons"] = [
            self._reasons(row, rung["evidence"])
            for row, rung in zip(frame.to_dict("records"), rungs, strict=True)
        ]
        frame.attrs["notes"] = self._notes(merchant, merchant_id, len(frame))
        frame.attrs["trials"] = self.past.trials_basis
        return frame

    def _usual(self, merchant: int) -> tuple[float, float]:
        if merchant >= self.past.shape[0]:
            return float("nan"), float("nan")
        one = self.yardsticks
        return float(one.conversion[merchant]), float(one.exposures[merchant])

    def _ladder(self, merchant: int, creator: int) -> dict[str, Any]:
        """Counts of one cooperation, and what speaks for each cause."""
        past = self.past
        start, end = np.searchsorted(past.merchant, [merchant, merchant + 1])
        first, last = np.searchsorted(past.creator[start:end], [creator, creator + 1])
        rows = np.arange(start + first, start + last)
        fit = past.fit[rows]
        fit = fit[np.isfinite(fit)]
        nearer = np.nan
        if len(fit):
            nearer = np.searchsorted(self._fits, fit.mean()) / len(self._fits)
        products = past.product[rows]
        both = np.isfinite(past.trials[rows]) & np.isfinite(past.orders[rows])
        cause, evidence = cause_of(
            creator_elsewhere(past, self.yardsticks.conversion, rows, creator),
            product_elsewhere(past, self._usual(merchant)[0], rows, creator),
            float(nearer),
            _trial(past.trials_basis),
        )
        return {
            "promotions": len(rows),
            "products": len(np.unique(products[products >= 0])) or np.nan,
            "trials": float(past.trials[rows][both].sum()),
            "cause": cause,
            "evidence": evidence,
        }

    def _reasons(self, row: dict[Any, Any], evidence: list[str]) -> list[str]:
        """Why this quadrant, in a merchant's words."""
        told = []
        trial = _trial(self.past.trials_basis)
        if np.isfinite(row["conversion"]):
            told.append(
                f"{row['orders']:,.0f} orders of {row['trials']:,.0f} {trial}s: "
                f"{_per_100(row['conversion'])} per 100 {trial}s, 80% sure between "
                f"{_per_100(row['conversion_low'])} and {_per_100(row['conversion_high'])}; "
                f"{_per_100(row['conversion_usual'])} is usual."
            )
        else:
            told.append("Its conversion is not known.")
        if np.isfinite(row["exposures"]):
            told.append(
                f"A product gets {row['exposures']:,.0f} exposures in a session, 80% sure between "
                f"{row['exposures_low']:,.0f} and {row['exposures_high']:,.0f}; "
                f"{row['exposures_usual']:,.0f} is usual."
            )
        else:
            told.append("Its exposures are not known.")
        if row["quadrant"] != UNKNOWN and row["sureness"] < SURE:
            told.append(_patience(row["sessions_to_80"]))
        return told + (evidence if row["cause"] is not None else [])

    def _notes(self, merchant: int, name: str, rows: int) -> list[str]:
        """Which peers it was measured by, or why there is nothing to tell."""
        if not rows:
            return [f"{name} has not worked with any creator yet."]
        one, notes = self.yardsticks, []
        for what, circle, peers in (
            ("Conversion", one.conversion_circle, one.conversion_peers),
            ("Exposure", one.exposures_circle, one.exposures_peers),
        ):
            count = int(peers[merchant])
            if not count:
                notes.append(f"{what}: no other merchant's figures are known to compare with.")
                continue
            whose = f"{count} other merchant{'s' if count > 1 else ''}"
            notes.append(
                f"{what} is compared with {whose} of {CIRCLES[int(circle[merchant])]}"
                f"{self._circle_name(merchant, int(circle[merchant]))}."
            )
        if self.past.shown_basis == "views":
            notes.append("Nobody counts exposures here: views of the session stand in for them.")
        return notes

    def _circle_name(self, merchant: int, circle: int) -> str:
        """Industry and tier in brackets, as far as the circle is drawn by them."""
        past = self.past
        names = []
        if circle <= 1:
            names.append(past.industries[past.industry[merchant]])
        if circle == 0:
            names.append(f"tier {past.tiers[past.tier[merchant]]}")
        return f" ({', '.join(names)})" if names else ""


def _rate(values: Floats, past: Cooperations) -> Floats:
    # Viewers may order more than once, those who click once.
    return values if past.trials_basis == "views" else np.minimum(values, 1.0)


def _trial(basis: str | None) -> str:
    return (basis or "clicks").removesuffix("s")


def _per_100(rate: float) -> str:
    return f"{100 * rate:.2g}"


def _patience(sessions: float) -> str:
    if np.isinf(sessions):
        return "It lies so close to the usual that no number of sessions would settle it."
    plural = "s" if sessions > 1 else ""
    return f"About {sessions:.0f} more session{plural} would settle it at 80%."
