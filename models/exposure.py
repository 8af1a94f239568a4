"""How often a product will be displayed in one session of a creator."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from models.backfitting import fit_levels
from models.calibration import Band, Cells, half_life_weights, later_part, quantiles_around
from models.censoring import amounts_within, spread_within
from models.circumstances import Circumstances
from models.compiled import compiled
from models.features import EntityFeatures
from models.loglinear import LogLinear
from models.meetings import Meetings
from models.pairs import Floats, Interval, Pairs, State
from models.ranged import Ranged


class Amount(NamedTuple):
    """An amount as compiled loops read it.

    Attributes
    ----------
    column : int
        Its column in the tables, -1 where there is no such step.
    mean_factor : float
        As `ExposureModel.mean_factor_`.
    noise : float
        Variance of one promotion's log.
    cells : Cells
    """

    column: int
    mean_factor: float
    noise: float
    cells: Cells


@compiled
def amount_point(amount: Amount, log: float, variance: float) -> float:
    """Mean amount, from the log of its median and the variance of that."""
    mean: float = np.exp(log + variance * 0.5) * amount.mean_factor
    return max(mean - 1.0, 0.0)


@compiled
def amount_interval(
    amount: Amount, surprises: Floats, log: float, variance: float
) -> tuple[float, float, float]:
    """Mean, and the 80 % interval for what one promotion will bring."""
    point = amount_point(amount, log, variance)
    around = max(log, 0.0), variance + amount.noise, point
    low, _, high = quantiles_around(surprises, amount.cells, *around)
    return point, low, high


@compiled
def _intervals(
    amount: Amount, surprises: Floats, log: Floats, variance: Floats, found: Floats
) -> None:
    for i in range(len(log)):
        told = amount_interval(amount, surprises, log[i], variance[i])
        found[0, i], found[1, i], found[2, i] = told


class ExposureModel:
    """Displays of the product that one promotion will bring, or any other amount like them.

    The log of the amount is a sum of effects of creator, merchant, product, pair and deal (a
    creator with a product), each shrunk towards what its features tell, and of curves of the
    audience and category fit (`models.loglinear`). Older promotions count less. The interval's
    width and the step from the log to the mean are learnt on the later fifth of the promotions,
    from a fit to the earlier ones.

    Parameters
    ----------
    half_life_days : float
        Age at which a promotion counts half.

    Attributes
    ----------
    model_ : LogLinear
    mean_factor_ : float
        Mean of the amount over its median, beyond what the uncertain median explains.
    band_ : Band
    tested_ : LogLinear or None
        The fit to the earlier promotions alone, as long as the model is not read from a bundle.
    """

    def __init__(self, half_life_days: float = 120.0) -> None:
        self.half_life_days = half_life_days

    model_: LogLinear
    mean_factor_: float
    band_: Band
    tested_: LogLinear | None

    def fit(
        self,
        pairs: Pairs,
        exposures: Floats | Ranged,
        *,
        age_days: Floats,
        creators: EntityFeatures,
        merchants: EntityFeatures,
        products: EntityFeatures,
        meetings: Meetings | None = None,
        later: npt.NDArray[np.bool_] | None = None,
        circumstances: Circumstances | None = None,
    ) -> Self:
        """Learn from promotions.

        Parameters
        ----------
        pairs : Pairs of n promotions
        exposures, age_days : float64 arrays of shape (n,)
            Promotions with unknown exposures are passed over. Exposures may be ranges
            (`Ranged`): they count by what lies within them.
        creators, merchants, products : EntityFeatures
        meetings : Meetings, optional
            Pairs to hold rows for; those of ``pairs`` when not given.
        later : bool array of shape (n,), optional
            Promotions to calibrate on; the youngest fifth when not given.
        circumstances : Circumstances, optional
            Of the promotions; what they add is taken out.

        Raises
        ------
        ValueError
            When no promotion has known exposures.
        """
        meetings = meetings or Meetings.of(pairs, len(creators), len(products))
        told = Ranged.of(exposures)
        known = told.known
        if not known.any():
            raise ValueError(
                f"none of {len(pairs)} promotions has a known amount, expected at least one; "
                "leave this model out"
            )
        later = later_part(np.where(known, age_days, np.inf)) if later is None else later
        pairs, told, age = pairs.take(known), told.take(known), age_days[known]
        later = later[known]
        features = (creators, merchants, products)
        weight = half_life_weights(age, self.half_life_days)
        logs = told.rising(np.log1p)
        under = (circumstances or Circumstances.unknown(len(known))).take(known)
        self.model_ = fit_levels(
            pairs, logs, weight, features, meetings=meetings, circumstances=under
        )
        self.tested_ = None
        self.mean_factor_ = float(np.exp(self.model_.noise / 2))
        self.band_ = Band.untested(1.0)
        if later.any() and not later.all():
            past = ~later
            # As it would have been fitted then: ages count from the last day that it knows.
            then = weight[past] / weight[past].max()
            self.tested_ = fit_levels(
                pairs.take(past),
                logs.take(past),
                then,
                features,
                meetings=meetings,
                circumstances=under.take(past),
            )
            self._calibrate(self.tested_, pairs.take(later), told.take(later))
        return self

    def _calibrate(self, tested: LogLinear, pairs: Pairs, told: Ranged) -> None:
        log, variance = tested.predict(pairs)
        mean = np.exp(log + variance / 2)
        amount = _amounts(told, log, variance + tested.noise)
        # Sums, for the mean is asked for; roots, so that a few giants do not decide alone.
        trust = 1.0 / np.sqrt(mean)
        self.mean_factor_ = float((trust * (amount + 1.0)).sum() / (trust * mean).sum())
        centre = np.maximum(np.exp(log) - 1.0, 0.0)
        self.band_ = Band.learn(centre, np.sqrt(variance + tested.noise), amount, 1.0)

    def within(self, pairs: Pairs, exposures: Floats | Ranged) -> tuple[Floats, Floats]:
        """Mean amount of promotions of which more or less is known, and how unsure it is.

        Parameters
        ----------
        pairs : Pairs of n promotions
        exposures : float64 array of shape (n,), or Ranged of n

        Returns
        -------
        amount : float64 array of shape (n,)
            Exact numbers as they are, means within ranges, NaN where nothing is known.
        doubt : float64 array of shape (n,)
            Variance of the amount over its square, 0 where it is exact.
        """
        told = Ranged.of(exposures)
        amount, doubt = told.values(), np.zeros(len(told))
        open_ = np.flatnonzero(told.known & ~told.exact)
        if len(open_):
            log, variance = self.model_.predict(pairs.take(open_))
            logs = told.take(open_).rising(np.log1p)
            mean, doubt[open_] = amounts_within(log, variance + self.model_.noise, logs)
            amount[open_] = mean - 1.0
        return amount, doubt

    def predict(self, pairs: Pairs) -> Interval:
        """Mean, and the 80 % interval for what one promotion will bring."""
        return self.interval(*self.model_.predict(pairs))

    def interval(self, log: Floats, variance: Floats) -> Interval:
        """Interval around a log and its variance, as the folded tables give them."""
        found = np.empty((3, len(log)))
        _intervals(self.amount(0), self.band_.surprises, log, variance, found)
        return Interval(*found)

    def amount(self, column: int) -> Amount:
        """The amount as compiled loops read it, at a column of the tables."""
        return Amount(column, float(self.mean_factor_), float(self.model_.noise), self.band_.cells)

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same model."""
        return {
            "half_life_days": self.half_life_days,
            "model": self.model_.state(),
            "mean_factor": self.mean_factor_,
            "band": self.band_.state(),
        }

    @classmethod
    def from_state(cls, state: State, meetings: Meetings) -> Self:
        """Model from what `state` gave, on the meetings it was fitted with."""
        one = cls(float(state["half_life_days"]))
        one.model_ = LogLinear.from_state(state["model"], meetings)
        one.mean_factor_ = float(state["mean_factor"])
        one.tested_ = None
        one.band_ = Band.from_state(state["band"])
        return one


def _amounts(told: Ranged, log: Floats, variance: Floats) -> Floats:
    """Exact amounts, and those of ranges spread over them as an earlier fit would have them."""
    amount = told.values()
    open_ = np.flatnonzero(~told.exact)
    logs = told.take(open_).rising(np.log1p)
    amount[open_] = np.expm1(spread_within(log[open_], variance[open_], logs))
    return amount
