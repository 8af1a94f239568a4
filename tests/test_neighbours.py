"""What an entity's neighbours bring: their luck, never its own."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from models.neighbours import neighbours_effect


def circles(seed=0, people=3000, entities=60, groups=6):
    """People who each meet three entities of one group; groups differ in their rates."""
    draw = np.random.default_rng(seed)
    group = draw.integers(0, groups, people)
    each = entities // groups
    met = group[:, None] * each + draw.integers(0, each, (people, 3))
    cells = (np.repeat(np.arange(people), 3), met.ravel())
    matrix = csr_matrix((np.ones(3 * people), cells), shape=(people, entities))
    effect = np.linspace(-1, 1, groups)[np.arange(entities) // each]
    return matrix, effect


def test_neighbours_tell_of_their_circle():
    met, effect = circles()
    draw = np.random.default_rng(1)
    trials = draw.integers(5, 200, len(effect)).astype(float)
    found = neighbours_effect(met, trials, draw.poisson(0.06 * np.exp(effect) * trials))
    assert np.corrcoef(found, effect)[0, 1] > 0.9


def test_the_own_luck_changes_nothing_but_the_level():
    met, effect = circles()
    trials = np.full(len(effect), 100.0)
    before = neighbours_effect(met, trials, np.full(len(effect), 6.0))
    lucky = np.full(len(effect), 6.0)
    lucky[0] = 60.0
    after = neighbours_effect(met, trials, lucky)
    apart = after - before
    # All others of the circle rise; whoever is lucky keeps the level of those outside.
    assert apart[0] == pytest.approx(apart[30], abs=0.02)
    assert (apart[1:10] > apart[0] + 0.1).all()


def test_who_shares_nobody_is_told_nothing():
    met = csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]))
    found = neighbours_effect(met, np.array([100.0, 100, 100]), np.array([1.0, 20, 5]))
    assert found[2] == 0.0
    assert found[0] > 0 > found[1]
    apart = csr_matrix(np.eye(3))
    assert neighbours_effect(apart, np.ones(3), np.ones(3)).tolist() == [0.0, 0.0, 0.0]


def test_the_same_whatever_a_meeting_weighs():
    met, effect = circles()
    trials, came = np.full(len(effect), 50.0), 3.0 * np.exp(effect)
    twice = csr_matrix((2.0 * met.data, met.indices, met.indptr), shape=met.shape)
    assert np.array_equal(
        neighbours_effect(met, trials, came), neighbours_effect(twice, trials, came)
    )


def test_wrong_input_is_told():
    met = csr_matrix(np.ones((2, 3)))
    with pytest.raises(ValueError, match="trials of 2 and successes of 3 entities, expected 3 of"):
        neighbours_effect(met, np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="no trials at all, expected some; leave this feature out"):
        neighbours_effect(met, np.zeros(3), np.zeros(3))
