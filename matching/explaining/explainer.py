"""Takes predictions apart, and tells what would change where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from matching.errors import BadInput
from matching.explaining.case import Case
from matching.explaining.changes import changes_of
from matching.explaining.explanation import Explanation
from matching.explaining.parts import Part, Terms, parts_of
from matching.explaining.standing import Standing
from matching.explaining.usual import usual_of
from matching.explaining.words import Told, in_words, summary
from matching.learnt import Learnt
from matching.queries import Desk
from matching.ranking import COLUMN, OBJECTIVES, check_known, check_objective, objective_scores
from matching.shortlists import Shortlists
from models.pairs import Floats, Pairs
from models.vocabulary import Rows


class Explainer:
    """Explains any pair of a market.

    Parameters
    ----------
    learnt : Learnt
    desk : Desk
    """

    def __init__(self, learnt: Learnt, desk: Desk) -> None:
        self._learnt = learnt
        self._desk = desk
        self._chain = learnt.outcomes.chain_

    def _what_can_be(self) -> str:
        """What this market tells enough to explain."""
        nobody = len(self._desk.merchants)
        everyone = self._desk.fits
        rows = np.zeros(1, dtype=np.int32)
        merchant = np.full(1, nobody, dtype=np.int32)
        product = np.full(1, len(self._desk.products), dtype=np.int32)
        fits = (one(merchant, rows, product) for one in (everyone.audience, everyone.category))
        told = self._learnt.outcomes.predict(Pairs(merchant, rows, product, *fits))
        known = [
            one
            for one in OBJECTIVES
            if one != "match" and np.isfinite(objective_scores(one, told)).all()
        ]
        if not known:
            return "This market tells nothing that could be predicted"
        return f"Explain {' or '.join(known)}"

    def of(
        self, merchant_id: str, creator_id: str, product_id: str | None, objective: str, top: int
    ) -> Explanation:
        """Explain one pair; see `Plaza.explain`."""
        check_objective(objective)
        if objective == "match":
            raise BadInput(
                "objective 'match' is an affinity and no prediction; its parts are the sources of "
                f"each row of a list. {self._what_can_be()}"
            )
        if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
            raise BadInput(f"top: got {top!r}, expected a whole number of at least 1")
        asker = self._desk.merchant(merchant_id, product_id)
        creator = self._desk.creator(creator_id)
        merchant, product = int(asker.rows[0]), int(asker.products[0])
        everyone = np.arange(len(self._desk.creators), dtype=np.int32)
        pairs = self._desk.pairs(asker, Shortlists.unordered(everyone))
        predictions = self._learnt.outcomes.predict(pairs)
        listed = Standing(objective_scores(objective, predictions), creator)
        told = listed.scores[creator : creator + 1]
        check_known(objective, Shortlists.of([(everyone[creator : creator + 1], told)]))
        one = pairs.take(slice(creator, creator + 1))
        parts, terms = parts_of(self._chain, self._usual, one, objective)
        gmv = float(predictions.expected_gmv[creator])
        bears = predictions.break_even_fee_p50[creator], predictions.break_even_fee_p10[creator]
        case = Case(
            objective,
            top,
            listed,
            gmv,
            terms,
            (float(bears[0]), float(bears[1])),
            product_id,
            self._with_products(merchant_id, merchant, creator_id, product, objective),
            self._incomes(creator, merchant, gmv, terms, objective),
        )
        return Explanation(
            merchant_id,
            creator_id,
            product_id,
            objective,
            listed.score,
            listed.rank(),
            len(everyone),
            top,
            summary(parts, objective),
            self._frame(parts, Told(self._chain.basis, product_id, *self._met(one), terms)),
            pd.DataFrame(changes_of(case)),
        )

    @cached_property
    def _usual(self) -> dict[str, Mapping[str, float]]:
        return usual_of(self._learnt, self._desk)

    def _frame(self, parts: list[Part], told: Told) -> pd.DataFrame:
        so_far, rows = 1.0, []
        for one in parts:
            so_far = so_far * one.factor + one.adds
            rows.append((one.step, one.part, one.factor, one.adds, so_far, in_words(one, told)))
        return pd.DataFrame(rows, columns=["step", "part", "factor", "adds", "so_far", "words"])

    def _met(self, pair: Pairs) -> tuple[bool, bool]:
        """Whether the two have worked together, and the creator has promoted any of the goods."""
        meetings = self._chain.meetings
        own = meetings.deals.seconds_of(int(pair.creator[0]))
        nothing = len(self._desk.products)
        goods = pair.product
        if goods[0] == nothing:
            goods = self._products_of(int(pair.merchant[0]))
        together = int(meetings.pairs.find(pair.merchant, pair.creator)[0])
        return together < len(meetings.pairs.keys), bool(np.isin(goods, own).any())

    def _products_of(self, merchant: int) -> Rows:
        owner = self._learnt.products["merchant_row"].to_numpy(np.int32)
        return np.flatnonzero(owner == merchant).astype(np.int32)

    def _with_products(
        self, merchant_id: str, merchant: int, creator_id: str, product: int, objective: str
    ) -> dict[str, float]:
        """The objective with each product of the merchant but the one asked about."""
        rows = self._products_of(merchant)
        ids = self._desk.products.ids[rows[rows != product]]
        if not len(ids):
            return {}
        asked = pd.DataFrame({"product_id": ids})
        asked["merchant_id"], asked["creator_id"] = merchant_id, creator_id
        predictions = self._learnt.outcomes.predict(self._desk.named(asked))
        return dict(zip(ids, getattr(predictions, COLUMN[objective]).tolist(), strict=True))

    def _incomes(
        self, creator: int, merchant: int, gmv: float, terms: Terms, objective: str
    ) -> Standing | None:
        """What a promotion of each merchant's usual products brings the creator.

        Commission on what is kept, and the slot fee: what is kept, less what is left of it for the
        merchant.
        """
        if objective not in ("orders", "gmv", "net"):
            return None
        asking = self._desk.promoters([self._desk.creators.ids[creator]])
        everyone = np.arange(len(self._desk.merchants), dtype=np.int32)
        pairs = self._desk.mirrored(asking, Shortlists.unordered(everyone))
        predictions = self._learnt.outcomes.predict(pairs)
        kept = predictions.expected_gmv * (1.0 - self._chain.money.refund_rate[:-1])
        incomes: Floats = kept - predictions.expected_net
        # With the product asked about, if there is one.
        incomes[merchant] = gmv * (1.0 - terms.refunds) * terms.commission + terms.fee
        return Standing(incomes, merchant) if np.isfinite(incomes[merchant]) else None
