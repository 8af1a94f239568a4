"""The desk: ids become rows here, and rows become pairs to predict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from matching.askers import Asker, Promoter
from matching.errors import BadInput, UnknownId
from matching.index import inner_products
from matching.learnt import Learnt
from matching.requests import texts
from models.blocks import Vectors
from models.pairs import Floats, Pairs
from models.vocabulary import Rows, Vocabulary


class Desk:
    """Takes ids in and hands out what models understand.

    Parameters
    ----------
    learnt : Learnt
    """

    def __init__(self, learnt: Learnt) -> None:
        self._learnt = learnt
        self._fits = learnt.fits()
        self.merchants, self.creators, self.products = learnt.vocabularies
        self._product_merchant = learnt.products["merchant_row"].to_numpy(np.int32)

    def merchant(self, one: str, product_id: str | None = None) -> Asker:
        """Look a merchant up, with one of its products or none in particular.

        Raises
        ------
        UnknownId
            When no table holds the merchant or the product.
        BadInput
            When the product is another merchant's.
        """
        row = _known(self.merchants, "merchant", one)
        vector = self._learnt.merchant_vectors[row]
        wanted = self._learnt.merchant_shares[row]
        partners = self._learnt.history.creators_of(row)
        if product_id is None:
            return Asker(row, len(self.products), vector, wanted, partners)
        product = _known(self.products, "product", product_id)
        owner = self._product_merchant[product]
        if owner not in (row, -1):
            raise BadInput(
                f"product {product_id!r} is of merchant {self.merchants.ids[owner]!r}, not of "
                f"{one!r}; ask for a product of {one!r}"
            )
        return Asker(row, product, self._with_product(row, product), wanted, partners)

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

    def promoter(self, one: str) -> Promoter:
        """Look a creator up as one that asks.

        Raises
        ------
        UnknownId
            When no table holds it.
        BadInput
            When it is no text.
        """
        row = self.creator(one)
        partners = self._learnt.history.merchants_of(row)
        return Promoter(row, self._learnt.creator_vectors[row], partners)

    def these_merchants(self, wanted: Sequence[str]) -> Rows:
        """Rows of some merchants, each once and in row order.

        Raises
        ------
        UnknownId
            When no table holds one of them.
        BadInput
            When they are one text, or something among them is no text.
        """
        if isinstance(wanted, str):
            raise BadInput(f"merchant_ids: got {wanted!r}, expected a list; write [{wanted!r}]")
        return np.unique(all_known(self.merchants, "merchant", texts(wanted, "merchant_ids")))

    def pairs(self, asker: Asker, creators: Rows) -> Pairs:
        """Pair the asker with each of some creators."""
        merchant = np.full(len(creators), asker.row, dtype=np.int32)
        product = np.full(len(creators), asker.product, dtype=np.int32)
        pairs = self._paired(merchant, creators.astype(np.int32), product)
        if asker.target is None:
            return pairs
        block = self._learnt.blocks["audience"]
        cosine = inner_products(block.creators[creators], asker.target).astype(np.float64)
        fit = np.where(block.creator_known[creators], cosine, np.nan)
        return replace(pairs, audience_fit=fit)

    def mirrored(self, creator: int, merchants: Rows) -> Pairs:
        """Pair a creator with each of some merchants."""
        creators = np.full(len(merchants), creator, dtype=np.int32)
        product = np.full(len(merchants), len(self.products), dtype=np.int32)
        return self._paired(merchants.astype(np.int32), creators, product)

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
            self._fits.audience(merchant, creator, product),
            self._fits.category(merchant, creator, product),
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
