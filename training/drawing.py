"""How the plots look: one size, few lines, the served lists in one colour everywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.evaluation import Evaluation
from training.served import SERVED

OURS, SECOND, QUIET, INK = "#0b6e8a", "#d98e32", "#b9c4ca", "#33414a"
#: Served otherwise than by affinity alone: lighter than :data:`OURS`.
_ALSO_OURS = ("#4c9bb3", "#86bccd", "#b4d6e0", "#cfe5ec")
#: Baselines; apart in lightness too, for those who see few hues.
_OTHERS = ("#d98e32", "#8a5a9c", "#5f7f3b", "#b5473c", "#7d8b93", "#c9a227")
_SIZE = (7.0, 4.2)


def figure_with_axes(*, tall: float = 1.0) -> tuple[Figure, Axes]:
    """An empty figure with quiet axes; ``tall`` times the usual height."""
    # A figure of its own needs no window and no global state.
    figure = Figure(figsize=(_SIZE[0], tall * _SIZE[1]), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def entitle(axes: Axes, evaluation: Evaluation, title: str, below: str) -> None:
    """Title with the question under it, and what the horizontal axis shows."""
    told = f"{evaluation.holdout.split} split; {evaluation.holdout.told}"
    headline(axes, title, textwrap.wrap(told, 100), synthetic=evaluation.synthetic)
    axes.set_xlabel(below, color=INK, fontsize=9)


def headline(axes: Axes, title: str, lines: Sequence[str], *, synthetic: bool) -> None:
    """Title that says whether the market is synthetic, and small lines under it."""
    title += " (synthetic market)" if synthetic else ""
    axes.set_title(
        title, loc="left", color=INK, fontsize=12, fontweight="bold", pad=8 + 16 * len(lines)
    )
    axes.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        color="#5c6b74",
        fontsize=8,
    ).set_in_layout(False)


def colours_of(methods: Sequence[str]) -> dict[str, str]:
    """A colour for each method, the same in every plot of an evaluation.

    Examples
    --------
    >>> colours_of(["served", "served by gmv", "popularity"])
    {'served': '#0b6e8a', 'served by gmv': '#4c9bb3', 'popularity': '#d98e32'}
    """
    ours = [name for name in methods if name.startswith(SERVED) and name != SERVED]
    others = [name for name in methods if not name.startswith(SERVED)]
    return {
        SERVED: OURS,
        **{name: _ALSO_OURS[i % len(_ALSO_OURS)] for i, name in enumerate(ours)},
        **{name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(others)},
    }
