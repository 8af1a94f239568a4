"""What all accounts share of how they move, learnt from their histories.

The law and what features tell of levels and slopes are settled in turns: the features' lines by
generalised least squares under the law, lively accounts counting less; the law by likelihood, of
what the lines leave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from models.drifting import Law, liveliness, solve, whitened
from models.features import EntityFeatures
from models.histories import Histories
from models.pairs import Floats

_ROUNDS = 3
_DRIFT_PRIOR = 0.04  # variance of what everybody's slope is, a year
_FEATURES_WORTH = 0.2  # of what a feature may do to a slope a year, against what to a level

#: What is believed of the law before anything was seen, and how unsure that is: a standard
#: deviation of each number's log.
_GUESS, _DOUBT = Law(level=0.5, slope=0.05, memory=1.0, luck=0.05), 2.0
_LOWEST, _HIGHEST = np.log([1e-4, 1e-6, 0.02, 1e-7]), np.log([25.0, 25.0, 10.0, 4.0])
_FIRST_STEPS = np.diag([0.7, 1.5, 1.0, 1.5])
_SEARCH = {"maxfev": 50, "xatol": 0.02, "fatol": 0.1}


@dataclass(frozen=True)
class FeatureLine:
    """Features of ``n`` accounts as columns of a linear predictor, behind a column of ones.

    Attributes
    ----------
    basis : float64 array of shape (n, p)
    prior : float64 array of shape (p,)
        Variance expected of each coefficient.
    parts : list of slice
        Which columns come of each feature.
    known : bool array of shape (n, number of features)
    """

    basis: Floats
    prior: Floats
    parts: list[slice]
    known: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, features: EntityFeatures | None, n: int) -> FeatureLine:
        """Columns of features; the ones alone where there are none."""
        features = features or EntityFeatures((), np.empty((n, 0)))
        columns, prior, parts, width = [np.ones((n, 1))], [np.ones(1)], [], 1
        for i, name in enumerate(features.names):
            one, variances = EntityFeatures((name,), features.values[:, i : i + 1]).basis()
            columns.append(one[:-1])
            prior.append(variances)
            parts.append(slice(width, width + len(variances)))
            width += len(variances)
        known = np.isfinite(features.values)
        return cls(np.column_stack(columns), np.concatenate(prior), parts, known)

    def take(self, rows: npt.NDArray[Any]) -> FeatureLine:
        """Those accounts that an index array picks."""
        return replace(self, basis=self.basis[rows], known=self.known[rows])

    def told(self, rows: npt.NDArray[Any], coefficients: Floats) -> Floats:
        """What the features tell of some accounts."""
        found: Floats = self.basis[rows] @ coefficients
        return found

    def doubt(self, rows: npt.NDArray[Any], coefficients: Floats) -> Floats:
        """Variance of what the features would tell that are not known of each account."""
        found = np.zeros(len(rows))
        for part, known in zip(self.parts, self.known.T, strict=True):
            told = (self.basis[:, part] @ coefficients[part])[known]
            if len(told):
                found += np.where(known[rows], 0.0, told.var())
        return found


def learn(seen: Histories, level: FeatureLine, slope: FeatureLine) -> tuple[Law, Floats, Floats]:
    """The law, and the coefficients of the levels at first sight and of the slopes a year.

    Parameters
    ----------
    seen : Histories of n accounts, each seen at least once
    level, slope : FeatureLine of n accounts
    """
    where = len(level.prior)
    prior = np.concatenate([level.prior, slope.prior * _FEATURES_WORTH])
    prior[where] = _DRIFT_PRIOR
    middle = float(np.median(seen.logs[:, 0]))
    logs = seen.logs - middle
    law, coefficients = _GUESS, np.zeros(len(prior))
    for _ in range(_ROUNDS):
        solved = solve(law, seen)
        levels = np.broadcast_to(level.basis[:, None, :], (*solved.years.shape, where))
        slopes = slope.basis[:, None, :] * solved.years[:, :, None]
        columns = np.concatenate([levels, slopes], axis=2)
        straight = whitened(solved, np.concatenate([columns, logs[:, :, None]], axis=2))
        for _ in range(_ROUNDS):
            rest = straight[:, :, -1] - straight[:, :, :-1] @ coefficients
            lively, _ = liveliness(solved, rest)
            flat = (straight / np.sqrt(lively)[:, None, None]).reshape(-1, len(prior) + 1)
            curvature = flat[:, :-1].T @ flat[:, :-1] + np.diag(1.0 / prior)
            pull = flat[:, :-1].T @ flat[:, -1]
            coefficients = np.linalg.solve(curvature, pull).astype(np.float64)
        law = likeliest(seen, logs - columns @ coefficients, law)
    coefficients[0] += middle
    return law, coefficients[:where], coefficients[where:]


def likeliest(seen: Histories, rest: Floats, before: Law) -> Law:
    """The law under which histories are likeliest.

    Parameters
    ----------
    rest : float64 array of shape (n, k)
        Logs without what features tell; NaN where nothing was seen.
    before : Law
        Where to begin.
    """
    column = np.nan_to_num(rest)[:, :, None]

    def surprise(logs: Floats) -> float:
        solved = solve(Law(*np.exp(np.clip(logs, _LOWEST, _HIGHEST))), seen)
        _, doubled = liveliness(solved, whitened(solved, column)[:, :, 0])
        return float(doubled.sum() + (((logs - np.log(_GUESS)) / _DOUBT) ** 2).sum())

    start = np.log(before)
    corners = np.clip(np.vstack([start, start + _FIRST_STEPS]), _LOWEST, _HIGHEST)
    options = {**_SEARCH, "initial_simplex": corners}
    found = minimize(surprise, start, method="Nelder-Mead", options=options)
    return Law(*(float(one) for one in np.exp(np.clip(found.x, _LOWEST, _HIGHEST))))
