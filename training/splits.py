"""Splits: what is learnt from and what is asked about, neither telling of the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def temporal_split(promotions: pd.DataFrame, at: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Promotions before a moment, and the new partners of the time from it on.

    Pairs that had met before are left out of the later part: meeting again is no discovery.

    Parameters
    ----------
    promotions : DataFrame
        ``occurred_at``, ``merchant_id``, ``creator_id`` and whatever else.
    at : Timestamp
        The first moment of the later part.

    Returns
    -------
    earlier, later : DataFrame
        Rows of ``promotions`` with their index.

    Examples
    --------
    >>> days = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-02"], utc=True)
    >>> rows = pd.DataFrame(
    ...     {"occurred_at": days, "merchant_id": "m1", "creator_id": ["c1", "c1", "c2"]}
    ... )
    >>> earlier, later = temporal_split(rows, pd.Timestamp("2024-02-01", tz="UTC"))
    >>> earlier.index.tolist(), later.index.tolist()
    ([0], [2])
    """
    early = (promotions["occurred_at"] < at).to_numpy()
    pair = promotions.groupby(["merchant_id", "creator_id"], sort=False).ngroup().to_numpy()
    known = np.isin(pair, pair[early])
    return promotions[early], promotions[~early & ~known]


def leave_last(
    promotions: pd.DataFrame, by: str = "merchant_id"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold out the last partner that each merchant (or creator) took on.

    A model that learns from the rest may still see later days of others; where that matters, cut by
    time. Of partners met at the same moment the one with the greatest id is held out. Who has
    one partner only keeps it.

    Parameters
    ----------
    promotions : DataFrame
        ``occurred_at``, ``merchant_id``, ``creator_id``.
    by : {"merchant_id", "creator_id"}

    Returns
    -------
    earlier, last : DataFrame
        All promotions of a pair are on the same side.

    Raises
    ------
    ValueError
        When ``by`` is neither.
    """
    if by not in ("merchant_id", "creator_id"):
        raise ValueError(f"by is {by!r}; expected 'merchant_id' or 'creator_id'")
    other = "creator_id" if by == "merchant_id" else "merchant_id"
    first = promotions.groupby([by, other])["occurred_at"].min().reset_index()
    first = first.sort_values([by, "occurred_at", other], kind="stable")
    last = first.drop_duplicates(by, keep="last")
    several = first[by].value_counts()
    last = last[last[by].map(several) > 1]
    held = pd.MultiIndex.from_frame(promotions[[by, other]]).isin(
        pd.MultiIndex.from_frame(last[[by, other]])
    )
    return promotions[~held], promotions[held]


def cold_split(
    promotions: pd.DataFrame, by: str, among: npt.NDArray[Any], *, share: float, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold out everything that a seeded share of the merchants (or creators) ever promoted.

    Parameters
    ----------
    promotions : DataFrame
        With the column ``by``.
    by : {"merchant_id", "creator_id"}
    among : array of str
        Who may be held out: those that are known from elsewhere, so that there is somebody left to
        ask about.
    share : float
        Of those in ``among`` that have promotions; in (0, 1), at least one is held out.
    seed : int
        Who it is. The order of the rows does not matter.

    Returns
    -------
    earlier, cold : DataFrame
        Nobody who is held out is in the former.

    Raises
    ------
    ValueError
        When ``share`` is not between 0 and 1.

    Examples
    --------
    >>> rows = pd.DataFrame({"merchant_id": ["m1", "m2", "m2"], "creator_id": ["c1", "c1", "c2"]})
    >>> earlier, cold = cold_split(rows, "merchant_id", np.array(["m1", "m2"]), share=0.5, seed=0)
    >>> earlier["merchant_id"].tolist(), cold["merchant_id"].tolist()
    (['m2', 'm2'], ['m1'])
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a share above 0 and below 1, such as 0.2")
    there = np.unique(promotions[by].to_numpy(dtype=object).astype(str))
    eligible = there[np.isin(there, np.asarray(among, dtype=object).astype(str))]
    size = min(len(eligible), max(1, round(share * len(eligible))))
    chosen = np.random.default_rng(seed).permutation(eligible)[:size]
    cold = promotions[by].isin(chosen).to_numpy()
    return promotions[~cold], promotions[cold]


def merchant_folds(
    promotions: pd.DataFrame, *, folds: int = 5, seed: int = 0
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Folds by merchant: all promotions of a merchant are asked about together, from none.

    Parameters
    ----------
    promotions : DataFrame
        With ``merchant_id``.
    folds : int
    seed : int
        Which merchants go together.

    Yields
    ------
    known, asked : DataFrame
        No merchant is in both; every promotion is asked about in one fold.

    Raises
    ------
    ValueError
        When there are fewer merchants than folds.
    """
    merchants = np.sort(promotions["merchant_id"].unique().astype(object))
    if not 2 <= folds <= len(merchants):
        raise ValueError(
            f"{folds} folds for {len(merchants)} merchants; expected 2 to as many as merchants"
        )
    fold = np.empty(len(merchants), dtype=np.int64)
    fold[np.random.default_rng(seed).permutation(len(merchants))] = (
        np.arange(len(merchants)) % folds
    )
    of_row = fold[np.searchsorted(merchants, promotions["merchant_id"].to_numpy(dtype=object))]
    for number in range(folds):
        yield promotions[of_row != number], promotions[of_row == number]
