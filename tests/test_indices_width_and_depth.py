"""Content width and conversion depth: what promotions tell, what they cannot, 50 points each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from matching import BadInput
from matching.indices import (
    content_width_index,
    content_width_parts,
    conversion_depth_index,
    conversion_depth_parts,
)
from matching.indices.width_and_depth import CONTENT_WIDTH, CONVERSION_DEPTH

PROMOTIONS = pd.DataFrame(
    {
        "merchant_id": ["m1", "m1", "m1", "m2", "m2", "m3"],
        "creator_id": ["c1", "c1", "c2", "c1", "c2", None],
        "session_id": ["s1", "s1", "s1", "s2", None, "s3"],
        "exposures": [100, 50, 200, 80, 10, np.nan],
        "clicks": [10, 0, 20, 8, 1, 4],
        "orders": [1, 0, 2, 4, 0, 1],
        "gmv": [30.0, 0.0, 90.0, 80.0, 0.0, 25.0],
    }
)


def test_the_weights_are_those_of_the_paper() -> None:
    assert list(CONTENT_WIDTH.values()) == [14, 10, 12, 14]
    assert list(CONVERSION_DEPTH.values()) == [14, 14, 10, 12]
    assert sum(CONTENT_WIDTH.values()) == sum(CONVERSION_DEPTH.values()) == 50


def test_parts_of_width_by_hand() -> None:
    parts = content_width_parts(PROMOTIONS, "merchant_id")
    np.testing.assert_array_equal(parts["exposures"], [350, 90, np.nan])
    # m1: s1 of c1 and s1 of c2. m2 has a row of no session, m3 one of no creator: who can count?
    np.testing.assert_array_equal(parts["contents"], [2, np.nan, np.nan])
    assert parts[["live_dwell", "live_interaction_rate"]].isna().all(axis=None)


def test_parts_of_depth_are_ratios_of_sums() -> None:
    parts = conversion_depth_parts(PROMOTIONS, "merchant_id")
    np.testing.assert_allclose(parts["click_through"], [30 / 350, 9 / 90, np.nan])
    np.testing.assert_allclose(parts["click_conversion"], [3 / 30, 4 / 9, 1 / 4])
    np.testing.assert_allclose(parts["item_price"], [120 / 3, 80 / 4, 25.0])
    assert parts["repurchase_rate"].isna().all()


def test_an_index_with_every_part_known_adds_them_up() -> None:
    parts = pd.DataFrame(
        {
            "exposures": [900, 400, 100],
            "contents": [9, 4, 9],
            "live_dwell": [30.0, 60.0, 45.0],
            "live_interaction_rate": [0.2, 0.1, 0.3],
        },
        index=["m1", "m2", "m3"],
    )
    told = content_width_index(parts)
    by_hand = {
        "m1": 14 * 2.5 / 3 + 10 * 2 / 3 + 12 * 0.5 / 3 + 14 * 1.5 / 3,
        "m2": 14 * 1.5 / 3 + 10 * 0.5 / 3 + 12 * 2.5 / 3 + 14 * 0.5 / 3,
        "m3": 14 * 0.5 / 3 + 10 * 2 / 3 + 12 * 1.5 / 3 + 14 * 2.5 / 3,
    }
    assert told["index"].to_dict() == pytest.approx(by_hand)
    assert told["points"].equals(told["index"])
    assert (told["out_of"] == 50).all()
    assert told["index"].mean() == pytest.approx(25)


def test_an_unknown_part_makes_the_index_unknown_and_the_points_fewer() -> None:
    parts = conversion_depth_parts(PROMOTIONS, "merchant_id")
    told = conversion_depth_index(parts)
    assert told["index"].isna().all()
    assert told["out_of"].tolist() == [14 + 14 + 10, 14 + 14 + 10, 14 + 10]
    joined = conversion_depth_index(parts.assign(repurchase_rate=[0.1, 0.3, 0.2]))
    assert joined["index"].notna().tolist() == [True, True, False]


def test_peers_are_of_one_industry_and_tier() -> None:
    parts = pd.DataFrame(
        {part: [0.9, 0.1, 0.8, 0.2] for part in CONVERSION_DEPTH}, index=["m1", "m2", "m3", "m4"]
    )
    industry = pd.Series({"m4": "toys", "m3": "toys", "m2": "food", "m1": "food"})
    told = conversion_depth_index(parts, industry, ["head"] * 4)
    assert told["index"].tolist() == pytest.approx([37.5, 12.5, 37.5, 12.5])
    told = conversion_depth_index(parts, industry, ["head", "tail", "head", "head"])
    assert told["index"].isna().tolist() == [True, True, False, False]
    assert told["out_of"].tolist() == [0, 0, 50, 50]
    assert conversion_depth_index(parts, industry, least_peers=3)["points"].isna().all()


def test_other_weights_may_be_given() -> None:
    parts = pd.DataFrame({"item_price": [10.0, 20.0]})
    assert conversion_depth_index(parts, weights={"item_price": 4})["index"].tolist() == [1, 3]


def test_a_part_that_is_not_there_is_named() -> None:
    with pytest.raises(
        BadInput, match=r"^the table lacks contents, live_dwell; it has exposures, "
    ):
        content_width_index(pd.DataFrame({"exposures": [1], "live_interaction_rate": [0.1]}))
    with pytest.raises(BadInput, match=r"^the table lacks session_id; it has merchant_id, "):
        content_width_parts(PROMOTIONS.drop(columns="session_id"), "merchant_id")
