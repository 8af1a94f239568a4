"""Fit of a log-linear model: each grouping is shrunk given all the others, round after round.

References
----------
L. Breiman and J. H. Friedman, "Estimating optimal transformations for multiple regression and
correlation", JASA 80 (1985); the shrinkage of a grouping is in `models.shrinkage`, what stands for
a range in `models.censoring`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from models.censoring import counts_within, information, normal_within
from models.circumstances import Circumstances, Conditions
from models.features import EntityFeatures
from models.groupings import Grouping, folded, groupings_of
from models.loglinear import LogLinear
from models.meetings import Meetings
from models.pairs import Floats, Pairs
from models.ranged import Ranged
from models.shared_luck import SharedLuck
from models.tastes import Portrayed, Tastes

_Part = Conditions | Grouping | Tastes

_ROUNDS = 16
_ROUNDS_WITH_RANGES = 24  # what a range stands for follows the fit a round behind
_NOISE_GUESS = 0.5  # variance of one promotion's log around its expectation, before any was seen
_NOISE_WORTH = 6.0  # promotions that guess is worth


class _Standing(NamedTuple):
    """What stands for the numbers in one round, ranges replaced by what they make expected.

    Attributes
    ----------
    mean, left : float64 arrays of shape (n,)
        Mean and variance of each number given its range; the number itself and 0 where exact.
    worth : float64 array of shape (n,)
        Share of an exact number's information.
    """

    mean: Floats
    left: Floats
    worth: Floats

    @classmethod
    def of(cls, told: Ranged) -> _Standing:
        """Before anything was expected: middles of the ranges."""
        return cls(told.middle, np.zeros(len(told)), np.ones(len(told)))

    def with_ranges(
        self, open_: npt.NDArray[np.intp], found: tuple[Floats, Floats], whole: Floats
    ) -> _Standing:
        """Replace what stands for the numbers that are not exact."""
        mean, left, worth = (one.copy() for one in self)
        mean[open_], left[open_] = found
        worth[open_] = information(left[open_], whole)
        return _Standing(mean, left, worth)

    def aim(self, expected: Floats) -> Floats:
        """Numbers of that worth that pull as hard at what is expected as the means do."""
        pulled = expected + (self.mean - expected) / self.worth
        return np.where(self.worth < 1.0, pulled, self.mean)


def fit_counts(
    pairs: Pairs,
    trials: Floats,
    counts: Floats | Ranged,
    weight: Floats,
    features: tuple[EntityFeatures, EntityFeatures, EntityFeatures],
    *,
    guess: float = 0.15,
    meetings: Meetings | None = None,
    doubt: Floats | None = None,
    circumstances: Circumstances | None = None,
) -> LogLinear:
    """Fit counts among trials; the folded log is that of the expected rate.

    Parameters
    ----------
    trials, counts, weight : float64 arrays of shape (n,)
        All known, trials above 0. Counts may be ranges (`Ranged`): each is replaced, round after
        round, by its mean within the range, and weighs by how much the range settles.
    features : EntityFeatures of creators, merchants, products
    guess : float
        Prior variance of log effects between creators, before anything was seen.
    meetings : Meetings, optional
        Pairs to hold rows for; those of ``pairs`` when not given.
    doubt : float64 array of shape (n,), optional
        Variance of each number of trials over its square, where trials are themselves expected.
    circumstances : Circumstances, optional
        Of the ``n`` promotions.
    """
    meetings = meetings or Meetings.of(pairs, len(features[0]), len(features[2]))
    circumstances = circumstances or Circumstances.unknown(len(pairs))
    luck = SharedLuck.of(circumstances.session, weight)
    conditions = Conditions.of(circumstances, luck)
    groupings = groupings_of(pairs, meetings, features, guess, luck)
    portrayed = Portrayed.of(*features)
    tastes = Tastes.of(pairs, portrayed, luck)
    parts: tuple[_Part, ...] = (conditions, *groupings, tastes)
    told = Ranged.of(counts)
    open_ = np.flatnonzero(~told.exact)
    ranges = told.take(open_)
    doubt = np.zeros(len(trials)) if doubt is None else doubt
    standing = _Standing.of(told)

    def stood(expected: Floats, noise: float) -> _Standing:
        if not len(open_):
            return standing
        hoped, scatter = expected[open_], noise + doubt[open_]
        whole = hoped * (1.0 + scatter * hoped)
        return standing.with_ranges(open_, counts_within(hoped, scatter, ranges), whole)

    constant = np.log(((standing.mean * weight).sum() + 0.5) / ((trials * weight).sum() + 1.0))
    expected = trials * np.exp(constant)
    noise = own = _NOISE_GUESS
    standing = stood(expected, noise)
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        for _ in range(_ROUNDS if not len(open_) else _ROUNDS_WITH_RANGES):
            trust = weight * standing.worth / (1.0 + (own + doubt) * expected)
            got = np.maximum(trust * standing.aim(expected), 0.0)
            shift = np.log((got.sum() + 0.5) / ((trust * expected).sum() + 0.5))
            constant += shift
            expected *= np.exp(shift)
            for one in parts:
                expected *= np.exp(one.refit_counts(got, trust * expected))
            freedom = 1.0 + conditions.freedom + tastes.freedom
            freedom += sum(one.effects.freedom for one in groupings)
            standing = stood(expected, noise)
            noise = _count_noise(standing, expected, weight, doubt, noise, freedom)
            hoped = trust * expected
            own = noise if luck is None else luck.learn(hoped, got - hoped, noise)
        level = float(constant), 1.0 / (float(got.sum()) + 0.5)
        tasted = tastes.tasted(portrayed.wanted())
        return folded(groupings, meetings, trust * expected, level, noise, tasted, conditions)


def _count_noise(
    counts: _Standing,
    expected: Floats,
    weight: Floats,
    doubt: Floats,
    before: float,
    freedom: float,
) -> float:
    """Variance of a promotion's rate around its expectation, beyond counting chance."""
    # Least squares of the excess on expected², each square as unsure as its own expectation.
    trust = weight / (1.0 + (before + doubt) * expected) ** 2
    worth = trust @ expected**2
    n = float(counts.worth.sum())
    belief = _NOISE_WORTH * worth / n
    squares = (counts.mean - expected) ** 2 * _inflation(n, freedom)
    excess = trust @ (squares - expected + (counts.left - doubt * expected**2))
    return float(np.clip((excess + belief * _NOISE_GUESS) / (worth + belief), 1e-4, 4.0))


