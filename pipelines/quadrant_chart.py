"""The quadrant chart of a merchant's cooperations, to be shown in a meeting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from matching.diagnosis.diagnosis import SURE
from matching.diagnosis.quadrants import QUADRANTS, UNKNOWN
from matching.errors import BadInput
from models.pairs import Floats
from pipelines.console import number
from training.drawing import INK, QUIET, figure_with_axes, headline

_COLOURS = dict(zip(QUADRANTS, ("#0b6e8a", "#5f7f3b", "#d98e32", "#b5473c"), strict=True))
#: What to do, in as many words as a corner has room for.
_SHORT = dict(
    zip(
        QUADRANTS,
        (
            "strengthen",
            "more sessions, watch exposure",
            "fix the fit before spending",
            "fix the fit, no paid traffic",
        ),
        strict=True,
    )
)
#: Names beyond these would lie on each other.
_NAMES = 14
#: Left, bottom, right and top in pixels.
_Box = tuple[float, float, float, float]
#: Longer names are cut.
_LONGEST = 18


def draw_quadrants(frame: pd.DataFrame, merchant_id: str) -> Figure:
    """Draw conversion against exposure, with 80 % intervals and the yardsticks between.

    Parameters
    ----------
    frame : DataFrame
        As `Plaza.diagnose` gives it.

    Raises
    ------
    BadInput
        When no cooperation has a quadrant.
    """
    rows = frame[frame["quadrant"] != UNKNOWN].reset_index(drop=True)
    if rows.empty:
        raise BadInput(
            f"{merchant_id}: none of {len(frame)} cooperations has a known conversion and "
            "exposure, expected at least one; leave the chart out"
        )
    figure, axes = figure_with_axes(tall=1.35)
    axes.set_xscale("log")
    axes.set_yscale("log")
    middle = float(rows["exposures_usual"].iloc[0]), 100 * float(rows["conversion_usual"].iloc[0])
    x, y = rows["exposures"].to_numpy(float), 100 * rows["conversion"].to_numpy(float)
    x_low, x_high = (rows[f"exposures_{end}"].to_numpy(float) for end in ("low", "high"))
    y_low, y_high = (100 * rows[f"conversion_{end}"].to_numpy(float) for end in ("low", "high"))
    axes.set_xlim(*_limits([*x_low, *x_high, middle[0]]))
    axes.set_ylim(*_limits([*y_low, *y_high, middle[1]]))
    axes.axvline(middle[0], color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
    axes.axhline(middle[1], color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
    for at, name in enumerate(rows["quadrant"]):
        colour = _COLOURS[name]
        sure = rows["sureness"].iloc[at] >= SURE
        faint = 0.55 if sure else 0.22
        axes.hlines(y[at], x_low[at], x_high[at], color=colour, alpha=faint, linewidth=1.1)
        axes.vlines(x[at], y_low[at], y_high[at], color=colour, alpha=faint, linewidth=1.1)
        face = colour if sure else "white"
        axes.plot(x[at], y[at], "o", color=colour, markerfacecolor=face, markersize=6, zorder=3)
    _name_corners(axes)
    _name_yardsticks(axes, middle)
    _name_points(figure, axes, rows, x, y)
    _tell(axes, frame, merchant_id)
    return figure


def _limits(values: list[float]) -> tuple[float, float]:
    """Ends of a log axis with room for the corners' names."""
    low, high = min(values), max(values)
    room = max((high / low) ** 0.09, 1.2)
    return low / room, high * room


def _name_corners(axes: Axes) -> None:
    corners = ((0.99, 0.985), (0.01, 0.985), (0.99, 0.015), (0.01, 0.015))
    for name, (across, up) in zip(QUADRANTS, corners, strict=True):
        axes.text(
            across,
            up,
            f"{name.capitalize()}: {_SHORT[name]}",
            transform=axes.transAxes,
            ha="right" if across > 0.5 else "left",
            va="top" if up > 0.5 else "bottom",
            color=_COLOURS[name],
            fontsize=8.5,
            fontweight="bold",
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
        )


