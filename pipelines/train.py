"""Train on a market folder: read, fit, write a bundle, track the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.fit import train_market
from training.market import read_market


@dataclass(frozen=True)
class Trained:
    """What a training left behind.

    Attributes
    ----------
    set_aside : int
        Rows that were set aside.
    told : list of str
        What happened in the registry, a line each; empty when the run was not tracked.
    """

    set_aside: int
    told: list[str]


def train(
    folder: Path,
    bundle: Path,
    *,
    as_of: str | None = None,
    experiment: str = "alliance",
    holdout_days: int = 30,
    track: bool = True,
    tracking_uri: str | None = None,
    max_set_aside: float = 0.05,
    progress: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Fit everything on what was known at ``as_of`` and write a bundle.

    With ``track`` the run goes to MLflow, measured on a backtest over the last
    ``holdout_days``, and the bundle into its registry; ``tracking_uri`` is the store, where it
    is not the usual one.
    """
    progress("reading the market")
    market = read_market(folder, as_of=as_of, max_set_aside=max_set_aside)
    set_aside = int(market.summary["set_aside"].sum())
    if not track:
        train_market(market, bundle, progress=progress)
        return Trained(set_aside, [])
    from training.tracking import train_tracked

    tracked = train_tracked(
        market,
        bundle,
        experiment=experiment,
        holdout_days=holdout_days,
        tracking_uri=tracking_uri,
        progress=progress,
    )
    return Trained(set_aside, tracked.told)
