"""The four quadrants: how likely each is, what to do in it, and what would settle it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.pairs import Floats

#: Conversion and exposure: high and high, high and low, low and high, low and low.
QUADRANTS = ("main contributor", "rising star", "poor fit", "both low")
UNKNOWN = "unknown"

_LADDER = (
    "change the product, then improve the script, then add a live benefit. If conversion stays "
    "low, the audience does not match."
)

#: What to do, in the words of the domain.
ACTIONS = {
    "main contributor": "Strengthen the cooperation.",
    "rising star": "More sessions, whatever the size; watch exposure, then deepen. Buy traffic.",
    "poor fit": f"Fix the fit before spending: {_LADDER}",
    "both low": f"{_LADDER[0].upper()}{_LADDER[1:]} Do not scale paid traffic while conversion is "
    "below average.",
    UNKNOWN: "Ask the creator for its figures; nothing can be said without them.",
}

#: Nothing is told to be surer than this: of cases that seemed surer, some in a thousand were wrong.
_SUREST = 0.998

#: More sessions than these are as good as never.
MOST_SESSIONS = 500

#: Chance to name the right side of a yardstick after so many more sessions.
Foresight = Callable[[Floats], Floats]


def quadrant_probabilities(conversion_above: Floats, exposure_above: Floats) -> Floats:
    """Probability of each quadrant, from those of lying above the two yardsticks.

    The errors of the two figures come from different counts and are taken as independent.

    Parameters
    ----------
    conversion_above, exposure_above : float64 arrays of shape (n,)

    Returns
    -------
    float64 array of shape (n, 4)
        Columns as in `QUADRANTS`; each row sums to 1, or is NaN where an axis is unknown.

    Examples
    --------
    >>> quadrant_probabilities(np.array([0.9]), np.array([0.5])).round(2).tolist()
    [[0.45, 0.45, 0.05, 0.05]]
    """
    c, e = (np.clip(one, 1.0 - _SUREST, _SUREST) for one in (conversion_above, exposure_above))
    return np.stack([c * e, c * (1 - e), (1 - c) * e, (1 - c) * (1 - e)], axis=1)


def name_quadrants(probabilities: Floats) -> npt.NDArray[np.object_]:
    """The most likely quadrant of each row; `UNKNOWN` where an axis is."""
    known = ~np.isnan(probabilities.sum(axis=1))
    names = np.array([*QUADRANTS, UNKNOWN], dtype=object)
    best = np.argmax(np.where(known[:, None], probabilities, 0.0), axis=1)
    return names[np.where(known, best, len(QUADRANTS))]


def sessions_to_settle(
    conversion: Foresight, exposure: Foresight, sureness: float, n: int
) -> Floats:
    """How many more sessions make the quadrant that will be named right with this probability.

    What further sessions will show is not known; this is the mean over all they may show
    (`matching.diagnosis.standing.right_side`). Where today's opinion is wrong they will turn it.

    Parameters
    ----------
    conversion, exposure : functions of an array of n numbers of sessions
    sureness : float in (0, 1)
    n : int
        Number of cooperations.

    Returns
    -------
    float64 array of shape (n,)
        0 where it is that sure already, infinity where `MOST_SESSIONS` would not do: the figure
        is then as good as the yardstick itself. NaN where a chance is NaN.
    """

    def sure_after(sessions: Floats) -> Floats:
        return conversion(sessions) * exposure(sessions)

    # More sessions never make the chance smaller: the first number is found by halving.
    least, most = np.zeros(n), np.full(n, MOST_SESSIONS + 1.0)
    while (least < most).any():
        middle = np.floor((least + most) / 2)
        sure = sure_after(middle) >= sureness
        most, least = np.where(sure, middle, most), np.where(sure, least, middle + 1)
        least = np.minimum(least, most)
    unknown = np.isnan(sure_after(np.zeros(n)))
    return np.where(unknown, np.nan, np.where(most > MOST_SESSIONS, np.inf, most))
