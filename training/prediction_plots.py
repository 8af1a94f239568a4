"""Plots of whether predictions can be trusted, and of what one pair is foretold.

Each takes plain tables, of a market or of any other data, and says in its title whether what it
shows is synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from training.drawing import INK, OURS, QUIET, SECOND, figure_with_axes, headline

_SOFT = "#7d8b93"
#: Colour and mark of each quantity, in the order in which they are first named.
_STYLES = ((INK, "D"), (OURS, "o"), (SECOND, "s"), ("#5f7f3b", "^"), ("#8a5a9c", "v"))
_LABELS = {"gmv": "GMV"}
_AIM = 80.0


def draw_reliability(
    table: pd.DataFrame, title: str, lines: Sequence[str] = (), *, synthetic: bool
) -> Figure:
    """Observed rates against predicted ones, group by group.

    Parameters
    ----------
    table : DataFrame
        As `training.reliability.reliability_table`.
    title, lines : str, list of str
        Small lines stand under the title.
    synthetic : bool
        Whether the data are made up; the title then says so.
    """
    figure, axes = figure_with_axes()
    rows = 100 * table[["predicted", "observed", "observed_low", "observed_high"]]
    observed = rows["observed"].to_numpy(float)
    reach = np.abs(np.stack([rows["observed_low"], rows["observed_high"]]) - observed)
    ends = rows.to_numpy(float)
    room = 0.06 * float(np.ptp(ends))
    least, most = max(0.0, float(ends.min()) - room), float(ends.max()) + room
    axes.plot([least, most], [least, most], color=QUIET, linewidth=1.5, zorder=1)
    axes.text(most, least + room / 2, "line: as predicted", ha="right", color=_SOFT, fontsize=9)
    axes.errorbar(
        rows["predicted"], observed, yerr=reach, fmt="o", color=OURS, markersize=6, capsize=3
    )
    axes.set_xlim(least, most)
    axes.set_ylim(least, most)
    axes.set_ylabel("observed, %", color=INK)
    axes.set_xlabel("predicted, %; bars are 80 % intervals", color=INK, fontsize=9)
    headline(axes, title, lines, synthetic=synthetic)
    return figure


def draw_coverage(
    found: pd.DataFrame, title: str, lines: Sequence[str] = (), *, synthetic: bool
) -> Figure:
    """Share inside the 80 % interval, group by group, with twice its standard error.

    Parameters
    ----------
    found : DataFrame
        ``quantity``, ``group``, ``promotions``, ``inside_80`` and ``error``, as
        `training.later.coverage_by_group`; groups stand in the order in which they come.
    title, lines, synthetic
        As for `draw_reliability`.
    """
    groups = list(dict.fromkeys(found["group"]))
    quantities = list(dict.fromkeys(found["quantity"]))
    figure, axes = figure_with_axes(tall=0.4 + len(groups) * (0.05 + 0.03 * len(quantities)))
    axes.axvspan(_AIM - 2, _AIM + 2, color=QUIET, alpha=0.35, linewidth=0)
    axes.axvline(_AIM, color=_SOFT, linewidth=1.2)
    offsets = np.linspace(-0.27, 0.27, len(quantities)) if len(quantities) > 1 else [0.0]
    for name, offset, (colour, mark) in zip(quantities, offsets, _STYLES, strict=False):
        rows = found[found["quantity"] == name]
        place = np.array([groups.index(one) for one in rows["group"]]) + offset
        share, error = (100 * rows[one].to_numpy(float) for one in ("inside_80", "error"))
        axes.errorbar(
            share,
            place,
            xerr=2 * error,
            fmt=mark,
            color=colour,
            markersize=5,
            capsize=2,
            label=_LABELS.get(name, name),
        )
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, 68.0), max(right, 92.0))
    most = found.groupby("group", sort=False)["promotions"].max()
    labels = [f"{one}\n{most[one]:,}" for one in groups]
    axes.set_yticks(range(len(groups)), labels, fontsize=8)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(
        "inside the 80 % interval, %, with two standard errors; 78 to 82 shaded",
        color=INK,
        fontsize=9,
    )
    if len(quantities) > 1:
        figure.legend(frameon=False, loc="outside lower center", ncols=len(quantities), fontsize=9)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    headline(axes, title, lines, synthetic=synthetic)
    return figure


def draw_fees(
    told: Mapping[str, float], title: str, lines: Sequence[str] = (), *, synthetic: bool
) -> Figure:
    """Net of one promotion against the slot fee, with the fees at which it breaks even.

    Parameters
    ----------
    told : mapping
        A row of `Plaza.predict`: ``expected_net`` with its ends, ``net_p50`` and the two
        ``break_even_fee``.
    title, lines, synthetic
        As for `draw_reliability`.
    """
    figure, axes = figure_with_axes()
    # Whatever the fee, net is that much less: the usual fee tells where the lines begin.
    fee = told["break_even_fee_p50"] - told["net_p50"]
    starts = {
        "p90": told["expected_net_high"] + fee,
        "mean": told["expected_net"] + fee,
        "p50": told["net_p50"] + fee,
        "p10": told["expected_net_low"] + fee,
    }
    far = 1.25 * max(starts["mean"], fee, 1.0)
    fees = np.array([0.0, far])
    axes.fill_between(
        fees, starts["p10"] - fees, starts["p90"] - fees, color=OURS, alpha=0.12, linewidth=0
    )
    for name, colour, wide in (("mean", SECOND, 1.6), ("p50", OURS, 2.4), ("p10", OURS, 1.2)):
        axes.plot(fees, starts[name] - fees, color=colour, linewidth=wide)
        axes.text(far * 1.01, starts[name] - far, name, color=colour, va="center", fontsize=9)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(fee, color=_SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
    _mark(axes, fee, axes.get_ylim()[1], f"usual fee {fee:,.0f}", _SOFT, below=True)
    for name in ("p10", "p50"):
        even = told[f"break_even_fee_{name}"]
        axes.plot([even], [0], "o", color=OURS, markersize=7, clip_on=False, zorder=5)
        if even > 0:
            sure = {"p10": "9 times in 10", "p50": "every other time"}[name]
            _mark(axes, even, 0, f"{even:,.0f}: pays {sure}", OURS, below=name == "p10")
    axes.set_xlim(0, far)
    axes.set_xlabel("slot fee of the promotion", color=INK, fontsize=9)
    axes.set_ylabel("net after refunds, commission and fee", color=INK, fontsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    headline(axes, title, lines, synthetic=synthetic)
    return figure


def _mark(axes: Axes, x: float, y: float, text: str, colour: str, *, below: bool) -> None:
    shift = (5, -5) if below else (4, 7)
    axes.annotate(
        text,
        (x, y),
        shift,
        textcoords="offset points",
        color=colour,
        fontsize=8.5,
        va="top" if below else "bottom",
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1},
    )
