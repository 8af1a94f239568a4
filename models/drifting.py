"""How an account's log amount moves: a level, a slope that is forgotten, and luck of the day.

The level at the first sight of an account is normal around what its features tell. From there it
moves with a slope that is pulled back to what similar accounts do (an Ornstein-Uhlenbeck process):
with a short memory that is a random walk of the level, with a long one a trend. Each sight adds
luck of its own. All accounts share these four numbers, but how lively an account is differs: its
variances are multiplied by an inverse gamma variable, which makes the whole a Student process.

References
----------
G. E. Uhlenbeck and L. S. Ornstein, "On the theory of the Brownian motion", Phys. Rev. 36 (1930);
A. Shah et al., "Student-t processes as alternatives to Gaussian processes", AISTATS (2014).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.histories import Histories
from models.pairs import Floats

YEAR = 365.0
#: Degrees of freedom: how alike accounts are in how lively they are.
_ALIKE = 4.0
_JITTER = 1e-8


class Law(NamedTuple):
    """The numbers all accounts share; amounts are logs.

    Attributes
    ----------
    level : float
        Variance of an account's first level around what its features tell.
    slope : float
        Variance of its slope a year around what its features tell.
    memory : float
        Years after which a slope is mostly forgotten.
    luck : float
        Variance of a single day around the level.
    """

    level: float
    slope: float
    memory: float
    luck: float


class Solved(NamedTuple):
    """Histories turned into independent numbers of variance one.

    Attributes
    ----------
    root : float64 array of shape (n, k, k)
        Lower Cholesky factors of the covariance of what was seen.
    years : float64 array of shape (n, k)
        Since the first sight; 0 behind the last.
    known : bool array of shape (n, k)
    since : float64 array of shape (n,)
        Day of the first sight; the day asked from, for an account never seen.
    """

    root: Floats
    years: Floats
    known: npt.NDArray[np.bool_]
    since: Floats


class Level(NamedTuple):
    """A level, or a change of it: mean and standard deviation of its log, of shape (n,)."""

    mean: Floats
    deviation: Floats


class Foretold(NamedTuple):
    """Levels today and later, and the change between them.

    ``lively`` multiplies the variances of each account; float64 array of shape (n,).
    """

    now: Level
    later: Level
    change: Level
    lively: Floats


def covariance(law: Law, one: Floats, other: Floats) -> Floats:
    """Covariance of the levels at two times, in years since an account was first seen."""
    tau = law.memory
    both = 2.0 * np.minimum(one, other) / tau - 1.0
    decays = np.exp(-one / tau) + np.exp(-other / tau) - np.exp(-np.abs(one - other) / tau)
    found: Floats = law.level + law.slope * tau**2 * (both + decays)
    return found


def solve(law: Law, seen: Histories) -> Solved:
    """Factor the covariance of every account's history."""
    known = seen.known
    since = np.where(known[:, 0], seen.days[:, 0], 0.0)
    years = np.where(known, seen.days - since[:, None], 0.0) / YEAR
    both = known[:, :, None] & known[:, None, :]
    matrix = np.where(both, covariance(law, years[:, :, None], years[:, None, :]), 0.0)
    own = np.where(known, law.luck / seen.seen + seen.blur + _JITTER, 1.0)
    place = np.arange(known.shape[1])
    matrix[:, place, place] += own
    root = np.linalg.cholesky(matrix).astype(np.float64, copy=False)
    return Solved(root, years, known, since)


def whitened(solved: Solved, columns: Floats) -> Floats:
    """What is left of columns, of shape (n, k, p), when the covariance is taken out of them."""
    inside = np.where(solved.known[:, :, None], columns, 0.0)
    return np.linalg.solve(solved.root, inside).astype(np.float64, copy=False)


def liveliness(solved: Solved, residual: Floats) -> tuple[Floats, Floats]:
    """How much livelier than expected each account was, and minus twice its log likelihood.

    Parameters
    ----------
    residual : float64 array of shape (n, k)
        Whitened.
    """
    squares, k = (residual**2).sum(axis=1), solved.known.sum(axis=1)
    lively = (_ALIKE + squares) / (_ALIKE + k)
    diagonal = np.log(np.diagonal(solved.root, axis1=1, axis2=2)).sum(axis=1)
    return lively, 2.0 * diagonal + (_ALIKE + k) * np.log1p(squares / _ALIKE)


def foretell(law: Law, seen: Histories, level: Floats, slope: Floats, ahead: Floats) -> Foretold:
    """Levels today and ``ahead`` days later.

    Parameters
    ----------
    seen : Histories of n accounts
    level, slope : float64 arrays of shape (n,)
        What features tell of the level at first sight, and of the slope a year.
    ahead : float64 array of shape (n,)
    """
    solved = solve(law, seen)
    line = level[:, None] + slope[:, None] * solved.years
    residual = whitened(solved, np.nan_to_num(seen.logs - line)[:, :, None])[:, :, 0]
    lively, _ = liveliness(solved, residual)
    times = np.maximum(np.stack([np.zeros_like(ahead), ahead]) - solved.since, 0.0) / YEAR
    cross = [covariance(law, one[:, None], solved.years) for one in times]
    # The change is a row of its own: as a difference of two levels it would drown in rounding.
    shares = whitened(solved, np.stack([*cross, cross[1] - cross[0]], axis=2))
    today, then = (covariance(law, one, one) for one in times)
    change = today + then - 2.0 * covariance(law, times[0], times[1])
    variance = np.stack([today, then, change]) - np.einsum("nkp,nkp->pn", shares, shares)
    pull = np.einsum("nkp,nk->pn", shares, residual)
    means = np.stack([level + slope * times[0], level + slope * times[1]])
    means = np.vstack([means, means[1:] - means[:1]]) + pull
    deviation = np.sqrt(np.maximum(variance, 0.0) * lively)
    now, later, moved = (Level(*one) for one in zip(means, deviation, strict=True))
    return Foretold(now, later, moved, lively)
