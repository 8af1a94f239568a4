"""What each merchant usually promotes: a promotion of no product in particular is one of these."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.compiled import settled
from models.meetings import Starts
from models.pairs import Floats, Pairs, State
from models.vocabulary import Rows

#: Most products of a merchant that a prediction is averaged over.
MOST = 12
#: What being listed is worth beside promotions, in promotions.
_LISTED = 0.5


class Assortment(NamedTuple):
    """Products that stand for each merchant, and the share of its promotions that each gets.

    Attributes
    ----------
    starts : int64 array of shape (n_merchants + 1,)
        Merchant ``i`` has ``products[starts[i]:starts[i + 1]]``; one without products is read by
        its own rows.
    products : int32 array
    shares : float64 array
        Summing to 1 for each merchant that has any.
    """

    starts: Starts
    products: Rows
    shares: Floats

    @classmethod
    def none(cls) -> Assortment:
        """Of a market that tells no products."""
        return cls(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0))

    @classmethod
    def learn(
        cls, pairs: Pairs, weight: Floats, product_merchant: Rows, n_merchants: int
    ) -> Assortment:
        """Count promotions; a product that is listed and was never promoted counts a little.

        Parameters
        ----------
        pairs : Pairs of n promotions
        weight : float64 array of shape (n,)
            What each counts.
        product_merchant : int32 array of shape (n_products,)
            Row of the merchant that sells each product, outside the merchants where unknown.
        n_merchants : int

        Examples
        --------
        >>> rows = [np.array(one, dtype=np.int32) for one in ([0, 0, 1], [0, 1, 0], [1, 1, 2])]
        >>> unknown = np.full(3, np.nan)
        >>> usual = Assortment.learn(
        ...     Pairs(*rows, unknown, unknown), np.ones(3), np.array([0, 0, -1]), n_merchants=2
        ... )
        >>> usual.products.tolist(), usual.shares.round(2).tolist(), usual.starts.tolist()
        ([1, 0, 2], [0.83, 0.17, 1.0], [0, 2, 3])
        """
        n_products = len(product_merchant)
        owned = (product_merchant >= 0) & (product_merchant < n_merchants)
        told = pairs.product < n_products
        # A product is its owner's; one of nobody known is whose promotions it was in.
        owner = product_merchant[pairs.product[told]]
        own = (owner == pairs.merchant[told]) | ~owned[pairs.product[told]]
        merchant, product = pairs.merchant[told][own], pairs.product[told][own]
        listed = np.flatnonzero(owned)
        keys = np.concatenate(
            [
                merchant.astype(np.int64) * n_products + product,
                product_merchant[listed].astype(np.int64) * n_products + listed,
            ]
        )
        counts = np.concatenate([weight[told][own], np.full(len(listed), _LISTED)])
        found, place = np.unique(keys, return_inverse=True)
        share = np.bincount(place, counts, len(found)).astype(np.float64)
        seller, item = np.divmod(found, max(n_products, 1))
        order = np.lexsort((item, -share, seller))
        seller, item, share = seller[order], item[order], share[order]
        kept = np.arange(len(seller)) - np.searchsorted(seller, seller) < MOST
        seller, item, share = seller[kept], item[kept], share[kept]
        share /= np.bincount(seller, share, n_merchants)[seller]
        starts = np.searchsorted(seller, np.arange(n_merchants + 1))
        return cls(settled(starts, np.int64), settled(item, np.int32), settled(share, np.float64))

    def state(self) -> State:
        """Arrays from which `from_state` makes the same."""
        return self._asdict()

    @classmethod
    def from_state(cls, state: State) -> Assortment:
        """Assortment from what `state` gave."""
        kinds = (np.int64, np.int32, np.float64)
        return cls(
            *(settled(state[one], kind) for one, kind in zip(cls._fields, kinds, strict=True))
        )
