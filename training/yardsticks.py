"""What a cooperation is measured by: the average of other merchants, never of creators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from matching.diagnosis.yardstick import Yardstick
from models.pairs import Floats
from models.vocabulary import Rows
from training.promotion_sessions import PastPromotions, summed

Codes = npt.NDArray[np.int64]

#: Sessions at which a merchant weighs half as much in an average as one of many.
_HALF = 3.0
#: Merchants' worth of belief that the average of a circle is that of the next wider one.
_WIDER = 1.0
#: Variance of the log between sessions' figures: how unsure an average of few sessions is.
_RATE_SCATTER, _SHOWN_SCATTER = 0.4, 1.3


def average_of_peers(
    above: Floats, below: Floats, sessions: Floats, scatter: float, circles: Sequence[Codes]
) -> Yardstick:
    """Average the figures of other merchants of the same industry and tier.

    Every merchant has one figure, a ratio of its sums; one of few sessions weighs less. The
    average of the closest circle is drawn towards the next wider one as if by one merchant more,
    so that it does not jump where a third peer comes or goes.

    Source: DOMAIN, "Diagnosis of a creator's cooperation". Weights and shrinking are ours.

    Parameters
    ----------
    above, below : float64 arrays of shape (merchants,)
        Sums whose ratio is the merchant's figure; none where ``below`` is 0.
    sessions : float64 array of shape (merchants,)
        How many sessions the figure is of.
    scatter : float
        Relative variance of the figure of one session.
    circles : sequence of int64 arrays of shape (merchants,)
        From the closest to the widest: merchants of one circle share a number, -1 is in none.
    """
    n = len(above)
    known = (below > 0.0) & (sessions > 0.0)
    figure = np.divide(above, below, out=np.zeros(n), where=known)
    weight = np.where(known, sessions / (sessions + _HALF), 0.0)
    error = weight**2 * figure**2 * scatter / np.maximum(sessions, 1.0)
    usual, doubt = np.full(n, np.nan), np.full(n, np.nan)
    circle, peers = np.full(n, len(circles) - 1), np.zeros(n, dtype=np.int64)
    for place in reversed(range(len(circles))):
        codes = circles[place]
        inside = codes >= 0
        own = np.where(inside, codes, 0)
        size = int(codes.max(initial=0)) + 1

        def others(
            values: Floats,
            own: Codes = own,
            inside: npt.NDArray[np.bool_] = inside,
            size: int = size,
        ) -> Floats:
            total = np.bincount(own[inside], values[inside], size)
            return np.asarray(total[own] - np.where(inside, values, 0.0))

        count = np.rint(others(known.astype(float))).astype(np.int64)
        found = inside & (count > 0)
        total, whole, square = others(weight * figure), others(weight), others(error)
        belief = np.where(np.isfinite(usual), _WIDER, 0.0)
        wider = np.where(np.isfinite(usual), usual, 0.0)
        worth = np.where(found, whole + belief, 1.0)
        mean = (total + belief * wider) / worth
        # Where nobody in the circle ever got anything there is nothing to divide by.
        found &= mean > 0.0
        squares = np.maximum(square, 0.0) + belief**2 * np.where(
            belief > 0.0, np.nan_to_num(doubt) * wider**2, 0.0
        )
        part = np.divide(squares, (worth * mean) ** 2, out=np.zeros(n), where=found)
        usual, doubt = np.where(found, mean, usual), np.where(found, part, doubt)
        circle, peers = np.where(found, place, circle), np.where(found, count, peers)
    return Yardstick(usual, doubt, circle, peers)


def circles_of(industry: Rows, tier: Rows) -> list[Codes]:
    """Industry and tier, industry, everybody; -1 where unknown."""
    tiers = int(tier.max(initial=-1)) + 2
    both = np.where(
        (industry >= 0) & (tier >= 0), industry.astype(np.int64) * tiers + tier, -1
    ).astype(np.int64)
    return [both, industry.astype(np.int64), np.zeros(len(industry), dtype=np.int64)]


def yardsticks(
    past: PastPromotions, industry: Rows, tier: Rows, trials: Floats, orders: Floats, shown: Floats
) -> tuple[Yardstick, Yardstick, Floats]:
    """Usual conversion, usual exposures of a promoted product, and the share of them paid for.

    Parameters
    ----------
    industry, tier : int32 arrays of shape (merchants,)
    trials, orders, shown : float64 arrays of shape (s,)
        Of each session of ``past.sessions``, displays as a mean over its products; NaN where
        they have no part in an average.

    Returns
    -------
    (Yardstick, Yardstick, float64 array of shape (merchants,))
        The share is NaN where nobody's paid displays are known.
    """
    circles, size = circles_of(industry, tier), past.shape[0]
    sessions = past.sessions
    merchant = past.cells[1][sessions.pair]

    def sums(values: Floats, rows: npt.NDArray[np.bool_], whose: Rows) -> Floats:
        return summed(whose[rows], values[rows], size)

    both = np.isfinite(trials) & np.isfinite(orders) & (trials > 0.0)
    one = np.ones(len(both))
    conversion = average_of_peers(
        sums(orders, both, merchant),
        sums(trials, both, merchant),
        sums(one, both, merchant),
        _RATE_SCATTER,
        circles,
    )
    seen = np.isfinite(shown)
    exposures = average_of_peers(
        sums(shown * sessions.products, seen, merchant),
        sums(sessions.products, seen, merchant),
        sums(one, seen, merchant),
        _SHOWN_SCATTER,
        circles,
    )
    paid, displays = past.paid.values(), past.shown.values()
    told = np.isfinite(paid) & (displays > 0.0)
    share = average_of_peers(
        sums(paid, told, past.merchant),
        sums(displays, told, past.merchant),
        sums(np.ones(len(told)), told, past.merchant),
        0.0,
        circles,
    )
    return conversion, exposures, share.usual
