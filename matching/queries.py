"""The desk: ids become rows here, and rows become pairs to predict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from matching.askers import Askers, Promoters
from matching.errors import BadInput, UnknownId
from matching.learnt import Learnt
from matching.requests import several_texts, texts
from matching.shortlists import Shortlists
from models.blocks import Vectors
from models.pairs import Floats, Pairs
from models.vocabulary import Rows, Vocabulary


class Desk:
    """Takes ids in and hands out what models understand.

    Parameters
    ----------
    learnt : Learnt

    Attributes
    ----------
    merchants, creators, products : Vocabulary
    fits : PairFits
    """

    def __init__(self, learnt: Learnt) -> None:
        self._learnt = learnt
        self.fits = learnt.fits()
        self.merchants, self.creators, self.products = learnt.vocabularies
        self._product_merchant = learnt.products["merchant_row"].to_numpy(np.int32)

    def merchant(self, one: str, product_id: str | None = None) -> Askers:
        """Look one merchant up, with one of its products or none in particular.

        Raises
        ------
        UnknownId
            When no table holds the merchant or the product.
        BadInput
            When the merchant is no text, or the product is another's.
        """
        if not isinstance(one, str):
            raise BadInput(f"merchant_id: got {one!r}, expected one id as a text")
        return self._asking([_known(self.merchants, "merchant", one)], product_id)

    def those(self, ids: Sequence[str], product_id: str | None = None) -> Askers:
        """Look several merchants up, as :meth:`merchant` does one.

        Raises
        ------
        UnknownId
            When no table holds one of them, or the product.
        BadInput
            When something among them is no text, or the product is another's.
        """
        rows = all_known(self.merchants, "merchant", texts(ids, "merchant_id"))
        return self._asking(rows, product_id)

    def _asking(self, wanted: Sequence[int] | Rows, product_id: str | None) -> Askers:
        learnt, rows = self._learnt, np.asarray(wanted, dtype=np.int32)
        products = np.full(len(rows), len(self.products), dtype=np.int32)
        vectors = learnt.merchant_vectors[rows]
        if product_id is not None:
            products[:] = product = self._product_of(rows, product_id)
            for i, row in enumerate(rows.tolist()):
                vectors[i] = self._with_product(row, product)
        partners = learnt.history.creators_of_each(rows)
        return Askers(rows, products, vectors, learnt.merchant_shares[rows], partners)

    def _product_of(self, merchants: Rows, product_id: str) -> int:
        product = _known(self.products, "product", product_id)
        owner = self._product_merchant[product]
        others = merchants[merchants != owner]
        if owner >= 0 and len(others):
            asking = self.merchants.ids[others[0]]
            raise BadInput(
                f"product {product_id!r} is of merchant {self.merchants.ids[owner]!r}, not of "
                f"{asking!r}; ask for a product of {asking!r}"
            )
        return product

    def creator(self, one: str) -> int:
        """Row of a creator.

        Raises
        ------
        UnknownId
            When no table holds it.
        BadInput
            When it is no text.
        """
        if not isinstance(one, str):
            raise BadInput(f"creator_id: got {one!r}, expected one id as a text")
        return _known(self.creators, "creator", one)

    def promoters(self, ids: Sequence[str]) -> Promoters:
        """Look creators up as those who ask.

        Raises
        ------
        UnknownId
            When no table holds one of them.
        BadInput
            When something among them is no text.
        """
        rows = all_known(self.creators, "creator", texts(ids, "creator_id"))
        partners = self._learnt.history.merchants_of_each(rows)
        return Promoters(rows, self._learnt.creator_vectors[rows], partners)

    def these_merchants(self, wanted: Sequence[str]) -> Rows:
        """Rows of some merchants, each once and in row order.

        Raises
        ------
        UnknownId
            When no table holds one of them.
        BadInput
            When they are one text, or something among them is no text.
        """
        ids = several_texts(wanted, "merchant_ids")
        return np.unique(all_known(self.merchants, "merchant", ids))

    def these_creators(self, wanted: Sequence[str]) -> Rows:
        """Rows of some creators; as :meth:`these_merchants`, mirrored."""
        ids = several_texts(wanted, "creator_ids")
        return np.unique(all_known(self.creators, "creator", ids))

    def audience_fit(self, merchant: int, creators: Rows) -> Floats:
        """Audience fit of one merchant and some creators, whatever the product."""
        rows = np.full(len(creators), merchant, dtype=np.int32)
        nothing = np.full(len(creators), len(self.products), dtype=np.int32)
        return self._paired(rows, creators, nothing).audience_fit

    def pairs(self, askers: Askers, lists: Shortlists) -> Pairs:
        """Pair each asker with the creators of its list."""
        creators, lengths = lists.rows, lists.lengths
        pairs = self._paired(
            np.repeat(askers.rows, lengths), creators, np.repeat(askers.products, lengths)
        )
        if askers.targets is None:
            return pairs
        fit = np.full(len(creators), np.nan)
        for target, start, end in zip(
            askers.targets, lists.starts[:-1], lists.starts[1:], strict=True
        ):
            fit[start:end] = self.fits.towards(target, creators[start:end])
        return replace(pairs, audience_fit=fit)

    def mirrored(self, askers: Promoters, lists: Shortlists) -> Pairs:
        """Pair each creator that asks with the merchants of its list."""
        product = np.full(len(lists.rows), len(self.products), dtype=np.int32)
        return self._paired(lists.rows, np.repeat(askers.rows, lists.lengths), product)

    def named(self, pairs: pd.DataFrame) -> Pairs:
        """Look up a table of pairs.

        Raises
        ------
        UnknownId
            When no table holds one of the ids.
        BadInput
            When a column is missing, or a product is another merchant's.
        """
        if not isinstance(pairs, pd.DataFrame):
            raise BadInput(
                f"pairs: got {type(pairs).__name__}, expected a DataFrame with merchant_id and "
                "creator_id"
            )
        for name in ("merchant_id", "creator_id"):
            if name not in pairs.columns:
                raise BadInput(
                    f"pairs: no column {name!r} among {', '.join(map(str, pairs.columns))}; "
                    "give merchant_id and creator_id"
                )
        merchant = all_known(self.merchants, "merchant", pairs["merchant_id"])
        creator = all_known(self.creators, "creator", pairs["creator_id"])
        product = np.full(len(pairs), len(self.products), dtype=np.int32)
        if "product_id" in pairs.columns:
            given = pairs["product_id"].notna().to_numpy()
            product[given] = all_known(self.products, "product", pairs["product_id"][given])
            owner = np.append(self._product_merchant, -1)[product]
            wrong = np.flatnonzero((owner >= 0) & (owner != merchant))
            if len(wrong):
                first = pairs.iloc[wrong[0]]
                raise BadInput(
                    f"pairs: product {first['product_id']!r} is not of merchant "
                    f"{first['merchant_id']!r}; {len(wrong)} of {len(pairs)} pairs are so"
                )
        return self._paired(merchant, creator, product)

    def affinity(self, pairs: Pairs) -> Floats:
        """Affinity of known pairs, whatever the product; float64 array of shape (n,)."""
        left = self._learnt.merchant_vectors[pairs.merchant]
        right = self._learnt.creator_vectors[pairs.creator]
        return np.asarray(np.einsum("ij,ij->i", left, right), dtype=np.float64)

    def _paired(self, merchant: Rows, creator: Rows, product: Rows) -> Pairs:
        return Pairs(
            merchant,
            creator,
            product,
            self.fits.audience(merchant, creator, product),
            self.fits.category(merchant, creator, product),
        )

    def _with_product(self, merchant: int, product: int) -> Vectors:
        """The merchant's vector, had it only this product: its own evidence comes first."""
        affinity = self._learnt.affinity()
        blocks: dict[str, Any] = {}
        for name, block in self._learnt.blocks.items():
            if name not in affinity.powers_:
                continue  # it knows products alone, and nobody to compare them with
            if block.product_known[product]:
                blocks[name] = block.products[product]
            elif block.merchant_known[merchant]:
                blocks[name] = block.merchants[merchant]
        history = self._learnt.interactions[[merchant]]
        return affinity.embed_merchant(history=history, blocks=blocks)


def _known(ids: Vocabulary, kind: str, one: str) -> int:
    try:
        return ids.row(one)
    except KeyError as error:
        raise UnknownId(f"no table holds this {kind}: {error.args[0]}") from None


def all_known(ids: Vocabulary, kind: str, wanted: Iterable[str]) -> Rows:
    """Rows of some ids.

    Raises
    ------
    UnknownId
        When no table holds one of them.
    """
    rows, known = ids.find(wanted)
    if not known.all():
        first = next(one for one, ok in zip(wanted, known, strict=True) if not ok)
        _known(ids, kind, first)
    return rows
