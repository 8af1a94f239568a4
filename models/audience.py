"""Audience embeddings: all that is told of audiences, as blocks of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from models.blocks import Block, Mask, Vectors, lend
from models.coaudience import co_audience_block
from models.given import given_blocks
from models.pairs import State
from models.share_space import ShareSpace
from models.shares import (
    CREATOR_KINDS,
    MERCHANT_KINDS,
    ShareTable,
    preferred,
    segments_of,
    share_tables,
)
from models.vocabulary import Rows, Vocabulary


class AudienceEmbedding(BaseEstimator):  # type: ignore[misc]
    """Place merchants, creators, products and bare target audiences in common spaces.

    Each source that a market has becomes a block of its own: shares of segments (``audience``),
    engagements of single viewers (``co_audience``) and embeddings from outside
    (``given:<space>``). How much each is worth is for others to learn.

    Parameters
    ----------
    co_audience_dim : int
        Most numbers of a vector of ``co_audience``.
    degree_cap : int or None
        Entities met from which on a viewer is taken for a machine; None to learn it.
    kind_preference : tuple of str
        Whose shares filters and reasons read of a creator, the first that is told for a dimension.
        Viewers first: that is the audience the plazas of today filter by.
    seed : int
        Same seed, same bits, at any number of threads.

    Attributes
    ----------
    blocks_ : dict of str to Block
        By name; only those that the market has anything for.
    segments_ : list of (dimension, segment)
        Columns of the arrays below, sorted.
    creator_shares_low_, creator_shares_high_ : float32 arrays of shape (n_creators, n_segments)
        Bounds of each share; equal where it is exact, NaN where it is unknown.
    merchant_shares_ : float32 array of shape (n_merchants, n_segments)
        Share of each segment in the audience a merchant asks for, or else has, or else its products
        have; middle of a range; NaN unknown.

    Examples
    --------
    >>> shares = pd.DataFrame(
    ...     {
    ...         "entity": ["creator", "creator", "merchant"],
    ...         "entity_id": ["c1", "c2", "m1"],
    ...         "dimension": "gender",
    ...         "segment": "female",
    ...         "share": [0.9, 0.3, 0.8],
    ...     }
    ... )
    >>> embedding = AudienceEmbedding().fit(
    ...     Vocabulary.of(["m1"]), Vocabulary.of(["c1", "c2"]), Vocabulary.of([]), shares=shares
    ... )
    >>> block = embedding.blocks_["audience"]
    >>> (block.creators @ block.merchants[0] > 0).tolist()
    [True, False]
    >>> target = embedding.embed_target({"gender": {"female": 0.1}})["audience"]
    >>> (block.creators @ target > 0).tolist()
    [False, True]
    """

    def __init__(
        self,
        *,
        co_audience_dim: int = 48,
        degree_cap: int | None = None,
        kind_preference: tuple[str, ...] = ("viewer", "fan", "buyer", "target"),
        seed: int = 0,
    ) -> None:
        self.co_audience_dim = co_audience_dim
        self.degree_cap = degree_cap
        self.kind_preference = kind_preference
        self.seed = seed

    def fit(
        self,
        merchants: Vocabulary,
        creators: Vocabulary,
        products: Vocabulary,
        *,
        shares: pd.DataFrame | None = None,
        engagements: pd.DataFrame | None = None,
        embeddings: pd.DataFrame | None = None,
        product_merchants: Rows | None = None,
    ) -> Self:
        """Learn the blocks from the tables that a market has.

        Parameters
        ----------
        merchants, creators, products : Vocabulary
            Ids outside them are passed over.
        shares : DataFrame, optional
            ``entity, entity_id, dimension, segment``, ``share`` or ``share_low, share_high``, and
            ``audience`` (viewer, fan, buyer, target; blank means viewer).
        engagements : DataFrame, optional
            ``viewer_id, entity, entity_id`` and, where known, ``weight``.
        embeddings : DataFrame, optional
            ``entity, entity_id, space, vector``.
        product_merchants : int32 array of shape (n_products,), optional
            Row of the merchant that sells each product; a row outside is nobody's.

        Raises
        ------
        ValueError
            For an unknown kind of audience, or a space with vectors of several lengths.
        """
        ids = {"merchant": merchants, "creator": creators, "product": products}
        blocks = [self._fit_shares(shares, ids, product_merchants)]
        if engagements is not None:
            blocks.append(
                co_audience_block(
                    engagements,
                    merchants,
                    creators,
                    product_merchants=product_merchants,
                    n_products=len(products),
                    width=self.co_audience_dim,
                    degree_cap=self.degree_cap,
                    seed=self.seed,
                )
            )
        if embeddings is not None:
            blocks += given_blocks(embeddings, merchants, creators, products, product_merchants)
        self.blocks_ = {block.name: block for block in blocks if block is not None}
        return self

    def embed_target(self, target: Mapping[str, Mapping[str, float]]) -> dict[str, Vectors]:
        """Place the audience somebody wants to reach where merchants and creators are.

        Parameters
        ----------
        target : dict of dimension to dict of segment to share
            Shares in [0, 1]; segments of a named dimension that are left out take what remains.

        Returns
        -------
        dict of block name to float32 array of shape (d,)
            Of length one, or zero where the target is just the market's usual audience.

        Raises
        ------
        ValueError
            For an empty target, a dimension or segment that no table names, or a share outside
            [0, 1].
        """
        check_is_fitted(self, "space_")
        return {"audience": self.space_.embed(target)}

    def state(self) -> State:
        """What ``embed_target`` needs, as arrays and plain values."""
        check_is_fitted(self, "space_")
        return self.space_.state()

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore an estimator that can embed targets, without the blocks it learnt."""
        embedding = cls()
        embedding.space_ = ShareSpace.from_state(state)
        embedding.segments_ = embedding.space_.segments
        return embedding

    def _fit_shares(
        self,
        shares: pd.DataFrame | None,
        ids: Mapping[str, Vocabulary],
        product_merchants: Rows | None,
    ) -> Block | None:
        segments = [] if shares is None else segments_of(shares)
        tables: dict[str, dict[str, ShareTable]] = {kind: {} for kind in ids}
        if shares is not None and segments:
            tables = {kind: share_tables(shares, kind, ids[kind], segments) for kind in ids}
        told = preferred(tables["creator"], self.kind_preference, segments, len(ids["creator"]))
        self.segments_ = segments
        self.creator_shares_low_, self.creator_shares_high_ = told.low, told.high
        wanted, offered = (
            preferred(tables[kind], tuple(MERCHANT_KINDS), segments, len(ids[kind])).point
            for kind in ("merchant", "product")
        )
        self.merchant_shares_, *_ = lend(
            wanted, _told(wanted), offered, _told(offered), product_merchants
        )
        self.space_ = ShareSpace.fit(segments, tables["creator"])
        if not any(tables.values()):
            return None
        return Block.of(
            "audience",
            self.space_.vectors(tables["merchant"], MERCHANT_KINDS, len(ids["merchant"])),
            self.space_.vectors(tables["creator"], CREATOR_KINDS, len(ids["creator"])),
            self.space_.vectors(tables["product"], MERCHANT_KINDS, len(ids["product"])),
            product_merchants,
        )


def _told(shares: Vectors) -> Mask:
    """Which rows hold any share."""
    return np.asarray(~np.isnan(shares).all(axis=1))
