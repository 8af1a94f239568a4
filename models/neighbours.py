"""What those bring who share an entity's people: a feature for rates learnt from little."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from models.coaudience import viewer_voices
from models.pairs import Floats

_OWN_WORTH = 2.0  # successes of belief that a neighbour is like everybody
_SHARED_WORTH = 4.0  # shared people of belief that the neighbours are


def neighbours_effect(met: csr_matrix, trials: Floats, successes: Floats) -> Floats:
    """How much more than usual an entity's neighbours bring, as a log; its own luck left out.

    Neighbours of a merchant are those that its viewers or buyers have met as well. Each one's rate
    over everybody's is shrunk and counts by the people shared; somebody who has met ``d`` entities
    counts ``1 / d`` in each pair of them, machines not at all (`models.coaudience.viewer_voices`).
    The mean is taken relative to that of all entities and shrunk where few people are shared. It
    tells nothing of an entity's own trials, so it may stand among the features that an entity's own
    rate is shrunk towards (`models.features.EntityFeatures`).

    Parameters
    ----------
    met : csr_matrix of shape (n_people, n_entities)
        Positive where somebody met an entity.
    trials, successes : float64 arrays of shape (n_entities,)
        0 without any.

    Returns
    -------
    float64 array of shape (n_entities,)
        0 for an entity that shares nobody.

    Raises
    ------
    ValueError
        When there are not as many entities in each, or no trials at all.

    Examples
    --------
    The first two share ten buyers, and so do the last two; the second sells well:

    >>> met = csr_matrix(np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 10, axis=0))
    >>> neighbours_effect(met, np.full(4, 100.0), np.array([5.0, 20, 5, 5])).round(2)
    array([ 0.48, -0.16, -0.16, -0.16])
    """
    n = met.shape[1]
    if not (len(trials) == len(successes) == n):
        raise ValueError(
            f"got trials of {len(trials)} and successes of {len(successes)} entities, expected "
            f"{n} of each, one for every column of the people who met them"
        )
    if not trials.sum() > 0.0:
        raise ValueError("got no trials at all, expected some; leave this feature out")
    usual = trials * (successes.sum() / trials.sum())
    own = np.log((successes + _OWN_WORTH) / (usual + _OWN_WORTH))
    there = csr_matrix((np.ones(met.nnz), met.indices, met.indptr), shape=met.shape)
    heard = diags_array(viewer_voices(there, degree_cap=None, seed=0)) @ there
    together = csr_matrix(heard.T @ heard)
    alone = together.diagonal()
    shared = np.asarray(together.sum(axis=1)).ravel() - alone
    some = shared > 1e-9
    mean = np.where(some, (together @ own - alone * own) / np.where(some, shared, 1.0), 0.0)
    if some.any():
        mean[some] -= mean[some].mean()
    found: Floats = mean * shared / (shared + _SHARED_WORTH)
    return found
