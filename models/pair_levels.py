"""What a pair brings beside what is usual: features, who meets whom, and its own sessions.

The log of a figure of a pair is what the features of both sides and of the products make likely,
plus an effect of the creator, of the merchant and of the pair itself. What a pair is measured by
leaves the pair out: its prior is what the creator brings others and what others bring the merchant.
So a pair's own sessions count once, and its doubt is honest.

References
----------
G. K. Robinson, "That BLUP is a good thing", Statistical Science 6 (1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from models.pairs import Floats
from models.vocabulary import Rows

#: Rounds of backfitting; effects and variances no longer move after some 20.
ROUNDS = 24
#: Groups' worth of belief in the variances expected beforehand.
_BELIEF = 8.0
_SMALLEST, _LARGEST = 1e-3, 4.0
#: Squares beyond this many variances are cut, or one odd pair would loosen all others.
_OUTLIER = 16.0


class Block(NamedTuple):
    """Features of some kind of entity, and which of them take part in each pair.

    Attributes
    ----------
    basis : float64 array of shape (entities, p)
    prior : float64 array of shape (p,)
        Variances of the coefficients.
    shares : csr matrix of shape (pairs, entities)
    """

    basis: Floats
    prior: Floats
    shares: sparse.csr_matrix


@dataclass(frozen=True)
class PairLevels:
    """What is known of each pair's log figure; float64 arrays of shape (p,).

    Attributes
    ----------
    prior, doubt : mean and variance before the pair's own sessions
    mean, variance : mean and variance with them
    parts : tuple of arrays
        What each block of features says.
    creator, merchant, creator_doubt, merchant_doubt : arrays
        Effects of both beyond their features, the pair left out, and variances of these.
    variances : (creator, merchant, pair)
        Variances between them.
    """

    prior: Floats
    doubt: Floats
    mean: Floats
    variance: Floats
    parts: tuple[Floats, ...]
    creator: Floats
    merchant: Floats
    creator_doubt: Floats
    merchant_doubt: Floats
    variances: tuple[float, float, float]


@dataclass
class _Side:
    """Effects of the creators, or of the merchants, under way."""

    rows: Rows
    count: int
    variance: float
    effect: Floats

    def learn(self, rest: Floats, weight: Floats) -> Floats:
        """Take up new effects from what the rest leaves; gives back their variances."""
        worth = np.bincount(self.rows, weight, self.count)
        pull = np.bincount(self.rows, weight * rest, self.count)
        left = 1.0 / (worth + 1.0 / self.variance)
        self.effect = pull * left
        return np.asarray(left)

    def without(self, rest: Floats, weight: Floats, left: Floats) -> tuple[Floats, Floats]:
        """Effect and its variance, each pair's own part taken out."""
        others = 1.0 / left[self.rows] - weight
        pull = self.effect[self.rows] / left[self.rows] - weight * rest
        return pull / others, 1.0 / others


