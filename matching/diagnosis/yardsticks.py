"""What a cooperation is measured by: the average of other merchants, never of creators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.diagnosis.cooperations import Cooperations, summed
from models.pairs import Floats

#: Fewer merchants than these are no average.
LEAST_PEERS = 3

#: Who the peers are, from the closest circle to the widest.
CIRCLES = ("the same industry and tier", "the same industry", "the market")


@dataclass(frozen=True)
class Yardsticks:
    """The average of each merchant's peers, itself left out; arrays of shape (merchants,).

    Attributes
    ----------
    conversion : float64 array
        Sum of the peers' orders over the sum of their trials; NaN where nobody has any.
    exposures : float64 array
        Sum of their displays over the number of products promoted; NaN likewise.
    conversion_circle, exposures_circle : int64 arrays
        Places in `CIRCLES`.
    conversion_peers, exposures_peers : int64 arrays
        How many merchants that average is of.
    """

    conversion: Floats
    exposures: Floats
    conversion_circle: npt.NDArray[np.int64]
    exposures_circle: npt.NDArray[np.int64]
    conversion_peers: npt.NDArray[np.int64]
    exposures_peers: npt.NDArray[np.int64]

    @classmethod
    def of(cls, past: Cooperations) -> Yardsticks:
        """Average over merchants of the same industry and tier, or over a wider circle.

        Source: DOMAIN, "Diagnosis of a creator's cooperation": merchants in the same industry and
        the same tier. Where fewer than `LEAST_PEERS` of them know the figure, those of the same
        industry stand in, then everybody.
        """
        both = np.isfinite(past.trials) & np.isfinite(past.orders)
        due = np.where(both, past.trials * past.arrived, 0.0)
        seen = np.isfinite(past.shown)

        def sums(values: Floats) -> Floats:
            return summed(past.merchant, values, past.shape[0])

        circles = (
            np.where(
                (past.industry >= 0) & (past.tier >= 0),
                past.industry.astype(np.int64) * (len(past.tiers) + 1) + past.tier,
                -1,
            ),
            past.industry.astype(np.int64),
            np.zeros(past.shape[0], dtype=np.int64),
        )
        conversion = _of_peers(sums(np.where(both, past.orders, 0.0)), sums(due), circles)
        shown = np.where(seen, past.shown, 0.0)
        exposures = _of_peers(sums(shown), sums(seen.astype(float)), circles)
        return cls(
            conversion[0], exposures[0], conversion[1], exposures[1], conversion[2], exposures[2]
        )


def _of_peers(
    above: Floats, below: Floats, circles: tuple[npt.NDArray[np.int64], ...]
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ratio of the sums of others in the closest circle of enough merchants."""
    n = len(above)
    ratio, circle = np.full(n, np.nan), np.full(n, len(circles) - 1)
    peers = np.zeros(n, dtype=np.int64)
    known = below > 0.0
    todo = np.ones(n, dtype=bool)
    for place, codes in enumerate(circles):
        inside = codes >= 0
        size = int(codes.max(initial=-1)) + 1
        part, whole, count = (
            np.bincount(codes[inside], np.where(known, one, 0.0)[inside], size)
            for one in (above, below, np.ones(n))
        )
        own = np.where(inside, codes, 0)
        if not size:
            continue
        others = np.rint(count[own] - known).astype(np.int64)
        # A sum that has no trial of others, or no success, is no yardstick to divide by.
        rest = np.where(known, whole[own] - below, whole[own])
        got = np.where(known, part[own] - above, part[own])
        least = 1 if place == len(circles) - 1 else LEAST_PEERS
        found = todo & inside & (others >= least) & (rest > 0.0) & (got > 1e-9 * part[own])
        ratio[found] = got[found] / rest[found]
        circle[found], peers[found] = place, others[found]
        todo &= ~found
    return ratio, circle, peers
