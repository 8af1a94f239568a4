"""What promotions tell each step of a chain, written down so that their pairs can be rated by it.

The same that a fit is given (`models.outcome`): trials that are ranges or blanks by their means, a
range by the number that pulls as it does (`models.censoring`). Written once, with what the chain
expects; a rating at any later moment is sums of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.calibration import half_life_weights
from models.censoring import counts_within, information, normal_within
from models.chain import Chain
from models.conversion import ConversionModel
from models.exposure import ExposureModel
from models.features import PromotionOutcomes
from models.loglinear import GROUPINGS
from models.pairs import Floats, Pairs
from models.ranged import Ranged
from models.ratings import Places, Rated, Scale, rate_counts, rate_levels
from models.sales import orders_told

PAIR = GROUPINGS.index("pair")

#: Part of a promotion's scatter that is taken for its session's.
_SHARED = 0.5


class Told(NamedTuple):
    """What ``n`` promotions tell of one step; float64 arrays of shape (n,).

    Attributes
    ----------
    expected
        Count, or log of an amount, that was to come had the pair never met.
    came
        What came: a count, or the log of an amount. Where a range is known, the number of
        ``worth`` that pulls as hard; NaN where nothing is known.
    worth
        Share of the information of an exact number.
    doubt
        Variance of the trials over their square, where they are themselves expected.
    """

    expected: Floats
    came: Floats
    worth: Floats
    doubt: Floats


def told_by(chain: Chain, pairs: Pairs, outcomes: PromotionOutcomes) -> dict[str, Told]:
    """Write down what some promotions tell each step of a chain.

    Parameters
    ----------
    chain : Chain
    pairs : Pairs of n promotions
    outcomes : PromotionOutcomes of n promotions
        Their age is that at which the figures were read.

    Returns
    -------
    dict of step to Told
    """
    shown, clicks = outcomes.ranged("exposures"), outcomes.ranged("clicks")
    orders = orders_told(outcomes, chain.money.price(pairs), chain.money.scatter)
    seen, unsure = shown.values(), np.zeros(len(pairs))
    found = {}
    if chain.exposure is not None:
        found["exposure"] = _amounts(chain, chain.exposure, pairs, shown)
        seen, unsure = chain.exposure.within(pairs, shown)
    trials, doubt = seen, unsure
    if chain.click_rate is not None:
        found["click_rate"] = _counts(chain, chain.click_rate, pairs, seen, unsure, clicks)
        trials, doubt = chain.click_rate.within(pairs, seen, unsure, clicks)
    elif chain.basis == "clicks":
        trials, doubt = clicks.values(), np.zeros(len(pairs))
    if chain.conversion is not None:
        due = trials * chain.conversion.arrival_.share(outcomes.age_days)
        found["conversion"] = _counts(chain, chain.conversion, pairs, due, doubt, orders)
    if chain.amount is not None:
        sold = orders if chain.amount_of == "orders" else outcomes.ranged("gmv")
        found["amount"] = _amounts(chain, chain.amount, pairs, sold)
    return found


def scales(chain: Chain) -> dict[str, Scale]:
    """What each step of a chain takes a pair's own promotions for."""
    return {
        name: Scale(
            float(step.half_life_days),
            float(step.model_.noise),
            # What the tables say of a pair that has not met.
            # What a stranger is unsure by is no belief in how much pairs differ.
            float(step.model_.tables[PAIR][-1, 1]) - _strangeness(step),
        )
        for name, step in chain.steps().items()
    }


def _strangeness(step: ConversionModel | ExposureModel) -> float:
    return step.strangeness_ if isinstance(step, ConversionModel) else 0.0


def rated_by(
    chain: Chain,
    told: Mapping[str, Told],
    place: Places,
    n: int,
    age_days: Floats,
    session: npt.NDArray[np.int64],
) -> dict[str, Rated]:
    """Rate ``n`` pairs in every step of a chain.

    Parameters
    ----------
    told : mapping of step to Told
    place : int array of shape (promotions,)
        Pair of each promotion.
    age_days : float64 array of shape (promotions,)
    session : int64 array of shape (promotions,)
        Session of each; 0 is one of its own.
    """
    unit = _units(place, session)
    found = {}
    for name, scale in scales(chain).items():
        one = told[name]
        use = np.isfinite(one.came) & np.isfinite(one.expected)
        some, rows = Told(*(column[use] for column in one)), place[use]
        weight = half_life_weights(age_days[use], scale.half_life_days)
        luck = _SHARED * scale.noise
        own = scale.noise - luck + some.doubt
        if isinstance(chain.steps()[name], ExposureModel):
            trust = some.worth / own
            weight *= scale.noise * _apart(trust, trust, unit[use], luck)
            found[name] = rate_levels(rows, n, some.came - some.expected, weight, scale)
        else:
            trust = some.worth / (1.0 + own * some.expected)
            weight *= _apart(trust, trust * some.expected, unit[use], luck)
            found[name] = rate_counts(rows, n, some.came, some.expected, weight, scale)
    return found


