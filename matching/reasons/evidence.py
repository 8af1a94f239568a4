"""The facts that reasons quote: past work, circles, audiences, categories, standing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from matching.catalog import Catalog
from matching.history import History, Ragged
from matching.reasons.shared import Usual
from models.compiled import settled
from models.pairs import Floats
from models.vocabulary import Rows

Vectors = npt.NDArray[np.float32]

#: A creator's share of a segment is worth telling from this many times the average on.
NOTABLE = 1.2

#: A creator's own rate or reach is worth a reason from this share of all creators on.
OUTSTANDING = 0.8


class Side(NamedTuple):
    """What is known of all merchants, or of all creators.

    Attributes
    ----------
    met : Ragged
        Those of the other side that each has worked with, in order.
    entries : int32 array
        Entry of the history behind each of ``met.rows``.
    sought : int32 array of shape (n,)
        How many each has worked with.
    categories : Ragged
        Categories of each, in order.
    """

    met: Ragged
    entries: Rows
    sought: Rows
    categories: Ragged


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
    own_ratings : callable, optional
        Gives for each entry of the history by what own experience multiplies the expected sales;
        asked for when the first reason is given.
    """

    catalog: Catalog
    history: History
    merchants: pd.DataFrame
    creators: pd.DataFrame
    merchant_labels: sparse.csr_matrix
    merchant_shares: Vectors
    reach: Vectors
    own_ratings: Callable[[], Floats] | None = None

    @cached_property
    def rated(self) -> Floats:
        """What `own_ratings` gives; 1 for all where there are none."""
        if self.own_ratings is None:
            return np.ones(len(self.history.merchant))
        return self.own_ratings()

    def side(self, merchants: bool) -> Side:
        """What is known of all merchants, or of all creators."""
        return self._merchant_side if merchants else self._creator_side

    @cached_property
    def wanted(self) -> Vectors:
        """Audience shares each merchant wants (merchants × segments); NaN unknown."""
        return settled(self.merchant_shares, np.float32)

    @cached_property
    def shares(self) -> Vectors:
        """Middle of each creator's audience shares (creators × segments); NaN unknown."""
        return settled((self.catalog.share_low + self.catalog.share_high) / 2, np.float32)

    @cached_property
    def usually_wanted(self) -> Usual:
        """What merchants usually want; more than that is much."""
        mean = _mean(self.wanted)
        return Usual(mean, mean)

    @cached_property
    def usually_had(self) -> Usual:
        """What creators usually have; :data:`NOTABLE` times that is much."""
        mean = _mean(self.shares)
        return Usual(mean, NOTABLE * mean)

    @cached_property
    def outstanding(self) -> npt.NDArray[np.int8]:
        """Percent of the creators that convert less, and that get fewer exposures.

        In whole steps of 5, so that it is never overstated; 0 below :data:`OUTSTANDING`.

        Returns
        -------
        int8 array of shape (number of creators, 2)
        """
        columns = [np.searchsorted(np.sort(told), told) for told in self.reach[:, 1::-1].T]
        share = (np.stack(columns, axis=1) / max(len(self.reach), 1)).astype(np.float32)
        share = share.astype(np.float64)
        steps = np.where(share >= OUTSTANDING, np.floor(share * 20 + 1e-4), 0)
        return (5 * steps).astype(np.int8)

    def name(self, merchant: bool, row: int) -> str:
        """Name and id of a merchant or a creator; the id alone where it has no other name."""
        ids, names = self._names[merchant]
        one, name = ids[row], names[row]
        return f"{name} ({one})" if isinstance(name, str) and name != one else str(one)

    @cached_property
    def circles(self) -> tuple[dict[tuple[int, int], str], dict[tuple[int, int], str]]:
        """Sentences of shared circles told before, by partner and number: creators, merchants."""
        return {}, {}

    @cached_property
    def category_names(self) -> list[str]:
        """Names of the categories, in the order of their columns."""
        return list(self.catalog.names["categories"])

    def segment(self, segment: int) -> tuple[str, str, str]:
        """Dimension and name of a segment of audiences, and its mean share over creators."""
        dimension, name = self.catalog.segments[segment]
        return dimension.replace("_", " "), name, f"{float(self.usually_had.base[segment]):.0%}"

    @cached_property
    def _merchant_side(self) -> Side:
        return _side(self.history.by_merchant, self.merchant_labels)

    @cached_property
    def _creator_side(self) -> Side:
        return _side(self.history.by_creator, self.catalog.labels["categories"])

    @cached_property
    def _names(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """Ids and names of creators, then of merchants."""
        creators, merchants = (
            (table["id"].to_numpy(object), table["name"].to_numpy(object))
            for table in (self.creators, self.merchants)
        )
        return creators, merchants


def _side(met: tuple[Ragged, Rows], labels: sparse.csr_matrix) -> Side:
    sought = np.diff(met[0].starts).astype(np.int32)
    return Side(*met, sought, Ragged.of_matrix(labels))


def _mean(shares: Vectors) -> Vectors:
    known = ~np.isnan(shares)
    total = np.where(known, shares, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(total / np.maximum(known.sum(axis=0), 1), dtype=np.float32)
