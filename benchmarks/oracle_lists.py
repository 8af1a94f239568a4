"""What ranked lists are worth by the truth of a synthetic market, beside the oracle's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from matching import Plaza
from models.pairs import Floats
from models.vocabulary import Rows, Vocabulary
from training.market import Market, point
from training.simulation.truth import Truth

K = 20
SERVED = "served, by net"
ALS = "implicit ALS, tuned by the truth"
#: Tried for ALS, on who met and on how much GMV that brought.
_FACTORS, _PENALTIES, _CONFIDENCES = (16, 64), (0.1, 5.0, 50.0), (5.0, 40.0)
_AT_ONCE = 50


def list_values(
    plaza: Plaza, market: Market, truth: Truth, merchants: Sequence[str]
) -> pd.DataFrame:
    """True expected net of the first 20 of each ranking, as a share of the oracle's.

    The oracle ranks by the true expected net of a promotion of what the merchant usually promotes.
    Everything else was learnt from the market's tables.

    Returns
    -------
    DataFrame
        A ranking a row: ``share``, the sum over merchants over the oracle's sum; ``median`` of the
        merchants' own shares; ``served over it``.
    """
    creators = Vocabulary.of(plaza.creator_ids.tolist())
    served = plaza.creators_for(list(merchants), k=K, objective="net")
    place = creators.find(served["creator_id"])[0].reshape(len(merchants), -1)
    rankings = {
        "followers": _of_creators(market, creators, "followers"),
        "GMV of the last 30 days": _of_creators(market, creators, "gmv_30d"),
        "GMV of all promotions": _past_gmv(market, creators),
    }
    rng = np.random.default_rng(0)
    lists = {
        SERVED: place,
        **{name: np.tile(best(one), (len(merchants), 1)) for name, one in rankings.items()},
        "random": np.stack([rng.permutation(len(creators))[:K] for _ in merchants]),
    }
    als = dict(_als(market, creators, merchants))
    sums = {name: np.zeros(len(merchants)) for name in ("oracle", *lists, *als)}
    for start in range(0, len(merchants), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        asked = np.asarray(merchants[some], dtype=object)
        told = truth.expected(np.repeat(asked, len(creators)), np.tile(creators.ids, len(asked)))
        net = told["net"].to_numpy(float).reshape(len(asked), len(creators))
        sums["oracle"][some] = np.sort(net, axis=1)[:, -K:].sum(axis=1)
        for name, rows in {**lists, **als}.items():
            sums[name][some] = np.take_along_axis(net, rows[some].astype(np.int64), 1).sum(axis=1)
    return _told(pd.DataFrame(sums), list(als))


def best(score: Floats) -> Rows:
    """The first 20 by a score; those unknown last."""
    found = np.argsort(-np.where(np.isfinite(score), score, -np.inf), kind="stable")[:K]
    return found.astype(np.int32)


def _told(sums: pd.DataFrame, als: list[str]) -> pd.DataFrame:
    """Shares of the oracle; of all ALS the one of most worth."""
    first = sums[als].sum().idxmax()
    sums = sums.drop(columns=[name for name in als if name != first])
    sums = sums.rename(columns={first: f"{ALS} ({first})"})
    share = sums.sum() / sums["oracle"].sum()
    each = sums.div(sums["oracle"], axis=0).median()
    told = pd.DataFrame({"share": share, "median": each, "served over it": share[SERVED] / share})
    return told.drop(index="oracle")


def _of_creators(market: Market, creators: Vocabulary, column: str) -> Floats:
    table = market.table("creators").set_index("creator_id")
    found: Floats = point(table, column).reindex(creators.ids).to_numpy(float)
    return found


def _past_gmv(market: Market, creators: Vocabulary) -> Floats:
    promotions = market.table("promotions")
    sums = point(promotions, "gmv").groupby(promotions["creator_id"]).sum()
    found: Floats = sums.reindex(creators.ids).fillna(0.0).to_numpy(float)
    return found


def _als(
    market: Market, creators: Vocabulary, merchants: Sequence[str]
) -> Iterator[tuple[str, Rows]]:
    """Lists by factors that know who met whom, or who sold how much for whom, by setting."""
    promotions = market.table("promotions")
    asking = Vocabulary.of(promotions["merchant_id"], merchants)
    cells = (
        asking.find(promotions["merchant_id"])[0],
        creators.find(promotions["creator_id"])[0],
    )
    sold = np.log1p(point(promotions, "gmv").fillna(0.0).to_numpy(float))
    rows = asking.find(merchants)[0]
    for what, weight in (("meetings", np.ones(len(sold))), ("log GMV", sold / sold.mean())):
        shape = (len(asking), len(creators))
        met = sparse.csr_matrix((weight.astype(np.float32), cells), shape=shape)
        for factors, penalty, alpha in product(_FACTORS, _PENALTIES, _CONFIDENCES):
            told = f"{what}, {factors} factors, penalty {penalty:g}, confidence {alpha:g}"
            model = AlternatingLeastSquares(
                factors=factors,
                regularization=penalty,
                alpha=alpha,
                random_state=0,
                use_gpu=False,
                num_threads=1,
            )
            with threadpool_limits(1, user_api="blas"):
                model.fit(met, show_progress=False)
                scores = model.user_factors[rows] @ model.item_factors.T
            yield told, np.stack([best(one) for one in scores])
