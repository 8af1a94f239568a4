"""Why a cooperation stands where it does, in a merchant's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matching.diagnosis.cooperations import Cooperations
from matching.diagnosis.quadrants import UNKNOWN
from matching.diagnosis.yardstick import CIRCLES

#: Probability from which a quadrant is called sure.
SURE = 0.8

#: Share of orders from which nothing more is said of those still on their way.
_ARRIVED = 0.97
#: Fewer peers than these are told to be few.
_FEW = 3


def reasons(
    row: Mapping[Any, Any], evidence: list[str], arrived: float, basis: str | None
) -> list[str]:
    """What speaks for one row of a diagnosis.

    Parameters
    ----------
    row : mapping of column to value
    evidence : list of str
        What the ladder of causes says; told where conversion is low.
    arrived : float
        Share of its orders that has arrived.
    basis : str or None
        What conversion is counted on.
    """
    told = [_conversion(row, (basis or "clicks").removesuffix("s")), _exposures(row)]
    if arrived < _ARRIVED:
        told.append(
            f"Some of its orders are still on their way: about {100 * arrived:.0f}% have arrived, "
            "and those to come count as no failures."
        )
    if _only_paid(row):
        told.append(
            f"It is shown much by paid traffic alone: {100 * row['paid_share']:.0f}% of its "
            f"exposures were paid for, the organic ones, {row['organic_exposures']:,.0f}, lie "
            f"below the usual {row['organic_usual']:,.0f}."
        )
    if row["quadrant"] != UNKNOWN and row["sureness"] < SURE:
        told.append(_patience(row["sessions_to_80"]))
    return told + (evidence if row["cause"] is not None else [])


def notes(all_: Cooperations, merchant: int, name: str, rows: int) -> list[str]:
    """Which peers a merchant was measured by, or why there is nothing to tell."""
    if not rows:
        return [f"{name} has not worked with any creator yet."]
    told = []
    for what, one in (("Conversion", all_.conversion), ("Exposure", all_.exposures)):
        count = int(one.peers[merchant])
        if not count:
            told.append(f"{what}: no other merchant's figures are known to compare with.")
            continue
        circle = int(one.circle[merchant])
        whose = f"{count} other merchant{'s' if count > 1 else ''}"
        few = ", drawn towards a wider circle for so few" if count < _FEW and circle < 2 else ""
        told.append(
            f"{what} is compared with the average of {whose} of {CIRCLES[circle]}"
            f"{_circle_name(all_, merchant, circle)}{few}."
        )
    if all_.shown_basis == "views":
        told.append("Nobody counts exposures here: views of the session stand in for them.")
    return told


def _conversion(row: Mapping[Any, Any], trial: str) -> str:
    if not np.isfinite(row["conversion"]):
        return "Its conversion is not known."
    usual = row["conversion_usual"]
    beside = f"{_per_100(usual)} is usual" if np.isfinite(usual) else "what is usual is not known"
    plural = "" if row["orders"] == 1 else "s"
    return (
        f"{row['orders']:,.0f} order{plural} of {row['trials']:,.0f} {trial}s: "
        f"{_per_100(row['conversion'])} per 100 {trial}s, 80% sure between "
        f"{_per_100(row['conversion_low'])} and {_per_100(row['conversion_high'])}; {beside}."
    )


def _exposures(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["exposures"]):
        return "Its exposures are not known."
    usual = row["exposures_usual"]
    beside = f"{usual:,.0f} is usual" if np.isfinite(usual) else "what is usual is not known"
    return (
        f"A product gets {row['exposures']:,.0f} exposures in a session, 80% sure between "
        f"{row['exposures_low']:,.0f} and {row['exposures_high']:,.0f}; {beside}."
    )


def _only_paid(row: Mapping[Any, Any]) -> bool:
    high = row["exposures"] > row["exposures_usual"]
    return bool(
        high and row["paid_share"] > 0.0 and row["organic_exposures"] < row["organic_usual"]
    )


def _circle_name(all_: Cooperations, merchant: int, circle: int) -> str:
    """Industry and tier in brackets, as far as the circle is drawn by them."""
    names = []
    if circle <= 1:
        names.append(all_.industries[all_.industry[merchant]])
    if circle == 0:
        names.append(f"tier {all_.tiers[all_.tier[merchant]]}")
    return f" ({', '.join(names)})" if names else ""


def _per_100(rate: float) -> str:
    return f"{100 * rate:.2g}"


def _patience(sessions: float) -> str:
    if np.isinf(sessions):
        return "It lies so close to the usual that no number of sessions would settle it."
    plural = "s" if sessions > 1 else ""
    return f"About {sessions:.0f} more session{plural} would settle it at 80%."
