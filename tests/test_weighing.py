"""Weights of evidence: found again, right gradients, samples that stand for all."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.weighing import Part, ask, weigh


def test_weights_are_found_again() -> None:
    rng = np.random.default_rng(1)
    merchants, creators = rng.normal(size=(800, 6)), rng.normal(size=(60, 6))
    parts = [
        Part(name, merchants[:, part].astype(np.float32), creators[:, part].astype(np.float32))
        for name, part in (("a", slice(0, 2)), ("b", slice(2, 4)), ("none", slice(4, 6)))
    ]
    truth = np.array([1.5, 0.5, 0.0])
    utility = sum(
        w * part.merchants @ part.creators.T for w, part in zip(truth, parts, strict=True)
    )
    chosen = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
    later = sp.csr_matrix((np.ones(800), (np.arange(800), chosen)), shape=(800, 60))
    choices = ask(parts, sp.csr_matrix(later.shape), later, np.arange(60), rng)
    np.testing.assert_allclose(weigh([choices]), truth, atol=0.15)


def test_sampled_candidates_stand_for_all() -> None:
    rng = np.random.default_rng(2)
    part = Part("a", np.ones((50, 1), np.float32), rng.normal(size=(900, 1)).astype(np.float32))
    later = sp.csr_matrix((np.ones(50), (np.arange(50), rng.integers(0, 900, 50))), (50, 900))
    before = sp.csr_matrix(later.shape)
    exact = ask([part], before, later, np.arange(900), rng, sampled=900)
    losses = [
        ask([part], before, later, np.arange(900), np.random.default_rng(seed), sampled=200).loss(
            np.array([0.7])
        )[0]
        for seed in range(20)
    ]
    assert np.mean(losses) == pytest.approx(exact.loss(np.array([0.7]))[0], rel=0.02)


def test_questions_are_drawn_where_there_are_many() -> None:
    part = Part("a", np.ones((50, 1), np.float32), np.ones((9, 1), np.float32))
    later = sp.csr_matrix((np.ones(50), (np.arange(50), np.arange(50) % 9)), (50, 9))
    before = sp.csr_matrix(later.shape)
    few = ask([part], before, later, np.arange(9), np.random.default_rng(0), questions=5)
    assert few.passed.shape == (1, 5, 9)
    assert len(few.question) == 5
    assert few.allowed.sum() == 5 * 8  # nobody is offered what it chose


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(3)
    parts = [
        Part("p", *(rng.normal(size=(n, 3)).astype(np.float32) for n in (20, 30))) for _ in range(4)
    ]
    later = sp.random(20, 30, density=0.1, random_state=rng).tocsr()
    choices = ask(parts, sp.csr_matrix(later.shape), later, np.arange(30), rng)
    at, step = np.array([0.3, 0.1, 0.6, 0.2]), 1e-2
    _, gradient = choices.loss(at)
    measured = [
        (choices.loss(at + step * one)[0] - choices.loss(at - step * one)[0]) / (2 * step)
        for one in np.eye(4)
    ]
    np.testing.assert_allclose(gradient, measured, rtol=0.02, atol=0.05)
