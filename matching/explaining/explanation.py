"""An explanation as it is handed over."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Explanation:
    """Why a prediction is what it is, and what would change it.

    Attributes
    ----------
    merchant_id, creator_id : str
    product_id : str or None
        None for what the merchant usually promotes.
    objective : str
        Which prediction this is, as lists are ranked by.
    prediction : float
        As `Plaza.predict` gives it.
    rank, among : int
        Place of the creator among all, in the merchant's list by this objective.
    top : int
        Length of the list that changes are told for.
    summary : str
        What this creator brings beside the merchant's usual one, in a sentence.
    parts : DataFrame
        One row a part, in the order of the chain: ``step`` (exposures, click rate, conversion,
        orders, price, refunds, commission, slot fee; GMV where only that is learnt); ``part``
        (market, the usual level; creator, merchant, product; audience_fit, category_fit; taste,
        the audience's for what is promoted; pair, the two's own results; deal, those of the
        creator with these goods; drift, limit; terms); ``factor``, relative to the usual one;
        ``adds``, 0 but for the slot fee; ``so_far``, the prediction up to this part; ``words``.
        The product of all factors, plus what is added, is the prediction.
    changes : DataFrame
        One row a change: ``list`` (whose it is about, the merchant's or the creator's); ``what``
        changes (slot fee, commission, sales, product, break-even); ``who`` settles it; ``now``
        and ``to``, its values; ``rank`` in that list with it, everything else as it is;
        ``enough``, whether that is within the top; ``words``. Values to be reached are rounded to
        the safe side, and each was put through the formulas before it is told.
    """

    merchant_id: str
    creator_id: str
    product_id: str | None
    objective: str
    prediction: float
    rank: int
    among: int
    top: int
    summary: str
    parts: pd.DataFrame
    changes: pd.DataFrame
