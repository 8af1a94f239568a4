"""How well a pair fits: by its audiences, and by its categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from models.blocks import Block, Mask, Vectors
from models.pairs import Floats
from models.vocabulary import Rows

_Table = npt.NDArray[Any]
_Compare = Callable[[_Table, _Table], Floats]


class PairFits:
    """Fit of merchants (or their products) and creators, pair by pair.

    The fit of a pair is the same bits whichever pairs are asked for with it. A row at or after
    the last of its block is somebody unknown, and gives NaN; an unknown product, or none in
    particular, leaves the merchant's.

    Parameters
    ----------
    audience, category : Block or None
        Blocks of that name; without one, its fits are all NaN.

    Examples
    --------
    >>> eye, yes = np.eye(2, dtype=np.float32), np.ones(2, dtype=bool)
    >>> fits = PairFits(Block("audience", eye, eye, eye[:0], yes, yes, yes[:0]), None)
    >>> merchant, creator, product = (np.array(rows) for rows in ([0, 0, 9], [0, 1, 1], [0, 0, 0]))
    >>> fits.audience(merchant, creator, product).tolist()
    [1.0, 0.0, nan]
    """

    def __init__(self, audience: Block | None, category: Block | None) -> None:
        self._audience = audience
        self._category = category
        if category is not None:
            # One bit a category: a pair is then compared in a few words instead of many floats.
            self._asked = _bits(category.merchants), _bits(category.products)
            self._borne = _bits(category.creators)

    def audience(self, merchant_rows: Rows, creator_rows: Rows, product_rows: Rows) -> Floats:
        """Cosine of the wanted and the creator's audience, in [-1, 1]; NaN where unknown.

        Parameters
        ----------
        merchant_rows, creator_rows, product_rows : int arrays of shape (n,)
        """
        block = self._audience
        if block is None:
            return np.full(len(creator_rows), np.nan)
        return _pairwise(
            block,
            (block.merchants, block.products),
            block.creators,
            (merchant_rows, creator_rows, product_rows),
            _cosine,
        )

    def category(self, merchant_rows: Rows, creator_rows: Rows, product_rows: Rows) -> Floats:
        """Share of the wanted categories that the creator covers, in [0, 1]; NaN where unknown.

        Parameters
        ----------
        merchant_rows, creator_rows, product_rows : int arrays of shape (n,)
        """
        block = self._category
        if block is None:
            return np.full(len(creator_rows), np.nan)
        return _pairwise(
            block, self._asked, self._borne, (merchant_rows, creator_rows, product_rows), _covered
        )


def _pairwise(
    block: Block,
    asking: tuple[_Table, _Table],
    answering: _Table,
    rows: tuple[Rows, Rows, Rows],
    compare: _Compare,
) -> Floats:
    """Compare a product's row, or its merchant's, with the creator's row of each pair."""
    merchant, creator, product = rows
    by_product = _known(block.product_known, product)
    by_merchant = _known(block.merchant_known, merchant) & ~by_product
    known = _known(block.creator_known, creator) & (by_product | by_merchant)
    found = np.full(len(creator), np.nan)
    if not known.any():
        return found
    theirs = answering if _everyone(creator, answering) else _gather(answering, creator)
    merchants, products = asking
    if by_product.all():
        wanted = _gather(products, product)
    elif not by_product.any():
        wanted = _gather(merchants, merchant)
    else:
        wanted = np.zeros((len(merchant), merchants.shape[1]), dtype=merchants.dtype)
        wanted[by_merchant] = merchants[merchant[by_merchant]]
        wanted[by_product] = products[product[by_product]]
    found[known] = compare(wanted, theirs)[known]
    return found


def _known(mask: Mask, rows: Rows) -> Mask:
    inside = (rows >= 0) & (rows < len(mask))
    if not len(mask):
        return inside
    return inside & mask[np.where(inside, rows, 0)]


def _everyone(rows: Rows, table: _Table) -> bool:
    """Whether the rows are the whole table in order, which then need not be copied."""
    return len(rows) == len(table) and bool((rows == np.arange(len(table))).all())


def _gather(table: _Table, rows: Rows) -> _Table:
    """Rows of a table; of somebody outside it any row, for it is masked afterwards."""
    if (rows == rows[0]).all():
        row = table[rows[0] if 0 <= rows[0] < len(table) else slice(0, 1)]
        return np.broadcast_to(row, (len(rows), table.shape[1]))
    return table.take(rows, axis=0, mode="clip")


def _cosine(wanted: _Table, theirs: _Table) -> Floats:
    # einsum sums each row by itself and in one order; a BLAS product would depend on the batch.
    cosine = np.einsum("ij,ij->i", wanted, theirs)
    return np.asarray(np.clip(cosine, -1.0, 1.0), dtype=np.float64)


def _covered(wanted: _Table, theirs: _Table) -> Floats:
    both = np.bitwise_count(wanted & theirs).sum(axis=1, dtype=np.int64)
    asked = np.bitwise_count(wanted).sum(axis=1, dtype=np.int64)
    return np.asarray(both / np.maximum(asked, 1), dtype=np.float64)


def _bits(marks: Vectors) -> npt.NDArray[np.uint64]:
    """Pack the positive entries of each row into 64-bit words."""
    packed = np.packbits(marks > 0, axis=1)
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    return np.ascontiguousarray(packed).view(np.uint64)
