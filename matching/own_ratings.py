"""A merchant's own ratings of the creators it has worked with, as it reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.entries import Entries
from matching.errors import BadInput
from matching.ledger import Reading
from models.pairs import Floats
from models.ranged import Ranged
from models.ratings import Rated, combined

#: Columns of a rating, by step of the chain.
_COLUMNS = {
    "conversion": "conversion_rating",
    "click_rate": "click_rating",
    "exposure": "exposure_rating",
}


@dataclass(frozen=True)
class Grades:
    """From which sales rating on a creator has which grade; below the last it is a D.

    The rule is ours, as no source gives one. A sales rating is shrunk: few promotions never make
    an A or a D.

    Parameters
    ----------
    a, b, c : float
        Multiples of what was expected.

    Raises
    ------
    BadInput
        When they rise, or are not above 0.

    Examples
    --------
    >>> Grades().of(np.array([1.4, 1.0, 0.8, 0.5, np.nan])).tolist()
    ['A', 'B', 'C', 'D', None]
    """

    a: float = 1.2
    b: float = 0.9
    c: float = 0.75

    def __post_init__(self) -> None:
        if not self.a >= self.b >= self.c > 0.0:
            raise BadInput(
                f"grades begin at {self.a}, {self.b} and {self.c}, expected numbers above 0 that "
                "do not rise; give Grades(a=1.2, b=0.9, c=0.75)"
            )

    def of(self, ratings: Floats) -> npt.NDArray[Any]:
        """Grade of each rating; None where it is unknown."""
        steps = np.searchsorted([self.c, self.b, self.a], np.nan_to_num(ratings), side="right")
        letters = np.array(["D", "C", "B", "A"], dtype=object)[steps]
        letters[np.isnan(ratings)] = None
        return letters


def ratings_frame(
    reading: Reading,
    creator_ids: npt.NDArray[Any],
    creator_names: npt.NDArray[Any],
    audience_fit: Floats,
    grades: Grades | None = None,
) -> pd.DataFrame:
    """Ratings of one merchant's creators, as `Plaza.ratings` describes them.

    Parameters
    ----------
    reading : Reading of n pairs of that merchant
    creator_ids, creator_names : object arrays
        Of all creators, in row order.
    audience_fit : float64 array of shape (n,)
    """
    entries, place, n = reading.entries, reading.place, len(reading.creator)
    steps = list(reading.rated.values())
    sales = combined(steps) if steps else _unknown(n)
    columns: dict[str, Any] = {
        "creator_id": creator_ids[reading.creator],
        "name": creator_names[reading.creator],
        "grade": (grades or Grades()).of(np.where(sales.known, sales.rating, np.nan)),
        **_interval("sales_rating", sales),
    }
    for step, name in _COLUMNS.items():
        columns |= _interval(name, reading.rated.get(step, _unknown(n)))
    columns |= {
        "audience_fit": audience_fit,
        "sessions": _sessions(entries, place, n),
        "promotions": np.bincount(place, minlength=n),
        "last_day": _last_days(entries, place, n),
        **{
            name: _sums(Ranged(*entries.numbers[name].T).middle, place, n)
            for name in ("exposures", "clicks")
        },
        "orders": _sums(Ranged(*entries.numbers["orders"].T).middle, place, n),
        "orders_low": _sums(entries.numbers["orders"][:, 0], place, n),
        "orders_high": _sums(entries.numbers["orders"][:, 1], place, n),
        "orders_expected": _sums(_orders_expected(entries), place, n),
    }
    frame = pd.DataFrame(columns)
    asked = frame[["sales_rating", "sales_rating_low", "sales_rating_high", "sessions", "last_day"]]
    frame["reason"] = [told(*row) for row in asked.itertuples(index=False)]
    best = frame.sort_values("sales_rating", ascending=False, kind="stable")
    return best.reset_index(drop=True)


def told(rating: float, low: float, high: float, sessions: int, last: pd.Timestamp) -> str:
    """A rating in a merchant's words.

    Examples
    --------
    >>> print(told(1.42, 1.08, 1.83, 3, pd.Timestamp("2026-05-04")))
    Your own rating: sells 1.4 × what was expected (80% sure 1.1 to 1.8), over 3 cooperations,
    last in May 2026.
    """
    often = "1 cooperation" if sessions == 1 else f"{sessions:,} cooperations"
    when = f"over {often}, last in {last:%B %Y}"
    if np.isnan(rating):
        return f"Your own rating: not known what came of it, {when}."
    sells = multiple(rating) or "sells what was expected"
    return f"Your own rating: {sells} (80% sure {low:.1f} to {high:.1f}), {when}."


@lru_cache(maxsize=1 << 10)
def multiple(rating: float) -> str | None:
    """What sold over what was expected, in words; None where that is as good as the same.

    Examples
    --------
    >>> multiple(1.42), multiple(0.97)
    ('sells 1.4 × what was expected', None)
    """
    rounded = f"{rating:.1f}"
    return None if rounded == "1.0" else f"sells {rounded} × what was expected"


def _interval(name: str, rated: Rated) -> dict[str, Floats]:
    ends = {"": rated.rating, "_low": rated.low, "_high": rated.high}
    return {name + end: np.where(rated.known, one, np.nan) for end, one in ends.items()}


def _unknown(n: int) -> Rated:
    return Rated(*(np.full(n, np.nan),) * 5, np.zeros(n))


def _sums(values: Floats, place: npt.NDArray[np.int64], n: int) -> Floats:
    """Sums over what is known; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.bincount(place[known], values[known], n).astype(np.float64)
    total[np.bincount(place[known], minlength=n) == 0] = np.nan
    return total


def _sessions(entries: Entries, place: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Sessions of each pair; a promotion of no named session is one of its own."""
    single = entries.session == 0
    named = np.unique(np.stack([place, entries.session])[:, ~single], axis=1)
    return np.bincount(place[single], minlength=n) + np.bincount(named[0], minlength=n)


def _last_days(entries: Entries, place: npt.NDArray[np.int64], n: int) -> npt.NDArray[Any]:
    last = np.zeros(n)
    np.maximum.at(last, place, entries.day)
    return np.floor(last).astype("datetime64[D]").astype("datetime64[s]")


def _orders_expected(entries: Entries) -> Floats:
    """Orders that were to come, of the clicks (or what else conversion is counted on) there were.

    As far as they had arrived when the figures were read.
    """
    told = entries.told.get("conversion")
    if told is None:
        return np.full(len(entries), np.nan)
    return np.where(np.isfinite(told.came), told.expected, np.nan)
