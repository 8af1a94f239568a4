"""What each creator's audience makes of what is promoted to it, beyond what everybody's does.

A portrait says in a few numbers who somebody's audience is and what it likes (`models.portraits`).
The log of a rate or an amount gets an inner product: of the creator's taste with the portrait of
what is promoted. A taste is the creator's own portrait, as far as likeness pays in this market, and
what its promotions show beside it: whose audience buys for children shows it by buying, whatever
its tables say. It is shrunk towards the former like any other effect, and the variance between
creators is learnt.

References
----------
N. Laird and J. Ware, "Random-effects models for longitudinal data", Biometrics 38 (1982).
D. MacKay, "Bayesian interpolation", Neural Computation 4 (1992), for the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.compiled import compiled, settled
from models.features import EntityFeatures
from models.pairs import Floats, Pairs
from models.shared_luck import SharedLuck

Vectors = npt.NDArray[np.float32]

_GUESS = 0.01  # variance of a creator's own taste along one axis, before anything was seen
_GUESS_WORTH = 20.0  # creators that guess is worth
_SMALLEST, _LARGEST = 1e-4, 1.0
_LIKENESS_PRIOR = 0.5  # variance expected of what likeness pays
#: The largest change of any promotion's log in one step of a fit to counts.
_STEP = 1.0
_EVERY = 3


@dataclass(frozen=True)
class Portrayed:
    """Portraits of everybody; the last row of each is nobody's, all zero.

    Attributes
    ----------
    creators : float64 array of shape (n_creators + 1, d)
    merchants : float64 array of shape (n_merchants + 1, d)
        What a merchant usually promotes.
    products : float64 array of shape (n_products + 1, d)
    """

    creators: Floats
    merchants: Floats
    products: Floats

    @classmethod
    def of(
        cls, creators: EntityFeatures, merchants: EntityFeatures, products: EntityFeatures
    ) -> Portrayed:
        """Portraits among the features; none of anybody where one side has none."""
        sides = [one.portraits for one in (creators, merchants, products)]
        told = [one for one in sides if one is not None]
        if len(told) < len(sides):
            told = [np.zeros((len(one), 0)) for one in (creators, merchants, products)]
        return cls(*(np.vstack([one, np.zeros(one.shape[1])]) for one in told))

    @property
    def width(self) -> int:
        """Numbers of a portrait."""
        return int(self.creators.shape[1])

    def wanted(self) -> Vectors:
        """Portraits of all merchants, then of all products, each with its squared length behind.

        Returns
        -------
        float32 array of shape (n_merchants + 1 + n_products + 1, d + 1)
        """
        rows = np.vstack([self.merchants, self.products])
        return settled(np.column_stack([rows, np.square(rows).sum(axis=1)]), np.float32)

    def promoted(self, pairs: Pairs) -> Floats:
        """Portrait of what each pair promotes: of the product, or of the merchant without one."""
        none = len(self.products) - 1
        product = pairs.product[:, None]
        return np.where(
            product == none, self.merchants[pairs.merchant], self.products[pairs.product]
        )


class Tasted(NamedTuple):
    """Tastes of all creators as a fitted step keeps them.

    Attributes
    ----------
    tastes : float32 array of shape (n_creators + 1, d + 1)
        Taste of each creator, and behind it the variance of what a portrait of length one brings.
    wanted : float32 array of shape (n_merchants + 1 + n_products + 1, d + 1)
        As :meth:`Portrayed.wanted` gives it; the same for all steps.
    """

    tastes: Vectors
    wanted: Vectors

    @classmethod
    def none(cls, creators: int, wanted: int) -> Tasted:
        """Nobody has any taste; for as many rows, nobody's included."""
        return cls(*(np.zeros((n, 1), dtype=np.float32) for n in (creators, wanted)))

    @classmethod
    def beside(cls, steps: Sequence[Tasted]) -> Tasted:
        """Tastes of several steps side by side."""
        return cls(np.hstack([step.tastes for step in steps]), steps[0].wanted)


