"""The hidden truth of a simulated market, kept beside it: what any pair would bring.

A policy is judged here and nowhere learnt from. The folder holds arrays, Parquet and JSON with a
README that states every formula, so that it can be read without this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matching.errors import BadInput, UnknownId
from models.vocabulary import Vocabulary
from training.simulation.columns import ids
from training.simulation.laws import Laws, acceptance
from training.simulation.means import promotion_means
from training.simulation.outcomes import Promotions, draw_outcomes
from training.simulation.population import Population
from training.simulation.segments import Floats, Ints
from training.simulation.truth_files import load_world

#: Pairs looked at together: enough for speed, few enough for memory.
_BLOCK = 1 << 17
_SUMS = ("exposures", "clicks", "orders", "refunded_orders", "gmv", "net")


@dataclass(frozen=True)
class Truth:
    """What is true of a simulated market on its last day.

    Attributes
    ----------
    world : Population
    laws : Laws
    creators, merchants, products : Vocabulary
        Ids; their rows are those of `world`.
    """

    world: Population
    laws: Laws
    creators: Vocabulary
    merchants: Vocabulary
    products: Vocabulary

    @classmethod
    def load(cls, folder: str | Path) -> Truth:
        """Read the `truth` folder of a simulated market.

        Raises
        ------
        BadInput
            When the folder holds no truth, or one of another format.
        """
        return cls.of(*load_world(Path(folder)))

    @classmethod
    def of(cls, world: Population, laws: Laws) -> Truth:
        """The truth of a world in memory, whose ids are its row numbers."""
        counts = (len(world.creators.skill), len(world.merchants.size), len(world.products.price))
        known = [
            Vocabulary.of(ids(prefix, n).to_pylist())
            for prefix, n in zip("cmp", counts, strict=True)
        ]
        return cls(world, laws, *known)

    def expected(
        self,
        merchant_ids: Iterable[str],
        creator_ids: Iterable[str],
        product_ids: Iterable[str] | None = None,
    ) -> pd.DataFrame:
        """Means of one promotion in ordinary conditions: no campaign, no crowded week.

        Parameters
        ----------
        merchant_ids, creator_ids : iterables of n ids
        product_ids : iterable of n ids, optional
            Without it, the merchant promotes what it usually does: a mean over its products.

        Returns
        -------
        DataFrame of n rows
            The ids; `exposures`; `click_rate` = clicks per exposure; `conversion` = orders per
            click; `refund_rate` = refunded orders per order; `acceptance`, the probability that
            the creator says yes; `orders`; `gmv`; `net`, after refunds, commission and slot fee.

        Raises
        ------
        UnknownId
            When the market has no such merchant, creator or product.
        BadInput
            When the lists differ in length, or a product is another merchant's.
        """
        merchant, creator, product = self._rows(merchant_ids, creator_ids, product_ids)
        parts = [
            self._block(
                merchant[start : start + _BLOCK],
                creator[start : start + _BLOCK],
                None if product is None else product[start : start + _BLOCK],
            )
            for start in range(0, max(len(merchant), 1), _BLOCK)
        ]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        frame = self._named(merchant, creator, product)
        return frame.assign(**columns)

    def sample(
        self,
        merchant_ids: Iterable[str],
        creator_ids: Iterable[str],
        product_ids: Iterable[str],
        rng: np.random.Generator,
    ) -> pd.DataFrame:
        """Draw one promotion's final outcome for each triple, each in a session of its own.

        Returns
        -------
        DataFrame of n rows
            The ids; `exposures`, `paid_exposures`, `clicks`, `orders`, `gmv`, `refunded_gmv`,
            `commission`, `slot_fee`, `net`.

        Raises
        ------
        UnknownId, BadInput
            As for `expected`.
        """
        merchant, creator, product = self._rows(merchant_ids, creator_ids, product_ids)
        assert product is not None
        c = self.world.creators
        n = len(merchant)
        lines = c.formats[creator].cumsum(axis=1)
        format_ = (rng.random(n)[:, None] > lines[:, :2]).sum(axis=1)
        todo = Promotions(
            merchant=merchant,
            creator=creator,
            product=product,
            format=format_,
            dedicated=(format_ == 0) & (rng.random(n) < c.dedicated[creator]),
            session=np.arange(n),
            lift=np.zeros(n),
            eager=np.zeros(n),
            age=np.full(n, np.inf),
        )
        outcomes = draw_outcomes(self.world, self.laws, todo, rng)
        columns = {f.name: getattr(outcomes, f.name) for f in fields(outcomes)}
        return self._named(merchant, creator, product).assign(**columns, net=outcomes.net)

    def _block(self, merchant: Ints, creator: Ints, product: Ints | None) -> dict[str, Floats]:
        sums = {name: np.zeros(len(merchant)) for name in _SUMS}
        if product is not None:
            for name, value in promotion_means(
                self.world, self.laws, merchant, creator, product
            ).items():
                sums[name] = value
        else:
            owner = self.world.products.merchant
            first = np.searchsorted(owner, merchant, side="left")
            count = np.searchsorted(owner, merchant, side="right") - first
            for place in range(int(count.max(initial=0))):
                has = np.flatnonzero(place < count)
                one = first[has] + place
                pick = self.world.products.pick[one]
                for name, value in promotion_means(
                    self.world, self.laws, merchant[has], creator[has], one
                ).items():
                    sums[name][has] += pick * value
        return {
            "exposures": sums["exposures"],
            "click_rate": sums["clicks"] / sums["exposures"],
            "conversion": sums["orders"] / sums["clicks"],
            "refund_rate": sums["refunded_orders"] / sums["orders"],
            "acceptance": acceptance(self.world, self.laws, merchant, creator),
            "orders": sums["orders"],
            "gmv": sums["gmv"],
            "net": sums["net"],
        }

    def _rows(
        self, merchant_ids: Iterable[str], creator_ids: Iterable[str], product_ids: Any
    ) -> tuple[Ints, Ints, Ints | None]:
        merchant = _find(self.merchants, merchant_ids, "merchant")
        creator = _find(self.creators, creator_ids, "creator")
        product = None if product_ids is None else _find(self.products, product_ids, "product")
        lengths = [len(rows) for rows in (merchant, creator, product) if rows is not None]
        if len(set(lengths)) > 1:
            raise BadInput(
                f"lists of {', '.join(map(str, lengths))} ids; expected one merchant, creator "
                "(and product) per pair"
            )
        if product is not None:
            stray = np.flatnonzero(self.world.products.merchant[product] != merchant)
            if len(stray):
                one = stray[0]
                raise BadInput(
                    f"product {self.products.ids[product[one]]} is not of merchant "
                    f"{self.merchants.ids[merchant[one]]}; expected products of the merchant "
                    "beside them"
                )
        return merchant, creator, product

    def _named(self, merchant: Ints, creator: Ints, product: Ints | None) -> pd.DataFrame:
        frame = pd.DataFrame(
            {
                "merchant_id": self.merchants.ids[merchant],
                "creator_id": self.creators.ids[creator],
            }
        )
        return frame if product is None else frame.assign(product_id=self.products.ids[product])


def _find(known: Vocabulary, wanted: Iterable[str], what: str) -> Ints:
    asked = list(wanted)
    rows, found = known.find(asked)
    if not found.all():
        missing = asked[int(np.flatnonzero(~found)[0])]
        raise UnknownId(f"{what} {missing!r} is not in this simulated market of {len(known)}")
    return rows.astype(np.int64)
