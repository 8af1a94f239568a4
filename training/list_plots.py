"""Plots of ranked lists: what they find, how sure that is, whom they show, and at what price."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.drawing import INK, OURS, QUIET, SECOND, colours_of, entitle, figure_with_axes
from training.evaluation import Evaluation
from training.served import SERVED
from training.spread import lorenz


def plot_recall(evaluation: Evaluation) -> Figure:
    """Recall of each method with its bootstrap interval, best at the top."""
    figure, axes = figure_with_axes(tall=0.45 + 0.07 * len(evaluation.ranking))
    name = f"recall_at_{evaluation.k}"
    rows = evaluation.ranking.sort_values(name, kind="stable")
    place = np.arange(len(rows))
    value = rows[name].to_numpy(float)
    ends = np.stack([rows[f"{name}_low"], rows[f"{name}_high"]])
    colours = [OURS if method.startswith(SERVED) else QUIET for method in rows["method"]]
    axes.barh(place, value, color=colours, height=0.62)
    axes.errorbar(
        value, place, xerr=np.abs(ends - value), fmt="none", ecolor=INK, elinewidth=1.2, capsize=3
    )
    for y, (x, end) in enumerate(zip(value, ends[1], strict=True)):
        axes.text(end, y, f"  {x:.3f}", va="center", color=INK, fontsize=9)
    axes.set_yticks(place, rows["method"])
    axes.set_xlim(0, float(ends[1].max()) * 1.15 or 1)
    title = f"New partners found in the first {evaluation.k}"
    entitle(axes, evaluation, title, "recall, with 95 % interval")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def plot_curve(evaluation: Evaluation) -> Figure:
    """Recall of lists of growing length, with a 95 % band."""
    figure, axes = figure_with_axes(tall=1.15)
    methods = _in_short(evaluation)
    colours = colours_of(list(evaluation.ranking["method"]))
    ends = {}
    for method in methods:
        rows = evaluation.curve[evaluation.curve["method"] == method]
        wide = 2.4 if method == SERVED else 1.4
        axes.plot(rows["k"], rows["recall"], color=colours[method], linewidth=wide)
        axes.fill_between(
            rows["k"], rows["low"], rows["high"], color=colours[method], alpha=0.10, linewidth=0
        )
        ends[method] = float(rows["recall"].iloc[-1])
    most = int(evaluation.curve["k"].max())
    axes.set_xlim(0, most)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("recall, with 95 % band", color=INK, fontsize=9)
    _label_ends(axes, most, ends, colours)
    entitle(axes, evaluation, "New partners found, by length of the list", "length of the list")
    return figure


def plot_leads(evaluation: Evaluation) -> Figure:
    """How far the served lists are ahead of each baseline, with 95 % intervals."""
    figure, axes = figure_with_axes(tall=0.5 + 0.1 * evaluation.ahead["method"].nunique())
    methods = list(evaluation.ahead["method"].unique())[::-1]
    metrics = list(evaluation.ahead["metric"].unique())
    for metric, offset, colour in zip(metrics, (0.15, -0.15), (OURS, SECOND), strict=True):
        rows = evaluation.ahead[evaluation.ahead["metric"] == metric].set_index("method")
        rows = rows.loc[methods]
        place = np.arange(len(rows)) + offset
        mean = rows["ahead"].to_numpy(float)
        reach = np.abs(np.stack([rows["low"], rows["high"]]) - mean)
        label = metric.replace("_at_", "@").replace("ndcg", "NDCG")
        axes.errorbar(
            mean, place, xerr=reach, fmt="o", color=colour, markersize=6, capsize=3, label=label
        )
        for y, end, p in zip(place, rows["high"], rows["p_holm"], strict=True):
            told = f"  p {p:.3f}" if p >= 0.001 else "  p < 0.001"
            axes.text(end, y, told, va="center", color=colour, fontsize=8)
    axes.axvline(0, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(-0.6, len(methods) - 0.4)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.12 * (high - low))
    figure.legend(frameon=False, loc="outside lower right", fontsize=9, ncols=2)
    below = "mean paired difference, with 95 % interval; p corrected for several (Holm)"
    entitle(axes, evaluation, "The served lists are ahead of", below)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def plot_exposure(evaluation: Evaluation) -> Figure:
    """Lorenz curve of exposure: how many of the candidates share how much of the places."""
    figure, axes = figure_with_axes(tall=1.15)
    colours = colours_of(list(evaluation.ranking["method"]))
    axes.plot([0, 100], [0, 100], color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(50, 52, "all alike", color="#7d8b93", fontsize=9, rotation=31, ha="center")
    for method in _in_short(evaluation):
        share = 100 * lorenz(evaluation.exposure[method].to_numpy())
        along = np.linspace(0, 100, len(share))
        gini = evaluation.ranking.set_index("method").loc[method, f"gini_at_{evaluation.k}"]
        label = f"{method} (Gini {gini:.2f})"
        wide = 2.4 if method == SERVED else 1.4
        axes.plot(along, share, color=colours[method], linewidth=wide, label=label)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_ylabel("share of the places in lists, %", color=INK, fontsize=9)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    whom = evaluation.holdout.direction
    title = f"How the first {evaluation.k} share places among {whom}"
    entitle(axes, evaluation, title, f"share of the {whom}, least shown first, %")
    return figure


def plot_tradeoff(evaluation: Evaluation) -> Figure:
    """Recall against coverage: what finding costs in sameness, and variety in finding."""
    figure, axes = figure_with_axes(tall=1.15)
    rows = evaluation.ranking.set_index("method")
    recall = rows[f"recall_at_{evaluation.k}"]
    coverage = 100 * rows[f"coverage_at_{evaluation.k}"]
    colours = colours_of(list(rows.index))
    knob = [name for name in rows.index if name == SERVED or "variety" in name]
    axes.plot(coverage[knob], recall[knob], color=QUIET, linewidth=1.4, zorder=1)
    for method in rows.index:
        axes.scatter(
            coverage[method], recall[method], color=colours[method], s=46, zorder=2, clip_on=False
        )
    axes.set_xlim(0, 1.3 * float(coverage.max()) or 1)  # room for the names at the right
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= 100])
    axes.set_ylim(0, 1.12 * float(recall.max()) or 1)
    _label_points(axes, {name: (coverage[name], recall[name]) for name in rows.index}, colours)
    axes.set_ylabel(f"recall in the first {evaluation.k}", color=INK, fontsize=9)
    whom = evaluation.holdout.direction
    below = f"{whom} that any list names, %"
    entitle(axes, evaluation, "What is found, and how many are shown", below)
    return figure


def _in_short(evaluation: Evaluation) -> list[str]:
    """The served lists and the baselines, without the other ways to serve."""
    methods = [str(name) for name in evaluation.ranking["method"]]
    return [name for name in methods if name == SERVED or not name.startswith(SERVED)]


def _label_ends(axes: Axes, x: float, ends: dict[str, float], colours: dict[str, str]) -> None:
    """Name curves at their right end, from the bottom up, none on top of another."""
    low, high = axes.get_ylim()
    room, below = 0.05 * (high - low), -np.inf
    for method, y in sorted(ends.items(), key=lambda one: one[1]):
        below = max(y, below + room)
        axes.text(x * 1.015, below, method, color=colours[method], va="center", fontsize=9)


def _label_points(
    axes: Axes, points: dict[str, tuple[float, float]], colours: dict[str, str]
) -> None:
    """Name points at their right; higher, with a line to the point, where a name is in the way."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    taken: list[tuple[float, float]] = []
    for method, (x, y) in sorted(points.items(), key=lambda one: one[1][1]):
        place = y
        while any(
            abs(place - other) < 0.05 * (high - low) and abs(x - there) < 0.3 * (right - left)
            for there, other in taken
        ):
            place += 0.01 * (high - low)
        taken.append((x, place))
        axes.annotate(
            method,
            (x, y),
            (x + 0.018 * (right - left), place),
            color=INK if method.startswith(SERVED) else colours[method],
            va="center",
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": QUIET, "linewidth": 0.8},
            zorder=1,
        )
