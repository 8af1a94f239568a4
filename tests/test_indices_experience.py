"""The experience score and the three bad rates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from matching import BadInput
from matching.indices import (
    bad_review_rate,
    complaint_rate,
    experience_score,
    quality_return_rate,
)

BAD = [
    (quality_return_rate, "quality_returns", "orders"),
    (bad_review_rate, "bad_reviews", "reviews"),
    (complaint_rate, "complaints", "orders"),
]


def test_the_score_is_out_of_ten() -> None:
    parts = pd.DataFrame(
        {
            "goods": [1.0, 0.0, 0.5, 0.5, np.nan],
            "logistics": [1.0, 0.0, 1.0, np.nan, np.nan],
            "service": [1.0, 0.0, 0.25, 0.25, np.nan],
        }
    )
    told = experience_score(parts)
    np.testing.assert_array_equal(told["index"], [10, 0, 1.5 + 3 + 1, np.nan, np.nan])
    np.testing.assert_array_equal(told["points"], [10, 0, 5.5, 2.5, np.nan])
    assert told["out_of"].tolist() == [10, 10, 10, 7, 0]
    assert experience_score(parts, weights={"goods": 5})["index"].tolist()[:3] == [5, 0, 2.5]


@pytest.mark.parametrize(("value", "words"), [(4.5, "is 4.5 in row 1"), (-1, "is -1 in row 1")])
def test_a_part_is_told_in_shares_of_the_best(value: float, words: str) -> None:
    parts = pd.DataFrame({"goods": [0.5, value], "logistics": 1.0, "service": 1.0})
    with pytest.raises(BadInput, match=f"^goods {words}, expected "):
        experience_score(parts)


def test_a_part_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match=r"^the table lacks logistics; it has goods\."):
        experience_score(pd.DataFrame({"goods": [1.0]}))


@pytest.mark.parametrize(("rate", "above", "below"), BAD)
def test_bad_rates_are_ratios_of_sums(
    rate: Callable[..., pd.Series], above: str, below: str
) -> None:
    table = pd.DataFrame(
        {
            "merchant_id": ["m1", "m1", "m1", "m2", "m3"],
            above: [2, 0, np.nan, 0, 1],
            below: [4, 196, 50, 0, np.nan],
        }
    )
    told = rate(table, "merchant_id")
    np.testing.assert_array_equal(told, [2 / 200, np.nan, np.nan])
    assert told.name == rate.__name__
    assert rate(table).item() == 2 / 200


@pytest.mark.parametrize(("rate", "above", "below"), BAD)
def test_more_bad_ones_than_there_are_is_refused(
    rate: Callable[..., pd.Series], above: str, below: str
) -> None:
    table = pd.DataFrame({above: [5], below: [4]})
    words = f"^{rate.__name__}: all has 5 {above} of 4 {below}; count both over the same rows$"
    with pytest.raises(BadInput, match=words):
        rate(table)
