"""The ladder of causes: the product, the script and the offer, or the audience."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from matching.diagnosis.cooperations import Ladder
from models.pair_levels import PairLevels
from models.pairs import Floats
from models.vocabulary import Rows
from training.promotion_sessions import PastPromotions, summed

#: Places of the blocks of features in `PairLevels.parts`.
AUDIENCE, VOLUME, CREATOR, MERCHANT, PRODUCT = range(5)

#: Orders' worth of belief that a product sells as its features and its merchant make likely.
_BELIEF = 120.0
#: How much of a merchant's effect is its goods; the rest is whom it wants to reach. How much of
#: what sets a pair apart is its audience; the rest is script and offer. The split of what no
#: comparison can tell apart is a belief; these were found on synthetic markets.
_GOODS, _AUDIENCE = 0.5, 0.55
#: Parts are unsure against one another, which makes their differences vary by so much more.
_OPPOSED = 1.25
#: Where the integral over the standard normal density is taken, and with which weights.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


def ladder(
    past: PastPromotions,
    levels: PairLevels,
    usual: Floats,
    circle: npt.NDArray[np.int64],
) -> Ladder:
    """Compare each cooperation with the same creator's others and the same products' others.

    Parameters
    ----------
    levels : PairLevels
        Of the logs of conversion, their blocks of features in the order of the names above.
    usual : float64 array of shape (merchants,)
        Usual conversion of each merchant's peers.
    circle : int64 array of shape (merchants,)
        Merchants of one circle share a number: what is low is low beside their cooperations.
    """
    pair, merchant, creator = past.cells
    n = len(merchant)
    trials, orders = past.trials.middle * past.arrived, past.orders.middle
    known = np.isfinite(trials) & np.isfinite(orders) & np.isfinite(usual[past.merchant])
    due = np.where(known, trials, 0.0)
    got = np.where(known, orders, 0.0)
    worth = due * np.where(known, usual[past.merchant], 0.0)

    # The same creator: all it sold, without this pair's.
    others = [summed(creator, summed(pair, one, n), past.shape[1])[creator] for one in (got, worth)]
    own = [summed(pair, one, n) for one in (got, worth)]
    active = summed(pair, known.astype(float), n) > 0.0
    merchants = np.bincount(creator, active, past.shape[1])[creator] - active

    # The same products: one cell a pair and product, so that each product counts once a pair.
    product = past.product.astype(np.int64)
    named = np.flatnonzero(product >= 0)
    width = max(past.shape[2], 1)
    cells, place = np.unique(
        pair[named].astype(np.int64) * width + product[named], return_inverse=True
    )
    cell_pair, cell_product = np.divmod(cells, width)
    expected = due * np.exp(levels.prior)[pair]
    place = place.reshape(-1)

    def elsewhere(values: Floats) -> Floats:
        """Sums over the other cooperations that any of the pair's products is in."""
        cell = summed(place, values[named], len(cells))
        rest = summed(cell_product, cell, width)[cell_product] - cell
        return np.maximum(summed(cell_pair, rest, n), 0.0)

    sold, sold_usual, sold_trials = map(elsewhere, (got, worth, due))
    # A cooperation of many orders tells little more than one of a few.
    cell = summed(place, expected[named], len(cells))
    trust = 1.0 / (1.0 + (levels.doubt + levels.variance)[cell_pair] * cell)
    trust_of = np.zeros(len(pair))
    trust_of[named] = trust[place]
    told_orders, told_expected = (elsewhere(trust_of * one) for one in (got, expected))
    told = (summed(place, known[named].astype(float), len(cells)) > 0.0).astype(float)
    beside = summed(cell_pair, summed(cell_product, told, width)[cell_product] - told, n)
    apart = np.log((_BELIEF + told_orders) / (_BELIEF + told_expected))

    audience = past.fits[:, 0] if past.fits.shape[1] else np.full(len(pair), np.nan)
    return Ladder(
        causes=_causes(levels, apart, told_expected, circle[merchant]),
        creator_orders=np.maximum(others[0] - own[0], 0.0),
        creator_expected=np.maximum(others[1] - own[1], 0.0),
        creator_others=np.rint(merchants).astype(np.int32),
        product_orders=sold,
        product_expected=sold_usual,
        product_trials=sold_trials,
        product_others=np.rint(beside).astype(np.int32),
        nearer=_nearer(audience, pair, n),
    )


def _causes(
    levels: PairLevels, apart: Floats, told: Floats, circle: npt.NDArray[np.int64]
) -> Floats:
    """Probability that each of product, script and audience is what lies lowest.

    Each is what features and effects say of its part of the log conversion, beside the mean of
    the circle's cooperations. What the pair itself brought beyond that is shared out among the
    parts as their doubts are.
    """
    parts = levels.parts
    means = np.stack(
        [
            parts[MERCHANT] + parts[PRODUCT] + _GOODS * levels.merchant + apart,
            parts[CREATOR] + levels.creator,
            parts[AUDIENCE] + parts[VOLUME] + (1.0 - _GOODS) * levels.merchant,
        ],
        axis=1,
    )
    goods = np.minimum(_GOODS * levels.merchant_doubt + 2.0 / (_BELIEF + told), levels.doubt / 2.0)
    rest = levels.doubt - goods
    doubts = np.stack([goods, (1.0 - _AUDIENCE) * rest, _AUDIENCE * rest], axis=1)
    share = doubts / levels.doubt[:, None]
    means += share * (levels.mean - levels.prior)[:, None]
    # Own orders tell the sum of the parts, and hardly anything of how it is made up: the parts
    # stay as unsure as they were.
    size = int(circle.max(initial=-1)) + 1
    count = np.maximum(np.bincount(circle, minlength=size), 1.0)
    for at in range(3):
        means[:, at] -= (np.bincount(circle, means[:, at], size) / count)[circle]
    return _lowest(means, _OPPOSED * np.sqrt(doubts))


def _lowest(means: Floats, spreads: Floats) -> Floats:
    """Probability that each of three independent normal variables is the least."""
    found = np.zeros_like(means)
    for at in range(means.shape[1]):
        chance = np.zeros(len(means))
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            value = means[:, at] + spreads[:, at] * node
            above = [
                ndtr((means[:, other] - value) / spreads[:, other])
                for other in range(means.shape[1])
                if other != at
            ]
            chance += weight * np.prod(above, axis=0)
        found[:, at] = chance
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _nearer(fit: Floats, pair: Rows, n: int) -> Floats:
    """Share of the cooperations with lower fits than each one's; NaN where it is unknown."""
    known = np.isfinite(fit)
    count = np.bincount(pair[known], minlength=n)
    mean = np.divide(
        summed(pair[known], fit[known], n), count, out=np.full(n, np.nan), where=count > 0
    )
    told = np.isfinite(mean)
    share = np.searchsorted(np.sort(mean[told]), mean) / max(int(told.sum()), 1)
    return np.where(told, share, np.nan)
