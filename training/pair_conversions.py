"""The conversion of every cooperation, shrunk, and how sure it is.

It is shrunk towards what is likely for such a pair (`models.pair_levels`). A session is one draw:
how much sessions of one pair differ is learnt, so that neither one lucky evening nor three clicks
decide. Ranges enter by what they leave possible (`models.censoring`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matching.diagnosis.standing import Conversions
from models.censoring import counts_within, information
from models.pair_levels import ROUNDS, Block, PairLevels, shrink_pairs, widening
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
_GUESSES = (0.2, 0.1, 0.1)
#: Relative variance expected of one session's conversion around its pair's.
_NOISE = 0.2
#: Turns in which levels, campaigns and ranges settle upon each other.
_TURNS = 6
#: Logs further from the market's than this are none that one would step to.
_FURTHEST = 4.0
#: A shape keeps this part of its prior's, whatever ranges say.
_LEAST_SHAPE = 0.25
#: A range is never taken to tell less than this share of an exact number.
_LEAST_TOLD = 1e-3
#: A range of trials wider than this relative variance has no part in anybody's average.
_VAGUE = 0.1
_LEAST = 1e-12


@dataclass(frozen=True)
class Rates:
    """Conversions of p pairs, and what the s sessions are taken to have brought.

    Attributes
    ----------
    conversions : Conversions
    levels : PairLevels
        Of their logs.
    trials, orders : float64 arrays of shape (s,)
        Numbers for averages: ranges by their means given everything else, NaN where they tell
        too little.
    """

    conversions: Conversions
    levels: PairLevels
    trials: Floats
    orders: Floats


def conversions(
    sessions: Sessions, creator: Rows, merchant: Rows, blocks: Sequence[Block]
) -> Rates:
    """Shrink the conversion of every pair.

    Parameters
    ----------
    sessions : Sessions of p pairs
    creator, merchant : int32 arrays of shape (p,)
    blocks : sequence of Block
        Features that a conversion may depend on.
    """
    known = np.isfinite(sessions.trials.high) & (sessions.trials.high > 0.0)
    low, high = (np.where(known, one, 0.0) for one in (sessions.trials.low, sessions.trials.high))
    trials = (low + high) / 2.0
    # Evenly spread between both ends.
    doubt = np.divide((high - low) ** 2 / 12.0, trials**2, out=np.zeros(len(low)), where=known)
    within = Ranged(
        *(np.where(known, one, 0.0) for one in (sessions.orders.low, sessions.orders.high))
    )
    middle = np.where(known, within.middle, 0.0)
    base = float(np.log((middle.sum() + 1.0) / (trials.sum() + 100.0)))
    noise = _noise_of_rates(sessions, middle, trials, known & within.exact & (doubt == 0.0))
    mean, lift = np.full(sessions.pairs, base), 0.0
    for turn in range(_TURNS):
        expected = trials * np.exp(mean[sessions.pair] + lift * sessions.campaign)
        _, got, told = _within(within, expected, noise + doubt, known)
        # A session of many orders tells little more than one of a few: it is one evening.
        trust = told / (1.0 + (noise + doubt) * expected)
        if turn:
            lift += campaign_lift(sessions.campaign, got - expected, trust, trust * expected)
        own, level = sessions.per_pair(trust * got), sessions.per_pair(trust * expected)
        has = level > _LEAST
        spread = np.where(has, 1.0 / np.maximum(level, _LEAST), np.inf)
        moved = mean + (own - level) * np.where(has, spread, 0.0)
        rounds = ROUNDS if turn == _TURNS - 1 else SHORT
        levels = shrink_pairs(moved, spread, creator, merchant, blocks, _GUESSES, rounds)
        mean = np.clip(levels.mean, base - _FURTHEST, base + _FURTHEST)
    lifted = trials * np.exp(lift * sessions.campaign)
    posterior, levels = _posterior(sessions, levels, lifted, within, noise + doubt, known)
    expected = lifted * posterior.mean[sessions.pair]
    found, _, share = _within(within, expected, noise + doubt, known)
    usable = known & (share >= TELLING) & (doubt <= _VAGUE)
    trials, orders = (np.where(usable, one, np.nan) for one in (trials, found))
    return Rates(posterior, levels, trials, orders)


def _posterior(
    sessions: Sessions,
    levels: PairLevels,
    trials: Floats,
    within: Ranged,
    noise: Floats,
    known: Mask,
) -> tuple[Conversions, PairLevels]:
    """A gamma distribution for each pair, from the prior and the pair's own sessions.

    Rates lie further below what is likely than above it on the log scale, as a gamma variable
    does and a log-normal one does not.
    """

    def evidence(rate: Floats) -> tuple[Floats, Floats, Floats]:
        expected = trials * rate[sessions.pair]
        _, got, told = _within(within, expected, noise, known)
        trust = told / (1.0 + noise * expected)
        return sessions.per_pair(trust * got), sessions.per_pair(trust * expected), trust * expected

    prior, strength = np.exp(levels.prior), 1.0 / levels.doubt
    own, level, part = evidence(prior)
    has = level > _LEAST
    worth = np.maximum(level, _LEAST)
    strength = strength / widening(
        ((own - level) / worth)[has], 1.0 / worth[has], levels.doubt[has]
    )
    # The middle of a log-normal prior is not the mean of a gamma one: sums agree with what came.
    weight = 1.0 / (1.0 + level / strength)
    prior = prior * (((weight * own).sum() + 1.0) / ((weight * level).sum() + 1.0))
    own, level, part = evidence(prior)
    rate = prior
    for _ in range(_TURNS + 1):
        own, level, part = evidence(rate)
        # A range may pull as if by less than no orders at all.
        got = np.maximum(strength + own, _LEAST_SHAPE * strength)
        rate = got / (strength / prior + level / rate)
    counted = sessions.per_pair((part > 0.0).astype(float))
    everywhere = float(part.sum()) / max(float((part > 0.0).sum()), 1.0)
    more = np.divide(level, counted, out=np.full(len(level), everywhere), where=counted > 0)
    told = Conversions(rate, got, more)
    return told, replace(
        levels,
        prior=np.log(prior),
        doubt=1.0 / strength,
        mean=np.log(rate),
        variance=1.0 / told.shape,
    )


def _within(
    within: Ranged, expected: Floats, noise: Floats, known: Mask
) -> tuple[Floats, Floats, Floats]:
    """Mean orders, what pulls instead of them, and the share of an exact number's information.

    A range pulls as far as an exact number of that share of the information would.
    """
    mean, told = np.where(known, within.low, 0.0), known.astype(float)
    pull = mean.copy()
    ranged = known & ~within.exact
    if ranged.any():
        usual, spread = expected[ranged], np.maximum(noise[ranged], 1e-6)
        found, left = counts_within(usual, spread, within.take(ranged))
        share = np.maximum(information(left, usual * (1.0 + spread * usual)), _LEAST_TOLD)
        mean[ranged], told[ranged] = found, share
        pull[ranged] = usual + (found - usual) / share
    return mean, pull, told


def _noise_of_rates(sessions: Sessions, got: Floats, trials: Floats, exact: Mask) -> float:
    """Relative variance of a session's true rate around its pair's, beyond counting chance.

    By moments, from pairs with several sessions: the squares around a pair's own rate, less what
    counting explains.
    """
    got, trials = np.where(exact, got, 0.0), np.where(exact, trials, 0.0)
    # Orders that the trials would bring at the market's rate: their size decides the weights.
    level = trials * (got.sum() / max(float(trials.sum()), 1.0))
    whole = sessions.per_pair(level)
    rate = np.divide(sessions.per_pair(got), whole, out=np.zeros(len(whole)), where=whole > 0)
    expected = level * rate[sessions.pair]
    second, third = sessions.per_pair(expected**2), sessions.per_pair(expected**3)
    total = np.maximum(sessions.per_pair(expected), _LEAST)
    squares = sessions.per_pair((got - expected) ** 2)
    chance = total - second / total
    slope = second - 2.0 * third / total + (second / total) ** 2
    several = slope > 1e-9
    weight = np.zeros(len(total))
    weight[several] = slope[several] / (chance + _NOISE * slope)[several] ** 2
    worth = float(weight @ slope)
    if not worth > 0.0:
        return _NOISE
    belief = BELIEF * worth / max(int(several.sum()), 1)
    found = (float(weight @ (squares - chance)) + belief * _NOISE) / (worth + belief)
    return float(np.clip(found, 0.0, 4.0))
