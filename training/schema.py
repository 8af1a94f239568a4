"""The contract as data: every table of a market, its key, its columns, its rules.

Readers, checks and simulators all read this one description. Rates are fractions in [0, 1];
any numeric column ``x`` may instead come as a range, ``x_low`` and ``x_high``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from training.schema_types import Column, Kind, Rule, Table

#: A file of this name in a market's folder says that nothing in the market is real.
SYNTHETIC_MARK = "SYNTHETIC.md"


def _word(name: str, *, required: bool = False, choices: tuple[str, ...] = ()) -> Column:
    return Column(name, Kind.WORD, required, choices=choices)


def _amount(name: str, *, required: bool = False) -> Column:
    """Money, minutes, a weight: never negative."""
    return Column(name, Kind.NUMBER, required, least=0)


def _count(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.NUMBER, required, least=0, whole=True)


def _rate(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.NUMBER, required, least=0, most=1)


def _number(name: str, *, least: float = float("-inf"), most: float = float("inf")) -> Column:
    return Column(name, Kind.NUMBER, least=least, most=most)


def _time(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.TIME, required)


_ENTITY = _word("entity", required=True, choices=("creator", "merchant", "product"))
_ENTITY_ID = _word("entity_id", required=True)
_MERCHANT = _word("merchant_id", required=True)
_CREATOR = _word("creator_id", required=True)

_TABLES = (
    Table(
        "promotions",
        (
            _time("occurred_at", required=True),
            _MERCHANT,
            _CREATOR,
            _word("promotion_id"),
            _word("product_id"),
            _word("session_id"),
            _word("format", choices=("live", "video", "showcase")),
            _word("slot", choices=("mixed", "dedicated")),
            _word("campaign_id"),
            _count("views"),
            _count("exposures"),
            _count("paid_exposures"),
            _count("clicks"),
            _count("orders"),
            _amount("gmv"),
            _amount("refunded_gmv"),
            _amount("commission"),
            _amount("slot_fee"),
            _amount("weight"),
        ),
        time="occurred_at",
        event=True,
        rules=(
            Rule("paid_exposures", "above", "exposures"),
            Rule("clicks", "above", "exposures"),
            Rule("orders", "above", "clicks"),
            Rule("refunded_gmv", "above", "gmv"),
        ),
    ),
    Table(
        "creators",
        (
            _CREATOR,
            _word("name"),
            _word("categories"),
            _word("agency_id"),
            _word("region"),
            _count("followers"),
            _amount("slot_fee"),
            _rate("commission_rate"),
            _number("reputation"),
            _time("joined_at"),
            _amount("live_minutes_30d"),
            _count("videos_30d"),
            _amount("gmv_30d"),
            _amount("sessions_per_week"),
        ),
        key=("creator_id",),
        time="joined_at",
    ),
    Table(
        "merchants",
        (
            _MERCHANT,
            _word("name"),
            _word("industry"),
            _word("tier"),
            _word("stage", choices=("start", "growth", "mature")),
            _word("region"),
            _number("experience_score", least=0, most=10),
        ),
        key=("merchant_id",),
    ),
    Table(
        "products",
        (
            _word("product_id", required=True),
            _MERCHANT,
            _word("title"),
            _word("category"),
            _amount("price"),
            _rate("commission_rate"),
            _rate("margin_rate"),
            _count("stock"),
            _time("launched_at"),
            _number("rating"),
        ),
        key=("product_id",),
        time="launched_at",
    ),
    Table(
        "audiences",
        (
            _ENTITY,
            _ENTITY_ID,
            _word("dimension", required=True),
            _word("segment", required=True),
            _rate("share", required=True),
            _word("audience", choices=("viewer", "fan", "buyer", "target")),
        ),
        key=("entity", "entity_id", "audience", "dimension", "segment"),
    ),
    Table(
        "embeddings",
        (
            _ENTITY,
            _ENTITY_ID,
            _word("space", required=True),
            Column("vector", Kind.VECTOR, required=True),
        ),
        key=("entity", "entity_id", "space"),
    ),
    Table(
        "engagements",
        (
            _word("viewer_id", required=True),
            _word("entity", required=True, choices=("creator", "merchant")),
            _ENTITY_ID,
            _amount("weight"),
            _time("occurred_at"),
        ),
        time="occurred_at",
        event=True,
    ),
    Table(
        "creator_daily",
        (
            _CREATOR,
            Column("date", Kind.DAY, required=True),
            _count("followers"),
            _count("views"),
            _amount("live_minutes"),
            _count("videos"),
            _amount("gmv"),
        ),
        key=("creator_id", "date"),
        time="date",
        event=True,
    ),
    Table(
        "campaigns",
        (_word("campaign_id", required=True), _word("kind"), _time("starts_at"), _time("ends_at")),
        key=("campaign_id",),
        time="starts_at",
        rules=(Rule("ends_at", "below", "starts_at"),),
    ),
    Table(
        "outreach",
        (
            _MERCHANT,
            _CREATOR,
            _time("sent_at", required=True),
            _word(
                "status",
                choices=("pending", "accepted", "posted", "rejected", "overdue", "withdrawn"),
            ),
            _word("reason"),
        ),
        time="sent_at",
        event=True,
    ),
    Table(
        "impressions",
        (
            _word("request_id", required=True),
            _time("shown_at", required=True),
            _MERCHANT,
            _CREATOR,
            _count("position", required=True),
            _rate("propensity"),
            _word("policy"),
        ),
        time="shown_at",
        event=True,
    ),
)

#: Every table of the contract by name, in the contract's order.
TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
