"""Numbers that may be exact, a range, or unknown: what a column says of each promotion.

A platform tells an amount without its owner's consent as a range (100 to 300), or not at all.
`Ranged` keeps both ends, so that an estimator can use the likelihood of "somewhere in between"
(`models.censoring`) instead of a made-up middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.pairs import Floats


@dataclass(frozen=True)
class Ranged:
    """Both ends of ``n`` amounts that are never negative; equal where exact, NaN where unknown.

    Attributes
    ----------
    low, high : float64 arrays of shape (n,)
        Where only the upper end is known the lower is 0, where only the lower is, the upper is
        infinite.
    """

    low: Floats
    high: Floats

    @classmethod
    def of(
        cls,
        exact: npt.ArrayLike | Ranged,
        low: npt.ArrayLike | None = None,
        high: npt.ArrayLike | None = None,
    ) -> Ranged:
        """Take exact numbers as they are, and ends where a number is NaN.

        Raises
        ------
        ValueError
            When a lower end is above its upper one.

        Examples
        --------
        >>> gmv = Ranged.of([250.0, np.nan, np.nan, np.nan], low=[np.nan, 100.0, np.nan, np.nan],
        ...                 high=[np.nan, 300.0, 100.0, np.nan])
        >>> gmv.low.tolist(), gmv.high.tolist()
        ([250.0, 100.0, 0.0, nan], [250.0, 300.0, 100.0, nan])
        """
        if isinstance(exact, Ranged):
            return exact
        told = np.asarray(exact, dtype=np.float64)
        nothing = np.full(len(told), np.nan)
        from_ = nothing if low is None else np.asarray(low, dtype=np.float64)
        to = nothing if high is None else np.asarray(high, dtype=np.float64)
        turned = np.flatnonzero(np.isnan(told) & (from_ > to))
        if len(turned):
            at = int(turned[0])
            raise ValueError(
                f"range {at} goes from {from_[at]} to {to[at]}, expected its lower end first; "
                "swap them or leave both unknown"
            )
        some = np.isfinite(from_) | np.isfinite(to)
        from_ = np.where(some, np.where(np.isfinite(from_), np.maximum(from_, 0.0), 0.0), np.nan)
        to = np.where(some, np.where(np.isfinite(to), to, np.inf), np.nan)
        known = np.isfinite(told)
        return cls(np.where(known, told, from_), np.where(known, told, to))

    def __len__(self) -> int:
        return len(self.low)

    @cached_property
    def exact(self) -> npt.NDArray[np.bool_]:
        """Where the number itself is known."""
        same: npt.NDArray[np.bool_] = self.low == self.high
        return same

    @cached_property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where the number or an end of it is known, so that something is said at all."""
        return np.isfinite(self.high) | (self.low > 0.0)

    @cached_property
    def middle(self) -> Floats:
        """A value to start from: exact numbers, geometric middles, half an upper end from 0 on.

        Of an amount with a lower end alone it is that end; NaN where nothing is known.
        """
        with np.errstate(invalid="ignore"):
            geometric = np.sqrt(self.low) * np.sqrt(self.high)
            found = np.where(self.low > 0.0, geometric, self.high / 2.0)
        found = np.where(np.isinf(self.high), self.low, found)
        return np.where(self.exact, self.low, np.where(self.known, found, np.nan))

    def values(self) -> Floats:
        """Exact numbers, NaN where there is a range or nothing."""
        return np.where(self.exact, self.low, np.nan)

    def take(self, keep: npt.NDArray[Any]) -> Ranged:
        """Those that a mask or an index array picks."""
        return Ranged(self.low[keep], self.high[keep])

    def rising(self, change: Callable[[Floats], Floats]) -> Ranged:
        """The same amounts after a change that keeps their order, such as a logarithm."""
        return Ranged(change(self.low), change(self.high))
