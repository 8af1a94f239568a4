"""How well a pair fits: by its audiences, and by its categories."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.blocks import Block, Mask, Vectors
from models.compiled import compiled, settled
from models.pairs import Floats
from models.vocabulary import Rows

_Table = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]
_ONE = np.uint64(1)


class Sides(NamedTuple):
    """Who is compared with whom in one block, as compiled loops read it.

    Loops take the arrays out once, at their beginning (`models.loglinear.Folded`).

    Attributes
    ----------
    merchants, products, creators : arrays, one row per entity, all of one width
        float32 vectors of length one, or categories as bits of uint64 words.
    merchant_known, product_known, creator_known : bool arrays, one entry per entity
    """

    merchants: _Table
    products: _Table
    creators: _Table
    merchant_known: Mask
    product_known: Mask
    creator_known: Mask

    @classmethod
    def of_vectors(cls, block: Block | None) -> Sides:
        """Vectors of a block; without one nobody is known."""
        if block is None:
            return cls._of((np.empty((0, 0)),) * 3, (np.empty(0),) * 3, np.float32)
        return cls._of(_tables(block), _masks(block), np.float32)

    @classmethod
    def of_marks(cls, block: Block | None) -> Sides:
        """Positive entries of a block as bits: a pair is then compared in a few words."""
        if block is None:
            return cls._of((np.empty((0, 0)),) * 3, (np.empty(0),) * 3, np.uint64)
        merchants, products, creators = (_bits(table) for table in _tables(block))
        return cls._of((merchants, products, creators), _masks(block), np.uint64)

    def wanted(self, merchant: Rows, product: Rows) -> tuple[_Table, Mask]:
        """What askers want, and whether it is known: their product's row, or the merchant's.

        Parameters
        ----------
        merchant, product : int arrays of shape (m,)
        """
        by_product = _is_known_of(self.product_known, product)
        by_merchant = _is_known_of(self.merchant_known, merchant) & ~by_product
        found = np.zeros((len(merchant), self.creators.shape[1]), dtype=self.creators.dtype)
        found[by_merchant] = self.merchants[merchant[by_merchant]]
        found[by_product] = self.products[product[by_product]]
        return found, by_product | by_merchant

    @classmethod
    def _of(
        cls, tables: tuple[_Table, _Table, _Table], masks: tuple[_Table, ...], kind: npt.DTypeLike
    ) -> Sides:
        merchants, products, creators = (settled(table, kind) for table in tables)
        known = (settled(mask, np.bool_) for mask in masks)
        return cls(merchants, products, creators, *known)


@compiled
def is_known(mask: Mask, row: int) -> bool:
    """Whether a row is one of the block, and known there."""
    return 0 <= row < len(mask) and mask[row]


@partial(compiled, reordered=True)
def _inner(ones: Vectors, one: int, others: Vectors, other: int) -> float:
    total: float = np.float32(0.0)  # type: ignore[assignment]
    for i in range(ones.shape[1]):
        total += ones[one, i] * others[other, i]
    return total


@compiled
def cosine(ones: Vectors, one: int, others: Vectors, other: int) -> float:
    """Inner product of two rows of length one, in [-1, 1]."""
    return min(max(float(_inner(ones, one, others, other)), -1.0), 1.0)


@compiled
def _bits_set(word: np.uint64) -> int:
    # One instruction of the processor, once compiled.
    found = 0
    while word:
        word &= word - _ONE
        found += 1
    return found


@compiled
def wanted_marks(wanted: Words, one: int) -> int:
    """Number of marks in a row of words."""
    found = 0
    for i in range(wanted.shape[1]):
        found += _bits_set(wanted[one, i])
    return found


@compiled
def covered(wanted: Words, one: int, borne: Words, other: int) -> float:
    """Share of the marks of one row that the other bears too, in [0, 1]."""
    both = 0
    for i in range(wanted.shape[1]):
        both += _bits_set(wanted[one, i] & borne[other, i])
    return both / max(wanted_marks(wanted, one), 1)


@compiled
def _cosines(sides: Sides, merchant: Rows, creator: Rows, product: Rows, found: Floats) -> None:
    merchants, products, creators, merchant_known, product_known, creator_known = sides
    for i in range(len(found)):
        found[i] = np.nan
        if is_known(creator_known, creator[i]):
            if is_known(product_known, product[i]):
                found[i] = cosine(products, product[i], creators, creator[i])
            elif is_known(merchant_known, merchant[i]):
                found[i] = cosine(merchants, merchant[i], creators, creator[i])


@compiled
def _coverings(sides: Sides, merchant: Rows, creator: Rows, product: Rows, found: Floats) -> None:
    merchants, products, creators, merchant_known, product_known, creator_known = sides
    for i in range(len(found)):
        found[i] = np.nan
        if is_known(creator_known, creator[i]):
            if is_known(product_known, product[i]):
                found[i] = covered(products, product[i], creators, creator[i])
            elif is_known(merchant_known, merchant[i]):
                found[i] = covered(merchants, merchant[i], creators, creator[i])


@compiled
def _towards(target: Vectors, sides: Sides, creator: Rows, found: Floats) -> None:
    _, _, creators, _, _, creator_known = sides
    for i in range(len(found)):
        found[i] = np.nan
        if is_known(creator_known, creator[i]):
            found[i] = cosine(target, 0, creators, creator[i])


class PairFits:
    """Fit of merchants (or their products) and creators, pair by pair.

    The fit of a pair is the same bits whichever pairs are asked for with it. A row at or after
    the last of its block is somebody unknown, and gives NaN; an unknown product, or none in
    particular, leaves the merchant's.

    Parameters
    ----------
    audience, category : Block or None
        Blocks of that name; without one, its fits are all NaN.

    Attributes
    ----------
    audiences, categories : Sides

    Examples
    --------
    >>> eye, yes = np.eye(2, dtype=np.float32), np.ones(2, dtype=bool)
    >>> fits = PairFits(Block("audience", eye, eye, eye[:0], yes, yes, yes[:0]), None)
    >>> merchant, creator, product = (np.array(rows) for rows in ([0, 0, 9], [0, 1, 1], [0, 0, 0]))
    >>> fits.audience(merchant, creator, product).tolist()
    [1.0, 0.0, nan]
    """

    def __init__(self, audience: Block | None, category: Block | None) -> None:
        self.audiences = Sides.of_vectors(audience)
        self.categories = Sides.of_marks(category)

    def audience(self, merchant_rows: Rows, creator_rows: Rows, product_rows: Rows) -> Floats:
        """Cosine of the wanted and the creator's audience, in [-1, 1]; NaN where unknown.

        Parameters
        ----------
        merchant_rows, creator_rows, product_rows : int arrays of shape (n,)
        """
        found = np.empty(len(creator_rows))
        merchant, creator, product = _read(merchant_rows, creator_rows, product_rows)
        _cosines(self.audiences, merchant, creator, product, found)
        return found

    def towards(self, target: Vectors, creator_rows: Rows) -> Floats:
        """Cosine of an audience asked for and the creator's, in [-1, 1]; NaN where unknown.

        Parameters
        ----------
        target : float32 array of shape (d,)
            Of length one, in the space of the audiences.
        creator_rows : int array of shape (n,)
        """
        found = np.empty(len(creator_rows))
        (creator,) = _read(creator_rows)
        _towards(settled(target[None], np.float32), self.audiences, creator, found)
        return found

    def category(self, merchant_rows: Rows, creator_rows: Rows, product_rows: Rows) -> Floats:
        """Share of the wanted categories that the creator covers, in [0, 1]; NaN where unknown.

        Parameters
        ----------
        merchant_rows, creator_rows, product_rows : int arrays of shape (n,)
        """
        found = np.empty(len(creator_rows))
        merchant, creator, product = _read(merchant_rows, creator_rows, product_rows)
        _coverings(self.categories, merchant, creator, product, found)
        return found


def _is_known_of(mask: Mask, rows: Rows) -> Mask:
    inside = (rows >= 0) & (rows < len(mask))
    known = np.zeros(len(rows), dtype=bool)
    known[inside] = mask[rows[inside]]
    return known


def _read(*rows: Rows) -> list[Rows]:
    return [np.ascontiguousarray(one, dtype=np.int32) for one in rows]


def _tables(block: Block) -> tuple[Vectors, Vectors, Vectors]:
    return block.merchants, block.products, block.creators


def _masks(block: Block) -> tuple[Mask, Mask, Mask]:
    return block.merchant_known, block.product_known, block.creator_known


def _bits(marks: Vectors) -> Words:
    """Pack the positive entries of each row into 64-bit words."""
    packed = np.packbits(marks > 0, axis=1)
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    return np.ascontiguousarray(packed).view(np.uint64)
