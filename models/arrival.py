"""Orders and refunds that are still on their way: what has come of them at an age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.pairs import Floats


@dataclass(frozen=True)
class Arrival:
    """Share of what a promotion will bring in the end that has arrived at an age.

    Learnt by comparing young promotions with settled ones: a rate that is lower only because the
    promotion is young is not a failure. A share never falls with age and is 1 when settled.

    Attributes
    ----------
    ages, shares : float64 arrays
        Upper ends of the age steps in days, and the share at each; older is settled.

    References
    ----------
    R. E. Barlow et al., "Statistical inference under order restrictions", Wiley (1972), for
    shares that do not fall.
    """

    ages: Floats
    shares: Floats

    #: Ends of the steps of orders; older is settled.
    STEPS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0)
    #: Those of refunds, which take longer.
    REFUND_STEPS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0, 30.0)

    @classmethod
    def complete(cls, steps: tuple[float, ...] = STEPS) -> Arrival:
        """Everything is there at once."""
        return cls(np.array(steps), np.ones(len(steps)))

    @classmethod
    def learn(
        cls,
        age_days: Floats,
        expected: Floats,
        counts: Floats,
        *,
        noise: npt.ArrayLike = 1.0,
        weight: npt.ArrayLike = 1.0,
        recent: float = np.inf,
        belief: npt.ArrayLike = 1.0,
        worth: float = 20.0,
        steps: tuple[float, ...] = STEPS,
    ) -> Arrival:
        """Learn the shares.

        Parameters
        ----------
        age_days, expected, counts : float64 arrays of shape (n,)
            What was expected of each promotion in the end, up to a factor common to all, and what
            has come; all known, expectations above 0.
        noise : float or float64 array of shape (n,)
            Variance of a promotion's rate over its square: however large a promotion is, its luck
            is its own.
        weight : float or float64 array of shape (n,)
        recent : float
            Settled promotions that many days older than the youngest of them set the level.
        belief : float or float64 array of shape (len(steps),)
            Shares believed in before anything was seen.
        worth : float
            Counts that this belief is worth in each step.
        steps : tuple of float
            Upper ends of the age steps; what is older is settled.
        """
        settled = age_days >= steps[-1]
        level = settled & (age_days < steps[-1] + recent)
        if not counts[level].sum() > 0.0:
            level = settled
        if not counts[level].sum() > 0.0:
            return cls.complete(steps)
        expected = expected * (counts[level].sum() / expected[level].sum())
        trust = np.asarray(weight) / (1.0 + np.asarray(noise) * expected)
        expected *= (trust * counts)[level].sum() / (trust * expected)[level].sum()
        step = np.searchsorted(steps, age_days, side="right")
        size = len(steps) + 1
        due = np.bincount(step, trust * expected, size)[:-1] + worth
        got = np.bincount(step, trust * counts, size)[:-1] + worth * np.asarray(belief)
        return cls(np.array(steps), _never_falling(got / due, due))

    @classmethod
    def learn_logs(cls, age_days: Floats, logs: Floats, *, worth: float = 5.0) -> Arrival:
        """Learn the shares of amounts that scatter far more than counts do, such as money.

        Parameters
        ----------
        age_days, logs : float64 arrays of shape (n,)
            Logs of what has come of each promotion, less what was expected of it where known.
        worth : float
            Promotions whose log varies by 1 that the belief in all having come is worth.
        """
        settled = age_days >= cls.STEPS[-1]
        if not settled.any():
            return cls.complete()
        level, scatter = logs[settled].mean(), max(float(logs[settled].var()), 1e-9)
        step = np.searchsorted(cls.STEPS, age_days, side="right")
        size = len(cls.STEPS) + 1
        mass = np.bincount(step, minlength=size)[:-1] / scatter
        below = np.bincount(step, logs - level, size)[:-1] / scatter
        shares = np.exp(below / (mass + worth))
        return cls(np.array(cls.STEPS), _never_falling(shares, mass + worth))

    def share(self, age_days: Floats) -> Floats:
        """Share arrived at each age."""
        found: Floats = np.append(self.shares, 1.0)[
            np.searchsorted(self.ages, age_days, side="right")
        ]
        return found


def _never_falling(shares: npt.NDArray[Any], weight: npt.NDArray[Any]) -> Floats:
    """The nearest shares up to 1 that do not fall: where one would, neighbours share their mean."""
    pools: list[tuple[float, float, int]] = []
    for share, mass in zip(shares.tolist(), weight.tolist(), strict=True):
        pools.append((share, mass, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, of_one, n), (other, of_other, m) = pools[-2:]
            both = of_one + of_other
            pools[-2:] = [((one * of_one + other * of_other) / both, both, n + m)]
    found = np.repeat([min(share, 1.0) for share, _, _ in pools], [n for _, _, n in pools])
    return found.astype(np.float64)
