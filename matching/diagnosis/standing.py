"""Where each cooperation stands against its yardsticks, and how sure that is.

Both figures are shrunk towards what the market makes likely for such a pair, from what the creator
brings others and what others bring the merchant. A session is one draw: how much sessions of one
pair differ is learnt, so that neither one lucky evening nor three clicks decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc, gammaincinv, ndtr

from matching.diagnosis.cooperations import Sessions, summed
from models.pairs import Floats
from models.shrinkage import Alone, Effects, shrink_counts, shrink_levels

#: Sums with others are believed by this many orders, or sessions, less.
_ELSEWHERE = 4.0
#: Sessions' worth of belief in how much sessions of one pair differ.
_BELIEF = 20.0
_ROUNDS = 12
#: Usual orders that the trials must be worth before their rate is believed as it is.
_LEAST_ORDERS = 2.0
#: Standard deviations from the middle to the end of an 80 % interval.
Z80 = 1.2815515655446004


@dataclass(frozen=True)
class Conversions:
    """True conversions over their yardsticks: a gamma distribution for each pair.

    Attributes
    ----------
    mean, shape : float64 arrays of shape (p,)
        NaN where no yardstick is known.
    worth : float64 array of shape (p,)
        Orders that the pair's own trials would usually have brought.
    usual : float64 array of shape (p,)
        What one more session adds to the worth, and to the shape at a mean of 1.
    """

    mean: Floats
    shape: Floats
    worth: Floats
    usual: Floats

    def above(self) -> Floats:
        """Probability that the conversion is above its yardstick.

        Trials worth less than two orders are no rate: however lucky they were, and whatever the
        market makes likely, the probability then stays near one half.
        """
        chance = gammaincc(self.shape, self.shape / self.mean)
        told = np.minimum(self.worth / _LEAST_ORDERS, 1.0)
        return np.asarray(0.5 + told * (chance - 0.5))

    def quantile(self, share: float) -> Floats:
        """Conversion over the yardstick that ``share`` of the probability lies below."""
        return np.asarray(gammaincinv(self.shape, share) * self.mean / self.shape)

    def after(self, sessions: Floats) -> Conversions:
        """What more sessions would leave, should they go on as the mean says."""
        more = sessions * self.usual
        return Conversions(self.mean, self.shape + more * self.mean, self.worth + more, self.usual)

    def take(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Conversions:
        """Those of some pairs."""
        return Conversions(self.mean[rows], self.shape[rows], self.worth[rows], self.usual[rows])


@dataclass(frozen=True)
class Displays:
    """Logs of true displays a product over their yardsticks: a normal distribution for each pair.

    Attributes
    ----------
    mean, variance : float64 arrays of shape (p,)
        NaN where no yardstick is known.
    noise : float
        Variance of the log between sessions of one pair.
    """

    mean: Floats
    variance: Floats
    noise: float

    def above(self) -> Floats:
        """Probability that the displays are above their yardstick."""
        return np.asarray(ndtr(self.mean / np.sqrt(self.variance)))

    def after(self, sessions: Floats) -> Displays:
        """What more sessions would leave, should they go on as the mean says."""
        variance = 1.0 / (1.0 / self.variance + sessions / self.noise)
        return Displays(self.mean, variance, self.noise)

    def take(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Displays:
        """Those of some pairs."""
        return Displays(self.mean[rows], self.variance[rows], self.noise)


def conversions(sessions: Sessions, yardstick: Floats) -> Conversions:
    """Shrink the conversion of every pair.

    Parameters
    ----------
    sessions : Sessions of p pairs
    yardstick : float64 array of shape (p,)
        Usual orders of a trial; NaN where unknown.
    """
    known = np.isfinite(yardstick)[sessions.pair]
    level = np.where(known, sessions.trials * yardstick[sessions.pair], 0.0)
    got = np.where(known, sessions.orders, 0.0)
    worth = sessions.per_pair(level)
    noise = _noise_of_counts(sessions, got, level)
    # A session of many orders tells little more than one of a few: it is one evening.
    trust = 1.0 / (1.0 + noise * level)
    got, level = got * trust, level * trust
    own_got, own_level = sessions.per_pair(got), sessions.per_pair(level)
    basis = np.column_stack(
        [
            np.ones(len(own_got)),
            *(
                np.log((_ELSEWHERE + one) / (_ELSEWHERE + other))
                for one, other in zip(
                    _elsewhere(sessions, own_got), _elsewhere(sessions, own_level), strict=True
                )
            ),
        ]
    )
    effects = Effects.none(basis, guess=0.25)
    for _ in range(_ROUNDS):
        line = np.exp(basis @ effects.coefficients)[sessions.pair]
        alone = Alone(
            sessions.per_pair((got - level * line) ** 2), sessions.per_pair((level * line) ** 2)
        )
        effects = shrink_counts(own_got, own_level, alone, basis, np.full(3, 1.0), effects)
    told = sessions.per_pair((level > 0.0).astype(float))
    everywhere = float(level.sum()) / max(float((level > 0.0).sum()), 1.0)
    usual = np.divide(own_level, told, out=np.full(len(told), everywhere), where=told > 0)
    unknown = np.isnan(yardstick)
    return Conversions(
        np.where(unknown, np.nan, np.exp(effects.mean)),
        np.where(unknown, np.nan, 1.0 / effects.variance + own_got),
        worth,
        usual,
    )


def displays(sessions: Sessions, yardstick: Floats) -> Displays:
    """Shrink the displays a product of every pair, on the log scale.

    Parameters
    ----------
    sessions : Sessions of p pairs
    yardstick : float64 array of shape (p,)
        Usual displays of a promoted product; NaN where unknown.
    """
    usual = yardstick[sessions.pair]
    known = np.isfinite(sessions.shown) & np.isfinite(usual)
    logs = np.log1p(np.where(known, sessions.shown, 0.0)) - np.log1p(np.where(known, usual, 0.0))
    count = sessions.per_pair(known.astype(float))
    mean = sessions.per_pair(np.where(known, logs, 0.0)) / np.maximum(count, 1.0)
    apart = np.where(known, logs - mean[sessions.pair], 0.0)
    spare = np.maximum(count - 1.0, 0.0).sum()
    # One half is what sessions of one creator usually differ by; a few sessions do not move it.
    noise = (float((apart**2).sum()) + _BELIEF * 0.5) / (float(spare) + _BELIEF)
    # The yardstick is a mean of displays, and the mean of a log-normal lies above its middle.
    level = np.where(count > 0, mean + noise / 2, 0.0)
    basis = np.column_stack(
        [
            np.ones(len(count)),
            *(
                total / (1.0 + number)
                for total, number in zip(
                    _elsewhere(sessions, level * count), _elsewhere(sessions, count), strict=True
                )
            ),
        ]
    )
    effects = Effects.none(basis, guess=1.0)
    for _ in range(_ROUNDS):
        line = (basis @ effects.coefficients)[sessions.pair]
        beside = np.where(known, logs + noise / 2 - line, 0.0) / noise
        alone = Alone(sessions.per_pair(beside**2), count / noise**2)
        effects = shrink_levels(level, count / noise, alone, basis, np.full(3, 4.0), effects)
    unknown = np.isnan(yardstick)
    return Displays(
        np.where(unknown, np.nan, effects.mean), np.where(unknown, np.nan, effects.spread), noise
    )


def _elsewhere(sessions: Sessions, of_pair: Floats) -> tuple[Floats, Floats]:
    """Sums of the creator with other merchants, and of the merchant with other creators."""
    by_creator, by_merchant = (
        summed(rows, of_pair, int(rows.max(initial=-1)) + 1)[rows] - of_pair
        for rows in (sessions.creator, sessions.merchant)
    )
    return by_creator, by_merchant


def _noise_of_counts(sessions: Sessions, got: Floats, level: Floats) -> float:
    """Relative variance of a session's true rate around its pair's, beyond counting chance.

    By moments, from pairs with several sessions: the squares around a pair's own rate, less what
    counting explains.
    """
    whole = sessions.per_pair(level)
    rate = np.divide(sessions.per_pair(got), whole, out=np.zeros(len(whole)), where=whole > 0)
    expected = level * rate[sessions.pair]
    second, third = sessions.per_pair(expected**2), sessions.per_pair(expected**3)
    total = np.maximum(sessions.per_pair(expected), 1e-12)
    squares = sessions.per_pair((got - expected) ** 2)
    chance = total - second / total
    slope = second - 2.0 * third / total + (second / total) ** 2
    several = slope > 1e-9
    weight = np.zeros(len(total))
    weight[several] = slope[several] / (chance + 0.2 * slope)[several] ** 2
    worth = float(weight @ slope)
    if not worth > 0.0:
        return 0.2
    belief = _BELIEF * worth / max(int(several.sum()), 1)
    found = (float(weight @ (squares - chance)) + belief * 0.2) / (worth + belief)
    return float(np.clip(found, 0.0, 4.0))
