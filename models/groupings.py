"""The groupings of promotions a log-linear model consists of, and their folding into tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.circumstances import Conditions
from models.features import EntityFeatures, bent
from models.loglinear import FIT_CELLS, LogLinear, fit_cells
from models.meetings import Meetings
from models.pairs import Floats, Pairs
from models.shared_luck import Evidence, SharedLuck, Units
from models.shrinkage import Alone, Effects, shrink_counts, shrink_levels
from models.tastes import Tasted
from models.unknowns import Unknowns

_NEGLIGIBLE = 1e-6
_LEVEL_PRIOR = 1.0  # variance of how far the average group is from the average promotion
_NOT_ASKED = Alone(np.empty(0), np.empty(0))


@dataclass
class Grouping:
    """One grouping of the promotions while it is fitted.

    Attributes
    ----------
    rows : int array of shape (promotions,)
        Group of each promotion; the last group is nobody's.
    basis : float64 array of shape (groups, p)
        What features tell of each group, as columns of a linear predictor.
    prior : float64 array of shape (p,)
        Variances expected of the coefficients.
    effects : Effects
    unknowns : Unknowns
        What unknown features leave open of each group.
    luck : SharedLuck or None
        Of the sessions, where promotions share some.
    """

    rows: npt.NDArray[Any]
    basis: Floats
    prior: Floats
    effects: Effects
    unknowns: Unknowns
    luck: SharedLuck | None = None
    units: Units | None = field(init=False)

    def __post_init__(self) -> None:
        self.units = None if self.luck is None else self.luck.units(self.rows)

    @classmethod
    def of_entities(
        cls,
        rows: npt.NDArray[Any],
        features: EntityFeatures,
        guess: float,
        luck: SharedLuck | None = None,
    ) -> Grouping:
        """Promotions grouped by entity; ``guess`` is the variance expected between entities."""
        columns, variances, unknowns = features.completed
        # A level of its own: what the average group brings, whoever has the most promotions.
        basis = np.column_stack([np.ones(len(columns)), columns])
        prior = np.append(_LEVEL_PRIOR, variances)
        behind = unknowns.among(np.arange(1, basis.shape[1]), len(basis))
        return cls(rows, basis, prior, Effects.none(basis, guess), behind, luck)

    @classmethod
    def of_fits(cls, fit: Floats, luck: SharedLuck | None = None) -> Grouping:
        """Promotions grouped by how well they fit: a curve alone, for cells have no luck."""
        centres = np.append((np.arange(FIT_CELLS) + 0.5) * (2 / FIT_CELLS) - 1.0, np.nan)
        columns, prior = bent(centres, fit)
        basis = np.column_stack(columns) if columns else np.empty((len(centres), 0))
        none = Effects.none(basis, 0.0)
        return cls(fit_cells(fit), basis, np.array(prior), none, Unknowns(len(basis), ()), luck)

    def sums(self, values: Floats) -> Floats:
        """Sums of the rows' values by group; nobody's stay 0, for nobody has no meetings."""
        return self._summed(self.rows, values)

    def precision(self, sure: Floats) -> Floats:
        """Precision of each group's mean log, from that of the promotions' own.

        Parameters
        ----------
        sure : float64 array of shape (promotions,)
            Without the luck that a session shares.
        """
        units = self._evidence(sure, np.zeros(len(sure)))
        return self._summed(units.group, units.sure)

    def refit_counts(self, got: Floats, hoped: Floats) -> Floats:
        """Fit to counts got where others were hoped for; gives what that adds to each row's log."""
        before, doubt = self.effects, self._doubt()
        units = self._evidence(hoped, got - hoped)
        sure = self._summed(units.group, units.sure)
        found = np.maximum(sure + self._summed(units.group, units.pull), 0.0)
        alone = _NOT_ASKED
        if before.guess > 0.0:
            apart = units.sure * np.exp(-self._own())[units.group]
            came = units.sure + units.pull
            alone = Alone(
                self._summed(units.group, (came - apart) ** 2),
                self._summed(units.group, apart**2),
            )
        apart = sure * np.exp(-before.mean)
        self.effects = shrink_counts(found, apart, alone, self.basis, self.prior, before, doubt)
        change: Floats = (self.effects.mean - before.mean)[self.rows]
        return change

    def refit_levels(self, trust: Floats, residual: Floats, noise: float) -> Floats:
        """Fit to what is left of logs, of that variance; gives what that adds to each row's log."""
        before, doubt = self.effects, self._doubt()
        precision = trust / noise
        units = self._evidence(precision, precision * residual)
        sure = self._summed(units.group, units.sure)
        there = np.maximum(sure, 1e-12)
        pull = self._summed(units.group, units.pull)
        apart = np.where(sure > 0.0, pull / there + before.mean, 0.0)
        alone = _NOT_ASKED
        if before.guess > 0.0:
            off = units.pull + units.sure * self._own()[units.group]
            alone = Alone(
                self._summed(units.group, off**2), self._summed(units.group, units.sure**2)
            )
        self.effects = shrink_levels(apart, sure, alone, self.basis, self.prior, before, doubt)
        change: Floats = (self.effects.mean - before.mean)[self.rows]
        return change

    def _evidence(self, sure: Floats, pull: Floats) -> Evidence:
        """What the promotions tell: one by one, or by sessions that share their luck."""
        if self.luck is None or self.units is None:
            return Evidence(self.rows, sure, pull)
        return self.luck.evidence(self.units, sure, pull)

    def _summed(self, group: npt.NDArray[Any], values: Floats) -> Floats:
        total: Floats = np.bincount(group, values, len(self.basis)).astype(np.float64)
        if self.effects.guess > 0.0:
            total[-1] = 0.0
        return total

    def _own(self) -> Floats:
        """What the round before added to each group beyond the features' part."""
        found: Floats = self.effects.mean - self.basis @ self.effects.coefficients
        return found

    def _doubt(self) -> Floats:
        """What unknown features add to the variance of each group's prior."""
        return self.unknowns.doubt(self.effects.coefficients)

    def table(self, constant: tuple[float, float] = (0.0, 0.0)) -> Floats:
        """Mean and variance of each group's log, for a prediction to look up."""
        mean, spread = self.effects.mean.copy(), self.effects.spread.copy()
        line = self.basis @ self.effects.coefficients
        if self.effects.guess > 0.0:
            # Of nobody not even the features are known.
            mean[-1] = line[-1]
            if len(line) > 1:
                open_ = line[:-1].var() + self.effects.doubt[:-1].mean()
                spread[-1] = self.effects.variance + open_
        return np.column_stack([mean + constant[0], spread + constant[1]])


