"""The lists of creators that a plaza without any learning shows to merchants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.simulation.population import Creators
from training.simulation.segments import CATEGORIES, Bools, Floats, Ints

POLICIES = ("popular", "category", "explore")
POLICY_SHARE = (0.4, 0.45, 0.15)
LIST_LENGTH = 16


@dataclass(frozen=True)
class Lists:
    """Creators shown, list after list; arrays of shape (n,).

    `request` numbers the lists from 0, positions count from 1. `propensity` is the probability,
    given the creators above, that the policy puts this creator into this position.
    """

    request: Ints
    merchant: Ints
    creator: Ints
    position: Ints
    propensity: Floats
    policy: Ints


class OldPlaza:
    """Draws creators by fame, by fame within a category, or evenly.

    Parameters
    ----------
    creators : Creators
        Their followers at this moment decide who is famous.
    week : int
        Those who join later are not listed.
    """

    def __init__(self, creators: Creators, week: int) -> None:
        fame = np.sqrt(creators.followers)
        within = creators.categories.T * creators.followers**0.25 + 1e-3
        tables = np.vstack([fame, within, np.ones_like(fame)]) * (creators.joined <= week)
        self._chance = tables / tables.sum(axis=1, keepdims=True)
        # One ascending line for all tables: table i lies between i and i + 1.
        line = self._chance.cumsum(axis=1)
        self._line = (line / line[:, -1:] + np.arange(len(tables))[:, None]).ravel()
        self._creators = len(fame)

    def lists(self, merchant: Ints, industry: Ints, rng: np.random.Generator) -> Lists:
        """One list for every entry of `merchant`, whose industry stands beside it."""
        n = len(merchant)
        policy = rng.choice(len(POLICIES), n, p=POLICY_SHARE)
        table = np.select([policy == 0, policy == 1], [0, 1 + industry], 1 + len(CATEGORIES))
        spot = np.searchsorted(self._line, table[:, None] + rng.random((n, LIST_LENGTH)))
        creator = np.minimum(spot - table[:, None] * self._creators, self._creators - 1)
        new = _first_in_row(creator)
        chance = np.where(new, self._chance[table[:, None], creator], 0.0)
        # Drawing on until somebody new comes is drawing among those not yet in the list.
        left = 1 - (chance.cumsum(axis=1) - chance)
        request = np.broadcast_to(np.arange(n)[:, None], new.shape)[new]
        return Lists(
            request=request,
            merchant=merchant[request],
            creator=creator[new],
            position=new.cumsum(axis=1)[new],
            propensity=(chance / left)[new],
            policy=policy[request],
        )


def _first_in_row(values: Ints) -> Bools:
    """Mark each value's first appearance within its row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    first = np.ones(values.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    marks = np.empty_like(first)
    np.put_along_axis(marks, order, first, axis=1)
    return marks
