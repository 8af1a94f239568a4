"""What a place in a list costs: prices at which nobody stands in more lists than a fair share.

Everybody's list holds the best for the one who asks, so that a few stand in most lists. As roads
are tolled, a creator whom more lists hold than its share gets dearer, one whom fewer hold cheaper,
and lists are drawn up again until it settles: an auction, whose prices are the multipliers of the
assignment that gives most worth where nobody is in more lists than a share. Serving subtracts a
part of the price and nothing else, so each list still depends on its asker alone.

References
----------
Bertsekas, "The auction algorithm: a distributed relaxation method for the assignment problem",
1988.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from matching.learnt import Learnt
from matching.queries import Desk
from matching.ranking import COLUMN, objective_scores
from matching.search.products import best_first, inner_products
from matching.shortlists import Shortlists
from matching.variety import POOL, Crowding, worth_of
from models.blocks import Vectors
from models.pairs import Floats
from models.vocabulary import Rows

#: So many askers are asked, drawn at random: twice as many moved no figure.
ASKERS = 256

#: Length of the lists in which places are priced.
PLACES = 20

#: Creators whose predictions are made for each asker, the most promising by each column.
PROMISING = 1_024

#: Times that lists are drawn up, and how far prices move at first, in spreads of a pool's worth.
_ROUNDS, _STEP = 40, 0.2

Pool = tuple[npt.NDArray[np.integer], Floats]


def learn_crowding(learnt: Learnt, *, seed: int = 0) -> Crowding:
    """Price places in the lists of creators, and in those of merchants, by each objective.

    Parameters
    ----------
    learnt : Learnt
        Its ``crowding`` is not read.
    """
    desk, rng = Desk(learnt), np.random.default_rng(seed)
    merchants, creators = (
        np.sort(rng.permutation(len(table))[:ASKERS]).astype(np.int32)
        for table in (learnt.merchants, learnt.creators)
    )
    by_creator = _pools_of_creators(learnt, desk, merchants)
    by_merchant = _pools_of_merchants(learnt, desk, creators)
    return Crowding(
        {name: prices(pools, len(learnt.creators)) for name, pools in by_creator.items()},
        {name: prices(pools, len(learnt.merchants)) for name, pools in by_merchant.items()},
    )


def prices(pools: Iterable[Pool], n: int, *, places: int = PLACES) -> Vectors:
    """Price each of ``n`` candidates.

    Parameters
    ----------
    pools : sequence of (rows, worth)
        Those who may enter each asker's list and what each is worth there; finite numbers.
    n : int
    places : int
        Length of the lists.

    Returns
    -------
    float32 array of shape (n,)
        From 0 on, in the units of the worth.

    Examples
    --------
    >>> everybodys, own = [0, 1, 2], [3.0, 2.0, 1.9]
    >>> pools = [(np.array(everybodys), np.array(own))] * 9
    >>> dear = prices(pools, 3, places=1)
    >>> bool(dear[0] > dear[1] > 0)
    True
    """
    pools = [one for one in pools if len(one[0])]
    toll = np.zeros(n)
    if not pools:
        return toll.astype(np.float32)
    widest = max(len(rows) for rows, _ in pools)
    rows = np.zeros((len(pools), widest), dtype=np.int64)
    worth = np.full((len(pools), widest), -np.inf)
    for i, (of_one, theirs) in enumerate(pools):
        rows[i, : len(of_one)], worth[i, : len(of_one)] = of_one, theirs
    there = np.isfinite(worth)
    spread = float(np.median([np.std(theirs) for _, theirs in pools]))
    fair = max(places * len(pools) / n, 1.0)
    last = widest - min(places, widest)
    for turn in range(_ROUNDS):
        value = worth - toll[rows]
        entered = (value >= np.partition(value, last, axis=1)[:, [last]]) & there
        lists = np.bincount(rows[entered], minlength=n)
        # Half a list more on both sides: one list above or below the share is no crowd.
        crowded = np.log((lists + 0.5) / (fair + 0.5))
        step = _STEP * spread / np.sqrt(1 + turn / 5)
        toll = np.maximum(0.0, toll + step * np.clip(crowded, -1.0, 2.0))
    return toll.astype(np.float32)


def _pools_of_creators(learnt: Learnt, desk: Desk, merchants: Rows) -> dict[str, list[Pool]]:
    found = learnt.index.search(learnt.merchant_vectors[merchants], POOL)
    ends = found.starts[1:-1]
    pools = {"match": _priced("match", np.split(found.rows, ends), np.split(found.scores, ends))}
    chain, n = learnt.outcomes.chain_, len(learnt.creators)
    if not chain.steps():
        return pools
    promising = [best_first(chain.promise(column)[:n], PROMISING) for column in COLUMN.values()]
    usual = np.unique(np.concatenate(promising)).astype(np.int32)

    def predicted(merchant: int) -> tuple[Rows, Callable[[str], Floats]]:
        asker = desk.merchant(desk.merchants.ids[merchant])
        met = chain.creators_met(merchant, int(asker.products[0]))
        rows = np.union1d(usual, met).astype(np.int32)
        told = chain.predict(desk.pairs(asker, Shortlists.unordered(rows)))
        return rows, lambda objective: objective_scores(objective, told)

    return pools | _by_outcome(predicted, merchants)


def _pools_of_merchants(learnt: Learnt, desk: Desk, creators: Rows) -> dict[str, list[Pool]]:
    everyone = np.arange(len(learnt.merchants), dtype=np.int32)
    vectors = learnt.merchant_vectors
    scores = [inner_products(vectors, learnt.creator_vectors[one]) for one in creators]
    best = [best_first(one, POOL) for one in scores]
    pools = {
        "match": _priced("match", best, [s[b] for s, b in zip(scores, best, strict=True)]),
    }
    chain = learnt.outcomes.chain_
    if not chain.steps():
        return pools

    def predicted(creator: int) -> tuple[Rows, Callable[[str], Floats]]:
        asker = desk.promoters([desk.creators.ids[creator]])
        told = chain.predict(desk.mirrored(asker, Shortlists.unordered(everyone)))
        return everyone, lambda objective: objective_scores(objective, told)

    return pools | _by_outcome(predicted, creators)


def _by_outcome(
    predicted: Callable[[int], tuple[Rows, Callable[[str], Floats]]], askers: Rows
) -> dict[str, list[Pool]]:
    """Pools by every objective that some asker's predictions tell of."""
    pools: dict[str, list[Pool]] = {objective: [] for objective in COLUMN}
    for asker in askers.tolist():
        rows, scores = predicted(asker)
        for objective, of_all in pools.items():
            told = scores(objective)
            best = best_first(told, POOL)
            of_all += _priced(objective, [rows[best]], [told[best]])
    return {name: of_all for name, of_all in pools.items() if any(len(one[0]) for one in of_all)}


def _priced(
    objective: str,
    rows: Iterable[npt.NDArray[np.integer]],
    scores: Iterable[npt.NDArray[np.floating]],
) -> list[Pool]:
    """Pools of those who are worth anything."""
    pools = []
    for of_one, told in zip(rows, scores, strict=True):
        worth = worth_of(objective, told)
        some = np.isfinite(worth)
        pools.append((of_one[some], worth[some]))
    return pools
