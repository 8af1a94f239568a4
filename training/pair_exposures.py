"""The exposures of a promoted product in every cooperation, shrunk, and how sure they are.

As `training.pair_conversions`, on the log scale: a session is one draw, and a range a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.diagnosis.standing import Displays
from models.censoring import information, normal_within
from models.pair_levels import ROUNDS, Block, shrink_pairs
from models.pairs import Floats
from models.ranged import Ranged
from models.vocabulary import Rows
from training.promotion_sessions import (
    BELIEF,
    SHORT,
    TELLING,
    Mask,
    Sessions,
    campaign_lift,
)

#: Variances of the log expected between creators, merchants and pairs.
_GUESSES = (0.3, 0.05, 0.1)
#: Variance of the log expected between sessions of one pair.
_NOISE = 0.5
#: Variance by which the log of a level drifts in a day: accounts grow and fade.
_DRIFT = 0.0108 / 30.0
#: Turns in which levels, campaigns and ranges settle upon each other.
_TURNS = 3
_LEAST = 1e-12


@dataclass(frozen=True)
class Amounts:
    """Displays a product of p pairs, and what the s sessions are taken to have brought.

    Attributes
    ----------
    displays : Displays
    shown : float64 array of shape (s,)
        Means over the products, for averages: ranges by what is likely given everything else,
        NaN where they tell too little.
    """

    displays: Displays
    shown: Floats


def displays(sessions: Sessions, creator: Rows, merchant: Rows, blocks: Sequence[Block]) -> Amounts:
    """Shrink the displays a product of every pair, on the log scale.

    A level is that of today: the older what was seen, the less sure.

    Parameters
    ----------
    sessions : Sessions of p pairs
    creator, merchant : int32 arrays of shape (p,)
    blocks : sequence of Block
        Features that displays may depend on.
    """
    known = np.isfinite(sessions.shown.high)
    within = Ranged(
        *(np.log1p(np.where(known, one, 0.0)) for one in (sessions.shown.low, sessions.shown.high))
    )
    logs, told = (within.low + within.high) / 2.0, np.where(known, 1.0, 0.0)
    exact = known & within.exact
    lift, noise = 0.0, _NOISE
    for turn in range(_TURNS):
        plain = logs - lift * sessions.campaign
        noise = _noise_of_logs(sessions, plain, exact)
        weight = told / (noise + _DRIFT * sessions.age_days)
        worth = sessions.per_pair(weight)
        has = worth > _LEAST
        level = np.divide(
            sessions.per_pair(weight * plain), worth, out=np.zeros(len(worth)), where=has
        )
        count = sessions.per_pair(told)
        spread = np.where(has, noise / np.where(has, count, 1.0), np.inf)
        # A mean of displays is told, and the mean of a log-normal lies above its middle.
        rounds = ROUNDS if turn == _TURNS - 1 else SHORT
        levels = shrink_pairs(
            level + noise / 2.0, spread, creator, merchant, blocks, _GUESSES, rounds
        )
        middle = levels.mean[sessions.pair] - noise / 2.0
        centre = middle + lift * sessions.campaign
        lift += campaign_lift(sessions.campaign, logs - centre, told, told)
        centre = middle + lift * sessions.campaign
        found, left = normal_within(centre, noise, within)
        told = np.where(
            exact, 1.0, np.where(known, information(left, np.full(len(left), noise)), 0.0)
        )
        logs = np.where(
            exact,
            within.low,
            np.where(known, centre + (found - centre) / np.maximum(told, 1e-3), 0.0),
        )
    age = _age(
        sessions, weight, creator, np.where(has, levels.doubt / (levels.doubt + spread), 0.0)
    )
    usable = known & (told >= TELLING)
    shown = np.where(exact, np.expm1(within.low), np.expm1(found))
    told_of = Displays(levels.mean, levels.variance + _DRIFT * age, noise)
    return Amounts(told_of, np.where(usable, shown, np.nan))


def _age(sessions: Sessions, weight: Floats, creator: Rows, share: Floats) -> Floats:
    """Days since what is known of each pair was seen: its own sessions and its creator's others.

    Parameters
    ----------
    weight : float64 array of shape (s,)
    share : float64 array of shape (p,)
        What the pair's own sessions weigh beside the rest.
    """
    who = creator[sessions.pair]
    size = int(creator.max(initial=-1)) + 1
    aged = weight * sessions.age_days
    own = sessions.per_pair(aged) / np.maximum(sessions.per_pair(weight), _LEAST)
    everywhere = np.bincount(who, aged, size) / np.maximum(np.bincount(who, weight, size), _LEAST)
    return np.asarray(share * own + (1.0 - share) * everywhere[creator])


def _noise_of_logs(sessions: Sessions, logs: Floats, exact: Mask) -> float:
    """Variance of the log of displays between sessions of one pair."""
    count = sessions.per_pair(exact.astype(float))
    mean = sessions.per_pair(np.where(exact, logs, 0.0)) / np.maximum(count, 1.0)
    apart = np.where(exact, logs - mean[sessions.pair], 0.0)
    spare = float(np.maximum(count - 1.0, 0.0).sum())
    return (float((apart**2).sum()) + BELIEF * _NOISE) / (spare + BELIEF)
