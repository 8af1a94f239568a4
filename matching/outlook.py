"""Where a creator's account is going: followers, views a day, sessions a week."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.pairs import Floats, Interval, State
from models.vocabulary import Rows

if TYPE_CHECKING:
    from models.growth import Development


@dataclass(frozen=True)
class Outlook:
    """What is foretold of each creator's account; intervals of 80 %, NaN where nothing is known.

    Attributes
    ----------
    days : float
        How far ahead, in days.
    followers : Interval
        Today. The ends are equal where the number is known exactly.
    growth : Interval
        Of the followers until then, as a fraction: 0.05 is 5 % more. The point is the median.
    views_per_day : Interval
        Then. The point is the mean; the ends are for a single day.
    sessions_per_week : Interval
        Sessions with products of this market from now on; the ends are for their mean until then.
    """

    days: float
    followers: Interval
    growth: Interval
    views_per_day: Interval
    sessions_per_week: Interval

    @classmethod
    def of(
        cls,
        n: int,
        days: float,
        *,
        followers: Development | None = None,
        views: Development | None = None,
        sessions: Interval | None = None,
    ) -> Outlook:
        """Put together what was foretold of ``n`` creators; what was not is unknown.

        Examples
        --------
        >>> Outlook.of(1, 30.0).growth.point
        array([nan])
        """
        unknown = Interval(*(np.full(n, np.nan) for _ in range(3)))
        growth = unknown
        if followers is not None:
            told = followers.growth
            growth = Interval(told.point - 1.0, told.low - 1.0, told.high - 1.0)
        return cls(
            days,
            unknown if followers is None else followers.now,
            growth,
            unknown if views is None else views.later,
            unknown if sessions is None else sessions,
        )

    def frame(self, ids: npt.NDArray[np.object_], rows: Rows) -> pd.DataFrame:
        """Those rows as a table.

        Parameters
        ----------
        ids : object array
            Id of every row of the vocabulary.

        Returns
        -------
        DataFrame
            ``creator_id``, then each number with its ``_low`` and ``_high``; ``growth`` carries
            the days in its name, as ``growth_30d``.
        """
        columns: dict[str, npt.NDArray[np.object_] | Floats] = {"creator_id": ids[rows]}
        for name in _INTERVALS:
            title = f"growth_{self.days:g}d" if name == "growth" else name
            told = getattr(self, name)
            for end, values in (("", told.point), ("_low", told.low), ("_high", told.high)):
                columns[title + end] = values[rows]
        return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))

    def state(self) -> State:
        """Arrays and plain values to be written into a bundle."""
        told = {name: vars(getattr(self, name)) for name in _INTERVALS}
        return {"days": self.days, **told}

    @classmethod
    def from_state(cls, state: State) -> Outlook:
        """Read what :meth:`state` gave."""
        return cls(float(state["days"]), **{name: Interval(**state[name]) for name in _INTERVALS})


_INTERVALS = tuple(field.name for field in fields(Outlook) if field.name != "days")
