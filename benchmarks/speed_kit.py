"""What the floor, code by hand and RecTools are given: arrays of a bundle and two boosted models.

The vectors, ids, audiences and prices are the bundle's own. 40 features of a pair feed 60 trees of
depth 4 for conversion and 60 for exposures, learnt from what the plaza predicts for pairs drawn at
random: models of the size that a user would train, whose answers look like answers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float32]

#: Features of a creator, of a merchant, and the affinity of the two: 40 in all.
OF_CREATOR, OF_MERCHANT = 32, 7
FEATURES = [f"x{i}" for i in range(OF_CREATOR + OF_MERCHANT + 1)]
TREES, DEPTH = 60, 4
#: Numbers of a row, as Alliance names them.
NUMBERS = [
    "score",
    *("p_conversion", "p_conversion_low", "p_conversion_high"),
    *("exposures", "exposures_low", "exposures_high"),
    "expected_orders",
    *("expected_gmv", "expected_gmv_low", "expected_gmv_high"),
]
#: Clicks are so many of the exposures, and intervals so wide, for whoever learns no more.
CLICK_RATE, LOW, HIGH = 0.03, 0.6, 1.6
LESSONS = 20_000


@dataclass(frozen=True)
class Kit:
    """Plain arrays, one file each; rows are the bundle's.

    Attributes
    ----------
    merchant_ids, creator_ids : arrays of fixed-width texts
    merchant_vectors, creator_vectors : float32 arrays of shape (n, d)
    merchant_features : float32 array of shape (m, 7)
    creator_features : float32 array of shape (n, 32)
    prices : float32 array of shape (m,)
        Mean price of a merchant's products.
    pairs : int32 array of shape (20,000, 2)
        Rows of a merchant and a creator each, to learn from.
    converted : bool array of shape (20,000,)
    exposures : float32 array of shape (20,000,)
        In logs.
    starts, features, thresholds, leaves : arrays of shape (2,), (2, 60, 15), twice, (2, 60, 16)
        The two boosted models as :func:`floor_trees.flat` lays them flat; empty until learnt.
    """

    merchant_ids: npt.NDArray[np.str_]
    creator_ids: npt.NDArray[np.str_]
    merchant_vectors: Floats
    creator_vectors: Floats
    merchant_features: Floats
    creator_features: Floats
    prices: Floats
    pairs: npt.NDArray[np.int32]
    converted: npt.NDArray[np.bool_]
    exposures: Floats
    starts: Floats
    features: npt.NDArray[np.uint64]
    thresholds: Floats
    leaves: Floats

    @classmethod
    def of(cls, folder: Path, *, seed: int = 0) -> Kit:
        """Take from a bundle what others need to do the same job."""
        # Only here: the others read the arrays, some in an environment without Alliance.
        from floor_trees import flat

        from matching import Plaza
        from matching.bundle import Bundle
        from matching.learnt import Learnt

        learnt = Learnt.read(Bundle.open(folder))
        merchants, creators = len(learnt.merchants), len(learnt.creators)
        rng = np.random.default_rng(seed)
        pairs = np.stack(
            [rng.integers(0, merchants, LESSONS), rng.integers(0, creators, LESSONS)], axis=1
        ).astype(np.int32)
        ids = [learnt.merchants["id"].to_numpy(str), learnt.creators["id"].to_numpy(str)]
        asked = {"merchant_id": ids[0][pairs[:, 0]], "creator_id": ids[1][pairs[:, 1]]}
        told = Plaza.load(folder).predict(pd.DataFrame(asked, dtype=object))
        conversion = pd.to_numeric(told["p_conversion"]).to_numpy(float)
        exposures = pd.to_numeric(told["exposures"]).to_numpy(float)
        known = learnt.products[learnt.products["merchant_row"] >= 0]
        prices = known.groupby("merchant_row")["price"].mean().reindex(range(merchants))
        none = np.empty(0, np.float32)
        kit = cls(
            *ids,
            np.ascontiguousarray(learnt.merchant_vectors),
            np.ascontiguousarray(learnt.creator_vectors),
            _filled(learnt.merchant_shares[:, :OF_MERCHANT]),
            _filled(np.hstack([_numbers(learnt.creators), learnt.creator_share_low]))[
                :, :OF_CREATOR
            ],
            _filled(prices.to_numpy(np.float32)[:, None])[:, 0],
            pairs,
            rng.random(LESSONS) < np.clip(10 * conversion, 0, 1),
            np.log1p(exposures).astype(np.float32),
            *(none, none.astype(np.uint64), none, none),
        )
        starts, trees = zip(*map(flat, kit.boosted()), strict=True)
        features, thresholds, leaves = (np.stack(one) for one in zip(*trees, strict=True))
        return replace(
            kit, starts=np.array(starts), features=features, thresholds=thresholds, leaves=leaves
        )

    @classmethod
    def load(cls, folder: Path) -> Kit:
        """Read what :meth:`save` wrote, mapped into memory."""
        return cls(
            **{
                one.name: np.asarray(
                    np.load(folder / f"{one.name}.npy", mmap_mode="r", allow_pickle=False)
                )
                for one in fields(cls)
            }
        )

    def save(self, folder: Path) -> None:
        """Write every array as a file."""
        folder.mkdir(parents=True, exist_ok=True)
        for one in fields(self):
            np.save(folder / f"{one.name}.npy", getattr(self, one.name), allow_pickle=False)

    def lessons(self) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Features of the pairs to learn from, and whether each was converted."""
        merchant, creator = self.pairs.T
        left, right = self.merchant_vectors[merchant], self.creator_vectors[creator]
        affinity = np.einsum("ij,ij->i", left, right)[:, None]
        features = [self.creator_features[creator], self.merchant_features[merchant], affinity]
        return np.hstack(features), self.converted

    def boosted(self) -> tuple[Any, Any]:
        """Fit a classifier of conversion and a regressor of log exposures on the pairs."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        given, converted = self.lessons()
        size = {"max_iter": TREES, "max_depth": DEPTH, "max_leaf_nodes": 15, "random_state": 0}
        classifier = HistGradientBoostingClassifier(**size, early_stopping=False)
        regressor = HistGradientBoostingRegressor(**size, early_stopping=False)
        with threadpool_limits(1):  # threads of a small fit wait for each other most of the time
            return classifier.fit(given, converted), regressor.fit(given, self.exposures)


def _numbers(creators: pd.DataFrame) -> Floats:
    names = ("followers", "slot_fee", "commission_rate", "reputation")
    found = creators[[f"{name}_low" for name in names]].to_numpy(np.float32)
    return np.log1p(found)


def _filled(columns: Floats) -> Floats:
    """Columns whose unknown numbers are the median of the known: not every rival takes NaN."""
    usual = np.nan_to_num(np.nanmedian(columns, axis=0))
    return np.where(np.isnan(columns), usual, columns).astype(np.float32)
