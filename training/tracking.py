"""Tracked training: a run in MLflow, a registered model, and an alias that only the better gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from matching import Plaza
from matching.errors import BadInput, BundleError
from training.backtest import Holdout
from training.evaluate import backtest, served_recall
from training.evaluation import Evaluation
from training.fit import Settings, train_market
from training.holdouts import last_days
from training.market import Market
from training.registry import CHAMPION, MODEL, Registry, open_registry

#: What decides: the share of new partners found in the first 20, ranked by affinity.
METRIC = "recall_at_20"
DECISIVE_K = 20


@dataclass(frozen=True)
class Tracked:
    """What a tracked training left in MLflow.

    Attributes
    ----------
    run_id : str
    version : str
        Version of the registered model.
    is_champion : bool
        Whether the alias points at it now.
    told : list of str
        The same in words, a line each.
    """

    run_id: str
    version: str
    is_champion: bool
    told: list[str]


def train_tracked(
    market: Market,
    bundle: Path,
    *,
    experiment: str = MODEL,
    holdout_days: int = 30,
    settings: Settings | None = None,
    tracking_uri: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Tracked:
    """Train and write a bundle inside one MLflow run, register it and settle who is champion.

    The run holds the settings, the fingerprint of the data, the metrics and plots of a backtest
    over the last ``holdout_days``, and the bundle.

    Raises
    ------
    BadInput
        When MLflow cannot be reached or refuses.
    """
    settings = Settings() if settings is None else settings
    with open_registry(tracking_uri) as registry, registry.run(experiment) as run_id:
        holdout, nothing = _hold_out(market, holdout_days)
        asked = holdout.params if holdout else {}
        registry.mlflow.log_params(_params(settings, market, holdout_days) | asked)
        measured: dict[str, float] = {}
        if holdout:
            evaluation = backtest(holdout, k=DECISIVE_K, settings=settings, progress=progress)
            registry.log_evaluation(run_id, evaluation)
            measured = evaluation.metrics
        train_market(market, bundle, settings=settings, metrics=measured, progress=progress)
        progress("writing to MLflow")
        tags = {"as_of": market.as_of.isoformat()}
        if holdout:
            tags |= {"holdout_fingerprint": holdout.fingerprint, METRIC: repr(measured[METRIC])}
        registered = registry.register(run_id, bundle, tags)
        is_champion, why = _settle(registry, registered, holdout, measured.get(METRIC, nothing))
    told = f"Version {registered} of model {MODEL}, MLflow run {run_id}: {why}."
    return Tracked(run_id, registered, is_champion, [told])


def track_evaluation(evaluation: Evaluation, *, experiment: str = MODEL) -> str:
    """Log an evaluation as a run of its own; gives back the run's id.

    Two runs asked the same where ``holdout_fingerprint``, a parameter and a tag, is the same; only
    then can their metrics be compared.

    Raises
    ------
    BadInput
        When MLflow cannot be reached or refuses.
    """
    with open_registry() as registry, registry.run(experiment) as run_id:
        registry.mlflow.log_params(evaluation.params)
        registry.log_evaluation(run_id, evaluation)
    return run_id


def fetch_bundle(uri: str) -> Path:
    """Folder of the bundle behind an MLflow address, without running any code from it.

    Parameters
    ----------
    uri : str
        ``models:/alliance@champion``, ``models:/alliance/3`` or ``runs:/<run id>``.

    Raises
    ------
    BundleError
        When there is no such model or run, or it holds no bundle.
    """
    kind, _, rest = uri.partition(":/")
    if kind not in ("models", "runs") or not rest.strip("/"):
        raise BundleError(f"{uri}: expected models:/NAME@ALIAS, models:/NAME/VERSION or runs:/ID")
    try:
        with open_registry() as registry:
            return registry.bundle(uri)
    except BadInput as error:
        raise BundleError(f"{uri}: no bundle there ({error})") from error


def _hold_out(market: Market, days: int) -> tuple[Holdout | None, str]:
    """The last days of a market; or nothing, and why."""
    try:
        return last_days(market, days), ""
    except BadInput as error:
        return None, str(error)


def _settle(
    registry: Registry, registered: str, holdout: Holdout | None, mine: float | str
) -> tuple[bool, str]:
    """Move the alias if the new version is better on the same holdout; say what and why.

    ``mine`` is what the new version reaches there, or why it could not be measured.
    """
    champion = registry.champion()
    if champion is None:
        registry.crown(registered)
        doubt = f", though not measured ({mine})" if isinstance(mine, str) else ""
        return True, f"the first{doubt}, so it is @{CHAMPION}"
    stays = f"@{CHAMPION} stays with version {champion.version}"
    if holdout is None or isinstance(mine, str):
        return False, f"{stays}, for this one could not be measured: {mine}"
    theirs = _measure(registry, champion, holdout)
    if theirs is None and METRIC not in champion.tags:
        registry.crown(registered)
        return True, f"version {champion.version} was never measured, so this one is @{CHAMPION}"
    if theirs is None:
        return False, f"{stays}, which was trained on later days than {holdout.cut:%Y-%m-%d}"
    figures = f"{METRIC} {mine:.4f} against {theirs:.4f} of version {champion.version}"
    if mine > theirs:
        registry.crown(registered)
        return True, f"{figures} on the same holdout, so it is @{CHAMPION}"
    return False, f"{figures} on the same holdout, so {stays}"


def _measure(registry: Registry, champion: Any, holdout: Holdout) -> float | None:
    """What the champion reaches on a holdout; None where it has seen part of it."""
    tags = champion.tags
    if tags.get("holdout_fingerprint") == holdout.fingerprint and METRIC in tags:
        return float(tags[METRIC])
    if "as_of" not in tags or holdout.known_to(pd.Timestamp(tags["as_of"])):
        return None
    plaza = Plaza.load(registry.bundle(f"models:/{MODEL}/{champion.version}"))
    return served_recall(plaza, holdout, DECISIVE_K)


def _params(settings: Settings, market: Market, holdout_days: int) -> dict[str, Any]:
    """What is worth filtering runs by."""
    return {
        "as_of": market.as_of.isoformat(),
        "data_fingerprint": market.fingerprint,
        "synthetic": market.synthetic,
        "holdout_days": holdout_days,
        **{f"rows_{name}": len(table) for name, table in market.tables.items()},
        **_flat("", asdict(settings)),
    }


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with dots in their names.

    Examples
    --------
    >>> _flat("", {"seed": 0, "weights": {"sold": 2.0}})
    {'seed': 0, 'weights.sold': 2.0}
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(f"{prefix}{name}.", value)
        else:
            flat[f"{prefix}{name}"] = value
    return flat
