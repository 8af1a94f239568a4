"""Predictions held against what came, one set of data at a time.

    .venv/bin/python benchmarks/predictions.py tmall DATA/tmall_repeat_buyer
    .venv/bin/python benchmarks/predictions.py ads DATA/kag_ads_conversion
    .venv/bin/python benchmarks/predictions.py accounts DATA/hypeauditor_top1000_2022
    .venv/bin/python benchmarks/predictions.py likes DATA/instagram_kim2020
    .venv/bin/python benchmarks/predictions.py simulated

Figures are of parts cut from the visible data. Who holds another part, with the same columns, names
it with --held-out: the model then learns from all that is visible and is judged by that file, once.
What is simulated is synthetic and says so.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from command_line import lacking

#: The sets, each in a module of its own, ``predictions_<set>``, that is imported when asked for. It
#: has ``FILES``, the names expected in the folder of data (none where no data is needed), and
#: ``report(data, held_out)``, which gives the text to print and raises ValueError on a wrong file.
SETS = ("tmall", "ads", "accounts", "likes", "simulated")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("set", choices=SETS, help="what is predicted")
    parser.add_argument("data", type=Path, nargs="?", help="folder of the data set")
    parser.add_argument("--held-out", type=Path, metavar="FILE", help="judge by this file")
    asked = parser.parse_args()
    benchmark = importlib.import_module(f"predictions_{asked.set}")
    if benchmark.FILES:
        if asked.data is None:
            files = ", ".join(benchmark.FILES)
            parser.error(f"{asked.set} needs a folder with {files}; name it after {asked.set}")
        if complaint := lacking(asked.data, benchmark.FILES, "give the data set's own folder"):
            parser.error(complaint)
    try:
        print(benchmark.report(asked.data, asked.held_out))
    except ValueError as wrong:
        if asked.held_out is None and benchmark.FILES:
            raise
        parser.error(str(wrong))


if __name__ == "__main__":
    main()
