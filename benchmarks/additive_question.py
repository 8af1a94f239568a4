"""A question to additive and tree models alike: rows that are known, and rows held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.calibration import half_life_weights
from models.conversion import ConversionModel
from models.exposure import ExposureModel
from models.features import EntityFeatures
from models.loglinear import LogLinear
from models.pairs import Floats, Pairs
from models.vocabulary import Rows

Mask = npt.NDArray[np.bool_]
Sides = tuple[EntityFeatures, EntityFeatures, EntityFeatures]
_PARTS = 5
#: Expected successes, or rows, worth of belief that an entity is as all are.
_BELIEF = 5.0


@dataclass(frozen=True)
class Told:
    """Rows of a set: who, among how many trials, what came, and how old it is."""

    pairs: Pairs
    trials: Floats
    came: Floats
    age: Floats

    def take(self, keep: Mask) -> Told:
        """Those rows that a mask picks."""
        return Told(self.pairs.take(keep), self.trials[keep], self.came[keep], self.age[keep])


class Additive:
    """A fitted log-linear model."""

    def __init__(self, model: LogLinear) -> None:
        self.model = model

    def __call__(self, pairs: Pairs) -> Floats:
        """Log of the rate, or of one more than the amount."""
        return self.model.predict(pairs)[0]

    @property
    def size(self) -> int:
        """Bytes of the tables."""
        held = (*self.model.tables, *self.model.tasted)
        return sum(one.nbytes for one in held)


@dataclass(frozen=True)
class Question:
    """What is known, what is asked, and what an answer costs.

    Attributes
    ----------
    counts : bool
        Whether ``came`` counts successes among ``trials``; else it is the log of an amount.
    fitted : callable of Told
        Fits the additive model to some of the known rows.
    loss : callable of a log for each row asked
    """

    name: str
    measure: str
    counts: bool
    known: Told
    asked: Told
    sides: Sides
    half_life_days: float
    fitted: Callable[[Told], LogLinear]
    loss: Callable[[Floats], float]

    def additive(self, keep: Mask) -> Additive:
        """The additive model, fitted to some of the known rows."""
        return Additive(self.fitted(self.known.take(keep)))

    @property
    def usual(self) -> float:
        """Log of the rate, or of the amount, of all known rows."""
        if self.counts:
            return float(np.log(self.known.came.sum() / self.known.trials.sum()))
        return float(self.known.came.mean())

    @property
    def weight(self) -> Floats:
        """Old rows count less, as the additive model has it."""
        return half_life_weights(self.known.age, self.half_life_days)

    def features(self) -> tuple[Floats, Floats]:
        """What trees read of the known rows, and of those asked for.

        An entity's past is that of the other four parts of five: with its own outcome among what
        it reads, a tree would learn to trust it.
        """
        known, asked = self.known, self.asked
        part = np.random.default_rng(1).permutation(len(known.came)) % _PARTS
        found, wanted = [self._facts(known.pairs)], [self._facts(asked.pairs)]
        for ours, theirs in _keys(known.pairs, asked.pairs):
            past = np.empty((len(known.came), 2))
            for one in range(_PARTS):
                out = part == one
                past[out] = self._past(known.take(~out), ours[~out], ours[out])
            found.append(past)
            wanted.append(self._past(known, ours, theirs))
        told = np.column_stack(found)
        there = np.isfinite(told).any(axis=0)
        return told[:, there], np.column_stack(wanted)[:, there]

    def _facts(self, pairs: Pairs) -> Floats:
        """Features of the entities, how they fit, and how alike their portraits are."""
        rows = (pairs.creator, pairs.merchant, pairs.product)
        whole = [_with_nobody(one.values) for one in self.sides]
        found = [values[row] for values, row in zip(whole, rows, strict=True)]
        if all(one.portraits is not None for one in self.sides):
            creators, merchants, products = (_with_nobody(one.portraits, 0.0) for one in self.sides)
            theirs = np.where(
                (pairs.product < len(self.sides[2]))[:, None],
                products[pairs.product],
                merchants[pairs.merchant],
            )
            ours = creators[pairs.creator]
            found += [(ours * theirs).sum(axis=1)[:, None], ours, theirs]
        return np.column_stack([*found, pairs.audience_fit, pairs.category_fit])

    def _past(self, known: Told, key: Rows, asked: Rows) -> Floats:
        """How much more an entity brought than is usual, and how much there was of it."""
        size = int(max(key.max(initial=0), asked.max(initial=0))) + 1
        if self.counts:
            worth = np.bincount(key, known.trials, size) * np.exp(self.usual)
            more = np.log(np.bincount(key, known.came, size) + _BELIEF) - np.log(worth + _BELIEF)
        else:
            worth = np.bincount(key, minlength=size).astype(float)
            more = np.bincount(key, known.came - self.usual, size) / (worth + _BELIEF)
        return np.column_stack([more, np.log1p(worth)])[asked]


def _with_nobody(values: Floats | None, nobody: float = np.nan) -> Floats:
    assert values is not None
    return np.vstack([values, np.full(values.shape[1], nobody)])


def _keys(known: Pairs, asked: Pairs) -> Iterator[tuple[Rows, Rows]]:
    """Creator, merchant, product and pair of each row as numbers, known and asked."""
    for name in ("creator", "merchant", "product"):
        yield getattr(known, name), getattr(asked, name)
    both = np.stack(
        [
            np.concatenate([getattr(known, one), getattr(asked, one)])
            for one in ("merchant", "creator")
        ]
    )
    number = np.unique(both, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int32)
    yield number[: len(known)], number[len(known) :]


def rates(
    name: str,
    measure: str,
    known: Told,
    asked: Told,
    sides: Sides,
    loss: Callable[[Floats], float],
    *,
    dated: bool = True,
) -> Question:
    """Ask for rates; where rows bear no date, the intervals' fifth is any fifth."""

    def fitted(told: Told) -> LogLinear:
        fifth = None if dated else np.random.default_rng(0).random(len(told.came)) < 0.2
        model = ConversionModel()
        model.fit(
            told.pairs, told.trials, told.came, age_days=told.age, later=fifth, **_by_side(sides)
        )
        return model.model_

    half_life = ConversionModel().half_life_days
    return Question(name, measure, True, known, asked, sides, half_life, fitted, loss)


def amounts(name: str, known: Told, asked: Told, sides: Sides, half_life_days: float) -> Question:
    """Ask for logs of amounts, judged by their squared error."""

    def fitted(told: Told) -> LogLinear:
        model = ExposureModel(half_life_days)
        model.fit(told.pairs, np.expm1(told.came), age_days=told.age, **_by_side(sides))
        return model.model_

    def loss(log: Floats) -> float:
        return float(np.mean((log - asked.came) ** 2))

    measure = "squared error of log(1 + n)"
    return Question(name, measure, False, known, asked, sides, half_life_days, fitted, loss)


def _by_side(sides: Sides) -> dict[str, EntityFeatures]:
    return dict(zip(("creators", "merchants", "products"), sides, strict=True))
