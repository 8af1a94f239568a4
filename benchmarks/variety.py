"""What variety costs and what it brings: the knob of the lists at several values, side by side.

    .venv/bin/python benchmarks/variety.py [DATA]

The simulated market is synthetic: creators for all merchants, by ``match`` and by ``gmv``, judged
by its last 30 days. With DATA, the folder of data sets: merchants for creators on Instagram (the
last of three cuts in time) and creators for brands without a history on BMI (two folds of four),
by ``match``.

R@20 and NDCG@20 tell of those who found a new partner later; coverage, Gini and novelty of the
lists of everybody who can ask. ``diversity`` is the mean distance within a list, of vectors that
say who fits whom, less the usual one; ``kept`` is the median share of what a list promises of the
objective at variety 0.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from judging import list_rows
from retrieval_markets import Served
from retrieval_sets import SOURCES, why_missing

from matching import Plaza, Where
from models.blocks import Vectors
from models.vocabulary import Rows, Vocabulary
from models.whitening import unit
from training import metrics, spread
from training.fit import train_market
from training.holdouts import last_days
from training.market import read_market
from training.significance import bootstrap
from training.simulation import simulate_market

K = 20
KNOBS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)

#: Sets with a market: their title, and which of their splits are asked about.
SETS = {
    "instagram": ("accounts for creators on Instagram, by match", slice(2, 3)),
    "bmi": ("creators for brands without a history, by match", slice(0, 2)),
}


@dataclass(frozen=True)
class Question:
    """Who asks a plaza, by what, and what they found later.

    Attributes
    ----------
    merchants_ask : bool
    everybody : int array
        Rows of those whose lists are drawn up.
    history, found : csr matrices (askers × candidates)
        Partners before, and new ones later.
    among : int array, optional
        Candidates that may be listed.
    """

    plaza: Plaza
    merchants_ask: bool
    objective: str
    askers: Vocabulary
    candidates: Vocabulary
    everybody: Rows
    history: sp.csr_matrix
    found: sp.csr_matrix
    among: Rows | None = None

    def lists(self, variety: float) -> tuple[Rows, pd.Series[float]]:
        """Rows of the candidates in everybody's list, and what each list promises."""
        ids = self.askers.ids[self.everybody].tolist()
        asked = {"k": K, "objective": self.objective, "variety": variety}
        names = ("merchant_id", "creator_id")
        if self.merchants_ask:
            where = None
            if self.among is not None:
                where = Where(creator_ids=self.candidates.ids[self.among].tolist())
            frame = self.plaza.creators_for(ids, where=where, exclude_worked_with=True, **asked)
        else:
            frame = self.plaza.merchants_for(ids, exclude_worked_with=True, **asked)
            names = names[::-1]
        rows = list_rows(frame, *names, ids, self.candidates, K)
        return rows, frame.groupby(names[0], sort=False)["score"].sum()

    def vectors(self) -> Vectors:
        """Candidates as differences from the usual one, of length one."""
        learnt = self.plaza._learnt
        if self.merchants_ask:
            beyond, ids = learnt.creator_vectors - learnt.usual_creator, self.plaza.creator_ids
        else:
            beyond, ids = learnt.merchant_vectors - learnt.usual_merchant, self.plaza.merchant_ids
        rows, _ = Vocabulary.of(ids).find(self.candidates.ids)
        return unit(beyond[rows])

    def figures(self, variety: float, plain: pd.Series[float] | None) -> dict[str, object]:
        """All figures at one value of the knob; ``recall`` holds one number per judged asker."""
        lists, promise = self.lists(variety)
        judging = np.diff(self.found.indptr)[self.everybody] > 0
        found, judged = self.found[self.everybody[judging]], lists[judging]
        among = np.arange(len(self.candidates)) if self.among is None else self.among
        place = np.full(len(self.candidates) + 1, -1)
        place[among] = np.arange(len(among))
        within = place[lists]
        return {
            "recall": metrics.recall(judged, found, K),
            "NDCG@20": metrics.ndcg(judged, found, K).mean(),
            "coverage": spread.coverage(within, len(among)),
            "Gini": spread.gini(within, len(among)),
            "novelty": spread.novelty(lists, self.history.getnnz(axis=0)),
            "diversity": np.nanmean(spread.diversity(lists, self.vectors())),
            "kept": 1.0 if plain is None else (promise / plain).median(),
            "promise": promise,
        }


def simulated(work: Path) -> Iterator[Question]:
    """A small synthetic market, by affinity and by expected GMV."""
    simulate_market(work / "market", seed=7, size="small")
    held = last_days(read_market(work / "market"), 30)
    train_market(held.past, work / "bundle")
    plaza = Plaza.load(work / "bundle")
    everybody = np.arange(len(held.asking), dtype=np.int32)
    for objective in ("match", "gmv"):
        yield Question(
            plaza, True, objective, held.asking, held.candidates, everybody, held.met, held.found
        )


def on_real_data(name: str, data: Path, work: Path) -> Iterator[Question]:
    """The splits of a set of :mod:`retrieval_sets` that comes with a market."""
    source, (_, which) = SOURCES[name], SETS[name]
    splits = enumerate(source.splits(data / source.folder, work))
    for number, split in islice(splits, which.start, which.stop):
        served = Served(work / str(number))
        served.fit(split.history)
        merchants_ask = served.asks == "merchant"
        everybody = split.rows if source.cold else np.flatnonzero(np.diff(split.history.indptr))
        yield Question(
            served.plaza,
            merchants_ask,
            "match",
            served.askers,
            served.candidates,
            everybody.astype(np.int32),
            split.history,
            split.asked,
            split.among,
        )


def table(questions: list[Question]) -> pd.DataFrame:
    """Figures at every value of the knob; means over the questions, recall over who asked."""
    plain = [question.figures(0.0, None) for question in questions]
    rows = {}
    for knob in KNOBS:
        told = [
            question.figures(knob, first["promise"]) if knob else first
            for question, first in zip(questions, plain, strict=True)
        ]
        recall, before = (np.concatenate([one["recall"] for one in all_]) for all_ in (told, plain))
        low, high = bootstrap(recall - before)
        means = pd.DataFrame(told).drop(columns=["recall", "promise"]).astype(float).mean()
        row = {"R@20": f"{recall.mean():.3f}", **means.map("{:.3f}".format)}
        row["R@20, 95 % of the change"] = f"{low:+.3f} to {high:+.3f}" if knob else ""
        rows[f"{knob:g}"] = row
    return pd.DataFrame(rows).T.rename_axis("variety")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help="folder of data sets")
    asked = parser.parse_args()
    for name in SETS if asked.data is not None else ():
        if complaint := why_missing(name, asked.data):
            parser.error(complaint)
    with tempfile.TemporaryDirectory() as work:
        for question in simulated(Path(work)):
            merchants = len(question.everybody)
            print(f"\ncreators for {merchants} merchants by {question.objective}, synthetic market")
            print(table([question]).to_string(), flush=True)
    for name, (title, _) in SETS.items() if asked.data is not None else ():
        with tempfile.TemporaryDirectory() as work:
            questions = list(on_real_data(name, asked.data, Path(work)))
            print(f"\n{title}")
            print(table(questions).to_string(), flush=True)


if __name__ == "__main__":
    main()
