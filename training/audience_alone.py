"""The baseline that likens audiences: what can be said of a pair that nobody has worked with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import scipy.sparse as sp

from models.blocks import Vectors
from models.vocabulary import Rows
from models.whitening import unit
from training.scoring import Scores, ones_of


class AudienceAlone:
    """Likeness of audiences, with no more of the history than it must have.

    The sum of cosines over the spaces; an entity that a space does not know takes the mean place of
    its partners there.

    Parameters
    ----------
    spaces : sequence of (askers, candidates)
        Vectors of length one, zeros where unknown; float32 of shape (n_…, d).
    """

    def __init__(self, spaces: Sequence[tuple[Vectors, Vectors]]) -> None:
        self.spaces = spaces

    def fit(self, history: sp.csr_matrix) -> Self:
        """Place those that are not placed by themselves."""
        met = ones_of(history)
        self._placed = [
            (_lend(askers, met, candidates), _lend(candidates, met.T.tocsr(), askers))
            for askers, candidates in self.spaces
        ]
        return self

    def score(self, rows: Rows) -> Scores:
        """Sum of cosines over the spaces."""
        scores: Scores = np.sum([own[rows] @ other.T for own, other in self._placed], axis=0)
        return scores


def _lend(own: Vectors, met: sp.csr_matrix, partners: Vectors) -> Vectors:
    known = np.any(own != 0, axis=1)
    lent: Vectors = np.where(known[:, None], own, unit(met @ partners))
    return lent
