"""How many of those who click buy; also how many of those who see click."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from models.arrival import Arrival
from models.backfitting import fit_counts
from models.calibration import Z80, half_life_weights, later_part
from models.censoring import counts_within
from models.circumstances import Circumstances
from models.compiled import compiled
from models.features import EntityFeatures
from models.later_rates import (
    arrival_beside,
    level_of,
    met_before,
    raised,
    strangeness_of,
    those,
    widening_of,
)
from models.loglinear import GROUPINGS, LogLinear
from models.meetings import Meetings
from models.pairs import Floats, Interval, Pairs, State
from models.ranged import Ranged

_UNTESTED = 1.5


class Rate(NamedTuple):
    """A rate as compiled loops read it.

    Attributes
    ----------
    column : int
        Its column in the tables, -1 where there is no such step.
    widening : float
        As `ConversionModel.widening_`.
    level : float
        As `ConversionModel.level_`.
    """

    column: int
    widening: float
    level: float = 0.0


@compiled
def rate_point(log: float) -> float:
    """Expected rate, from its log."""
    rate: float = np.exp(log)
    return min(rate, 1.0)


@compiled
def rate_interval(rate: Rate, log: float, variance: float) -> tuple[float, float, float]:
    """Expected rate, and the 80 % interval for the true one; all in [0, 1]."""
    point = rate_point(log)
    # The log is that of the mean; the median lies below it, the further the less sure it is.
    spread = np.sqrt(variance) * rate.widening
    middle = log - rate.level - spread * spread * 0.5
    reach = spread * Z80
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
    strangeness_ : float
        Variance of what joins two beyond all that is told of them, so that intervals hold on later
        pairs that had never met; a pair's own promotions take it away.
    level_ : float
        What was added to the log of all rates, so that they hold for the average click: pairs
        that are seen by many also sell to more of them. The interval is that of a pair's own rate
        and goes without.
    tested_ : LogLinear or None
        The fit to the earlier promotions alone, as long as the model is not read from a bundle.
    """

    def __init__(self, half_life_days: float = 240.0) -> None:
        self.half_life_days = half_life_days

    model_: LogLinear
    arrival_: Arrival
    widening_: float
    level_: float
    strangeness_: float
    tested_: LogLinear | None

    def fit(
        self,
        pairs: Pairs,
        trials: Floats,
        orders: Floats | Ranged,
        *,
        age_days: Floats,
        creators: EntityFeatures,
        merchants: EntityFeatures,
        products: EntityFeatures,
        meetings: Meetings | None = None,
        later: npt.NDArray[np.bool_] | None = None,
        doubt: Floats | None = None,
        circumstances: Circumstances | None = None,
    ) -> Self:
        """Learn from promotions.

        Parameters
        ----------
        pairs : Pairs of n promotions
        trials, orders, age_days : float64 arrays of shape (n,)
            Promotions with unknown trials or orders, or without trials, are passed over. Orders
            may be ranges (`Ranged`): they count by what lies within them.
        creators, merchants, products : EntityFeatures
        meetings : Meetings, optional
            Pairs to hold rows for; those of ``pairs`` when not given.
        later : bool array of shape (n,), optional
            Promotions to calibrate on; the youngest fifth when not given.
        doubt : float64 array of shape (n,), optional
            Variance of each number of trials over its square, where trials are themselves
            expected.
        circumstances : Circumstances, optional
            Of the promotions; what they add is taken out.

        Raises
        ------
        ValueError
            When no promotion has known orders among known trials.
        """
        meetings = meetings or Meetings.of(pairs, len(creators), len(products))
        told = Ranged.of(orders)
        known = np.isfinite(trials) & told.known & (trials > 0.0)
        if not known.any():
            raise ValueError(
                f"none of {len(pairs)} promotions has both trials and orders, expected at least "
                "one; leave this model out"
            )
        later = later_part(np.where(known, age_days, np.inf)) if later is None else later
        pairs, trials, told = pairs.take(known), trials[known], told.take(known)
        doubt = np.zeros(len(trials)) if doubt is None else doubt[known]
        age, later = age_days[known], later[known]
        features = (creators, merchants, products)
        weight = half_life_weights(age, self.half_life_days)
        under = (circumstances or Circumstances.unknown(len(known))).take(known)

        def fit(some: npt.NDArray[np.bool_]) -> LogLinear:
            return fit_counts(
                pairs.take(some),
                (trials * self.arrival_.share(age))[some],
                told.take(some),
                # As of its last day: ages count from there.
                weight[some] / weight[some].max(),
                features,
                meetings=meetings,
                doubt=doubt[some],
                circumstances=under.take(some),
            )

        exact = told.exact
        self.arrival_ = Arrival.learn(age[exact], trials[exact], told.low[exact])
        self.tested_ = None
        self.widening_ = _UNTESTED
        self.level_, self.strangeness_ = 0.0, 0.0
        if later.any() and not later.all():
            # Arrival shows more clearly beside what an earlier fit expected of each promotion.
            self.tested_ = fit(~later)
            self.arrival_ = arrival_beside(
                self.tested_, pairs, trials, told, doubt, age, self.arrival_
            )
            due = (trials * self.arrival_.share(age))[later]
            told_later = pairs.take(later), due, told.take(later), doubt[later]
            self.level_ = level_of(self.tested_, *told_later)
            strange = those(
                told_later, ~met_before(pairs.take(~later), pairs.take(later), meetings)
            )
            # Pairs differ around a level between that of the average pair and of the average click.
            between = raised(self.tested_, self.level_ / 2)
            if len(strange[0]):
                self.strangeness_ = strangeness_of(between, *strange)
            self.tested_ = self._unsure_of_pairs(
                self.tested_, pairs.take(~later), trials[~later], weight[~later]
            )
            self.widening_ = widening_of(raised(self.tested_, self.level_ / 2), *told_later)
            self.tested_ = raised(self.tested_, self.level_)
        everything = fit(np.ones(len(age), dtype=bool))
        everything = self._unsure_of_pairs(everything, pairs, trials, weight)
        self.model_ = raised(everything, self.level_)
        return self

    def _unsure_of_pairs(
        self, model: LogLinear, pairs: Pairs, trials: Floats, weight: Floats
    ) -> LogLinear:
        """The same model, less sure of a pair by what its own promotions leave of strangeness."""
        if not self.strangeness_ > 0.0:
            return model
        expected = trials * np.exp(model.predict(pairs)[0])
        telling = weight / weight.max() * expected / (1.0 + model.noise * expected)
        rows, _ = model.meetings.find(pairs)
        tables, pair = list(model.tables), GROUPINGS.index("pair")
        own = np.bincount(rows, telling, len(tables[pair]))
        left = 1.0 / (1.0 / self.strangeness_ + own)
        tables[pair] = tables[pair] + np.column_stack([np.zeros(len(left)), left])
        return replace(model, tables=tuple(tables))

    def within(
        self, pairs: Pairs, trials: Floats, doubt: Floats, orders: Floats | Ranged
    ) -> tuple[Floats, Floats]:
        """Mean number of orders of promotions of which more or less is known, and its doubt.

        Parameters
        ----------
        pairs : Pairs of n promotions
        trials, doubt : float64 arrays of shape (n,)
            Trials, and their variance over their square.
        orders : float64 array of shape (n,), or Ranged of n

        Returns
        -------
        orders : float64 array of shape (n,)
            Exact numbers as they are, means within ranges, and what is expected where nothing is
            known; NaN where trials are needed and unknown.
        doubt : float64 array of shape (n,)
            Variance of that over its square, 0 where it is exact.
        """
        told = Ranged.of(orders)
        found, unsure = told.values(), np.zeros(len(told))
        open_ = np.flatnonzero(~told.exact)
        if len(open_):
            log, variance = self.model_.predict(pairs.take(open_))
            hoped = trials[open_] * np.exp(log)
            scatter = variance + self.model_.noise + doubt[open_]
            known = told.take(open_)
            mean, left = hoped.copy(), hoped * (1.0 + scatter * hoped)
            some = known.known & (hoped > 0.0)
            mean[some], left[some] = counts_within(hoped[some], scatter[some], known.take(some))
            found[open_], unsure[open_] = mean, left / np.maximum(mean, 1e-9) ** 2
        return found, unsure

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
        return Rate(column, float(self.widening_), float(self.level_))

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same model."""
        return {
            "half_life_days": self.half_life_days,
            "model": self.model_.state(),
            "widening": self.widening_,
            "level": self.level_,
            "strangeness": self.strangeness_,
            "arrival_shares": self.arrival_.shares,
        }

    @classmethod
    def from_state(cls, state: State, meetings: Meetings) -> Self:
        """Model from what `state` gave, on the meetings it was fitted with."""
        one = cls(float(state["half_life_days"]))
        one.model_ = LogLinear.from_state(state["model"], meetings)
        one.tested_ = None
        one.widening_ = float(state["widening"])
        one.level_ = float(state["level"])
        one.strangeness_ = float(state["strangeness"])
        one.arrival_ = Arrival(np.array(Arrival.STEPS), np.asarray(state["arrival_shares"]))
        return one