@dataclass
class Tastes:
    """Tastes while they are fitted: one part of a model (`models.backfitting`).

    Attributes
    ----------
    rows : int array of shape (n,)
        Creator of each promotion.
    portraits : float64 array of shape (n_creators + 1, d)
        Of the creators.
    promoted : float64 array of shape (n, d)
        Portrait of what each promotion was of.
    luck : SharedLuck or None
        Of the sessions, where promotions share some.
    likeness : float64 array of shape (d, d)
        What an axis of the creator's portrait makes of an axis of what is promoted.
    own : float64 array of shape (n_creators + 1, d)
        Taste of each creator beside that.
    doubt : float64 array of shape (n_creators + 1,)
        Mean variance of its numbers.
    variance : float
        Between creators, of one number.
    freedom : float
        Effective number of parameters spent.
    rounds : int
        How often it was refitted; creators' own tastes, which are dear, every third time.
    """

    rows: npt.NDArray[Any]
    portraits: Floats
    promoted: Floats
    luck: SharedLuck | None = None
    likeness: Floats = field(init=False)
    own: Floats = field(init=False)
    doubt: Floats = field(init=False)
    variance: float = _GUESS
    freedom: float = 0.0
    rounds: int = 0

    def __post_init__(self) -> None:
        self.own = np.zeros_like(self.portraits)
        self.doubt = np.full(len(self.portraits), self.variance)
        session = np.arange(len(self.rows)) if self.luck is None else self.luck.session
        self._session = session.astype(np.int64)
        self._order = np.lexsort((self._session, self.rows))
        sorted_rows = self.rows[self._order]
        starts = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
        self._seen = sorted_rows[starts]
        self._ends = np.append(starts, len(sorted_rows))
        self._alike = self.portraits[self.rows] * self.promoted
        self.likeness = np.zeros((self.portraits.shape[1],) * 2)

    @classmethod
    def of(cls, pairs: Pairs, portrayed: Portrayed, luck: SharedLuck | None = None) -> Tastes:
        """Before anything was seen."""
        return cls(pairs.creator, portrayed.creators, portrayed.promoted(pairs), luck)

    def refit_counts(self, got: Floats, hoped: Floats) -> Floats:
        """Fit to counts got where others were hoped for; gives what that adds to each row's log."""
        return self._refit(hoped, got - hoped, _STEP)

    def refit_levels(self, trust: Floats, residual: Floats, noise: float) -> Floats:
        """Fit to what is left of logs, of that variance; gives what that adds to each row's log."""
        return self._refit(trust / noise, trust / noise * residual, np.inf)

    def tasted(self, wanted: Vectors) -> Tasted:
        """Tastes as predictions look them up; nobody's is the usual one."""
        tastes = self.portraits @ self.likeness + self.own
        doubt = np.append(self.doubt[:-1], self.variance)
        return Tasted(settled(np.column_stack([tastes, doubt]), np.float32), wanted)

    def _refit(self, weight: Floats, pull: Floats, step: float) -> Floats:
        """One Newton step: of what likeness pays, then of every creator's own taste."""
        if not self.portraits.shape[1]:
            return np.zeros(len(self.rows))
        _, beside = self._beside_luck(weight, pull)
        curvature = self._alike.T @ (weight[:, None] * self._alike)
        if self.luck is not None:
            sums = np.column_stack([self.luck.sums(weight * one) for one in self._alike.T])
            curvature -= sums.T @ (sums * self.luck.share(weight)[:, None])
        curvature += np.eye(len(curvature)) / _LIKENESS_PRIOR
        gradient = beside @ self._alike - np.diag(self.likeness) / _LIKENESS_PRIOR
        shared = np.linalg.solve(curvature, gradient)
        change: Floats = self._alike @ shared
        shorter = min(1.0, step / max(float(np.abs(change).max(initial=0.0)), 1e-9))
        self.likeness += np.diag(shorter * shared)
        change *= shorter
        self.rounds += 1
        if self.rounds % _EVERY:
            return change
        share, beside = self._beside_luck(weight, pull - weight * change)
        return change + self._refit_own(weight, beside, share, step)

    def _beside_luck(self, weight: Floats, pull: Floats) -> tuple[Floats, Floats]:
        """What a unit of weight tells of each promotion's session, and pulls beside its luck."""
        if self.luck is None:
            return np.zeros(len(weight)), pull
        share = self.luck.share(weight)
        luck = (share * self.luck.sums(pull))[self.luck.session]
        return share[self.luck.session], pull - weight * luck

    def _refit_own(self, weight: Floats, pull: Floats, share: Floats, step: float) -> Floats:
        width, prior = self.portraits.shape[1], 1.0 / self.variance
        curvature = np.zeros((len(self._seen), width, width))
        pulled = np.zeros((len(self._seen), width))
        places = self._order, self._ends, self._session
        _gather(*places, weight, share, pull, self.promoted, curvature, pulled)
        curvature += prior * np.eye(width)
        pulled -= prior * self.own[self._seen]
        covariance = np.linalg.inv(curvature)
        moved = np.einsum("ijk,ik->ij", covariance, pulled)
        moves = np.zeros_like(self.own)
        moves[self._seen] = moved
        change: Floats = np.einsum("ij,ij->i", moves[self.rows], self.promoted)
        longest = np.zeros(len(self.own))
        np.maximum.at(longest, self.rows, np.abs(change))
        shorter = np.minimum(1.0, step / np.maximum(longest, 1e-9))
        self.own += moves * shorter[:, None]
        self._agree()
        spread = np.einsum("ijj->i", covariance)
        self.freedom = 1.0 + float((width - prior * spread).sum())
        self.doubt[self._seen] = spread / width
        # MacKay's fixed point: it moves in a few rounds where expectation-maximisation would not.
        squares = np.square(self.own[self._seen]).sum()
        told, belief = self.freedom - 1.0, width * _GUESS_WORTH
        self.variance = float(
            np.clip((squares + belief * _GUESS) / (told + belief), _SMALLEST, _LARGEST)
        )
        unseen = np.ones(len(self.doubt), dtype=bool)
        unseen[self._seen] = False
        self.doubt[unseen] = self.variance
        change *= shorter[self.rows]
        return change

    def _agree(self) -> None:
        """Let likeness have what all own tastes agree on; no promotion's log changes by that.

        Both would come there by taking turns, but slowly where creators are well known.
        """
        portraits = self.portraits[self._seen]
        told = portraits.T @ portraits
        told += np.eye(len(told)) * self.variance / _LIKENESS_PRIOR
        agreed = np.linalg.solve(told, portraits.T @ self.own[self._seen])
        self.likeness += agreed
        # Whoever was never seen has no own taste to give.
        self.own[self._seen] -= portraits @ agreed


@compiled
def _gather(
    order: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    session: npt.NDArray[np.int64],
    weight: Floats,
    share: Floats,
    pull: Floats,
    promoted: Floats,
    squares: npt.NDArray[np.float64],
    pulls: Floats,
) -> None:
    """Add up each creator's promotions: weighted squares of portraits, and where they pull.

    What a session's promotions have in common tells less than as many promotions would.
    """
    width = promoted.shape[1]
    common = np.zeros(width)
    for one in range(len(ends) - 1):
        for at in range(ends[one], ends[one + 1]):
            row = order[at]
            for i in range(width):
                pulls[one, i] += pull[row] * promoted[row, i]
                weighed = weight[row] * promoted[row, i]
                common[i] += weighed
                for j in range(i + 1):
                    squares[one, i, j] += weighed * promoted[row, j]
            if at + 1 == ends[one + 1] or session[order[at + 1]] != session[row]:
                for i in range(width):
                    for j in range(i + 1):
                        squares[one, i, j] -= share[row] * common[i] * common[j]
                for i in range(width):
                    common[i] = 0.0
        for i in range(width):
            for j in range(i):
                squares[one, j, i] = squares[one, i, j]
