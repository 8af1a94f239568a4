"""Late orders and refunds: how much has come at which age, held against the law drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrival import Arrival
from models.pairs import Floats
from training.simulation.outcomes import orders_arrived, refunds_arrived


def drawn(law: Floats, trials: Floats, noise: float, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    luck = rng.gamma(1 / noise, noise, len(trials))
    return rng.poisson(trials * 0.05 * luck * law).astype(float)


@pytest.mark.parametrize("seed", range(4))
def test_the_simulators_law_of_orders_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    age, trials = rng.uniform(0, 120, 12_000), rng.lognormal(5, 1, 12_000)
    learnt = Arrival.learn(age, trials, drawn(orders_arrived(age), trials, 0.3, seed), noise=0.3)
    off = learnt.share(age) - orders_arrived(age)
    assert np.abs(off[age < 3]).mean() < 0.09
    assert np.abs(off[age >= 3]).mean() < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_the_simulators_law_of_refunds_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    age, sold = rng.uniform(0, 120, 12_000), rng.lognormal(4, 1, 12_000)
    back = drawn(refunds_arrived(age), sold * 6, 0.1, seed)
    steps = Arrival.REFUND_STEPS
    learnt = Arrival.learn(age, sold, back, noise=0.1, worth=2.0, steps=steps)
    off = learnt.share(age) - refunds_arrived(age)
    assert np.abs(off).mean() < 0.02
    assert learnt.share(np.array([0.5]))[0] < 0.15


def test_shares_never_fall_and_neighbours_that_would_share_their_mean() -> None:
    age = np.repeat([0.5, 1.5, 2.5, 30.0], 500)
    got = np.repeat([6e5, 3e5, 8e5, 1e6], 500)
    learnt = Arrival.learn(age, np.full(2000, 1e6), got, worth=0.1)
    assert (np.diff(learnt.shares) >= 0).all()
    np.testing.assert_allclose(learnt.shares[:3], [0.45, 0.45, 0.8], atol=0.01)


def test_what_settled_lately_sets_the_level() -> None:
    # Buyers have doubled since: beside the old level nothing would seem to be on its way.
    age = np.repeat([0.5, 40.0, 200.0], 400)
    got = np.repeat([10.0, 20.0, 10.0], 400)
    ever, lately = (
        Arrival.learn(age, np.full(1200, 100.0), got, recent=recent).shares[0]
        for recent in (np.inf, 60.0)
    )
    assert lately == pytest.approx(0.55, abs=0.05)
    assert ever > 0.65


def test_without_settled_orders_all_is_taken_to_have_come() -> None:
    young = Arrival.learn(np.array([1.0, 2.0]), np.ones(2), np.ones(2))
    assert (young.shares == 1.0).all()
    # Nothing has settled lately: what settled before sets the level.
    old = Arrival.learn(np.array([0.5, 200.0]), np.full(2, 1e4), np.array([5e3, 1e4]), recent=60.0)
    assert old.shares[0] < 1.0
    assert Arrival.complete(Arrival.REFUND_STEPS).share(np.array([0.0, 50.0])).tolist() == [
        1.0,
        1.0,
    ]


def test_money_arrives_late_too() -> None:
    rng = np.random.default_rng(8)
    age = rng.uniform(0, 120, 20_000)
    logs = 5.0 + rng.normal(0, 1.5, len(age)) + np.log(np.where(age < 3, 0.4, 1.0))
    learnt = Arrival.learn_logs(age, logs)
    assert learnt.share(np.array([1.0]))[0] == pytest.approx(0.42, abs=0.12)
    assert learnt.share(np.array([10.0]))[0] > 0.93
    assert (Arrival.learn_logs(age[age < 9], logs[age < 9]).shares == 1.0).all()
