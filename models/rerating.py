"""Puts ratings of pairs where predictions read them: one truth for the ledger and the ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.chain import Chain
from models.loglinear import GROUPINGS, in_lines
from models.meetings import Meetings, Met
from models.outcome import OutcomeModel
from models.own_evidence import PAIR
from models.pairs import Floats
from models.ratings import Rated
from models.vocabulary import Rows

DEAL = GROUPINGS.index("deal")


@dataclass(frozen=True)
class Deals:
    """Products that pairs have promoted; arrays of shape (n,).

    Attributes
    ----------
    creator, product : int32 arrays
    place : int array
        The pair of each.
    """

    creator: Rows
    product: Rows
    place: npt.NDArray[np.int64]


def rerated(
    outcomes: OutcomeModel,
    keys: npt.NDArray[np.int64],
    now: Mapping[str, Rated],
    before: Mapping[str, Rated],
    deals: Deals,
) -> OutcomeModel:
    """Predict by other ratings; all else stays as it was learnt.

    The tables are copied, for those of a bundle are mapped. How unsure a pair's log is follows
    from what its promotions tell now and told at the fit: precisions of one sum add up. A
    product's own doubt is not made smaller by what others of the pair brought.

    Parameters
    ----------
    outcomes : OutcomeModel
        As fitted.
    keys : int64 array of shape (n,)
        Pairs as in `models.meetings.Met`, ascending: all that the model has met, and others.
    now, before : mappings of step to Rated
        Ratings of these pairs, and those by the promotions that the model was fitted to.
    deals : Deals

    Returns
    -------
    OutcomeModel
    """
    chain = outcomes.chain_
    table, first = chain.forecast.folded.table, chain.forecast.folded.first
    parts = np.split(table, list(first))
    old = chain.meetings
    meetings = Meetings(Met(old.pairs.width, keys), old.deals)
    merchant, creator = (one.astype(np.int32) for one in np.divmod(keys, old.pairs.width))
    pairs = parts[PAIR][np.append(old.pairs.find(merchant, creator), -1)]
    deal = parts[DEAL].copy()
    sold = old.deals.find(deals.creator, deals.product)
    for at, name in enumerate(chain.steps()):
        if name not in now:
            continue
        mean, spread = 2 * at, 2 * at + 1
        beside = table[creator, spread] + table[first.merchant + merchant, spread]
        stood = pairs[:-1, spread].copy()
        pairs[:-1, mean] = pairs[-1, mean] + now[name].log
        pairs[:-1, spread] = _settled(
            stood, beside, pairs[-1, spread], now[name].precision - before[name].precision
        )
        # What a deal's sum is unsure by stays: its own promotions may not be the new ones.
        narrowed = np.maximum(stood - pairs[:-1, spread], 0.0)
        more = np.zeros(len(deal))
        np.maximum.at(more, sold, narrowed[deals.place])
        deal[:-1, spread] += more[:-1]
    parts[PAIR], parts[DEAL] = pairs, deal
    state = {
        **outcomes.state(),
        "table": in_lines(parts),
        "meetings": meetings.state(),
    }
    return OutcomeModel.from_state(state)


def own_sales(chain: Chain) -> Floats:
    """By what its own rating multiplies the sales expected of each pair that has met.

    Returns
    -------
    float64 array of shape (pairs,)
        In the order of `models.meetings.Meetings.pairs`; 1 where nothing is known of a pair.
    """
    told = np.zeros(len(chain.meetings.pairs.keys))
    for step in chain.steps().values():
        own = step.model_.tables[PAIR][:, 0]
        told += own[:-1] - own[-1]
    return np.asarray(np.exp(told), dtype=np.float64)


def _settled(stood: Floats, beside: Floats, unmet: float, told: Floats) -> Floats:
    """Variance of a pair's own part, whose sum with the others' is settled by its promotions."""
    least = 1.0 / (beside + unmet)
    sure = np.maximum(1.0 / np.maximum(beside + stood, 1e-12) + told, least)
    return np.where(told == 0.0, stood, 1.0 / sure - beside)
