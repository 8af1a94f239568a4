"""What a range says of a number: its mean and variance, given what was expected of it.

An estimator that fits exact numbers by their deviations fits ranges as well when each is replaced
by its mean within the range under the present prediction, round after round (the score of the
censored likelihood is the expected score of the full one). How much of an exact number's
information is left is one minus the variance within the range over that of an exact number.

References
----------
A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the EM
algorithm", JRSS B 39 (1977); T. A. Louis, "Finding the observed information matrix when using the
EM algorithm", JRSS B 44 (1982).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, log_ndtr, ndtr, ndtri

from models.pairs import Floats
from models.ranged import Ranged

_NARROW = 1e-4  # a range of so few standard deviations is a point for all purposes
_NOTHING = 1e-280  # probability below which a range is as good as impossible
_GOLDEN = (5.0**0.5 - 1.0) / 2.0
_LEAST_WORTH = 1e-9
_WHOLE = 1e-9  # an end this close to a whole number is that number


def normal_within(mean: Floats, variance: npt.ArrayLike, within: Ranged) -> tuple[Floats, Floats]:
    """Mean and variance of normal variables that are known to lie in a range.

    Parameters
    ----------
    mean, variance : float64 arrays of shape (n,)
        Before the range was known.
    within : Ranged of n

    Examples
    --------
    >>> mean, variance = normal_within(np.zeros(1), 1.0, Ranged(np.zeros(1), np.full(1, np.inf)))
    >>> mean.round(4), variance.round(4)
    (array([0.7979]), array([0.3634]))
    """
    scale = np.sqrt(np.broadcast_to(np.asarray(variance, dtype=np.float64), mean.shape))
    low, high, turned = _on_the_left((within.low - mean) / scale, (within.high - mean) / scale)
    mass = _log_mass(low, high)
    at_low, at_high = (np.exp(_log_density(end) - mass) for end in (low, high))
    moved = at_low - at_high
    left = 1.0 + _times(low, at_low) - _times(high, at_high) - moved**2
    narrow = high - low < _NARROW
    with np.errstate(invalid="ignore"):
        middle = (low + high) / 2.0
        moved = np.where(narrow, middle, np.clip(moved, low, high))
        left = np.where(narrow, (high - low) ** 2 / 12.0, left)
        # No variable within two ends varies by more than half of what lies between them, squared.
        left = np.clip(left, 0.0, np.minimum(1.0, (high - low) ** 2 / 4.0))
    return mean + scale * np.where(turned, -moved, moved), scale**2 * left


def amounts_within(log: Floats, variance: Floats, within: Ranged) -> tuple[Floats, Floats]:
    """Mean, and variance over mean², of log-normal amounts that are known to lie in a range.

    Parameters
    ----------
    log, variance : float64 arrays of shape (n,)
        Mean and variance of the log before the range was known.
    within : Ranged of n
        Of the log.
    """
    scale = np.sqrt(variance)
    low, high = (within.low - log) / scale, (within.high - log) / scale
    mass = _log_mass(*_on_the_left(low, high)[:2])
    first, second = (
        _log_mass(*_on_the_left(low - times * scale, high - times * scale)[:2]) - mass
        for times in (1.0, 2.0)
    )
    mean = np.exp(log + variance / 2.0 + first)
    mean = np.clip(mean, np.exp(within.low), np.exp(within.high))
    spread = np.expm1(np.maximum(variance + second - 2.0 * first, 0.0))
    return mean, spread


def counts_within(expected: Floats, noise: npt.ArrayLike, within: Ranged) -> tuple[Floats, Floats]:
    """Mean and variance of counts that are known to lie in a range.

    Parameters
    ----------
    expected : float64 array of shape (n,)
        Before the range was known.
    noise : float64 array of shape (n,), or float
        Variance of the rate over its square: counts are gamma-Poisson.
    within : Ranged of n
        Where no whole number lies between both ends, their middle is taken as it is.

    Examples
    --------
    Somewhere from 0 to 100 orders, where 20 are usual, says little; where 1,000 are, much:

    >>> mean, _ = counts_within(np.array([20.0, 1000.0]), 0.1, Ranged(np.zeros(2), np.full(2, 1e2)))
    >>> mean.round(1)
    array([20. , 90.1])
    """
    noise = np.broadcast_to(np.asarray(noise, dtype=np.float64), expected.shape)
    low, high = np.ceil(within.low - _WHOLE), np.floor(within.high + _WHOLE)
    shape = 1.0 / noise
    part = shape / (shape + expected)
    above = low > expected  # the smaller tail is the exact one

    def mass(more: int) -> Floats:
        # y (y - 1) … times the chance of y is a moment times the chance of y - more, of a count
        # whose shape is as much larger.
        ends = (_tail(end - more, shape + more, part, above) for end in (high, low - 1.0))
        upper, lower = ends
        return np.asarray(np.abs(upper - lower))

    whole = mass(0)
    sure = np.maximum(whole, _NOTHING)
    mean = expected * mass(1) / sure
    square = expected**2 * (1.0 + noise) * mass(2) / sure + mean
    # What is next to impossible ends up at the nearer end.
    mean = np.where(whole > _NOTHING, np.clip(mean, low, high), np.clip(expected, low, high))
    left = np.where(whole > _NOTHING, np.maximum(square - mean**2, 0.0), 0.0)
    left = np.minimum(left, (high - low) ** 2 / 4.0)
    empty = high < low
    middle = (within.low + np.minimum(within.high, within.low + 1.0)) / 2.0
    return np.where(empty, middle, mean), np.where(empty, 0.0, left)


def spread_within(mean: Floats, variance: Floats, within: Ranged) -> Floats:
    """Normal variables spread over their ranges as chance would, without chance.

    Their place in the range follows from their rank among all, so the same promotions get the
    same values in whatever order they come. For quantiles, which means within ranges would
    narrow.

    Parameters
    ----------
    mean, variance : float64 arrays of shape (n,)
    within : Ranged of n
    """
    scale = np.sqrt(variance)
    low, high, turned = _on_the_left((within.low - mean) / scale, (within.high - mean) / scale)
    order = np.lexsort([variance, mean, within.high, within.low])
    share = np.empty(len(mean))
    share[order] = (np.arange(len(mean)) + 0.5) * _GOLDEN % 1.0
    begin, end = ndtr(low), ndtr(high)
    found = np.clip(ndtri(begin + np.where(turned, 1.0 - share, share) * (end - begin)), low, high)
    found = np.where(end > _NOTHING, found, high)
    spread: Floats = mean + scale * np.where(turned, -found, found)
    return spread


def information(left: Floats, whole: Floats) -> Floats:
    """Share of an exact number's information that is left where a range leaves it so unsure.

    Parameters
    ----------
    left, whole : float64 arrays of shape (n,)
        Variance within the range, and that of the number had nothing been known of it.
    """
    share: Floats = np.clip(1.0 - left / whole, _LEAST_WORTH, 1.0)
    return share


def _on_the_left(low: Floats, high: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Ends of standard normal ranges, turned about 0 where the range lies above it."""
    turned = low > 0.0
    return np.where(turned, -high, low), np.where(turned, -low, high), turned


