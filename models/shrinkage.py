"""Effects of one grouping (all creators, all merchants, …), shrunk towards what is known of them.

Two kinds of evidence are handled alike. *Counts*: a group got ``Y`` orders where ``M`` were
expected; its effect multiplies the expectation and is gamma distributed, so the posterior mean is
``(a + Y) / (a + M)`` with ``a = 1 / variance``. *Levels*: a group's residuals average ``d`` with
precision ``W``; its effect adds to the log and is normal. In both, the mean of the prior is a
linear function of the group's features, and the prior variance is learnt by moments from how much
the groups differ beyond what chance explains.

References
----------
C. N. Morris, "Parametric empirical Bayes inference: theory and applications", JASA 78 (1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.pairs import Floats

#: Groups' worth of belief in the variance expected beforehand; small markets need it.
_PRIOR_GROUPS = 8.0
#: Squares beyond this many variances are cut, or one odd group would loosen all others.
_OUTLIER = 16.0
_SMALLEST, _LARGEST = 1e-4, 6.0
#: The largest change of any group's log effect in one Newton step.
_STEP = 1.5


@dataclass(frozen=True)
class Effects:
    """Log effects of all groups of one grouping.

    Attributes
    ----------
    mean : float64 array of shape (n,)
        For counts the log of the posterior mean, for levels the posterior mean of the log.
    spread : float64 array of shape (n,)
        Posterior variance of the log effect; the prior's for a group without evidence.
    variance : float
        Prior variance around what the features tell.
    coefficients : float64 array of shape (p,)
    freedom : float
        Effective number of parameters spent.
    guess : float
        Prior variance believed in before anything was seen; 0 when the features alone speak.
    doubt : float64 array of shape (n,)
        What unknown features of each group may add to its prior variance.
    """

    mean: Floats
    spread: Floats
    variance: float
    coefficients: Floats
    freedom: float
    guess: float
    doubt: Floats

    @property
    def prior_variance(self) -> Floats:
        """Variance of each group's log effect before its promotions were seen."""
        return self.variance + self.doubt

    @classmethod
    def none(cls, basis: Floats, guess: float) -> Effects:
        """Effects before anything was seen."""
        n, p = basis.shape
        return cls(np.zeros(n), np.full(n, guess), guess, np.zeros(p), 0.0, guess, np.zeros(n))


@dataclass(frozen=True)
class Alone:
    """What the promotions of each group show one by one: squares that are not between them.

    Promotions of one group share its effect, so products of two *different* promotions'
    deviations tell the variance between groups, whatever the promotions' own scatter. A group of
    one promotion tells nothing about it.

    Attributes
    ----------
    deviations : float64 array of shape (n,)
        Sums over the group of squared deviations from what its features alone make expected.
    weights : float64 array of shape (n,)
        Sums over the group of squared expectations (counts) or squared weights (levels).
    """

    deviations: Floats
    weights: Floats


def shrink_counts(
    got: Floats,
    expected: Floats,
    alone: Alone,
    basis: Floats,
    prior: Floats,
    before: Effects,
    doubt: Floats | None = None,
) -> Effects:
    """Gamma-Poisson shrinkage of groups that got some counts where others were expected.

    Parameters
    ----------
    got, expected : float64 arrays of shape (n,)
        Counts got, and expected without this grouping's effect; both 0 without evidence.
    alone : Alone
    basis : float64 array of shape (n, p)
    prior : float64 array of shape (p,)
        Variances of the coefficients.
    before : Effects
        The round before; a guess of 0 means that the features alone speak.
    doubt : float64 array of shape (n,), optional
        What a group's unknown features may add to its prior variance; nothing when not given.

    Examples
    --------
    One order of three clicks is not a rate, 300 of 1,000 are one. Where 3 % is usual:

    >>> got, expected = np.array([1.0, 300.0]), np.array([3.0, 1000.0]) * 0.03
    >>> one_each = Alone((got - expected) ** 2, expected**2)
    >>> flat = np.empty((2, 0))
    >>> learnt = shrink_counts(got, expected, one_each, flat, np.empty(0),
    ...                        Effects.none(flat, guess=0.25))
    >>> (0.03 * np.exp(learnt.mean)).round(3)
    array([0.037, 0.268])
    """
    line = basis @ before.coefficients
    level = expected * np.exp(line)
    variance = before.variance
    doubt = np.zeros_like(line) if doubt is None else doubt
    if before.guess > 0.0:
        chance = level * (1.0 + (variance + doubt) * level)
        scale = level**2 - alone.weights
        variance = _between(got - level, alone, scale, chance, doubt, before)
        if not _tells(scale, chance).any():
            # Single promotions cannot tell the groups' differences from their own; both together
            # are no larger than what counting chance leaves over.
            excess = np.minimum((got - level) ** 2, _OUTLIER * np.maximum(chance, 1.0)) - level
            variance = min(variance, by_moments(excess, level**2, chance, before.guess))
    coefficients = before.coefficients
    if len(prior):
        damped = 1.0 / (1.0 + (variance + doubt) * level)
        change = _newton(basis, level * damped, (got - level) * damped, prior, coefficients)
        coefficients = coefficients + change
        line = basis @ coefficients
        level = expected * np.exp(line)
    if before.guess == 0.0:
        return _features_alone(line, coefficients)
    strength = 1.0 / (variance + doubt)
    mean = line + np.log((strength + got) / (strength + level))
    freedom = float((level / (strength + level)).sum()) + len(prior)
    # The log of a gamma variable of shape k varies by about 1 / (k - ½) where k is not tiny.
    spread = np.log1p(1.0 / np.maximum(strength + got - 0.5, 0.5 * strength))
    return Effects(mean, spread, variance, coefficients, freedom, before.guess, doubt)


