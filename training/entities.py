"""Who and what a market tells of: vocabularies, and one row of facts per entity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from matching.catalog import RANGES, tier_of
from models.calibration import half_life_weights
from models.features import EntityFeatures, Terms
from models.pairs import Floats
from models.vocabulary import Rows, Vocabulary
from training.market import Market, bounds, point

#: Columns that name an entity, over all tables of the contract.
_ID_COLUMNS = {
    "merchant": (
        ("promotions", "merchant_id"),
        ("merchants", "merchant_id"),
        ("products", "merchant_id"),
        ("outreach", "merchant_id"),
        ("impressions", "merchant_id"),
    ),
    "creator": (
        ("promotions", "creator_id"),
        ("creators", "creator_id"),
        ("outreach", "creator_id"),
        ("impressions", "creator_id"),
        ("creator_daily", "creator_id"),
    ),
    "product": (("promotions", "product_id"), ("products", "product_id")),
}

#: Days after which a day's views count half in what is usual.
_VIEWS_HALF_LIFE = 120.0

#: Tables whose rows say of what kind the entity is that they are about.
_ANY_ENTITY = ("audiences", "embeddings", "engagements")


@dataclass(frozen=True)
class Entities:
    """All merchants, creators and products that any table names.

    Attributes
    ----------
    merchants, creators, products : Vocabulary
    product_merchant : int32 array of shape (number of products,)
        Row of the merchant that sells each product; -1 where no table tells.
    """

    merchants: Vocabulary
    creators: Vocabulary
    products: Vocabulary
    product_merchant: Rows

    @classmethod
    def of(cls, market: Market) -> Entities:
        """Collect the ids of every table."""
        merchants, creators, products = (
            Vocabulary.of(*_ids(market, kind)) for kind in ("merchant", "creator", "product")
        )
        owners = pd.concat(
            [
                market.table(name)[["product_id", "merchant_id"]].dropna()
                for name in ("products", "promotions")
            ]
        ).drop_duplicates("product_id")
        seller = np.full(len(products), -1, dtype=np.int32)
        rows, _ = products.find(owners["product_id"])
        seller[rows], _ = merchants.find(owners["merchant_id"])
        return cls(merchants, creators, products, seller)


def _ids(market: Market, kind: str) -> Iterator[pd.Series[str]]:
    for table, column in _ID_COLUMNS[kind]:
        yield market.table(table)[column]
    for table in _ANY_ENTITY:
        rows = market.table(table)
        yield rows.loc[rows["entity"] == kind, "entity_id"]


def by_row(table: pd.DataFrame, key: str, ids: Vocabulary) -> pd.DataFrame:
    """A table with one row for each id of a vocabulary; unknown where it has none."""
    return table.set_index(key).reindex(ids.ids)


def creator_table(market: Market, ids: Vocabulary) -> pd.DataFrame:
    """What filters and reasons read of creators: labels, and bounds of each numeric column."""
    rows = by_row(market.table("creators"), "creator_id", ids)
    columns = {
        name: rows[name].to_numpy(object) for name in ("name", "categories", "region", "agency_id")
    }
    for name in RANGES:
        low, high = bounds(rows, name)
        columns |= {f"{name}_low": low.to_numpy(float), f"{name}_high": high.to_numpy(float)}
    return pd.DataFrame({"id": ids.ids, **columns})


def merchant_table(market: Market, ids: Vocabulary) -> pd.DataFrame:
    """What reasons read of merchants; categories are the industry and those of its products."""
    rows = by_row(market.table("merchants"), "merchant_id", ids)
    sold = market.table("products")[["merchant_id", "category"]].dropna().drop_duplicates()
    industry = rows["industry"].rename_axis("merchant_id").rename("category").reset_index().dropna()
    words = pd.concat([industry, sold]).drop_duplicates()
    joined = words.groupby("merchant_id")["category"].agg("|".join).reindex(ids.ids)
    return pd.DataFrame(
        {
            "id": ids.ids,
            "name": rows["name"].to_numpy(object),
            "categories": joined.to_numpy(object),
        }
    )


def product_table(market: Market, entities: Entities) -> pd.DataFrame:
    """What is told of products."""
    rows = by_row(market.table("products"), "product_id", entities.products)
    return pd.DataFrame(
        {
            "id": entities.products.ids,
            "name": rows["title"].to_numpy(object),
            "merchant_row": entities.product_merchant,
            "category": rows["category"].to_numpy(object),
            "price": point(rows, "price").to_numpy(float),
        }
    )


def creator_features(market: Market, ids: Vocabulary) -> EntityFeatures:
    """Numbers and labels that a creator's outcomes may depend on, as known at ``as_of``."""
    rows = by_row(market.table("creators"), "creator_id", ids)
    names = (
        "followers",
        "gmv_30d",
        "live_minutes_30d",
        "videos_30d",
        "reputation",
        "sessions_per_week",
        "commission_rate",
    )
    numbers = {name: point(rows, name).to_numpy(float) for name in names}
    numbers["account_days"] = _days_since(rows["joined_at"], market.as_of)
    numbers |= _recent(market, ids)
    labels = {
        "category": rows["categories"].astype("string").str.split("|").str[0].to_numpy(object),
        "region": rows["region"].to_numpy(object),
        "tier": tier_of(numbers["followers"]),
    }
    return EntityFeatures.of(len(ids), numbers, labels)


