"""The facts that reasons quote: past work, shared circles, audiences, categories, standing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from matching.catalog import Catalog
from matching.history import History, columns_of
from models.vocabulary import Rows

Vectors = npt.NDArray[np.float32]

#: A creator's share of a segment is worth telling from this many times the average on.
NOTABLE = 1.2


@dataclass(frozen=True)
class Segment:
    """A segment of an audience that is larger than usual.

    Attributes
    ----------
    dimension, name : str
    share, average : float
        Share of the creator's audience, and the mean over creators; in [0, 1].
    other : float
        Share of the audience it was compared with.
    """

    dimension: str
    name: str
    share: float
    average: float
    other: float


@dataclass(frozen=True)
class Evidence:
    """What is known of each pair, beyond the numbers that rank it.

    Attributes
    ----------
    catalog : Catalog
    history : History
    merchants, creators : DataFrame in row order
        ``id`` and ``name``.
    merchant_labels : csr matrix (merchants × categories), over the catalog's category names
    merchant_shares : float32 array (merchants × segments)
        Audience each merchant wants; NaN unknown.
    reach : float32 array (creators × 2 or more)
        Log exposures, log conversion, … that a creator brings whoever the merchant is.
    """

    catalog: Catalog
    history: History
    merchants: pd.DataFrame
    creators: pd.DataFrame
    merchant_labels: sparse.csr_matrix
    merchant_shares: Vectors
    reach: Vectors

    @cached_property
    def shares(self) -> Vectors:
        """Middle of each creator's audience shares (creators × segments); NaN unknown."""
        return ((self.catalog.share_low + self.catalog.share_high) / 2).astype(np.float32)

    @cached_property
    def standing(self) -> Vectors:
        """Share of the creators that get fewer exposures, and that convert less (creators × 2)."""
        columns = [np.searchsorted(np.sort(told), told) for told in self.reach[:, :2].T]
        return (np.stack(columns, axis=1) / max(len(self.reach), 1)).astype(np.float32)

    @cached_property
    def averages(self) -> tuple[Vectors, Vectors]:
        """Mean share of each segment: as merchants want it, and as creators have it."""
        return _mean(self.merchant_shares), _mean(self.shares)

    def shared_circles(
        self, merchants: bool, rows: Rows, asker: int, partners: Rows
    ) -> npt.NDArray[np.int32]:
        """With how many others each row and each partner of the asker have both worked.

        Parameters
        ----------
        merchants : bool
            Whether ``rows`` and ``partners`` are merchants, and the asker a creator; or the other
            way round.

        Returns
        -------
        int32 array (rows × partners of the asker)
        """
        met = self.history.met if merchants else self.history.met_by_creator
        theirs = met[rows]
        counts = (theirs @ met[partners].T).toarray()
        if asker < met.shape[1]:
            counts = counts - theirs[:, [asker]].toarray()  # the asker is no third party
        counts[rows[:, None] == partners[None, :]] = 0
        return np.asarray(counts, dtype=np.int32)

    def partners(self, merchant: bool, asker: int) -> Rows:
        """Creators a merchant has worked with, or merchants a creator has."""
        return self.history.creators_of(asker) if merchant else self.history.merchants_of(asker)

    def wanted_segment(self, wanted: Vectors, creator: int) -> Segment | None:
        """Segment that is wanted, and had by a creator, most beyond the average."""
        return self._segment(wanted, self.averages[0], creator)

    def common_segment(self, creator: int, other: int) -> Segment | None:
        """Segment that two creators both have most beyond the average."""
        return self._segment(self.shares[other], self.averages[1], creator)

    def sold_and_promoted(self, merchant: int, creator: int) -> list[str]:
        """Names of the categories that a merchant and a creator share, at most three."""
        return self._shared_names(columns_of(self.merchant_labels, merchant), creator)

    def promoted_by_both(self, creator: int, other: int) -> list[str]:
        """Names of the categories that two creators share, at most three."""
        theirs = columns_of(self.catalog.labels["categories"], other)
        return self._shared_names(theirs, creator)

    def _shared_names(self, categories: Rows, creator: int) -> list[str]:
        mine = columns_of(self.catalog.labels["categories"], creator)
        return [self._category_names[one] for one in np.intersect1d(categories, mine)[:3]]

    @cached_property
    def _category_names(self) -> list[str]:
        return list(self.catalog.names["categories"])

    def name(self, merchant: bool, row: Any) -> str:
        """Name and id of a merchant or a creator; the id alone where it has no other name."""
        table = self.merchants if merchant else self.creators
        one, name = table["id"].iat[row], table["name"].iat[row]
        return f"{name} ({one})" if isinstance(name, str) and name != one else str(one)

    def _segment(self, compared: Vectors, average: Vectors, creator: int) -> Segment | None:
        has, usual = self.shares[creator], self.averages[1]
        both = (compared > average) & (has >= NOTABLE * usual) & (has > usual)
        if not both.any():
            return None
        lift = np.where(both, (compared - average) * (has - usual), 0)
        best = int(np.argmax(lift))
        dimension, name = self.catalog.segments[best]
        shares = (float(column[best]) for column in (has, usual, compared))
        return Segment(dimension.replace("_", " "), name, *shares)


def _mean(shares: Vectors) -> Vectors:
    known = ~np.isnan(shares)
    total = np.where(known, shares, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(total / np.maximum(known.sum(axis=0), 1), dtype=np.float32)
