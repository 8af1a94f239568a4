"""Intervals that hold on later data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
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
_CELLS = 128
_FEWEST = 20
#: Quantiles when too few later promotions were seen to learn them: wider than normal ones.
_UNTESTED = 1.5 * Z80
#: How much of a prediction's own variance may be believed: an unknown one is never quite as sure.
_TRUSTS = (0.25, 0.5, 0.75, 1.0)
#: A surprise so low that nothing is left.
_NOTHING = -50.0


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


#: Columns of a band's cells.
LOW, HIGH, MIDDLE, TYPICAL = 0, 1, 2, 3


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
    trust : float
        How much of what sets a prediction's variance apart from that of its like is believed.
    """

    first: float
    per_log: float
    half: float
    trust: float


@compiled
def place_of(count: int, cells: Cells, log_centre: float) -> tuple[int, float]:
    """Cell that a centre lies in, given as ``log(centre + half)``, and how far in it.

    Nothing jumps between cells. A centre that is unknown lies in the first one.
    """
    if not np.isfinite(log_centre):
        return 0, 0.0
    place = min(max((log_centre - cells.first) * cells.per_log, 0.0), count - 1.0)
    cell = min(int(place), count - 2)
    return cell, place - cell


@compiled
def between(surprises: Floats, cell: int, part: float, column: int) -> float:
    """One column of a band at a place."""
    start: float = surprises[cell, column]
    end: float = surprises[cell + 1, column]
    return start + part * (end - start)


@compiled
def spread_among(typical: float, cells: Cells, variance: float) -> float:
    """Standard deviation to reckon with, of a prediction of some variance among others."""
    spread: float = np.sqrt(typical + cells.trust * (variance - typical))
    return spread


@compiled
def band_end(surprise: float, cells: Cells, log_centre: float, spread: float) -> float:
    """Amount that lies one surprise from a centre, given as ``log(centre + half)``."""
    end: float = np.maximum(np.exp(log_centre + surprise * spread) - cells.half, 0.0)
    return end


@compiled
def quantiles_at(
    surprises: Floats, cells: Cells, log_centre: float, variance: float
) -> tuple[float, float, float]:
    """Low end, median and high end around one centre, given as ``log(centre + half)``.

    Parameters
    ----------
    surprises : float64 array of shape (cells, 4)
        As `Band.surprises`.
    variance : float
        Of the log, as an estimator tells it.
    """
    cell, part = place_of(len(surprises), cells, log_centre)
    spread = spread_among(between(surprises, cell, part, TYPICAL), cells, variance)
    return (
        band_end(between(surprises, cell, part, LOW), cells, log_centre, spread),
        band_end(between(surprises, cell, part, MIDDLE), cells, log_centre, spread),
        band_end(between(surprises, cell, part, HIGH), cells, log_centre, spread),
    )


@compiled
def quantiles_around(
    surprises: Floats, cells: Cells, log_centre: float, variance: float, point: float
) -> tuple[float, float, float]:
    """As `quantiles_at`, the ends moved apart where a point, such as the mean, lies beyond."""
    low, middle, high = quantiles_at(surprises, cells, log_centre, variance)
    return min(low, point), middle, max(high, point)


@compiled
def _ends_of_all(
    surprises: Floats, cells: Cells, log_centre: Floats, spread: Floats, low: Floats, high: Floats
) -> None:
    for i in range(len(log_centre)):
        low[i], _, high[i] = quantiles_at(surprises, cells, log_centre[i], spread[i] * spread[i])


