"""How often a product will be displayed in one session of a creator."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from models.backfitting import fit_levels
from models.calibration import Band, Cells, band_ends, half_life_weights, later_part
from models.compiled import compiled
from models.features import EntityFeatures
from models.loglinear import LogLinear
from models.meetings import Meetings
from models.pairs import Floats, Interval, Pairs, State


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
    spread = np.sqrt(variance + amount.noise)
    low, high = band_ends(surprises, amount.cells, max(log, 0.0), spread)
    return point, min(low, point), max(high, point)


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

    def __init__(self, half_life_days: float = 60.0) -> None:
        self.half_life_days = half_life_days

    model_: LogLinear
    mean_factor_: float
    band_: Band
    tested_: LogLinear | None

    def fit(
        self,
        pairs: Pairs,
        exposures: Floats,
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
        exposures, age_days : float64 arrays of shape (n,)
            Promotions with unknown exposures are passed over.
        creators, merchants, products : EntityFeatures
        meetings : Meetings, optional
            Pairs to hold rows for; those of ``pairs`` when not given.
        later : bool array of shape (n,), optional
            Promotions to calibrate on; the youngest fifth when not given.

        Raises
        ------
        ValueError
            When no promotion has known exposures.
        """
        meetings = meetings or Meetings.of(pairs, len(creators), len(products))
        known = np.isfinite(exposures)
        if not known.any():
            raise ValueError(
                f"none of {len(pairs)} promotions has a known amount, expected at least one; "
                "leave this model out"
            )
        later = later_part(np.where(known, age_days, np.inf)) if later is None else later
        pairs, amount, age = pairs.take(known), exposures[known], age_days[known]
        later = later[known]
        features = (creators, merchants, products)
        weight = half_life_weights(age, self.half_life_days)
        logs = np.log1p(amount)
        self.model_ = fit_levels(pairs, logs, weight, features, meetings=meetings)
        self.tested_ = None
        self.mean_factor_ = float(np.exp(self.model_.noise / 2))
        self.band_ = Band.untested(1.0)
        if later.any() and not later.all():
            past = ~later
            self.tested_ = fit_levels(
                pairs.take(past), logs[past], weight[past], features, meetings=meetings
            )
            self._calibrate(self.tested_, pairs.take(later), amount[later])
        return self

    def _calibrate(self, tested: LogLinear, pairs: Pairs, amount: Floats) -> None:
        log, variance = tested.predict(pairs)
        mean = np.exp(log + variance / 2)
        # Sums, for the mean is asked for; roots, so that a few giants do not decide alone.
        trust = 1.0 / np.sqrt(mean)
        self.mean_factor_ = float((trust * (amount + 1.0)).sum() / (trust * mean).sum())
        centre = np.maximum(np.exp(log) - 1.0, 0.0)
        self.band_ = Band.learn(centre, np.sqrt(variance + tested.noise), amount, 1.0)

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
