"""Plots of an evaluation as files, and those of predictions: reliability, coverage of intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.drawing import INK, OURS, QUIET, SECOND, entitle, figure_with_axes
from training.evaluation import Evaluation
from training.list_plots import (
    plot_curve,
    plot_exposure,
    plot_leads,
    plot_recall,
    plot_tradeoff,
)


def save_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw what an evaluation has data for, as PNG files; gives back their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"recall": plot_recall(evaluation)}
    if len(evaluation.ahead):
        drawn |= {
            "recall_curve": plot_curve(evaluation),
            "ahead": plot_leads(evaluation),
            "exposure": plot_exposure(evaluation),
            "recall_and_coverage": plot_tradeoff(evaluation),
        }
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


def plot_reliability(evaluation: Evaluation) -> Figure:
    """Observed conversion against the predicted one, in groups of rising prediction."""
    figure, axes = figure_with_axes()
    rows = 100 * evaluation.accuracy.reliability
    observed = rows["observed"].to_numpy(float)
    reach = np.abs(np.stack([rows["observed_low"], rows["observed_high"]]) - observed)
    ends = rows[["predicted", "observed_low", "observed_high"]].to_numpy(float)
    least, most = max(0.0, float(ends.min()) * 0.9), float(ends.max()) * 1.08
    axes.plot([least, most], [least, most], color=QUIET, linewidth=1.5, zorder=1)
    below = most - 0.16 * (most - least)
    axes.text(most, below, "as predicted", ha="right", va="top", color="#7d8b93", fontsize=9)
    axes.errorbar(
        rows["predicted"], observed, yerr=reach, fmt="o", color=OURS, markersize=6, capsize=3
    )
    axes.set_xlim(least, most)
    axes.set_ylim(least, most)
    axes.set_ylabel("observed, %", color=INK)
    title = "Conversion, predicted and observed"
    entitle(axes, evaluation, title, "predicted, %; bars are 80 % intervals")
    return figure


def plot_coverage(evaluation: Evaluation) -> Figure:
    """Share of promotions inside their 80 % interval, by tier of the creator."""
    figure, axes = figure_with_axes()
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
    axes.axhline(80, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_xticks(range(len(tiers)), tiers)
    axes.set_ylim(0, 108)
    axes.set_ylabel("promotions inside, %", color=INK)
    axes.legend(frameon=False, loc="upper right", ncols=2, fontsize=9)
    title = "Promotions inside their 80 % interval"
    entitle(axes, evaluation, title, "tier of the creator; counts in the bars")
    return figure


_WHATS = {"exposures": OURS, "gmv": SECOND}
_LABELS = {"exposures": "exposures", "gmv": "GMV"}
