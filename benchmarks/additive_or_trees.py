"""Which model should rescore: additive, trees or both? By held-out loss, time and size.

    .venv/bin/python benchmarks/additive_or_trees.py [DATA] [--market FOLDER]

DATA is the folder that holds ``tmall_repeat_buyer``, ``kag_ads_conversion`` and
``instagram_kim2020``; sets that are not there are left out and named. The simulated market is
synthetic; without FOLDER the small one of seed 7 is made in ``artifacts/predictions``.

Every set is asked the same way. *Additive* is the served model, `models.loglinear`, folded into
tables. *Trees* are scikit-learn's, gradient boosted on what is known of the same rows: all features
of the entities, how they fit, and each entity's and pair's own past (rate and count, a row's own
outcome left out). The *stack* grows trees on what the additive model leaves, told of rows it was
not fitted to. Trees are walked as flat arrays by a compiled loop, and once by scikit-learn itself.
Their features lie ready in memory, which flatters them; the additive model looks its own up.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from additive_question import Question
from additive_sets import SETS
from flat_trees import FlatTrees
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from models.pairs import Floats

MANY = 10_000
FOLDS = 4
ADDITIVE, TREES, STACK = "additive", "trees", "stack"
SCIKIT = "scikit-learn's own"


@dataclass(frozen=True)
class Rival:
    """A way to predict the rows asked for, and what it costs.

    Attributes
    ----------
    log : float64 array
        Log of the rate, or of the amount.
    predict : callable of a number of rows
        Predicts so many of them.
    size : int
        Bytes that serving holds.
    """

    log: Floats
    predict: Callable[[int], object]
    size: int


def grown(
    question: Question, features: Floats, log: Floats, noise: float
) -> HistGradientBoostingRegressor:
    """Trees on what lies beyond a log that is known of each row.

    Of counts by the Poisson loss with the expectation as weight, which is the same as an offset.

    Parameters
    ----------
    noise : float
        Variance of one row's log beyond the chance of counting, as the additive model has it.
    """
    counts = question.counts
    settings = {
        "loss": "poisson" if counts else "squared_error",
        "learning_rate": 0.05,
        "max_iter": 400,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 30,
        "max_bins": 63,
        "l2_regularization": 5.0,
        "early_stopping": True,
        "validation_fraction": 0.15,
        "n_iter_no_change": 20,
        "random_state": 0,
    }
    model = HistGradientBoostingRegressor(**settings)
    known = question.known
    # Threads that wait for each other take longer on a busy machine than one alone.
    with threadpool_limits(1):
        if not counts:
            return model.fit(features, known.came - log, sample_weight=question.weight)
        expected = known.trials * np.exp(log)
        # One large promotion does not decide alone: promotions differ by more than counting.
        weight = question.weight * expected / (1.0 + noise * expected)
        return model.fit(features, known.came / expected, sample_weight=weight)


def rivals(
    question: Question, features: Floats, wanted: Floats
) -> Iterator[tuple[str, Rival, HistGradientBoostingRegressor | None]]:
    """Fit all, and let each predict what is asked.

    Parameters
    ----------
    features, wanted : float64 arrays
        What trees read of the known rows, and of those asked for.
    """
    asked = question.asked
    everything = np.ones(len(question.known.came), dtype=bool)
    additive = question.additive(everything)
    log = additive(asked.pairs)
    few = {n: asked.pairs.take(slice(n)) for n in (1, min(MANY, len(log)))}
    yield ADDITIVE, Rival(log, lambda n: additive(few[n]), additive.size), None
    usual = np.full(len(everything), question.usual)
    for name, offset, there in (
        (TREES, usual, np.full(len(log), question.usual)),
        (STACK, _not_fitted_to(question), log),
    ):
        model = grown(question, features, offset, additive.model.noise)
        flat = FlatTrees.of(model)
        read = {n: np.ascontiguousarray(wanted[:n]) for n in few}

        def predict(
            n: int,
            flat: FlatTrees = flat,
            read: dict[int, Floats] = read,
            both: bool = name == STACK,
        ) -> object:
            return (additive(few[n]) if both else 0.0) + flat.predict(read[n])

        size = flat.size + (additive.size if name == STACK else 0)
        yield name, Rival(there + flat.predict(wanted), predict, size), model


def _not_fitted_to(question: Question) -> Floats:
    """What the additive model tells of each known row from the others."""
    known = question.known
    fold = np.random.default_rng(0).permutation(len(known.came)) % FOLDS
    log = np.empty(len(known.came))
    for one in range(FOLDS):
        out = fold == one
        log[out] = question.additive(~out)(known.pairs.take(out))
    return log


def microseconds(work: Callable[[], object], rows: int, *, times: int, runs: int = 5) -> float:
    """CPU time of one row, the least of several runs of so many calls each."""
    work()
    found = []
    for _ in range(runs):
        began = time.process_time_ns()
        for _ in range(times):
            work()
        found.append((time.process_time_ns() - began) / times)
    return min(found) / rows / 1000


def judged(question: Question) -> pd.DataFrame:
    """A row for each rival: its loss on what was held out, its time and its size."""
    rows = {}
    features, wanted = question.features()
    many = min(MANY, len(wanted))
    base = question.loss(np.full(len(wanted), question.usual))
    for name, rival, model in rivals(question, features, wanted):
        loss = question.loss(rival.log)
        rows[name] = {
            "loss": loss,
            "gain": base - loss,
            "µs, one row": microseconds(lambda one=rival: one.predict(1), 1, times=200),
            "µs a row of many": microseconds(lambda one=rival: one.predict(many), many, times=2),
            "kB": rival.size / 1e3,
        }
        if model is not None:
            own = microseconds(lambda one=model: one.predict(wanted[:1]), 1, times=5)
            rows[name][SCIKIT] = own
    return pd.DataFrame(rows).T.assign(base=base)


def told(question: Question) -> str:
    """One set's part of the table."""
    found = judged(question)
    first = found["gain"][ADDITIVE] / found["µs a row of many"][ADDITIVE]
    found["gain per µs"] = found["gain"] / found["µs a row of many"] / first
    digits = {
        "loss": "{:.5f}",
        "gain": "{:.5f}",
        "µs, one row": "{:.1f}",
        SCIKIT: "{:,.0f}",
        "µs a row of many": "{:.3f}",
        "kB": "{:,.0f}",
        "gain per µs": "{:.2f}",
    }
    text = pd.DataFrame({name: found[name].map(form.format) for name, form in digits.items()})
    return (
        f"{question.name}: {question.measure}, {len(question.known.came):,} rows known, "
        f"{len(question.asked.came):,} held out; the usual for all {found['base'].iloc[0]:.5g}\n"
        f"{text.replace('nan', '').to_string()}"
    )


def main() -> None:
    """Judge every set that is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help="folder of the real data sets")
    parser.add_argument("--market", type=Path, help="a synthetic market")
    asked = parser.parse_args()
    print(
        "gain: how far the loss lies below that of the usual rate or amount for every row; gain "
        "per µs: in units\nof the additive model's; scikit-learn's own: µs of CPU for one row, "
        "its threads as they come"
    )
    for name, questions in SETS.items():
        try:
            for question in questions(asked.data, asked.market):
                print(f"\n{told(question)}", flush=True)
        except FileNotFoundError as missing:
            print(f"\n{name}: left out, {missing}")


if __name__ == "__main__":
    main()
