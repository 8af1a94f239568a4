"""What is held out of a market's last days, and what a plaza would have served for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse

from matching import Plaza
from matching.errors import BadInput
from models.vocabulary import Rows, Vocabulary
from training.entities import Entities
from training.market import Market


@dataclass(frozen=True)
class Holdout:
    """The last days of a market, and the market as it was before them.

    Rows are those of the vocabularies of the past: a creator that appeared later could not have
    been served, by nobody, and is asked of nobody.

    Attributes
    ----------
    days : int
    cut, as_of : Timestamp
        The holdout is what happened after the one, up to the other.
    past : Market
        As known at ``cut``.
    ids : Entities
        Of the past.
    later : DataFrame
        Promotions of the holdout.
    met : int8 csr matrix of ones (merchants × creators)
        Pairs that had worked together by the cut.
    found : int8 csr matrix of ones (merchants × creators)
        Pairs that worked together for the first time in the holdout.
    """

    days: int
    cut: pd.Timestamp
    as_of: pd.Timestamp
    past: Market
    ids: Entities
    later: pd.DataFrame
    met: sparse.csr_matrix
    found: sparse.csr_matrix

    @classmethod
    def of(cls, market: Market, days: int) -> Self:
        """Cut the last days off a market.

        Raises
        ------
        BadInput
            When no promotion is older than that, or no known merchant met a new known creator.
        """
        times = market.table("promotions")["occurred_at"]
        # A market may be known up to a day on which nothing has happened for long.
        end = min(market.as_of, times.max())
        cut = end - pd.Timedelta(days=days)
        if not (times <= cut).any():
            raise BadInput(
                f"holdout of {days} days: the first promotion is of {times.min():%Y-%m-%d}, the "
                f"last of {end:%Y-%m-%d}; hold out fewer days"
            )
        past = market.before(cut)
        later = market.table("promotions")[(times > cut).to_numpy()].reset_index(drop=True)
        ids = Entities.of(past)
        met = pairs_matrix(past.table("promotions"), ids.merchants, ids.creators)
        found = pairs_matrix(later, ids.merchants, ids.creators)
        found = (found - found.multiply(met)).tocsr()
        found.eliminate_zeros()
        if not found.nnz:
            raise BadInput(
                f"holdout of {days} days: no merchant met a new creator after {cut:%Y-%m-%d}; "
                "hold out more days"
            )
        return cls(days, cut, end, past, ids, later, met, found)

    @property
    def merchants(self) -> Rows:
        """Rows of the merchants that met somebody new."""
        return np.flatnonzero(np.diff(self.found.indptr)).astype(np.int32)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the cut and of every new pair: the same for the same question."""
        pairs = self.found.tocoo()
        merchants, creators = self.ids.merchants.ids[pairs.row], self.ids.creators.ids[pairs.col]
        lines = sorted(f"{one}\t{other}" for one, other in zip(merchants, creators, strict=True))
        return hashlib.sha256("\n".join([self.cut.isoformat(), *lines]).encode()).hexdigest()


def served_lists(plaza: Plaza, holdout: Holdout, k: int, objective: str = "match") -> Rows:
    """Rank new partners for every merchant of a holdout, as the plaza serves them.

    Parameters
    ----------
    plaza : Plaza
        Trained on nothing after the cut; it may be older, and not know everybody.

    Returns
    -------
    int32 array of shape (number of merchants, k)
        Rows of creators, best first; -1 where a list has ended.
    """
    rows = holdout.merchants
    served = np.full((len(rows), k), -1, dtype=np.int32)
    known = np.isin(holdout.ids.merchants.ids[rows], plaza.merchant_ids)
    if not known.any():
        return served
    # An older plaza does not know the latest partners: room for them, who are then passed over.
    older = pd.Timestamp(plaza.manifest["as_of"]) < holdout.cut
    room = int(np.diff(holdout.met.indptr).max()) if older else 0
    lists = plaza.creators_for(
        holdout.ids.merchants.ids[rows[known]].tolist(),
        k=k + room,
        objective=objective,
        exclude_worked_with=True,
    )
    creators, there = holdout.ids.creators.find(lists["creator_id"])
    merchants, _ = holdout.ids.merchants.find(lists["merchant_id"][there])
    new = np.asarray(holdout.met[merchants, creators]).ravel() == 0
    merchants, creators = merchants[new], creators[new]
    place = pd.Series(merchants).groupby(merchants).cumcount().to_numpy()
    first = place < k
    served[np.searchsorted(rows, merchants[first]), place[first]] = creators[first]
    return served


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
