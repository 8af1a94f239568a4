"""What predictions cost: rows a second, microseconds for a few, milliseconds for a list.

    .venv/bin/python benchmarks/rescoring.py BUNDLE

BUNDLE is one trained on any market, such as ``artifacts/demo/bundle`` (synthetic). Everything of
a row is predicted: conversion, exposures and GMV with 80 % intervals, orders and net. Beside it
stands what a user would write by hand: 40 features of each pair in numpy, a logistic and a linear
model on them, and no interval at all. Figures are of CPU time on one core, the least of several;
those of two threads are of the clock.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from matching import Plaza
from matching.prospects import Prospects
from matching.ranking import COLUMN
from models.fits import PairFits
from models.outcome import OutcomeModel
from models.pairs import Floats, Pairs

ROWS = 400_000
#: Rows of one merchant, as a list that is rescored has them.
CANDIDATES = 500
FEATURES = 40
ASKERS = 500


def least(work: Callable[[], object], times: int = 5, clock: str = "process_time") -> float:
    """Seconds of the fastest of several runs."""
    work()
    read, found = getattr(time, clock), []
    for _ in range(times):
        start = read()
        work()
        found.append(read() - start)
    return float(min(found))


def pairs_of(fits: PairFits, sizes: tuple[int, int, int], n: int) -> Pairs:
    """Pairs as lists have them: merchant by merchant, creators in any order, no product."""
    rng = np.random.default_rng(0)
    merchants, creators, products = sizes
    merchant = (np.arange(n) // CANDIDATES % merchants).astype(np.int32)
    creator = rng.integers(0, creators, n).astype(np.int32)
    product = np.full(n, products, dtype=np.int32)
    rows = merchant, creator, product
    return Pairs(*rows, fits.audience(*rows), fits.category(*rows))


class ByHand:
    """A logistic and a linear model on features of both sides, gathered for each pair."""

    def __init__(self, sizes: tuple[int, int, int]) -> None:
        rng = np.random.default_rng(1)
        merchants, creators, _ = sizes
        half = FEATURES // 2 - 1
        self.merchants = rng.normal(size=(merchants, half))
        self.creators = rng.normal(size=(creators, half))
        self.rate, self.log_orders = rng.normal(size=(2, FEATURES)) / FEATURES
        self.price = np.exp(rng.normal(size=merchants))

    def predict(self, pairs: Pairs) -> tuple[Floats, Floats]:
        """Rate and GMV; points alone."""
        fits = np.nan_to_num(np.column_stack([pairs.audience_fit, pairs.category_fit]))
        whose = self.merchants[pairs.merchant], self.creators[pairs.creator]
        features = np.concatenate([*whose, fits], axis=1)
        rate = 1.0 / (1.0 + np.exp(-(features @ self.rate)))
        return rate, np.exp(features @ self.log_orders) * self.price[pairs.merchant]


def rescoring(outcomes: OutcomeModel, fits: PairFits, sizes: tuple[int, int, int]) -> None:
    """Print what predicting many and few rows costs."""
    pairs, hand = pairs_of(fits, sizes, ROWS), ByHand(sizes)
    rows = pairs.merchant, pairs.creator, pairs.product
    slices = [pairs.take(slice(at * ROWS // 2, (at + 1) * ROWS // 2)) for at in range(2)]
    print(f"{'M rows/s':<44} {'alliance':>9} {'by hand':>9}")
    ours = ROWS / least(lambda: outcomes.predict(pairs)) / 1e6
    theirs = ROWS / least(lambda: hand.predict(pairs), 2) / 1e6
    print(f"{'all predictions, one core':<44} {ours:>9.2f} {theirs:>9.2f}")
    with ThreadPoolExecutor(2) as pool:
        both = [
            ROWS / least(lambda f=f: list(pool.map(f, slices)), 5, "perf_counter") / 1e6
            for f in (outcomes.predict, hand.predict)
        ]
    print(f"{'all predictions, two threads':<44} {both[0]:>9.2f} {both[1]:>9.2f}")
    for name, fit in (("audience", fits.audience), ("category", fits.category)):
        told = ROWS / least(lambda fit=fit: fit(*rows)) / 1e6
        print(f"{f'{name} fit, one core':<44} {told:>9.2f}")
    print(f"\n{'microseconds':<44} {'alliance':>9} {'by hand':>9}")
    for n in (1, 20, 500):
        few = pairs.take(slice(0, n))
        costs = [
            least(lambda f=f, few=few: [f(few) for _ in range(200)]) / 200 * 1e6
            for f in (outcomes.predict, hand.predict)
        ]
        print(f"{f'all predictions of {n} rows':<44} {costs[0]:>9.1f} {costs[1]:>9.1f}")


def prospecting(outcomes: OutcomeModel, fits: PairFits, sizes: tuple[int, int, int]) -> None:
    """Print what the best of all creators cost, by objective."""
    merchants = np.linspace(0, sizes[0] - 1, min(ASKERS, sizes[0])).astype(np.int32)
    print(f"\n{'ms a merchant, the best of all creators':<44} {'k = 20':>9} {'k = 50':>9}")
    for objective, column in COLUMN.items():
        prospects = Prospects.of(outcomes.chain_, fits, column)
        costs = [
            least(lambda k=k, one=prospects: one.best(k, merchants), 3) / len(merchants) * 1e3
            for k in (20, 50)
        ]
        print(f"{f'  by {objective}':<44} {costs[0]:>9.3f} {costs[1]:>9.3f}")


def main() -> None:
    """Measure one bundle."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", help="a trained bundle")
    plaza = Plaza.load(parser.parse_args().bundle)
    learnt = plaza._learnt
    merchants, creators, products = learnt.vocabularies
    sizes = len(merchants), len(creators), len(products)
    print(f"{sizes[1]} creators, {sizes[0]} merchants, {sizes[2]} products\n")
    rescoring(learnt.outcomes, learnt.fits(), sizes)
    prospecting(learnt.outcomes, learnt.fits(), sizes)


if __name__ == "__main__":
    main()
