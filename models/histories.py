"""What is known of each account's past: a few dated logs an account, latest last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.pairs import Floats

_CELL_DAYS = 7.0  # what was seen within as many days counts as seen once
_MOST = 12  # more of an account's past tells little of its next weeks


class Sight(NamedTuple):
    """One place of `Histories` of each account; float64 arrays of shape (n,)."""

    day: Floats
    log: Floats
    seen: Floats
    blur: Floats


@dataclass(frozen=True)
class Histories:
    """Logs of an amount of ``n`` accounts at up to ``k`` times each.

    Attributes
    ----------
    days : float64 array of shape (n, k)
        When, in days before the day asked from (0 or less), rising; NaN behind the last.
    logs : float64 array of shape (n, k)
        Mean log of what was seen then.
    seen : float64 array of shape (n, k)
        Single days behind that mean.
    blur : float64 array of shape (n, k)
        Variance of the log for want of exactness: where ranges were told, not numbers.
    """

    days: Floats
    logs: Floats
    seen: Floats
    blur: Floats

    def __len__(self) -> int:
        return len(self.days)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which places hold something."""
        found: npt.NDArray[np.bool_] = np.isfinite(self.days)
        return found

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Times seen of each account."""
        found: npt.NDArray[np.int64] = self.known.sum(axis=1)
        return found

    @classmethod
    def of(
        cls,
        n: int,
        account: npt.NDArray[Any],
        days: Floats,
        low: Floats,
        high: Floats,
        *,
        cell_days: float = _CELL_DAYS,
        most: int = _MOST,
    ) -> Histories:
        """Collect observations.

        Parameters
        ----------
        n : int
            Number of accounts.
        account : int array of shape (m,)
        days, low, high : float64 arrays of shape (m,)
            When, 0 or less, and between which bounds the amount lay; equal where it is exact.
            What is not known at both ends, or not above 0, is passed over.
        cell_days : float
            Days that are averaged.
        most : int
            Averages kept of an account, the latest.

        Examples
        --------
        >>> seen = Histories.of(2, np.array([1, 1]), np.array([-30.0, 0.0]),
        ...                     np.array([100.0, 100.0]), np.array([100.0, 400.0]))
        >>> np.exp(seen.logs[1]).round(), seen.counts
        (array([100., 200.]), array([0, 2]))
        """
        kept = np.isfinite(days) & (days <= 0.0) & (high > 0.0) & (low >= 0.0) & np.isfinite(high)
        # A range that begins at nothing is taken to begin at a tenth of its end.
        bottom = np.log(np.maximum(low[kept], np.where(high == low, high, high / 10.0)[kept]))
        top = np.log(high[kept])
        frame = pd.DataFrame(
            {
                "account": account[kept],
                "cell": np.floor(-days[kept] / cell_days),
                "day": days[kept],
                "log": (bottom + top) / 2.0,
                "blur": (top - bottom) ** 2 / 12.0,
            }
        )
        cells = frame.groupby(["account", "cell"], sort=True)
        means = cells.mean()
        means["seen"] = cells.size()
        # Cells rise into the past: the latest of an account come first.
        means = means.reset_index()
        place = means.groupby("account").cumcount().to_numpy()
        means, place = means[place < most], place[place < most]
        row = means["account"].to_numpy(np.int64)
        own = np.bincount(row, minlength=n)
        column = own[row] - 1 - place
        made = []
        for name in ("day", "log", "seen", "blur"):
            matrix = np.full((n, max(int(own.max(initial=0)), 1)), np.nan)
            matrix[row, column] = means[name].to_numpy(np.float64)
            made.append(matrix)
        return cls(*made)

    def take(self, rows: npt.NDArray[Any]) -> Histories:
        """Those accounts that a mask or an index array picks."""
        return Histories(self.days[rows], self.logs[rows], self.seen[rows], self.blur[rows])

    def first(self, counts: npt.NDArray[Any]) -> Histories:
        """As they were when each account had been seen ``counts`` times, an array of shape (n,)."""
        later = np.arange(self.days.shape[1]) >= np.maximum(counts, 0)[:, None]
        return Histories(
            *(np.where(later, np.nan, one) for one in (self.days, self.logs, self.seen, self.blur))
        )

    def at(self, place: npt.NDArray[Any]) -> Sight:
        """One place of each account, an array of shape (n,); NaN where it has none."""
        row, there = np.arange(len(self)), (place >= 0) & (place < self.days.shape[1])
        column = np.where(there, place, 0)
        return Sight(
            *(
                np.where(there, one[row, column], np.nan)
                for one in (self.days, self.logs, self.seen, self.blur)
            )
        )

    def filled(self, other: Histories) -> Histories:
        """These, and where an account was never seen what ``other`` has of it, as wide or less."""
        width = self.days.shape[1]
        unseen = (self.counts == 0)[:, None]
        made = []
        for name in ("days", "logs", "seen", "blur"):
            one, more = getattr(self, name), getattr(other, name)
            wide = np.full(one.shape, np.nan)
            wide[:, : more.shape[1]] = more[:, :width]
            made.append(np.where(unseen, wide, one))
        return Histories(*made)
