"""Backtest the served lists of a market folder; tables and plots into a folder and MLflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.evaluate import Evaluation, evaluate_market
from training.market import read_market
from training.plots import save_plots


@dataclass(frozen=True)
class Evaluated:
    """An evaluation, and how many rows of the market were set aside for it."""

    evaluation: Evaluation
    set_aside: int


def evaluate(
    folder: Path,
    out: Path,
    *,
    holdout_days: int = 30,
    k: int = 20,
    as_of: str | None = None,
    experiment: str = "alliance",
    track: bool = True,
    max_set_aside: float = 0.05,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluated:
    """Train on all but the last days, rank, and compare with what those days brought."""
    progress("reading the market")
    market = read_market(folder, as_of=as_of, max_set_aside=max_set_aside)
    evaluation = evaluate_market(market, holdout_days=holdout_days, k=k, progress=progress)
    progress("plots")
    evaluation.save(out)
    save_plots(evaluation, out)
    if track:
        from training.tracking import track_evaluation

        progress("writing to MLflow")
        track_evaluation(evaluation, experiment=experiment)
    return Evaluated(evaluation, int(market.summary["set_aside"].sum()))