def agreed(
    chain: Chain,
    told: Mapping[str, Told],
    place: Places,
    rows: npt.NDArray[np.int64],
    age_days: Floats,
    session: npt.NDArray[np.int64],
) -> dict[str, Told]:
    """Let promotions tell, pair by pair, what a fit made of them.

    A fit knows more of its promotions than is written down: formats, campaigns, who else was in
    the session. What it made of a pair's own is spread evenly over them, so that ratings as of
    the fit are the fit's.

    Parameters
    ----------
    rows : int64 array of shape (n,)
        Row of each pair among the meetings of the chain.
    told, place, age_days, session
        As in `rated_by`.
    """
    found = {}
    for name, rated in rated_by(chain, told, place, len(rows), age_days, session).items():
        own = chain.steps()[name].model_.tables[PAIR][:, 0]
        log, known = own[rows] - own[-1], rated.precision > 0.0
        if isinstance(chain.steps()[name], ExposureModel):
            # A shrunk mean moves by the share of it that promotions settle.
            prior = 1.0 / scales(chain)[name].variance
            step = np.divide(prior + rated.precision, rated.precision, where=known, out=1.0 * known)
            shift = (log - rated.log) * step
        else:
            hoped = rated.precision / rated.rating
            due = 1.0 / scales(chain)[name].variance + hoped
            shift = np.divide((np.exp(log) - rated.rating) * due, hoped, where=known, out=0.0 * due)
        one = told[name]
        scale = 1.0 if isinstance(chain.steps()[name], ExposureModel) else one.expected
        found[name] = one._replace(came=one.came + shift[place] * scale)
    return found


def _units(place: Places, session: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Numbers of the parts of sessions that belong to one pair."""
    own = np.where(session == 0, -1 - np.arange(len(session)), session)
    _, unit = np.unique(np.stack([place, own]), axis=1, return_inverse=True)
    return np.asarray(unit.reshape(-1), dtype=np.int64)


def _apart(trust: Floats, tells: Floats, unit: npt.NDArray[np.int64], luck: float) -> Floats:
    """Trust in promotions, once the luck that those of a session share is taken off.

    Ten products of one evening tell less than those of ten evenings.

    Parameters
    ----------
    trust, tells : float64 arrays of shape (promotions,)
        Trust without it, and what each promotion would tell of the log.
    luck : float
        Its variance.
    """
    together = np.bincount(unit, tells)[unit] if len(unit) else tells
    found: Floats = trust / (1.0 + luck * together)
    return found


def _logs(
    chain: Chain, step: ExposureModel | ConversionModel, pairs: Pairs
) -> tuple[Floats, Floats]:
    """Log that a step expects of some promotions, and the same had their pairs never met.

    A promotion of no product in particular is one of the merchant's usual ones.
    """
    model, usual = step.model_, chain.usual
    log, _ = model.predict(pairs)
    starts = np.append(usual.starts, usual.starts[-1])
    merchant = np.minimum(pairs.merchant, len(starts) - 2)
    number = np.diff(starts)[merchant]
    open_ = np.flatnonzero((pairs.product == chain.meetings.deals.width - 1) & (number > 0))
    if len(open_):
        each = np.repeat(open_, number[open_])
        first = starts[merchant[open_]] - np.append(0, np.cumsum(number[open_])[:-1])
        at = np.arange(len(each)) + np.repeat(first, number[open_])
        told, _ = model.predict(replace(pairs.take(each), product=usual.products[at]))
        amounts = isinstance(step, ExposureModel)
        told = usual.shares[at] * (told if amounts else np.exp(told))
        mean = np.bincount(np.repeat(np.arange(len(open_)), number[open_]), told)
        log[open_] = mean if amounts else np.log(mean)
    met, _ = chain.meetings.find(pairs)
    own = model.tables[PAIR][:, 0]
    return log, log - (own[met] - own[-1])


def _amounts(chain: Chain, step: ExposureModel, pairs: Pairs, amount: Ranged) -> Told:
    log, expected = _logs(chain, step, pairs)
    logs = amount.rising(np.log1p)
    came, worth = logs.values(), np.ones(len(pairs))
    open_ = np.flatnonzero(amount.known & ~amount.exact)
    noise = step.model_.noise
    mean, left = normal_within(log[open_], noise, logs.take(open_))
    worth[open_] = information(left, np.full(len(open_), noise))
    came[open_] = log[open_] + (mean - log[open_]) / worth[open_]
    return Told(expected, came, worth, np.zeros(len(pairs)))


def _counts(
    chain: Chain, step: ConversionModel, pairs: Pairs, trials: Floats, doubt: Floats, got: Ranged
) -> Told:
    log, without = _logs(chain, step, pairs)
    known = got.known & (trials > 0.0)
    came, worth = np.where(known, got.values(), np.nan), np.ones(len(pairs))
    open_ = np.flatnonzero(known & ~got.exact)
    hoped, scatter = (trials * np.exp(log))[open_], step.model_.noise + doubt[open_]
    mean, left = counts_within(hoped, scatter, got.take(open_))
    worth[open_] = information(left, hoped * (1.0 + scatter * hoped))
    came[open_] = hoped + (mean - hoped) / worth[open_]
    return Told(trials * np.exp(without), came, worth, doubt)
