"""Cooperations by hand, for tests of the diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from matching.diagnosis import Cooperations

#: merchant, creator, product, session, clicks, orders, exposures
Row = tuple[int, int, int, int, float, float, float]


def cooperations(rows: Sequence[Row], **changes: Any) -> Cooperations:
    """Promotions of merchants of one industry and tier, each of whose orders have arrived."""
    table = np.array(sorted(rows), dtype=float).reshape(-1, 7)
    merchant, creator, product, session = table[:, :4].astype(np.int32).T
    merchants = int(merchant.max(initial=5)) + 1
    given: dict[str, Any] = {
        "shape": (merchants, int(creator.max(initial=0)) + 1),
        "merchant": merchant,
        "creator": creator,
        "product": product,
        "session": session,
        "trials": table[:, 4],
        "orders": table[:, 5],
        "arrived": np.ones(len(table)),
        "shown": table[:, 6],
        "fit": np.full(len(table), np.nan),
        "industry": np.zeros(merchants, dtype=np.int32),
        "tier": np.zeros(merchants, dtype=np.int32),
        "industries": ["beauty"],
        "tiers": ["A"],
        "trials_basis": "clicks",
        "shown_basis": "exposures",
    }
    return Cooperations(**{**given, **changes})


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
