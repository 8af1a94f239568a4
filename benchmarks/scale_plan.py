"""From slopes to a plan: what 10 M creators and 5 M merchants would take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import nnls

CREATORS, MERCHANTS = 10e6, 5e6
#: Assumed, not measured: a hundred promotions a merchant, two events each, most pairs met twice.
PROMOTIONS, EVENTS, PAIRS = 5e8, 1e9, 2e8
#: Cores of the cluster, of one machine of it, and what a core costs an hour, in any currency.
CORES, CORES_A_MACHINE, PRICE = 256, 16, 0.05
PARTS = MERCHANTS / 1000
TASKS_AT_ONCE = 16


def line(frame: pd.DataFrame, x: str, y: str) -> tuple[float, float]:
    """Slope of ``y`` over ``x`` and its value at nothing, by least squares."""
    slope, start = np.polyfit(frame[x].to_numpy(float), frame[y].to_numpy(float), 1)
    return float(slope), float(start)


def shares(bundles: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """What a figure of a bundle starts with, and its growth with creators and promotions."""
    columns = bundles[["creators", "promotions"]].to_numpy(float)
    parts, _ = nnls(
        np.column_stack([np.ones(len(columns)), columns]), bundles[name].to_numpy(float)
    )
    return float(parts[0]), float(parts[1]), float(parts[2])


def plan(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tell each slope and what it comes to.

    Parameters
    ----------
    found : mapping of str to DataFrame
        What benchmarks/scale.py measured, by the name of the measure.

    Returns
    -------
    DataFrame
        ``what``, ``slope``, ``comes to``.
    """
    rows: list[tuple[str, str, str]] = []
    events, shuffle = found["interactions"], found["shuffled"]
    cpu, _ = line(events, "events", "CPU s")
    each = events["result MB"].iloc[-1] * 1e6 / events["pairs"].iloc[-1]
    moved, _ = line(shuffle, "events", "shuffle MB")
    rows += [
        ("matrix, streaming", f"{1e6 * cpu:.2f} CPU µs an event", _hours(cpu * EVENTS)),
        ("matrix, result", f"{each:.1f} bytes a pair", _size(each * PAIRS)),
        (
            "table on Spark, shuffled",
            f"{1e6 * moved:.0f} bytes an event",
            _size(1e6 * moved * EVENTS),
        ),
    ]
    index = found["index"]
    single, _ = line(index, "creators", "ms one query")
    batch, _ = line(index, "creators", "ms in a batch")
    size = index["index bytes each"].iloc[-1]
    rows += [
        ("codes of the index", f"{size:.0f} bytes a creator", _size(size * CREATORS)),
        ("vectors, mapped", "512 bytes a creator", _size(512 * CREATORS)),
        ("one exact query", f"{1e6 * single:.1f} ms a million", f"{single * CREATORS:.0f} ms"),
        (
            "exact search, batch",
            f"{1e6 * batch:.1f} ms a million and merchant",
            _hours(batch * CREATORS * MERCHANTS / 1e3),
        ),
    ]
    bundles = found["bundle"]
    named = {"bundle MB": "bundle", "own MB": "a worker's own memory"}
    for name, what in named.items():
        start, each, more = shares(bundles, name)
        rows.append(
            (
                what,
                f"{1e6 * each:.0f} bytes a creator, {1e6 * more:.0f} a promotion",
                _size(1e6 * (start + each * CREATORS + more * PROMOTIONS)),
            )
        )
    for objective in ("match", "gmv"):
        slope, start = line(bundles, "creators", f"ms a merchant, {objective}")
        hours = (start + slope * CREATORS) / 1e3 * MERCHANTS
        told = f"{start:.2f} ms + {1e6 * slope:.1f} ms a million creators"
        rows.append((f"lists by {objective}", told, _hours(hours)))
    tasks, executors = found["tasks"], found["executors"]
    task, wave = line(tasks, "tasks", "wave s")
    waves = np.ceil(PARTS / (TASKS_AT_ONCE * CORES))
    rows.append(
        (
            "Spark's own time",
            f"{1e3 * task:.1f} ms a task, {wave:.2f} s a wave",
            f"{task * PARTS + wave * waves:.0f} s in {waves:.0f} waves",
        )
    )
    rates = executors["merchants/s on Spark"]
    one = rates.iloc[0] / executors["merchants/s of one thread here"].iloc[0]
    rows.append(("a core of Spark for one here", "", f"{one:.2f} times the merchants"))
    rows.append(
        ("two cores for one", "", f"{rates.iloc[1] / rates.iloc[0]:.2f} times the merchants")
    )
    return pd.DataFrame(rows, columns=["what", "slope", "comes to"])


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 1:
        return f"{60 * hours:.0f} core minutes"
    return (
        f"{hours:,.0f} core hours: {hours / CORES:.1f} h on {CORES} cores, "
        f"{hours * PRICE:,.0f} at {PRICE} a core hour"
    )


def _size(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
