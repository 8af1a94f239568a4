"""Promotions drawn from a law written here, small enough to know every answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.features import EntityFeatures, PromotionOutcomes, Terms
from models.pairs import Floats, Pairs

N_CREATORS, N_MERCHANTS, N_PRODUCTS = 500, 60, 180
#: Creators from this row on promote nothing in what a model is fitted to.
FIRST_NEWCOMER = 420


@dataclass(frozen=True)
class Drawn:
    """Promotions with their hidden rate of orders per click."""

    pairs: Pairs
    outcomes: PromotionOutcomes
    rate: Floats


class Law:
    """Log-linear in creator, merchant, product, pair and audience fit, with luck on top."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.followers = np.exp(rng.normal(9, 1.5, N_CREATORS))
        size = (np.log(self.followers) - 9) / 1.5
        self.skill = 0.3 * size + rng.normal(0, 0.3, N_CREATORS)
        self.reach = 1.0 * size + rng.normal(0, 0.5, N_CREATORS)
        self.merchant = rng.normal(0, 0.25, N_MERCHANTS)
        self.product = rng.normal(0, 0.2, N_PRODUCTS)
        self.price = np.exp(rng.normal(4, 0.5, N_PRODUCTS))
        self.pair = rng.normal(0, 0.2, (N_MERCHANTS, N_CREATORS))
        self.fit = rng.uniform(-1, 1, (N_MERCHANTS, N_CREATORS))
        drawn = np.random.default_rng((seed, 1))
        self.creator_portraits = drawn.normal(0, 0.6, (N_CREATORS, 3))
        self.product_portraits = drawn.normal(0, 0.6, (N_PRODUCTS, 3))

    def features(self) -> dict[str, EntityFeatures]:
        shops = self.product_portraits.reshape(N_MERCHANTS, 3, 3).mean(axis=1)
        creators = EntityFeatures.of(N_CREATORS, {"followers": self.followers})
        return {
            "creators": replace(creators, portraits=self.creator_portraits),
            "merchants": replace(EntityFeatures.of(N_MERCHANTS), portraits=shops),
            "products": replace(EntityFeatures.of(N_PRODUCTS), portraits=self.product_portraits),
        }

    def terms(self) -> Terms:
        sold_by = (np.arange(N_PRODUCTS) // 3).astype(np.int32)
        offered = np.full(N_PRODUCTS, 0.2)
        return Terms(
            self.price, sold_by, offered, np.full(N_CREATORS, np.nan), np.full(N_CREATORS, np.nan)
        )

    def draw(self, n: int, seed: int, *, newcomers: bool = False) -> Drawn:
        rng = np.random.default_rng(seed)
        creator = rng.integers(0, N_CREATORS if newcomers else FIRST_NEWCOMER, n)
        merchant = rng.integers(0, N_MERCHANTS, n)
        product = merchant * 3 + rng.integers(0, 3, n)
        fit = np.where(rng.random(n) < 0.1, np.nan, self.fit[merchant, creator])
        log_rate = (
            np.log(0.03)
            + self.skill[creator]
            + self.merchant[merchant]
            + self.product[product]
            + self.pair[merchant, creator]
            + 0.4 * self.fit[merchant, creator]
            + 0.3 * (self.creator_portraits[creator] * self.product_portraits[product]).sum(axis=1)
        )
        shown = np.rint(np.exp(6.5 + self.reach[creator] + rng.normal(0, 0.6, n)))
        clicks = rng.binomial(shown.astype(int), 0.15).astype(float)
        luck = rng.normal(0, 0.3, n) - 0.045
        orders = rng.poisson(clicks * np.exp(log_rate + luck)).astype(float)
        orders = np.minimum(orders, clicks)
        gmv = np.round(orders * self.price[product] * np.exp(rng.normal(0, 0.1, n)), 2)
        refunded = np.round(gmv * rng.uniform(0, 0.6, n), 2)
        age = rng.uniform(0, 180, n)
        # One merchant in five never pays, one in five does so in four of five promotions.
        pays = rng.random(n) < (merchant % 5) / 5
        outcomes = PromotionOutcomes.of(
            age,
            exposures=shown,
            paid_exposures=np.where(pays, np.rint(0.4 * shown), 0.0),
            clicks=clicks,
            orders=orders,
            gmv=gmv,
            refunded_gmv=refunded,
            commission=0.2 * (gmv - refunded),
            slot_fee=np.full(n, 50.0),
        )
        rows = (part.astype(np.int32) for part in (merchant, creator, product))
        return Drawn(Pairs(*rows, fit, np.full(n, np.nan)), outcomes, np.exp(log_rate))


def covered(low: Floats, high: Floats, actual: Floats) -> float:
    """Share of what came that lies within its interval."""
    return float(((low <= actual) & (actual <= high)).mean())
