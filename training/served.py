"""What a plaza serves for a holdout, as lists of rows that can be judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from matching import Plaza, Where
from models.vocabulary import Rows
from training.backtest import Holdout

#: How the served lists are called in tables: ranked by affinity, as the plaza does on ``match``.
SERVED = "served"


def served_methods(
    plaza: Plaza, holdout: Holdout, k: int, variety: Sequence[float] = ()
) -> dict[str, Rows]:
    """Lists by affinity, by the plaza's default objective, and by affinity with more variety.

    Parameters
    ----------
    plaza, holdout, k
        As in :func:`served_lists`.
    variety : sequence of float in [0, 1]
        One more method for each; 0 is the lists by affinity themselves.

    Returns
    -------
    dict of method to lists, ``served`` first
    """
    lists = {SERVED: served_lists(plaza, holdout, k)}
    if plaza.default_objective != "match":
        name = f"{SERVED} by {plaza.default_objective}"
        lists[name] = served_lists(plaza, holdout, k, plaza.default_objective)
    for knob in variety:
        if knob:
            lists[f"{SERVED}, variety {knob:g}"] = served_lists(plaza, holdout, k, variety=knob)
    return lists


def served_lists(
    plaza: Plaza, holdout: Holdout, k: int, objective: str = "match", *, variety: float = 0.0
) -> Rows:
    """Rank new partners for every asker of a holdout, as the plaza serves them.

    Parameters
    ----------
    plaza : Plaza
        Trained on the past of the holdout; it may be older, and not know everybody.
    k : int
        Length of the lists.
    objective, variety
        As in :meth:`matching.Plaza.creators_for`.

    Returns
    -------
    int32 array of shape (number of askers, k)
        Rows of candidates, best first; -1 where a list has ended.
    """
    rows = holdout.askers
    served = np.full((len(rows), k), -1, dtype=np.int32)
    merchants_ask = holdout.direction == "creators"
    known_ids = (plaza.merchant_ids, plaza.creator_ids)[:: 1 if merchants_ask else -1]
    known = np.isin(holdout.asking.ids[rows], known_ids[0])
    competing = holdout.candidates.ids[holdout.among]
    competing = competing[np.isin(competing, known_ids[1])].tolist()
    if not known.any() or not competing:
        return served
    # An older plaza does not know the latest partners: room for them, who are then passed over.
    older = pd.Timestamp(plaza.manifest["as_of"]) < holdout.cut
    room = int(np.diff(holdout.met.indptr).max()) if older else 0
    ask: Callable[..., pd.DataFrame] = plaza.creators_for if merchants_ask else plaza.merchants_for
    only: dict[str, Any] = {}
    if holdout.newcomers_compete:
        only = (
            {"where": Where(creator_ids=competing)}
            if merchants_ask
            else {"merchant_ids": competing}
        )
    lists = ask(
        holdout.asking.ids[rows[known]].tolist(),
        k=k + room,
        objective=objective,
        exclude_worked_with=True,
        variety=variety,
        **only,
    )
    asker, candidate = ("merchant_id", "creator_id")[:: 1 if merchants_ask else -1]
    candidates, there = holdout.candidates.find(lists[candidate])
    askers, _ = holdout.asking.find(lists[asker][there])
    new = np.asarray(holdout.met[askers, candidates]).ravel() == 0
    askers, candidates = askers[new], candidates[new]
    place = pd.Series(askers).groupby(askers).cumcount().to_numpy()
    first = place < k
    served[np.searchsorted(rows, askers[first]), place[first]] = candidates[first]
    return served
