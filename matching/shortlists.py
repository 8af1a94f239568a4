"""Who is listed for each of many askers: flat columns, so that a block costs what its rows cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.pairs import Floats
from models.vocabulary import Rows

Starts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shortlists:
    """Lists of ``m`` askers, one after the other, each best first.

    Attributes
    ----------
    starts : int64 array of shape (m + 1,)
        Where each list begins; list ``i`` is ``rows[starts[i]:starts[i + 1]]``.
    rows : int32 array of shape (n,)
    scores : float64 array of shape (n,)
        What each list is ordered by; equal scores are ordered by row, unknown ones (NaN) are last.
    """

    starts: Starts
    rows: Rows
    scores: Floats

    @classmethod
    def of(cls, lists: Sequence[tuple[Rows, Floats]]) -> Self:
        """Put lists of (rows, scores) one after the other."""
        lengths = [len(rows) for rows, _ in lists]
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        rows = [one for one, _ in lists] or [np.empty(0, dtype=np.int32)]
        scores = [one for _, one in lists] or [np.empty(0)]
        return cls(
            starts.astype(np.int64),
            np.concatenate(rows).astype(np.int32, copy=False),
            np.concatenate(scores).astype(np.float64, copy=False),
        )

    @classmethod
    def unordered(cls, rows: Rows) -> Self:
        """One list of some rows as they come, without a score."""
        return cls.of([(rows, np.full(len(rows), np.nan))])

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Starts:
        """Length of each list; int64 array of shape (m,)."""
        return np.diff(self.starts)

    @property
    def askers(self) -> npt.NDArray[np.int64]:
        """Place of the asker of each row; int64 array of shape (n,)."""
        return np.repeat(np.arange(len(self)), self.lengths)
