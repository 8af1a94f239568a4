"""Who is listed for each of many askers: flat columns, so that a block costs what its rows cost."""

from __future__ import annotations

from dataclasses import dataclass

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
