"""The baselines of a holdout, each at the setting that did best on a split inside the past.

A baseline at a setting taken from the air is easily beaten. Here the last fifth of the first
meetings in the past is held out once more; every baseline is tried on a small grid of settings,
and the best by recall there is fitted on the whole past. What is held out for the evaluation itself
has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from models.blocks import Block, Vectors
from models.holdout import hold_out
from models.vocabulary import Rows
from training import metrics
from training.audience_alone import AudienceAlone
from training.backtest import Holdout
from training.baselines import Ease, ImplicitAls, ItemNeighbours, Popularity
from training.meetings import first_days
from training.scoring import Scorer, lists_of

#: Share of the first meetings that the inner split holds out, the latest.
_SHARE = 0.2
#: Most askers of the inner split.
_MOST = 1000
#: Most candidates for EASE, which inverts a matrix of their number squared five times.
EASE_LIMIT = 5_000

#: Settings of one baseline and the scorer that has them.
Grid = Sequence[tuple[str, Scorer]]


@dataclass(frozen=True)
class Baselines:
    """Lists of the baselines and how they were set.

    Attributes
    ----------
    lists : dict of method to int32 array of shape (number of askers, k)
    settings : DataFrame
        Method, setting, recall on the inner split (NaN where there was nothing to choose), and
        whether it was chosen; a row per setting tried.
    notes : list of str
        What was left out, and why.
    """

    lists: dict[str, Rows]
    settings: pd.DataFrame
    notes: list[str]

    @classmethod
    def of(cls, holdout: Holdout, blocks: Mapping[str, Block], k: int, *, by: int = 20) -> Self:
        """Choose, fit and rank every baseline, among the same candidates as the served lists.

        The inner split is one by time whatever the question: the past holds no newcomers.

        Parameters
        ----------
        holdout : Holdout
        blocks : dict of name to Block
            Vectors in the order of the holdout's vocabularies.
        k, by : int
            Length of the lists, and the length that settings are chosen for.
        """
        lists, tried, notes = {}, [], []
        contestants = grids(spaces(holdout, blocks))
        if len(holdout.candidates) > EASE_LIMIT:
            del contestants["EASE"]
            notes.append(
                f"EASE is left out: {len(holdout.candidates):,} candidates, limit {EASE_LIMIT:,}."
            )
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            inner = _Inner.of(holdout)
            for method, grid in contestants.items():
                recalls = [inner.recall(scorer, by) for _, scorer in grid] if grid[1:] else []
                best = int(np.argmax(recalls)) if recalls else 0
                for place, (setting, _) in enumerate(grid):
                    recall = recalls[place] if recalls else float("nan")
                    tried.append((method, setting, recall, place == best))
                scorer = grid[best][1].fit(holdout.met.astype(np.float32))
                lists[method] = lists_of(scorer, holdout.met, holdout.askers, k, holdout.among)
        columns = ["method", "setting", "recall", "chosen"]
        return cls(lists, pd.DataFrame(tried, columns=columns), notes)


def grids(spaces: Mapping[str, tuple[Vectors, Vectors]]) -> dict[str, Grid]:
    """Baselines by name, each with the settings to choose among."""
    made: dict[str, Grid] = {
        "popularity": [("", Popularity())],
        "item neighbours": [
            (f"shrink {shrink:g}", ItemNeighbours(shrink)) for shrink in (0.0, 5.0, 20.0, 100.0)
        ],
        "EASE": [(f"penalty {one:g}", Ease(one)) for one in (5.0, 20.0, 100.0, 500.0)],
        "implicit ALS": [
            (
                f"factors {factors}, penalty {pull:g}, alpha {alpha:g}",
                ImplicitAls(factors, regularization=pull, alpha=alpha),
            )
            for factors in (16, 64)
            for pull in (3.0, 30.0)
            for alpha in (5.0, 40.0)
        ],
    }
    if spaces:
        everything = ("all spaces", AudienceAlone(list(spaces.values())))
        single = [(name, AudienceAlone([one])) for name, one in spaces.items() if len(spaces) > 1]
        made["audience alone"] = [everything, *single]
    return made


def spaces(holdout: Holdout, blocks: Mapping[str, Block]) -> dict[str, tuple[Vectors, Vectors]]:
    """Askers and candidates in each space of audience vectors; categories are none."""
    sides = {
        name: (block.merchants, block.creators)
        for name, block in blocks.items()
        if name != "category"
    }
    if holdout.direction == "creators":
        return sides
    return {name: (creators, merchants) for name, (merchants, creators) in sides.items()}


@dataclass(frozen=True)
class _Inner:
    """The past once more parted into earlier and later; rows are askers."""

    earlier: sp.csr_matrix
    later: sp.csr_matrix
    askers: Rows

    @classmethod
    def of(cls, holdout: Holdout) -> Self:
        """Hold out the latest first meetings; who had none before does not ask."""
        met = holdout.met.astype(np.float32)
        since = first_days(
            holdout.past.table("promotions"), holdout.ids.merchants, holdout.ids.creators
        )
        if holdout.direction == "merchants":
            since = since.T.tocsr()
        rng = np.random.default_rng(0)
        earlier, later = hold_out(met, since, _SHARE, rng)
        asking = np.flatnonzero((np.diff(earlier.indptr) > 0) & (np.diff(later.indptr) > 0))
        if len(asking) > _MOST:
            asking = np.sort(rng.choice(asking, _MOST, replace=False))
        return cls(earlier, later, asking.astype(np.int32))

    def recall(self, scorer: Scorer, k: int) -> float:
        """Recall of a scorer that learns from the earlier part; 0 where nobody asks."""
        if not len(self.askers):
            return 0.0
        lists = lists_of(scorer.fit(self.earlier), self.earlier, self.askers, k)
        return float(metrics.recall(lists, self.later[self.askers], k).mean())
