"""Who has worked with whom, and since when, as matrices of merchants by creators."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from models.vocabulary import Vocabulary


def pairs_matrix(
    promotions: pd.DataFrame, merchants: Vocabulary, creators: Vocabulary
) -> sparse.csr_matrix:
    """Which pairs have worked together; unknown ids are passed over.

    Parameters
    ----------
    promotions : DataFrame
        With ``merchant_id`` and ``creator_id``.
    merchants, creators : Vocabulary

    Returns
    -------
    int8 csr_matrix of ones, of shape (n_merchants, n_creators)

    Examples
    --------
    >>> rows = pd.DataFrame({"merchant_id": ["m1", "m1", "m9"], "creator_id": ["c2", "c2", "c1"]})
    >>> pairs_matrix(rows, Vocabulary.of(["m1"]), Vocabulary.of(["c1", "c2"])).toarray().tolist()
    [[0, 1]]
    """
    pairs = promotions[["merchant_id", "creator_id"]].drop_duplicates()
    rows, row_known = merchants.find(pairs["merchant_id"])
    columns, column_known = creators.find(pairs["creator_id"])
    both = row_known & column_known
    cells = (rows[both[row_known]], columns[both[column_known]])
    shape = (len(merchants), len(creators))
    return sparse.csr_matrix((np.ones(both.sum(), np.int8), cells), shape=shape)


def first_days(
    promotions: pd.DataFrame, merchants: Vocabulary, creators: Vocabulary
) -> sparse.csr_matrix:
    """Day on which each pair first met, counted from the first meeting of all.

    Parameters
    ----------
    promotions : DataFrame
        With ``occurred_at``, ``merchant_id`` and ``creator_id``, all of them known.
    merchants, creators : Vocabulary

    Returns
    -------
    float32 csr_matrix of shape (n_merchants, n_creators)
        From 1 on; not stored where a pair has not met.

    Examples
    --------
    >>> rows = pd.DataFrame({"merchant_id": ["m1", "m1", "m1"], "creator_id": ["c2", "c1", "c2"]})
    >>> rows["occurred_at"] = pd.to_datetime(["2026-01-03", "2026-01-01", "2026-01-09"], utc=True)
    >>> first_days(rows, Vocabulary.of(["m1"]), Vocabulary.of(["c1", "c2"])).toarray().tolist()
    [[1.0, 3.0]]
    """
    first = promotions.groupby(["merchant_id", "creator_id"])["occurred_at"].min()
    rows, _ = merchants.find(first.index.get_level_values("merchant_id"))
    columns, _ = creators.find(first.index.get_level_values("creator_id"))
    days = (first - first.min()).dt.days.to_numpy(np.float32) + 1
    return sparse.csr_matrix((days, (rows, columns)), shape=(len(merchants), len(creators)))
