"""Fold-in against retraining, for a fifth of the merchants or of the creators.

    .venv/bin/python benchmarks/fold_in.py DATA

A fifth of one side is taken out before the fit and folded in afterwards from its cooperations.
Beside it stands a fit that had them all the time. Both rank the whole other side for those taken
out and are judged by the cells held out of them. Retraining costs a fit, fold-in the one call. The
last lines tell whether the same seed gives the same bytes with one thread and with two. On Gowalla
users are merchants and places creators; the split is our own, as in `retrieval.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from retrieval_process import cpu_seconds
from retrieval_sets import SOURCES, why_missing
from retrieval_split import Factors, Rows, Split, lists

from models.collaborative import CollaborativeFactors
from training import metrics

SETTINGS: dict[str, Callable[[], CollaborativeFactors]] = {
    "default": CollaborativeFactors,
    "quality": CollaborativeFactors.quality,
}
SIDES = ("merchants", "creators")
#: Share of a side that the fit does not see.
UNSEEN = 0.2
SEED = 2


def taken_out(rows: Rows, seed: int = SEED) -> Rows:
    """Draw a fifth of those who ask; sorted."""
    draw = np.random.default_rng(seed)
    return np.sort(draw.choice(rows, size=round(UNSEEN * len(rows)), replace=False))


def compare(make: Callable[[], CollaborativeFactors], split: Split, side: str) -> dict[str, float]:
    """Fold a fifth of a side in, and retrain with it.

    Parameters
    ----------
    make : callable
        Gives an estimator that is not fitted.
    split : Split
        Merchants ask for creators.
    side : {"merchants", "creators"}

    Returns
    -------
    dict
        ``retrained`` and ``folded``, R@20 of those taken out; ``retrain_cpu_s`` and
        ``fold_cpu_s``, CPU seconds of all threads.
    """
    swap = side == "creators"
    if swap:
        split = Split(split.history.T.tocsr(), split.asked.T.tocsr())
    unseen = taken_out(split.rows)
    seen = np.setdiff1d(np.arange(split.history.shape[0]), unseen)

    whole = make()
    started = cpu_seconds()
    whole.fit(split.history.T.tocsr() if swap else split.history)
    retrain_cpu_s = cpu_seconds() - started
    retrained = _recall(_sides(whole, swap)[0][unseen], _sides(whole, swap)[1], split, unseen)

    rest = make().fit(split.history[seen].T.tocsr() if swap else split.history[seen])
    fold_in = rest.fold_in_creators if swap else rest.fold_in
    started = cpu_seconds()
    vectors = fold_in(split.history[unseen])
    fold_cpu_s = cpu_seconds() - started
    folded = _recall(vectors, _sides(rest, swap)[1], split, unseen)
    return {
        "retrained": retrained,
        "folded": folded,
        "retrain_cpu_s": retrain_cpu_s,
        "fold_cpu_s": fold_cpu_s,
    }


def _sides(model: CollaborativeFactors, swap: bool) -> tuple[Any, Any]:
    """Vectors of who asks and of who is asked for."""
    sides = model.merchant_factors_, model.creator_factors_
    return sides[::-1] if swap else sides


def _recall(askers: Any, candidates: Any, split: Split, rows: Rows) -> float:
    of = Split(split.history[rows], split.asked[rows])
    return float(metrics.recall(lists(Placed(askers, candidates), of, 20), of.asked, 20).mean())


class Placed(Factors):
    """Vectors that are there already."""

    def __init__(self, askers: Any, candidates: Any) -> None:
        self.askers, self.candidates = askers, candidates

    def fit(self, history: sp.csr_matrix) -> None:
        """Nothing is left to learn."""


def bytes_of(setting: str, folder: Path) -> str:
    """Hash of the factors that a fit gives."""
    model = SETTINGS[setting]().fit(Split.load(folder).history)
    digest = hashlib.sha256(np.ascontiguousarray(model.merchant_factors_).tobytes())
    digest.update(np.ascontiguousarray(model.creator_factors_).tobytes())
    return digest.hexdigest()[:16]


def bytes_by_threads(setting: str, folder: Path) -> dict[int, str]:
    """Hashes with one thread and with two, each in a process of its own."""
    found = {}
    for threads in (1, 2):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        done = subprocess.run(
            [sys.executable, __file__, str(folder), "--bytes", setting],
            env=os.environ | {name: str(threads) for name in names},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found[threads] = done.stdout.split()[-1]
    return found


def measured(setting: str, side: str, folder: Path) -> dict[str, float]:
    """``compare`` in a process of its own, with one BLAS thread."""
    done = subprocess.run(
        [sys.executable, __file__, str(folder), "--compare", setting, side],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    costs: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return costs


def table(rows: dict[tuple[str, str], dict[str, float]]) -> pd.DataFrame:
    """Text of the comparison."""
    return pd.DataFrame(
        {
            "setting": setting,
            "folded in": side,
            "R@20 retrained": f"{row['retrained']:.4f}",
            "R@20 folded in": f"{row['folded']:.4f}",
            "kept": f"{row['folded'] / row['retrained']:.1%}",
            "retraining CPU s": f"{row['retrain_cpu_s']:.1f}",
            "fold-in CPU s": f"{row['fold_cpu_s']:.3f}",
            "cheaper": f"{row['retrain_cpu_s'] / row['fold_cpu_s']:.0f} ×",
        }
        for (setting, side), row in rows.items()
    )


def main() -> None:
    """Read the command line, compare, print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds the folders of the data sets")
    parser.add_argument("--set", choices=("gowalla", "lastfm", "ml100k"), default="gowalla")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--compare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--bytes", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.compare:
        setting, side = asked.compare
        print(json.dumps(compare(SETTINGS[setting], Split.load(asked.data), side)))
        return
    if asked.bytes:
        print(bytes_of(asked.bytes, asked.data))
        return
    if complaint := why_missing(asked.set, asked.data):
        parser.error(complaint)
    source = SOURCES[asked.set]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        next(source.splits(asked.data / source.folder, folder)).save(folder)
        rows = {
            (setting, side): measured(setting, side, folder)
            for setting in asked.settings
            for side in asked.sides
        }
        print(f"{asked.set}: {source.note}\n")
        print(table(rows).to_string(index=False), "\n", flush=True)
        for setting in asked.settings:
            one, two = bytes_by_threads(setting, folder).values()
            same = "the same bytes" if one == two else f"different bytes, {one} and {two}"
            print(f"{setting}: one thread and two give {same}")


if __name__ == "__main__":
    main()
