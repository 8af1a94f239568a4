"""Fingerprints of merchants: what changes one, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.market_folders import small_market, write_market
from training.entities import Entities
from training.market import read_market
from training.merchant_fingerprints import merchant_fingerprints

Tables = dict[str, pd.DataFrame]
Changed = Callable[[Tables], None]


def tables() -> Tables:
    """A small market in which merchants and their products also have audiences and viewers."""
    made = small_market()
    audiences = made["audiences"].assign(share=0.5)
    of_merchants = audiences.head(8).assign(entity="merchant", entity_id=[*"0123" * 2])
    of_merchants["entity_id"] = "m" + of_merchants["entity_id"]
    of_merchants["segment"] = np.repeat(["female", "male"], 4)
    of_products = of_merchants.assign(entity="product", entity_id="p3")
    of_products["segment"] = [f"segment {n}" for n in range(8)]
    made["audiences"] = pd.concat([made["audiences"], of_merchants, of_products])
    seen = (
        made["engagements"]
        .head(8)
        .assign(entity="merchant", entity_id=[f"m{n % 4}" for n in range(8)])
    )
    made["engagements"] = pd.concat([made["engagements"], seen])
    return {name: frame.reset_index(drop=True) for name, frame in made.items()}


def prints(folder: Path, made: Tables, suffix: str = ".parquet", **how: str) -> dict[str, int]:
    market = read_market(write_market(folder, suffix=suffix, **made), **how)
    entities = Entities.of(market)
    found = merchant_fingerprints(market, entities)
    assert found.dtype == np.uint64
    return dict(zip(entities.merchants.ids, found.tolist(), strict=True))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    return prints(tmp_path_factory.mktemp("usual"), tables())


def put(table: str, column: str, value: object, row: int = 0) -> Changed:
    def change(made: Tables) -> None:
        made[table].loc[row, column] = value

    return change


def swap_clicks(made: Tables) -> None:
    """Give two promotions of one merchant each other's clicks: no column's content changes."""
    promotions = made["promotions"]
    promotions[["exposures", "paid_exposures", "orders", "gmv"]] = 1000, 0, 0, 0.0
    promotions["refunded_gmv"] = 0.0
    one, other = promotions.index[promotions["merchant_id"] == "m1"][:2]
    promotions.loc[[one, other], "clicks"] = [30, 40]


def swapped_back(made: Tables) -> None:
    swap_clicks(made)
    promotions = made["promotions"]
    one, other = promotions.index[promotions["merchant_id"] == "m1"][:2]
    promotions.loc[[one, other], "clicks"] = [40, 30]


def twice(table: str, merchant: str) -> Changed:
    def change(made: Tables) -> None:
        rows = made[table]
        again = rows[rows["merchant_id"] == merchant].head(1)
        made[table] = pd.concat([rows, again, again], ignore_index=True)

    return change


def turned(made: Tables) -> None:
    """The numbers of one vector in another order."""
    vectors = made["embeddings"]["vector"].to_list()
    vectors[5] = vectors[5][::-1]
    made["embeddings"]["vector"] = vectors


def row_of(table: str, merchant: str, column: str = "merchant_id") -> int:
    rows = tables()[table]
    return int(rows.index[rows[column] == merchant][0])


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        pytest.param(put("merchants", "tier", "head", 2), "m2", id="its own row"),
        pytest.param(
            put("promotions", "slot_fee", 5.0, row_of("promotions", "m1")),
            "m1",
            id="a blank filled",
        ),
        pytest.param(
            put("promotions", "exposures", 10_000, row_of("promotions", "m3")), "m3", id="a number"
        ),
        pytest.param(
            put("promotions", "occurred_at", "2026-01-01T12:31:00Z", row_of("promotions", "m0")),
            "m0",
            id="a time",
        ),
        pytest.param(twice("promotions", "m1"), "m1", id="a row twice more"),
        pytest.param(put("products", "stock", 3, 7), "m3", id="a product of it"),
        pytest.param(turned, "m2", id="a vector of its product"),
        pytest.param(
            put("audiences", "share", 0.4, row_of("audiences", "p3", "entity_id")),
            "m1",
            id="an audience of its product",
        ),
        pytest.param(
            put("audiences", "share", 0.4, row_of("audiences", "m2", "entity_id")),
            "m2",
            id="its audience",
        ),
        pytest.param(
            put("engagements", "weight", 2.0, row_of("engagements", "m3", "entity_id")),
            "m3",
            id="a viewer",
        ),
        pytest.param(
            put("outreach", "status", "rejected", row_of("outreach", "m0")), "m0", id="an answer"
        ),
    ],
)
def test_what_is_new_of_a_merchant_shows_in_its_print_alone(
    change: Changed, changed: str, usual: dict[str, int], tmp_path: Path
) -> None:
    made = tables()
    change(made)
    now = prints(tmp_path, made)
    assert [one for one in usual if now[one] != usual[one]] == [changed]


def test_numbers_belong_to_their_rows(tmp_path: Path) -> None:
    one, other = tables(), tables()
    swap_clicks(one)
    swapped_back(other)
    before, after = prints(tmp_path / "one", one), prints(tmp_path / "other", other)
    assert [name for name in before if before[name] != after[name]] == ["m1"]


def anew(made: Tables) -> None:
    """The rows in another order, a blank column, an unknown one, and news of others."""
    for name in ("promotions", "audiences", "outreach"):
        made[name] = made[name].sample(frac=1, random_state=1)
    made["promotions"]["views"] = None
    made["promotions"]["orders_low"] = np.nan
    made["merchants"]["colour"] = "red"
    made["creators"]["followers"] += 1
    made["impressions"] = made["impressions"].head(9)
    made["embeddings"].loc[len(made["embeddings"])] = ["creator", "c01", "look", [0.0, 1.0, 2.0]]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_what_says_nothing_new_does_not_show(
    suffix: str, usual: dict[str, int], tmp_path: Path
) -> None:
    made = tables()
    anew(made)
    assert prints(tmp_path, made, suffix, as_of="2027-01-01") == usual


def test_minus_zero_is_zero(tmp_path: Path) -> None:
    made = tables()
    made["promotions"]["slot_fee"] = 0.0
    before = prints(tmp_path / "one", made)
    made["promotions"]["slot_fee"] = -0.0
    assert prints(tmp_path / "other", made) == before


def test_a_merchant_of_whom_nothing_is_said_has_a_print_all_the_same(tmp_path: Path) -> None:
    made = tables()
    made["impressions"].loc[0, "merchant_id"] = "m9"
    found = prints(tmp_path, made)
    assert found["m9"] == 0
    assert all(found[one] for one in ("m0", "m1", "m2", "m3"))


def test_vectors_of_creators_are_no_merchants(usual: dict[str, int], tmp_path: Path) -> None:
    made = tables()
    made["embeddings"] = made["embeddings"].assign(entity="creator")
    made["embeddings"]["entity_id"] = [f"c0{n}" for n in range(8)]
    found = prints(tmp_path, made)
    assert all(found[one] != usual[one] for one in usual)


def test_prints_stay_what_they_are(tmp_path: Path) -> None:
    # Were the hash to change, a night's job would rank everyone: worth a line in the changelog.
    made = {
        "promotions": pd.DataFrame(
            [{"occurred_at": "2026-01-01", "merchant_id": "m0", "creator_id": "c0", "orders": 2}]
        ),
        "embeddings": pd.DataFrame(
            [{"entity": "merchant", "entity_id": "m0", "space": "look", "vector": [0.5, -1.0]}]
        ),
    }
    assert prints(tmp_path, made) == {"m0": 5426454985259038290}
