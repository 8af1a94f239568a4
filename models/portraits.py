"""Portraits: short vectors of audience and content, filled in where some are silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from models.blocks import Vectors
from models.company import listened, partner_facets
from models.facets import LEAST_ROWS, SIDES, Evidence
from models.factoring import Factors
from models.framing import Chosen, Frame
from models.pairs import Floats, Pairs, State
from models.share_space import ShareSpace

# Rows whose posterior is worked out at a time; keeps the moments of a large market in memory.
_BLOCK = 8192

# Rounds of expectation and maximisation; five times as many explain the true fit no better.
_ROUNDS = 12


class Portraits(BaseEstimator):  # type: ignore[misc]
    """Factors behind all that the tables tell of creators, merchants and products.

    Whoever tells of some things only (buyers but not viewers, a category but no content) is filled
    in from those who tell of both. A portrait is the mean of what the factors may be, given all
    that is known: the less is known, the nearer it is to zero, which is the usual creator (or the
    usual merchant and product). :class:`~models.framing.Frame` says which axes it has: one
    strength of shrinkage suits all products of a creator's number and a merchant's.

    After the tables, the partners speak: what a creator promoted, whom a merchant worked with,
    and what a merchant sells. They learn from the factors and do not bend them.

    Parameters
    ----------
    width : int, default 16
        Most factors; never more than columns.
    sample : int, default 20,000
        Most entities that the loadings are learnt from; all get a portrait.
    seed : int, default 0
        Same seed, same bits, at any number of threads.

    Attributes
    ----------
    creators_, merchants_, products_ : float32 arrays of shape (n, width_)
    creator_doubt_, merchant_doubt_, product_doubt_ : float32 arrays of shape (n,)
        Mean variance left of the factors: 1 where nothing is known, towards 0 where much is.
    width_ : int
        0 where no table tells entities apart.
    frame_ : Frame
        Loadings and axes; only where ``width_`` is above 0.
    """

    def __init__(self, *, width: int = 16, sample: int = 20_000, seed: int = 0) -> None:
        self.width = width
        self.sample = sample
        self.seed = seed

    def fit(self, evidence: Evidence, worked: Pairs | None = None) -> Self:
        """Learn the factors and everybody's portrait.

        Parameters
        ----------
        evidence : Evidence
        worked : Pairs, optional
            Promotions that are known of, one each; only these say who works with whom.
        """
        # What is learnt from a part of the market must be told often enough within that part.
        share = max(1.0, sum(evidence.sizes.values()) / self.sample)
        with threadpool_limits(1, user_api="blas"):
            return self._fit(evidence.telling(LEAST_ROWS * share), worked)

    def embed(self, target: Mapping[str, Mapping[str, float]]) -> Vectors:
        """Portrait of an audience that somebody wants to reach, to be used as a merchant's.

        Parameters
        ----------
        target : dict of dimension to dict of segment to share
            Shares in [0, 1]; segments of a named dimension that are left out take what remains.

        Returns
        -------
        float32 array of shape (width_,)

        Raises
        ------
        ValueError
            For an empty target, a dimension or segment that no table names, or a share outside
            [0, 1].
        """
        check_is_fitted(self, "width_")
        roots = np.sqrt(self.space_.completed(self.space_.read(target)))[0]
        if self.width_ == 0:
            return np.zeros(0, dtype=np.float32)
        cells = np.where(self.segments_ >= 0, roots[self.segments_], np.nan)
        groups = self.frame_.factors.groups
        trust = np.zeros((1, groups[-1] + 1))
        trust[0, groups[np.isfinite(cells)]] = 1.0
        with threadpool_limits(1, user_api="blas"):
            drawn, _ = self.frame_.draw("merchants", np.nan_to_num(cells)[None], trust)
        return np.asarray(drawn[0], dtype=np.float32)

    def state(self) -> State:
        """What :meth:`embed` needs, as arrays and plain values."""
        check_is_fitted(self, "width_")
        kept: dict[str, object] = {"width": self.width_, "space": self.space_.state()}
        if self.width_:
            kept |= {"segments": self.segments_, "frame": self.frame_.state()}
        return kept

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Restore an estimator that can embed, without the portraits it learnt."""
        portraits = cls(width=int(state["width"]))
        portraits.width_ = portraits.width
        portraits.space_ = ShareSpace.from_state(state["space"])
        if portraits.width_:
            portraits.segments_ = np.asarray(state["segments"])
            portraits.frame_ = Frame.from_state(state["frame"])
        return portraits

    def _fit(self, evidence: Evidence, worked: Pairs | None) -> Self:
        self.space_ = evidence.space or ShareSpace.fit([], {})
        self.width_ = min(self.width, evidence.width)
        if self.width_ == 0:
            self._draw(evidence)
            return self
        rows = self._sampled(evidence.sizes)
        cells, trust = _stacked(evidence, rows)
        factors = Factors.fit(cells, trust, evidence.groups(), self.width_, _ROUNDS)
        self.frame_ = Frame.settle(factors, evidence, rows)
        self._draw(evidence)
        if worked is not None and len(worked.creator):
            for facet in partner_facets(
                evidence, worked, self.creators_, self.merchants_, self.products_
            ):
                factors = listened(factors, evidence, facet, self.sample)
                evidence = replace(evidence, facets=(*evidence.facets, facet))
            self.frame_ = Frame.settle(factors, evidence, rows)
            self._draw(evidence)
        self.segments_ = np.concatenate([one.segments for one in evidence.facets])
        return self

    def _sampled(self, sizes: Mapping[str, int]) -> Chosen:
        """Rows of each side that the loadings are learnt from, in order."""
        edges = np.cumsum([0, *(sizes[side] for side in SIDES)])
        chosen = np.arange(edges[-1])
        if len(chosen) > self.sample:
            draw = np.random.default_rng(self.seed)
            chosen = np.sort(draw.choice(len(chosen), self.sample, replace=False))
        return {
            side: chosen[(chosen >= start) & (chosen < stop)] - start
            for side, start, stop in zip(SIDES, edges[:-1], edges[1:], strict=True)
        }

    def _draw(self, evidence: Evidence) -> None:
        """Draw everybody's portrait, some rows at a time."""
        for side in SIDES:
            size = evidence.sizes[side]
            portraits, doubts = np.zeros((size, self.width_)), np.ones(size)
            for start in range(0, size if self.width_ else 0, _BLOCK):
                block = slice(start, start + _BLOCK)
                cells, trust = evidence.cells(side, block)
                portraits[block], doubts[block] = self.frame_.draw(side, cells, trust)
            setattr(self, f"{side}_", portraits.astype(np.float32))
            setattr(self, f"{side[:-1]}_doubt_", doubts.astype(np.float32))


def _stacked(evidence: Evidence, rows: Chosen) -> tuple[Floats, Floats]:
    """Cells and trust of some rows of all sides."""
    told = [evidence.cells(side, rows[side]) for side in SIDES]
    return np.vstack([cells for cells, _ in told]), np.vstack([trust for _, trust in told])
