"""The groupings of promotions a log-linear model consists of, and their folding into tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features import EntityFeatures, bent
from models.loglinear import FIT_CELLS, LogLinear, fit_cells
from models.meetings import Meetings
from models.pairs import Floats, Pairs
from models.shrinkage import Alone, Effects

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
    """

    rows: npt.NDArray[Any]
    basis: Floats
    prior: Floats
    effects: Effects

    @classmethod
    def of_entities(
        cls, rows: npt.NDArray[Any], features: EntityFeatures, guess: float
    ) -> Grouping:
        """Promotions grouped by entity; ``guess`` is the variance expected between entities."""
        columns, variances = features.basis()
        # A level of its own: what the average group brings, whoever has the most promotions.
        basis = np.column_stack([np.ones(len(columns)), columns])
        prior = np.append(_LEVEL_PRIOR, variances)
        return cls(rows, basis, prior, Effects.none(basis, guess))

    @classmethod
    def of_fits(cls, fit: Floats) -> Grouping:
        """Promotions grouped by how well they fit: a curve alone, for cells have no luck."""
        centres = np.append((np.arange(FIT_CELLS) + 0.5) * (2 / FIT_CELLS) - 1.0, np.nan)
        columns, prior = bent(centres, fit)
        basis = np.column_stack(columns) if columns else np.empty((len(centres), 0))
        return cls(fit_cells(fit), basis, np.array(prior), Effects.none(basis, 0.0))

    def sums(self, values: Floats) -> Floats:
        """Sums of the rows' values by group; nobody's stay 0, for nobody has no meetings."""
        total: Floats = np.bincount(self.rows, values, len(self.basis)).astype(np.float64)
        if self.effects.guess > 0.0:
            total[-1] = 0.0
        return total

    def own(self) -> Floats:
        """What the round before added to each row beyond the features' part."""
        line = self.basis @ self.effects.coefficients
        extra: Floats = (self.effects.mean - line)[self.rows]
        return extra

    def alone(self, got: Floats, hoped: Floats) -> Alone:
        """Squares of single promotions' counts, for the variance between groups."""
        if self.effects.guess == 0.0:
            return _NOT_ASKED
        apart = hoped * np.exp(-self.own())
        return Alone(self.sums((got - apart) ** 2), self.sums(apart**2))

    def alone_levels(self, residual: Floats, precision: Floats) -> Alone:
        """Squares of single promotions' logs, for the variance between groups."""
        if self.effects.guess == 0.0:
            return _NOT_ASKED
        apart = precision * (residual + self.own())
        return Alone(self.sums(apart**2), self.sums(precision**2))

    def table(self, constant: tuple[float, float] = (0.0, 0.0)) -> Floats:
        """Mean and variance of each group's log, for a prediction to look up."""
        mean, spread = self.effects.mean.copy(), self.effects.spread.copy()
        line = self.basis @ self.effects.coefficients
        if self.effects.guess > 0.0:
            # Of nobody not even the features are known.
            mean[-1] = line[-1]
            spread[-1] = self.effects.variance + line[:-1].var() if len(line) > 1 else spread[-1]
        return np.column_stack([mean + constant[0], spread + constant[1]])


def groupings_of(
    pairs: Pairs,
    meetings: Meetings,
    features: tuple[EntityFeatures, EntityFeatures, EntityFeatures],
    guess: float,
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
        Grouping.of_fits(pairs.audience_fit),
        Grouping.of_fits(pairs.category_fit),
        Grouping.of_entities(pairs.creator, creators, guess),
        Grouping.of_entities(pairs.merchant, merchants, guess),
        Grouping.of_entities(pairs.product, products, goods),
        Grouping.of_entities(together, no_pairs, guess / 2),
        Grouping.of_entities(deals, no_deals, goods),
    ]


def folded(
    groupings: list[Grouping],
    meetings: Meetings,
    precision: Floats,
    constant: tuple[float, float],
    noise: float,
) -> LogLinear:
    """Fold what was learnt into tables; ``precision`` is each promotion's, of its own log."""
    audience, category, creator, merchant, product, pair, deal = groupings
    pair_table, deal_table = pair.table(constant), deal.table()
    change = _agreed(pair, [creator, merchant], precision)
    pair_table[:, 1] += change
    told = change[pair.rows[_examples(deal)]]
    settled = _agreed(deal, [creator, merchant, product, pair], precision)
    deal_table[:-1, 1] += np.minimum(settled - told, 0.0)[:-1]
    tables = (
        creator.table(),
        merchant.table(),
        product.table(),
        pair_table,
        deal_table,
        audience.table(),
        category.table(),
    )
    return LogLinear(tables, meetings, noise)


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
    own = joint.sums(precision)
    one = _examples(joint)
    others, summed = np.zeros(len(own)), np.zeros(len(own))
    for part in (*parts, joint):
        rows = np.arange(len(own)) if part is joint else part.rows[one]
        spread = part.effects.spread[rows]
        others += 1.0 / np.maximum(1.0 / spread - own, 1.0 / part.effects.variance)
        summed += spread
    change = np.minimum(1.0 / (1.0 / others + own) - summed, 0.0)
    return np.where(own > 0.0, change, 0.0)
