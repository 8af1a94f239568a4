"""The batch job, way by way and round by round."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from speed_apart import RECTOOLS, apart, installed, prepared
from speed_market import NARROW


@dataclass(frozen=True)
class Scene:
    """One batch job.

    Parameters
    ----------
    market : str
        One of :data:`speed_market.MARKETS`.
    ways : tuple of str
        Of :data:`speed_process.WAYS`.
    rounds : int
    k : int
    objective : str
        What our lists are ordered by.
    width : int, optional
        Numbers per vector; as training gives them where None.
    few : int
        Merchants of the ways that would take minutes for all.
    """

    market: str
    ways: tuple[str, ...] = ("ours",)
    rounds: int = 1
    k: int = 200
    objective: str = "match"
    width: int | None = NARROW
    few: int = 2000


@dataclass
class Measured:
    """What the rounds of a scene gave.

    Attributes
    ----------
    rounds : dict of way to list of dict
        As :func:`speed_process.measure` gives them.
    """

    scene: Scene
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def rate(self, way: str) -> float:
        """Median merchants a second, opening left out; NaN where it was not measured."""
        return float(np.median(self._rates(way))) if way in self.rounds else float("nan")

    def ratio(self, way: str) -> float:
        """Median over the rounds of our rate over another way's."""
        if not {"ours", way} <= self.rounds.keys():
            return float("nan")
        pairs = zip(self._rates("ours"), self._rates(way), strict=True)
        return float(np.median([ours / theirs for ours, theirs in pairs]))

    def median(self, way: str, of: str, each: str | None = None) -> float:
        """Median of another figure, divided by ``each`` where that is named."""
        return float(np.median([one[of] / (one[each] if each else 1) for one in self.rounds[way]]))

    def _rates(self, way: str) -> list[float]:
        return [one["merchants"] / one["seconds"] for one in self.rounds[way]]


def run(scene: Scene, folder: Path) -> Measured:
    """Do a scene's job in all its ways, turn by turn."""
    given = prepared(folder, scene.market, scene.width)
    measured = Measured(scene)
    for turn in range(scene.rounds):
        for way in scene.ways:
            if not installed(way):
                continue
            slow = way not in ("ours", "floor")
            job = {
                **given,
                "way": way,
                "k": scene.k,
                "objective": scene.objective,
                "merchants": scene.few if slow else None,
                "out": str(folder),
            }
            found = apart("speed_process.py", job, bench=way in RECTOOLS)
            measured.rounds.setdefault(way, []).append(found)
            rate, peak = found["merchants"] / found["seconds"], found["peak_bytes"] / 1e9
            told = f"{scene.market}, k={scene.k}, {scene.objective}, round {turn + 1}, {way}"
            print(f"{told}: {rate:,.0f} merchants/s, {peak:.2f} GB", file=sys.stderr, flush=True)
    return measured


def index_bytes(bundle: Path) -> int:
    """What a search reads: the index and the vectors it is over."""
    vectors = [bundle / "affinity" / "creator_vectors.npy"]
    return sum(path.stat().st_size for path in [*vectors, *bundle.rglob("index*")])


def as_results(measured: Iterable[Measured]) -> list[dict[str, Any]]:
    """Plain values for JSON."""
    return [{"scene": vars(one.scene), "rounds": one.rounds} for one in measured]


def of_results(kept: Iterable[dict[str, Any]]) -> list[Measured]:
    """What :func:`as_results` gave, read again."""
    return [Measured(Scene(**one["scene"]), one["rounds"]) for one in kept]
