"""Plots of an evaluation: recall beside the baselines, reliability, coverage of intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.evaluate import SERVED, Evaluation

_OURS, _OTHERS, _INK = "#0b6e8a", "#b9c4ca", "#33414a"
_SIZE = (7.0, 4.2)


def save_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw what an evaluation has data for, as PNG files; gives back their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"recall": plot_recall(evaluation)}
    if len(evaluation.accuracy.reliability):
        drawn["reliability"] = plot_reliability(evaluation)
    if (evaluation.accuracy.intervals["promotions"] > 0).any():
        drawn["coverage"] = plot_coverage(evaluation)
    paths = []
    for name, figure in drawn.items():
        path = folder / f"{name}.png"
        # Without the version of the drawing library, so that the same figures give the same bytes.
        figure.savefig(path, dpi=150, metadata={"Software": None})
        paths.append(path)
    return paths


def plot_recall(evaluation: Evaluation) -> Figure:
    """Recall of each method with its bootstrap interval, best at the top."""
    figure, axes = _figure()
    name = f"recall_at_{evaluation.k}"
    rows = evaluation.ranking.sort_values(name)
    place = np.arange(len(rows))
    value = rows[name].to_numpy(float)
    reach = np.abs(np.stack([rows[f"{name}_low"], rows[f"{name}_high"]]) - value)
    colours = [_OURS if method.startswith(SERVED) else _OTHERS for method in rows["method"]]
    axes.barh(place, value, color=colours, height=0.62)
    axes.errorbar(value, place, xerr=reach, fmt="none", ecolor=_INK, elinewidth=1.2, capsize=3)
    for y, x, end in zip(range(len(rows)), value, value + reach[1], strict=True):
        axes.text(end, y, f"  {x:.3f}", va="center", color=_INK, fontsize=9)
    axes.set_yticks(place, rows["method"])
    axes.set_xlim(0, float((value + reach[1]).max()) * 1.15 or 1)
    title = f"New partners found in the first {evaluation.k}"
    _title(axes, evaluation, title, "recall, with 95 % interval")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def plot_reliability(evaluation: Evaluation) -> Figure:
    """Observed conversion against the predicted one, in groups of rising prediction."""
    figure, axes = _figure()
    rows = 100 * evaluation.accuracy.reliability
    observed = rows["observed"].to_numpy(float)
    reach = np.abs(np.stack([rows["observed_low"], rows["observed_high"]]) - observed)
    ends = rows[["predicted", "observed_low", "observed_high"]].to_numpy(float)
    least, most = max(0.0, float(ends.min()) * 0.9), float(ends.max()) * 1.08
    axes.plot([least, most], [least, most], color=_OTHERS, linewidth=1.5, zorder=1)
    below = most - 0.1 * (most - least)
    axes.text(most, below, "as predicted", ha="right", va="top", color="#7d8b93", fontsize=9)
    axes.errorbar(
        rows["predicted"], observed, yerr=reach, fmt="o", color=_OURS, markersize=6, capsize=3
    )
    axes.set_xlim(least, most)
    axes.set_ylim(least, most)
    axes.set_ylabel("observed, %", color=_INK)
    title = "Conversion, predicted and observed"
    _title(axes, evaluation, title, "predicted, %; bars are 80 % intervals")
    return figure


def plot_coverage(evaluation: Evaluation) -> Figure:
    """Share of promotions inside their 80 % interval, by tier of the creator."""
    figure, axes = _figure()
    rows = evaluation.accuracy.intervals
    tiers = list(dict.fromkeys(rows["tier"]))
    for offset, (what, colour) in zip((-0.19, 0.19), _WHATS.items(), strict=True):
        part = rows[(rows["what"] == what) & (rows["promotions"] > 0)]
        place = np.array([tiers.index(tier) for tier in part["tier"]], dtype=float) + offset
        share = 100 * part["inside_80"].to_numpy(float)
        axes.bar(place, share, width=0.36, color=colour, label=_LABELS[what])
        for x, y, n in zip(place, share, part["promotions"], strict=True):
            axes.text(x, y - 2, f"{y:.0f}", ha="center", va="top", color="white", fontsize=9)
            axes.text(x, 2, f"{n:,}", ha="center", va="bottom", color="white", fontsize=7)
    axes.axhline(80, color=_INK, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_xticks(range(len(tiers)), tiers)
    axes.set_ylim(0, 108)
    axes.set_ylabel("promotions inside, %", color=_INK)
    axes.legend(frameon=False, loc="upper right", ncols=2, fontsize=9)
    title = "Promotions inside their 80 % interval"
    _title(axes, evaluation, title, "tier of the creator; counts in the bars")
    return figure


_WHATS = {"exposures": _OURS, "gmv": "#d98e32"}
_LABELS = {"exposures": "exposures", "gmv": "GMV"}


def _figure() -> tuple[Figure, Axes]:
    # A figure of its own needs no window and no global state.
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_OTHERS)
    axes.tick_params(colors=_INK, labelsize=9)
    return figure, axes


def _title(axes: Axes, evaluation: Evaluation, title: str, below: str) -> None:
    title += " (synthetic market)" if evaluation.synthetic else ""
    axes.set_title(title, loc="left", color=_INK, fontsize=12, fontweight="bold", pad=10)
    axes.set_xlabel(below, color=_INK, fontsize=9)
