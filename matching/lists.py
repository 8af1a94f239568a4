"""Lists from beginning to end: who passes, who is proposed, who comes first and why.

Everything goes by blocks of askers. One asker is a block of one, and gets the very same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from matching import reasons
from matching.alike import Likeness
from matching.askers import Askers, Promoters
from matching.catalog import Catalog, membership
from matching.explaining.beside import Beside
from matching.explaining.usual import usual_of
from matching.filters import Where, keep
from matching.history import Ragged
from matching.learnt import Learnt
from matching.listings import Listings
from matching.prospects import Prospects
from matching.queries import Desk
from matching.ranking import COLUMN, check_known, objective_scores
from matching.reasons.evidence import Evidence
from matching.reasons.phrases import TO_MERCHANT
from matching.reasons.sources import contributions_of, speaking_for
from matching.requests import Request
from matching.search.products import best_first, inner_products
from matching.shortlists import Shortlists
from matching.variety import reordered
from models.blocks import Vectors
from models.categories import words_of
from models.rerating import own_sales
from models.vocabulary import Rows, Vocabulary

#: Partners of nobody.
_NOBODY = np.empty(0, dtype=np.int32)


class Lists:
    """Draws up lists, whoever asks.

    Parameters
    ----------
    learnt : Learnt
    desk : Desk
    catalog : Catalog
    """

    def __init__(self, learnt: Learnt, desk: Desk, catalog: Catalog) -> None:
        self._learnt = learnt
        self._desk = desk
        self._catalog = catalog
        self._parts = learnt.parts
        self._prospects: dict[str, Prospects] = {}
        self._likeness = Likeness(learnt.creator_vectors, learnt.popularity)
        self._evidence = Evidence(
            catalog,
            learnt.history,
            learnt.merchants,
            learnt.creators,
            membership(words_of(learnt.merchants["categories"]), catalog.names["categories"]),
            learnt.merchant_shares,
            learnt.outcomes.creator_columns_[: len(catalog)],
            lambda: own_sales(learnt.outcomes.chain_),
        )

    def of_creators(self, askers: Askers, asked: Request) -> Listings:
        """Creators for merchants."""
        learnt = self._learnt
        allowed, removed = self._passing(asked.where)
        left_out = askers.partners if asked.only_new else None
        if asked.objective == "match":
            lists = learnt.index.search(
                askers.vectors, asked.considered, allowed=allowed, left_out=left_out
            )
        else:
            lists = self._prospects_by(asked.objective).best(
                asked.considered,
                askers.rows,
                askers.products,
                targets=askers.targets,
                allowed=allowed,
                left_out=left_out,
            )
            check_known(asked.objective, lists)
        listed = learnt.creator_vectors, learnt.usual_creator
        prices = learnt.crowding.creators.get(asked.objective)
        lists, said = self._settled(lists, askers.vectors, *listed, prices, asked)
        told = reasons.for_merchants(
            self._evidence,
            askers.rows,
            askers.partners,
            askers.wanted,
            lists.starts,
            lists.rows,
            said,
            self._parts,
        )
        short = _shortfall(
            lists, asked.k, removed, left_out, allowed, _leaver(askers.rows, self._desk.merchants)
        )
        predictions = learnt.outcomes.predict(self._desk.pairs(askers, lists))
        if asked.objective != "match" and self._beside is not None:
            dull = TO_MERCHANT.unremarkable
            told = self._beside.added(told, askers, lists, predictions, asked.objective, dull)
        return Listings(lists, predictions, told, speaking_for(said, self._parts), short)

    def of_merchants(
        self, askers: Promoters, asked: Request, among: Rows | None = None
    ) -> Listings:
        """Merchants for creators; they are few enough for everyone to be looked at.

        Parameters
        ----------
        among : int32 array, optional
            Rank exactly these.
        """
        learnt = self._learnt
        everyone = np.arange(len(self._desk.merchants), dtype=np.int32)
        rows = everyone if among is None else among
        removed = {} if among is None else {"merchant_ids": len(everyone) - len(among)}
        left_out = askers.partners if asked.only_new else None
        found = []
        for i in range(len(askers)):
            choice = rows if left_out is None else np.setdiff1d(rows, left_out.one(i))
            scores = self._promised(askers, i, choice, asked.objective)
            best = best_first(scores, asked.considered)
            found.append((choice[best], scores[best].astype(np.float64)))
        lists = Shortlists.of(found)
        check_known(asked.objective, lists)
        listed = learnt.merchant_vectors, learnt.usual_merchant
        prices = learnt.crowding.merchants.get(asked.objective)
        lists, said = self._settled(lists, askers.vectors, *listed, prices, asked)
        told = reasons.for_creators(
            self._evidence,
            askers.rows,
            askers.partners,
            lists.starts,
            lists.rows,
            said,
            self._parts,
        )
        short = _shortfall(
            lists, asked.k, removed, left_out, among, _leaver(askers.rows, self._desk.creators)
        )
        predictions = learnt.outcomes.predict(self._desk.mirrored(askers, lists))
        return Listings(lists, predictions, told, speaking_for(said, self._parts), short)

    def of_alike(self, creator: int, asked: Request, nobody: Askers) -> Listings:
        """Creators most like one, with predictions for a merchant that nobody knows."""
        allowed, removed = self._passing(asked.where)
        rows = np.arange(len(self._catalog), dtype=np.int32) if allowed is None else allowed
        rows = rows[rows != creator]
        query = self._likeness.query(creator)
        cosines = self._likeness.cosines(query, rows)
        best = best_first(cosines, asked.k)
        lists = Shortlists.of([(rows[best], cosines[best].astype(np.float64))])
        nothing = np.zeros_like(query)
        said = contributions_of(
            query[None],
            lists.starts,
            lists.rows,
            self._learnt.creator_vectors,
            nothing,
            self._parts,
        )
        told = reasons.alike(self._evidence, creator, lists.rows)
        short = _shortfall(lists, asked.k, removed, None, None, "")
        predictions = self._learnt.outcomes.predict(self._desk.pairs(nobody, lists))
        return Listings(lists, predictions, told, speaking_for(said, self._parts), short)

    def _settled(
        self,
        lists: Shortlists,
        asking: Vectors,
        vectors: Vectors,
        usual: Vectors,
        prices: Vectors | None,
        asked: Request,
    ) -> tuple[Shortlists, Vectors]:
        """Lists as variety orders them, and what each part of the affinity says of their rows."""
        if asked.variety:
            lists = reordered(
                lists, vectors, usual, prices, asked.objective, asked.variety, asked.k
            )
        said = contributions_of(asking, lists.starts, lists.rows, vectors, usual, self._parts)
        return lists, said

    @cached_property
    def _beside(self) -> Beside | None:
        """What the usual creator brings each merchant, worked out when first asked for."""
        return Beside.of(self._learnt.outcomes.chain_, usual_of(self._learnt, self._desk))

    def _prospects_by(self, objective: str) -> Prospects:
        """Creators in the order of what they promise, sorted when first asked for."""
        if objective not in self._prospects:
            learnt = self._learnt
            self._prospects[objective] = Prospects.of(
                learnt.outcomes.chain_, self._desk.fits, COLUMN[objective]
            )
        return self._prospects[objective]

    def _passing(self, where: Where | None) -> tuple[Rows | None, dict[str, int]]:
        """Creators that pass the filters, None where all do, and how many each removed."""
        if where is None or not where.active():
            return None, {}
        kept = keep(self._catalog, where)
        everyone = len(kept.rows) == len(self._catalog)
        return None if everyone else kept.rows, kept.counts()

    def _promised(self, askers: Promoters, i: int, merchants: Rows, objective: str) -> Any:
        """What one creator may expect of some merchants."""
        if objective == "match":
            return inner_products(self._learnt.merchant_vectors[merchants], askers.vectors[i])
        one = Promoters(askers.rows[i : i + 1], askers.vectors[i : i + 1], Ragged.of(_NOBODY))
        pairs = self._desk.mirrored(one, Shortlists.unordered(merchants))
        predictions = self._learnt.outcomes.predict(pairs)
        return objective_scores(objective, predictions)


def _leaver(askers: Rows, known: Vocabulary) -> str:
    """What leaves partners out: a wish, or that a stranger was told by them."""
    return "partners" if len(askers) and askers[0] >= len(known) else "exclude_worked_with"


def _shortfall(
    lists: Shortlists,
    k: int,
    removed: Mapping[str, int],
    left_out: Ragged | None,
    allowed: Rows | None,
    leaver: str,
) -> list[dict[str, int]]:
    """What the filters removed, for each list that this left too short."""
    told = []
    for i, length in enumerate(lists.lengths.tolist()):
        why = dict(removed) if length < k else {}
        if length < k and left_out is not None:
            partners = left_out.one(i)
            gone = partners if allowed is None else np.intersect1d(partners, allowed)
            why[leaver] = len(gone)
        told.append(why)
    return told
