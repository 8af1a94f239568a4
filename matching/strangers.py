"""Somebody nobody knows yet: a place among those who are known, from the little that is told.

Nothing is trained again. An audience has its place in the audience space, partners have theirs in
every part of the affinity, and :class:`~models.affinity.Affinity` folds both into one vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse

from matching.askers import Askers, Promoters
from matching.catalog import Catalog
from matching.errors import BadInput
from matching.filters import check_shares
from matching.history import Ragged
from matching.learnt import Learnt
from matching.queries import all_known
from models.blocks import Vectors
from models.strength import typical_weight
from models.vocabulary import Rows

_NOBODY = np.empty(0, dtype=np.int32)

Shares = Mapping[str, Mapping[str, float]]


class Strangers:
    """Stands in for merchants and creators that no table holds.

    Parameters
    ----------
    learnt : Learnt
    catalog : Catalog
        Tells which segments audiences are told by.
    """

    def __init__(self, learnt: Learnt, catalog: Catalog) -> None:
        self._learnt = learnt
        self._catalog = catalog
        self._merchants, self._creators, self._products = learnt.vocabularies

    def nobody(self) -> Askers:
        """Stand in for a merchant that nobody knows and of whom nothing is told."""
        return self._unknown(
            np.zeros(self._learnt.merchant_vectors.shape[1], np.float32),
            np.full(len(self._learnt.segments), np.nan, np.float32),
            _NOBODY,
            None,
        )

    def wanting(self, target: Shares) -> Askers:
        """Stand in for somebody who wants to reach an audience.

        Raises
        ------
        BadInput
            When a dimension, a segment or a share is not one the market knows.
        """
        asker = self._stranger(self._placed(target), target, _NOBODY)
        # Whoever names an audience asks for that audience, not for who is booked most.
        asker.vectors[:, self._learnt.popularity] = 0
        return asker

    def merchant(self, partners: Sequence[str], target: Shares | None) -> Askers:
        """Stand in for a merchant that nobody knows, but for creators it works with.

        Parameters
        ----------
        partners : list of str
            Each counts as one typical cooperation.
        target : dict of dimension to dict of segment to share, optional
            The audience it wants to reach.

        Raises
        ------
        UnknownId
            When no table holds one of the creators.
        BadInput
            When a dimension, a segment or a share is not one the market knows.
        """
        rows = np.sort(all_known(self._creators, "creator", partners))
        if target is None:
            return self._stranger(None, {}, rows)
        return self._stranger(self._placed(target), target, rows)

    def creator(self, partners: Sequence[str]) -> Promoters:
        """Stand in for a creator that nobody knows, but for merchants it works for.

        Raises
        ------
        UnknownId
            When no table holds one of the merchants.
        """
        rows = np.sort(all_known(self._merchants, "merchant", partners))
        history = self._typical(rows, len(self._merchants))
        vector = self._learnt.affinity().embed_creator(history=history)
        nobody = np.array([len(self._creators)], dtype=np.int32)
        return Promoters(nobody, vector[None], Ragged.of(rows))

    def _placed(self, target: Shares) -> Vectors:
        """Where an audience asked for lies in the audience space."""
        check_shares("audience", target)
        try:
            return self._learnt.space.embed(target)
        except ValueError as error:
            raise BadInput(f"audience: {error}") from None

    def _stranger(self, place: Vectors | None, target: Shares, partners: Rows) -> Askers:
        """A merchant of which no more is known than an audience, partners, or both."""
        affinity = self._learnt.affinity()
        blocks = {}
        # Shares of nobody but products give a space, but no block to place an audience in.
        if place is not None and "audience" in affinity.powers_:
            blocks["audience"] = place
        history = self._typical(partners, len(self._creators))
        vector = affinity.embed_merchant(history=history, blocks=blocks)
        wanted = np.full(len(self._catalog.segments), np.nan, np.float32)
        for dimension, shares in target.items():
            for segment, share in shares.items():
                column = self._catalog.segment(dimension, segment)
                if column is not None:
                    wanted[column] = share
        return self._unknown(vector, wanted, partners, place)

    def _unknown(
        self, vector: Vectors, wanted: Vectors, partners: Rows, place: Vectors | None
    ) -> Askers:
        merchant, product = (
            np.array([len(ids)], dtype=np.int32) for ids in (self._merchants, self._products)
        )
        targets = None if place is None else place[None]
        return Askers(merchant, product, vector[None], wanted[None], Ragged.of(partners), targets)

    def _typical(self, partners: Rows, n: int) -> sparse.csr_matrix:
        """One typical cooperation with each partner; a row over all ``n``."""
        typical = typical_weight(self._learnt.interactions)
        cells = (np.full(len(partners), typical, np.float32), partners, [0, len(partners)])
        return sparse.csr_matrix(cells, shape=(1, n))
