"""A backtest of what is served: train on the past, rank, and see what the later days brought."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from matching import Plaza
from matching.bundle import Bundle
from matching.learnt import Learnt
from models.vocabulary import Rows
from training import metrics
from training.accuracy import Accuracy, check_predictions
from training.backtest import Holdout, served_lists
from training.baselines import (
    AudienceAlone,
    ImplicitAls,
    ItemNeighbours,
    Popularity,
    Scorer,
    ranked,
)
from training.fit import Settings, train_market
from training.market import Market

#: How the served lists are called in tables: ranked by affinity, and by the bundle's default.
SERVED = "served"
#: Merchants whose scores of all creators are held at once.
_ROWS = 256


@dataclass(frozen=True)
class Evaluation:
    """What a backtest found.

    Attributes
    ----------
    holdout : Holdout
    k : int
        Length of the lists judged.
    ranking : DataFrame
        One row per method: recall with its bootstrap interval, NDCG, MRR, MAP, hit rate, the share
        of creators that any list names, and the Gini coefficient of how often they are named.
    accuracy : Accuracy
        Predictions against what the promotions of the holdout brought.
    """

    holdout: Holdout
    k: int
    ranking: pd.DataFrame
    accuracy: Accuracy

    @property
    def metrics(self) -> dict[str, float]:
        """Figures by name, those of the served lists without a prefix; unknown ones left out."""
        found: dict[str, float] = {}
        for row in self.ranking.to_dict("records"):
            method = str(row.pop("method"))
            prefix = "" if method == SERVED else f"{method.replace(' ', '_')}_"
            found |= {f"{prefix}{name}": float(one) for name, one in row.items()}
        for row in self.accuracy.intervals.to_dict("records"):
            if row["tier"] == "all":
                for name in ("inside_80", "predicted_over_observed"):
                    found[f"{row['what']}_{name}"] = float(row[name])
        return {name: one for name, one in found.items() if one == one}

    @property
    def synthetic(self) -> bool:
        """Whether the market was simulated, so that no figure says anything of a real one."""
        return self.holdout.past.synthetic

    def tables(self) -> dict[str, pd.DataFrame]:
        """Everything as tables under their titles."""
        marked = "; synthetic market" if self.synthetic else ""
        held = self.holdout
        asked = (
            f"{len(held.merchants)} merchants and the {held.found.nnz} creators they met for the "
            f"first time from {held.cut:%Y-%m-%d} to {held.as_of:%Y-%m-%d}"
        )
        return {
            f"Ranking: {asked}{marked}": self._ranking_in_print(),
            f"Promotions inside their 80 % interval{marked}": self.accuracy.intervals,
            f"Conversion, predicted and observed{marked}": self.accuracy.reliability,
        }

    def _ranking_in_print(self) -> pd.DataFrame:
        """The ranking with the interval of recall in one cell."""
        name = f"recall_at_{self.k}"
        ends = [self.ranking[f"{name}_{end}"].map("{:.3f}".format) for end in ("low", "high")]
        made = self.ranking.drop(columns=[f"{name}_low", f"{name}_high"])
        made.insert(2, "95 %", ends[0] + "–" + ends[1])
        return made.rename(columns=lambda one: str(one).replace("_at_", "@").replace("_", " "))

    def save(self, folder: Path) -> None:
        """Write the tables as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        self.ranking.to_csv(folder / "ranking.csv", index=False)
        self.accuracy.intervals.to_csv(folder / "intervals.csv", index=False)
        self.accuracy.reliability.to_csv(folder / "reliability.csv", index=False)


