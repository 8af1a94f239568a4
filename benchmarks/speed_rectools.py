"""RecTools on given factors; imported in the environment of `make bench-setup` alone.

Two ways: its ALS wrapper's ``recommend`` alone, which predicts nothing, and its two-stage model,
whose candidates get the same 40 features. That environment has no trees, so its reranker is a
logistic regression, which costs less than trees would.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from rectools import Columns
from rectools.dataset import Dataset
from rectools.model_selection import TimeRangeSplitter
from rectools.models import ImplicitALSWrapperModel
from rectools.models.ranking import (
    CandidateFeatureCollector,
    CandidateGenerator,
    CandidateRankingModel,
    Reranker,
)
from speed_kit import FEATURES, OF_CREATOR, Floats, Kit


class RecTools:
    """Factors in RecTools' ALS wrapper, ids in its data set.

    Parameters
    ----------
    kit : Kit
    k : int
    """

    def __init__(self, kit: Kit, k: int) -> None:
        self.k = k
        self.ids = kit.merchant_ids.astype(object)
        als = AlternatingLeastSquares(factors=kit.creator_vectors.shape[1])
        als.user_factors, als.item_factors = (
            np.array(one) for one in (kit.merchant_vectors, kit.creator_vectors)
        )
        self.model = ImplicitALSWrapperModel(als)
        self.model.model, self.model.is_fitted = als, True
        # Each creator and each merchant once, in the order of the factors' rows.
        rows = np.arange(max(len(kit.merchant_ids), len(kit.creator_ids)))
        self.data = Dataset.construct(
            pd.DataFrame(
                {
                    Columns.User: self.ids[rows % len(self.ids)],
                    Columns.Item: kit.creator_ids.astype(object)[rows % len(kit.creator_ids)],
                    Columns.Weight: 1.0,
                    Columns.Datetime: pd.Timestamp("2000-01-01"),
                }
            )
        )

    def job(self, merchants: Any, out: Path) -> None:
        """Write the lists of all merchants as Parquet."""
        lists = self.model.recommend(self.ids[merchants], self.data, self.k, filter_viewed=False)
        lists.to_parquet(out / "lists.parquet", compression="zstd", index=False)


class TwoStage(RecTools):
    """Its candidates reranked by a logistic regression over 40 features.

    Parameters
    ----------
    kit : Kit
    k : int
    """

    def __init__(self, kit: Kit, k: int) -> None:
        super().__init__(kit, k)
        generator = CandidateGenerator(self.model, k, keep_ranks=False, keep_scores=True)
        generator.is_fitted_for_recommend = True
        self.model = CandidateRankingModel(
            [generator],
            TimeRangeSplitter("1D", n_splits=1),
            Reranker(Logistic().fit(*kit.lessons())),
            feature_collector=Collector(kit),
        )
        self.model.is_fitted = True


class Collector(CandidateFeatureCollector):  # type: ignore[misc]
    """Features out of two tables.

    Parameters
    ----------
    kit : Kit
    """

    def __init__(self, kit: Kit) -> None:
        self.items = pd.DataFrame(np.array(kit.creator_features), columns=FEATURES[:OF_CREATOR])
        self.items.index = pd.Index(kit.creator_ids.astype(object), name=Columns.Item)
        self.users = pd.DataFrame(np.array(kit.merchant_features), columns=FEATURES[OF_CREATOR:-1])
        self.users.index = pd.Index(kit.merchant_ids.astype(object), name=Columns.User)

    def _get_user_features(self, users: Any, *_: Any) -> pd.DataFrame:
        return self.users.loc[users].reset_index()

    def _get_item_features(self, items: Any, *_: Any) -> pd.DataFrame:
        return self.items.loc[items].reset_index()


class Logistic:
    """A logistic regression in a dozen steps of Newton, since the environment has no other."""

    def fit(self, X: Floats, y: Any) -> Logistic:
        """Fit on features of shape (n, d) and answers of shape (n,)."""
        self.mean, self.scale = X.mean(axis=0), X.std(axis=0) + 1e-6
        given = self._given(X)
        self.weights = np.zeros(given.shape[1])
        for _ in range(12):
            p = self._odds(given)
            slope = given.T @ (p - y) + 1e-3 * self.weights
            bend = given.T @ (given * (p * (1 - p))[:, None]) + 1e-3 * np.eye(given.shape[1])
            self.weights -= np.linalg.solve(bend, slope)
        return self

    def predict_proba(self, X: pd.DataFrame) -> Any:
        """Probabilities of shape (n, 2)."""
        # The score of the first stage stands in for the affinity, wherever the merges put it.
        named = X.rename(columns={column: FEATURES[-1] for column in X if column not in FEATURES})
        p = self._odds(self._given(named[FEATURES].to_numpy(float)))
        return np.stack([1 - p, p], axis=1)

    def _given(self, X: Any) -> Any:
        return np.hstack([(X - self.mean) / self.scale, np.ones((len(X), 1))])

    def _odds(self, given: Any) -> Any:
        return 1 / (1 + np.exp(-given @ self.weights))
