"""Prices of places: dear where everybody's lists crowd, free where they do not."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import Plaza
from matching.ranking import OBJECTIVES
from training.crowding import learn_crowding, prices


def _market(seed: int, askers: int = 60, candidates: int = 90) -> list[tuple[np.ndarray, ...]]:
    """Pools of askers with tastes of their own, and an opinion they share."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=candidates)
    pools = []
    for _ in range(askers):
        worth = shared + rng.normal(size=candidates)
        best = np.argsort(-worth, kind="stable")[:40]
        pools.append((best, worth[best]))
    return pools


def _listed(pools: list[tuple[np.ndarray, ...]], toll: np.ndarray, places: int) -> np.ndarray:
    lists = [
        rows[np.argsort(-(worth - toll[rows]), kind="stable")[:places]] for rows, worth in pools
    ]
    return np.bincount(np.concatenate(lists), minlength=len(toll))


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_prices_spread_the_lists_out(seed: int) -> None:
    pools = _market(seed)
    toll = prices(pools, 90, places=5)
    before, after = (_listed(pools, one, 5) for one in (np.zeros(90), toll))
    assert (toll >= 0).all()
    assert after.max() < before.max() / 2
    assert (after > 0).sum() > (before > 0).sum()
    # Whoever is dear was in more lists than a fair share.
    assert before[np.argsort(-toll)[:9]].min() > 60 * 5 / 90


def test_prices_do_not_depend_on_the_unit() -> None:
    pools = _market(0)
    in_cents = [(rows, 1024 * worth) for rows, worth in pools]
    np.testing.assert_array_equal(prices(in_cents, 90), 1024 * prices(pools, 90))


def test_nothing_is_dear_where_there_is_no_crowd() -> None:
    alone = [(np.array([i]), np.array([1.0])) for i in range(9)]
    assert prices(alone, 9, places=1).tolist() == [0.0] * 9
    everyone = [(np.arange(4), np.arange(4.0))] * 9
    assert prices(everyone, 4, places=20).tolist() == [0.0] * 4  # all are in every list anyway
    assert prices([], 3).tolist() == [0.0] * 3
    assert prices([(np.empty(0, int), np.empty(0))], 2).tolist() == [0.0] * 2


def test_every_objective_has_prices_on_both_sides_and_the_same_twice(plaza: Plaza) -> None:
    learnt = plaza._learnt
    again = learn_crowding(learnt)
    for side, n in (("creators", 150), ("merchants", 24)):
        kept, made = getattr(learnt.crowding, side), getattr(again, side)
        assert set(kept) == set(OBJECTIVES)
        for name, toll in kept.items():
            assert toll.shape == (n,)
            np.testing.assert_array_equal(toll, made[name])
    assert learnt.crowding.creators["gmv"].max() > 0
