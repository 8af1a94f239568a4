"""Which part of a merchant's exposures is paid for."""

from __future__ import annotations

import numpy as np

from models.features import PromotionOutcomes
from models.pairs import Floats, Pairs

#: Promotions worth of belief that a merchant pays as often, and as much, as everybody does.
_WORTH = 5.0


def paid_parts(pairs: Pairs, outcomes: PromotionOutcomes, n_merchants: int) -> Floats:
    """Part of the exposures expected of a merchant's promotion that is paid for.

    Whether a merchant pays at all is one thing, how much it adds when it does another; both are
    shrunk towards everybody's. Where a share ``q`` of the promotions is paid for, and paid
    exposures are then ``b`` times the organic ones, it is ``q b / (1 + q b)``.

    Parameters
    ----------
    pairs : Pairs of n promotions
    outcomes : PromotionOutcomes of n promotions
    n_merchants : int

    Returns
    -------
    float64 array of shape (n_merchants + 1,)
        The last is for a merchant nobody knows; NaN where the market never tells paid exposures,
        or counts views instead of exposures.

    Examples
    --------
    Everybody pays for every other promotion, and gets as many exposures again:

    >>> one = np.zeros(200, dtype=np.int32)
    >>> pairs = Pairs(one, one, one, np.full(200, np.nan), np.full(200, np.nan))
    >>> told = PromotionOutcomes.of(np.zeros(200), exposures=np.tile([100, 200], 100),
    ...                             paid_exposures=np.tile([0, 100], 100))
    >>> paid_parts(pairs, told, 1).round(3)
    array([0.333, 0.333])
    """
    shown, paid = outcomes.exposures, outcomes.paid_exposures
    known = np.isfinite(paid) & (shown > 0.0) & (paid <= shown)
    if outcomes.exposure_basis != "exposures" or not known.any():
        return np.full(n_merchants + 1, np.nan)
    merchant, shown, paid = pairs.merchant[known], shown[known], paid[known]
    pays, size = paid > 0.0, n_merchants + 1
    often = float(pays.mean())
    times = np.bincount(merchant, minlength=size)
    share = (np.bincount(merchant, pays, size) + _WORTH * often) / (times + _WORTH)
    organic = shown - paid
    # Sums, for means are asked for; roots, so that a few giants do not decide alone.
    trust = np.where(pays, 1.0 / np.sqrt(organic + 1.0), 0.0)
    added, base = trust * paid, trust * organic
    one = float(base.sum()) / max(int(pays.sum()), 1)
    if not one > 0.0:  # nobody pays, or who pays has nothing else
        return share
    usual = float(added.sum() / base.sum())
    boost = np.bincount(merchant, added, size) + _WORTH * one * usual
    boost /= np.bincount(merchant, base, size) + _WORTH * one
    parts: Floats = share * boost / (1.0 + share * boost)
    return parts
