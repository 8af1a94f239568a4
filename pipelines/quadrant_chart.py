"""The quadrant chart of a merchant's cooperations, to be shown in a meeting."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from matching.diagnosis.quadrants import QUADRANTS, UNKNOWN
from matching.diagnosis.words import SURE
from matching.errors import BadInput
from models.pairs import Floats
from pipelines.chart_names import called, families, name_points
from pipelines.console import counted, number
from training.drawing import INK, QUIET, figure_with_axes, headline

_COLOURS = dict(zip(QUADRANTS, ("#0b6e8a", "#5f7f3b", "#d98e32", "#b5473c"), strict=True))
#: Apart in shape too, for those who see few hues and for grey paper.
_MARKERS = dict(zip(QUADRANTS, ("o", "^", "s", "D"), strict=True))
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
#: Part of either axis that each side of a yardstick has at least, or its corner had no room.
_SIDE = 0.3
#: Where there are more, intervals fade so that the points stay to be seen.
_MANY = 30
#: Letters of a line under the title.
_LINE = 108


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
    figure, axes = figure_with_axes(tall=1.4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    middle = float(rows["exposures_usual"].iloc[0]), 100 * float(rows["conversion_usual"].iloc[0])
    x, *x_ends = _figures(rows, "exposures", 1.0)
    y, *y_ends = _figures(rows, "conversion", 100.0)
    axes.set_xlim(*_limits([*x_ends[0], *x_ends[1]], middle[0]))
    axes.set_ylim(*_limits([*y_ends[0], *y_ends[1]], middle[1]))
    dashed: dict[str, Any] = {
        "color": INK, "linewidth": 1.1, "linestyle": (0, (4, 3)), "zorder": 1,
    }  # fmt: skip
    axes.axvline(middle[0], **dashed)
    axes.axhline(middle[1], **dashed)
    _draw_points(axes, rows, (x, *x_ends), (y, *y_ends))
    _name_corners(axes, rows)
    _name_yardsticks(axes, middle)
    _tell(axes, frame, rows, merchant_id)
    # Names are laid out last: until here the layout may still move the axes.
    figure.canvas.draw()
    order = _by_weight(rows)
    ids = rows["creator_id"].astype(str).to_numpy(object)
    names = [called(rows["name"].iloc[at], ids[at]) for at in order]
    name_points(axes, names, x[order], y[order])
    return figure


def _figures(rows: pd.DataFrame, name: str, times: float) -> list[Floats]:
    """Middle, low and high end; what a log axis cannot show lies at a hundredth of the usual."""
    least = 0.01 * times * float(rows[f"{name}_usual"].iloc[0])
    return [
        np.maximum(times * rows[name + end].to_numpy(float), least) for end in ("", "_low", "_high")
    ]


def _by_weight(rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The quadrants to invest in first, and in each the surest."""
    place = rows["quadrant"].map(QUADRANTS.index).to_numpy()
    return np.lexsort([-rows["sureness"].to_numpy(float), place])


def _draw_points(axes: Axes, rows: pd.DataFrame, x: Sequence[Floats], y: Sequence[Floats]) -> None:
    faint = min(1.0, (_MANY / len(rows)) ** 0.7)
    size = 6.0 if len(rows) <= 3 * _MANY else 4.5
    for at, name in enumerate(rows["quadrant"]):
        colour = _COLOURS[name]
        sure = rows["sureness"].iloc[at] >= SURE
        alpha = (0.55 if sure else 0.3) * faint
        axes.hlines(y[0][at], x[1][at], x[2][at], color=colour, alpha=alpha, linewidth=1.1)
        axes.vlines(x[0][at], y[1][at], y[2][at], color=colour, alpha=alpha, linewidth=1.1)
        face = colour if sure else "white"
        axes.plot(
            x[0][at], y[0][at], _MARKERS[name],
            color=colour, markerfacecolor=face, markersize=size, zorder=3,
        )  # fmt: skip


