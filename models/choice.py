"""Choice factors: which merchant a creator takes next, from its history and its audience."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.climbing import Adam, batches, offer
from models.pairs import State
from models.placing import Placing


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
            # A newcomer's taste is not in its partners' places: what each merchant put there goes.
            history = met.T.tocsr()
            own = (history @ _root(met))[:, None] * self.tastes_
            self._placing = Placing.fit(history, self.creator_factors_, own, free)
        return self

    def fold_in_creators(self, rows: sp.csr_matrix) -> Vectors:
        """What creators seen after the fit have done, everything else held fixed.

        Exact: a creator of the fit gets its row of ``creator_history_`` again.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_merchants)
            Strengths of their cooperations, as in ``fit``.

        Returns
        -------
        float32 array of shape (n, factors); an empty row gives zeros
        """
        check_is_fitted(self, "tastes_")
        sums: Vectors = np.asarray(rows @ self.tastes_, dtype=np.float32)
        return sums * _root(rows)[:, None]

    def fold_in_merchants(self, rows: sp.csr_matrix, merchants: Vectors) -> Vectors:
        """Factors of merchants seen after the fit, everything else held fixed.

        A step towards their partners (:class:`~models.placing.Placing`) plus what their own
        vectors say.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_creators)
            Strengths of their cooperations, as in ``fit``.
        merchants : float32 array of shape (n, width of merchants' vectors)

        Returns
        -------
        float32 array of shape (n, factors); an empty row gives what its own vector says
        """
        check_is_fitted(self, "tastes_")
        placed = self._placing.step(rows, self.creator_factors_)
        return np.asarray(placed + merchants @ self.merchant_map_, dtype=np.float32)

    def state(self) -> State:
        """All that placing newcomers needs."""
        check_is_fitted(self, "tastes_")
        return {
            "parameters": self.get_params(),
            "tastes": self.tastes_,
            "creator_factors": self.creator_factors_,
            "merchant_map": self.merchant_map_,
            "creator_map": self.creator_map_,
            **self._placing.state(),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave; enough to place newcomers."""
        restored = cls(**state["parameters"])
        restored.tastes_ = np.asarray(state["tastes"])
        restored.creator_factors_ = np.asarray(state["creator_factors"])
        restored.merchant_map_ = np.asarray(state["merchant_map"])
        restored.creator_map_ = np.asarray(state["creator_map"])
        restored._placing = Placing.from_state(state)
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
        climb = Adam(learnt, self.rate)
        total = min(self.most, self.rounds * len(asking))
        for share, rows in batches(len(asking), total, self.batch, rng):
            creator, merchant = asking[rows], chosen[rows]
            before = self._without(met[creator], merchant, rng)
            own = creators[creator] * self._kept(len(rows), rng)
            offered, stands_for = offer(living, merchant, self.sampled, rng)
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


def _root(rows: sp.csr_matrix) -> Vectors:
    """One over the root of each row's sum; sums below one count as one."""
    sums = np.maximum(np.asarray(rows.sum(axis=1)).ravel(), 1.0)
    return np.asarray(1.0 / np.sqrt(sums), dtype=np.float32)