def merchant_features(market: Market, ids: Vocabulary) -> EntityFeatures:
    """Numbers and labels that a merchant's outcomes may depend on."""
    rows = by_row(market.table("merchants"), "merchant_id", ids)
    numbers = {"experience_score": point(rows, "experience_score").to_numpy(float)}
    labels = {name: rows[name].to_numpy(object) for name in ("industry", "tier", "stage")}
    return EntityFeatures.of(len(ids), numbers, labels)


def product_features(market: Market, ids: Vocabulary) -> EntityFeatures:
    """Numbers and labels that a product's outcomes may depend on."""
    rows = by_row(market.table("products"), "product_id", ids)
    numbers = {
        name: point(rows, name).to_numpy(float) for name in ("price", "rating", "commission_rate")
    }
    numbers["product_days"] = _days_since(rows["launched_at"], market.as_of)
    return EntityFeatures.of(len(ids), numbers, {"category": rows["category"].to_numpy(object)})


def terms(market: Market, entities: Entities) -> Terms:
    """Prices, commissions and fees as they are offered."""
    creators = by_row(market.table("creators"), "creator_id", entities.creators)
    products = by_row(market.table("products"), "product_id", entities.products)
    return Terms(
        price=point(products, "price").to_numpy(float),
        product_merchant=entities.product_merchant,
        product_commission=point(products, "commission_rate").to_numpy(float),
        creator_commission=point(creators, "commission_rate").to_numpy(float),
        slot_fee=point(creators, "slot_fee").to_numpy(float),
    )


def _days_since(times: pd.Series[pd.Timestamp], as_of: pd.Timestamp) -> Floats:
    days = (as_of - pd.to_datetime(times, utc=True)) / pd.Timedelta(days=1)
    return np.asarray(days, dtype=np.float64)


def _recent(market: Market, ids: Vocabulary, days: int = 28) -> dict[str, Floats]:
    """Usual views a day, and how the followers grew over the last weeks (log ratio)."""
    if not market.has("creator_daily"):
        return {}
    rows = market.table("creator_daily").sort_values("date")
    rows = rows.assign(views=point(rows, "views"), followers=point(rows, "followers"))
    recent = rows[rows["date"] > market.as_of - pd.Timedelta(days=days)]
    known = recent[recent["followers"] > 0].groupby("creator_id")["followers"]
    growth = (known.last() / known.first()).reindex(ids.ids)
    return {
        "log_daily_views": _usual_views(rows, market.as_of, ids),
        "growth": np.log(growth.to_numpy(float)),
    }


def _usual_views(daily: pd.DataFrame, as_of: pd.Timestamp, ids: Vocabulary) -> Floats:
    """Mean log of each creator's views a day, as if none were live; NaN where nobody knows any."""
    daily = daily.dropna(subset=["views", "creator_id"])
    who, told = ids.find(daily["creator_id"])
    daily = daily[told]
    weight = half_life_weights(_days_since(daily["date"], as_of), _VIEWS_HALF_LIFE)
    log = np.log1p(daily["views"].to_numpy(float))
    live = np.asarray(daily["live_minutes"] > 0, dtype=np.float64)

    def mean(values: Floats) -> Floats:
        total = np.bincount(who, weight, len(ids))
        sums = np.bincount(who, weight * values, len(ids))
        return np.where(total > 0.0, sums / np.maximum(total, 1e-300), np.nan)

    # A day with a stream has more views: by how much, the days of one creator tell.
    usual, often = mean(log), mean(live)
    # Sums, not products of vectors: their last digits would depend on the threads.
    apart = live - often[who]
    spread = float((weight * apart**2).sum())
    more = float((weight * apart * (log - usual[who])).sum()) / spread if spread > 1e-9 else 0.0
    return usual - more * often
