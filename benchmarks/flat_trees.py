"""Gradient-boosted trees as flat arrays, walked by a compiled loop, of whatever shape they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
import numpy.typing as npt

from models.pairs import Floats


@numba.njit(nogil=True, cache=True)
def walk(
    features: Any,
    start: Any,
    column: Any,
    threshold: Any,
    unknown_left: Any,
    child: Any,
    value: Any,
) -> Any:
    """Add up what all trees say of each row; a leaf's ``child`` is 0."""
    found = np.zeros(len(features))
    for i in range(len(features)):
        total = 0.0
        for tree in start:
            node = tree
            while child[node, 0] > 0:
                told = features[i, column[node]]
                left = unknown_left[node] if np.isnan(told) else told <= threshold[node]
                node = child[node, 0] if left else child[node, 1]
            total += value[node]
        found[i] = total
    return found


@dataclass(frozen=True)
class FlatTrees:
    """Trees in arrays that need no pickle.

    Attributes
    ----------
    level : float
        What is told before any tree.
    start : int64 array
        Root of each tree.
    column, threshold, unknown_left, child, value : arrays, an entry for each node
    """

    level: float
    start: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    threshold: Floats
    unknown_left: npt.NDArray[np.bool_]
    child: npt.NDArray[np.int64]
    value: Floats

    @classmethod
    def of(cls, model: Any) -> Self:
        """Flatten a fitted HistGradientBoostingRegressor of numbers alone."""
        nodes = [predictor.nodes for (predictor,) in model._predictors]
        start = np.cumsum([0, *map(len, nodes)])[:-1]
        every = np.concatenate(nodes)
        shift = np.repeat(start, list(map(len, nodes)))
        leaf = every["is_leaf"].astype(bool)
        child = np.column_stack([every["left"], every["right"]]).astype(np.int64) + shift[:, None]
        child[leaf] = 0
        return cls(
            float(model._baseline_prediction.item()),
            start.astype(np.int64),
            every["feature_idx"].astype(np.int64),
            every["num_threshold"].astype(np.float64),
            every["missing_go_to_left"].astype(bool),
            child,
            every["value"].astype(np.float64),
        )

    def predict(self, features: Floats) -> Floats:
        """Sum of the trees for each row: the log of what is predicted, where that is a rate."""
        arrays = (self.start, self.column, self.threshold, self.unknown_left, self.child)
        found: Floats = walk(features, *arrays, self.value)
        return found + self.level

    @property
    def size(self) -> int:
        """Bytes of all arrays."""
        arrays = (self.start, self.column, self.threshold, self.unknown_left, self.child)
        return sum(one.nbytes for one in (*arrays, self.value))
