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
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from retrieval_bench import ROOT, Bench, Result, Results
from retrieval_methods import METHODS
from retrieval_sets import SOURCES, prepare

#: What ratios are taken against.
AGAINST = "als"
COLUMNS = (
    *("set", "method", "R@20", "NDCG@20", "MRR", "R@20 ×"),
    *("fit CPU s", "CPU ×", "ranking CPU s", "peak GB", "note"),
)


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
    return [(key, value) for key, value in settings if not isinstance(value, bool)]


def markdown(shown: pd.DataFrame) -> str:
    """Write the table for a README."""
    lines = [shown.columns, ["---"] * len(shown.columns), *shown.to_numpy()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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
        default=list(SOURCES),
        metavar="SET",
        help=f"of {', '.join(SOURCES)}",
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
        type=float,
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
    bench = Bench(Results(asked.out, forget=asked.again), asked.limit)
    rows: dict[tuple[str, str], Result] = {}
    notes = []
    for name in asked.sets:
        try:
            of = prepare(name, asked.data, asked.out / "sets", asked.gowalla_test)
        except FileNotFoundError as missing:
            notes.append(f"{name}: left out; {missing}")
            continue
        notes.append(f"{name}: {of.note}")
        rows |= {(name, method): bench.row(method, of) for method in asked.methods}
    shown = table(rows)
    print(markdown(shown) if asked.markdown else shown.to_string(index=False))
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
