"""Speed: the batch job, one request, search and building, ours beside what else can be done.

    .venv/bin/python benchmarks/speed.py
    .venv/bin/python benchmarks/speed.py --quick --only jobs requests

Ours stands beside three others, all on the same vectors, in turns in one run; ratios are of that
run. The floor (`floor.py`) is the same job written for this one case with numpy, faiss and numba,
and has no reasons. The first floor is the same with faiss in half precision and trees walked step
by step, as it was first measured. By hand is what a user would write with implicit, scikit-learn
and pandas. RecTools needs `make bench-setup` once. Each way of a batch job has its own process;
its merchants a second leave opening out. By hand and RecTools score a sample of the merchants.

The markets are synthetic. They are simulated and learnt once into the output folder, which takes
half an hour and 4.5 GB of memory (--quick: two minutes); everything is measured in about a quarter
of an hour then. Of the other figures of this kind, `kills.py` has the killed jobs, and
`tests/test_spark.py` that Spark gives the same rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import speed_plots
from command_line import at_least
from retrieval_bench import ROOT
from speed_apart import apart, forget_bundles, prepared
from speed_jobs import Measured, Scene, as_results, index_bytes, of_results, run
from speed_rows import (
    Row,
    job_rows,
    markdown,
    matrix_rows,
    memory_rows,
    request_rows,
    search_rows,
    table,
)

EVERY_WAY = ("ours", "floor", "by_hand", "rectools_als", "rectools_two_stage")
BESIDE = ("ours", "floor")

Results = dict[str, Any]


def warm(folder: Path) -> None:
    """Have everything compiled before anything is measured; nothing of this is kept."""
    for objective in ("match", "gmv"):
        run(Scene("small", BESIDE, k=5, objective=objective), folder)


def jobs(folder: Path, quick: bool, rounds: int) -> list[dict[str, Any]]:
    """The batch job in every way, and ours by GMV and at the width that training gives."""
    name = "medium" if quick else "large"
    scenes = [
        Scene(name, EVERY_WAY, rounds),
        Scene(name, k=50, objective="gmv"),
        Scene(name, BESIDE, width=None),
    ]
    return as_results([run(scene, folder) for scene in scenes])


def growth(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """The batch job over fewer creators."""
    names = ("small",) if quick else ("medium", "hundred")
    return as_results([run(Scene(name, BESIDE), folder) for name in names])


def memory(folder: Path, quick: bool) -> list[dict[str, float]]:
    """Our batch job for more and more merchants, as `memory.py` measures it."""
    bundle = prepared(folder, "small" if quick else "few")["bundle"]
    found = []
    for times in (1, 10) if quick else (1, 10, 100):
        given = ["--bundle", bundle, "--k", "200", "--objective", "match", "--one"]
        given += ["--times", str(times)]
        found.append(told_by("memory.py", given))
        told = {name: round(value) for name, value in found[-1].items()}
        print(f"memory, in MB: {told}", file=sys.stderr, flush=True)
    return [{**one, "index_bytes": index_bytes(Path(bundle))} for one in found]


def requests(folder: Path, quick: bool, asked: int) -> list[dict[str, Any]]:
    """One request, among more and more creators."""
    names = ("small", "medium") if quick else ("medium", "hundred", "large")
    found = []
    for name in names:
        job = {**prepared(folder, name), "requests": asked, "growth": name == names[-1]}
        found.append(apart("speed_requests.py", job))
        print(f"requests among {found[-1]['creators']:,} creators", file=sys.stderr, flush=True)
    return found


def search(quick: bool) -> list[dict[str, Any]]:
    """Search alone, as `search.py` measures it."""
    batches = [(41_000, 128, 1024), *([] if quick else [(200_000, 128, 1024)])]
    told: list[dict[str, Any]] = apart("speed_search.py", {"rounds": 5, "batches": batches})
    return told


def matrix(events: int) -> dict[str, Any]:
    """Events to matrix, as `interactions.py` measures it."""
    from interactions import WAYS, write_events

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_events(path, events, 20_000, 200_000, 0)
        ways = {way: told_by("interactions.py", ["--measure", way, str(path)]) for way in WAYS}
    return {"events": events, "ways": ways}


def told_by(script: str, given: Sequence[str]) -> dict[str, float]:
    """What another benchmark prints as JSON."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *given]
    done = subprocess.run(command, check=True, capture_output=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def rows_of(results: Results) -> list[Row]:
    """Rows of the table, of whatever was measured."""
    rows: list[Row] = []
    measured = of_results(results.get("jobs", []))
    grown = of_results(results.get("growth", []))
    rows += job_rows([*measured, *grown])
    rows += memory_rows(results.get("memory", []))
    for told in results.get("requests", []):
        rows += request_rows(told)
    rows += search_rows(results.get("search", []))
    if "matrix" in results:
        rows += matrix_rows(results["matrix"]["ways"], results["matrix"]["events"])
    return rows


def draw(results: Results, folder: Path) -> list[Path]:
    """Plots of whatever was measured."""

    def both_ways(found: list[Measured]) -> list[Measured]:
        return [one for one in found if one.scene.width and set(BESIDE) <= one.rounds.keys()]

    by_creators = both_ways(of_results([*results.get("growth", []), *results.get("jobs", [])]))
    return speed_plots.save(
        by_creators, results.get("memory", []), results.get("requests", []), folder
    )


def main() -> None:
    """Measure what is asked for, keep it, print the table of all that is kept, draw the plots."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "artifacts" / "speed")
    parser.add_argument("--quick", action="store_true", help="30,000 creators instead of 200,000")
    parser.add_argument("--rounds", type=at_least(1), default=3, help="of the batch job")
    parser.add_argument("--requests", type=at_least(10), default=300)
    parser.add_argument("--events", type=at_least(1000), default=5_000_000)
    parser.add_argument(
        "--anew", action="store_true", help="write the bundles anew; what was learnt is kept"
    )
    parser.add_argument("--markdown", action="store_true", help="print a table for a README")
    parts: dict[str, Callable[[], Any]] = {
        "jobs": lambda: jobs(asked.folder, asked.quick, asked.rounds),
        "growth": lambda: growth(asked.folder, asked.quick),
        "memory": lambda: memory(asked.folder, asked.quick),
        "requests": lambda: requests(asked.folder, asked.quick, asked.requests),
        "search": lambda: search(asked.quick),
        "matrix": lambda: matrix(asked.events),
    }
    parser.add_argument("--only", nargs="*", choices=parts, default=list(parts), help="parts")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    kept = asked.folder / ("results-quick.json" if asked.quick else "results.json")
    if asked.anew:
        forget_bundles(asked.folder)
    results: Results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if asked.only:
        warm(asked.folder)
    for part in asked.only:
        results[part] = parts[part]()
        kept.write_text(json.dumps(results, indent=1), encoding="utf-8")
    shown = table(rows_of(results))
    print(markdown(shown) if asked.markdown else shown.to_string(index=False))
    for path in draw(results, asked.folder):
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
