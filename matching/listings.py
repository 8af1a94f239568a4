"""Lists with all that is said of them, in flat columns: what is shown to people and to jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.reasons.told import Told
from matching.shortlists import Shortlists
from models.forecast import COLUMNS, Predictions

#: Columns of a list after ``rank``, the id and ``score``.
PREDICTED = tuple(COLUMNS)


@dataclass(frozen=True)
class Listings:
    """Lists of ``m`` askers with predictions and explanations, ``n`` rows in all.

    Attributes
    ----------
    lists : Shortlists
    predictions : Predictions of n pairs
    reasons, sources : Told of n rows
    removed : sequence of m dicts of str to int
        Creators that each filter removed, where a list is shorter than asked; else empty.
    """

    lists: Shortlists
    predictions: Predictions
    reasons: Told
    sources: Told
    removed: Sequence[Mapping[str, int]]

    @property
    def ranks(self) -> npt.NDArray[np.int64]:
        """Place of each row in its list, from 1 on."""
        begun: npt.NDArray[np.int64] = np.repeat(self.lists.starts[:-1], self.lists.lengths)
        return np.arange(1, len(self.lists.rows) + 1) - begun
