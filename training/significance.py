"""How sure a comparison is: bootstrap intervals, paired tests, and a correction for several.

The unit is the asker: lists of one asker are judged by one figure each, and methods are compared
on the same askers. Everything is seeded, so the same figures give the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from models.pairs import Floats

#: Sums that differ by no more than this share of their size are ties, rounded differently.
_TIE = 1e-9
#: Cells of a table of draws by askers that are held at once.
_CELLS = 1 << 21


def bootstrap(
    values: Floats, *, seed: int = 0, level: float = 0.95, draws: int = 2000
) -> tuple[float, float]:
    """Interval of the mean over lists, by drawing lists with replacement.

    For the difference of two methods on the same lists, give the differences.

    Parameters
    ----------
    values : float array of shape (n,)
        NaN entries are left out.
    seed : int
    level : float
        Share of draws inside the interval.
    draws : int

    Returns
    -------
    low, high : float
        NaN when no value is known.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", 1993 (percentile interval).

    Examples
    --------
    >>> low, high = bootstrap(np.array([0.0, 1.0] * 50))
    >>> bool(low < 0.5 < high)
    True
    """
    low, high = bootstrap_columns(values[:, None], seed=seed, level=level, draws=draws)
    return float(low[0]), float(high[0])


def bootstrap_columns(
    values: Floats, *, seed: int = 0, level: float = 0.95, draws: int = 2000
) -> tuple[Floats, Floats]:
    """Intervals of the mean of every column, all by the same draws of rows.

    Parameters
    ----------
    values : float array of shape (n, m)
        A row per list, a column per figure; rows with a NaN are left out.

    Returns
    -------
    low, high : float64 arrays of shape (m,)
    """
    known = values[~np.isnan(values).any(axis=1)]
    n = len(known)
    if not n:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    rng = np.random.default_rng(seed)
    means = np.empty((draws, values.shape[1]))
    step = max(1, _CELLS // n)
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        for start in range(0, draws, step):
            block = means[start : start + step]
            drawn = rng.integers(0, n, (len(block), n)) + n * np.arange(len(block))[:, None]
            counts = np.bincount(drawn.ravel(), minlength=len(block) * n).reshape(len(block), n)
            block[:] = counts.astype(np.float64) @ known / n
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def sign_flip(differences: Floats, *, seed: int = 0, draws: int = 9_999) -> float:
    """Two-sided p-value of a paired randomisation test that two methods are alike.

    Were they alike, each difference might as well have had the other sign. The p-value is the share
    of sign patterns whose mean lies at least as far from 0 as the observed one: of all patterns
    where there are no more than ``draws``, else of as many drawn ones and the observed.

    Parameters
    ----------
    differences : float array of shape (n,)
        One method minus the other, on the same askers; NaN entries are left out.
    seed, draws : int

    Returns
    -------
    float in (0, 1]; NaN when no difference is known

    References
    ----------
    Fisher, "The design of experiments", 1935; Smucker, Allan and Carterette, "A comparison of
    statistical significance tests for information retrieval evaluation", CIKM 2007.

    Examples
    --------
    >>> sign_flip(np.array([0.1, 0.2, 0.3, 0.4]))  # 2 of the 2**4 patterns are as far from 0
    0.125
    """
    known = differences[~np.isnan(differences)]
    if not len(known):
        return float("nan")
    moved = known[known != 0]  # a zero is zero with either sign
    if not len(moved):
        return 1.0
    observed = abs(moved.sum()) * (1 - _TIE)
    if 2 ** min(len(moved), 60) <= draws:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(moved)))).reshape(-1, len(moved))
        return float((np.abs(np.einsum("ij,j->i", signs, moved)) >= observed).mean())
    rng = np.random.default_rng(seed)
    as_far = 0
    step = max(1, _CELLS // len(moved))
    for start in range(0, draws, step):
        size = (min(step, draws - start), len(moved))
        flipped = rng.integers(0, 2, size, dtype=np.int8)
        # Turning the signs of some takes twice their sum away.
        sums = moved.sum() - 2 * np.einsum("ij,j->i", flipped, moved)
        as_far += int((np.abs(sums) >= observed).sum())
    return (1 + as_far) / (1 + draws)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for how many of them there are.

    Parameters
    ----------
    p_values : sequence of float
        NaN stays NaN and does not count.

    Returns
    -------
    list of float
        Below a level only where the chance that any true likeness is called a difference stays
        below that level.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])  # 3 × 0.01, then 2 × 0.03, then no less than that
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")[: int((~np.isnan(given)).sum())]
    stepped = given[order] * np.arange(len(order), 0, -1)
    corrected = np.full(len(given), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(one) for one in corrected]


@dataclass(frozen=True)
class Lead:
    """How far one method is ahead of another on the same askers.

    Attributes
    ----------
    mean, low, high : float
        Mean difference and its 95 % bootstrap interval over askers.
    p : float
        Of the sign-flip test.
    """

    mean: float
    low: float
    high: float
    p: float

    @classmethod
    def of(cls, ours: Floats, theirs: Floats, *, seed: int = 0) -> Self:
        """Compare figures of the same askers in the same order.

        Raises
        ------
        ValueError
            When there are not as many of one as of the other.

        Examples
        --------
        >>> lead = Lead.of(np.array([0.5, 0.5, 1.0, 0.5]), np.array([0.0, 0.5, 0.5, 0.25]))
        >>> lead.mean, lead.p  # three differences, all of one sign: 2 patterns of 2**3
        (0.3125, 0.25)
        """
        if len(ours) != len(theirs):
            raise ValueError(
                f"{len(ours)} figures against {len(theirs)}; a paired test needs both methods on "
                "the same askers"
            )
        apart = ours - theirs
        known = apart[~np.isnan(apart)]
        mean = float(known.mean()) if len(known) else float("nan")
        low, high = bootstrap(apart, seed=seed)
        return cls(mean, low, high, sign_flip(apart, seed=seed))