def evaluate_market(
    market: Market,
    *,
    holdout_days: int = 30,
    k: int = 20,
    settings: Settings | None = None,
    workdir: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Train on all but the last days and judge what is served for them, beside baselines.

    Every merchant that met somebody new in the holdout is asked for new partners; all methods
    choose among the same creators, those known at the cut.

    Parameters
    ----------
    workdir : Path, optional
        Where the bundle of the past is written; a temporary folder where not given.

    Raises
    ------
    BadInput
        When the holdout leaves nothing to train on, or holds nothing to find.
    """
    return backtest(
        Holdout.of(market, holdout_days),
        k=k,
        settings=settings,
        baselines=True,
        workdir=workdir,
        progress=progress,
    )


def backtest(
    holdout: Holdout,
    *,
    k: int = 20,
    settings: Settings | None = None,
    baselines: bool = False,
    workdir: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Judge what is served for one holdout; as :func:`evaluate_market`."""
    if workdir is None:
        with tempfile.TemporaryDirectory() as folder:
            return backtest(
                holdout,
                k=k,
                settings=settings,
                baselines=baselines,
                workdir=Path(folder),
                progress=progress,
            )
    bundle = workdir / "bundle"
    train_market(
        holdout.past, bundle, settings=settings, progress=lambda one: progress(f"backtest, {one}")
    )
    progress("backtest, ranking")
    opened = Bundle.open(bundle)
    plaza = Plaza(opened)
    lists = {SERVED: served_lists(plaza, holdout, k)}
    if plaza.default_objective != "match":
        name = f"{SERVED} by {plaza.default_objective}"
        lists[name] = served_lists(plaza, holdout, k, plaza.default_objective)
    learnt = Learnt.read(opened)
    if baselines:
        progress("backtest, baselines")
        lists |= baseline_lists(learnt, holdout, k)
    progress("backtest, predictions")
    return Evaluation(
        holdout,
        k,
        pd.DataFrame([{"method": name, **judge(rows, holdout, k)} for name, rows in lists.items()]),
        check_predictions(plaza, holdout, learnt.outcomes.trials_basis_),
    )


def served_recall(plaza: Plaza, holdout: Holdout, k: int) -> float:
    """Recall of the lists that a plaza serves for a holdout, ranked by affinity."""
    return judge(served_lists(plaza, holdout, k), holdout, k)[f"recall_at_{k}"]


def judge(lists: Rows, holdout: Holdout, k: int) -> dict[str, float]:
    """Figures of the lists of one method; that of recall with its 95 % bootstrap interval.

    Parameters
    ----------
    lists : int32 array of shape (number of merchants of the holdout, k), -1 where one has ended
    """
    relevant = holdout.found[holdout.merchants]
    everybody = relevant.shape[1]
    recall = metrics.recall(lists, relevant, k)
    low, high = metrics.bootstrap(recall)
    return {
        f"recall_at_{k}": float(np.nanmean(recall)),
        f"recall_at_{k}_low": low,
        f"recall_at_{k}_high": high,
        f"ndcg_at_{k}": float(np.nanmean(metrics.ndcg(lists, relevant, k))),
        "mrr": float(np.nanmean(metrics.reciprocal_rank(lists, relevant))),
        "map": float(np.nanmean(metrics.average_precision(lists, relevant))),
        "hit_rate": float(np.nanmean(metrics.hit_rate(lists, relevant, k))),
        "coverage": metrics.coverage(lists, everybody),
        "gini": metrics.gini(lists, everybody),
    }


def baseline_lists(learnt: Learnt, holdout: Holdout, k: int) -> dict[str, Rows]:
    """Lists of each baseline for the merchants of a holdout, among the same new creators."""
    spaces = [
        (block.merchants, block.creators)
        for name, block in learnt.blocks.items()
        if name != "category"
    ]
    scorers: dict[str, Scorer] = {
        "popularity": Popularity(),
        "item neighbours": ItemNeighbours(),
        "implicit ALS": ImplicitAls(),
    }
    if spaces:
        scorers["audience alone"] = AudienceAlone(spaces)
    rows = holdout.merchants
    lists = {}
    for name, scorer in scorers.items():
        scorer.fit(holdout.met.astype(np.float32))
        blocks = np.array_split(rows, range(_ROWS, len(rows), _ROWS))
        lists[name] = np.concatenate(
            [ranked(scorer.score(block), holdout.met[block], k) for block in blocks]
        )
    return lists
