"""A block: merchants, creators and products as vectors of one space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.vocabulary import Rows

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """One kind of evidence about who fits whom, as vectors whose inner product is a cosine.

    A known entity has a row of length one, centred before it was brought to that length, so that
    0 means "no more alike than any two of this market". An unknown entity has a row of zeros and
    False in its mask: it is alike to nobody, and nobody should take that for a dislike.

    Attributes
    ----------
    name : str
        ``audience``, ``co_audience``, ``category`` or ``given:<space>``.
    merchants, creators, products : float32 arrays, one row per entity, all of one width
    merchant_known, creator_known, product_known : bool arrays, one entry per entity
    """

    name: str
    merchants: Vectors
    creators: Vectors
    products: Vectors
    merchant_known: Mask
    creator_known: Mask
    product_known: Mask

    @classmethod
    def of(
        cls,
        name: str,
        merchants: tuple[npt.NDArray[np.floating], Mask],
        creators: tuple[npt.NDArray[np.floating], Mask],
        products: tuple[npt.NDArray[np.floating], Mask],
        product_merchants: Rows | None,
    ) -> Block:
        """Let merchants and products lend to each other, and bring all rows to length one.

        Parameters
        ----------
        name : str
        merchants, creators, products : (float array of shape (n, d), bool array of shape (n,))
            Centred vectors of any length, and which of them are known.
        product_merchants : int32 array of shape (n_products,), or None
            As in :func:`lend`.
        """
        lent = lend(*merchants, *products, product_merchants)
        merchant_rows, merchant_known, product_rows, product_known = lent
        creator_rows, creator_known = creators
        return cls(
            name,
            unit_rows(merchant_rows, merchant_known),
            unit_rows(creator_rows, creator_known),
            unit_rows(product_rows, product_known),
            merchant_known,
            creator_known,
            product_known,
        )

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return int(self.creators.shape[1])


def unit_rows(rows: npt.NDArray[np.floating], known: Mask) -> Vectors:
    """Bring the known rows to length one and all others to zero; float32.

    A known row of length zero stays zero: it sits exactly on the centre.

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0], [1.0, 1.0]]), np.array([True, False])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    lengths = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
    usable = known & (lengths > 0)
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=usable)
    scaled: Vectors = (rows * scale[:, None]).astype(np.float32)
    return scaled


def lend(
    merchants: npt.NDArray[np.floating],
    merchant_known: Mask,
    products: npt.NDArray[np.floating],
    product_known: Mask,
    product_merchants: Rows | None,
) -> tuple[npt.NDArray[np.floating], Mask, npt.NDArray[np.floating], Mask]:
    """Let a merchant stand for its products and products for their merchant.

    A merchant without evidence of its own takes the mean of its known products; after that, a
    product without takes its merchant's. What is known stays as it is.

    Parameters
    ----------
    merchants, products : float arrays of shape (n, d)
    merchant_known, product_known : bool arrays of shape (n,)
    product_merchants : int32 array of shape (n_products,), or None
        Merchant row of each product; a row outside the merchants is nobody's.

    Returns
    -------
    merchants, merchant_known, products, product_known
        New arrays.

    Examples
    --------
    >>> own = np.array([[0.0], [2.0]]), np.array([False, True])
    >>> goods = np.array([[1.0], [3.0], [0.0]]), np.array([True, True, False])
    >>> merchants, _, products, _ = lend(*own, *goods, np.array([0, 0, 1], dtype=np.int32))
    >>> merchants.ravel().tolist(), products.ravel().tolist()
    ([2.0, 2.0], [1.0, 3.0, 2.0])
    """
    merchants, merchant_known = merchants.copy(), merchant_known.copy()
    products, product_known = products.copy(), product_known.copy()
    if product_merchants is None:
        return merchants, merchant_known, products, product_known
    owned = (product_merchants >= 0) & (product_merchants < len(merchants))
    giving = np.flatnonzero(owned & product_known)
    giving = giving[~merchant_known[product_merchants[giving]]]
    giving = giving[np.argsort(product_merchants[giving], kind="stable")]
    lacking, starts, counts = np.unique(
        product_merchants[giving], return_index=True, return_counts=True
    )
    if len(lacking):
        merchants[lacking] = np.add.reduceat(products[giving], starts) / counts[:, None]
        merchant_known[lacking] = True

    asking = np.flatnonzero(owned & ~product_known)
    asking = asking[merchant_known[product_merchants[asking]]]
    products[asking] = merchants[product_merchants[asking]]
    product_known[asking] = True
    return merchants, merchant_known, products, product_known
