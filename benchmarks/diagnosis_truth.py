"""What is true of the cooperations of a synthetic market, to hold a diagnosis against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from matching import Plaza
from matching.diagnosis import Cooperations
from matching.diagnosis.quadrants import QUADRANTS
from models.pairs import Floats
from models.ranged import Ranged
from training.cooperations import (
    Features,
    Labels,
    cooperations_of,
    merchant_labels,
    past_promotions,
)
from training.entities import Entities, creator_features, merchant_features, product_features
from training.fit import promotion_pairs
from training.market import read_market
from training.promotion_sessions import PastPromotions, summed
from training.simulation.laws import cosine, pair_luck
from training.simulation.truth import Truth
from training.yardsticks import circles_of, yardsticks


@dataclass(frozen=True)
class Case:
    """A market, its past promotions and its truth.

    Attributes
    ----------
    past : PastPromotions
    features, labels
        What `cooperations_of` needs beside them.
    ids : Entities
    truth : Truth
    expected : DataFrame
        Means of each promotion in ordinary conditions, row by row of ``past``.
    """

    past: PastPromotions
    features: Features
    labels: Labels
    ids: Entities
    truth: Truth
    expected: pd.DataFrame

    @classmethod
    def read(cls, market_folder: Path, plaza: Plaza) -> Case:
        """Read a simulated market and the bundle trained on it."""
        market = read_market(market_folder)
        ids, learnt = Entities.of(market), plaza._learnt
        pairs = promotion_pairs(market.table("promotions"), ids, learnt.fits())
        past, _ = past_promotions(market, ids, learnt.outcomes, pairs)
        truth = Truth.load(market_folder / "truth")
        expected = truth.expected(
            ids.merchants.ids[past.merchant],
            ids.creators.ids[past.creator],
            ids.products.ids[past.product],
        )
        features = Features(
            creator_features(market, ids.creators),
            merchant_features(market, ids.merchants),
            product_features(market, ids.products),
        )
        return cls(past, features, merchant_labels(market, ids), ids, truth, expected)

    def learn(self, past: PastPromotions | None = None) -> Cooperations:
        """Diagnose the promotions, or others in their place."""
        rows = self.past if past is None else past
        return cooperations_of(rows, self.features, self.labels, "clicks", "exposures")

    def table(self) -> pd.DataFrame:
        """True conversion, exposures, yardsticks, quadrant and cause of every pair.

        A pair's truth is the mean over the products it promoted, each as often as it did, on the
        market's last day and in ordinary conditions; that of the peers likewise, by the same
        weights as the diagnosis has.
        """
        pair, merchant, creator = self.past.cells
        n, count = len(merchant), np.bincount(pair)
        shown = self.expected["exposures"].to_numpy(float)
        clicks = shown * self.expected["click_rate"].to_numpy(float)
        orders = clicks * self.expected["conversion"].to_numpy(float)
        exact = (Ranged(one, one) for one in (clicks, orders, shown))
        as_true = dict(zip(("trials", "orders", "shown"), exact, strict=True))
        past = replace(self.past, arrived=np.ones(len(pair)), **as_true)
        sums = past.sessions
        usual = yardsticks(
            past,
            self.labels.industry,
            self.labels.tier,
            *(one.low for one in (sums.trials, sums.orders, sums.shown)),
        )
        conversion = summed(pair, orders, n) / summed(pair, clicks, n)
        exposures = summed(pair, shown, n) / count
        lines = [one.usual[merchant] for one in usual[:2]]
        place = 2 * (conversion <= lines[0]).astype(int) + (exposures <= lines[1]).astype(int)
        return pd.DataFrame(
            {
                "merchant_id": self.ids.merchants.ids[merchant],
                "creator_id": self.ids.creators.ids[creator],
                "true_conversion": conversion,
                "true_exposures": exposures,
                "true_quadrant": np.array(QUADRANTS, dtype=object)[place],
                "true_low": conversion <= lines[0],
                "true_cause": self._causes(merchant),
                **self._raw(pair, n),
            }
        )

    def _causes(self, merchant: np.ndarray) -> np.ndarray:
        """Which part of the law of conversion lies lowest beside the circle's cooperations.

        Product: quality, price and the merchant's service. Script and offer: tone, skill and the
        pair's luck. Audience: buyers' and price bands' fit.
        """
        past, laws, world = self.past, self.truth.laws, self.truth.world
        find = (
            (self.truth.merchants, self.ids.merchants, past.merchant),
            (self.truth.creators, self.ids.creators, past.creator),
            (self.truth.products, self.ids.products, past.product),
        )
        m, c, p = (one.find(ids.ids[rows])[0].astype(np.int64) for one, ids, rows in find)
        creators, merchants, products = world.creators, world.merchants, world.products
        buyers = creators.buyer[c]
        bands = world.segments.shares["price_band"].T[products.band[p]]
        parts = (
            laws.conversion_quality * products.quality[p]
            + laws.conversion_price * np.log(products.price[p] / 100)
            + laws.conversion_experience * (merchants.experience[m] - 8),
            laws.conversion_tone * np.einsum("ij,ij->i", creators.tone[c], merchants.tone[m])
            + laws.conversion_skill * creators.skill[c]
            + laws.conversion_pair * pair_luck(laws.conversion_key, m, c),
            laws.conversion_buyer_fit * cosine(buyers, products.audience[p])
            + laws.conversion_price_fit * np.einsum("ij,ij->i", buyers, bands),
        )
        pair, n = past.cells[0], len(merchant)
        means = np.column_stack([summed(pair, one, n) for one in parts])
        means /= np.bincount(pair)[:, None]
        circle = circles_of(self.labels.industry, self.labels.tier)[0][merchant] + 1
        for at in range(3):
            usual = np.bincount(circle, means[:, at]) / np.maximum(np.bincount(circle), 1)
            means[:, at] -= usual[circle]
        return np.array(["product", "script and offer", "audience"], dtype=object)[
            means.argmin(axis=1)
        ]

    def _raw(self, pair: np.ndarray, n: int) -> dict[str, Floats]:
        """Plain averages of each pair, as planners show them."""
        past = self.past
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "raw_conversion": summed(pair, past.orders.low, n)
                / summed(pair, past.trials.low, n),
                "raw_exposures": summed(pair, past.shown.low, n) / np.bincount(pair),
            }
