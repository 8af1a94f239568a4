"""Whether predicted rates can be trusted: reliability tables and calibration error.

A *rate* is what was predicted of each row, before anybody knew; *trials* and *successes* are what
came. Everything takes plain arrays, from a market or from anywhere else.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.pairs import Floats

_DRAWS = 500
_LEAST = 1e-12


def reliability_table(
    rate: Floats, trials: Floats, successes: Floats, *, groups: int = 10
) -> pd.DataFrame:
    """Observed rates in groups of rising predicted rate, each with about as many trials.

    Parameters
    ----------
    rate, trials, successes : float64 arrays of shape (n,)
        Rows with an unknown one, or without trials, are passed over.
    groups : int

    Returns
    -------
    DataFrame
        ``trials``, the rate ``predicted`` and the rate ``observed``, with the 80 % interval of the
        latter (``observed_low``, ``observed_high``) by drawing rows with replacement: rows differ
        by more than chance, so an interval from the trials alone would be too short. Groups that
        no row falls into are left out.

    Examples
    --------
    >>> rate, trials = np.array([0.1, 0.3]), np.array([50.0, 50.0])
    >>> made = reliability_table(rate, trials, np.array([4.0, 16.0]))
    >>> made[["trials", "predicted", "observed"]].round(2).to_numpy().tolist()
    [[50.0, 0.1, 0.08], [50.0, 0.3, 0.32]]
    """
    rate, trials, successes = _known(rate, trials, successes)
    group = _groups(trials, groups)
    count, hits, expected = _sums(group, trials, successes, rate * trials)
    ends = [_ends(successes[group == one], trials[group == one]) for one in np.unique(group)]
    return pd.DataFrame(
        {
            "trials": count,
            "predicted": expected / count,
            "observed": hits / count,
            "observed_low": [low for low, _ in ends],
            "observed_high": [high for _, high in ends],
        }
    )


def calibration_error(
    rate: Floats, trials: Floats, successes: Floats, *, groups: int = 10
) -> float:
    """Expected calibration error: how far observed rates lie from predicted ones, by group.

    Groups are those of `reliability_table`; each counts by its trials. NaN without any trial.

    References
    ----------
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI 2015; groups of equal weight instead of equal width.

    Examples
    --------
    Two groups of 50 trials, .02 too high and .02 too low:

    >>> rate, trials = np.array([0.1, 0.3]), np.array([50.0, 50.0])
    >>> round(calibration_error(rate, trials, np.array([4.0, 16.0])), 3)
    0.02
    """
    rate, trials, successes = _known(rate, trials, successes)
    if not len(rate):
        return float("nan")
    (apart,) = _sums(_groups(trials, groups), rate * trials - successes)
    return float(np.abs(apart).sum() / trials.sum())


def error_by_chance(
    rate: Floats, trials: Floats, *, groups: int = 10, draws: int = 100, seed: int = 0
) -> float:
    """Calibration error that rates which are exactly right would show, by the luck of trials.

    Parameters
    ----------
    rate, trials : float64 arrays of shape (n,)
        Trials are whole numbers.
    groups, draws, seed : int

    Examples
    --------
    A coin thrown 100 times lies .04 beside one half on average:

    >>> round(error_by_chance(np.array([0.5]), np.array([100.0]), draws=400), 2)
    0.04
    """
    rate, trials, _ = _known(rate, trials, trials)
    draw = np.random.default_rng(seed)
    found = [
        calibration_error(
            rate, trials, draw.binomial(trials.astype(int), rate).astype(float), groups=groups
        )
        for _ in range(draws)
    ]
    return float(np.mean(found))


def _known(rate: Floats, trials: Floats, successes: Floats) -> tuple[Floats, Floats, Floats]:
    """Rows of which all is known and that had trials, by rising rate."""
    rate, trials, successes = (np.asarray(one, dtype=float) for one in (rate, trials, successes))
    known = np.isfinite(rate) & np.isfinite(trials) & np.isfinite(successes) & (trials > 0)
    order = np.flatnonzero(known)[np.argsort(rate[known], kind="stable")]
    return rate[order], trials[order], successes[order]


def _groups(trials: Floats, groups: int) -> npt.NDArray[np.int64]:
    """Group of each row, as many trials in each as may be."""
    behind = np.cumsum(trials) - trials / 2
    return np.floor(groups * behind / max(float(trials.sum()), _LEAST)).astype(np.int64)


def _sums(group: npt.NDArray[np.int64], *columns: Floats) -> list[Floats]:
    """Sums of columns by group, groups without rows left out."""
    there = np.bincount(group) > 0
    return [np.bincount(group, column)[there].astype(float) for column in columns]


def _ends(successes: Floats, trials: Floats) -> tuple[float, float]:
    """80 % interval of a rate, by drawing rows with replacement."""
    draws = np.random.default_rng(0).multinomial(
        len(trials), np.full(len(trials), 1 / len(trials)), size=_DRAWS
    )
    low, high = np.quantile((draws @ successes) / (draws @ trials), [0.1, 0.9])
    return float(low), float(high)
