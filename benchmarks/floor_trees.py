"""The floor's trees: 60 of depth 4, flat, as fast as they go, and walked as the first floor did."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba.np.unsafe.ndarray import to_fixed_tuple
from speed_kit import DEPTH

#: Not-a-number does not occur here, so sums and maxima may be taken in any order.
FAST = {"reassoc", "contract", "nsz", "nnan", "ninf"}
INNER, LEAVES = 2**DEPTH - 1, 2**DEPTH
#: Pairs rescored at once: their features stay in the first cache.
TILE = 256


@numba.njit(nogil=True, fastmath=FAST, cache=True)
def grow(given: Any, n: int, feature: Any, threshold: Any, leaves: Any, sums: Any) -> None:
    """Add up what each tree says of ``n`` pairs.

    No tree is walked: all 15 questions are asked of many pairs at a time, and the answers choose
    among the leaves, pairwise, up to the root. Places are unsigned, since the compiler makes no
    vectors of what might count from the end.

    Parameters
    ----------
    given : float32 array of shape (number of features × TILE,)
        One feature of all pairs after the other.
    """
    for t in range(len(leaves)):
        x = to_fixed_tuple(feature[t] * np.uint64(TILE), 15)
        h = to_fixed_tuple(threshold[t], 15)
        v = to_fixed_tuple(leaves[t], 16)
        for pair in range(n):
            i = np.uint64(pair)
            a = v[1] if given[x[7] + i] > h[7] else v[0]
            b = v[3] if given[x[8] + i] > h[8] else v[2]
            c = v[5] if given[x[9] + i] > h[9] else v[4]
            d = v[7] if given[x[10] + i] > h[10] else v[6]
            e = v[9] if given[x[11] + i] > h[11] else v[8]
            f = v[11] if given[x[12] + i] > h[12] else v[10]
            g = v[13] if given[x[13] + i] > h[13] else v[12]
            k = v[15] if given[x[14] + i] > h[14] else v[14]
            a = b if given[x[3] + i] > h[3] else a
            c = d if given[x[4] + i] > h[4] else c
            e = f if given[x[5] + i] > h[5] else e
            g = k if given[x[6] + i] > h[6] else g
            a = c if given[x[1] + i] > h[1] else a
            e = g if given[x[2] + i] > h[2] else e
            sums[i] += e if given[x[0] + i] > h[0] else a


@numba.njit(nogil=True, fastmath=FAST, cache=True)
def rescore(
    creators: Any, merchants: Any, rows: Any, affinity: Any, first: Any, second: Any, sums: Any
) -> None:
    """Gather 40 features of each pair, a tile at a time, and let both models speak.

    Parameters
    ----------
    creators, merchants : float32 arrays of shape (n, 32) and (m, 7)
        The features; a row of ``merchants`` for each list.
    rows, affinity : arrays of shape (m, k)
    first, second : tuples of feature, threshold, leaves
    sums : float32 array of shape (2, m × k)
        Added to.
    """
    k, own, theirs = rows.shape[1], creators.shape[1], merchants.shape[1]
    given = np.empty((own + theirs + 1) * TILE, np.float32)
    for i in range(len(rows)):
        for f in range(theirs):
            given[(own + f) * TILE : (own + f + 1) * TILE] = merchants[i, f]
        for start in range(0, k, TILE):
            n = min(TILE, k - start)
            for j in range(n):
                row = creators[rows[i, start + j]]
                for f in range(own):
                    given[f * TILE + j] = row[f]
                given[(own + theirs) * TILE + j] = affinity[i, start + j]
            at = i * k + start
            grow(given, n, *first, sums[0, at : at + n])
            grow(given, n, *second, sums[1, at : at + n])


@numba.njit(nogil=True, fastmath=FAST, cache=True)
def walk(given: Any, feature: Any, threshold: Any, leaves: Any, sums: Any) -> None:
    """Add up what each tree says, pair by pair and step by step, as the first floor did."""
    for t in range(len(leaves)):
        for i in range(len(given)):
            node = 0
            for _ in range(DEPTH):
                node = 2 * node + 1 + (given[i, feature[t, node]] > threshold[t, node])
            sums[i] += leaves[t, node - INNER]


def flat(model: Any) -> tuple[float, tuple[npt.NDArray[Any], ...]]:
    """Trees of scikit-learn as heaps; at a threshold and below, left.

    Parameters
    ----------
    model : HistGradientBoostingClassifier or HistGradientBoostingRegressor

    Returns
    -------
    start : float
        Where sums begin.
    feature, threshold, leaves : arrays of shape (n, 15), (n, 15) and (n, 16)
    """
    count = len(model._predictors)
    feature = np.zeros((count, INNER), np.uint64)
    threshold = np.full((count, INNER), np.inf, np.float32)
    leaves = np.zeros((count, LEAVES), np.float32)

    def place(tree: int, nodes: Any, at: int, node: int) -> None:
        if at >= INNER:
            leaves[tree, at - INNER] = nodes[node]["value"]
            return
        left = right = node
        if not nodes[node]["is_leaf"]:
            feature[tree, at] = nodes[node]["feature_idx"]
            threshold[tree, at] = _at_most(nodes[node]["num_threshold"])
            left, right = nodes[node]["left"], nodes[node]["right"]
        place(tree, nodes, 2 * at + 1, left)
        place(tree, nodes, 2 * at + 2, right)

    for tree, (predictor,) in enumerate(model._predictors):
        place(tree, predictor.nodes, 0, 0)
    return float(model._baseline_prediction.item()), (feature, threshold, leaves)


def _at_most(threshold: float) -> np.float32:
    """The largest number of single precision that is no larger: features have no more digits."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))
