from __future__ import annotations

import pytest

from training.schema import TABLES
from training.schema_types import Kind, Table

REQUIRED = {
    "promotions": "occurred_at merchant_id creator_id",
    "creators": "creator_id",
    "merchants": "merchant_id",
    "products": "product_id merchant_id",
    "audiences": "entity entity_id dimension segment share",
    "embeddings": "entity entity_id space vector",
    "engagements": "viewer_id entity entity_id",
    "creator_daily": "creator_id date",
    "campaigns": "campaign_id",
    "outreach": "merchant_id creator_id sent_at",
    "impressions": "request_id shown_at merchant_id creator_id position",
}


def test_the_tables_and_their_required_columns() -> None:
    found = {
        name: " ".join(column.name for column in table.columns if column.required)
        for name, table in TABLES.items()
    }
    assert found == REQUIRED
    assert list(found) == list(REQUIRED)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_is_sound_in_itself(table: Table) -> None:
    names = [name for column in table.columns for name in column.names]
    assert len(set(names)) == len(names)
    for name in table.key:
        assert table.column(name).kind in (Kind.WORD, Kind.DAY)
    if table.time is not None:
        assert table.column(table.time).kind in (Kind.TIME, Kind.DAY)
    for rule in table.rules:
        assert table.column(rule.column).kind == table.column(rule.other).kind
    for column in table.columns:
        assert column.least < column.most
        assert not column.choices or column.kind is Kind.WORD


def test_rates_are_fractions_and_counts_are_whole() -> None:
    share = TABLES["audiences"].column("share")
    assert (share.least, share.most, share.whole) == (0, 1, False)
    clicks = TABLES["promotions"].column("clicks")
    assert (clicks.least, clicks.most, clicks.whole) == (0, float("inf"), True)


def test_only_numbers_come_as_ranges() -> None:
    promotions = TABLES["promotions"]
    assert promotions.column("gmv").names == ("gmv", "gmv_low", "gmv_high")
    assert promotions.column("product_id").names == ("product_id",)


def test_an_unknown_column() -> None:
    with pytest.raises(KeyError, match="promotions has no column 'likes'"):
        TABLES["promotions"].column("likes")
