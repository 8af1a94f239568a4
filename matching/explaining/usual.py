"""What is usual in a market, step by step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matching.explaining.factors import Factors, rows_of
from matching.learnt import Learnt
from matching.queries import Desk
from matching.shortlists import Shortlists

#: Merchants and creators, at most, whose pairs tell what is usual between two.
_GRID = 64


def usual_of(learnt: Learnt, desk: Desk) -> dict[str, Mapping[str, float]]:
    """Log of the usual factor of each grouping, by step of the chain; see `Factors.usual`."""
    merchants, creators = (
        np.unique(np.linspace(0, len(ids) - 1, min(len(ids), _GRID)).astype(np.int32))
        for ids in (desk.merchants, desk.creators)
    )
    chain, asking = learnt.outcomes.chain_, desk.those([desk.merchants.ids[i] for i in merchants])
    lists = Shortlists.of([(creators, np.full(len(creators), np.nan))] * len(merchants))
    grid = desk.pairs(asking, lists)
    rows = rows_of(chain, grid)
    return {name: Factors.of(chain, name).usual(grid, rows) for name in chain.steps()}
