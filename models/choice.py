"""Choice factors: which merchant a creator takes next, from its history and its audience."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.pairs import State

#: Penalties tried for placing a merchant by its partners.
_PULLS = (0.3, 1.0, 3.0, 10.0, 30.0)

#: Up to so many merchants all are offered in every batch: a sample would save little and cost
#: a hundredth of the recall.
_ALL = 2_000


class ChoiceFactors(BaseEstimator):  # type: ignore[misc]
    """Softmax over merchants, of a creator's other merchants and of its own vectors.

    A creator is what it has done plus what it is: the sum of the tastes that its merchants tell
    of, divided by the root of their number, plus its own vectors times a learnt map. A merchant is
    a free vector plus its own vectors times a map. Each cooperation is one question: given the
    creator *without this cooperation*, which of the merchants was it? How sought merchants are is
    given beforehand, so the factors learn what is beyond popularity. Leaving the answer out of the
    question makes history and audience share the work as they will have to in life; factors that
    reconstruct the history (ALS, SVD) never learn what to do with a creator of one merchant.

    Histories, own vectors and merchants' free vectors are each left out at random while learning,
    so that those who lack one of them are placed by the others. Adam climbs; in markets
    of more than 2,000 merchants a batch meets those it asks for and a sample that stands for the
    rest.

    Parameters
    ----------
    factors : int, default 32
    rounds : int, default 6
        Times each cooperation is asked about.
    most : int, default 300_000
        Questions in all; large histories are asked about in part.
    sampled : int, default 500
        Merchants offered besides those that a batch chose, in large markets.
    rate, forget, penalty : float
        First step size, falling to 0; share left out; pull of every number towards zero.
    batch : int, default 512
    seed : int, default 0

    Attributes
    ----------
    merchant_factors_ : float32 array of shape (n_merchants, factors)
    creator_factors_ : float32 array of shape (n_creators, factors)
        Their inner product is the score. A creator's is what it has done, ``creator_history_``
        (zeros without history), and what it is, ``creators @ creator_map_``.
    tastes_ : float32 array of shape (n_merchants, factors)
    merchant_map_ : float32 array of shape (width of merchants' vectors, factors)
    creator_map_ : float32 array of shape (width of creators' vectors, factors)

    References
    ----------
    Kabbur, Ning and Karypis, "FISM", KDD 2013 (the answer left out of the history). Covington,
    Adams and Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016 (the sampled
    softmax over what comes next).

    Examples
    --------
    >>> met = sp.csr_matrix(np.kron(np.eye(2), np.ones((4, 6))))  # two circles
    >>> none = np.zeros((8, 0), np.float32), np.zeros((12, 0), np.float32)
    >>> choice = ChoiceFactors(factors=2, rounds=60).fit(met, *none)
    >>> score = choice.merchant_factors_ @ choice.creator_factors_.T
    >>> bool(score[0, :6].min() > score[0, 6:].max())
    True
    """

    def __init__(
        self,
        *,
        factors: int = 32,
        rounds: int = 6,
        most: int = 300_000,
        sampled: int = 500,
        rate: float = 0.02,
        forget: float = 0.2,
        penalty: float = 2e-4,
        batch: int = 512,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.rounds = rounds
        self.most = most
        self.sampled = sampled
        self.rate = rate
        self.forget = forget
        self.penalty = penalty
        self.batch = batch
        self.seed = seed

    def fit(self, history: sp.csr_matrix, merchants: Vectors, creators: Vectors) -> Self:
        """Learn from who worked with whom.

        Parameters
        ----------
        history : csr_matrix of shape (n_merchants, n_creators)
            Strength of each cooperation.
        merchants, creators : float32 arrays, a row each
            What is known of them besides; zeros where nothing is.
        """
        met = sp.csr_matrix(history.T, dtype=np.float32)
        with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
            rng = np.random.default_rng(self.seed)
            free, self.tastes_, self.merchant_map_, self.creator_map_ = (
                (0.05 * rng.standard_normal((rows, self.factors))).astype(np.float32)
                for rows in (met.shape[1], met.shape[1], merchants.shape[1], creators.shape[1])
            )
            self._learn(free, met, merchants, creators, rng)
            alone = met.getnnz(axis=0) == 0
            free[alone] = self.tastes_[alone] = 0.0
            self.merchant_factors_: Vectors = free + merchants @ self.merchant_map_
            self.creator_history_: Vectors = self.fold_in_creators(met)
            self.creator_factors_: Vectors = self.creator_history_ + creators @ self.creator_map_
            self._learn_to_place(free, met)
        return self

    def fold_in_creators(self, rows: sp.csr_matrix) -> Vectors:
        """What creators have done, from a csr_matrix of shape (n, n_merchants) of strengths.

        Exact: a creator of the fit gets its own row again.
        """
        check_is_fitted(self, "tastes_")
        sums: Vectors = np.asarray(rows @ self.tastes_, dtype=np.float32)
        return sums * _root(rows)[:, None]

    def fold_in_merchants(self, rows: sp.csr_matrix, merchants: Vectors) -> Vectors:
        """Factors of merchants seen after the fit.

        One Newton step of the choice model from popularity, all else held fixed: the partners'
        sum, beyond the usual creator, times the inverse of what as many usual ones would spread.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_creators)
            Strengths of their cooperations.
        merchants : float32 array of shape (n, width of merchants' vectors)
        """
        check_is_fitted(self, "tastes_")
        total = np.asarray(rows.sum(axis=1)).reshape(-1, 1)
        beyond = (rows @ self.creator_factors_ - total * self._usual) @ self._axes
        step = self._stride * beyond / (total * self._spread + self._pull)
        return np.asarray(step @ self._axes.T + merchants @ self.merchant_map_, dtype=np.float32)

    def state(self) -> State:
        """All that placing newcomers needs."""
        check_is_fitted(self, "tastes_")
        return {
            "parameters": self.get_params(),
            "tastes": self.tastes_,
            "creator_factors": self.creator_factors_,
            "merchant_map": self.merchant_map_,
            "creator_map": self.creator_map_,
            "usual": self._usual,
            "axes": self._axes,
            "spread": self._spread,
            "stride": self._stride,
            "pull": self._pull,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave; enough to place newcomers."""
        restored = cls(**state["parameters"])
        restored.tastes_ = np.asarray(state["tastes"])
        restored.creator_factors_ = np.asarray(state["creator_factors"])
        restored.merchant_map_ = np.asarray(state["merchant_map"])
        restored.creator_map_ = np.asarray(state["creator_map"])
        restored._usual, restored._axes, restored._spread = (
            np.asarray(state[name]) for name in ("usual", "axes", "spread")
        )
        restored._stride, restored._pull = float(state["stride"]), float(state["pull"])
        return restored

    def _learn(
        self,
        free: Vectors,
        met: sp.csr_matrix,
        merchants: Vectors,
        creators: Vectors,
        rng: np.random.Generator,
    ) -> None:
        """Climb, changing the arrays in place."""
        asking, chosen = met.nonzero()
        sought = np.log(np.maximum(met.getnnz(axis=0), 1)).astype(np.float32)
        living = np.flatnonzero(met.getnnz(axis=0))
        learnt = [free, self.tastes_, self.merchant_map_, self.creator_map_]
        climb = _Adam(learnt, self.rate)
        for share, rows in self._batches(len(asking), rng):
            creator, merchant = asking[rows], chosen[rows]
            before = self._without(met[creator], merchant, rng)
            own = creators[creator] * self._kept(len(rows), rng)
            offered, stands_for = _offer(living, merchant, self.sampled, rng)
            heard, told = self._kept(len(offered), rng), merchants[offered]
            if not merchants.shape[1]:
                heard[:] = 1.0  # nothing else would be left of a merchant
            place = before @ self.tastes_ + own @ self.creator_map_
            vectors = heard * free[offered] + told @ self.merchant_map_
            odds = place @ vectors.T + (sought[offered] + stands_for)
            odds -= odds.max(axis=1, keepdims=True)
            np.exp(odds, out=odds)
            odds /= odds.sum(axis=1, keepdims=True)
            odds[np.arange(len(rows)), np.searchsorted(offered, merchant)] -= 1.0
            odds /= len(rows)
            moved, pulled = odds @ vectors, odds.T @ place
            slope = np.zeros_like(free)
            slope[offered] = heard * pulled
            slopes = [slope, before.T @ moved, told.T @ pulled, own.T @ moved]
            climb.step(
                [s + self.penalty * one for s, one in zip(slopes, learnt, strict=True)], 1.0 - share
            )

    def _batches(
        self, questions: int, rng: np.random.Generator
    ) -> Iterator[tuple[float, npt.NDArray[np.intp]]]:
        """Share of the way gone, and the questions of each batch."""
        total = min(self.most, self.rounds * questions)
        done = 0
        while done < total:
            order = rng.permutation(questions)[: total - done]
            for start in range(0, len(order), self.batch):
                yield (done + start) / total, order[start : start + self.batch]
            done += len(order)

    def _without(
        self, rows: sp.csr_matrix, answers: npt.NDArray[np.integer], rng: np.random.Generator
    ) -> sp.csr_matrix:
        """Histories less the answers and less what is forgotten, as they weigh in the place."""
        rows = rows.tocsr(copy=True)
        of = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        kept = (rows.indices != answers[of]) & (rng.random(rows.nnz) >= self.forget)
        rows.data = rows.data * kept
        rows.data *= _root(rows)[of]
        return rows

    def _kept(self, n: int, rng: np.random.Generator) -> Vectors:
        """Ones, and zeros where a row is left out."""
        return (rng.random((n, 1)) >= self.forget).astype(np.float32)

    def _learn_to_place(self, free: Vectors, met: sp.csr_matrix) -> None:
        """Find the pull and the stride with which one step comes nearest to the free vectors."""
        place = self.creator_factors_.astype(np.float64)
        weight = np.asarray(met.sum(axis=1)).ravel().astype(np.float64)
        self._usual = weight @ place / max(weight.sum(), 1e-12)
        around = place - self._usual
        covariance = (around * weight[:, None]).T @ around / max(weight.sum(), 1e-12)
        values, axes = np.linalg.eigh(covariance)
        # eigh leaves signs open; they cancel, as every axis is used twice.
        self._axes, self._spread = axes, np.maximum(values, 0.0)
        history = met.T.tocsr()
        total = np.asarray(history.sum(axis=1)).reshape(-1, 1)
        # A newcomer's taste is not in its partners' places: what each merchant put there goes.
        put = (history @ _root(met))[:, None] * self.tastes_
        beyond = (history @ place - put - total * self._usual) @ axes
        aim = free @ axes
        best = np.inf
        self._stride, self._pull = 0.0, 1.0
        for pull in _PULLS:
            step = beyond / (total * self._spread + pull)
            stride = float((step * aim).sum() / max(float((step * step).sum()), 1e-12))
            miss = float(np.square(stride * step - aim).sum())
            if miss < best:
                best, self._stride, self._pull = miss, stride, pull


class _Adam:
    """Steps scaled by the recent size of each slope (Kingma and Ba, 2015)."""

    def __init__(self, learnt: list[Vectors], rate: float) -> None:
        self.learnt = learnt
        self.rate = rate
        self.means = [np.zeros_like(one) for one in learnt]
        self.squares = [np.zeros_like(one) for one in learnt]
        self.steps = 0

    def step(self, slopes: list[Vectors], share: float) -> None:
        """Go downhill by a share of the rate, in place."""
        self.steps += 1
        mean_seen, square_seen = 1 - 0.9**self.steps, 1 - 0.99**self.steps
        for one, slope, mean, square in zip(
            self.learnt, slopes, self.means, self.squares, strict=True
        ):
            mean += np.float32(0.1) * (slope - mean)
            square += np.float32(0.01) * (slope * slope - square)
            size = np.sqrt(square / np.float32(square_seen)) + np.float32(1e-8)
            one -= np.float32(self.rate * share / mean_seen) * mean / size


def _root(rows: sp.csr_matrix) -> Vectors:
    """One over the root of each row's sum; sums below one count as one."""
    sums = np.maximum(np.asarray(rows.sum(axis=1)).ravel(), 1.0)
    return np.asarray(1.0 / np.sqrt(sums), dtype=np.float32)


def _offer(
    living: npt.NDArray[np.intp],
    chosen: npt.NDArray[np.integer],
    sampled: int,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], Vectors]:
    """Merchants to choose from, in order, and the log of how many each stands for.

    Those that a batch chose stand for themselves: they are the sought ones, whose odds matter
    most. Of the others a sample stands for all.
    """
    answers = np.unique(chosen)
    others = np.setdiff1d(living, answers, assume_unique=True)
    stands_for = 1.0
    if len(others) > max(_ALL, sampled):
        stands_for = len(others) / sampled
        others = rng.choice(others, sampled, replace=False)
    offered = np.concatenate([answers, others])
    weights = np.concatenate([np.zeros(len(answers)), np.full(len(others), np.log(stands_for))])
    order = np.argsort(offered)
    return offered[order].astype(np.intp), weights[order].astype(np.float32)