def shrink_levels(
    residual: Floats,
    precision: Floats,
    alone: Alone,
    basis: Floats,
    prior: Floats,
    before: Effects,
    doubt: Floats | None = None,
) -> Effects:
    """Normal shrinkage of groups whose log residuals average ``residual``.

    Parameters
    ----------
    residual, precision : float64 arrays of shape (n,)
        Mean residual without this grouping's effect and its precision, both 0 without evidence.
        The precision is the sum of the weights over the variance of one promotion.
    alone, basis, prior, before, doubt
        As in `shrink_counts`; the squared weights of ``alone`` are of precisions.
    """
    line = basis @ before.coefficients
    variance = before.variance
    doubt = np.zeros_like(line) if doubt is None else doubt
    if before.guess > 0.0:
        chance = precision * (1.0 + (variance + doubt) * precision)
        off = precision * (residual - line)
        variance = _between(off, alone, precision**2 - alone.weights, chance, doubt, before)
    coefficients = before.coefficients
    if len(prior):
        weight = precision / (1.0 + (variance + doubt) * precision)
        pull = weight * (residual - line)
        change = _newton(basis, weight, pull, prior, coefficients, step=np.inf)
        coefficients = coefficients + change
        line = basis @ coefficients
    if before.guess == 0.0:
        return _features_alone(line, coefficients)
    whole = variance + doubt
    share = precision / (precision + 1.0 / whole)
    mean = line + share * (residual - line)
    freedom = float(share.sum()) + len(prior)
    left = whole * (1.0 - share)
    return Effects(mean, left, variance, coefficients, freedom, before.guess, doubt)


def _features_alone(line: Floats, coefficients: Floats) -> Effects:
    """Effects of groups that differ by nothing but their features."""
    nothing = np.zeros_like(line)
    spent = float(len(coefficients))
    return Effects(line, nothing, 0.0, coefficients, spent, 0.0, nothing)


def _between(
    off: Floats, alone: Alone, scale: Floats, chance: Floats, doubt: Floats, before: Effects
) -> float:
    """Variance between groups beside what their unknown features explain."""
    # What is cut is what promotions tell *together*: cut alone, many small groups would tell
    # that there is no difference at all.
    excess = np.minimum(off**2 - alone.deviations, _OUTLIER * np.maximum(chance, 1.0))
    return by_moments(excess - doubt * scale, scale, chance, before.guess)


def _newton(
    basis: Floats,
    weight: Floats,
    pull: Floats,
    prior: Floats,
    coefficients: Floats,
    step: float = _STEP,
) -> Floats:
    """One penalised Newton step of the coefficients, shortened where a group would jump."""
    curvature = basis.T @ (basis * weight[:, None])
    curvature[np.diag_indices_from(curvature)] += 1.0 / prior
    change = np.linalg.solve(curvature, basis.T @ pull - coefficients / prior).astype(np.float64)
    longest = float(np.abs(basis @ change)[weight > 0.0].max(initial=0.0))
    if longest > step:
        return change * np.float64(step / longest)
    return change


def _tells(scale: Floats, chance: Floats) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (scale > 1e-9 * chance**2) & (chance > 0.0)
    return found


def by_moments(excess: Floats, scale: Floats, chance: Floats, guess: float) -> float:
    """Variance between groups: the slope of ``excess`` on ``scale``, the surer groups leading.

    ``chance`` is what the square roots of the excesses are unsure by. The guess counts as
    `_PRIOR_GROUPS` groups of average weight, so that a handful of groups moves it little.
    """
    seen = _tells(scale, chance)
    if not seen.any():
        return guess
    excess, scale = excess[seen], scale[seen]
    weight = scale / chance[seen] ** 2
    worth = float(weight @ scale)
    belief = _PRIOR_GROUPS * worth / len(scale)
    found = (float(weight @ excess) + belief * guess) / (worth + belief)
    return float(np.clip(found, _SMALLEST, _LARGEST))
