"""Intervals that hold on later data, and promotions whose orders are still arriving."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.compiled import compiled, settled
from models.pairs import Floats, State

#: Half-width of an 80 % interval in standard deviations of a normal variable.
Z80 = 1.2815515655446004
_MISS = 0.2  # what an 80 % interval may miss
_PER_BIN = 150  # promotions that settle two quantiles
_MOST_BINS = 12
_CELLS = 512
_FEWEST = 20
#: Quantiles when too few later promotions were seen to learn them: wider than normal ones.
_UNTESTED = 1.5 * Z80


def later_part(age_days: Floats, share: float = 0.2) -> npt.NDArray[np.bool_]:
    """Mark the youngest ``share`` of the promotions: what an earlier fit can be tested on.

    Nobody is marked when the rest could not be fitted or the test would be of a handful.

    Examples
    --------
    >>> later_part(np.arange(100.0)).sum()
    np.int64(20)
    >>> later_part(np.arange(5.0)).sum()
    np.int64(0)
    """
    if len(age_days) * share < _FEWEST:
        return np.zeros(len(age_days), dtype=bool)
    later: npt.NDArray[np.bool_] = age_days < np.quantile(age_days, share)
    return later


def half_life_weights(age_days: Floats, half_life_days: float) -> Floats:
    """Weights that halve every ``half_life_days``; 1 for a promotion of today."""
    weight: Floats = np.exp2(-np.maximum(age_days, 0.0) / half_life_days)
    return weight


@dataclass(frozen=True)
class Arrival:
    """Share of what a promotion will bring in the end that has arrived at an age.

    Learnt by comparing rates of young promotions with those of settled ones: a rate that is
    lower only because the promotion is young is not a failure. A share never falls with age and
    is 1 from `SETTLED` days on.

    Attributes
    ----------
    ages, shares : float64 arrays
        Upper ends of the age steps in days, and the share at each.
    """

    ages: Floats
    shares: Floats

    #: Ends of the steps; older is settled.
    STEPS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0)
    SETTLED = 21.0
    _WORTH = 10.0  # orders worth of belief that all has arrived

    @classmethod
    def complete(cls) -> Arrival:
        """Everything is there at once."""
        steps = np.array(cls.STEPS)
        return cls(steps, np.ones(len(steps)))

    @classmethod
    def learn(cls, age_days: Floats, trials: Floats, orders: Floats) -> Arrival:
        """Learn the shares.

        Parameters
        ----------
        age_days, trials, orders : float64 arrays of shape (n,)
            All known, trials above 0.
        """
        settled = age_days >= cls.SETTLED
        if not orders[settled].sum() > 0.0:
            return cls.complete()
        expected = trials * (orders[settled].sum() / trials[settled].sum())
        # However large a promotion is, its luck is its own: none counts more than one order.
        trust = 1.0 / (1.0 + expected)
        expected *= (trust * orders)[settled].sum() / (trust * expected)[settled].sum()
        step = np.searchsorted(cls.STEPS, age_days, side="right")
        size = len(cls.STEPS) + 1
        due = np.bincount(step, trust * expected, size)[:-1]
        got = np.bincount(step, trust * orders, size)[:-1]
        share = np.minimum((got + cls._WORTH) / (due + cls._WORTH), 1.0)
        return cls(np.array(cls.STEPS), np.maximum.accumulate(share))

    def share(self, age_days: Floats) -> Floats:
        """Share arrived at each age."""
        found: Floats = np.append(self.shares, 1.0)[
            np.searchsorted(self.ages, age_days, side="right")
        ]
        return found


class Cells(NamedTuple):
    """Where a band is read from its cells, evenly spaced in the log of the centre.

    Attributes
    ----------
    first : float
        Log of the centre of the first cell.
    per_log : float
        Cells per unit of the log.
    half : float
        What makes logs of nothing finite.
    """

    first: float
    per_log: float
    half: float


@compiled
def band_ends(
    surprises: Floats, cells: Cells, log_centre: float, spread: float
) -> tuple[float, float]:
    """Low and high end around one centre, given as ``log(centre + half)``; never below 0.

    Parameters
    ----------
    surprises : float64 array of shape (cells, 2)
        Those at both ends of the band.
    """
    cell = 0
    if np.isfinite(log_centre):
        place = (log_centre - cells.first) * cells.per_log + 0.5
        cell = int(min(max(place, 0.0), len(surprises) - 1.0))
    low = np.exp(log_centre + surprises[cell, 0] * spread) - cells.half
    high = np.exp(log_centre + surprises[cell, 1] * spread) - cells.half
    return np.maximum(low, 0.0), np.maximum(high, 0.0)


@compiled
def _ends_of_all(
    surprises: Floats, cells: Cells, log_centre: Floats, spread: Floats, low: Floats, high: Floats
) -> None:
    for i in range(len(log_centre)):
        low[i], high[i] = band_ends(surprises, cells, log_centre[i], spread[i])


@dataclass(frozen=True)
class Band:
    """80 % band around a prediction, learnt from what later promotions brought.

    A promotion's surprise is ``log((actual + h) / (centre + h))`` over its expected spread. Its
    quantiles are taken apart for small and large centres. Where more than a tenth brings
    nothing at all, the low end is 0 and the whole fifth that may be missed lies above.

    References
    ----------
    J. Lei et al., "Distribution-free predictive inference for regression", JASA 113 (2018).

    Attributes
    ----------
    centres : float64 array of shape (b,)
        Logs of the centres of the bins, rising.
    low, high : float64 arrays of shape (b,)
        Surprises at the ends of the band.
    half : float
        ``h``, what makes logs of nothing finite.
    cells : Cells
    surprises : float64 array of shape (cells, 2)
        The ends between the centres: predictions are made by the million, and read these instead
        of bisecting.
    """

    centres: Floats
    low: Floats
    high: Floats
    half: float
    cells: Cells = field(init=False, repr=False, compare=False)
    surprises: Floats = field(init=False, repr=False, compare=False)

    @classmethod
    def untested(cls, half: float) -> Band:
        """A band half as wide again as a normal one, for want of later promotions."""
        return cls(np.zeros(1), np.array([-_UNTESTED]), np.array([_UNTESTED]), half)

    @classmethod
    def learn(cls, centre: Floats, spread: Floats, actual: Floats, half: float) -> Band:
        """Learn the band.

        Parameters
        ----------
        centre, spread, actual : float64 arrays of shape (n,)
            Prediction, standard deviation of its log, and what came.
        half : float
        """
        if len(centre) < _FEWEST:
            return cls.untested(half)
        bins = int(np.clip(len(centre) // _PER_BIN, 1, _MOST_BINS))
        log_centre = np.log(centre + half)
        surprise = (np.log(actual + half) - log_centre) / spread
        edges = np.quantile(log_centre, np.arange(1, bins) / bins)
        own = np.searchsorted(edges, log_centre, side="right")
        found = []
        for one in range(bins):
            here = own == one
            if not here.any():
                continue
            found.append((float(np.median(log_centre[here])), *_ends(surprise[here], actual[here])))
        centres, low, high = (np.array(part) for part in zip(*found, strict=True))
        return cls(centres, low, high, half)

    def __post_init__(self) -> None:
        grid = np.linspace(self.centres[0], self.centres[-1], _CELLS)
        width = max(float(self.centres[-1] - self.centres[0]), 1e-9)
        ends = [np.interp(grid, self.centres, one) for one in (self.low, self.high)]
        cells = Cells(float(self.centres[0]), (_CELLS - 1) / width, float(self.half))
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "surprises", settled(np.column_stack(ends), np.float64))

    def apply(self, log_centre: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """Low and high end around each centre, given as ``log(centre + half)``; never below 0."""
        low, high = np.empty((2, len(log_centre)))
        log_centre, spread = (np.ascontiguousarray(one, float) for one in (log_centre, spread))
        _ends_of_all(self.surprises, self.cells, log_centre, spread, low, high)
        return low, high

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same band."""
        return {
            "centres": self.centres,
            "low": self.low,
            "high": self.high,
            "half": self.half,
        }

    @classmethod
    def from_state(cls, state: State) -> Band:
        """Band from what `state` gave."""
        centres, low, high = (np.asarray(state[name]) for name in ("centres", "low", "high"))
        return cls(centres, low, high, float(state["half"]))


def _ends(surprise: Floats, actual: Floats) -> tuple[float, float]:
    """Surprises between which four fifths lie: the finite-sample quantiles of split conformal."""
    n = len(surprise)
    low = float(np.quantile(surprise, max(0.0, _MISS / 2 - 1 / n), method="lower"))
    if (actual <= 0.0).mean() > _MISS / 2:
        # All that is below the low end is nothing, and nothing is inside [0, …].
        low, above = min(low, float(surprise.min())), _MISS
    else:
        above = _MISS / 2
    high = float(np.quantile(surprise, min(1.0, (1.0 - above) * (1 + 1 / n)), method="higher"))
    return low, high
