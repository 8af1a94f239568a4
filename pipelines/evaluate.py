"""Evaluate what is served for a market folder; tables and plots into a folder and MLflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from training.evaluate import evaluate_market
from training.evaluation import Evaluation
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
    split: str = "temporal",
    direction: str = "creators",
    holdout_days: int = 30,
    share: float = 0.2,
    seed: int = 0,
    k: int = 20,
    variety: Sequence[float] = (),
    as_of: str | None = None,
    experiment: str = "alliance",
    track: bool = True,
    max_set_aside: float = 0.05,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluated:
    """Train on what a split leaves, rank, and compare with what was held out.

    The parameters of the question are those of :func:`training.evaluate.evaluate_market`.
    """
    progress("reading the market")
    market = read_market(folder, as_of=as_of, max_set_aside=max_set_aside)
    evaluation = evaluate_market(
        market,
        split=split,
        direction=direction,
        holdout_days=holdout_days,
        share=share,
        seed=seed,
        k=k,
        variety=variety,
        progress=progress,
    )
    progress("plots")
    evaluation.save(out)
    save_plots(evaluation, out)
    if track:
        from training.tracking import track_evaluation

        progress("writing to MLflow")
        track_evaluation(evaluation, experiment=experiment)
    return Evaluated(evaluation, int(market.summary["set_aside"].sum()))


def printed_tables(evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """The tables of an evaluation under their titles, narrow enough for 100 columns."""
    k, found = evaluation.k, evaluation.ranking
    [median] = [str(name) for name in found if str(name).startswith("median_rank_at_")]
    depth = median.removeprefix("median_rank_at_")
    first = pd.DataFrame(
        {
            "method": found["method"],
            "recall": found[f"recall_at_{k}"].map("{:.3f}".format),
            "95 %": _ends(found, f"recall_at_{k}_", "{:.3f}"),
            "NDCG": found[f"ndcg_at_{k}"].map("{:.3f}".format),
            "95 % ": _ends(found, f"ndcg_at_{k}_", "{:.3f}"),
            "MRR": found[f"mrr_at_{k}"].map("{:.3f}".format),
            "MAP": found[f"map_at_{k}"].map("{:.3f}".format),
            "hits": found[f"hit_rate_at_{k}"].map("{:.3f}".format),
            "first hit": [
                f"{one:g}" if one < float("inf") else f"> {depth}" for one in found[median]
            ],
        }
    )
    names = ("coverage", "gini", "novelty", "popularity_lift", "diversity")
    shown = found[["method", *(f"{name}_at_{k}" for name in names)]].set_axis(
        ["method", "coverage", "Gini", "novelty, bits", "popularity lift", "diversity"], axis=1
    )
    lists = _lists(evaluation)
    tables = {f"Found in {lists}; median rank of the first hit": first}
    if len(evaluation.ahead):
        tables["Served ahead by, paired; p of a sign-flip test, corrected by Holm"] = _leads(
            evaluation
        )
    tables |= {
        f"Whom {lists} show": shown,
        "Promotions inside their 80 % interval": evaluation.accuracy.intervals,
        "Conversion, predicted and observed": evaluation.accuracy.reliability,
    }
    marked = "; synthetic market" if evaluation.synthetic else ""
    return {f"{title}{marked}": table for title, table in tables.items() if len(table)}


def notes(evaluation: Evaluation) -> list[str]:
    """What a reader of the tables should know besides, a line each."""
    told, held = list(evaluation.notes), evaluation.holdout
    if held.newcomers_compete:
        n = len(held.among)
        chance = (
            f"lists at random would find {evaluation.k / n:.3f}"
            if evaluation.k < n
            else f"lists of {evaluation.k:,} have room for all, so take a smaller k to compare"
        )
        told.append(
            f"Only the {n:,} newcomers compete; {chance}. Methods that know histories alone "
            "cannot tell newcomers apart and list them by their ids."
        )
    if len(evaluation.settings):
        chosen = evaluation.settings[evaluation.settings["chosen"]]
        chosen = chosen[chosen["setting"] != ""]
        named = "; ".join(f"{row.method}: {row.setting}" for row in chosen.itertuples())
        told.append(f"Baselines were set by a split inside the past. {named}.")
    told.append(f"Compare with runs on the same question only: {held.fingerprint[:12]}.")
    return told


def _lists(evaluation: Evaluation) -> str:
    """The lists that were judged, as titles name them."""
    k, held = evaluation.k, evaluation.holdout
    if not held.newcomers_compete:
        return f"the first {k:,}"
    n = len(held.among)
    return f"the first {k:,} of {n:,} newcomers" if k < n else f"lists of all {n:,} newcomers"


def _leads(evaluation: Evaluation) -> pd.DataFrame:
    """A row per baseline: the lead in recall and in NDCG, each with its interval and p-value."""
    columns: dict[str, object] = {"baseline": evaluation.ahead["method"].unique()}
    for place, (metric, rows) in enumerate(evaluation.ahead.groupby("metric", sort=False)):
        name = {"recall": "recall", "ndcg": "NDCG"}[str(metric).split("_")[0]]
        # Column names differ by a blank that nobody sees.
        columns |= {
            name: rows["ahead"].map("{:+.3f}".format).to_numpy(),
            "95 %" + " " * place: _ends(rows, "", "{:+.3f}", " to ").to_numpy(),
            "p" + " " * place: rows["p_holm"].map("{:.4f}".format).to_numpy(),
        }
    return pd.DataFrame(columns)


def _ends(rows: pd.DataFrame, prefix: str, form: str, between: str = "–") -> pd.Series[str]:
    """An interval in one cell."""
    return rows[f"{prefix}low"].map(form.format) + between + rows[f"{prefix}high"].map(form.format)
