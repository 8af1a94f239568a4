"""Retrieval: every method on every set, quality beside CPU seconds and peak memory, in one table.

    .venv/bin/python benchmarks/retrieval.py DATA
    .venv/bin/python benchmarks/retrieval.py DATA --sets lastfm --methods als default quality

Ranking is full, nothing is sampled, and what was met before is left out. Recall is hits over all
that was held out; NDCG has binary gains and is relative to the best list of min(k, held out). On
Gowalla and Last.fm that is the protocol of LightGCN. Each method runs in a process of its own with
one BLAS thread; CPU seconds count all its threads. Peak memory is that up to the end of the first
fit. MRR looks at the first 50. Where a set has several splits, seconds are means over them and
figures means over all who ask.

Settings called tuned are chosen by NDCG at 20 on an inner split of what is learnt from (a fifth of
every asker's cells), over the grids of `retrieval_methods.py`; Gowalla's are fixed there. RecTools
and LensKit need `make bench-setup` once. A result is kept in the output folder and not measured
again, so that a run that was stopped goes on where it was; ours are, once their code has changed.

Figures on own splits can be compared with each other, not with published ones. To judge on the
published test half of Gowalla, name its file with --gowalla-test.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from command_line import between
from retrieval_bench import ROOT, Bench, Result, Results
from retrieval_methods import METHODS
from retrieval_sets import SOURCES, prepare, why_missing

#: What ratios are taken against.
AGAINST = "als"
COLUMNS = (
    *("set", "method", "R@20", "NDCG@20", "MRR", "R@20 ×"),
    *("fit CPU s", "CPU ×", "ranking CPU s", "peak GB", "note"),
)
#: What a README has room for, by the names it shows.
NARROW = {
    **{name: name for name in ("set", "method", "R@20", "NDCG@20")},
    "R@20 ×": "R@20 × implicit ALS",
    **{name: name for name in ("fit CPU s", "peak GB", "note")},
}
#: Settings by the letters they have in papers.
LETTERS = {"regularization": "λ", "alpha": "α"}


def table(rows: Mapping[tuple[str, str], Result]) -> pd.DataFrame:
    """Text of the table: a row per set and method, ratios against implicit's defaults."""
    lines = []
    for (name, method), result in rows.items():
        line = {"set": name, "method": METHODS[method].label}
        base = rows.get((name, AGAINST), {})
        if "reason" in result:
            line["note"] = result["reason"]
        else:
            line |= {
                "R@20": f"{result['R@20']:.4f}",
                "NDCG@20": f"{result['NDCG@20']:.4f}",
                "MRR": f"{result['MRR']:.4f}",
                "R@20 ×": f"{result['R@20'] / base['R@20']:.2f}" if "R@20" in base else "",
                "fit CPU s": f"{result['fit_cpu_s']:.1f}",
                "CPU ×": f"{result['fit_cpu_s'] / base['fit_cpu_s']:.2f}" if "R@20" in base else "",
                "ranking CPU s": f"{result['rank_cpu_s']:.1f}",
                "peak GB": f"{result['fit_peak_bytes'] / 1e9:.2f}",
                "note": ", ".join(f"{key} {value:g}" for key, value in shown_settings(result)),
            }
        lines.append(line)
    return pd.DataFrame(lines, columns=COLUMNS).fillna("")


def shown_settings(result: Result) -> list[tuple[str, float]]:
    """Numbers among the settings, for the last column."""
    settings = result["key"]["settings"].items()
    return [
        (LETTERS.get(key, key), value) for key, value in settings if not isinstance(value, bool)
    ]


def markdown(shown: pd.DataFrame) -> str:
    """Write the table for a README: fewer columns, and methods without figures in a line below."""
    measured = shown["R@20"] != ""
    narrow = shown.loc[measured, list(NARROW)]
    words = ("set", "method", "note")
    rules = ["---" if name in words else "---:" for name in narrow]
    lines = []
    if len(narrow):
        lines = [list(NARROW.values()), rules, *narrow.to_numpy()]
    told = [f"| {' | '.join(line)} |" for line in lines]
    for (name, why), rows in shown[~measured].groupby(["set", "note"], sort=False):
        told.append(f"\nNot on {name}: {'; '.join(rows['method'])} ({why}).")
    return "\n".join(told)


def main() -> None:
    """Read the command line, measure what is not known yet, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds the folders of the data sets")
    parser.add_argument(
        "--sets",
        nargs="+",
        choices=SOURCES,
        metavar="SET",
        help=f"of {', '.join(SOURCES)} (default: those that are there)",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=list(METHODS),
        metavar="METHOD",
        help=f"of {', '.join(METHODS)}",
    )
    parser.add_argument(
        "--gowalla-test",
        type=Path,
        metavar="FILE",
        help="Gowalla's published test half, a user and its items a line",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "artifacts" / "retrieval",
        help="folder of splits and results (default: artifacts/retrieval)",
    )
    parser.add_argument(
        "--limit",
        type=between(0.0, math.inf, "1800"),
        default=1800.0,
        metavar="SECONDS",
        help="stop a fit and its lists after so long (default: 1800)",
    )
    parser.add_argument(
        "--again",
        nargs="*",
        choices=METHODS,
        default=[],
        metavar="METHOD",
        help="measure these even where results are known",
    )
    parser.add_argument("--markdown", action="store_true", help="print a table for a README")
    asked = parser.parse_args()
    missing = {name: why_missing(name, asked.data) for name in asked.sets or SOURCES}
    sets = [name for name, why in missing.items() if not why]
    complaints = [f"{name}: {why}" for name, why in missing.items() if why]
    # Sets that were named must be there; of all, those that are there will do.
    if complaints and (asked.sets or not sets):
        parser.error(complaints[0])
    if asked.gowalla_test is not None and not asked.gowalla_test.is_file():
        parser.error(
            f"--gowalla-test: {asked.gowalla_test} is no file; expected Gowalla's published test "
            "half, a user and its items a line; give its place or leave the option out"
        )
    if asked.gowalla_test is not None and "gowalla" not in sets:
        parser.error("--gowalla-test: got a file, but gowalla is not measured; add it to --sets")
    bench = Bench(Results(asked.out, forget=asked.again), asked.limit)
    rows: dict[tuple[str, str], Result] = {}
    notes = []
    for name in sets:
        of = prepare(name, asked.data, asked.out / "sets", asked.gowalla_test)
        notes.append(f"{name}: {of.note}")
        rows |= {(name, method): bench.row(method, of) for method in asked.methods}
    shown = table(rows)
    print(markdown(shown) if asked.markdown else shown.to_string(index=False))
    notes += [f"left out, {complaint}" for complaint in complaints]
    # Markdown would run lines together.
    print("\n" + ("\n\n" if asked.markdown else "\n").join(notes))


if __name__ == "__main__":
    main()
