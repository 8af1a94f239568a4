"""Placing a merchant by its partners: one step from the usual merchant towards who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from models.blocks import Vectors
from models.pairs import Floats, State

#: Pulls tried, in partners that the usual merchant is worth.
_PULLS = (0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Placing:
    """One Newton step of a choice model from popularity, all else held fixed.

    The partners' sum, beyond the usual creator, times the inverse of what as many usual ones
    would spread.

    Attributes
    ----------
    usual : float64 array of shape (d,)
        Mean of the creators, each counting as much as it has worked.
    axes : float64 array of shape (d, d)
        Principal directions of the creators that are met, a column each.
    spread : float64 array of shape (d,)
        Variance along each.
    stride, pull : float
        Length of the step; drag against it.
    """

    usual: Floats
    axes: Floats
    spread: Floats
    stride: float
    pull: float

    @classmethod
    def fit(cls, met: sp.csr_matrix, creators: Vectors, own: Vectors, aim: Vectors) -> Self:
        """Find the pull and the stride with which one step comes nearest to the aim.

        Parameters
        ----------
        met : csr_matrix of shape (n_merchants, n_creators)
            Strength of each cooperation.
        creators : float32 array of shape (n_creators, d)
        own : float32 array of shape (n_merchants, d)
            What each merchant put into its partners' sum itself; a newcomer will have put nothing.
        aim : float32 array of shape (n_merchants, d)
            Where the merchants are.
        """
        place = creators.astype(np.float64)
        weight = np.asarray(met.T.tocsr().sum(axis=1)).ravel().astype(np.float64)
        usual = weight @ place / max(weight.sum(), 1e-12)
        around = place - usual
        covariance = (around * weight[:, None]).T @ around / max(weight.sum(), 1e-12)
        values, axes = np.linalg.eigh(covariance)
        # eigh leaves signs open; they cancel, as every axis is used twice.
        spread = np.maximum(values, 0.0)
        total = np.asarray(met.sum(axis=1)).reshape(-1, 1)
        beyond = (met @ place - own - total * usual) @ axes
        turned = aim @ axes
        best, stride, pull = np.inf, 0.0, 1.0
        for tried in _PULLS:
            step = beyond / (total * spread + tried)
            length = float((step * turned).sum() / max(float((step * step).sum()), 1e-12))
            miss = float(np.square(length * step - turned).sum())
            if miss < best:
                best, stride, pull = miss, length, tried
        return cls(usual, axes, spread, stride, pull)

    def step(self, rows: sp.csr_matrix, creators: Vectors) -> Floats:
        """Where merchants come to stand, float64 of shape (n, d); without partners at zero.

        Parameters
        ----------
        rows : csr_matrix of shape (n, n_creators)
            Strengths of their cooperations.
        creators : float32 array of shape (n_creators, d)
        """
        total = np.asarray(rows.sum(axis=1)).reshape(-1, 1)
        beyond = (rows @ creators - total * self.usual) @ self.axes
        step = self.stride * beyond / (total * self.spread + self.pull)
        placed: Floats = step @ self.axes.T
        return placed

    def state(self) -> State:
        """What a bundle keeps."""
        return {
            "usual": self.usual,
            "axes": self.axes,
            "spread": self.spread,
            "stride": self.stride,
            "pull": self.pull,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        usual, axes, spread = (np.asarray(state[name]) for name in ("usual", "axes", "spread"))
        return cls(usual, axes, spread, float(state["stride"]), float(state["pull"]))
