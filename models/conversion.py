"""How many of those who click buy; also how many of those who see click."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from models.backfitting import fit_counts
from models.calibration import Z80, Arrival, half_life_weights, later_part
from models.compiled import compiled
from models.features import EntityFeatures
from models.loglinear import LogLinear
from models.meetings import Meetings
from models.pairs import Floats, Interval, Pairs, State

_WIDEST, _NARROWEST = 3.0, 0.6
_UNTESTED = 1.5


class Rate(NamedTuple):
    """A rate as compiled loops read it.

    Attributes
    ----------
    column : int
        Its column in the tables, -1 where there is no such step.
    widening : float
        As `ConversionModel.widening_`.
    """

    column: int
    widening: float


@compiled
def rate_point(log: float) -> float:
    """Expected rate, from its log."""
    rate: float = np.exp(log)
    return min(rate, 1.0)


@compiled
def rate_interval(rate: Rate, log: float, variance: float) -> tuple[float, float, float]:
    """Expected rate, and the 80 % interval for the true one; all in [0, 1]."""
    point = rate_point(log)
    middle = log - variance * 0.5
    reach = np.sqrt(variance) * (Z80 * rate.widening)
    low = min(np.exp(middle - reach), point)
    return point, low, min(max(np.exp(middle + reach), point), 1.0)


@compiled
def _intervals(rate: Rate, log: Floats, variance: Floats, found: Floats) -> None:
    for i in range(len(log)):
        found[0, i], found[1, i], found[2, i] = rate_interval(rate, log[i], variance[i])


class ConversionModel:
    """Orders per click, or per any other trial, of a creator promoting a merchant's product.

    The rate is a product of effects of creator, merchant, product, pair and deal, each gamma
    distributed and shrunk towards what its features tell, and of curves of the audience and
    category fit (`models.loglinear`). Three clicks never look like a rate, and a pair that has
    worked together is read first in its own meetings. Promotions differ by more than counting
    chance; what they differ by is learnt and keeps one large session from deciding.

    Orders of the last weeks are still arriving. The share that has arrived at each age is learnt
    (`Arrival`) and a young promotion's trials count by that share, so that late orders are not
    failures.

    Parameters
    ----------
    half_life_days : float
        Age at which a promotion counts half.

    Attributes
    ----------
    model_ : LogLinear
    arrival_ : Arrival
    widening_ : float
        Factor on the log's standard deviation, learnt on the later fifth of the promotions.
    tested_ : LogLinear or None
        The fit to the earlier promotions alone, as long as the model is not read from a bundle.
    """

    def __init__(self, half_life_days: float = 120.0) -> None:
        self.half_life_days = half_life_days

    model_: LogLinear
    arrival_: Arrival
    widening_: float
    tested_: LogLinear | None

    def fit(
        self,
        pairs: Pairs,
        trials: Floats,
        orders: Floats,
        *,
        age_days: Floats,
        creators: EntityFeatures,
        merchants: EntityFeatures,
        products: EntityFeatures,
        meetings: Meetings | None = None,
        later: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from promotions.

        Parameters
        ----------
        pairs : Pairs of n promotions
        trials, orders, age_days : float64 arrays of shape (n,)
            Promotions with unknown trials or orders, or without trials, are passed over.
        creators, merchants, products : EntityFeatures
        meetings : Meetings, optional
            Pairs to hold rows for; those of ``pairs`` when not given.
        later : bool array of shape (n,), optional
            Promotions to calibrate on; the youngest fifth when not given.

        Raises
        ------
        ValueError
            When no promotion has known orders among known trials.
        """
        meetings = meetings or Meetings.of(pairs, len(creators), len(products))
        known = np.isfinite(trials) & np.isfinite(orders) & (trials > 0.0)
        if not known.any():
            raise ValueError(
                f"none of {len(pairs)} promotions has both trials and orders, expected at least "
                "one; leave this model out"
            )
        later = later_part(np.where(known, age_days, np.inf)) if later is None else later
        pairs, trials, orders = pairs.take(known), trials[known], orders[known]
        age, later = age_days[known], later[known]
        features = (creators, merchants, products)
        self.arrival_ = Arrival.learn(age, trials, orders)
        trials = trials * self.arrival_.share(age)
        weight = half_life_weights(age, self.half_life_days)
        self.model_ = fit_counts(pairs, trials, orders, weight, features, meetings=meetings)
        self.tested_ = None
        self.widening_ = _UNTESTED
        if later.any() and not later.all():
            past = ~later
            self.tested_ = fit_counts(
                pairs.take(past),
                trials[past],
                orders[past],
                weight[past],
                features,
                meetings=meetings,
            )
            self.widening_ = _widening(
                self.tested_, pairs.take(later), trials[later], orders[later]
            )
        return self

    def predict(self, pairs: Pairs) -> Interval:
        """Expected rate, and the 80 % interval for the true one; all in [0, 1]."""
        return self.interval(*self.model_.predict(pairs))

    def interval(self, log: Floats, variance: Floats) -> Interval:
        """Interval around a log and its variance, as the folded tables give them."""
        found = np.empty((3, len(log)))
        _intervals(self.rate(0), log, variance, found)
        return Interval(*found)

    def rate(self, column: int) -> Rate:
        """The rate as compiled loops read it, at a column of the tables."""
        return Rate(column, float(self.widening_))

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same model."""
        return {
            "half_life_days": self.half_life_days,
            "model": self.model_.state(),
            "widening": self.widening_,
            "arrival_shares": self.arrival_.shares,
        }

    @classmethod
    def from_state(cls, state: State, meetings: Meetings) -> Self:
        """Model from what `state` gave, on the meetings it was fitted with."""
        one = cls(float(state["half_life_days"]))
        one.model_ = LogLinear.from_state(state["model"], meetings)
        one.tested_ = None
        one.widening_ = float(state["widening"])
        one.arrival_ = Arrival(np.array(Arrival.STEPS), np.asarray(state["arrival_shares"]))
        return one


def _widening(tested: LogLinear, pairs: Pairs, trials: Floats, orders: Floats) -> float:
    """By how much later rates lie further from an earlier fit than its variances say.

    The true rates are never seen, but their scatter is: the squared error of the orders is
    counting chance, plus what promotions of one pair differ by, plus the variance of the log.
    """
    log, variance = tested.predict(pairs)
    expected = trials * np.exp(log)
    # The level may have moved for all since; that is drift, and it counts as scatter too.
    chance = expected + tested.noise * expected**2
    doubt = variance * (expected / (chance + variance * expected**2)) ** 2
    worth = (doubt * variance * expected**2).sum()
    excess = (doubt * ((orders - expected) ** 2 - chance)).sum()
    # Twenty promotions' worth of belief in the fit's own variances.
    belief = 20.0 * worth / len(orders)
    factor = float((excess + belief) / (worth + belief))
    return float(np.clip(max(factor, 0.0) ** 0.5, _NARROWEST, _WIDEST))
