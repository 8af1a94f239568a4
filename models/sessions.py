"""How many sessions a week a creator holds."""

from __future__ import annotations

from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from models.calibration import Band, half_life_weights
from models.features import EntityFeatures
from models.pairs import Floats, Interval
from models.shrinkage import Alone, Effects, shrink_counts
from models.vocabulary import Rows

_WEEK = 7.0
_ROUNDS = 8
_GUESS = 0.5  # variance of log rates between creators, before anything was seen
_HALF = 0.5


class SessionRate:
    """Sessions a week of each creator: gamma-Poisson shrunk, recent weeks counting more.

    A creator's rate lies between what its own weeks show and what creators with its features
    hold; few weeks say little. The interval is for the sessions that the coming days will really
    see, and its width is learnt on the last of as many days, from a fit to those before.

    Parameters
    ----------
    half_life_days : float
        Age at which a week counts half.
    horizon_days : float
        Coming days that the interval is for.

    Attributes
    ----------
    effects_ : Effects
        Logs of the rates, over `usual_`.
    usual_ : float
        Sessions a week of all creators together, by their number.
    band_ : Band
        For the number of sessions in the coming days.
    """

    def __init__(self, half_life_days: float = 90.0, horizon_days: float = 30.0) -> None:
        self.half_life_days = half_life_days
        self.horizon_days = horizon_days

    effects_: Effects
    usual_: float
    band_: Band

    def fit(
        self, creator: Rows, age_days: Floats, present_days: Floats, features: EntityFeatures
    ) -> Self:
        """Learn from past sessions.

        Parameters
        ----------
        creator : int array of shape (m,)
            Whose session each was.
        age_days : float64 array of shape (m,)
            Days from the session to today, 0 or more.
        present_days : float64 array of shape (n,)
            For how long sessions of each creator would have been seen.
        features : EntityFeatures of n creators

        Raises
        ------
        ValueError
            When there is no session, or one is of the time before its creator was present.
        """
        if not len(creator):
            raise ValueError("got no session, expected at least one; leave this model out")
        early = int((age_days > present_days[creator]).sum())
        if early or age_days.min() < 0.0:
            raise ValueError(
                f"{early} of {len(creator)} sessions are older than their creator's presence and "
                f"the youngest is {age_days.min():g} days old; expected ages between 0 and that"
            )
        basis, prior = features.basis()
        self._basis, self._prior = basis[:-1], prior
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            self.band_ = self._tested(creator, age_days, present_days)
            self._learn(creator, age_days, present_days)
        return self

    def predict(self) -> Interval:
        """Sessions a week of every creator; the ends are for the mean of the coming days."""
        weeks = self.horizon_days / _WEEK
        expected, spread = self._expected(weeks)
        low, high = self.band_.apply(np.log(expected + _HALF), spread)
        # Sessions come in whole numbers; what is expected of them need not.
        low, high = np.ceil(low) + 0.0, np.floor(high)
        low, high = np.minimum(low, expected), np.maximum(high, expected)
        return Interval(expected / weeks, low / weeks, high / weeks)

    def _expected(self, weeks: float) -> tuple[Floats, Floats]:
        """Sessions expected in some weeks, and the deviation of the log of what comes."""
        expected = self.usual_ * weeks * np.exp(self.effects_.mean)
        return expected, np.sqrt(self.effects_.spread + 1.0 / (expected + _HALF))

    def _learn(self, creator: Rows, age_days: Floats, present_days: Floats) -> None:
        n = len(present_days)
        week = np.floor(age_days / _WEEK)
        last = np.ceil(np.maximum(present_days, age_days.max()) / _WEEK)
        weeks = np.arange(float(last.max()) + 1.0)
        # A week is one sight; the oldest is counted by the part of it that was seen.
        weight = half_life_weights((weeks + 0.5) * _WEEK, self.half_life_days)
        part = np.clip(present_days[:, None] / _WEEK - weeks, 0.0, 1.0)
        mass, squares = part @ weight, part**2 @ weight**2
        cells, count = np.unique(
            creator.astype(np.int64) * len(weeks) + week.astype(np.int64), return_counts=True
        )
        who, when = np.divmod(cells, len(weeks))
        got = np.bincount(who, weight[when] * count, n).astype(np.float64)
        own = weight[when] ** 2 * count
        # Of each week the square of its own share of the creator's presence.
        shared = np.bincount(who, own * part[who, when], n)
        both = np.bincount(who, own * count, n)
        self.usual_ = float(got.sum() / mass.sum())
        expected = mass * self.usual_
        effects = Effects.none(self._basis, _GUESS)
        for _ in range(_ROUNDS):
            level = self.usual_ * np.exp(self._basis @ effects.coefficients)
            deviations = both - 2.0 * level * shared + level**2 * squares
            alone = Alone(deviations, level**2 * squares)
            effects = shrink_counts(got, expected, alone, self._basis, self._prior, effects)
        self.effects_ = effects

    def _tested(self, creator: Rows, age_days: Floats, present_days: Floats) -> Band:
        """What the last days held, beside what was expected of them before."""
        past = age_days >= self.horizon_days
        there = present_days > self.horizon_days
        if not past.any() or past.all():
            return Band.untested(_HALF)
        before = np.maximum(present_days - self.horizon_days, 0.0)
        self._learn(creator[past], age_days[past] - self.horizon_days, before)
        expected, spread = self._expected(self.horizon_days / _WEEK)
        came = np.bincount(creator[~past], minlength=len(present_days)).astype(np.float64)
        return Band.learn(expected[there], spread[there], came[there], _HALF)