def _log_mass(low: Floats, high: Floats) -> Floats:
    """Log of a standard normal variable's chance to lie between two ends, the lower not above 0."""
    top = log_ndtr(high)
    with np.errstate(divide="ignore"):
        mass: Floats = top + np.log1p(-np.exp(np.minimum(log_ndtr(low) - top, 0.0)))
    # A difference of two numbers that are all but the same is none; keep it apart from 0.
    floor: Floats = np.maximum(mass, top - 40.0)
    return floor


def _log_density(end: Floats) -> Floats:
    found: Floats = -0.5 * end**2 - 0.5 * np.log(2.0 * np.pi)
    return found


def _times(end: Floats, density: Floats) -> Floats:
    """End × density; nothing at an infinite end."""
    return np.where(np.isfinite(end), end, 0.0) * density


def _tail(upto: Floats, shape: Floats, part: Floats, above: npt.NDArray[np.bool_]) -> Floats:
    """Chance that a gamma-Poisson count is at most ``upto``, or where asked that it is above."""
    inside = np.clip(np.where(np.isfinite(upto), upto, 0.0), 0.0, None) + 1.0
    found = np.where(above, betainc(inside, shape, 1.0 - part), betainc(shape, inside, part))
    found = np.where(upto < 0.0, np.where(above, 1.0, 0.0), found)
    return np.where(np.isposinf(upto), np.where(above, 0.0, 1.0), found)
