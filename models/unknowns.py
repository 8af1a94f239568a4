"""What features that are not told may be: their likely values, and how unsure these are.

An entity with hidden numbers is not an average one. Its unknown features are taken to be what the
known ones make likely, as if all were jointly normal; what that leaves open is carried on, so that
who is less known is shrunk less towards what its features tell.

References
----------
A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the EM
algorithm", Journal of the Royal Statistical Society B 39 (1977).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from models.pairs import Floats

_ROUNDS = 8  # of expectation and maximisation; values settle in some five
_MOST_PATTERNS = 256  # of missing cells, the commonest, that the joint distribution is learnt from
_RIDGE = 0.02  # of each variance, for columns that tell the same


class _Pattern(NamedTuple):
    """Entities of which the same columns are unknown."""

    rows: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Unknowns:
    """Entities by what is unknown of them, and what that leaves open.

    Attributes
    ----------
    count : int
        Number of entities.
    open : tuple of (rows, columns, covariance)
        Of each pattern of unknown cells: the entities, the unknown columns and their covariance
        given the known ones.
    """

    count: int
    open: tuple[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats], ...]

    def among(self, columns: npt.NDArray[np.int64], count: int) -> Unknowns:
        """The same where its columns are these among others that are known, for more entities."""
        return Unknowns(count, tuple((rows, columns[own], left) for rows, own, left in self.open))

    def doubt(self, coefficients: Floats) -> Floats:
        """Variance of each entity's linear predictor; float64 array of shape (count,)."""
        found = np.zeros(self.count)
        for rows, columns, covariance in self.open:
            own = coefficients[columns]
            found[rows] = max(float(own @ covariance @ own), 0.0)
        return found


def fill(values: Floats, unknown: npt.NDArray[np.bool_]) -> tuple[Floats, Unknowns]:
    """Fill unknown cells by their means given the known ones.

    Parameters
    ----------
    values : float64 array of shape (n, p)
        What stands in unknown cells is not read.
    unknown : bool array of shape (n, p)

    Examples
    --------
    Twice as many followers go with twice as many views; who hides the followers has about as many
    as others with its views:

    >>> views = np.arange(41.0) - 20.0
    >>> told = np.column_stack([views, 2.0 * views])
    >>> hidden = np.zeros((41, 2), dtype=bool)
    >>> hidden[35, 1] = True
    >>> filled, unknowns = fill(told, hidden)
    >>> filled[35].round(), unknowns.doubt(np.array([0.0, 1.0]))[34:36].round()
    (array([15., 29.]), array([ 0., 11.]))
    """
    patterns = _patterns(unknown)
    filled, opened = values.copy(), []
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        mean, covariance = _jointly(values, unknown, patterns[:_MOST_PATTERNS])
        for one in patterns:
            if len(one.unknown):
                cells = np.ix_(one.rows, one.unknown)
                filled[cells], open_ = _given(values, one, mean, covariance)
                opened.append((one.rows, one.unknown, open_))
    return filled, Unknowns(len(values), tuple(opened))


def _jointly(
    values: Floats, unknown: npt.NDArray[np.bool_], patterns: list[_Pattern]
) -> tuple[Floats, Floats]:
    """Mean and covariance of the columns, learnt from the entities of some patterns."""
    rows = np.concatenate([one.rows for one in patterns])
    filled = values.copy()
    known = np.maximum((~unknown).sum(axis=0), 1)
    mean = np.where(unknown, 0.0, values).sum(axis=0) / known
    spread = np.where(unknown, 0.0, (values - mean) ** 2).sum(axis=0) / known
    covariance = np.diag(np.maximum(spread, 1e-9))
    for _ in range(_ROUNDS):
        left = np.zeros_like(covariance)
        for one in patterns:
            if len(one.unknown):
                filled[np.ix_(one.rows, one.unknown)], open_ = _given(values, one, mean, covariance)
                left[np.ix_(one.unknown, one.unknown)] += len(one.rows) * open_
        some = filled[rows]
        mean = some.mean(axis=0)
        covariance = ((some - mean).T @ (some - mean) + left) / len(rows)
    return mean, covariance


def _given(
    values: Floats, pattern: _Pattern, mean: Floats, covariance: Floats
) -> tuple[Floats, Floats]:
    """Mean and covariance of what is unknown in a pattern, given what is known."""
    known, unknown = pattern.known, pattern.unknown
    between = covariance[np.ix_(known, unknown)]
    within = covariance[np.ix_(known, known)]
    within[np.diag_indices_from(within)] *= 1.0 + _RIDGE
    slopes = np.linalg.solve(within, between) if len(known) else between
    off = values[np.ix_(pattern.rows, known)] - mean[known]
    return mean[unknown] + off @ slopes, covariance[np.ix_(unknown, unknown)] - between.T @ slopes


def _patterns(unknown: npt.NDArray[np.bool_]) -> list[_Pattern]:
    """Patterns of unknown cells, the commonest first."""
    masks, own, counts = np.unique(unknown, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(own.ravel(), kind="stable")
    parts = np.split(order, np.cumsum(counts)[:-1])
    found = [
        _Pattern(rows, np.flatnonzero(~mask), np.flatnonzero(mask))
        for rows, mask in zip(parts, masks, strict=True)
    ]
    return sorted(found, key=lambda one: -len(one.rows))
