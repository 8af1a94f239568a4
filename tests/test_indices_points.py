"""Points by percentile: among peers only, ties alike, never from nobody."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import BadInput
from matching.indices import add_points, percentile_points

SEEDS = st.integers(0, 2**32 - 1)


def _peers(seed: int) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Values with ties and unknowns, of some industries and tiers, some unknown."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 60))
    values = pd.Series(rng.integers(-4, 9, n) / 3.0).mask(rng.random(n) < 0.15)
    industry = pd.Series(rng.choice(["food", "toys", None], n), dtype=object)
    tier = pd.Series(rng.choice(["head", "tail", None], n, p=[0.4, 0.5, 0.1]), dtype=object)
    return values, industry, tier


@given(SEEDS, st.floats(0, 20))
def test_points_lie_within_the_weight_and_grow_with_the_value(seed: int, weight: float) -> None:
    values, industry, tier = _peers(seed)
    points = percentile_points(values, weight, industry, tier)
    assert points.dropna().between(0, weight).all()
    told = values.notna() & industry.notna() & tier.notna()
    assert points[~told].isna().all()
    for _, group in values[told].groupby([industry[told], tier[told]]):
        mine = points[group.index]
        assert mine.notna().all() if len(group) > 1 else mine.isna().all()
        if len(group) > 1:
            # Equal values have equal points, more has more, and all together have half.
            assert mine.groupby(group).nunique().le(1).all()
            assert (np.diff(mine.groupby(group).first()) >= 0).all()
            assert mine.mean() == pytest.approx(weight / 2)


@given(SEEDS)
def test_points_do_not_depend_on_the_order_nor_on_other_groups(seed: int) -> None:
    values, industry, tier = _peers(seed)
    points = percentile_points(values, 14, industry, tier)
    order = np.random.default_rng(seed).permutation(len(values))
    shuffled = percentile_points(values.iloc[order], 14, industry.iloc[order], tier.iloc[order])
    pd.testing.assert_series_equal(shuffled.sort_index(), points)
    food = industry == "food"
    alone = percentile_points(values[food], 14, industry[food], tier[food])
    pd.testing.assert_series_equal(alone, points[food])


@given(SEEDS)
def test_only_the_order_of_values_matters(seed: int) -> None:
    values, industry, tier = _peers(seed)
    points = percentile_points(values, 10, industry, tier)
    pd.testing.assert_series_equal(
        percentile_points(np.exp(values), 10, industry, tier), points, check_names=False
    )


def test_points_by_hand() -> None:
    values = [3.0, 1.0, 2.0, 2.0, np.nan]
    told = percentile_points(values, 8)
    assert told[:4].tolist() == [8 * 3.5 / 4, 8 * 0.5 / 4, 8 * 2 / 4, 8 * 2 / 4]
    assert np.isnan(told[4])


def test_who_is_alone_has_no_points_unless_told_so() -> None:
    assert percentile_points([7.0], 10).isna().all()
    assert percentile_points([7.0], 10, least_peers=1).tolist() == [5.0]
    few = percentile_points([1.0, 2.0, 3.0, np.nan], 10, least_peers=4)
    assert few.isna().all()
    assert percentile_points([], 10).empty


def test_unknown_peers_are_none_and_a_missing_column_tells_nobody_apart() -> None:
    values = [1.0, 2.0, 3.0]
    told = percentile_points(values, 10, ["food", "food", None], ["head", "head", "head"])
    assert told[:2].tolist() == [2.5, 7.5]
    assert np.isnan(told[2])
    assert percentile_points(values, 10, tier=["head"] * 3).notna().all()


def test_labels_follow_the_index() -> None:
    values = pd.Series([1.0, 2.0, 3.0, 4.0], index=["m1", "m2", "m3", "m4"], name="gmv")
    industry = pd.Series({"m4": "a", "m3": "a", "m2": "b", "m1": "b", "m9": "b"})
    told = percentile_points(values, 4, industry)
    assert told.to_dict() == {"m1": 1.0, "m2": 3.0, "m3": 1.0, "m4": 3.0}
    assert told.name == "gmv"
    # A row that the labels do not know is of unknown industry.
    assert np.isnan(percentile_points(values, 4, industry.drop("m4"))["m4"])


def test_adding_points_keeps_unknown_parts_apart() -> None:
    points = pd.DataFrame({"a": [1.0, np.nan, np.nan, 0.0], "b": [2.0, 2.0, np.nan, 0.0]})
    told = add_points(points, {"a": 3, "b": 5})
    np.testing.assert_array_equal(told["points"], [3, 2, np.nan, 0])
    assert told["out_of"].tolist() == [8, 5, 0, 8]
    np.testing.assert_array_equal(told["index"], [3, np.nan, np.nan, 0])


def test_what_makes_no_points_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^weight is -1, expected 0 points or more$"):
        percentile_points([1.0], -1)
    with pytest.raises(BadInput, match=r"^weight is nan, expected 0 points or more$"):
        percentile_points([1.0], np.nan)
    with pytest.raises(BadInput, match=r"^least_peers is 0, expected 1 or more$"):
        percentile_points([1.0], 1, least_peers=0)
    with pytest.raises(BadInput, match=r"^values hold infinity, expected finite numbers, NaN"):
        percentile_points([1.0, np.inf], 1)
    with pytest.raises(BadInput, match=r"^values hold object, expected numbers$"):
        percentile_points(pd.Series(["many"], dtype=object), 1)
    words = r"^tier has shape \(2,\), expected \(1,\): one for each value$"
    with pytest.raises(BadInput, match=words):
        percentile_points([1.0], 1, tier=["head", "tail"])
    with pytest.raises(BadInput, match=r"^the table lacks b; it has a\. Add what is lacking, NaN"):
        add_points(pd.DataFrame({"a": [1.0]}), {"a": 1, "b": 1})


def test_labels_that_cannot_be_matched_are_refused() -> None:
    values = pd.Series([1.0, 2.0], index=["m1", "m2"])
    # The table of merchants as it is read, its ids still a column.
    words = r"^tier knows none of the values: it is indexed by \[0\] .* they by \['m1'\]; give it"
    with pytest.raises(BadInput, match=words):
        percentile_points(values, 1, tier=pd.Series(["head", "head"]))
    twice = pd.Series(["head", "tail", "head"], index=["m1", "m1", "m2"])
    with pytest.raises(BadInput, match=r"^tier has two rows for 'm1'; keep one$"):
        percentile_points(values, 1, tier=twice)
    assert percentile_points(values.iloc[:0], 1, tier=pd.Series(["head"])).empty
    # Bare values have no labels to match.
    told = percentile_points(np.array([1.0, 2.0]), 1, tier=values.astype(str).str[:0])
    assert told.tolist() == [0.25, 0.75]
