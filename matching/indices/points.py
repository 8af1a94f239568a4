"""How raw values become points: by percentile among peers of the same industry and tier."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.errors import BadInput
from matching.indices.grouping import Groups, require
from models.pairs import Floats

Words = npt.NDArray[np.object_]

#: Fewest peers of known value, oneself among them, that a percentile is told of.
LEAST_PEERS = 2


def percentile_points(
    values: pd.Series | npt.ArrayLike,
    weight: float,
    industry: pd.Series | npt.ArrayLike | None = None,
    tier: pd.Series | npt.ArrayLike | None = None,
    *,
    least_peers: int = LEAST_PEERS,
) -> pd.Series:
    """Points of each value among its peers: weight × (peers below + half of those equal) / peers.

    Oneself counts among the equal, so that the best of two gets three quarters of the points, the
    best of a hundred .995 of them, and the average is half of them in every group: few peers
    prove little. Equal values get equal points.

    Parameters
    ----------
    values : Series or array of shape (n,)
        More is better. NaN unknown: it gets no points and is nobody's peer.
    weight : float
        Points there are.
    industry, tier : Series or arrays of shape (n,), optional
        Peers agree in both. Labels of a Series of values are found by index, all others go by
        position. Whose industry or tier is unknown has no peers that anyone knows of,
        and no points. One that is not given tells nobody apart.
    least_peers : int
        Groups with fewer known values get no points: who is alone is compared with nobody.

    Returns
    -------
    float64 Series of shape (n,), in (0, weight)
        NaN where there are no points to tell. Under the index of ``values``.

    Raises
    ------
    BadInput
        For a negative weight, lengths that differ, or a value that is no finite number.

    Notes
    -----
    P, table 1, gives the weights but not how raw values become points; this rule is ours (DOMAIN,
    "Metrics, exactly"). It is the mid-rank plotting position of A. Hazen (1914).

    Examples
    --------
    >>> gmv = [10.0, 20.0, 20.0, 900.0, 5.0]
    >>> percentile_points(gmv, 8, industry=["food"] * 4 + ["toys"]).tolist()
    [1.0, 4.0, 4.0, 7.0, nan]
    """
    raw = pd.Series(values)
    if not weight >= 0:
        raise BadInput(f"weight is {weight}, expected 0 points or more")
    if least_peers < 1:
        raise BadInput(f"least_peers is {least_peers}, expected 1 or more")
    known = _finite(raw)
    columns = {
        name: _column(name, given, raw.index if isinstance(values, pd.Series) else None, len(raw))
        for name, given in (("industry", industry), ("tier", tier))
        if given is not None
    }
    peers = pd.DataFrame(columns, index=raw.index)
    groups = Groups.of(peers, list(columns))
    place = pd.Series(np.where(groups.codes >= 0, known, np.nan)).groupby(groups.codes)
    count = place.transform("count").to_numpy(np.float64)
    below = place.rank(method="average").to_numpy(np.float64) - 0.5
    points = np.full(len(raw), np.nan)
    np.divide(weight * below, count, out=points, where=count >= least_peers)
    return pd.Series(points, raw.index, name=raw.name)


def add_points(points: pd.DataFrame, weights: Mapping[str, float]) -> pd.DataFrame:
    """Add the points of the parts of an index, unknown parts kept apart.

    Parameters
    ----------
    points : DataFrame
        Points of each part, a column each; NaN unknown.
    weights : mapping of part to its points

    Returns
    -------
    DataFrame
        The parts, then ``points`` (the sum of those known, NaN where none is), ``out_of`` (what
        the known parts could give) and ``index`` (``points`` where all parts are known, else
        NaN: an unknown part is not a part of no points).

    Raises
    ------
    BadInput
        When a part is not there.

    Examples
    --------
    >>> told = pd.DataFrame({"goods": [2.0, 2.0], "service": [3.0, None]})
    >>> add_points(told, {"goods": 3, "service": 4})
       goods  service  points  out_of  index
    0    2.0      3.0     5.0     7.0    5.0
    1    2.0      NaN     2.0     3.0    NaN
    """
    require(points, list(weights))
    parts = points[list(weights)].astype(np.float64)
    known = parts.notna()
    total = parts.sum(axis=1, min_count=1)
    out_of = known.mul(pd.Series(weights, dtype=np.float64)).sum(axis=1)
    return parts.assign(points=total, out_of=out_of, index=total.where(known.all(axis=1)))


def _finite(values: pd.Series) -> Floats:
    try:
        known = values.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise BadInput(f"values hold {values.dtype}, expected numbers") from None
    if np.isinf(known).any():
        raise BadInput("values hold infinity, expected finite numbers, NaN where unknown")
    return known


def _column(name: str, given: pd.Series | npt.ArrayLike, index: pd.Index | None, n: int) -> Words:
    """Words in the order of the values, unknown where they have none for one."""
    if index is None or not isinstance(given, pd.Series) or given.index.equals(index):
        words = np.asarray(given, dtype=object)
        if words.shape != (n,):
            raise BadInput(f"{name} has shape {words.shape}, expected {(n,)}: one for each value")
        return words
    if not given.index.is_unique:
        twice = given.index[given.index.duplicated()][0]
        raise BadInput(f"{name} has two rows for {twice!r}; keep one")
    if n and not index.isin(given.index).any():
        raise BadInput(
            f"{name} knows none of the values: it is indexed by {given.index[:1].tolist()} and so "
            f"on, they by {index[:1].tolist()}; give it the same index"
        )
    return given.reindex(index).to_numpy(object)
