"""How time and memory grow: with creators, with merchants, with candidates; synthetic markets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from speed_jobs import Measured
from speed_market import MARKETS

from training.drawing import INK, OURS, QUIET, SECOND, figure_with_axes, headline

FIRST = "#8a5a9c"
Line = tuple[str, str, Sequence[float], Sequence[float]]


def save(
    jobs: Sequence[Measured],
    memory: Sequence[Mapping[str, float]],
    requests: Sequence[Mapping[str, Any]],
    folder: Path,
) -> list[Path]:
    """Draw what was measured, as PNG files; gives back their paths.

    Parameters
    ----------
    jobs : list of Measured
        Batch jobs over more and more creators.
    memory : list of dict
        As `memory.py` gives them, with the bytes of the index.
    requests : list of dict
        As :func:`speed_requests.measure` gives them, the fewest creators first.
    folder : Path
        Where the plots go.
    """
    drawn = {}
    if len(jobs) > 1:
        drawn["job_by_creators"] = job_by_creators(jobs)
    if len(memory) > 1:
        drawn["memory_by_merchants"] = memory_by_merchants(memory)
    if len(requests) > 1:
        drawn["request_by_creators"] = request_by_creators(requests)
    grown = [one for one in requests if "growth" in one]
    if grown:
        drawn["request_by_candidates"] = request_by_candidates(grown[-1])
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=150, metadata={"Software": None})
    return paths


def job_by_creators(jobs: Sequence[Measured]) -> Figure:
    """Milliseconds that a batch job takes for one merchant, against the creators there are."""
    creators = [MARKETS[one.scene.market].creators for one in jobs]
    lines = [
        (name, colour, creators, [1000 / one.rate(way) for one in jobs])
        for name, colour, way in (("Alliance", OURS, "ours"), ("floor", QUIET, "floor"))
    ]
    scene = jobs[0].scene
    told = f"{scene.k} candidates each, predicted and written as Parquet; two cores"
    return _drawn("Batch job by creators", told, "creators", "ms a merchant", lines)


def memory_by_merchants(memory: Sequence[Mapping[str, float]]) -> Figure:
    """Peak memory of our batch job against the merchants that are scored."""
    merchants = [one["merchants"] for one in memory]
    lines = [
        ("Alliance, peak", OURS, merchants, [one["peak"] / 1e3 for one in memory]),
        ("its index", QUIET, merchants, [one["index_bytes"] / 1e9 for one in memory]),
    ]
    told = f"{memory[0]['creators']:,.0f} creators, 200 candidates each"
    return _drawn("Memory of the batch job", told, "merchants", "GB", lines, log=True)


def request_by_creators(requests: Sequence[Mapping[str, Any]]) -> Figure:
    """Median time of one request against the creators there are."""
    creators = [one["creators"] for one in requests]
    ways = {
        "ours, match, k=500": ("Alliance, 500 by match", OURS),
        "ours, gmv, k=500": ("Alliance, 500 by GMV", SECOND),
        "first, k=500, DataFrame": ("first floor, 500", FIRST),
        "floor, k=500, DataFrame": ("floor, 500", QUIET),
    }
    lines = [
        (label, colour, creators, [one["ways"][way]["p50"] for one in requests])
        for way, (label, colour) in ways.items()
    ]
    told = "median; all predictions, ours with intervals and reasons; a DataFrame each"
    return _drawn("One request by creators", told, "creators", "ms", lines)


def request_by_candidates(told: Mapping[str, Any]) -> Figure:
    """Median time of one request against the creators asked for."""
    growth = told["growth"]
    asked = [int(k) for k in growth]
    ways = {"ours": ("Alliance", OURS), "first": ("first floor", FIRST), "floor": ("floor", QUIET)}
    lines = [
        (label, colour, asked, [one[way]["p50"] for one in growth.values()])
        for way, (label, colour) in ways.items()
    ]
    below = f"median among {told['creators']:,} creators, by match"
    return _drawn("One request by length of the list", below, "creators in the list", "ms", lines)


def _drawn(
    title: str, told: str, below: str, left: str, lines: Sequence[Line], *, log: bool = False
) -> Figure:
    figure, axes = figure_with_axes()
    for label, colour, x, y in lines:
        axes.plot(x, y, color=colour, marker="o", markersize=5, linewidth=2, label=label)
    if log:
        axes.set_xscale("log")
    _count(axes, lines[0][2])
    axes.set_ylim(bottom=0)
    axes.set_ylabel(left, color=INK, fontsize=9)
    axes.set_xlabel(below, color=INK, fontsize=9)
    axes.legend(frameon=False, fontsize=9)
    headline(axes, title, [told], synthetic=True)
    return figure


def _count(axes: Axes, places: Sequence[float]) -> None:
    """A tick at every place that was measured, and no others."""
    axes.set_xticks(list(places), [f"{place:,.0f}" for place in places])
    axes.minorticks_off()
