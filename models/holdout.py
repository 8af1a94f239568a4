"""The inner split: what a model may learn from, and what it is then asked to find."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def hold_out(
    interactions: sp.csr_matrix,
    first_met: sp.csr_matrix | None,
    share: float,
    rng: np.random.Generator,
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Part the cooperations into earlier and later ones.

    With days of first meeting the latest ``share`` is held out, as the future will be: new
    entities come in it as they do in life. Without days, that share of the merchants loses all
    partners, and of the others' cooperations half that share goes, so that both the unknown and
    the known are asked about.

    Parameters
    ----------
    interactions : csr_matrix of shape (n_merchants, n_creators)
    first_met : csr_matrix of the same sparsity, or None
        Day of the first cooperation; all alike counts as not known.
    share : float
        In (0, 1).
    rng : Generator

    Returns
    -------
    before : csr_matrix
        The earlier cooperations with their weights.
    later : csr_matrix
        The later ones, as ones.

    Raises
    ------
    ValueError
        When ``first_met`` has another sparsity than ``interactions``.

    Examples
    --------
    >>> met = sp.csr_matrix(np.array([[1.0, 2.0], [0.0, 3.0]]))
    >>> days = sp.csr_matrix(np.array([[10.0, 12.0], [0.0, 30.0]]))
    >>> before, later = hold_out(met, days, 0.3, np.random.default_rng(0))
    >>> before.toarray().tolist(), later.toarray().tolist()
    ([[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]])
    """
    pairs = sp.coo_matrix(interactions.tocsr().sorted_indices())
    late = np.zeros(pairs.nnz, dtype=bool)
    if first_met is not None:
        if first_met.shape != interactions.shape or first_met.nnz != interactions.nnz:
            raise ValueError(
                f"first_met has shape {first_met.shape} and {first_met.nnz} cells, interactions "
                f"{interactions.shape} and {interactions.nnz}; they must be the same pairs"
            )
        days = first_met.tocsr().sorted_indices().data
        late = days > np.quantile(days, 1 - share, method="lower") if len(days) else late
    if not late.any():
        merchant_out = rng.random(interactions.shape[0]) < share
        late = merchant_out[pairs.row] | (rng.random(pairs.nnz) < share / 2)
    return _some(pairs, ~late, pairs.data), _some(pairs, late, np.ones(pairs.nnz, np.float32))


def _some(pairs: sp.coo_matrix, keep: np.ndarray, data: np.ndarray) -> sp.csr_matrix:
    return sp.csr_matrix((data[keep], (pairs.row[keep], pairs.col[keep])), shape=pairs.shape)
