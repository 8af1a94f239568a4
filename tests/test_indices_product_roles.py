"""Roles of products: four corners, a cut that can be set, nothing from nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import BadInput
from matching.indices import product_roles, role_shares
from matching.indices.product_roles import PAPER_SHARES, Cut

SOLD = pd.DataFrame(
    {
        "merchant_id": "m1",
        "product_id": ["p1", "p2", "p2", "p3", "p4"],
        "gmv": [100.0, 400.0, 200.0, 250.0, 50.0],
        "orders": [40, 20, 25, 10, 5],
    }
)


def test_four_corners_of_amount_and_quantity() -> None:
    told = product_roles(SOLD).loc["m1"]
    assert told["amount_share"].tolist() == [0.1, 0.6, 0.25, 0.05]
    assert told["quantity_share"].tolist() == [0.4, 0.45, 0.1, 0.05]
    assert told["role"].tolist() == ["traffic", "core", "profit", "potential"]


@pytest.mark.parametrize(
    ("cuts", "roles"),
    [
        ({"amount_cut": 0.3}, ["traffic", "core", "potential", "potential"]),
        ({"quantity_cut": 0.42}, ["potential", "core", "profit", "potential"]),
        (
            {"amount_cut": "median", "quantity_cut": "median"},
            ["traffic", "core", "profit", "potential"],
        ),
        ({"amount_cut": 0.05, "quantity_cut": 0.05}, ["core"] * 4),
        ({"amount_cut": 1, "quantity_cut": 1}, ["potential"] * 4),
    ],
)
def test_the_cut_can_be_set(cuts: dict[str, Cut], roles: list[str]) -> None:
    assert product_roles(SOLD, **cuts)["role"].tolist() == roles  # type: ignore[arg-type]


@given(st.integers(1, 12), st.floats(0.01, 1e6))
def test_equal_products_all_carry_the_sales(n: int, price: float) -> None:
    ids = [f"p{one:02d}" for one in range(n)]
    sold = pd.DataFrame({"merchant_id": "m1", "product_id": ids, "gmv": price, "orders": 3})
    for cut in ("even", "median"):
        assert set(product_roles(sold, amount_cut=cut, quantity_cut=cut)["role"]) == {"core"}  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1))
def test_shares_are_shares_and_order_and_neighbours_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 50))
    orders = rng.integers(0, 9, n).astype(float)
    sold = pd.DataFrame(
        {
            "merchant_id": rng.choice(["m1", "m2", "m3"], n),
            "product_id": rng.choice(["p1", "p2", "p3", None], n),
            "orders": orders,
            "gmv": orders * rng.integers(1, 9, n),
        }
    )
    sold = sold.mask(rng.random(sold.shape) < [0, 0, 0.2, 0.2])
    told = product_roles(sold)
    sums = told.groupby("merchant_id")[["amount_share", "quantity_share"]].sum(min_count=1)
    assert np.allclose(sums.to_numpy()[sums.notna().to_numpy()], 1)
    pd.testing.assert_frame_equal(product_roles(sold.sample(frac=1, random_state=seed)), told)
    alone = product_roles(sold[sold["merchant_id"] == "m2"])
    of_m2 = told[told.index.get_level_values(0) == "m2"]
    assert alone.index.tolist() == of_m2.index.tolist()
    np.testing.assert_array_equal(alone["amount_share"], of_m2["amount_share"])
    assert alone["role"].tolist() == of_m2["role"].tolist()


def test_unknown_sales_give_no_role_and_leave_the_others_alone() -> None:
    sold = pd.concat(
        [
            SOLD.assign(merchant_id="m1"),
            pd.DataFrame(
                {
                    "merchant_id": ["m1", "m1", "m2", "m2", "m3"],
                    "product_id": ["p5", "p1", "p6", "p7", None],
                    "gmv": [np.nan, 900.0, 0.0, 0.0, 9.0],
                    "orders": [70, np.nan, 0, 0, 1],
                }
            ),
        ]
    )
    told = product_roles(sold)
    assert told.loc["m1", "role"].tolist()[:4] == ["traffic", "core", "profit", "potential"]
    assert told.loc[("m1", "p5"), "role"] is None
    assert told.loc[("m1", "p5")].isna().all()
    # m2 sold nothing: shares of nothing are unknown. m3's row belongs to no product.
    assert told.loc["m2", "role"].tolist() == [None, None]
    assert told.loc["m2", "amount"].tolist() == [0, 0]
    assert "m3" not in told.index


def test_roles_within_a_creators_assortment() -> None:
    told = product_roles(
        SOLD.assign(creator_id=["c1", "c1", "c2", "c2", "c2"]), within="creator_id"
    )
    assert told.index.names == ["creator_id", "product_id"]
    assert told.loc[("c1", "p2"), "amount_share"] == 400 / 500
    assert told.loc[("c2", "p2"), "amount_share"] == 200 / 500


def test_shares_of_the_roles() -> None:
    told = role_shares(product_roles(SOLD))
    assert told.to_dict() == {"traffic": 0.1, "core": 0.6, "profit": 0.25, "potential": 0.05}
    assert list(told.index) == list(PAPER_SHARES)
    assert sum(PAPER_SHARES.values()) == pytest.approx(1)
    assert role_shares(product_roles(SOLD.assign(gmv=0.0))).isna().all()


@pytest.mark.parametrize("cut", [0, 1.2, -0.5, np.nan, "mean", None])
def test_a_cut_that_is_none_is_refused(cut: object) -> None:
    words = r"_cut: got .*, expected 'even', 'median' or a share above 0, 1 at most$"
    with pytest.raises(BadInput, match="^amount" + words):
        product_roles(SOLD, amount_cut=cut)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="^quantity" + words):
        product_roles(SOLD, quantity_cut=cut)  # type: ignore[arg-type]


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(
        BadInput, match=r"^the table lacks product_id, orders; it has merchant_id, gmv"
    ):
        product_roles(SOLD[["merchant_id", "gmv"]])
    with pytest.raises(BadInput, match=r"^the table lacks role; it has amount\."):
        role_shares(pd.DataFrame({"amount": [1.0]}))
