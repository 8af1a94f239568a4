"""The figures of each method: of every asker, of all together, and against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from models.blocks import Vectors
from models.pairs import Floats
from models.vocabulary import Rows
from training import metrics, spread
from training.backtest import Holdout
from training.significance import Lead, bootstrap, bootstrap_columns, holm

#: Lists are ranked this deep where they are shown as curves, however short the lists judged.
DEPTH = 50
#: What methods are compared by.
COMPARED = ("recall", "ndcg")


def per_asker(lists: Rows, holdout: Holdout, k: int) -> pd.DataFrame:
    """Figures of each list.

    Parameters
    ----------
    lists : int32 array of shape (number of askers, depth), -1 where one has ended
    holdout : Holdout
    k : int
        Length judged; ``depth`` may be longer.

    Returns
    -------
    DataFrame with the askers' ids as index
        ``to_find``, then ``recall``, ``ndcg``, ``mrr``, ``map`` and ``hit_rate`` of the first
        ``k``, and ``first_rank``, of the first hit at any depth, infinite where there is none.
    """
    relevant = holdout.found[holdout.askers]
    judged = lists[:, :k]
    return pd.DataFrame(
        {
            "to_find": metrics.row_counts(relevant),
            "recall": metrics.recall(judged, relevant, k),
            "ndcg": metrics.ndcg(judged, relevant, k),
            "mrr": metrics.reciprocal_rank(judged, relevant),
            "map": metrics.average_precision(judged, relevant),
            "hit_rate": metrics.hit_rate(judged, relevant, k),
            "first_rank": metrics.first_rank(lists, relevant),
        },
        index=pd.Index(holdout.asking.ids[holdout.askers], name="asker"),
    )


def overall(
    lists: Rows, figures: pd.DataFrame, holdout: Holdout, k: int, spaces: Iterable[Vectors] = ()
) -> dict[str, float]:
    """Figures of one method over all askers, by the names they are tracked under.

    Parameters
    ----------
    lists, holdout, k
        As in :func:`per_asker`, which gave ``figures``.
    spaces : iterable of float arrays of shape (n_candidates, d)
        Where the candidates' audiences are, for the diversity of lists.

    Returns
    -------
    dict
        Means, recall and NDCG with their 95 % bootstrap interval, and the spread of the first
        ``k``. What cannot be known is NaN.
    """
    found: dict[str, float] = {}
    for name in ("recall", "ndcg", "mrr", "map", "hit_rate"):
        found[f"{name}_at_{k}"] = float(figures[name].mean())
        if name in COMPARED:
            low, high = bootstrap(figures[name].to_numpy())
            found |= {f"{name}_at_{k}_low": low, f"{name}_at_{k}_high": high}
    found[f"median_rank_at_{lists.shape[1]}"] = float(figures["first_rank"].median())
    judged, competing = lists[:, :k], len(holdout.among)
    popularity = holdout.met.getnnz(axis=0)
    shown = holdout.places(judged)
    lift = spread.popularity_lift(judged, holdout.met[holdout.askers], popularity)
    return found | {
        f"coverage_at_{k}": spread.coverage(shown, competing),
        f"gini_at_{k}": spread.gini(shown, competing),
        f"novelty_at_{k}": spread.novelty(judged, popularity),
        f"popularity_lift_at_{k}": _mean_of_known(lift),
        f"diversity_at_{k}": _mean_of_known(
            np.array([_mean_of_known(spread.diversity(judged, vectors)) for vectors in spaces])
        ),
    }


def recall_curve(lists: Rows, holdout: Holdout) -> pd.DataFrame:
    """Recall of the first 1, 2, … entries with its 95 % band: k, recall, low, high."""
    relevant = holdout.found[holdout.askers]
    found = np.cumsum(metrics.hits(lists, relevant), axis=1)
    share = found / metrics.row_counts(relevant)[:, None]
    low, high = bootstrap_columns(share, draws=1000)
    ks = np.arange(1, lists.shape[1] + 1)
    return pd.DataFrame({"k": ks, "recall": share.mean(axis=0), "low": low, "high": high})


def exposure_of(lists: Mapping[str, Rows], holdout: Holdout, k: int) -> pd.DataFrame:
    """How often the first ``k`` of each method name each candidate; a column per method."""
    counts = {
        name: spread.exposure(holdout.places(rows[:, :k]), len(holdout.among))
        for name, rows in lists.items()
    }
    competing = holdout.candidates.ids[holdout.among]
    return pd.DataFrame(counts, index=pd.Index(competing, name="candidate"))


def leads(
    figures: Mapping[str, pd.DataFrame], ours: str, others: Sequence[str], k: int
) -> pd.DataFrame:
    """How far one method is ahead of each other one, on the same askers.

    Returns
    -------
    DataFrame
        A row per metric and other method: ``metric``, ``method``, ``ahead`` (mean difference),
        ``low`` and ``high`` (95 % bootstrap), ``p`` (sign-flip test), ``p_holm`` (corrected for the
        number of methods).
    """
    rows = []
    for name in COMPARED:
        mine = figures[ours][name].to_numpy()
        found = [Lead.of(mine, figures[other][name].to_numpy()) for other in others]
        corrected = holm([lead.p for lead in found])
        for other, lead, p_holm in zip(others, found, corrected, strict=True):
            row = (f"{name}_at_{k}", other, lead.mean, lead.low, lead.high, lead.p, p_holm)
            rows.append(row)
    columns = ["metric", "method", "ahead", "low", "high", "p", "p_holm"]
    return pd.DataFrame(rows, columns=columns)


def _mean_of_known(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
