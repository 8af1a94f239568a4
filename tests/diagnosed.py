"""Cooperations by hand, for tests of the diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from matching.diagnosis import Cooperations
from models.features import EntityFeatures
from models.ranged import Ranged
from training.cooperations import Features, Labels, cooperations_of
from training.promotion_sessions import PastPromotions

#: merchant, creator, product, session, clicks, orders, exposures
Row = tuple[int, int, int, int, float, float, float]


def promotions(rows: Sequence[Row], **changes: Any) -> PastPromotions:
    """Promotions of two months ago, each of whose orders have arrived."""
    table = np.array(sorted(rows, key=lambda row: row[:4]), dtype=float).reshape(-1, 7)
    merchant, creator, product, session = table[:, :4].astype(np.int32).T
    n = len(table)

    def exact(column: int) -> Ranged:
        return Ranged(table[:, column], table[:, column])

    nothing = np.full(n, np.nan)
    past = PastPromotions(
        shape=(
            int(merchant.max(initial=5)) + 1,
            int(creator.max(initial=0)) + 1,
            int(product.max(initial=-1)) + 1,
        ),
        merchant=merchant,
        creator=creator,
        product=product,
        session=session,
        age_days=np.full(n, 60.0),
        campaign=np.zeros(n, dtype=bool),
        arrived=np.ones(n),
        trials=exact(4),
        orders=exact(5),
        shown=exact(6),
        paid=Ranged(nothing, nothing),
        fits=np.full((n, 2), np.nan),
    )
    return replace(past, **changes)


def learnt(past: PastPromotions, **changes: Any) -> Cooperations:
    """What is learnt of promotions of merchants of one industry and tier, nothing else known."""
    merchants = past.shape[0]
    same = np.zeros(merchants, dtype=np.int32)
    labels = Labels(
        changes.pop("industry", same),
        changes.pop("tier", same),
        ["beauty", "food"],
        changes.pop("tiers", ["A"]),
    )
    features = Features(*(EntityFeatures.of(n) for n in (past.shape[1], merchants, past.shape[2])))
    basis = {"trials_basis": "clicks", "shown_basis": "exposures", **changes}
    return cooperations_of(past, features, labels, **basis)


def cooperations(rows: Sequence[Row], **changes: Any) -> Cooperations:
    """What is learnt of promotions of merchants of one industry and tier."""
    names = ("industry", "tier", "tiers", "trials_basis", "shown_basis")
    about = {name: changes.pop(name) for name in names if name in changes}
    return learnt(promotions(rows, **changes), **about)


def peers() -> list[Row]:
    """Merchants 1 to 4 with creators 10 to 15: 30 orders per 1,000 clicks, 10,000 exposures."""
    return [
        (merchant, 10 + (merchant + n) % 6, 100 + merchant, 1000 * merchant + n, 1000, 30, 10_000)
        for merchant in range(1, 5)
        for n in range(6)
    ]


def cooperation(creator: int, sessions: int, clicks: float, orders: float, shown: float) -> Any:
    """Sessions of merchant 0 with one creator."""
    return [(0, creator, 7, 10 * creator + n, clicks, orders, shown) for n in range(sessions)]


def named(n: int) -> Any:
    """Ids of creators."""
    return pd.Index([f"c{place}" for place in range(n)])
