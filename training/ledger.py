"""Past promotions as entries of the rating ledger."""

from __future__ import annotations

import pandas as pd

from matching.entries import Entries
from matching.ledger import RatingLedger
from matching.moments import days
from models.chain import Chain
from models.features import PromotionOutcomes
from models.pairs import Pairs
from training.market import Market


def rating_ledger(
    market: Market, chain: Chain, pairs: Pairs, outcomes: PromotionOutcomes
) -> RatingLedger:
    """Write down what each promotion of a market was expected to bring, and what came.

    Parameters
    ----------
    chain : Chain
        What was learnt of all promotions.
    pairs, outcomes
        Those of the promotions, row by row.
    """
    rows = market.table("promotions")
    day = days(rows["occurred_at"])
    as_of = float(days(pd.Series([market.as_of]))[0])
    entries = Entries.of(chain, pairs, outcomes, rows["session_id"], day, as_of)
    return RatingLedger.of(chain, entries, outcomes.exposure_basis, as_of)