def shrink_pairs(
    level: Floats,
    noise: Floats,
    creator: Rows,
    merchant: Rows,
    blocks: Sequence[Block],
    guesses: tuple[float, float, float],
    rounds: int = ROUNDS,
) -> PairLevels:
    """Shrink the log figure of every pair.

    Parameters
    ----------
    level : float64 array of shape (p,)
        Mean of the logs of the pair's sessions; anything where the noise is infinite.
    noise : float64 array of shape (p,)
        Variance of that mean around the true level; infinite where nothing was seen.
    creator, merchant : int32 arrays of shape (p,)
    blocks : sequence of Block
    guesses : (float, float, float)
        Variances expected between creators, merchants and pairs.
    """
    seen = np.isfinite(noise)
    level = np.where(seen, level, 0.0)
    inverse = np.where(seen, 1.0 / np.where(seen, noise, 1.0), 0.0)
    own = guesses[2]
    sides = [
        _Side(rows, int(rows.max(initial=-1)) + 1, guess, np.zeros(int(rows.max(initial=-1)) + 1))
        for rows, guess in ((creator, guesses[0]), (merchant, guesses[1]))
    ]
    parts = [np.zeros(len(level)) for _ in blocks]
    left = [np.empty(0), np.empty(0)]
    for _ in range(rounds):
        weight = np.where(seen, inverse / (1.0 + own * inverse), 0.0)
        for place, block in enumerate(blocks):
            rest = level - _others(parts, place) - sum(one.effect[one.rows] for one in sides)
            parts[place] = _ridge(block, rest, weight)
        for place, side in enumerate(sides):
            other = sides[1 - place]
            rest = level - sum(parts) - other.effect[other.rows]
            left[place] = side.learn(rest, weight)
            active = np.bincount(side.rows, weight, side.count) > 0.0
            side.variance = _variance((side.effect**2 + left[place])[active], guesses[place], own)
        rest = level - sum(parts) - sum(one.effect[one.rows] for one in sides)
        after = 1.0 / (1.0 / own + inverse)
        own = _variance(((rest * inverse * after) ** 2 + after)[seen], guesses[2], own)
    weight = np.where(seen, inverse / (1.0 + own * inverse), 0.0)
    apart = [
        side.without(level - sum(parts) - other.effect[other.rows], weight, spread)
        for side, other, spread in zip(sides, reversed(sides), left, strict=True)
    ]
    prior = np.asarray(sum(parts) + apart[0][0] + apart[1][0])
    doubt = own + apart[0][1] + apart[1][1]
    if seen.any():
        doubt = doubt * widening((level - prior)[seen], noise[seen], doubt[seen])
    variance = 1.0 / (1.0 / doubt + inverse)
    mean = variance * (prior / doubt + level * inverse)
    return PairLevels(
        prior=prior,
        doubt=doubt,
        mean=mean,
        variance=variance,
        parts=tuple(parts),
        creator=apart[0][0],
        merchant=apart[1][0],
        creator_doubt=apart[0][1],
        merchant_doubt=apart[1][1],
        variances=(sides[0].variance, sides[1].variance, own),
    )


def _others(parts: Sequence[Floats], place: int) -> Floats:
    return np.asarray(sum(one for at, one in enumerate(parts) if at != place), dtype=np.float64)


def _ridge(block: Block, rest: Floats, weight: Floats) -> Floats:
    """What the features of one block say of every pair."""
    if not block.basis.shape[1]:
        return np.zeros(len(rest))
    weighted = block.shares.multiply(weight[:, None]).tocsr()
    curvature = block.basis.T @ ((block.shares.T @ weighted) @ block.basis)
    curvature[np.diag_indices_from(curvature)] += 1.0 / block.prior
    told = np.linalg.solve(curvature, block.basis.T @ (weighted.T @ rest))
    return np.asarray(block.shares @ (block.basis @ told))


def _variance(squares: Floats, guess: float, before: float) -> float:
    """Mean of the squares, with a few squares of what was expected."""
    cut = np.minimum(squares, _OUTLIER * max(before, guess))
    found = (float(cut.sum()) + _BELIEF * guess) / (len(squares) + _BELIEF)
    return float(np.clip(found, _SMALLEST, _LARGEST))


def widening(missed: Floats, noise: Floats, doubt: Floats) -> float:
    """By how much priors missed what came, over what they made expected, by moments.

    Variances learnt beside effects are somewhat small, for the effects were fitted to the same
    pairs; here each prior knows nothing of what it missed.

    Parameters
    ----------
    missed : float64 array of shape (p,)
        What came, less what the prior said.
    noise, doubt : float64 arrays of shape (p,)
        Variance of what came around the truth, and of the truth around the prior.
    """
    expected = doubt + noise
    worth = (doubt / expected) ** 2
    if not len(worth) or not worth.sum() > 0.0:
        return 1.0
    excess = np.minimum(missed**2, _OUTLIER * expected) - noise
    belief = _BELIEF * float(worth.mean())
    found = (float((worth * excess / doubt).sum()) + belief) / (float(worth.sum()) + belief)
    return float(np.clip(found, 0.5, 3.0))
