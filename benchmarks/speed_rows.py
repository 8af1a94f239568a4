"""What is printed: one table, ours beside the others, beside what is asked.

A cell of another way ends with what ours is of it in the same run, in brackets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from speed_jobs import Measured
from speed_market import MARKETS

Row = dict[str, str]
Figures = Mapping[str, float]
#: Columns of the ways of a batch job.
WAYS = {
    "ours": "ours",
    "floor": "floor",
    "by_hand": "by hand",
    "rectools_als": "RecTools ALS",
    "rectools_two_stage": "RecTools two-stage",
}
COLUMNS = ("what", "unit", "ours", "floor", "first floor", *list(WAYS.values())[2:], "asked")


def row(
    what: str,
    unit: str,
    figures: Figures,
    *,
    asked: str = "",
    ratios: Figures | None = None,
) -> Row:
    """One line of the table.

    Parameters
    ----------
    figures : dict of column to number
    ratios : dict of column to number, optional
        Ours over theirs; the quotient of the figures where not given.
    """
    if ratios is None:
        ours = figures.get("ours", math.nan)
        ratios = {name: ours / one for name, one in figures.items() if one}
    told = {
        name: _number(one)
        if name == "ours" or math.isnan(ratios.get(name, math.nan))
        else f"{_number(one)} ({ratios[name]:.2f} ×)"
        for name, one in figures.items()
    }
    return {"what": what, "unit": unit, **told, "asked": asked}


def _number(one: float) -> str:
    return f"{one:,.0f}" if one >= 100 else f"{one:.1f}" if one >= 10 else f"{one:.2f}"


def job_rows(measured: Sequence[Measured]) -> list[Row]:
    """Merchants a second, and peak memory, of each batch job."""
    rows: list[Row] = []
    for one in measured:
        scene, size = one.scene, MARKETS[one.scene.market]
        what = (
            f"batch, {size.merchants:,} merchants × {size.creators:,} creators, "
            f"{f'd {scene.width}' if scene.width else 'd as trained'}, "
            f"{scene.k} each by {scene.objective}"
        )
        rates = {WAYS[way]: one.rate(way) for way in one.rounds}
        ratios = {WAYS[way]: one.ratio(way) for way in one.rounds}
        asked = "≥ .9 × floor, ≥ 3 × others" if "by_hand" in one.rounds else ""
        rows.append(row(what, "merchants/s", rates, asked=asked, ratios=ratios))
        for of, name, unit, scale in (
            ("cpu_s", "its CPU, all threads", "ms a merchant", 1e-3),
            ("peak_bytes", "its peak memory", "GB", 1e9),
            ("opening_s", "its opening", "s", 1.0),
        ):
            each = "merchants" if of == "cpu_s" else None
            figures = {WAYS[way]: one.median(way, of, each) / scale for way in one.rounds}
            rows.append(row(f"  {name}", unit, figures, ratios={}))
    return rows


def memory_rows(told: Sequence[Mapping[str, float]]) -> list[Row]:
    """Peak memory of our batch job from few merchants to many, and beyond what the index takes."""
    rows = []
    for one in told:
        peak = 1e6 * one["peak"]
        what = f"{one['merchants']:,.0f} merchants × {one['creators']:,.0f} creators"
        rows.append(row(f"peak memory, {what}", "GB", {"ours": peak / 1e9}))
        beyond = {"ours": (peak - one["index_bytes"]) / 1e9}
        rows.append(row("  beyond the index", "GB", beyond, asked="≤ .6, flat"))
    return rows


def request_rows(told: Mapping[str, Any]) -> list[Row]:
    """p50, p99 and CPU of one request, and eight threads at once, among so many creators."""
    ways, creators = told["ways"], f"{told['creators']:,} creators"
    asked = {"p50": "≤ 1.3 × floor", "p99": "≤ 1.5 × floor", "cpu": ""}
    rows: list[Row] = []
    for k in (500, 20):
        for figure, limit in asked.items():
            for by in ("match", "gmv"):
                figures = {
                    "ours": ways[f"ours, {by}, k={k}"],
                    "floor": ways[f"floor, k={k}, DataFrame"],
                    "first floor": ways[f"first, k={k}, DataFrame"],
                    **({"by hand": ways["by hand, k=500"]} if k == 500 else {}),
                }
                rows.append(
                    row(
                        f"one request, {creators}, {k} by {by}, {figure}",
                        "ms",
                        {name: one[figure] for name, one in figures.items()},
                        asked=limit if k == 500 else "",
                    )
                )
    for figure in asked:
        bare = {"floor": ways["floor, k=500"], "first floor": ways["first, k=500"]}
        figures = {name: one[figure] for name, one in bare.items()}
        rows.append(row(f"  the floors without a DataFrame, 500, {figure}", "ms", figures))
    once = told["at_once"]
    same = "same answers" if once["same_answers"] else "OTHER ANSWERS"
    for name, threads in (("one_thread", "one thread"), ("eight_threads", "eight threads at once")):
        what = f"{threads}, {creators}, 500 by match: {same}"
        rows.append(row(what, "requests/s", {"ours": once[name]}, asked="same answers"))
    return rows


#: Ways of `search.py` that a figure is asked against.
RIVALS = {
    "implicit topk": "≤ .67 × implicit",
    "faiss Flat": "",
    "faiss Flat + bitmap": "≤ .2 × faiss, recall 1",
}


def search_rows(told: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Search alone, wall and CPU, for each rival; the floor is the product without selection."""
    rows: list[Row] = []
    for one in told:
        bare = {"floor": "product, one thread"} if "product, one thread" in one["ms"] else {}
        for rival, asked in RIVALS.items():
            if rival not in one["ms"]:
                continue
            what = f"{one['title']}; {one['notes']['ours']}; by hand: {rival}"
            ways = {"ours": "ours", "by hand": rival}
            wall = {name: one["ms"][way][0] for name, way in ways.items()}
            cpu = {name: one["ms"][way][1] for name, way in (ways | bare).items()}
            rows += [row(what, "ms", wall, asked=asked), row("  its CPU", "ms", cpu)]
    return rows


def matrix_rows(told: Mapping[str, Figures], events: int) -> list[Row]:
    """Events to matrix, beside pandas."""
    ours, pandas = told["builder"], told["pandas"]
    limits = {
        "cpu_s": ("CPU", "s", 1.0, "≤ .65 × pandas"),
        "beyond_mb": ("memory beyond it", "GB", 1e3, "≤ .25 × pandas"),
    }
    return [
        row(
            f"{events:,} events to matrix, {what}",
            unit,
            {"ours": ours[name] / scale, "by hand": pandas[name] / scale},
            asked=asked,
        )
        for name, (what, unit, scale, asked) in limits.items()
    ]


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """All rows as one table; columns that nothing fills are left out."""
    shown = pd.DataFrame(rows, columns=list(COLUMNS)).fillna("")
    return shown.loc[:, (shown != "").any()]


def markdown(shown: pd.DataFrame) -> str:
    """Write the table for a README."""
    rules = ["---" if name in ("what", "unit", "asked") else "---:" for name in shown]
    lines = [list(shown), rules, *shown.to_numpy()]
    return "\n".join(f"| {' | '.join(map(str.strip, line))} |" for line in lines)
