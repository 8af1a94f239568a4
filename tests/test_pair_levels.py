"""Levels of pairs are shrunk towards what others bring, the pair itself left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from models.pair_levels import Block, shrink_pairs, widening

GUESSES = (0.2, 0.1, 0.1)


def constant(n: int) -> Block:
    return Block(np.ones((n, 1)), np.array([100.0]), sparse.identity(n, format="csr"))


def drawn(seed: int, noise: float = 0.3) -> tuple[np.ndarray, ...]:
    """Levels of 120 creators × 6 merchants whose parts are known."""
    rng = np.random.default_rng(seed)
    creator, merchant = (one.astype(np.int32) for one in np.divmod(np.arange(720), 6))
    truth = 2.0 + rng.normal(0, 0.6, 120)[creator] + rng.normal(0, 0.3, 6)[merchant]
    truth += rng.normal(0, 0.25, 720)
    return truth, truth + rng.normal(0, np.sqrt(noise), 720), creator, merchant


def test_parts_are_found_and_intervals_hold() -> None:
    truth, seen, creator, merchant = drawn(1)
    found = shrink_pairs(seen, np.full(720, 0.3), creator, merchant, [constant(720)], GUESSES)
    # Six merchants say little of how much merchants differ.
    assert found.variances[0] == pytest.approx(0.36, rel=0.5)
    assert found.variances[2] == pytest.approx(0.0625, rel=0.5)
    raw, shrunk = ((one - truth) ** 2 for one in (seen, found.mean))
    assert shrunk.mean() < 0.4 * raw.mean()
    inside = np.abs(truth - found.mean) < 1.2816 * np.sqrt(found.variance)
    assert 0.75 < inside.mean() < 0.85
    before = np.abs(truth - found.prior) < 1.2816 * np.sqrt(found.doubt)
    assert 0.74 < before.mean() < 0.9


def test_a_prior_knows_nothing_of_its_own_pair() -> None:
    _, seen, creator, merchant = drawn(2)
    noise = np.full(720, 0.3)
    one = shrink_pairs(seen, noise, creator, merchant, [constant(720)], GUESSES)
    moved = seen.copy()
    moved[100] += 1.0
    other = shrink_pairs(moved, noise, creator, merchant, [constant(720)], GUESSES)
    assert other.prior[100] == pytest.approx(one.prior[100], abs=0.02)
    assert other.mean[100] > one.mean[100] + 0.1
    # The same creator's other pairs hear of it.
    assert other.prior[101] > one.prior[101] + 0.02


def test_what_was_not_seen_is_the_prior() -> None:
    _, seen, creator, merchant = drawn(3)
    noise = np.full(720, 0.3)
    noise[7], seen[7] = np.inf, np.nan
    found = shrink_pairs(seen, noise, creator, merchant, [constant(720)], GUESSES)
    assert (found.mean[7], found.variance[7]) == (found.prior[7], found.doubt[7])
    nothing = shrink_pairs(
        seen, np.full(720, np.inf), creator, merchant, [constant(720)], GUESSES, rounds=2
    )
    assert np.isfinite(nothing.mean).all()


def test_features_speak_for_creators_never_met() -> None:
    rng = np.random.default_rng(4)
    size = rng.normal(size=121)
    creator = np.repeat(np.arange(120, dtype=np.int32), 2)
    merchant = np.tile(np.arange(2, dtype=np.int32), 120)
    shares = sparse.csr_matrix((np.ones(240), (np.arange(240), creator)), shape=(240, 121))
    block = Block(size[:, None], np.ones(1), shares)
    empty = Block(np.empty((121, 0)), np.empty(0), shares)
    level = 1.0 + 0.8 * size[creator]
    noise = np.full(240, 0.1)
    noise[:2] = np.inf
    found = shrink_pairs(level, noise, creator, merchant, [constant(240), block, empty], GUESSES)
    assert found.prior[0] == pytest.approx(1.0 + 0.8 * size[0], abs=0.1)
    assert not found.parts[2].any()


def test_widening_by_hand() -> None:
    # Squares of 3 where a doubt of 1 and a noise of 1 were expected: a doubt of 2 explains them.
    missed = np.full(100_000, np.sqrt(3.0))
    assert widening(missed, np.ones(100_000), np.ones(100_000)) == pytest.approx(2.0, abs=1e-3)
    assert widening(np.zeros(9), np.ones(9), np.ones(9)) == 0.5
    assert widening(np.empty(0), np.empty(0), np.empty(0)) == 1.0
