"""Co-audience: who is watched by the same people lies close together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix, csr_matrix, diags_array
from threadpoolctl import threadpool_limits

from models.blocks import Block
from models.pairs import Floats
from models.vocabulary import Rows, Vocabulary

# Without a cap from outside, a viewer is taken for a machine who met more entities than this and
# is far out besides: three interquartile ranges above the upper quartile, in logarithms.
_CAP_FLOOR = 50
_FAR_OUT = 3.0

# Viewers of this many accounts or more do not have the same ones by chance. Fewer may well: many
# people who follow the same two creators are what this is all about.
_POD_SIZE = 8

# A band of so many hashes agrees with probability similarity ** rows; the mean over so many bands.
_BAND_ROWS = 4
_BANDS = 8

# Directions followed beyond those wanted, and passes over the matrix, until all have settled.
_SPARE = 12
_PASSES = 6

# What an entity's norm is raised by, as a share of the median: few viewers are weak evidence.
_SHRINK = 1.0


def co_audience_block(
    engagements: pd.DataFrame,
    merchants: Vocabulary,
    creators: Vocabulary,
    *,
    product_merchants: Rows | None,
    n_products: int,
    width: int = 48,
    degree_cap: int | None = None,
    seed: int = 0,
) -> Block | None:
    """Place merchants and creators by the viewers they share.

    The matrix of entities × viewers holds ``log2(1 + weight)``. A viewer who met ``d`` entities
    speaks with weight ``1 / d`` in every pair of them (see ``viewer_voices`` for bots and pods); an
    entity's row is brought near length one, the less so the fewer viewers it has. The leading
    singular vectors, centred on the mean of all known, are the block.

    Parameters
    ----------
    engagements : DataFrame
        ``viewer_id, entity, entity_id`` and, where known, ``weight`` (1 where missing; rows of
        no positive weight are passed over, as are ids outside the vocabularies).
    merchants, creators : Vocabulary
    product_merchants : int32 array of shape (n_products,), or None
        Products take their merchant's place.
    n_products, width : int
    degree_cap : int, optional
        Entities met from which on a viewer is taken for a machine; the default is learnt.
    seed : int

    Returns
    -------
    Block or None
        ``co_audience``; None when no viewer met two entities. Who shares no viewer is unknown.
    """
    met = viewers_by_entities(engagements, merchants, creators)
    spoken = diags_array(viewer_voices(met, degree_cap=degree_cap, seed=seed)) @ met
    by_entity = csr_matrix(spoken.T)
    by_entity.eliminate_zeros()
    norms = np.sqrt(np.asarray(by_entity.multiply(by_entity).sum(axis=1)).ravel())
    known = norms > 0
    if known.sum() < 2:
        return None
    scale = np.sqrt(norms**2 + _SHRINK * np.median(norms[known]) ** 2)
    by_entity = csr_matrix(diags_array(1.0 / scale) @ by_entity)
    by_entity = by_entity[:, np.flatnonzero(by_entity.getnnz(axis=0))]
    places = _leading_directions(by_entity, width, seed)
    # An entity outside the leading directions has next to no place: better unknown than noise.
    known &= np.sqrt(np.square(places).sum(axis=1)) > 1e-3 * norms / scale
    places -= places[known].mean(axis=0)
    n = len(merchants)
    return Block.of(
        "co_audience",
        (places[:n], known[:n]),
        (places[n:], known[n:]),
        (np.zeros((n_products, places.shape[1])), np.zeros(n_products, dtype=bool)),
        product_merchants,
    )


def _leading_directions(matrix: csr_matrix, width: int, seed: int) -> Floats:
    """Left singular vectors times singular values, of shape (n_rows, at most width).

    Subspace iteration on the side of the rows (Halko, Martinsson and Tropp, 2011, algorithm 4.4):
    there are far more viewers than entities, and no dense matrix of theirs is ever factorised.
    """
    followed = min(width + _SPARE, *matrix.shape)
    with threadpool_limits(1, user_api="blas"):  # the same bits whatever the thread count
        basis = np.random.default_rng(seed).standard_normal((matrix.shape[0], followed))
        for _ in range(_PASSES):
            basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
        seen = matrix.T @ basis
        squares, turn = np.linalg.eigh(seen.T @ seen)
        order = np.argsort(-squares, kind="stable")[:width]
        values = np.sqrt(np.maximum(squares[order], 0.0))
        return np.asarray(basis @ (turn[:, order] * values))


def viewer_voices(met: csr_matrix, *, degree_cap: int | None, seed: int) -> Floats:
    """How loud each viewer speaks; float64 of shape (n_viewers,), 0 for those not heard.

    - Who met one entity links none, and is not heard.
    - Who met more than ``degree_cap`` is a machine, and is not heard. The default cap is 50 or,
      where greater, the point from which Tukey calls a value far out: three interquartile ranges
      above the upper quartile, of the logarithms. Quartiles do not move with a few machines.
    - Others speak with ``1 / sqrt(d)`` for ``d`` entities met, hence ``1 / d`` in each pair.
    - Viewers of 8 entities or more who met the same ones are a pod, and share one voice: the
      weight in each pair is divided by the expected number of look-alikes, the sum over viewers of
      (Jaccard similarity)^4, estimated by min-hashing. A real viewer of so many entities has
      about one, itself.

    Parameters
    ----------
    met : csr_matrix of shape (n_viewers, n_entities)
    degree_cap : int or None
    seed : int
    """
    degree = np.diff(met.indptr)
    if degree_cap is None:
        degree_cap = _far_out(degree[degree > 1])
    heard = (degree > 1) & (degree <= degree_cap)
    crowd = np.ones(len(degree))
    busy = np.flatnonzero(heard & (degree >= _POD_SIZE))
    if len(busy):
        crowd[busy] = _look_alikes(met[busy], seed)
    return np.where(heard, 1.0 / np.sqrt(np.maximum(degree, 1) * crowd), 0.0)


def _far_out(degree: npt.NDArray[np.integer]) -> int:
    """Entities met by more than an honest viewer."""
    if not len(degree):
        return _CAP_FLOOR
    lower, upper = np.quantile(np.log2(degree), [0.25, 0.75])
    return max(_CAP_FLOOR, int(2 ** (upper + _FAR_OUT * (upper - lower))))


def _look_alikes(met: csr_matrix, seed: int) -> Floats:
    """Expected number of viewers, itself included, with the same set of entities."""
    draw = np.random.default_rng(seed)
    count = np.zeros(met.shape[0])
    for _ in range(_BANDS):
        band = np.zeros(met.shape[0], dtype=np.uint64)
        for _ in range(_BAND_ROWS):
            order = draw.permutation(met.shape[1]).astype(np.uint64)
            least = np.minimum.reduceat(order[met.indices], met.indptr[:-1])
            band = band * np.uint64(0x9E3779B97F4A7C15) + least  # wraps around, as hashes may
        _, members, sizes = np.unique(band, return_inverse=True, return_counts=True)
        count += sizes[members]
    return count / _BANDS


def viewers_by_entities(
    engagements: pd.DataFrame, merchants: Vocabulary, creators: Vocabulary
) -> csr_matrix:
    """Who met whom: viewers × (merchants, then creators), damped weights.

    Parameters
    ----------
    engagements : DataFrame
        As for `co_audience_block`.
    merchants, creators : Vocabulary

    Returns
    -------
    csr_matrix of shape (n_viewers, n_merchants + n_creators)
        Viewers in the order of their ids.
    """
    entity = engagements["entity"].to_numpy(dtype=object)
    columns = np.full(len(engagements), -1, dtype=np.int64)
    for kind, ids, start in (("merchant", merchants, 0), ("creator", creators, len(merchants))):
        of_kind = np.flatnonzero(entity == kind)
        rows, known = ids.find(engagements["entity_id"].iloc[of_kind])
        columns[of_kind[known]] = start + rows
    weight = _weights(engagements)
    heard = (columns >= 0) & (weight > 0)
    viewers, names = pd.factorize(engagements["viewer_id"][heard], sort=True)
    met = coo_matrix(
        (weight[heard], (viewers, columns[heard])),
        shape=(len(names), len(merchants) + len(creators)),
    ).tocsr()
    met.data = np.log2(1.0 + met.data)
    return met


def _weights(engagements: pd.DataFrame) -> Floats:
    if "weight" not in engagements:
        return np.ones(len(engagements))
    weights: Floats = pd.to_numeric(engagements["weight"]).fillna(1.0).to_numpy(dtype=np.float64)
    return weights
