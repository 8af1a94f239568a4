"""One list from beginning to end: who passes, who is proposed, who comes first and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from matching import reasons
from matching.alike import Likeness
from matching.askers import Asker, Promoter
from matching.catalog import Catalog, membership
from matching.evidence import Evidence
from matching.filters import keep
from matching.frames import Listing
from matching.index import best_first, inner_products
from matching.learnt import Learnt
from matching.queries import Desk
from matching.ranking import COLUMN, Ranked, check_known, objective_scores, top
from matching.requests import Request
from matching.sources import Prospects, affinity_parts, speaking_for
from matching.variety import varied, worth_of
from models.blocks import Vectors
from models.categories import words_of
from models.pairs import Floats, Pairs
from models.vocabulary import Rows
from models.whitening import unit


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
        )

    def of_creators(self, asker: Asker, asked: Request) -> Listing:
        """Creators for a merchant."""
        also: dict[str, npt.NDArray[np.bool_]] = {}
        if asked.only_new:
            new = np.ones(len(self._catalog), dtype=bool)
            new[asker.partners] = False
            also[_left_out_by(asker, len(self._desk.merchants))] = new
        kept = keep(self._catalog, asked.where, also)
        if asked.objective == "match":
            ranked = self._nearest(asker, kept.rows, asked.considered)
        else:
            ranked = self._most_promising(asker, kept.rows, asked.objective, asked.considered)
        learnt = self._learnt
        beyond = learnt.creator_vectors[ranked.rows] - learnt.usual_creator
        ranked, beyond = _varied(ranked, beyond, learnt.crowding.creators, asked)
        said = affinity_parts(asker.vector, beyond, self._parts)
        named = dict(zip(self._parts, said.T, strict=True))
        told = reasons.for_merchant(
            self._evidence, asker.row, ranked.rows, named, asker.wanted, asker.partners
        )
        short = _shortfall(kept.counts(), ranked.rows, asked.k)
        return Listing(ranked, told, speaking_for(said, self._parts), short)

    def of_merchants(self, asker: Promoter, asked: Request, among: Rows | None = None) -> Listing:
        """Merchants for a creator; they are few enough for everyone to be predicted.

        Parameters
        ----------
        among : int32 array, optional
            Rank exactly these.
        """
        rows = np.arange(len(self._desk.merchants), dtype=np.int32)
        removed: dict[str, int] = {}
        if among is not None:
            removed["merchant_ids"] = len(rows) - len(among)
            rows = among
        if asked.only_new:
            new = np.setdiff1d(rows, asker.partners)
            removed[_left_out_by(asker, len(self._desk.creators))] = len(rows) - len(new)
            rows = new
        learnt = self._learnt
        if asked.objective == "match":
            affinity = inner_products(learnt.merchant_vectors[rows], asker.vector)
            best = best_first(affinity, asked.considered)
            pairs = self._desk.mirrored(asker.row, rows[best])
            ranked = self._predicted(rows[best], affinity[best], pairs)
        else:
            predictions = learnt.outcomes.predict(self._desk.mirrored(asker.row, rows))
            scores = objective_scores(asked.objective, predictions)
            ranked = top(rows, scores, predictions, asked.considered)
            check_known(asked.objective, ranked.scores)
        beyond = learnt.merchant_vectors[ranked.rows] - learnt.usual_merchant
        ranked, beyond = _varied(ranked, beyond, learnt.crowding.merchants, asked)
        said = affinity_parts(asker.vector, beyond, self._parts)
        named = dict(zip(self._parts, said.T, strict=True))
        told = reasons.for_creator(self._evidence, asker.row, ranked.rows, named, asker.partners)
        short = _shortfall(removed, ranked.rows, asked.k)
        return Listing(ranked, told, speaking_for(said, self._parts), short)

    def of_alike(self, creator: int, asked: Request, nobody: Asker) -> Listing:
        """Creators most like one, with predictions for a merchant that nobody knows."""
        others = np.arange(len(self._catalog)) != creator
        kept = keep(self._catalog, asked.where, {"itself": others})
        query = self._likeness.query(creator)
        cosines = self._likeness.cosines(query, kept.rows)
        best = best_first(cosines, asked.k)
        rows = kept.rows[best]
        ranked = self._predicted(rows, cosines[best], self._desk.pairs(nobody, rows))
        said = affinity_parts(query, self._learnt.creator_vectors[rows], self._parts)
        told = reasons.alike(self._evidence, creator, rows)
        short = _shortfall(kept.counts(), rows, asked.k)
        return Listing(ranked, told, speaking_for(said, self._parts), short)

    def _nearest(self, asker: Asker, allowed: Rows, k: int) -> Ranked:
        """Creators by affinity, as the index finds them."""
        everyone = len(allowed) == len(self._catalog)
        (rows,), (affinity,) = self._learnt.index.search(
            asker.vector[None], k, allowed=None if everyone else allowed
        )
        return self._predicted(rows, affinity, self._desk.pairs(asker, rows))

    def _most_promising(self, asker: Asker, allowed: Rows, objective: str, k: int) -> Ranked:
        """Predict creators, the most promising first, until nobody left could enter the list."""
        column, chain = COLUMN[objective], self._learnt.outcomes.chain_
        if column not in self._prospects:
            self._prospects[column] = Prospects.of(chain.promise(column)[: len(self._catalog)])

        def score(rows: Rows) -> Floats:
            return objective_scores(objective, chain.predict(self._desk.pairs(asker, rows)))

        rows, scores = self._prospects[column].best(
            k,
            allowed,
            chain.creators_met(asker.row, asker.product),
            chain.ceiling(column, asker.row, asker.product),
            score,
        )
        check_known(objective, scores)
        return Ranked(rows, scores, chain.predict(self._desk.pairs(asker, rows)))

    def _predicted(self, rows: Rows, affinity: Vectors, pairs: Pairs) -> Ranked:
        """A list that affinity has ordered already, with its predictions."""
        return Ranked(rows, affinity.astype(np.float64), self._learnt.outcomes.predict(pairs))


def _left_out_by(asker: Asker | Promoter, known: int) -> str:
    """What leaves the asker's partners out: a wish, or that a stranger was told by them."""
    return "exclude_worked_with" if asker.row < known else "partners"


def _varied(
    ranked: Ranked, beyond: Vectors, prices: Mapping[str, Vectors], asked: Request
) -> tuple[Ranked, Vectors]:
    """The list as variety orders it: two are alike that differ alike from the usual one."""
    if not asked.variety:
        return ranked, beyond
    price = prices.get(asked.objective)
    places = varied(
        worth_of(asked.objective, ranked.scores),
        np.zeros(len(ranked.rows)) if price is None else price[ranked.rows],
        unit(beyond),
        asked.variety,
        asked.k,
    )
    return ranked.take(places), beyond[places]


def _shortfall(removed: Mapping[str, int], rows: Rows, k: int) -> dict[str, int]:
    """What the filters removed, when that left too few; the entity asked about does not count."""
    short = len(rows) < k
    return {name: n for name, n in removed.items() if name != "itself"} if short else {}
