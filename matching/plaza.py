"""The plaza: ranked, predicted and explained lists out of a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from threadpoolctl import threadpool_limits

from matching.addresses import folder_of
from matching.batches import batch_of
from matching.bundle import Bundle
from matching.diagnosis import Diagnosis
from matching.explaining import Explainer, Explanation
from matching.filters import Where
from matching.frames import frame_of, frame_of_many, predicted_frame
from matching.incremental import with_incremental
from matching.learnt import Learnt
from matching.ledger import RatingLedger
from matching.lists import Lists
from matching.moments import day_of, moment
from matching.own_ratings import Grades, ratings_frame
from matching.queries import Desk, all_known
from matching.recording import recorded
from matching.requests import Request, partner_texts, several_texts, texts
from matching.strangers import Strangers
from models.own_evidence import scales


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
        self.manifest: Mapping[str, Any] = bundle.manifest
        self.bundle_hash = bundle.hash
        self._trained = Learnt.read(bundle)
        self._recorded: RatingLedger | None = None
        self._answer_from(self._trained)

    def _answer_from(self, learnt: Learnt) -> None:
        self._learnt = learnt
        self._desk = Desk(learnt)
        catalog = learnt.catalog()
        self._strangers = Strangers(learnt, catalog)
        self._lists = Lists(learnt, self._desk, catalog)
        self._explainer = Explainer(learnt, self._desk)

    @classmethod
    def load(cls, source: str | Path) -> Plaza:
        """Open a bundle: a folder, or a registered model such as ``models:/alliance@champion``.

        Raises
        ------
        BundleError
            When there is no bundle, or it is damaged.
        """
        return cls(Bundle.open(folder_of(source)))

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

    @property
    def merchant_fingerprints(self) -> npt.NDArray[Any]:
        """A number for each merchant that changes when its market says anything new of it."""
        return self._learnt.fingerprints()

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
            listings = self._lists.of_creators(self._desk.merchant(merchant_id, product_id), asked)
            return frame_of("creator_id", self.creator_ids, listings)
        ids = texts(merchant_id, "merchant_id")
        listings = self._lists.of_creators(self._desk.those(ids, product_id), asked)
        return frame_of_many("creator_id", self.creator_ids, listings, "merchant_id", ids)

    def score(
        self,
        merchant_ids: Sequence[str],
        k: int = 50,
        *,
        objective: str | None = None,
        variety: float = 0.0,
    ) -> pa.RecordBatch:
        """Rank creators for a block of merchants, as Arrow: what batch jobs run.

        Parameters
        ----------
        merchant_ids : list of str
        k, objective, variety
            As in :meth:`creators_for`.

        Returns
        -------
        RecordBatch of :data:`~matching.batches.SCHEMA`
            The rows that :meth:`creators_for` gives for the same merchants, in the same order;
            null where a number is not known.

        Raises
        ------
        UnknownId
            When no table holds a merchant.
        BadInput
            When an argument cannot be used.
        """
        asked = self._request(k, objective, None, False, variety)
        ids = several_texts(merchant_ids, "merchant_ids")
        listings = self._lists.of_creators(self._desk.those(ids), asked)
        return batch_of(listings, self._arrow_ids, pa.array(ids, pa.string()))

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
        listings = self._lists.of_creators(self._strangers.wanting(audience), asked)
        return frame_of("creator_id", self.creator_ids, listings)

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
        listings = self._lists.of_creators(self._strangers.merchant(ids, audience), asked)
        return frame_of("creator_id", self.creator_ids, listings)

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
        alone = isinstance(creator_id, str)
        ids = [str(creator_id)] if alone else texts(creator_id, "creator_id")
        listings = self._lists.of_merchants(self._desk.promoters(ids), asked, among)
        if alone:
            return frame_of("merchant_id", self.merchant_ids, listings)
        return frame_of_many("merchant_id", self.merchant_ids, listings, "creator_id", ids)

    def merchants_for_partners(
        self, partners: Sequence[str], k: int = 20, *, objective: str = "match"
    ) -> pd.DataFrame:
        """Rank merchants for a creator nobody knows yet, by merchants it works for already.

        As :meth:`creators_for_partners`, mirrored.
        """
        asked = Request(k, objective, only_new=True)
        asker = self._strangers.creator(partner_texts(partners, "merchant"))
        return frame_of("merchant_id", self.merchant_ids, self._lists.of_merchants(asker, asked))

    def similar_creators(
        self, creator_id: str, k: int = 20, *, where: Where | None = None
    ) -> pd.DataFrame:
        """Creators most like one, by the cosine of all evidence but popularity.

        Predictions are for a merchant that nobody knows yet.
        """
        asked = Request(k, "match", where)
        row = self._desk.creator(creator_id)
        listings = self._lists.of_alike(row, asked, self._strangers.nobody())
        return frame_of("creator_id", self.creator_ids, listings)

    def predict(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """Predict any pairs of merchant and creator.

        Parameters
        ----------
        pairs : DataFrame with merchant_id, creator_id and, if it matters, product_id
            A missing product means none in particular.

        Returns
        -------
        DataFrame with the index and ids of ``pairs``, ``match`` and the predictions
            ``match`` is the affinity of merchant and creator, whatever the product; lists for a
            product by ``match`` are by the affinity of that product. ``incremental_orders`` and
            ``incremental_gmv`` are the part of the expected that comes from viewers whom the
            merchant's own stream does not reach; ``reached_already`` is the share of the creator's
            viewers whom it does, with the ends of its 80 % interval. They are NaN where no single
            viewers of both are told of. A creator that bears the merchant's id is its own account
            and brings nobody new.

        Raises
        ------
        UnknownId
            When no table holds an id.
        BadInput
            When a column is missing, or a product is not the merchant's.
        """
        named = self._desk.named(pairs)
        predictions = self._learnt.outcomes.predict(named)
        frame = predicted_frame(pairs, self._desk.affinity(named), predictions)
        return with_incremental(frame, named, self._learnt.overlap())

    def explain(
        self,
        merchant_id: str,
        creator_id: str,
        product_id: str | None = None,
        objective: str | None = None,
        *,
        top: int = 10,
    ) -> Explanation:
        """Tell what a prediction is made of, and what would change where it stands.

        The parts are exact: the usual level of the market times one factor for the creator, the
        merchant, the product, how audiences and categories fit, the audience's taste, the two's
        own results and the terms is the prediction. Usual is the median of the market. Changes
        were put through the same formulas before they are told: the slot fee and the commission
        at which the creator enters the merchant's top, or until which it stays there; the slot
        fee at which promotions still pay; another product; and the terms at which the merchant
        enters the creator's top, by what a promotion brings it: commission on what is kept, and
        the slot fee.

        Parameters
        ----------
        merchant_id, creator_id : str
        product_id : str, optional
            One of the merchant's; what it usually promotes when not given.
        objective : str, optional
            One of conversion, exposure, orders, gmv, net.
        top : int
            Length of the list that changes are told for.

        Returns
        -------
        Explanation
            ``parts`` and ``changes`` are DataFrames, each row with its ``words``.

        Raises
        ------
        UnknownId
            When no table holds an id.
        BadInput
            When an argument cannot be used, or the market does not tell what is asked for.
        """
        by = self.default_objective if objective is None else objective
        return self._explainer.of(merchant_id, creator_id, product_id, by, top)

    def diagnose(self, merchant_id: str) -> pd.DataFrame:
        """Tell where a merchant's cooperations stand, and what to do about each.

        Conversion and exposures of a promoted product are compared with the average of merchants
        of the same industry and tier, the merchant itself left out; both are shrunk, so that few
        clicks are never sure. Ranges enter by what they leave possible, orders still on their way
        are no failures, and what a campaign added is taken out.

        Parameters
        ----------
        merchant_id : str

        Returns
        -------
        DataFrame, one row a creator worked with, those of most sessions first
            ``creator_id``, ``name``; ``quadrant`` (main contributor, rising star, poor fit, both
            low; unknown where conversion or exposure is) and ``sureness``, its probability;
            ``sessions``, ``promotions``, ``products``, ``trials`` (clicks, or what else
            conversion is counted on), ``orders``; ``conversion`` and ``exposures`` (of a promoted
            product in a session, today) with the ends of their 80 % intervals and ``…_usual``,
            the average of the peers; ``paid_share`` of the exposures, ``organic_exposures`` and
            ``organic_usual``, what is left of both without it; the probability of each quadrant,
            ``p_main_contributor`` and so on; ``action``; ``cause`` of a low conversion (product,
            script and offer, audience or not known) and ``cause_sureness``, how likely the most
            likely of them is; ``sessions_to_80`` and ``sessions_to_90``, after how many more the
            quadrant then named will be right with that chance, infinite where none would do;
            ``reasons``. Numbers that are unknown are NaN. ``frame.attrs["notes"]`` says who the
            peers are, or that there is nothing to tell.

        Raises
        ------
        UnknownId
            When no table holds the merchant.
        BadInput
            When it is no text.
        """
        row = int(self._desk.merchant(merchant_id).rows[0])
        names = self._learnt.creators["name"].to_numpy(object)
        return self._diagnosis.of(row, self.creator_ids, names, merchant_id)

    def outlook(self, creator_ids: Sequence[str] | None = None) -> pd.DataFrame:
        """Tell where creators' accounts are going, in the 30 days after the training.

        Each is shrunk towards what accounts like it do, so that one or two days seen are no
        growth; intervals are 80 %, and their width is learnt on the market's own later days.

        Parameters
        ----------
        creator_ids : list of str, optional
            These, in this order; everybody when not given.

        Returns
        -------
        DataFrame, one row a creator
            ``creator_id``; ``followers`` today, ``growth_30d`` of them as a fraction (0.05 is 5 %
            more), ``views_per_day`` in 30 days (the ends are for a single day) and
            ``sessions_per_week`` with products of this market, each with the ends of its interval
            (``…_low``, ``…_high``). NaN where the market tells nothing.

        Raises
        ------
        UnknownId
            When no table holds one of the creators.
        BadInput
            When ``creator_ids`` is no list of texts.
        """
        if creator_ids is None:
            rows = np.arange(len(self.creator_ids), dtype=np.int32)
        else:
            wanted = several_texts(creator_ids, "creator_ids")
            rows = all_known(self._desk.creators, "creator", wanted)
        return self._learnt.outlook().frame(self.creator_ids, rows)

    def ratings(
        self,
        merchant_id: str,
        creator_ids: Sequence[str] | None = None,
        *,
        as_of: str | date | pd.Timestamp | None = None,
        grades: Grades | None = None,
    ) -> pd.DataFrame:
        """Read a merchant's own ratings of the creators it has worked with.

        A rating is what came over what was expected, by all that everybody's promotions tell of
        creator, merchant, product and fit without this pair's own: 1.4 is 1.4 times that. Few
        promotions are never sure, and old ones fade. It is what lists rank by: predictions for
        the pair are those for a pair that never met, times its rating. No other merchant's
        ratings are read.

        Parameters
        ----------
        merchant_id : str
        creator_ids : list of str, optional
            These alone; who has not worked with the merchant has no row.
        as_of : str, date or Timestamp, optional
            What was known then; without it, now: up to the training, or what was recorded since.
            What was expected is always what the bundle expects.
        grades : Grades, optional
            From which rating on a creator is an A, B or C; the rule is ours.

        Returns
        -------
        DataFrame, one row a creator, the best first
            ``creator_id``, ``name``; ``grade``; ``sales_rating``, the product of
            ``conversion_rating``, ``click_rating`` and ``exposure_rating``, each with the ends of
            its 80 % interval (``…_low``, ``…_high``) and NaN where nothing came that is known;
            ``audience_fit``, as the market tells it; ``sessions``, ``promotions``, ``last_day``;
            ``exposures``, ``clicks``, ``orders`` (with ``orders_low`` and ``orders_high``, their
            ends where they are ranges) and ``orders_expected`` of those clicks, all summed over
            what is known; ``reason``. ``frame.attrs`` tells ``as_of`` and ``half_life_days``, the
            age at which a promotion counts half.

        Raises
        ------
        UnknownId
            When no table holds the merchant, or one of the creators.
        BadInput
            When an argument cannot be used.
        """
        merchant = int(self._desk.merchant(merchant_id).rows[0])
        wanted = None if creator_ids is None else self._desk.these_creators(creator_ids)
        chain = self._trained.outcomes.chain_
        when = self._ledger.read_at if as_of is None else day_of(as_of)
        reading = self._ledger.read(chain, when, merchant)
        if wanted is not None:
            reading = reading.among(wanted)
        fits = self._desk.audience_fit(merchant, reading.creator)
        names = self._learnt.creators["name"].to_numpy(object)
        frame = ratings_frame(reading, self.creator_ids, names, fits, grades)
        half_lives = {name: one.half_life_days for name, one in scales(chain).items()}
        frame.attrs = {"as_of": moment(when), "half_life_days": half_lives}
        return frame

    def record(
        self, promotions: pd.DataFrame, *, as_of: str | date | pd.Timestamp | None = None
    ) -> Plaza:
        """Tell of promotions that came after the training, without training again.

        Lists, predictions and ratings of the pairs then read their own new results first, and who
        worked with whom is known; what is learnt of creators, merchants and products, affinities
        and the diagnosis stay until the next training. Recording twice what was told once counts
        it twice.

        Parameters
        ----------
        promotions : DataFrame
            As in a market: ``occurred_at``, ``merchant_id`` and ``creator_id``, and as far as they
            are known ``product_id``, ``session_id``, ``views``, ``exposures``, ``clicks``,
            ``orders`` and ``gmv``, each as a number or as a range (``…_low``, ``…_high``).
        as_of : str, date or Timestamp, optional
            When the figures were read: orders of young promotions are still coming in. Without
            it, the latest moment told of.

        Returns
        -------
        Plaza
            That knows of them; this one stays as it is.

        Raises
        ------
        UnknownId
            When no table holds a merchant or a creator.
        BadInput
            When the promotions cannot be used, or the bundle knows them already.
        """
        told = copy(self)
        learnt, told._recorded = recorded(
            self._trained, self._desk, self._ledger, promotions, as_of
        )
        told._answer_from(learnt)
        return told

    @property
    def _ledger(self) -> RatingLedger:
        return self._trained.ledger() if self._recorded is None else self._recorded

    @cached_property
    def _arrow_ids(self) -> pa.Array:
        return pa.array(self.creator_ids, pa.string())

    @cached_property
    def _diagnosis(self) -> Diagnosis:
        # The same bits whatever the thread count, and whoever else sets it meanwhile.
        with threadpool_limits(1, user_api="blas"):
            return Diagnosis(self._learnt.cooperations())

    def _request(
        self, k: int, objective: str | None, where: Where | None, only_new: bool, variety: float
    ) -> Request:
        by = self.default_objective if objective is None else objective
        return Request(k, by, where, only_new, variety)