@dataclass(frozen=True)
class Band:
    """Median and 80 % band around a prediction, learnt from what later promotions brought.

    A promotion's surprise is ``log((actual + h) / (centre + h))`` over its expected spread. Its
    quantiles are taken apart for small and large centres. Where more than a tenth brings
    nothing at all, the low end is 0 and the whole fifth that may be missed lies above.

    How unsure a prediction is among others of its size, an estimator tells; how much of that is
    to be believed is learnt too, by what foretells the quantiles best.

    References
    ----------
    J. Lei et al., "Distribution-free predictive inference for regression", JASA 113 (2018).

    Attributes
    ----------
    centres : float64 array of shape (b,)
        Logs of the centres of the bins, rising.
    low, high, middle : float64 arrays of shape (b,)
        Surprises at the ends of the band, and the median one.
    typical : float64 array of shape (b,)
        Usual variance of the log.
    half : float
        ``h``, what makes logs of nothing finite.
    trust : float
        As in `Cells`.
    cells : Cells
    surprises : float64 array of shape (cells, 4)
        The ends, the median and the usual variance between the centres: predictions are made by
        the million, and read these instead of bisecting.
    """

    centres: Floats
    low: Floats
    high: Floats
    middle: Floats
    typical: Floats
    half: float
    trust: float = 1.0
    cells: Cells = field(init=False, repr=False, compare=False)
    surprises: Floats = field(init=False, repr=False, compare=False)

    @classmethod
    def untested(cls, half: float) -> Band:
        """A band half as wide again as a normal one, for want of later promotions."""
        one = np.ones(1)
        return cls(0.0 * one, -_UNTESTED * one, _UNTESTED * one, 0.0 * one, one, half)

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
        off = np.log(actual + half) - log_centre
        edges = np.quantile(log_centre, np.arange(1, bins) / bins)
        own = np.searchsorted(edges, log_centre, side="right")
        members = [np.flatnonzero(own == one) for one in range(bins)]
        members = [here for here in members if len(here)]
        centres = np.array([np.median(log_centre[here]) for here in members])
        typical = np.array([np.mean(spread[here] ** 2) for here in members])
        usual = np.interp(log_centre, centres, typical)
        scales = [np.sqrt(usual + trust * (spread**2 - usual)) for trust in _TRUSTS]
        lost = [sum(_lost(off[here], scale[here]) for here in members) for scale in scales]
        best = int(np.argmin(lost))
        surprise = off / scales[best]
        found = [_ends(surprise[here], actual[here]) for here in members]
        low, high, middle = np.array(found).T
        return cls(centres, low, high, middle, typical, half, _TRUSTS[best])

    def __post_init__(self) -> None:
        grid = np.linspace(self.centres[0], self.centres[-1], _CELLS)
        width = max(float(self.centres[-1] - self.centres[0]), 1e-9)
        told = (self.low, self.high, self.middle, self.typical)
        columns = [np.interp(grid, self.centres, one) for one in told]
        per_log = (_CELLS - 1) / width
        cells = Cells(float(self.centres[0]), per_log, float(self.half), float(self.trust))
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "surprises", settled(np.column_stack(columns), np.float64))

    def apply(self, log_centre: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """Low and high end around each centre, given as ``log(centre + half)``; never below 0."""
        low, high = np.empty((2, len(log_centre)))
        log_centre, spread = (np.ascontiguousarray(one, float) for one in (log_centre, spread))
        _ends_of_all(self.surprises, self.cells, log_centre, spread, low, high)
        return low, high

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same band."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    @classmethod
    def from_state(cls, state: State) -> Band:
        """Band from what `state` gave."""
        names = ("centres", "low", "high", "middle", "typical")
        told: dict[str, Any] = {name: np.asarray(state[name]) for name in names}
        return cls(**told, half=float(state["half"]), trust=float(state["trust"]))


def _lost(off: Floats, scale: Floats) -> float:
    """What quantiles of one bin miss by, each weighed as a quantile is (the pinball loss)."""
    lost = 0.0
    for share in (_MISS / 2, 0.5, 1.0 - _MISS / 2):
        above = off - scale * np.quantile(off / scale, share)
        lost += float(np.maximum(share * above, (share - 1.0) * above).sum())
    return lost


def _ends(surprise: Floats, actual: Floats) -> tuple[float, float, float]:
    """Surprises between which four fifths lie, and the median.

    The ends are the finite-sample quantiles of split conformal.
    """
    n = len(surprise)
    low = float(np.quantile(surprise, max(0.0, _MISS / 2 - 1 / n), method="lower"))
    if (actual <= 0.0).mean() > _MISS / 2:
        # All that is below the low end is nothing, and nothing is inside [0, …].
        low, above = _NOTHING, _MISS
    else:
        above = _MISS / 2
    high = float(np.quantile(surprise, min(1.0, (1.0 - above) * (1 + 1 / n)), method="higher"))
    return low, high, float(np.median(surprise))
