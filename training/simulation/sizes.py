"""How large a simulated market is, and over which days it runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.errors import BadInput

#: The market is seen as of this moment; it is fixed so that a seed alone decides every byte.
END = np.datetime64("2026-01-01T00:00:00", "us")
WEEKS = 52
START = END - np.timedelta64(7 * WEEKS, "D")
#: Microseconds in a day: every time inside the simulation is an integer of these.
DAY = 86_400_000_000


@dataclass(frozen=True)
class Size:
    """How many of everything.

    Attributes
    ----------
    creators, merchants : int
    requests_per_week : float
        Lists a merchant asks the plaza for in a week, on average. With the repeats that follow,
        one list in two weeks gives some 90 promotions a year.
    viewers : int
        Single viewers whose engagements are recorded.
    logged_requests : float
        Share of the plaza's lists that are written to `impressions`.
    daily_every : int
        Days between two rows of a creator in `creator_daily`; whole weeks.
    """

    creators: int
    merchants: int
    requests_per_week: float = 0.52
    viewers: int = 3_000
    logged_requests: float = 0.5
    daily_every: int = 28

    def __post_init__(self) -> None:
        if self.creators < 20 or self.merchants < 5:
            raise BadInput(
                f"a market of {self.creators} creators and {self.merchants} merchants is too "
                "small to simulate; expected at least 20 and 5"
            )
        if self.daily_every < 7 or self.daily_every % 7:
            raise BadInput(f"daily_every is {self.daily_every}; expected whole weeks: 7, 14, 28")


SIZES = {
    "small": Size(2_000, 300, daily_every=14),
    "medium": Size(30_000, 3_000, viewers=40_000, logged_requests=0.4),
    "large": Size(200_000, 20_000, viewers=250_000, logged_requests=0.2, daily_every=91),
}


def size_of(size: str | Size) -> Size:
    """Look up a size by name, or pass one through.

    Raises
    ------
    BadInput
        When no size has that name.
    """
    if isinstance(size, Size):
        return size
    if size not in SIZES:
        raise BadInput(f"size {size!r} is not known; expected one of {', '.join(SIZES)}")
    return SIZES[size]
