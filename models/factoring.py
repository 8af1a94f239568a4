"""Factor analysis of cells of which many are unknown: a few factors behind many columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from models.pairs import Floats, State

Groups = npt.NDArray[np.int64]

# Part of a column's variance that is its own at the least: no column is the factors' alone.
_OWN_LEAST = 1e-3

# What a part learnt afterwards keeps for itself at the least. Its values are made of others'
# factors, so that some of the agreement is an echo.
_ECHO = 0.02

# Keeps a group of columns that hardly any row knows from dividing by zero.
_NEARLY_NONE = 1e-6


@dataclass(frozen=True)
class Factors:
    """Columns as loadings on standard normal factors, plus noise of each column's own.

    ``cell = usual + spread * (offset + loadings @ factors + noise)``. Columns come in groups that
    a row knows or does not know as a whole; its trust divides the variance of the noise, and 0 is
    unknown.

    Attributes
    ----------
    loadings : float64 array of shape (p, d)
    noise : float64 array of shape (p,)
        Variance of what a column has of its own, at trust 1, in units of ``spread`` squared.
    usual, spread, offset : float64 arrays of shape (p,)
        Mean and standard deviation of the known cells, and what the mean is off because rows
        that know differ from rows that do not.
    groups : int64 array of shape (p,)
        Group of each column, counted from 0 without a gap; columns of a group lie together.

    References
    ----------
    Rubin and Thayer, "EM algorithms for ML factor analysis", Psychometrika 47, 1982. Liu, Rubin
    and Wu, "Parameter expansion to accelerate EM", Biometrika 85, 1998.
    """

    loadings: Floats
    noise: Floats
    usual: Floats
    spread: Floats
    offset: Floats
    groups: Groups

    @property
    def width(self) -> int:
        """Number of factors."""
        return int(self.loadings.shape[1])

    @classmethod
    def fit(cls, cells: Floats, trust: Floats, groups: Groups, width: int, rounds: int) -> Self:
        """Learn loadings by expectation and maximisation, from the directions of the known cells.

        Parameters
        ----------
        cells : float64 array of shape (n, p)
            Anything where unknown.
        trust : float64 array of shape (n, g)
            Of each group of columns; 0 where unknown, 1 for a plain reading.
        groups : int64 array of shape (p,)
        width : int
            Factors; never more than columns.
        rounds : int
        """
        weights = trust[:, groups]
        total = np.maximum(weights.sum(axis=0), _NEARLY_NONE)
        usual = np.einsum("np,np->p", weights, cells) / total
        away = np.where(weights > 0, cells - usual, 0.0)
        spread = np.sqrt(np.einsum("np,np,np->p", weights, away, away) / total)
        spread = np.maximum(spread, _NEARLY_NONE)
        away /= spread
        weighted = weights * away
        values, vectors = np.linalg.eigh(weighted.T @ weighted / len(away))
        order = np.argsort(-values, kind="stable")[:width]
        begin = vectors[:, order] * np.sqrt(np.maximum(values[order], _NEARLY_NONE))
        count = len(usual)
        factors = cls(begin, np.full(count, 0.5), usual, spread, np.zeros(count), groups)
        for _ in range(rounds):
            factors = factors._improved(away, trust)
        return factors

    def posterior(self, cells: Floats, trust: Floats) -> tuple[Floats, Floats]:
        """What rows of cells say of their factors.

        Returns
        -------
        means : float64 array of shape (n, d)
            0 where nothing is known.
        covariances : float64 array of shape (n, d, d)
            The unit matrix where nothing is known.
        """
        return self._seen(self._away(cells, trust), trust)

    def extended(self, cells: Floats, trust: Floats, more: Floats, more_trust: Floats) -> Factors:
        """Let one more group of columns speak, and leave the factors what they are.

        A regression of the new columns on the factors as the old ones tell them.

        Parameters
        ----------
        cells, trust : as in :meth:`fit`
        more : float64 array of shape (n, q)
        more_trust : float64 array of shape (n,)
        """
        means, covariances = self.posterior(cells, trust)
        told = more_trust > 0
        means, covariances = means[told], covariances[told]
        weight, more = more_trust[told], more[told]
        total = weight.sum()
        usual, centre = weight @ more / total, weight @ means / total
        off, factor_off = more - usual, means - centre
        unsure = np.einsum("n,nij->ij", weight, covariances)
        moments = (weight[:, None] * factor_off).T @ factor_off + unsure
        moments[np.diag_indices_from(moments)] += _NEARLY_NONE
        loadings = np.linalg.solve(moments, factor_off.T @ (weight[:, None] * off)).T
        rest = off - factor_off @ loadings.T
        noise = np.einsum("n,nq,nq->q", weight, rest, rest)
        noise += np.einsum("qi,ij,qj->q", loadings, unsure, loadings)
        floor = _ECHO * off.var(axis=0) + _NEARLY_NONE
        columns = np.full(more.shape[1], self.groups.max(initial=-1) + 1)
        return replace(
            self,
            loadings=np.vstack([self.loadings, loadings]),
            noise=np.append(self.noise, np.maximum(noise / len(weight), floor)),
            usual=np.append(self.usual, usual),
            spread=np.append(self.spread, np.ones(len(usual))),
            offset=np.append(self.offset, -loadings @ centre),
            groups=np.append(self.groups, columns),
        )

    def state(self) -> State:
        """What a bundle keeps."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore what ``state`` gave."""
        return cls(**{name: np.asarray(value) for name, value in state.items()})

    def _away(self, cells: Floats, trust: Floats) -> Floats:
        known = trust[:, self.groups] > 0
        return np.where(known, (cells - self.usual) / self.spread, 0.0)

    def _seen(self, away: Floats, trust: Floats) -> tuple[Floats, Floats]:
        scaled = self.loadings / self.noise[:, None]
        said = np.stack([self.loadings[part].T @ scaled[part] for part in self._parts()])
        d = self.width
        precision = np.eye(d) + (trust @ said.reshape(len(said), -1)).reshape(-1, d, d)
        covariances: Floats = np.linalg.inv(precision).astype(np.float64, copy=False)
        pull = (trust[:, self.groups] * (away - self.offset)) @ scaled
        return np.einsum("nij,nj->ni", covariances, pull), covariances

    def _improved(self, away: Floats, trust: Floats) -> Self:
        """One round of expectation and maximisation."""
        means, covariances = self._seen(away, trust)
        d, weights = self.width, trust[:, self.groups]
        moments = (covariances + means[:, :, None] * means[:, None, :]).reshape(len(means), -1)
        of_group = (trust.T @ moments).reshape(-1, d, d) + _NEARLY_NONE * np.eye(d)
        centred = away - self.offset
        joint = (weights * centred).T @ means
        loadings = np.vstack(
            [
                np.linalg.solve(one, joint[part].T).T
                for one, part in zip(of_group, self._parts(), strict=True)
            ]
        )
        rest = centred - means @ loadings.T
        unsure = (trust.T @ covariances.reshape(len(means), -1)).reshape(-1, d, d)
        squares = np.einsum("np,np,np->p", weights, rest, rest)
        squares += np.einsum("pi,pij,pj->p", loadings, unsure[self.groups], loadings)
        shift = np.einsum("np,np->p", weights, rest)
        shift /= np.maximum(weights.sum(axis=0), _NEARLY_NONE)
        # Factors whose moments are not those of the prior take the difference into the loadings.
        prior = np.linalg.cholesky(moments.mean(axis=0).reshape(d, d))
        return replace(
            self,
            loadings=loadings @ prior,
            noise=np.maximum(squares / np.maximum((weights > 0).sum(axis=0), 1), _OWN_LEAST),
            offset=self.offset + shift,
        )

    def _parts(self) -> list[slice]:
        """Columns of each group."""
        edges = np.searchsorted(self.groups, np.arange(self.groups.max(initial=-1) + 2))
        return [slice(int(a), int(b)) for a, b in pairwise(edges)]