def _limits(values: Sequence[float], middle: float) -> tuple[float, float]:
    """Ends of a log axis: all values, room for the corners' names, and both sides of the middle."""
    low, high = np.log(min(*values, middle)), np.log(max(*values, middle))
    room = max(0.09 * (high - low), 0.2)
    low, high, centre = low - room, high + room, np.log(middle)
    # Each side is at least so large a part of the whole.
    ratio = _SIDE / (1.0 - _SIDE)
    low, high = (
        min(low, centre - ratio * (high - centre)),
        max(high, centre + ratio * (centre - low)),
    )
    return float(np.exp(low)), float(np.exp(high))


def _name_corners(axes: Axes, rows: pd.DataFrame) -> None:
    counts = rows["quadrant"].value_counts()
    corners = ((0.99, 0.985), (0.01, 0.985), (0.99, 0.015), (0.01, 0.015))
    for name, (across, up) in zip(QUADRANTS, corners, strict=True):
        count = int(counts.get(name, 0))
        axes.text(
            across,
            up,
            f"{name.capitalize()} ({count})\n{_SHORT[name]}",
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
    styled: dict[str, Any] = {
        "color": INK, "fontsize": 8, "style": "italic", "zorder": 5,
        "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
    }  # fmt: skip
    across, along = axes.get_xaxis_transform(), axes.get_yaxis_transform()
    axes.text(
        middle[0], 0.12, number(middle[0]), transform=across, ha="center", va="bottom", **styled
    )
    axes.text(
        0.995, middle[1], number(middle[1]), transform=along, ha="right", va="center", **styled
    )


def _tell(axes: Axes, frame: pd.DataFrame, rows: pd.DataFrame, merchant_id: str) -> None:
    """Title, what it is compared with, the axes and the legend."""
    sure = int((rows["sureness"] >= SURE).sum())
    unknown = len(frame) - len(rows)
    lines = [f"{counted(len(rows), 'cooperation', 'cooperations')}, {sure} at least 80% sure."]
    if unknown:
        lines[0] += f" {unknown} without known figures left out."
    lines += [
        part for note in _together(frame.attrs["notes"]) for part in textwrap.wrap(note, _LINE)
    ]
    title = textwrap.shorten(f"Cooperations of {merchant_id}", 52, placeholder=" …")
    headline(axes, title, lines, synthetic=bool(frame.attrs.get("synthetic")))
    axes.set_xlabel(
        "exposures of a promoted product in a session (lines: 80% intervals)", color=INK, fontsize=9
    )
    trials = frame.attrs["trials"] or "clicks"
    axes.set_ylabel(f"orders per 100 {trials}", color=INK, fontsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_locator(NullLocator())
    hollow = Line2D([], [], marker="o", linestyle="", color=INK, markerfacecolor="white")
    marks = [
        (Line2D([], [], marker="o", linestyle="", color=INK), "80% sure or more"),
        (hollow, "less sure"),
        (Line2D([], [], color=INK, linestyle=(0, (4, 3))), "average of the peers"),
    ]
    axes.legend(
        [mark for mark, _ in marks], [told for _, told in marks], ncols=3, labelcolor=INK,
        frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.09),
    )  # fmt: skip
    axes.title.set_fontfamily(families())
    axes.grid(color=QUIET, alpha=0.25, linewidth=0.6)


def _together(notes: Sequence[str]) -> list[str]:
    """Two notes that say the same of conversion and of exposure become one.

    Examples
    --------
    >>> _together(["Conversion is compared with all.", "Exposure is compared with all.", "So."])
    ['Both are compared with all.', 'So.']
    >>> _together(["Conversion is compared with all.", "Exposure is compared with some."])
    ['Conversion is compared with all.', 'Exposure is compared with some.']
    """
    starts = ("Conversion is ", "Exposure is ")
    told = [note.removeprefix(start) for note, start in zip(notes, starts, strict=False)]
    if len(told) == 2 and told[0] == told[1] and told[0] != notes[0]:
        return [f"Both are {told[0]}", *notes[2:]]
    return list(notes)


def _tick(value: float) -> str:
    """A round number as short as it is.

    Examples
    --------
    >>> _tick(0.05), _tick(2.0), _tick(20_000.0)
    ('0.05', '2', '20,000')
    """
    return f"{value:,.0f}" if value >= 1.0 else f"{value:g}"
