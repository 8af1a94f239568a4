"""Choice factors: circles found again, newcomers placed, samples that stand for all."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.choice import ChoiceFactors

MERCHANTS, CREATORS, CIRCLES = 40, 120, 4
MERCHANT_CIRCLE = np.arange(MERCHANTS) % CIRCLES
CREATOR_CIRCLE = np.arange(CREATORS) % CIRCLES
ALIKE = MERCHANT_CIRCLE[:, None] == CREATOR_CIRCLE[None, :]
NOTHING = np.zeros((MERCHANTS, 0), np.float32), np.zeros((CREATORS, 0), np.float32)


def circles(cold: int = 0, seed: int = 0) -> sp.csr_matrix:
    """Cooperations within four circles, few across; the last ``cold`` of each side have none."""
    met = np.random.default_rng(seed).random(ALIKE.shape) < np.where(ALIKE, 0.3, 0.01)
    if cold:
        met[-cold:] = False
        met[:, -cold:] = False
    return sp.csr_matrix(met.astype(np.float32))


def axes(circle: np.ndarray) -> Vectors:
    """Own vectors in which a circle is a direction."""
    return (np.eye(CIRCLES) - 1 / CIRCLES)[circle].astype(np.float32)


def right(scores: Vectors, met: sp.csr_matrix) -> float:
    """Share of pairs of a new merchant inside and one outside that a creator ranks rightly."""
    new = met.toarray() == 0
    inside = [scores[new[:, c] & ALIKE[:, c], c] for c in range(scores.shape[1])]
    outside = [scores[new[:, c] & ~ALIKE[:, c], c] for c in range(scores.shape[1])]
    pairs = zip(inside, outside, strict=True)
    return float(np.mean([(a[:, None] > b[None, :]).mean() for a, b in pairs]))


@pytest.fixture(scope="module")
def met() -> sp.csr_matrix:
    return circles()


@pytest.fixture(scope="module")
def fitted(met: sp.csr_matrix) -> ChoiceFactors:
    own = axes(MERCHANT_CIRCLE), axes(CREATOR_CIRCLE)
    return ChoiceFactors(factors=8, rounds=60).fit(met, *own)


def test_history_alone_finds_the_circle(met: sp.csr_matrix) -> None:
    choice = ChoiceFactors(factors=8, rounds=60).fit(met, *NOTHING)
    assert right(choice.merchant_factors_ @ choice.creator_factors_.T, met) > 0.95


def test_own_vectors_place_those_without_history() -> None:
    met = circles(cold=CIRCLES)
    own = axes(MERCHANT_CIRCLE), axes(CREATOR_CIRCLE)
    choice = ChoiceFactors(factors=8, rounds=60).fit(met, *own)
    scores = choice.merchant_factors_[-CIRCLES:] @ choice.creator_factors_[-CIRCLES:].T
    assert scores.argmax(axis=1).tolist() == list(range(CIRCLES))
    assert not choice.creator_history_[-CIRCLES:].any()


def test_one_partner_is_enough_for_a_place(met: sp.csr_matrix) -> None:
    choice = ChoiceFactors(factors=8, rounds=60).fit(met, *NOTHING)
    one = sp.csr_matrix(np.eye(MERCHANTS, dtype=np.float32)[:CIRCLES])
    scores = choice.fold_in_creators(one) @ choice.merchant_factors_.T
    inside = MERCHANT_CIRCLE[None, :] == np.arange(CIRCLES)[:, None]
    assert scores[inside].mean() > scores[~inside].mean() + 1
    assert (np.arange(CIRCLES) == MERCHANT_CIRCLE[np.argsort(-scores, axis=1)[:, :5]].T).all()


def test_creators_fold_in_to_their_own_rows(met: sp.csr_matrix, fitted: ChoiceFactors) -> None:
    again = fitted.fold_in_creators(met.T.tocsr()) + axes(CREATOR_CIRCLE) @ fitted.creator_map_
    np.testing.assert_allclose(again, fitted.creator_factors_, atol=1e-5)
    assert not fitted.fold_in_creators(sp.csr_matrix((1, MERCHANTS), dtype=np.float32)).any()


def test_merchants_fold_in_by_three_partners(met: sp.csr_matrix) -> None:
    choice = ChoiceFactors(factors=8, rounds=60).fit(met, *NOTHING)
    partners = np.zeros((CIRCLES, CREATORS), np.float32)
    for circle in range(CIRCLES):
        partners[circle, np.flatnonzero(circle == CREATOR_CIRCLE)[:3]] = 1.0
    found = choice.fold_in_merchants(sp.csr_matrix(partners), np.zeros((CIRCLES, 0), np.float32))
    best = np.argsort(-(found @ choice.creator_factors_.T), axis=1)[:, :20]
    assert (CREATOR_CIRCLE[best] == np.arange(CIRCLES)[:, None]).mean() > 0.9


def test_a_merchant_without_partners_is_what_its_vectors_say(fitted: ChoiceFactors) -> None:
    own = axes(np.arange(CIRCLES))
    found = fitted.fold_in_merchants(sp.csr_matrix((CIRCLES, CREATORS), dtype=np.float32), own)
    np.testing.assert_allclose(found, own @ fitted.merchant_map_, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (3, 0)])
def test_nobody_met_anybody(shape: tuple[int, int]) -> None:
    own = np.zeros((shape[0], 0), np.float32), np.zeros((shape[1], 0), np.float32)
    choice = ChoiceFactors(factors=2).fit(sp.csr_matrix(shape, dtype=np.float32), *own)
    assert not choice.merchant_factors_.any()
    assert choice.creator_factors_.shape == (shape[1], 2)


def test_same_seed_same_bits_whatever_the_threads(met: sp.csr_matrix) -> None:
    own = axes(MERCHANT_CIRCLE), axes(CREATOR_CIRCLE)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            choice = ChoiceFactors(factors=4, seed=3).fit(met, *own)
        found.append(choice.merchant_factors_.tobytes() + choice.creator_factors_.tobytes())
    assert found[0] == found[1]


def test_state_places_newcomers_alike(met: sp.csr_matrix, fitted: ChoiceFactors) -> None:
    state = fitted.state()
    json.dumps(state["parameters"])
    again = ChoiceFactors.from_state(state)
    own = axes(np.array([1]))
    np.testing.assert_array_equal(
        again.fold_in_merchants(met[2], own), fitted.fold_in_merchants(met[2], own)
    )
    history = met[:, [5]].T.tocsr()
    np.testing.assert_array_equal(again.fold_in_creators(history), fitted.fold_in_creators(history))


def test_nothing_before_the_fit() -> None:
    rows = sp.csr_matrix((1, 3), dtype=np.float32)
    with pytest.raises(NotFittedError):
        ChoiceFactors().fold_in_creators(rows)
    with pytest.raises(NotFittedError):
        ChoiceFactors().fold_in_merchants(rows, np.zeros((1, 0), np.float32))
    with pytest.raises(NotFittedError):
        ChoiceFactors().state()
