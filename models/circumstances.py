"""Under which circumstances promotions took place: known afterwards, never asked for ahead.

A format, a slot, a campaign, how large the account still was: all of these moved what a promotion
brought, and none is known of the next one. A fit takes them out, so that a creator is not held for
better than it is because it promoted in campaigns; of a promotion to come, a creator's usual mix of
kinds is expected, and otherwise an ordinary day. What circumstances scatter is then part of the
noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from models.pairs import Floats
from models.shared_luck import SharedLuck

Numbers = npt.NDArray[np.int64]

_PRIOR = 0.5  # variance expected of what a circumstance adds to the log
_STEP = 1.5  # the largest change of any promotion's log in one step of a fit to counts
#: Sessions that everybody's mix of kinds may count beside a creator's own.
_STRENGTHS = np.exp2(np.arange(-2.0, 7.5, 0.5))


@dataclass(frozen=True)
class Circumstances:
    """Circumstances of ``n`` past promotions.

    Attributes
    ----------
    kind : int64 array of shape (n,)
        What kind of promotion it was, a row of ``kinds``; -1 = unknown.
    kinds : tuple of str
        Such as ``"live dedicated"``.
    names : tuple of str
        Of further circumstances, such as ``"campaign"``.
    values : float64 array of shape (n, len(names))
        0 is what is taken for granted of a promotion to come; NaN = unknown, read as 0.
    session : int64 array of shape (n,)
        Promotions of one session share a number; -1 = a session of its own.
    """

    kind: Numbers
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats
    session: Numbers

    def __post_init__(self) -> None:
        shape = (len(self.kind), len(self.names))
        if self.values.shape != shape or len(self.session) != len(self.kind):
            raise ValueError(
                f"values have shape {self.values.shape} and there are {len(self.session)} "
                f"sessions, expected {shape} and {len(self.kind)}: one row for each promotion"
            )

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def unknown(cls, n: int) -> Circumstances:
        """Nothing is known of ``n`` promotions."""
        none = np.full(n, -1, dtype=np.int64)
        return cls(none, (), (), np.empty((n, 0)), none)

    def take(self, keep: npt.NDArray[Any] | slice) -> Circumstances:
        """Those promotions that a mask, an index array or a slice picks."""
        own = self.kind[keep], self.kinds, self.names, self.values[keep], self.session[keep]
        return Circumstances(*own)


@dataclass
class Conditions:
    """What circumstances add while a model is fitted: one part of it (`models.backfitting`).

    Attributes
    ----------
    circumstances : Circumstances
    columns : float64 array of shape (n, p)
        A column for each kind that occurs, its share taken off, and one for each other
        circumstance that varies.
    kinds : int64 array
        Kinds that have columns, the first ones; none where all promotions are of one kind.
    shares : float64 array of shape (len(kinds),)
        Of each such kind among promotions of known kind.
    luck : SharedLuck or None
    coefficients : float64 array of shape (p,)
    """

    circumstances: Circumstances
    columns: Floats
    kinds: Numbers
    shares: Floats
    luck: SharedLuck | None
    coefficients: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.coefficients = np.zeros(self.columns.shape[1])

    @classmethod
    def of(cls, circumstances: Circumstances, luck: SharedLuck | None) -> Conditions:
        """Make columns of circumstances."""
        told = circumstances.kind >= 0
        counts = np.bincount(circumstances.kind[told], minlength=len(circumstances.kinds))
        kinds = np.flatnonzero(counts)
        kinds = kinds if len(kinds) > 1 else kinds[:0]
        shares = counts[kinds] / max(counts[kinds].sum(), 1)
        is_kind = (circumstances.kind[:, None] == kinds) - shares
        is_kind[~told] = 0.0
        values = np.nan_to_num(circumstances.values)
        columns = np.hstack([is_kind, values[:, np.ptp(values, axis=0) > 0.0]])
        return cls(circumstances, columns, kinds, shares, luck)

    @property
    def freedom(self) -> float:
        """Number of parameters spent."""
        return float(len(self.coefficients))

    @property
    def added(self) -> Floats:
        """What is added to each promotion's log; float64 array of shape (n,)."""
        found: Floats = self.columns @ self.coefficients
        return found

    def refit_counts(self, got: Floats, hoped: Floats) -> Floats:
        """Fit to counts got where others were hoped for; gives what that adds to each row's log."""
        return self._refit(hoped, got - hoped, _STEP)

    def refit_levels(self, trust: Floats, residual: Floats, noise: float) -> Floats:
        """Fit to what is left of logs, of that variance; gives what that adds to each row's log."""
        sure = trust / noise
        return self._refit(sure, sure * residual, np.inf)

    def _refit(self, sure: Floats, pull: Floats, step: float) -> Floats:
        if not len(self.coefficients):
            return np.zeros(len(self.columns))
        curvature = self.columns.T @ (self.columns * sure[:, None])
        gradient = self.columns.T @ pull
        if self.luck is not None:
            share = self.luck.share(sure)
            sums = np.column_stack([self.luck.sums(sure * one) for one in self.columns.T])
            curvature -= sums.T @ (sums * share[:, None])
            gradient = gradient - sums.T @ (share * self.luck.sums(pull))
        curvature[np.diag_indices_from(curvature)] += 1.0 / _PRIOR
        change = np.linalg.solve(curvature, gradient - self.coefficients / _PRIOR)
        adds: Floats = self.columns @ change
        longest = float(np.abs(adds).max(initial=0.0))
        short = min(1.0, step / longest) if longest > 0.0 else 1.0
        self.coefficients = self.coefficients + short * change
        return short * adds

    def usual(self, creator: npt.NDArray[Any], count: int) -> tuple[Floats, Floats]:
        """What each creator's usual mix of kinds adds to the log of its mean, and its variance.

        Parameters
        ----------
        creator : int array of shape (n,)
            Creator of each promotion.
        count : int
            Number of creators, nobody included.

        Returns
        -------
        added, variance : float64 arrays of shape (count,)
        """
        if not len(self.kinds):
            return np.zeros(count), np.zeros(count)
        own = self.coefficients[: len(self.kinds)]
        factor = np.exp(own - self.shares @ own)
        mixes, held = self._mixes(creator, count)
        mean = mixes @ factor
        spread = (mixes @ factor**2 - mean**2) / (held + 1.0)
        return np.log(mean), np.maximum(spread, 0.0) / mean**2

    def _mixes(self, creator: npt.NDArray[Any], count: int) -> tuple[Floats, Floats]:
        """Each creator's mix of kinds, shrunk towards everybody's, and what it rests on."""
        place = np.searchsorted(self.kinds, self.circumstances.kind)
        told = self.circumstances.kind >= 0
        cells = creator[told] * len(self.kinds) + place[told]
        size = count * len(self.kinds)
        # Promotions of one session are all of a kind: a session is one draw.
        draws = self._draws()[told]
        drawn = np.bincount(cells, draws, size).reshape(count, -1)
        promoted = np.bincount(cells, minlength=size).reshape(count, -1)
        number = drawn.sum(axis=1)
        seen = promoted.sum(axis=1) > 0
        counts = promoted * (number / np.maximum(promoted.sum(axis=1), 1))[:, None]
        likely = [_log_likelihood(counts[seen], one * self.shares) for one in _STRENGTHS]
        strength = float(_STRENGTHS[int(np.argmax(likely))])
        held = number + strength
        return (counts + strength * self.shares) / held[:, None], held

    def _draws(self) -> Floats:
        """What part of a session each promotion is."""
        session = self.circumstances.session
        found = np.ones(len(session))
        told = session >= 0
        if told.any():
            found[told] = 1.0 / np.bincount(session[told])[session[told]]
        return found


def _log_likelihood(counts: Floats, prior: Floats) -> float:
    """Of a Dirichlet-multinomial with some prior counts, but for what does not depend on them."""
    whole = prior.sum()
    parts = (gammaln(counts + prior) - gammaln(prior)).sum()
    return float(parts - (gammaln(counts.sum(axis=1) + whole) - gammaln(whole)).sum())
