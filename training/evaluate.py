"""Evaluation of what is served: learn from the past, rank, and see who was held out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from matching import Plaza
from matching.bundle import Bundle
from matching.learnt import Learnt
from training import judgement
from training.accuracy import check_predictions
from training.backtest import Holdout
from training.contest import Baselines, spaces
from training.evaluation import Evaluation
from training.fit import Settings, train_market
from training.holdouts import hold_out
from training.market import Market
from training.served import SERVED, served_lists, served_methods

#: Re-ranked for variety by this much, beside the lists as they are.
VARIETY = (0.1, 0.3)


def evaluate_market(
    market: Market,
    *,
    split: str = "temporal",
    direction: str = "creators",
    holdout_days: int = 30,
    share: float = 0.2,
    seed: int = 0,
    k: int = 20,
    variety: Sequence[float] = VARIETY,
    settings: Settings | None = None,
    workdir: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Train on what a split leaves and judge what is served, beside baselines.

    Every asker with somebody to find is asked for new partners. All methods choose among the same
    candidates, never a sample: all that the past knows or, where the newcomers of a cold split are
    asked for, all of these.

    Parameters
    ----------
    market : Market
    split : {"temporal", "leave-last", "cold-merchants", "cold-creators"}
        See :mod:`training.holdouts`.
    direction : {"creators", "merchants"}
        Who is asked for: creators by merchants, or merchants by creators.
    holdout_days : int
        Days held out by ``temporal``.
    share, seed : float in (0, 1), int
        How many a cold split holds out, and who.
    k : int
        Length of the lists judged.
    variety : sequence of float in [0, 1]
        The served lists once more with each of these; see :meth:`matching.Plaza.creators_for`.
    settings : Settings, optional
        Of the training.
    workdir : Path, optional
        Where the bundle of the past is written; a temporary folder where not given.
    progress : callable, optional
        Told the name of each stage as it begins.

    Raises
    ------
    BadInput
        When the split leaves nothing to train on, or holds nothing to find.

    Examples
    --------
    With a folder of tables, in a notebook::

        market = read_market("artifacts/market")
        cold = evaluate_market(market, split="cold-merchants", share=0.2, seed=1)
        cold.ranking, cold.ahead, cold.askers
    """
    progress("holding out")
    return backtest(
        hold_out(market, split, direction, days=holdout_days, share=share, seed=seed),
        k=k,
        depth=max(k, judgement.DEPTH),
        variety=variety,
        settings=settings,
        baselines=True,
        workdir=workdir,
        progress=progress,
    )


def backtest(
    holdout: Holdout,
    *,
    k: int = 20,
    depth: int | None = None,
    variety: Sequence[float] = (),
    settings: Settings | None = None,
    baselines: bool = False,
    workdir: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Judge what is served for one holdout; as :func:`evaluate_market`.

    ``depth`` is how long the lists are ranked, where that is longer than the ``k`` judged.
    """
    if workdir is None:
        with tempfile.TemporaryDirectory() as folder:
            return backtest(
                holdout,
                k=k,
                depth=depth,
                variety=variety,
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
    plaza, learnt = Plaza(opened), Learnt.read(opened)
    depth = max(k, depth or k)
    lists = served_methods(plaza, holdout, depth, variety)
    contest = Baselines({}, pd.DataFrame(), [])
    if baselines:
        progress("backtest, baselines")
        contest = Baselines.of(holdout, learnt.blocks, depth, by=k)
        lists |= contest.lists
    progress("backtest, figures")
    figures = {name: judgement.per_asker(rows, holdout, k) for name, rows in lists.items()}
    audiences = [candidates for _, candidates in spaces(holdout, learnt.blocks).values()]
    ranking = {
        name: judgement.overall(rows, figures[name], holdout, k, audiences)
        for name, rows in lists.items()
    }
    curves = {name: judgement.recall_curve(rows, holdout) for name, rows in lists.items()}
    progress("backtest, predictions")
    return Evaluation(
        holdout,
        k,
        ranking=pd.DataFrame([{"method": name, **row} for name, row in ranking.items()]),
        ahead=judgement.leads(figures, SERVED, list(contest.lists), k),
        askers=_stacked({name: frame.reset_index() for name, frame in figures.items()}),
        curve=_stacked(curves),
        exposure=judgement.exposure_of(lists, holdout, k),
        settings=contest.settings,
        accuracy=check_predictions(plaza, holdout, learnt.outcomes.trials_basis_),
        notes=tuple(contest.notes),
    )


def served_recall(plaza: Plaza, holdout: Holdout, k: int) -> float:
    """Recall of the lists that a plaza serves for a holdout, ranked by affinity."""
    lists = served_lists(plaza, holdout, k)
    return float(judgement.per_asker(lists, holdout, k)["recall"].mean())


def _stacked(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One table with the method in front."""
    named = [frame.assign(method=name) for name, frame in frames.items()]
    stacked = pd.concat(named, ignore_index=True)
    return stacked[["method", *(name for name in stacked if name != "method")]]
