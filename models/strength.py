"""How strong a cooperation is: weights of any unit, checked, and measured by the typical one."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def checked(interactions: sp.csr_matrix) -> sp.csr_matrix:
    """Interactions as float32 with one cell per pair, in order, and no stored zeros.

    Parameters
    ----------
    interactions : csr_matrix of shape (n_merchants, n_creators)
        Non-negative weights, 0 = never met. Cells of one pair are added.

    Raises
    ------
    ValueError
        When it is no matrix, or a weight is negative or not finite.
    """
    if getattr(interactions, "ndim", None) != 2:
        raise ValueError(
            f"interactions are of type {type(interactions).__name__}; expected a sparse matrix of "
            "merchants × creators"
        )
    matrix = sp.csr_matrix(interactions, dtype=np.float32, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    if not np.all(matrix.data > 0) or not np.all(np.isfinite(matrix.data)):
        raise ValueError(
            "interactions hold negative or non-finite weights; expected weights >= 0, "
            "with refusals and refunds already netted off"
        )
    return matrix


def typical_weight(weights: sp.csr_matrix) -> float:
    """Median weight of the cooperations; 1 where there are none.

    Examples
    --------
    >>> typical_weight(sp.csr_matrix(np.array([[0.0, 5.0, 45.0, 2.0]])))
    5.0
    """
    return float(np.median(weights.data)) if weights.nnz else 1.0


def strength(weights: sp.csr_matrix, typical: float | None = None) -> sp.csr_matrix:
    """Weights of any unit as strengths in (0, 2), 1 for a typical one; float32.

    The hundredth cooperation of a pair tells less than its second: ``2 w / (w + typical)``.

    Parameters
    ----------
    weights : csr_matrix
    typical : float, optional
        Weight that is worth 1; that of :func:`typical_weight` unless it is given.

    Examples
    --------
    >>> strength(sp.csr_matrix(np.array([[0.0, 5.0, 45.0]])), typical=5.0).toarray().tolist()
    [[0.0, 1.0, 1.7999999523162842]]
    """
    matrix = sp.csr_matrix(weights, dtype=np.float32, copy=True)
    if typical is None:
        typical = typical_weight(matrix)
    matrix.data = 2 * matrix.data / (matrix.data + np.float32(typical))
    return matrix
