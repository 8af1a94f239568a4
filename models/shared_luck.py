"""Luck that promotions of one session share, so that they are not taken for independent evidence.

The log of a promotion is what is learnt of it, plus its session's luck, plus its own. A session's
luck tells nothing of sessions to come and is integrated out: what a group is judged by is what its
own part of each session brought beside the rest of that session, and that part weighs as much as
both lucks leave sure. Where a group has a session for itself, ten promotions of it weigh little
more than one.

References
----------
C. R. Henderson, "Best linear unbiased estimation and prediction under a selection model",
Biometrics 31 (1975).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.pairs import Floats
from models.shrinkage import by_moments

Numbers = npt.NDArray[np.int64]

_GUESS = 0.05  # variance of a session's luck, before any was seen
_MOST = 0.9  # of a promotion's scatter, that its session may be blamed for


class Evidence(NamedTuple):
    """What the promotions tell in units that are independent of each other.

    Attributes
    ----------
    group : int array of shape (units,)
        Group of each unit.
    sure, pull : float64 arrays of shape (units,)
        Precision of each unit's mean log, and that precision times how far it lies off.
    """

    group: npt.NDArray[Any]
    sure: Floats
    pull: Floats


class Units(NamedTuple):
    """The parts into which sessions fall when promotions are grouped.

    Attributes
    ----------
    of : int64 array of shape (promotions,)
    group, session : int64 arrays of shape (units,)
    """

    of: Numbers
    group: Numbers
    session: Numbers


@dataclass
class SharedLuck:
    """Luck of sessions while a model is fitted.

    Attributes
    ----------
    session : int64 array of shape (promotions,)
        Session of each, numbered from 0 without gaps.
    weight : float64 array of shape (sessions,)
        Mean weight of its promotions: what is long past is less sure as a whole.
    variance : float
        Of a session's luck.
    """

    session: Numbers
    weight: Floats
    variance: float = _GUESS

    @classmethod
    def of(cls, session: npt.NDArray[Any], weight: Floats) -> SharedLuck | None:
        """Luck of some sessions; None where no two promotions are known to share one.

        Parameters
        ----------
        session : int array of shape (promotions,)
            -1 = a session of its own.
        weight : float64 array of shape (promotions,)
        """
        told = session >= 0
        count = np.bincount(session[told]) if told.any() else np.zeros(1)
        if count.max() < 2:
            return None
        alone = np.flatnonzero(~told)
        numbers = session.astype(np.int64)
        numbers[alone] = len(count) + np.arange(len(alone))
        _, numbers = np.unique(numbers, return_inverse=True)
        return cls(numbers, np.bincount(numbers, weight) / np.bincount(numbers))

    def units(self, rows: npt.NDArray[Any]) -> Units:
        """Parts of sessions that lie in one group each; ``rows`` are the promotions' groups."""
        keys = rows.astype(np.int64) * len(self.weight) + self.session
        keys, of = np.unique(keys, return_inverse=True)
        group, session = np.divmod(keys, len(self.weight))
        return Units(of, group, session)

    def sums(self, values: Floats) -> Floats:
        """Sums over each session; float64 array of shape (sessions,)."""
        total: Floats = np.bincount(self.session, values, len(self.weight)).astype(np.float64)
        return total

    def share(self, sure: Floats) -> Floats:
        """What a unit of precision adds to what is known of a session's luck.

        Parameters
        ----------
        sure : float64 array of shape (promotions,)
            Precision of each promotion's log apart from its session's luck.
        """
        variance = self.variance / self.weight
        share: Floats = variance / (1.0 + variance * self.sums(sure))
        return share

    def evidence(self, units: Units, sure: Floats, pull: Floats) -> Evidence:
        """What each unit tells beside the rest of its session.

        Parameters
        ----------
        sure, pull : float64 arrays of shape (promotions,)
            Precision of each promotion's log apart from its session's luck, and that precision
            times how far it lies off.
        """
        share = self.share(sure)
        luck = share * self.sums(pull)
        n = len(units.group)
        own = np.bincount(units.of, sure, n)
        off = np.bincount(units.of, pull, n) - own * luck[units.session]
        return Evidence(units.group, own * (1.0 - share[units.session] * own), off)

    def learn(self, sure: Floats, pull: Floats, noise: float) -> float:
        """Learn how much sessions differ; gives what is left of the noise as each one's own.

        Parameters
        ----------
        sure, pull : float64 arrays of shape (promotions,)
            As `evidence` takes them.
        noise : float
            Variance of one promotion's log, its session's luck included.
        """
        whole = self.sums(sure)
        found = by_moments(
            self.sums(pull) ** 2 - self.sums(pull**2),
            whole**2 - self.sums(sure**2),
            whole * (1.0 + self.variance * whole),
            _GUESS,
        )
        self.variance = min(found, _MOST * noise)
        return noise - self.variance
