"""The rating ledger: what each cooperation was expected to bring, and what came.

Private to each merchant: an entry is read for the merchant whose promotion it was, and by nobody
else. Readings are as of a moment: only what was known then counts, the older the less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matching.entries import Entries
from models.chain import Chain
from models.outcome import OutcomeModel
from models.own_evidence import agreed, rated_by
from models.pairs import State
from models.ratings import Rated
from models.rerating import Deals, rerated
from models.vocabulary import Rows


@dataclass(frozen=True)
class Reading:
    """What a ledger says at one moment of the ``n`` pairs it was asked about.

    Attributes
    ----------
    merchant, creator : int32 arrays of shape (n,), sorted
    entries : Entries
        Those that the reading stands on.
    place : int64 array
        Pair of each entry.
    rated : dict of step to Rated
    """

    merchant: Rows
    creator: Rows
    entries: Entries
    place: npt.NDArray[np.int64]
    rated: Mapping[str, Rated]

    def among(self, creators: Rows) -> Reading:
        """The pairs of some creators alone."""
        keep = np.isin(self.creator, creators)
        entries = keep[self.place]
        return Reading(
            self.merchant[keep],
            self.creator[keep],
            self.entries.take(entries),
            (np.cumsum(keep) - 1)[self.place[entries]],
            {name: one.take(keep) for name, one in self.rated.items()},
        )

    @property
    def deals(self) -> Deals:
        """Products that the pairs have promoted."""
        return Deals(self.entries.creator, self.entries.product, self.place)


@dataclass(frozen=True)
class RatingLedger:
    """Entries of all merchants, in two books: what was trained on, and what was told since.

    Attributes
    ----------
    trained, recorded : Entries
    shown_basis : str
        ``exposures``, or ``views`` where they stand in because the market counts no displays.
    as_of : float
        Moment of the training, in days since 1970-01-01, UTC.
    """

    trained: Entries
    recorded: Entries
    shown_basis: str
    as_of: float

    @property
    def read_at(self) -> float:
        """When its latest figures were read, likewise."""
        return max(self.as_of, float(self.recorded.read_day.max(initial=self.as_of)))

    @classmethod
    def of(cls, chain: Chain, entries: Entries, shown_basis: str, as_of: float) -> RatingLedger:
        """Open a ledger of what a chain was fitted to; as of then it says what the fit does."""
        keys = _keys(chain, entries.merchant, entries.creator)
        met, place = np.unique(keys, return_inverse=True)
        merchant, creator = (one.astype(np.int32) for one in np.divmod(met, _width(chain)))
        rows = chain.meetings.pairs.find(merchant, creator)
        age = as_of - entries.day
        told = agreed(chain, entries.told, place, rows, age, entries.session)
        nothing = entries.take(slice(0, 0))
        return cls(replace(entries, told=told), nothing, shown_basis, as_of)

    def state(self) -> State:
        """Arrays and plain values to be written into a bundle; what was told since is not."""
        return {
            "trained": self.trained.state(),
            "shown_basis": self.shown_basis,
            "as_of": self.as_of,
        }

    @classmethod
    def from_state(cls, state: State) -> RatingLedger:
        """Read what :meth:`state` gave."""
        trained = Entries.from_state(state["trained"])
        nothing = trained.take(slice(0, 0))
        return cls(trained, nothing, state["shown_basis"], float(state["as_of"]))

    def read(self, chain: Chain, as_of: float, merchant: int | None = None) -> Reading:
        """Rate pairs by what was known at a moment.

        Parameters
        ----------
        chain : Chain
            What was learnt; its own ratings do not matter.
        as_of : float
            Days since 1970-01-01, UTC.
        merchant : int, optional
            Row of the merchant that reads; all pairs where not given, for a ranking to be made
            of them.

        Returns
        -------
        Reading
            Of pairs with entries up to then.
        """
        known, since = self.trained, self.recorded
        if merchant is not None:
            known, since = known.of_merchant(merchant), since.of_merchant(merchant)
        if len(since):
            known = known.joined(since)
        known = known.as_known(as_of)
        keys = np.stack([known.merchant, known.creator])
        new = np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0))[: len(known)]
        place = np.cumsum(new) - 1
        n = int(new.sum())
        rated = rated_by(chain, known.told, place, n, as_of - known.day, known.session)
        return Reading(known.merchant[new], known.creator[new], known, place, rated)

    def ranked(self, outcomes: OutcomeModel, as_of: float) -> OutcomeModel:
        """Let predictions read the ledger as of a moment.

        Parameters
        ----------
        outcomes : OutcomeModel
            Fitted to the promotions of `trained`.
        as_of : float
            Days since 1970-01-01, UTC; no earlier than any entry.
        """
        chain = outcomes.chain_
        now = self.read(chain, as_of)
        keys = _keys(chain, now.merchant, now.creator)
        place = np.searchsorted(keys, _keys(chain, self.trained.merchant, self.trained.creator))
        age = self.as_of - self.trained.day
        session = self.trained.session
        before = rated_by(chain, self.trained.told, place, len(keys), age, session)
        return rerated(outcomes, keys, now.rated, before, now.deals)


def _width(chain: Chain) -> int:
    return chain.meetings.pairs.width


def _keys(chain: Chain, merchant: Rows, creator: Rows) -> npt.NDArray[np.int64]:
    return merchant.astype(np.int64) * _width(chain) + creator
