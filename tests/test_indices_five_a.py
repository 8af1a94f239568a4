"""The 5A ladder: structure of an audience, and flow between two points in time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import BadInput
from matching.indices import (
    five_a_flow,
    five_a_flow_rates,
    five_a_net_flow,
    five_a_shares,
    five_a_structure,
)
from matching.indices.five_a import GOALS, STAGES
from matching.indices.five_a_flow import OUTSIDE

SEEDS = st.integers(0, 2**32 - 1)


def _told(**changes: object) -> pd.DataFrame:
    """A table of audiences that tells of the ladder of one merchant, and of something else."""
    rows = {
        "entity": "merchant",
        "entity_id": "m1",
        "dimension": ["stage_5a"] * 5 + ["gender"],
        "segment": [*STAGES, "female"],
        "share": [0.5, 0.25, 0.125, 0.1, 0.025, 0.7],
        "audience": [None] * 6,
    }
    return pd.DataFrame(rows).assign(**changes)


def _stages(seed: int) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    words = np.array([*STAGES, None], dtype=object)
    both = []
    for _ in range(2):
        n = int(rng.integers(0, 30))
        viewers = [f"v{one}" for one in rng.choice(40, n, replace=False)]
        both.append(pd.Series(rng.choice(words, n), index=viewers, dtype=object))
    return both[0], both[1]


def test_shares_are_read_from_the_table_of_audiences() -> None:
    shares = five_a_shares(_told())
    assert list(shares.columns) == list(STAGES)
    assert shares.loc[("merchant", "m1", "")].tolist() == [0.5, 0.25, 0.125, 0.1, 0.025]
    named = five_a_shares(_told(audience=["buyer"] * 2 + ["fan"] * 4))
    np.testing.assert_array_equal(
        named.loc[("merchant", "m1", "buyer")], [0.5, 0.25] + [np.nan] * 3
    )
    assert five_a_shares(_told().drop(columns="audience")).shape == (1, 5)


def test_a_market_without_a_ladder_has_no_shares() -> None:
    none = five_a_shares(_told().iloc[5:])
    assert none.empty
    assert list(none.columns) == list(STAGES)
    assert five_a_structure(none).empty


def test_structure_by_hand() -> None:
    assert [stage for stages in GOALS.values() for stage in stages] == list(STAGES)
    sizes = pd.DataFrame(
        [[600, 200, 100, 80, 20], [600, 200, np.nan, 80, 20], [0, 0, 0, 0, 0]],
        index=["m1", "m2", "m3"],
        columns=STAGES,
    )
    told = five_a_structure(sizes)
    by_hand = [1000, 0.6, 0.2, 0.1, 0.08, 0.02, 0.8, 0.18, 0.02]
    assert told.loc["m1"].tolist() == pytest.approx(by_hand)
    # The whole of m2 is unknown, and so is every share of it; m3 has nobody to share.
    assert told.loc["m2"].isna().all()
    assert told.loc["m3", "total"] == 0
    assert told.loc["m3"].drop("total").isna().all()


def test_sizes_are_shares_times_people() -> None:
    shares = five_a_shares(_told())
    told = five_a_structure(shares.mul(2000))
    assert told["total"].tolist() == [2000]
    np.testing.assert_allclose(told[list(STAGES)], shares)


def test_flow_by_hand() -> None:
    before = pd.Series({"v1": "A1", "v2": "A1", "v3": "A4", "v4": None, "v6": None})
    after = pd.Series({"v1": "A2", "v3": "A4", "v4": "A5", "v5": "A1"})
    flow = five_a_flow(before, after)
    counts = {(i, j): int(n) for i, row in flow.iterrows() for j, n in row.items() if n}
    assert counts == {
        ("A1", "A2"): 1,
        ("A1", OUTSIDE): 1,
        ("A4", "A4"): 1,
        (OUTSIDE, "A1"): 1,
        (OUTSIDE, "A5"): 1,
    }
    rates = five_a_flow_rates(flow)
    assert rates.loc["A1", ["A2", OUTSIDE]].tolist() == [0.5, 0.5]
    assert rates.loc[["A2", "A3", "A5"]].isna().all(axis=None)


@settings(max_examples=40)
@given(SEEDS)
def test_flow_conserves_people_and_rates_add_up(seed: int) -> None:
    before, after = _stages(seed)
    flow = five_a_flow(before, after)
    assert list(flow.index) == list(flow.columns) == [OUTSIDE, *STAGES]
    stood = before.value_counts().reindex(STAGES, fill_value=0)
    stand = after.value_counts().reindex(STAGES, fill_value=0)
    assert flow.sum(axis=1)[list(STAGES)].tolist() == stood.tolist()
    assert flow.sum(axis=0)[list(STAGES)].tolist() == stand.tolist()
    sums = five_a_flow_rates(flow).sum(axis=1, min_count=1)
    assert sums.isna().equals(flow.sum(axis=1) == 0)
    assert np.allclose(sums.dropna(), 1)
    pd.testing.assert_frame_equal(five_a_flow(before[::-1], after), flow)
    # What the sizes alone tell is the net of what the viewers did.
    net = five_a_net_flow(stood.to_frame().T.set_axis([0]), stand.to_frame().T.set_axis([0]))
    for place, rung in enumerate(STAGES[:-1]):
        over = list(STAGES[place + 1 :])
        under = [one for one in flow.index if one not in over]
        climbed = flow.loc[under, over].to_numpy().sum() - flow.loc[over, under].to_numpy().sum()
        expected = climbed / stood[rung] if stood[rung] else np.nan
        assert net.loc[0, f"{rung}_up"] == pytest.approx(expected, nan_ok=True)


def test_flows_are_added_before_they_are_divided() -> None:
    one = five_a_flow(pd.Series({"v1": "A1"}), pd.Series({"v1": "A2"}))
    many = five_a_flow(pd.Series({f"v{i}": "A1" for i in range(9)}), pd.Series(dtype=object))
    assert five_a_flow_rates(one + many).loc["A1", "A2"] == 1 / 10
    mean = (five_a_flow_rates(one) + five_a_flow_rates(many)) / 2
    assert mean.loc["A1", "A2"] == 1 / 2


def test_net_flow_by_hand_and_where_unknown() -> None:
    before = pd.DataFrame([[1000, 200, 0, 40, 10], [10, 5, 4, 3, 2]], ["m1", "m2"], STAGES)
    after = pd.DataFrame([[900, 260, 100, 44, 12], [9, 9, np.nan, 3, 2]], ["m1", "m2"], STAGES)
    told = five_a_net_flow(before, after)
    assert list(told.columns) == ["A1_up", "A2_up", "A3_up", "A4_up"]
    by_hand = [166 / 1000, 106 / 200, np.nan, 2 / 40]
    np.testing.assert_allclose(told.loc["m1"], by_hand)
    np.testing.assert_array_equal(told.loc["m2"], [np.nan, np.nan, 0, 0])
    assert five_a_net_flow(before, after.loc[["m1"]]).loc["m2"].isna().all()


def test_what_is_no_ladder_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^stage 'A6' is no rung of the ladder, expected A1, A2, "):
        five_a_shares(_told(segment=["A6", *STAGES[1:], "female"]))
    with pytest.raises(BadInput, match=r"^A1 of m1 is told twice; keep one row$"):
        five_a_shares(_told(segment=["A1", "A1", *STAGES[2:], "female"]))
    words = r"^shares of \('merchant', 'm1', ''\) add up to 2\.5, expected 1 at most; give shares"
    with pytest.raises(BadInput, match=words):
        five_a_shares(_told(share=0.5))
    with pytest.raises(BadInput, match=r"^the table lacks dimension; it has entity, entity_id, "):
        five_a_shares(_told().drop(columns="dimension"))
    with pytest.raises(BadInput, match=r"^the table lacks A5; it has A1, A2, A3, A4\."):
        five_a_structure(pd.DataFrame([[1, 1, 1, 1]], columns=STAGES[:4]))


def test_what_is_no_flow_is_refused() -> None:
    fine = pd.Series({"v1": "A1"})
    with pytest.raises(BadInput, match=r"^stage 'lost' is no rung of the ladder, expected A1"):
        five_a_flow(fine, pd.Series({"v1": "lost"}))
    twice = pd.Series(["A1", "A2"], index=["v1", "v1"])
    with pytest.raises(BadInput, match=r"^after: viewer 'v1' is told twice; keep one rung each"):
        five_a_flow(fine, twice)
    with pytest.raises(BadInput, match=r"^the table lacks outside; it has A1"):
        five_a_flow_rates(five_a_flow(fine, fine).drop(columns=OUTSIDE))
    with pytest.raises(BadInput, match=r"^the table lacks A2; it has outside, A1"):
        five_a_flow_rates(five_a_flow(fine, fine).drop(index="A2"))
