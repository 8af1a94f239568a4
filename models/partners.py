"""What an entity's partners look like, and what they would look like before it has any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from models.blocks import Vectors
from models.pairs import State


@dataclass(frozen=True)
class ExpectedPartner:
    """The mean vector of an entity's partners, drawn towards what its own vectors foretell.

    ``(sum of w × partner + prior × foretold) / (sum of w + prior)``: an entity without partners
    gets the foretold vector alone, one with many nearly their mean. The foretelling is a ridge
    regression from own vectors to partners' mean over all entities that have partners.

    Attributes
    ----------
    foretell : float32 array of shape (own width, partner width)
    prior : float
        Partners that the foretold vector is worth.
    """

    foretell: Vectors
    prior: float

    @classmethod
    def fit(
        cls,
        history: sp.csr_matrix,
        own: Vectors,
        partners: Vectors,
        *,
        prior: float = 5.0,
        ridge: float = 10.0,
    ) -> Self:
        """Learn to foretell.

        Parameters
        ----------
        history : csr_matrix of shape (n, n_partners)
            Strength of each cooperation.
        own : float32 array of shape (n, own width)
            What is known of the entities themselves; zeros where nothing is.
        partners : float32 array of shape (n_partners, partner width)
        prior, ridge : float
            Partners that the foretold vector is worth; penalty, in entities.
        """
        met, total = _sums(history, partners)
        # Many partners make a mean surer, but no entity should rule the regression.
        trust = np.sqrt(total / (total + prior))[:, None]
        mean = met / np.maximum(total, 1e-12)[:, None]
        x, y = own * trust, mean * trust
        gram = (x.T @ x).astype(np.float64) + ridge * np.eye(own.shape[1])
        foretell = np.linalg.solve(gram, (x.T @ y).astype(np.float64))
        return cls(foretell.astype(np.float32), prior)

    def transform(self, history: sp.csr_matrix, own: Vectors, partners: Vectors) -> Vectors:
        """Expected partner of each entity, float32 of shape (n, partner width)."""
        met, total = _sums(history, partners)
        foretold = own @ self.foretell
        blended = (met + self.prior * foretold) / (total + self.prior)[:, None]
        return np.asarray(blended, dtype=np.float32)

    def state(self) -> State:
        """What a bundle keeps."""
        return {"foretell": self.foretell, "prior": self.prior}


def _sums(history: sp.csr_matrix, partners: Vectors) -> tuple[Vectors, Vectors]:
    """Weighted sum of the known partners' vectors, and the weight they have together."""
    known = np.any(partners != 0, axis=1).astype(np.float32)
    return history @ partners, history @ known
