"""What both benchmarks share: judging lists, and one table of all methods."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy.sparse as sp

from models.audience import AudienceEmbedding
from models.blocks import Vectors
from models.vocabulary import Rows, Vocabulary
from training import metrics
from training.market import Market
from training.scoring import Scorer, ranked
from training.significance import bootstrap

RECALL_AT = (10, 20, 50)
#: How the lists of the plaza are called in tables.
SERVED = "alliance, as served"


def list_rows(
    lists: pd.DataFrame, by: str, of: str, askers: list[str], candidates: Vocabulary, depth: int
) -> Rows:
    """Lists of a plaza as row numbers, one row per asker, filled with -1."""
    position = {asker: place for place, asker in enumerate(askers)}
    rows = np.full((len(askers), depth), -1, dtype=np.int32)
    within = lists["rank"].to_numpy(dtype=int) <= depth
    found, known = candidates.find(lists.loc[within, of])
    asker = lists.loc[within, by].map(position).to_numpy()[known]
    rows[asker, lists.loc[within, "rank"].to_numpy(dtype=int)[known] - 1] = found
    return rows


def judge(lists: Rows, relevant: sp.csr_matrix) -> pd.DataFrame:
    """Figures of each list, a row per asker; ``first`` is the rank of the first hit."""
    figures = {f"R@{k}": metrics.recall(lists, relevant, k) for k in RECALL_AT}
    figures["NDCG@20"] = metrics.ndcg(lists, relevant, 20)
    figures["MRR"] = metrics.reciprocal_rank(lists, relevant)
    figures["MAP"] = metrics.average_precision(lists, relevant)
    figures["first"] = metrics.first_rank(lists, relevant)
    return pd.DataFrame(figures)


def judge_baselines(
    scorers: Mapping[str, Scorer],
    history: sp.csr_matrix,
    rows: Rows,
    relevant: sp.csr_matrix,
    depth: int,
    among: Rows | None = None,
) -> dict[str, pd.DataFrame]:
    """Fit and judge baselines; among all candidates or, ``among`` given, those columns."""
    table = {}
    for name, scorer in scorers.items():
        scores = scorer.fit(history).score(rows)
        table[name] = judge(ranked(scores, history[rows], depth, among), relevant)
    return table


def audience_spaces(
    market: Market, merchants: Vocabulary, creators: Vocabulary
) -> list[tuple[Vectors, Vectors]]:
    """Merchants and creators in every space that the market's tables give."""
    tables = {name: market.table(name) for name in ("engagements", "embeddings")}
    embedding = AudienceEmbedding().fit(
        merchants,
        creators,
        Vocabulary.of([]),
        **{name: table for name, table in tables.items() if len(table)},
    )
    return [(block.merchants, block.creators) for block in embedding.blocks_.values()]


def summary(judged: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean figures, a method a row.

    Parameters
    ----------
    judged : mapping of method to figures of its lists, ``SERVED`` among them

    Returns
    -------
    DataFrame
        ``MedR`` is the median rank of the first hit, infinite when most lists hold none; ``low``
        and ``high`` bound, with 95 %, how far the served lists are ahead in R@20 (bootstrap of
        paired differences over askers).
    """
    rows = {}
    for method, figures in judged.items():
        row = figures.drop(columns="first").mean().to_dict()
        row["MedR"] = float(np.median(figures["first"]))
        ahead = judged[SERVED]["R@20"].to_numpy() - figures["R@20"].to_numpy()
        row["low"], row["high"] = bootstrap(ahead)
        rows[method] = row
    return pd.DataFrame(rows).T


def show(table: pd.DataFrame) -> str:
    """Write a summary as text."""
    text = table.drop(columns=["low", "high"]).map(lambda value: f"{value:.3f}")
    text["MedR"] = table["MedR"].map(lambda value: f"{value:g}")
    text["served ahead in R@20"] = [
        "" if method == SERVED else f"{row['low']:+.3f} to {row['high']:+.3f}"
        for method, row in table.iterrows()
    ]
    return text.to_string()