def groupings_of(
    pairs: Pairs,
    meetings: Meetings,
    features: tuple[EntityFeatures, EntityFeatures, EntityFeatures],
    guess: float,
    luck: SharedLuck | None = None,
) -> list[Grouping]:
    """All groupings of some promotions, in the order in which they are fitted.

    What is general comes first, so that the special only explains what the general cannot.
    """
    creators, merchants, products = features
    together, deals = meetings.find(pairs)
    # Where no promotion tells its product, products cannot be what promotions differ by.
    goods = guess / 2 if len(meetings.deals.keys) else _NEGLIGIBLE
    no_pairs = EntityFeatures((), np.empty((len(meetings.pairs.keys), 0)))
    no_deals = EntityFeatures((), np.empty((len(meetings.deals.keys), 0)))
    return [
        Grouping.of_fits(pairs.audience_fit, luck),
        Grouping.of_fits(pairs.category_fit, luck),
        Grouping.of_entities(pairs.creator, creators, guess, luck),
        Grouping.of_entities(pairs.merchant, merchants, guess, luck),
        Grouping.of_entities(pairs.product, products, goods, luck),
        Grouping.of_entities(together, no_pairs, guess / 2, luck),
        Grouping.of_entities(deals, no_deals, goods, luck),
    ]


def folded(
    groupings: list[Grouping],
    meetings: Meetings,
    precision: Floats,
    constant: tuple[float, float],
    noise: float,
    tasted: Tasted,
    conditions: Conditions,
) -> LogLinear:
    """Fold what was learnt into tables; ``precision`` is each promotion's, of its own log.

    Creators' tables get what their usual mix of kinds adds; how far circumstances of single
    promotions lie from it becomes part of the noise.
    """
    audience, category, creator, merchant, product, pair, deal = groupings
    usual, open_ = conditions.usual(creator.rows, len(creator.basis))
    noise += float(np.average((conditions.added - usual[creator.rows]) ** 2, weights=precision))
    pair_table, deal_table = pair.table(constant), deal.table()
    change = _agreed(pair, [creator, merchant], precision)
    pair_table[:, 1] += change
    told = change[pair.rows[_examples(deal)]]
    settled = _agreed(deal, [creator, merchant, product, pair], precision)
    deal_table[:-1, 1] += np.minimum(settled - told, 0.0)[:-1]
    tables = (
        creator.table() + np.column_stack([usual, open_]),
        merchant.table(),
        product.table(),
        pair_table,
        deal_table,
        audience.table(),
        category.table(),
    )
    return LogLinear(tables, meetings, noise, tasted)


def _examples(joint: Grouping) -> npt.NDArray[np.int64]:
    """One promotion of each group."""
    found = np.zeros(len(joint.basis), dtype=np.int64)
    found[joint.rows] = np.arange(len(joint.rows))
    return found


def _agreed(joint: Grouping, parts: list[Grouping], precision: Floats) -> Floats:
    """Change of the variance of each joint group's log: what its own promotions settle.

    How a pair's result splits between creator, merchant and pair may stay unsure when their sum
    is not, so variances must not simply add up. Taking a pair's own promotions out of each part
    leaves what others tell of the sum; its own promotions are then put back, once.
    """
    own = joint.precision(precision)
    one = _examples(joint)
    others, summed = np.zeros(len(own)), np.zeros(len(own))
    for part in (*parts, joint):
        rows = np.arange(len(own)) if part is joint else part.rows[one]
        spread = part.effects.spread[rows]
        others += 1.0 / np.maximum(1.0 / spread - own, 1.0 / part.effects.prior_variance[rows])
        summed += spread
    change = np.minimum(1.0 / (1.0 / others + own) - summed, 0.0)
    return np.where(own > 0.0, change, 0.0)