def _inflation(n: float, freedom: float) -> float:
    """Squares of residuals are too small by the parameters spent on them; at most halved."""
    return n / max(n - freedom, 0.5 * n)


def fit_levels(
    pairs: Pairs,
    logs: Floats | Ranged,
    weight: Floats,
    features: tuple[EntityFeatures, EntityFeatures, EntityFeatures],
    *,
    guess: float = 0.5,
    meetings: Meetings | None = None,
    circumstances: Circumstances | None = None,
) -> LogLinear:
    """Fit logs of amounts, each promotion counting by its weight; parameters as `fit_counts`."""
    meetings = meetings or Meetings.of(pairs, len(features[0]), len(features[2]))
    circumstances = circumstances or Circumstances.unknown(len(pairs))
    luck = SharedLuck.of(circumstances.session, weight)
    conditions = Conditions.of(circumstances, luck)
    groupings = groupings_of(pairs, meetings, features, guess, luck)
    portrayed = Portrayed.of(*features)
    tastes = Tastes.of(pairs, portrayed, luck)
    parts: tuple[_Part, ...] = (conditions, *groupings, tastes)
    told = Ranged.of(logs)
    open_ = np.flatnonzero(~told.exact)
    ranges = told.take(open_)
    standing = _Standing.of(told)

    def stood(expected: Floats, noise: float) -> _Standing:
        if not len(open_):
            return standing
        found = normal_within(expected[open_], noise, ranges)
        return standing.with_ranges(open_, found, np.full(len(open_), noise))

    constant = 0.0
    residual = standing.mean.copy()
    aimed = residual.copy()
    noise = own = _NOISE_GUESS
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        for _ in range(_ROUNDS if not len(open_) else _ROUNDS_WITH_RANGES):
            trust = weight * standing.worth
            shift = float(trust @ residual / trust.sum())
            constant += shift
            residual -= shift
            for one in parts:
                residual -= one.refit_levels(trust, residual, own)
            freedom = 1.0 + conditions.freedom + tastes.freedom
            freedom += sum(one.effects.freedom for one in groupings)
            expected = aimed - residual
            standing = stood(expected, noise)
            off = np.where(told.exact, residual, standing.mean - expected)
            squares = float(weight @ off**2) * _inflation(float(standing.worth.sum()), freedom)
            squares += float(weight @ standing.left)
            noise = (squares + _NOISE_WORTH * _NOISE_GUESS) / (float(weight.sum()) + _NOISE_WORTH)
            noise = float(np.clip(noise, 1e-4, 9.0))
            precision = trust / own
            own = noise if luck is None else luck.learn(precision, precision * residual, noise)
            # Ranges pull from where they stand now.
            aimed = np.where(told.exact, aimed, standing.aim(expected))
            residual = np.where(told.exact, residual, aimed - expected)
        level = constant, noise / float(trust.sum())
        tasted = tastes.tasted(portrayed.wanted())
        return folded(groupings, meetings, trust / own, level, noise, tasted, conditions)