def _name_yardsticks(axes: Axes, middle: tuple[float, float]) -> None:
    """Say beside each dashed line what it stands at."""
    styled: dict[str, Any] = {"color": INK, "fontsize": 8, "style": "italic", "zorder": 5}
    across, along = axes.get_xaxis_transform(), axes.get_yaxis_transform()
    axes.text(middle[0], 0.07, f" {number(middle[0])}", transform=across, va="bottom", **styled)
    axes.text(
        0.995, middle[1], number(middle[1]), transform=along, ha="right", va="bottom", **styled
    )


def _name_points(
    figure: Figure,
    axes: Axes,
    rows: pd.DataFrame,
    x: Floats,
    y: Floats,
) -> None:
    """Name points where the name touches no other name or point.

    The quadrants to invest in come first, and in each the surest.
    """
    figure.canvas.draw()
    places = axes.transData.transform(np.column_stack([x, y]))
    taken = [(px - 5, py - 5, px + 5, py + 5) for px, py in places]
    taken += [_box(text) for text in axes.texts]
    inside = _box(axes)
    named, ids = 0, rows["creator_id"].to_numpy(object)
    place = rows["quadrant"].map(QUADRANTS.index).to_numpy()
    for at in np.lexsort([-rows["sureness"].to_numpy(float), place]):
        if named == _NAMES:
            break
        called = str(ids[at] if pd.isna(rows["name"].iloc[at]) else rows["name"].iloc[at])
        if len(called) > _LONGEST:
            called = called[: _LONGEST - 1].rstrip(" (") + "…"
        for right, up in ((True, True), (False, True), (True, False), (False, False)):
            text = axes.annotate(
                called,
                (x[at], y[at]),
                (6 if right else -6, 4 if up else -4),
                textcoords="offset points",
                ha="left" if right else "right",
                va="bottom" if up else "top",
                fontsize=8,
                color=INK,
                zorder=4,
            )
            box = _box(text)
            if _inside(box, inside) and not any(_touch(box, one) for one in taken):
                taken.append(box)
                named += 1
                break
            text.remove()


def _inside(box: _Box, frame: _Box) -> bool:
    return frame[0] < box[0] and frame[1] < box[1] and box[2] < frame[2] and box[3] < frame[3]


def _touch(one: _Box, other: _Box) -> bool:
    return not (one[0] > other[2] or one[2] < other[0] or one[1] > other[3] or one[3] < other[1])


def _box(of: Artist) -> _Box:
    left, bottom, right, top = of.get_window_extent().extents
    return float(left), float(bottom), float(right), float(top)


def _tell(axes: Axes, frame: pd.DataFrame, merchant_id: str) -> None:
    """Title, what it is compared with, the axes and the legend."""
    title = f"Cooperations of {merchant_id}"
    headline(axes, title, frame.attrs["notes"], synthetic=bool(frame.attrs.get("synthetic")))
    unknown = int((frame["quadrant"] == UNKNOWN).sum())
    left_out = f"; {unknown} without known figures are left out" if unknown else ""
    axes.set_xlabel(
        f"exposures of a promoted product in a session; lines are 80 % intervals{left_out}",
        color=INK,
        fontsize=9,
    )
    trials = frame.attrs["trials"] or "clicks"
    axes.set_ylabel(f"orders per 100 {trials}", color=INK, fontsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_locator(NullLocator())
    marks = [
        Line2D([], [], marker="o", linestyle="", color=INK, label="80 % sure or more"),
        Line2D(
            [], [], marker="o", linestyle="", color=INK, markerfacecolor="white", label="less sure"
        ),
        Line2D([], [], color=INK, linestyle=(0, (4, 3)), label="average of the peers"),
    ]
    axes.legend(
        handles=marks, frameon=False, fontsize=8, ncols=3, loc="upper center",
        bbox_to_anchor=(0.5, -0.09), labelcolor=INK,
    )  # fmt: skip
    axes.grid(color=QUIET, alpha=0.25, linewidth=0.6)
