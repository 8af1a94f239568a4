"""What later promotions say of an earlier fit: how late orders come, and how far off rates lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.arrival import Arrival
from models.censoring import counts_within, information
from models.loglinear import GROUPINGS, LogLinear
from models.meetings import Meetings
from models.pairs import Floats, Pairs
from models.ranged import Ranged

_WIDEST, _NARROWEST = 3.0, 0.6
_STRANGEST = 1.0  # variance of what may join two beyond all that is told of them
_WIDENING_BELIEF = 10.0  # in the fit's own variances: what some twenty large promotions tell
_LEVEL_BELIEF = 30.0  # orders worth of belief that rates add up to the orders seen as they are
_ARRIVAL_ROUNDS = 4  # what a range stands for depends on what has arrived
#: Orders of promotions settled within so many days set the level that young ones are held to.
_RECENT = 60.0

#: Later promotions: pairs, trials, orders, and the doubt of the trials.
Later = tuple[Pairs, Floats, Ranged, Floats]


def arrival_beside(
    tested: LogLinear,
    pairs: Pairs,
    trials: Floats,
    orders: Ranged,
    doubt: Floats,
    age: Floats,
    before: Arrival,
) -> Arrival:
    """Arrival beside what an earlier fit expects; ranges by what lies within them."""
    log, variance = tested.predict(pairs)
    expected = trials * np.exp(log)
    noise = tested.noise + variance + doubt
    open_ = np.flatnonzero(~orders.exact)
    got, worth = orders.values(), np.ones(len(orders))
    for _ in range(_ARRIVAL_ROUNDS if len(open_) else 1):
        hoped = (expected * before.share(age))[open_]
        whole = hoped * (1.0 + noise[open_] * hoped)
        mean, left = counts_within(hoped, noise[open_], orders.take(open_))
        worth[open_] = information(left, whole)
        got[open_] = hoped + (mean - hoped) / worth[open_]
        before = Arrival.learn(age, expected, got, noise=noise, weight=worth, recent=_RECENT)
    return before


def level_of(
    tested: LogLinear, pairs: Pairs, trials: Floats, orders: Ranged, doubt: Floats
) -> float:
    """Log of what later promotions brought over what an earlier fit expected of them.

    Who is seen by many also sells to more of them, more than what is known of both explains; so
    rates that are right for the average pair are too low for the average click.
    """
    expected, (got, _), _ = _later(tested, pairs, trials, orders, doubt)
    # Sums, for calibration is told of them; roots, so that a few giants do not decide alone.
    trust = 1.0 / np.sqrt(1.0 + expected)
    belief = _LEVEL_BELIEF * float(np.mean(trust))
    found = float((trust * got).sum() + belief) / float((trust * expected).sum() + belief)
    return float(np.log(found))


def raised(model: LogLinear, level: float) -> LogLinear:
    """The same model with a constant added to its log."""
    tables = list(model.tables)
    pair = GROUPINGS.index("pair")
    tables[pair] = tables[pair] + np.array([level, 0.0])
    return replace(model, tables=tuple(tables))


def met_before(past: Pairs, later: Pairs, meetings: Meetings) -> npt.NDArray[np.bool_]:
    """Which later pairs had worked together in the past."""
    before, after = (meetings.find(one)[0] for one in (past, later))
    return np.isin(after, before)


def those(told: Later, some: npt.NDArray[np.bool_]) -> Later:
    """Those later promotions that a mask picks."""
    pairs, trials, orders, doubt = told
    return pairs.take(some), trials[some], orders.take(some), doubt[some]


def widening_of(
    tested: LogLinear, pairs: Pairs, trials: Floats, orders: Ranged, doubt: Floats
) -> float:
    """By how much later rates lie further from an earlier fit than its variances say."""
    squares, tells, excess, variance = _scatter(tested, pairs, trials, orders, doubt)
    factors = np.linspace(_NARROWEST, _WIDEST, 97)
    wide = [
        float(tells @ (squares * np.expm1(one**2 * variance))) + _WIDENING_BELIEF * one**2
        for one in factors.tolist()
    ]
    return float(np.interp(excess + _WIDENING_BELIEF, wide, factors))


def strangeness_of(
    tested: LogLinear, pairs: Pairs, trials: Floats, orders: Ranged, doubt: Floats
) -> float:
    """Variance by which later rates lie further from an earlier fit than its variances say."""
    squares, tells, excess, variance = _scatter(tested, pairs, trials, orders, doubt)
    usual = float(np.median(variance))
    more = np.linspace(0.0, _STRANGEST, 101)
    wide = [
        float(tells @ (squares * np.expm1(variance + one))) + _WIDENING_BELIEF * (1.0 + one / usual)
        for one in more.tolist()
    ]
    return float(np.interp(excess + _WIDENING_BELIEF, wide, more))


def _scatter(
    tested: LogLinear, pairs: Pairs, trials: Floats, orders: Ranged, doubt: Floats
) -> tuple[Floats, Floats, float, Floats]:
    """Scatter of later rates beside what an earlier fit makes expected.

    The true rates are never seen, but their scatter is: the squared error of the orders is
    counting chance, plus what promotions of one pair differ by, plus that of the rate, which grows
    with the variance of its log as a log-normal variable's does.

    Returns
    -------
    squares, tells : float64 arrays of shape (n,)
        Squares of what was expected, and how much each promotion tells.
    excess : float
        Squared errors beyond chance, weighted by that.
    variance : float64 array of shape (n,)
        Of the logs, as the fit says.
    """
    expected, (got, left), variance = _later(tested, pairs, trials, orders, doubt)
    # The level may have moved for all since; that is drift, and it counts as scatter too.
    missed = np.maximum(1.0 - expected / trials, 0.0)
    chance = expected * missed + (tested.noise + doubt) * expected**2
    whole = expected**2 * np.expm1(variance)
    # A square is unsure by twice its own expectation squared, and by the few counts it is of.
    tells = whole / (2.0 * (chance + whole) ** 2 + expected)
    excess = float(tells @ ((got - expected) ** 2 + left - chance))
    return expected**2, tells, excess, variance


def _later(
    tested: LogLinear, pairs: Pairs, trials: Floats, orders: Ranged, doubt: Floats
) -> tuple[Floats, tuple[Floats, Floats], Floats]:
    """Orders that an earlier fit expects, those that came and how unsure these are; variances."""
    log, variance = tested.predict(pairs)
    expected = trials * np.exp(log)
    got, left = orders.values(), np.zeros(len(orders))
    open_ = np.flatnonzero(~orders.exact)
    scatter = (tested.noise + doubt + variance)[open_]
    got[open_], left[open_] = counts_within(expected[open_], scatter, orders.take(open_))
    return expected, (got, left), variance
