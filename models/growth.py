"""How accounts will develop: followers, views a day, or any amount seen now and then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from models.calibration import Z80
from models.drift_law import FeatureLine, learn
from models.drifting import Foretold, Law, Level, foretell
from models.features import EntityFeatures
from models.histories import Histories
from models.pairs import Floats, Interval

_Rows = npt.NDArray[np.int64]

_MOST_LEARNT = 1200, 400  # accounts seen several times, and once, that settle everything
_LOOKED_BACK = 4  # latest sights that are foretold, each from up to as many moments before
_BLOCK = 4096
_FEWEST = 20  # steps that make a quantile
_PER_BIN = 300
_MOST_BINS = 4
_UNTESTED = 1.5 * Z80
_STAYS = np.arange(11) / 10


@dataclass(frozen=True)
class Development:
    """What is foretold of ``n`` accounts; intervals of 80 %.

    Attributes
    ----------
    now : Interval
        The level today; NaN for an account never seen.
    later : Interval
        On the day asked for: the point is the mean of a day, the ends are for a single day. An
        account never seen has what its like have.
    growth : Interval
        Factor between the two levels, 1 = no growth; the point is the median.
    """

    now: Interval
    later: Interval
    growth: Interval


class _Steps(NamedTuple):
    """Sights foretold from earlier ones; float64 arrays of shape (m,), all logs.

    ``last`` is what had been seen last, NaN where nothing had; ``wait`` days lie between.
    """

    wait: Floats
    last: Floats
    actual: Floats
    expected: Floats
    deviation: Floats


class Growth:
    """Levels of accounts and where they go, each shrunk towards what accounts like it do.

    Every account has a level and a slope (`models.drifting`). An account seen once has the slope
    of those like it; one seen often its own, as far as luck from day to day lets it be seen.
    Slopes are forgotten at a pace that is learnt, so that far forecasts bend to persistence. What
    else the panel's own past teaches: each of the latest sights is foretold from those before it.
    That settles how far a forecast had better stay with what was seen last, and how wide an
    interval must be.

    Attributes
    ----------
    law_ : Law
    level_, slope_ : float64 arrays
        Coefficients of what features tell of the level, and of the slope a year.
    stay_ : float
        Share of persistence in a forecast: 1 says that what was seen last stays.
    mean_factor_ : float
        Mean of a day's amount over its median.
    ends_ : float64 array of shape (b, 3)
        Log of a wait in days, rising, and the ends of the interval in expected deviations.
    unseen_ends_ : float64 array of shape (2,)
        Those ends for accounts never seen.
    """

    law_: Law
    level_: Floats
    slope_: Floats
    stay_: float
    mean_factor_: float
    ends_: Floats
    unseen_ends_: Floats

    def fit(
        self,
        seen: Histories,
        *,
        level: EntityFeatures | None = None,
        slope: EntityFeatures | None = None,
    ) -> Self:
        """Learn from histories.

        Parameters
        ----------
        seen : Histories of n accounts
        level, slope : EntityFeatures of n accounts, optional
            What levels and slopes may depend on; nothing when not given.

        Raises
        ------
        ValueError
            When no account was ever seen.
        """
        if not seen.counts.any():
            raise ValueError(
                f"none of {len(seen)} accounts was ever seen, expected at least one; "
                "leave this model out"
            )
        self._seen = seen
        self._level, self._slope = (
            FeatureLine.of(level, len(seen)),
            FeatureLine.of(slope, len(seen)),
        )
        rows = _some(seen.counts)
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            self.law_, self.level_, self.slope_ = learn(
                seen.take(rows), self._level.take(rows), self._slope.take(rows)
            )
            self._calibrate(rows)
        return self

    def predict(self, days: float = 30.0) -> Development:
        """Foretell every account that the model was fitted with.

        Parameters
        ----------
        days : float
            How far ahead of the day asked from.
        """
        found = np.empty((9, len(self._seen)))
        with threadpool_limits(1, user_api="blas"):
            for start in range(0, found.shape[1], _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, found.shape[1]))
                found[:, rows] = self._development(rows, days)
        return Development(*(Interval(*found[i : i + 3]) for i in (0, 3, 6)))

    def _development(self, rows: _Rows, days: float) -> Floats:
        seen = self._seen.take(rows)
        told = self._foretell(rows, seen, np.full(len(rows), days))
        last = seen.at(seen.counts - 1)
        unseen = seen.counts == 0
        low, high = self._ends(days - last.day, unseen)
        # Today's level is waited for as long as it was not seen.
        near_low, near_high = self._ends(-last.day, unseen)
        now = np.where(unseen, np.nan, told.now.mean)
        later = self._stayed(told.later.mean, last.log)
        change = told.change.mean + later - told.later.mean
        spread = np.sqrt(told.later.deviation**2 + told.lively * self.law_.luck)
        logs = [
            *(now, now + near_low * told.now.deviation, now + near_high * told.now.deviation),
            *(later + np.log(self.mean_factor_), later + low * spread, later + high * spread),
            *(change, change + low * told.change.deviation, change + high * told.change.deviation),
        ]
        found: Floats = np.exp(np.stack(logs))
        return found

    def _foretell(self, rows: _Rows, seen: Histories, ahead: Floats) -> Foretold:
        level, slope = (
            self._level.told(rows, self.level_),
            self._slope.told(rows, self.slope_),
        )
        told = foretell(self.law_, seen, level, slope, ahead)
        # Where not even the features are known, levels may lie where any account's may.
        doubt = np.where(seen.counts == 0, self._level.doubt(rows, self.level_), 0.0)
        now, later = (
            Level(one.mean, np.sqrt(one.deviation**2 + doubt)) for one in (told.now, told.later)
        )
        return told._replace(now=now, later=later)

    def _stayed(self, later: Floats, last: Floats) -> Floats:
        found: Floats = np.where(np.isfinite(last), later + self.stay_ * (last - later), later)
        return found

    def _calibrate(self, rows: _Rows) -> None:
        """Learn from what would have been foretold of the latest sights."""
        self.stay_, self.mean_factor_ = 0.0, 1.0
        self.unseen_ends_ = np.array([-_UNTESTED, _UNTESTED])
        self.ends_ = np.array([[0.0, -_UNTESTED, _UNTESTED]])
        steps = self._steps(rows)
        known = np.isfinite(steps.last)
        if known.sum() < _FEWEST:
            return
        past, first = (_Steps(*(one[part] for one in steps)) for part in (known, ~known))
        errors = np.abs(past.actual - past.expected - _STAYS[:, None] * (past.last - past.expected))
        # Many small steps and few large ones: neither alone shall decide.
        loss = np.median(errors, axis=1) + errors.mean(axis=1)
        self.stay_ = float(_STAYS[np.argmin(loss)])
        expected = self._stayed(past.expected, past.last)
        surprise = (past.actual - expected) / past.deviation
        self.ends_ = _ends_by(np.log1p(past.wait), surprise)
        if len(first.wait) >= _FEWEST:
            surprises = (first.actual - first.expected) / first.deviation
            self.unseen_ends_ = _ends_by(np.zeros(len(surprises)), surprises)[0, 1:]
        size = np.exp(expected / 2.0)  # a root, so that giants do not decide alone
        self.mean_factor_ = float(size @ np.exp(past.actual - expected) / size.sum())

    def _steps(self, rows: _Rows) -> _Steps:
        seen = self._seen.take(rows)
        parts = []
        for drop in range(_LOOKED_BACK):
            count = seen.counts - 1 - drop
            target = seen.at(count)
            # From nothing: the first sight of each, if it is among the latest.
            for before in (count, *(np.full(len(rows), i + 1) for i in range(_LOOKED_BACK))):
                from_nothing = before is count
                here = np.flatnonzero((count == 0) if from_nothing else (count >= before))
                past = seen.take(here).first((count - before)[here] + (not from_nothing))
                last = past.at(past.counts - 1)
                today = np.where(np.isfinite(last.day), last.day, target.day[here])
                past = replace(past, days=past.days - today[:, None])
                wait = target.day[here] - today
                told = self._foretell(rows[here], past, wait)
                luck = told.lively * self.law_.luck / target.seen[here] + target.blur[here]
                spread = np.sqrt(told.later.deviation**2 + luck)
                parts.append(_Steps(wait, last.log, target.log[here], told.later.mean, spread))
        return _Steps(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def _ends(self, wait: Floats, unseen: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
        place = np.log1p(np.nan_to_num(wait))
        low, high = (np.interp(place, self.ends_[:, 0], self.ends_[:, i]) for i in (1, 2))
        return (
            np.where(unseen, self.unseen_ends_[0], low),
            np.where(unseen, self.unseen_ends_[1], high),
        )


def _some(counts: _Rows) -> _Rows:
    """Rows spread evenly over the accounts, most of them of accounts seen several times."""
    parts = []
    for among, most in zip((counts > 1, counts == 1), _MOST_LEARNT, strict=True):
        rows = np.flatnonzero(among)
        step = max(1, -(-len(rows) // most))
        parts.append(rows[::step])
    return np.sort(np.concatenate(parts))


def _ends_by(place: Floats, surprise: Floats) -> Floats:
    """Ends between which four fifths of the surprises lie, where places are low and high."""
    bins = int(np.clip(len(place) // _PER_BIN, 1, _MOST_BINS))
    own = np.searchsorted(np.quantile(place, np.arange(1, bins) / bins), place, side="left")
    found = []
    for one in np.unique(own):
        here = surprise[own == one]
        # The finite-sample quantiles of split conformal prediction.
        low = np.quantile(here, max(0.0, 0.1 - 0.9 / len(here)), method="lower")
        high = np.quantile(here, min(1.0, 0.9 + 0.9 / len(here)), method="higher")
        found.append([np.median(place[own == one]), low, high])
    return np.array(found)
