"""Fit of a log-linear model: each grouping is shrunk given all the others, round after round.

References
----------
L. Breiman and J. H. Friedman, "Estimating optimal transformations for multiple regression and
correlation", JASA 80 (1985); the shrinkage of a grouping is in `models.shrinkage`.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from models.features import EntityFeatures
from models.groupings import folded, groupings_of
from models.loglinear import LogLinear
from models.meetings import Meetings
from models.pairs import Floats, Pairs
from models.shrinkage import shrink_counts, shrink_levels

_ROUNDS = 16
_NOISE_GUESS = 0.5  # variance of one promotion's log around its expectation, before any was seen
_NOISE_WORTH = 6.0  # promotions that guess is worth


def fit_counts(
    pairs: Pairs,
    trials: Floats,
    counts: Floats,
    weight: Floats,
    features: tuple[EntityFeatures, EntityFeatures, EntityFeatures],
    *,
    guess: float = 0.15,
    meetings: Meetings | None = None,
) -> LogLinear:
    """Fit counts among trials; the folded log is that of the expected rate.

    Parameters
    ----------
    trials, counts, weight : float64 arrays of shape (n,)
        All known, trials above 0.
    features : EntityFeatures of creators, merchants, products
    guess : float
        Prior variance of log effects between creators, before anything was seen.
    meetings : Meetings, optional
        Pairs to hold rows for; those of ``pairs`` when not given.
    """
    meetings = meetings or Meetings.of(pairs, len(features[0]), len(features[2]))
    groupings = groupings_of(pairs, meetings, features, guess)
    constant = np.log(((counts * weight).sum() + 0.5) / ((trials * weight).sum() + 1.0))
    expected = trials * np.exp(constant)
    noise, freedom = _NOISE_GUESS, 1.0
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        for _ in range(_ROUNDS):
            trust = weight / (1.0 + noise * expected)
            got = trust * counts
            shift = np.log((got.sum() + 0.5) / ((trust * expected).sum() + 0.5))
            constant += shift
            expected *= np.exp(shift)
            for one in groupings:
                before = one.effects
                hoped = trust * expected
                apart = one.sums(hoped) * np.exp(-before.mean)
                alone = one.alone(got, hoped)
                one.effects = shrink_counts(
                    one.sums(got), apart, alone, one.basis, one.prior, before
                )
                expected *= np.exp(one.effects.mean - before.mean)[one.rows]
            freedom = 1.0 + sum(one.effects.freedom for one in groupings)
            noise = _count_noise(counts, expected, weight, noise, freedom)
    sure = 1.0 / (float(got.sum()) + 0.5)
    return folded(groupings, meetings, trust * expected, (float(constant), sure), noise)


def _count_noise(
    counts: Floats, expected: Floats, weight: Floats, before: float, freedom: float
) -> float:
    """Variance of a promotion's rate around its expectation, beyond counting chance."""
    # Least squares of the excess on expected², each square as unsure as its own expectation.
    doubt = weight / (1.0 + before * expected) ** 2
    worth = doubt @ expected**2
    belief = _NOISE_WORTH * worth / len(counts)
    excess = doubt @ ((counts - expected) ** 2 * _inflation(len(counts), freedom) - expected)
    return float(np.clip((excess + belief * _NOISE_GUESS) / (worth + belief), 1e-4, 4.0))


def _inflation(n: int, freedom: float) -> float:
    """Squares of residuals are too small by the parameters spent on them; at most halved."""
    return n / max(n - freedom, 0.5 * n)


def fit_levels(
    pairs: Pairs,
    logs: Floats,
    weight: Floats,
    features: tuple[EntityFeatures, EntityFeatures, EntityFeatures],
    *,
    guess: float = 0.5,
    meetings: Meetings | None = None,
) -> LogLinear:
    """Fit logs of amounts, each promotion counting by its weight; parameters as `fit_counts`."""
    meetings = meetings or Meetings.of(pairs, len(features[0]), len(features[2]))
    groupings = groupings_of(pairs, meetings, features, guess)
    constant = 0.0
    residual = logs.copy()
    noise = _NOISE_GUESS
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        for _ in range(_ROUNDS):
            shift = float(weight @ residual / weight.sum())
            constant += shift
            residual -= shift
            for one in groupings:
                before = one.effects
                mass = one.sums(weight)
                there = np.maximum(mass, 1e-12)
                apart = np.where(mass > 0.0, one.sums(weight * residual) / there + before.mean, 0.0)
                alone = one.alone_levels(residual, weight / noise)
                one.effects = shrink_levels(
                    apart, mass / noise, alone, one.basis, one.prior, before
                )
                residual -= (one.effects.mean - before.mean)[one.rows]
            freedom = 1.0 + sum(one.effects.freedom for one in groupings)
            squares = float(weight @ residual**2) * _inflation(len(logs), freedom)
            noise = (squares + _NOISE_WORTH * _NOISE_GUESS) / (float(weight.sum()) + _NOISE_WORTH)
            noise = float(np.clip(noise, 1e-4, 9.0))
    sure = noise / float(weight.sum())
    return folded(groupings, meetings, weight / noise, (constant, sure), noise)
