"""What a pair's own promotions say of it: what came over what was expected of them.

Expected is what everybody else's promotions make expected of creator, merchant, product and fit,
without this pair's own. A rating of 1.4 is 1.4 times that. It is the pair's effect in a
log-linear model given all its other groupings (`models.shrinkage`), so that a prediction of a pair
is the prediction for it had it never met, times its rating.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from models.calibration import Z80
from models.pairs import Floats

Places = npt.NDArray[np.integer]


class Scale(NamedTuple):
    """What a step of the outcome chain takes a pair's own promotions for.

    Attributes
    ----------
    half_life_days : float
        Age at which a promotion counts half.
    noise : float
        Variance of one promotion's log around its expectation, apart from counting chance.
    variance : float
        Of the logs of ratings, before anything is known of a pair.
    """

    half_life_days: float
    noise: float
    variance: float


@dataclass(frozen=True)
class Rated:
    """Ratings of ``n`` pairs; float64 arrays of shape (n,).

    Attributes
    ----------
    rating, low, high
        What came over what was expected, shrunk towards 1, and its 80 % interval.
    log, variance
        Log of the rating, and how unsure that is: 0 and the prior's where nothing is known.
    precision
        What the pair's own promotions tell of the log; 0 where nothing is known.
    """

    rating: Floats
    low: Floats
    high: Floats
    log: Floats
    variance: Floats
    precision: Floats

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which pairs have promotions that tell anything."""
        return self.precision > 0.0

    def take(self, rows: npt.NDArray[Any]) -> Rated:
        """Some of the pairs."""
        return Rated(*(getattr(self, field.name)[rows] for field in fields(self)))


def rate_counts(
    place: Places, n: int, got: Floats, expected: Floats, weight: Floats, scale: Scale
) -> Rated:
    """Rate pairs by counts: gamma-Poisson, so that three clicks never look like a rate.

    Parameters
    ----------
    place : int array of shape (promotions,)
        Pair of each promotion, from 0 to ``n - 1``.
    got, expected : float64 arrays of shape (promotions,)
        All known; what stands for a range may be below 0.
    weight : float64 array of shape (promotions,)
        What each counts, its own scatter taken off: one large promotion does not decide alone.
    scale : Scale

    Examples
    --------
    Three orders where one was expected say less than thirty where ten were:

    >>> scale = Scale(120.0, noise=0.0, variance=0.25)
    >>> place, got, expected = np.array([0, 1]), np.array([3.0, 30.0]), np.array([1.0, 10.0])
    >>> rate_counts(place, 3, got, expected, np.ones(2), scale).rating.round(2).tolist()
    [1.4, 2.43, 1.0]
    """
    strength = 1.0 / scale.variance
    hoped = np.bincount(place, weight * expected, n).astype(np.float64)
    came = strength + np.bincount(place, weight * got, n)
    # What stands for ranges far below the expected may be below 0.
    came = np.maximum(came, 1e-3 * strength)
    due = strength + hoped
    rating = came / due
    ends = (gammaincinv(came, tail) / due for tail in (0.1, 0.9))
    low, high = next(ends), next(ends)
    # The log of a gamma variable of shape k varies by about 1 / (k - ½) where k is not tiny.
    variance = np.log1p(1.0 / np.maximum(came - 0.5, 0.5 * strength))
    return Rated(
        rating=rating,
        low=np.minimum(low, rating),
        high=np.maximum(high, rating),
        log=np.log(rating),
        variance=variance,
        precision=hoped * rating,
    )


def rate_levels(place: Places, n: int, surprise: Floats, weight: Floats, scale: Scale) -> Rated:
    """Rate pairs by amounts: logs are shrunk, each promotion counting by its weight.

    Parameters
    ----------
    place : int array of shape (promotions,)
    surprise, weight : float64 arrays of shape (promotions,)
        Log of the amount less its expectation; all known.
    scale : Scale

    Examples
    --------
    >>> scale = Scale(60.0, noise=0.5, variance=0.5)
    >>> rate_levels(np.array([0, 0]), 2, np.log([2.0, 2.0]), np.ones(2), scale).rating.round(2)
    array([1.59, 1.  ])
    """
    mass = np.bincount(place, weight, n).astype(np.float64)
    total = np.bincount(place, weight * surprise, n)
    precision: Floats = mass / scale.noise
    share = precision / (precision + 1.0 / scale.variance)
    log = share * np.divide(total, mass, out=np.zeros(n), where=mass > 0.0)
    return _of_logs(log, scale.variance * (1.0 - share), precision)


def combined(steps: list[Rated]) -> Rated:
    """Rate what several steps multiply to: how own experience moves what is expected of all.

    Parameters
    ----------
    steps : list of Rated
        Of the same pairs; a step that knows nothing of a pair leaves it as it is, and unsure.
    """
    told: Floats = np.array([[one.log, one.variance, one.precision] for one in steps])
    log, variance, precision = told.sum(axis=0)
    return _of_logs(log, variance, precision)


def _of_logs(log: Floats, variance: Floats, precision: Floats) -> Rated:
    reach = Z80 * np.sqrt(variance)
    ends = np.exp(log - reach), np.exp(log + reach)
    return Rated(np.exp(log), *ends, log, variance, precision)
