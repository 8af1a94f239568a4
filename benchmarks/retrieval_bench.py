"""Measuring one method on one set: in a process of its own, once, and kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from judging import judge
from retrieval_methods import METHODS, Entry, Settings
from retrieval_sets import Prepared
from retrieval_split import Split

ROOT = Path(__file__).parent.parent
#: Written last by `make bench-setup`.
BENCH_READY = ROOT / ".venv-bench" / ".ready"
BENCH_PYTHON = BENCH_READY.parent / "bin" / "python"
DEPTH = 50

Result = dict[str, Any]


class Results:
    """Results of earlier runs and this one: a line of JSON each, the last of a kind counts.

    Parameters
    ----------
    folder : Path
    forget : set of str
        Methods whose earlier results do not count.
    """

    def __init__(self, folder: Path, forget: Collection[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "results.jsonl"
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        self._known: dict[str, Result] = {}
        for result in map(json.loads, lines):
            if result["key"]["method"] not in forget:
                self._known[json.dumps(result["key"], sort_keys=True)] = result

    def get(self, key: Settings) -> Result | None:
        """What was measured under this key."""
        return self._known.get(json.dumps(key, sort_keys=True))

    def add(self, key: Settings, result: Result) -> Result:
        """Keep a result."""
        kept = {"key": dict(key), **result}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(kept) + "\n")
        self._known[json.dumps(key, sort_keys=True)] = kept
        return kept


class Bench:
    """Measures methods on sets.

    Parameters
    ----------
    results : Results
    limit : float
        Wall seconds after which a method is stopped.
    """

    def __init__(self, results: Results, limit: float) -> None:
        self.results = results
        self.limit = limit

    def row(self, method: str, of: Prepared) -> Result:
        """Figures and costs of a method on a set, or ``{"reason": …}`` why there are none."""
        entry = METHODS[method]
        reason = why_not(entry, of)
        if reason:
            return {"reason": reason}
        settings = self.settings(method, of)
        return self.measure(method, replace(entry, settings=settings), of, of.folders)

    def settings(self, method: str, of: Prepared) -> Settings:
        """What the method is made with here; chosen on the inner split where there is a grid."""
        entry = METHODS[method]
        if of.name in entry.chosen:
            return entry.chosen[of.name]
        if entry.as_chosen_by:
            return self.settings(entry.as_chosen_by, of)
        if not entry.grid:
            return entry.settings
        tried = [
            (self.measure(method, replace(entry, settings=choice), of, of.inner), choice)
            for choice in entry.choices()
        ]
        # A choice that was stopped for its time has no figures.
        return max(tried, key=lambda one: one[0].get("NDCG@20", -1.0))[1]

    def measure(self, method: str, entry: Entry, of: Prepared, folders: list[Path]) -> Result:
        """Run one method at one setting, unless its result is known."""
        key = {
            "set": of.name,
            "splits": [folder.name for folder in folders],
            "data": of.fingerprint,
            "method": method,
            "settings": dict(entry.settings),
            "code": code_of(entry),
        }
        known = self.results.get(key)
        if known is not None:
            return known
        told = " ".join(f"{name}={value}" for name, value in entry.settings.items())
        print(of.name, folders[0].name, entry.label, told, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as out:
            job = {
                "maker": entry.maker,
                "settings": dict(entry.settings),
                "splits": [str(folder) for folder in folders],
                "market": entry.market,
                "depth": DEPTH,
                "out": out,
            }
            costs = run_apart(
                job, BENCH_PYTHON if entry.bench else Path(sys.executable), self.limit
            )
            if "reason" in costs:
                return self.results.add(key, costs)
            return self.results.add(key, {**costs, **figures(folders, Path(out))})


def why_not(entry: Entry, of: Prepared) -> str:
    """Why a method cannot run on a set; empty when it can."""
    if entry.bench and not BENCH_READY.exists():
        return "not installed; run make bench-setup"
    if entry.market and not of.market:
        return "needs a market, this is a matrix"
    if of.cold and not entry.cold:
        return "cannot rank for who has no history"
    if entry.most_candidates is not None and of.candidates > entry.most_candidates:
        return f"{of.candidates:,} candidates do not fit a dense matrix of their square"
    return ""


def run_apart(job: Settings, python: Path, limit: float) -> Result:
    """Run a job in a process of its own; gives its costs, or ``reason`` if it was stopped.

    Raises
    ------
    SystemExit
        When the process fails; its last words are in the message.
    """
    threads = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    file = Path(job["out"]) / "job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    command = [str(python), str(ROOT / "benchmarks" / "retrieval_process.py"), str(file)]
    try:
        done = subprocess.run(
            command,
            env=os.environ | threads,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"reason": f"stopped after {limit:g} s"}
    if done.returncode:
        raise SystemExit(f"{job['maker']} failed:\n{done.stderr[-2000:]}")
    costs: Result = json.loads(done.stdout.splitlines()[-1])
    return costs


def figures(folders: list[Path], out: Path) -> Result:
    """Mean figures over all who asked in any split."""
    judged = []
    for number, folder in enumerate(folders):
        split = Split.load(folder)
        lists = np.load(out / f"lists-{number}.npy", allow_pickle=False)
        judged.append(judge(lists, split.asked[split.rows]))
    table = pd.concat(judged)
    means = {str(name): float(value) for name, value in table.drop(columns="first").mean().items()}
    return {**means, "askers": len(table)}


def code_of(entry: Entry) -> str:
    """Hash of the sources that a method of ours comes from; other libraries are locked."""
    packages = {
        "retrieval_methods:Ours": ["models"],
        "retrieval_markets:Served": ["models", "training", "matching"],
    }.get(entry.maker, [])
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16] if packages else ""
