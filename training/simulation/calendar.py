"""The platform's campaigns, and the hours at which people sell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.simulation.segments import Bools, Floats, Ints
from training.simulation.sizes import DAY, END, START, WEEKS

#: Kind, first day of the simulation on which it runs, days it lasts.
_EVENTS = (
    ("new_year", 14, 7),
    ("spring", 60, 4),
    ("brand_day", 103, 3),
    ("summer", 150, 18),
    ("brand_day", 208, 3),
    ("autumn", 246, 5),
    ("double_eleven", 295, 16),
    ("year_end", 340, 6),
)
#: Sunday is as good as Saturday; Mondays are quiet. The simulation's weeks begin on Thursday.
_WEEKDAY = np.array([0.13, 0.15, 0.19, 0.18, 0.11, 0.11, 0.13])


@dataclass(frozen=True)
class Campaigns:
    """Platform events: kinds, and times in microseconds since the epoch."""

    kind: tuple[str, ...]
    starts: Ints
    ends: Ints

    def at(self, moment: Ints) -> Ints:
        """Number of the campaign running at each moment; -1 = none."""
        spot = np.searchsorted(self.starts, moment, side="right") - 1
        running = (spot >= 0) & (moment < self.ends[np.maximum(spot, 0)])
        return np.where(running, spot, -1)

    def days(self, week: int) -> Bools:
        """On which of a week's seven days a campaign runs."""
        return np.asarray(self.at(week_start(week) + DAY * np.arange(7)) >= 0)

    def share(self, week: int) -> float:
        """Share of a week's days on which a campaign runs."""
        return float(self.days(week).mean())


def campaigns() -> Campaigns:
    """Name the campaigns of the simulated year."""
    start = np.array([day for _, day, _ in _EVENTS])
    length = np.array([days for _, _, days in _EVENTS])
    first = week_start(0) + start * DAY
    return Campaigns(tuple(kind for kind, _, _ in _EVENTS), first, first + length * DAY)


def week_start(week: int) -> int:
    """First microsecond of a week of the simulation."""
    return int(START.astype(np.int64)) + week * 7 * DAY


def end() -> int:
    """First microsecond after the simulation."""
    return int(END.astype(np.int64))


def selling_times(week: int, n: int, events: Campaigns, rng: np.random.Generator) -> Ints:
    """Draw `n` moments at which a week's sessions begin: evenings, weekends, campaigns most."""
    chance = _WEEKDAY * (1 + 0.6 * events.days(week))
    day = rng.choice(7, n, p=chance / chance.sum())
    hour: Floats = np.clip(rng.normal(19.5, 3.0, n), 6.0, 22.5)
    return np.asarray(week_start(week) + day * DAY + (hour * 3600).astype(np.int64) * 1_000_000)


def working_times(week: int, n: int, rng: np.random.Generator) -> Ints:
    """Draw `n` moments of a week at which offices are open."""
    seconds = rng.integers(8 * 3600, 19 * 3600, n)
    return np.asarray(week_start(week) + rng.integers(0, 7, n) * DAY + seconds * 1_000_000)


def growth_curve(week: int, middle: Floats) -> Floats:
    """Share of a creator's growth over the year that has happened by the end of a week.

    Parameters
    ----------
    middle : float64 array of shape (n,)
        Week in which growth is fastest.
    """

    def step(at: float) -> Floats:
        return np.asarray(1 / (1 + np.exp((middle - at) / 4.0)))

    return np.asarray((step(week + 1.0) - step(0.0)) / (step(float(WEEKS)) - step(0.0)))
