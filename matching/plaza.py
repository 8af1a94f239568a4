"""The plaza: ranked, predicted and explained lists out of a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching import reasons
from matching.bundle import Bundle
from matching.errors import BundleError
from matching.evidence import Evidence
from matching.filters import Where, keep
from matching.frames import Listing, frame_of, frame_of_many, predicted_frame
from matching.index import best_first, inner_products
from matching.learnt import Learnt
from matching.queries import Asker, Desk, Promoter
from matching.ranking import COLUMN, Ranked, check_known, objective_scores, top
from matching.requests import Request, partner_texts, texts
from matching.sources import Prospects, affinity_parts, speaking_for
from matching.strangers import Strangers
from matching.variety import varied, worth_of
from models.blocks import Vectors
from models.pairs import Floats, Pairs
from models.vocabulary import Rows
from models.whitening import unit


class Plaza:
    """Answers who should work with whom, from one bundle.

    Every list is a DataFrame, best first: ``rank``, the id, ``score`` (the objective; higher is
    better), predictions with 80 % intervals, ``reasons`` and ``sources``. Asking again, or for
    many at once, gives the same answer. Safe to use from several threads.

    Parameters
    ----------
    bundle : Bundle
        As opened by :meth:`Bundle.open`; usually one calls :meth:`load`.
    """

    def __init__(self, bundle: Bundle) -> None:
        learnt = Learnt.read(bundle)
        self.manifest: Mapping[str, Any] = bundle.manifest
        self.bundle_hash = bundle.hash
        self._learnt = learnt
        self._desk = Desk(learnt)
        self._catalog = learnt.catalog()
        self._strangers = Strangers(learnt, self._catalog)
        self._parts = learnt.parts
        self._prospects: dict[str, Prospects] = {}
        reach = learnt.outcomes.creator_columns_[: len(self._catalog)]
        self._evidence = Evidence(
            self._catalog,
            learnt.history,
            learnt.merchants,
            learnt.creators,
            self._desk.merchant_labels(self._catalog),
            learnt.merchant_shares,
            reach,
        )

    @classmethod
    def load(cls, source: str | Path) -> Plaza:
        """Open a bundle: a folder, or a registered model such as ``models:/alliance@champion``.

        Raises
        ------
        BundleError
            When there is no bundle, or it is damaged.
        """
        return cls(Bundle.open(_folder_of(source)))

    @property
    def merchant_ids(self) -> npt.NDArray[Any]:
        """Ids of all merchants, in row order."""
        return self._desk.merchants.ids

    @property
    def creator_ids(self) -> npt.NDArray[Any]:
        """Ids of all creators, in row order."""
        return self._desk.creators.ids

    @property
    def default_objective(self) -> str:
        """``gmv`` where the market tells enough to expect any, else ``match``."""
        return str(self.manifest["default_objective"])

    def creators_for(
        self,
        merchant_id: str | Sequence[str],
        k: int = 20,
        *,
        objective: str | None = None,
        product_id: str | None = None,
        where: Where | None = None,
        exclude_worked_with: bool = False,
        variety: float = 0.0,
    ) -> pd.DataFrame:
        """Rank creators for a merchant, or for many at once.

        Parameters
        ----------
        merchant_id : str, or list of str
            A list puts a ``merchant_id`` column in front.
        k : int
            Length of each list. Where fewer creators pass the filters fewer come back, and
            ``frame.attrs["shortfall"]`` says how many each filter removed (by merchant, where
            several were asked for).
        objective : str, optional
            One of match, conversion, exposure, orders, gmv, net.
        product_id : str, optional
            The product to promote; it must be one of the merchant's.
        exclude_worked_with : bool
            Leave out creators that have promoted the merchant before.
        variety : float in [0, 1]
            0 is the best first, whoever it is. More puts those forward who are not in everybody's
            lists and not like the others of this one, among the 200 best that pass the filters;
            ``score`` stays what it is. A quarter costs next to nothing.

        Raises
        ------
        UnknownId
            When no table holds an id.
        BadInput
            When an argument cannot be used.
        """
        asked = self._request(k, objective, where, exclude_worked_with, variety)
        if isinstance(merchant_id, str):
            listing = self._creators_for(self._desk.merchant(merchant_id, product_id), asked)
            return frame_of("creator_id", self.creator_ids, listing)
        ids = texts(merchant_id, "merchant_id")
        askers = [self._desk.merchant(one, product_id) for one in ids]
        listings = [self._creators_for(asker, asked) for asker in askers]
        return frame_of_many("creator_id", self.creator_ids, listings, "merchant_id", ids)

    def creators_for_audience(
        self,
        audience: Mapping[str, Mapping[str, float]],
        k: int = 20,
        *,
        objective: str = "match",
        where: Where | None = None,
    ) -> pd.DataFrame:
        """Rank creators for an audience that somebody wants to reach, without any merchant.

        Parameters
        ----------
        audience : dict of dimension to dict of segment to share
            E.g. ``{"age": {"18-23": 0.6}, "gender": {"female": 0.8}}``.
        objective : str
            As in :meth:`creators_for`; a merchant nobody knows has no prices of its own, so
            affinity alone is the default.

        Raises
        ------
        BadInput
            When a dimension, a segment or a share is not one the market knows.
        """
        asked = Request(k, objective, where)
        listing = self._creators_for(self._strangers.wanting(audience), asked)
        return frame_of("creator_id", self.creator_ids, listing)

    def creators_for_partners(
        self,
        partners: Sequence[str],
        k: int = 20,
        *,
        audience: Mapping[str, Mapping[str, float]] | None = None,
        objective: str = "match",
        where: Where | None = None,
    ) -> pd.DataFrame:
        """Rank creators for a merchant nobody knows yet, by creators it works with already.

        Nothing is trained again: its vector is folded in from theirs, each counting as one
        typical cooperation. The partners themselves are left out.

        Parameters
        ----------
        partners : list of str
            Ids of creators; two or three tell a good deal.
        audience : dict of dimension to dict of segment to share, optional
            The audience it wants to reach, as in :meth:`creators_for_audience`.

        Raises
        ------
        UnknownId
            When no table holds one of the partners.
        BadInput
            When an argument cannot be used.
        """
        asked = Request(k, objective, where, only_new=True)
        ids = partner_texts(partners, "creator")
        listing = self._creators_for(self._strangers.merchant(ids, audience), asked)
        return frame_of("creator_id", self.creator_ids, listing)

    def merchants_for(
        self,
        creator_id: str | Sequence[str],
        k: int = 20,
        *,
        objective: str | None = None,
        merchant_ids: Sequence[str] | None = None,
        exclude_worked_with: bool = False,
        variety: float = 0.0,
    ) -> pd.DataFrame:
        """Rank merchants for a creator, or for many at once; as :meth:`creators_for`, mirrored.

        Merchants have no filters, but ``merchant_ids`` ranks exactly those that it names.
        """
        asked = self._request(k, objective, None, exclude_worked_with, variety)
        among = None if merchant_ids is None else self._desk.these_merchants(merchant_ids)
        if isinstance(creator_id, str):
            listing = self._merchants_for(self._desk.promoter(creator_id), asked, among)
            return frame_of("merchant_id", self.merchant_ids, listing)
        ids = texts(creator_id, "creator_id")
        askers = [self._desk.promoter(one) for one in ids]
        listings = [self._merchants_for(asker, asked, among) for asker in askers]
        return frame_of_many("merchant_id", self.merchant_ids, listings, "creator_id", ids)

    def merchants_for_partners(
        self, partners: Sequence[str], k: int = 20, *, objective: str = "match"
    ) -> pd.DataFrame:
        """Rank merchants for a creator nobody knows yet, by merchants it works for already.

        As :meth:`creators_for_partners`, mirrored.
        """
        asked = Request(k, objective, only_new=True)
        asker = self._strangers.creator(partner_texts(partners, "merchant"))
        return frame_of("merchant_id", self.merchant_ids, self._merchants_for(asker, asked))

    def similar_creators(
        self, creator_id: str, k: int = 20, *, where: Where | None = None
    ) -> pd.DataFrame:
        """Creators most like one, by the cosine of all evidence but popularity.

        Predictions are for a merchant that nobody knows yet.
        """
        asked = Request(k, "match", where)
        row = self._desk.creator(creator_id)
        others = np.arange(len(self._catalog)) != row
        kept = keep(self._catalog, asked.where, {"itself": others})
        query, lengths = self._desk.alike(row)
        products = inner_products(self._learnt.creator_vectors[kept.rows], query)
        known = lengths[kept.rows] > 0
        cosines = np.divide(products, lengths[kept.rows], out=np.zeros_like(products), where=known)
        best = best_first(cosines, k)
        rows = kept.rows[best]
        ranked = self._predicted(
            rows, cosines[best], self._desk.pairs(self._strangers.nobody(), rows)
        )
        contributions = affinity_parts(query, self._learnt.creator_vectors[rows], self._parts)
        listing = Listing(
            ranked,
            reasons.alike(self._evidence, row, rows),
            speaking_for(contributions, self._parts),
            _shortfall(kept.counts(), rows, k),
        )
        return frame_of("creator_id", self.creator_ids, listing)

    def predict(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """Predict any pairs of merchant and creator.

        Parameters
        ----------
        pairs : DataFrame with merchant_id, creator_id and, if it matters, product_id
            A missing product means none in particular.

        Returns
        -------
        DataFrame with the index and ids of ``pairs``, ``match`` and the predictions

        Raises
        ------
        UnknownId
            When no table holds an id.
        BadInput
            When a column is missing, or a product is not the merchant's.
        """
        named = self._desk.named(pairs)
        predictions = self._learnt.outcomes.predict(named)
        return predicted_frame(pairs, self._desk.affinity(named), predictions)

    def _creators_for(self, asker: Asker, asked: Request) -> Listing:
        """One list: who passes, who is proposed, what is predicted, who comes first and why."""
        also: dict[str, npt.NDArray[np.bool_]] = {}
        if asked.only_new:
            known = asker.row < len(self.merchant_ids)
            new = np.ones(len(self._catalog), dtype=bool)
            new[asker.partners] = False
            also["exclude_worked_with" if known else "partners"] = new
        kept = keep(self._catalog, asked.where, also)
        if asked.objective == "match":
            everyone = len(kept.rows) == len(self._catalog)
            allowed = None if everyone else kept.rows
            (rows,), (affinity,) = self._learnt.index.search(
                asker.vector[None], asked.considered, allowed=allowed
            )
            ranked = self._predicted(rows, affinity, self._desk.pairs(asker, rows))
        else:
            ranked = self._most_promising(asker, kept.rows, asked.objective, asked.considered)
        prices = self._learnt.crowding.creators
        beyond = self._learnt.creator_vectors[ranked.rows] - self._learnt.usual_creator
        ranked, beyond = _varied(ranked, beyond, prices, asked)
        contributions = affinity_parts(asker.vector, beyond, self._parts)
        named = dict(zip(self._parts, contributions.T, strict=True))
        return Listing(
            ranked,
            reasons.for_merchant(
                self._evidence, asker.row, ranked.rows, named, asker.wanted, asker.partners
            ),
            speaking_for(contributions, self._parts),
            _shortfall(kept.counts(), ranked.rows, asked.k),
        )

    def _merchants_for(self, asker: Promoter, asked: Request, among: Rows | None = None) -> Listing:
        """The mirror image; merchants are few enough for everyone to be predicted."""
        rows = np.arange(len(self.merchant_ids), dtype=np.int32)
        removed: dict[str, int] = {}
        if among is not None:
            removed["merchant_ids"] = len(rows) - len(among)
            rows = among
        if asked.only_new:
            known = asker.row < len(self.creator_ids)
            new = np.setdiff1d(rows, asker.partners)
            removed["exclude_worked_with" if known else "partners"] = len(rows) - len(new)
            rows = new
        if asked.objective == "match":
            affinity = inner_products(self._learnt.merchant_vectors[rows], asker.vector)
            best = best_first(affinity, asked.considered)
            pairs = self._desk.mirrored(asker.row, rows[best])
            ranked = self._predicted(rows[best], affinity[best], pairs)
        else:
            predictions = self._learnt.outcomes.predict(self._desk.mirrored(asker.row, rows))
            scores = objective_scores(asked.objective, predictions)
            ranked = top(rows, scores, predictions, asked.considered)
            check_known(asked.objective, ranked.scores)
        prices = self._learnt.crowding.merchants
        beyond = self._learnt.merchant_vectors[ranked.rows] - self._learnt.usual_merchant
        ranked, beyond = _varied(ranked, beyond, prices, asked)
        contributions = affinity_parts(asker.vector, beyond, self._parts)
        named = dict(zip(self._parts, contributions.T, strict=True))
        return Listing(
            ranked,
            reasons.for_creator(self._evidence, asker.row, ranked.rows, named, asker.partners),
            speaking_for(contributions, self._parts),
            _shortfall(removed, ranked.rows, asked.k),
        )

    def _predicted(self, rows: Rows, affinity: Vectors, pairs: Pairs) -> Ranked:
        """A list that affinity has ordered already, with its predictions."""
        return Ranked(rows, affinity.astype(np.float64), self._learnt.outcomes.predict(pairs))

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

    def _request(
        self, k: int, objective: str | None, where: Where | None, only_new: bool, variety: float
    ) -> Request:
        by = self.default_objective if objective is None else objective
        return Request(k, by, where, only_new, variety)


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


def _folder_of(source: str | Path) -> Path:
    """The folder that a path or a URI stands for."""
    scheme, separator, _ = str(source).partition(":/")
    if isinstance(source, Path) or not separator or scheme == "file":
        return Path(str(source).removeprefix("file://"))
    known = {entry.name: entry for entry in entry_points(group="alliance.bundle_sources")}
    if scheme not in known:
        raise BundleError(
            f"{source}: cannot open {scheme!r}; give a folder"
            + "".join(f" or {name}:/…" for name in sorted(known))
        )
    fetch = known[scheme].load()
    return Path(fetch(str(source)))
