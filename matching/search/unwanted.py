"""Whom each of many queries does not want: a merchant's own partners, say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.history import Ragged
from matching.shortlists import Starts
from models.vocabulary import Rows


@dataclass(frozen=True)
class Unwanted:
    """Whom each of ``q`` queries does not want.

    Attributes
    ----------
    starts : int64 array of shape (q + 1,)
    places : int32 array
        Those of query ``i`` are ``places[starts[i]:starts[i + 1]]``, in rising order: rows, or
        places among the rows allowed.
    """

    starts: Starts
    places: Rows

    @property
    def askers(self) -> npt.NDArray[np.int64]:
        """Query of each place; int64 array."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def of(self, queries: npt.NDArray[np.intp]) -> Unwanted:
        """What some of the queries do not want, in the order they are named."""
        if len(queries) == len(self.starts) - 1:
            return self
        lengths = np.diff(self.starts)[queries]
        return Unwanted(
            np.append(0, np.cumsum(lengths)), self.places[ranges(self.starts[queries], lengths)]
        )

    @classmethod
    def told(cls, left_out: Ragged | None, q: int, among: Rows | None, n: int) -> Unwanted:
        """Sort what was asked for, once and only what could be found."""
        starts = np.zeros(q + 1, dtype=np.int64)
        if left_out is None:
            return cls(starts, np.empty(0, dtype=np.int32))
        asker = np.repeat(np.arange(q), np.diff(left_out.starts))
        # Asker and row as one number: sorted, and each once.
        asker, row = np.divmod(np.unique(asker * n + left_out.rows), n)
        if among is not None:
            place = np.searchsorted(among, row)
            there = among[np.minimum(place, len(among) - 1)] == row
            asker, row = asker[there], place[there]
        np.cumsum(np.bincount(asker, minlength=q), out=starts[1:])
        return cls(starts, row.astype(np.int32))


def ranges(starts: Starts, lengths: Starts) -> Starts:
    """All places of several stretches, one stretch after the other.

    Examples
    --------
    >>> ranges(np.array([4, 0]), np.array([2, 1])).tolist()
    [4, 5, 0]
    """
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())
