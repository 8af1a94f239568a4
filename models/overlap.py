"""Whom a merchant reaches itself already: viewers it shares with each creator.

A creator brings a merchant something new only through viewers that its own stream does not reach.
Where single viewers are told of, the share of a creator's viewers that the merchant has too is
counted, and shrunk by how few were seen: beta-binomial, towards the merchant's share of all
creators' viewers.

References
----------
G. Skellam, "A probability distribution derived from the binomial distribution by regarding the
probability of success as variable between the sets of trials", JRSS B 10 (1948).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import betaincinv, betaln
from threadpoolctl import threadpool_limits

from models.compiled import compiled, settled
from models.meetings import Starts, meeting
from models.pairs import Floats, Interval, State
from models.vocabulary import Rows

#: Merchants whose shared viewers are counted at a time: memory stays near that of the result.
_BLOCK = 256
#: Merchants whose creators settle how strong that belief is.
_SETTLING = 512
_STRENGTHS = tuple(4.0 * 2.0**step for step in range(16))


class Counted(NamedTuple):
    """An `Overlap` as compiled loops read it; the same fields."""

    starts: Starts
    creators: Rows
    shared: Rows
    seen: Rows
    usual: Floats
    own: Rows
    strength: float


@compiled
def viewers_had(counted: Counted, merchant: int, creator: int) -> tuple[float, float]:
    """Viewers of a creator whom a merchant has, and whom it lacks; NaN where nothing is known.

    With what is believed beforehand: their ratio is the share expected.
    """
    starts, creators, shared, seen, usual, own, strength = counted
    if not (0 <= merchant < len(usual) and 0 <= creator < len(seen)):
        return np.nan, np.nan
    if own[merchant] == creator:
        return 1.0, 0.0
    if seen[creator] == 0 or np.isnan(usual[merchant]):
        return np.nan, np.nan
    at = meeting(starts, creators, merchant, creator)
    both = float(shared[at]) if at < len(creators) else 0.0
    have = strength * usual[merchant] + both
    return have, strength + seen[creator] - have


@compiled
def _count(counted: Counted, merchant: Rows, creator: Rows, have: Floats, lack: Floats) -> None:
    for i in range(len(have)):
        have[i], lack[i] = viewers_had(counted, merchant[i], creator[i])


@dataclass(frozen=True)
class Overlap:
    """Viewers shared by merchants and creators.

    Attributes
    ----------
    starts : int64 array of shape (n_merchants + 1,)
    creators : int32 array
        Creators that each merchant shares viewers with, ascending within each merchant's part.
    shared : int32 array
        How many viewers each of them shares.
    seen : int32 array of shape (n_creators,)
        Viewers of each creator that were told of.
    usual : float64 array of shape (n_merchants,)
        Share of all creators' viewers that each merchant has; NaN where none of its viewers
        was told of.
    own : int32 array of shape (n_merchants,)
        The merchant's own account, where it is among the creators; -1 where it is not.
    strength : float
        Viewers worth of belief that a creator's share is the usual one.
    """

    starts: Starts
    creators: Rows
    shared: Rows
    seen: Rows
    usual: Floats
    own: Rows
    strength: float

    @classmethod
    def of(cls, viewers: csr_matrix, n_merchants: int, own: Rows) -> Self | None:
        """Count shared viewers.

        Parameters
        ----------
        viewers : csr_matrix of shape (viewers, n_merchants + n_creators)
            Any entry where a viewer has met somebody; merchants come first.
        n_merchants : int
        own : int32 array of shape (n_merchants,)
            Creator that is the merchant's own account, -1 for none: who watches it is reached.

        Returns
        -------
        Overlap or None
            None when no viewer of a merchant or none of a creator was told of.

        Examples
        --------
        Four viewers of one creator, two of whom watch the merchant as well:

        >>> met = csr_matrix(np.array([[1, 1], [1, 1], [0, 1], [0, 1], [1, 0]]))
        >>> found = Overlap.of(met, 1, np.array([-1], dtype=np.int32))
        >>> found.shared.tolist(), found.seen.tolist(), found.usual.tolist()
        ([2], [4], [0.5])
        """
        met = viewers.astype(bool).astype(np.int32).tocsc()
        merchants, creators = met[:, :n_merchants], met[:, n_merchants:]
        accounts = np.flatnonzero(own >= 0)
        cells = (np.ones(len(accounts), np.int32), (own[accounts], accounts))
        mine = csr_matrix(cells, shape=(creators.shape[1], n_merchants))
        merchants = merchants.maximum(creators @ mine).tocsc()
        reached, seen = np.diff(merchants.indptr), np.diff(creators.indptr)
        if not reached.any() or not seen.any():
            return None
        by_merchant, creators = merchants.T.tocsr(), creators.tocsr()
        blocks = [
            (by_merchant[start : start + _BLOCK] @ creators).sorted_indices()
            for start in range(0, n_merchants, _BLOCK)
        ]
        counts = np.concatenate([np.diff(block.indptr) for block in blocks])
        rows = np.concatenate([block.indices for block in blocks])
        shared = np.concatenate([block.data for block in blocks])
        merchant = np.repeat(np.arange(n_merchants), counts)
        others = rows != own[merchant]
        usual, strength = _spread(merchant[others], rows[others], shared[others], seen, own)
        return cls(
            settled(np.append(0, np.cumsum(counts)), np.int64),
            settled(rows, np.int32),
            settled(shared, np.int32),
            settled(seen, np.int32),
            settled(np.where(reached > 0, usual, np.nan), np.float64),
            settled(own, np.int32),
            strength,
        )

    def share(self, merchants: Rows, creators: Rows) -> Interval:
        """Share of each creator's viewers whom the merchant reaches itself, and how sure that is.

        Parameters
        ----------
        merchants, creators : int arrays of shape (n,)

        Returns
        -------
        Interval
            80 %, in [0, 1]; NaN where no viewers of the creator or of the merchant were told of.
            The merchant's own account brings it nobody new: 1.
        """
        have, lack = np.empty((2, len(merchants)))
        one, other = (np.ascontiguousarray(rows, dtype=np.int32) for rows in (merchants, creators))
        _count(self.counted, one, other, have, lack)
        point = have / (have + lack)
        # Whose share is certain has no beta variable.
        low, high = (
            np.where(lack > 0.0, betaincinv(have, np.maximum(lack, 1e-9), tail), point)
            for tail in (0.1, 0.9)
        )
        return Interval(point, np.minimum(low, point), np.maximum(high, point))

    @property
    def counted(self) -> Counted:
        """What compiled loops read."""
        return Counted(
            self.starts, self.creators, self.shared, self.seen, self.usual, self.own, self.strength
        )

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same."""
        return self.counted._asdict()

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Overlap from what `state` gave."""
        return cls(**{**state, "strength": float(state["strength"])})


def _spread(
    merchant: Rows, creator: Rows, shared: Rows, seen: Rows, own: Rows
) -> tuple[Floats, float]:
    """Usual share of each merchant, and the likeliest strength of the beta variables around it."""
    n = seen.astype(np.float64)
    account = np.where(own >= 0, n[own], 0.0)  # its viewers are no evidence of others'
    total = np.bincount(merchant, shared, len(own)) + 0.5
    usual = total / (n.sum() - account + 1.0)
    # Merchants evenly spread over all: some are enough, and memory stays small.
    some = np.unique(np.linspace(0, len(own) - 1, _SETTLING).astype(np.int64))
    some = some[total[some] > 0.5]
    use = np.isin(merchant, some)
    both, at, hoped = shared[use], n[creator[use]], usual[merchant[use]]
    sizes, times = np.unique(n[n > 0.0], return_counts=True)

    def likelihood(strength: float) -> float:
        have, lack = strength * usual[some, None], strength * (1.0 - usual[some, None])
        nobody = (betaln(have, lack + sizes) - betaln(have, lack)) @ times.astype(np.float64)
        have, lack = strength * hoped, strength * (1.0 - hoped) + at
        return float(nobody.sum() + (betaln(have + both, lack - both) - betaln(have, lack)).sum())

    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        likely = [likelihood(strength) for strength in _STRENGTHS]
    return usual, _STRENGTHS[int(np.argmax(likely))]
