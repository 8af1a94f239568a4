"""Shares of audiences as facets, and whose audience the goods' is compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from models.facets import Facet
from models.pairs import Floats
from models.share_space import ShareSpace
from models.shares import ShareTable, dimension_slices, segments_of, share_tables
from models.vocabulary import Vocabulary

#: Whose shares the audience that goods are for is comparable with: buyers where creators tell
#: of theirs, else the audience that they do tell of.
_LIKE_WANTED = ("buyer", "fan", "viewer", "target")

#: What each kind of audience tells of the audience that goods are for; the rest tells nothing.
_WANTED = {"buyer": 2.0, "target": 1.0, "fan": 1.0, "viewer": 1.0}

# Creators who must tell of a kind of audience before goods are compared with it.
_ENOUGH = 50


def share_facets(
    shares: pd.DataFrame | None, creators: Vocabulary, merchants: Vocabulary, products: Vocabulary
) -> tuple[ShareSpace, list[Facet]]:
    """Facets of shares, one for each kind of audience and dimension.

    Square roots of shares, as in :class:`~models.share_space.ShareSpace`, and ranges count less by
    their width. The audience that goods are for stands in the columns of one kind of creators'
    audiences, the buyers where enough creators tell of theirs.

    Parameters
    ----------
    shares : DataFrame, optional
        ``entity, entity_id, dimension, segment``, ``share`` or ``share_low, share_high``, and
        ``audience``.
    creators, merchants, products : Vocabulary

    Raises
    ------
    ValueError
        For an unknown kind of audience.
    """
    if shares is None:
        return ShareSpace.fit([], {}), []
    segments = segments_of(shares)
    ids = {"creator": creators, "merchant": merchants, "product": products}
    tables = {kind: share_tables(shares, kind, of, segments) for kind, of in ids.items()}
    space = ShareSpace.fit(segments, tables["creator"])
    told = {kind: _roots(space, table) for kind, table in tables["creator"].items()}
    enough = [
        kind for kind in _LIKE_WANTED if kind in told and told[kind][1].any(axis=1).sum() >= _ENOUGH
    ]
    like = enough[0] if enough else next(iter(told), "buyer")
    shape = (len(creators), len(segments))
    told.setdefault(like, (np.full(shape, np.nan), np.zeros(shape)))
    wanted = {
        "merchants": _wanted(space, tables["merchant"], len(merchants)),
        "products": _wanted(space, tables["product"], len(products)),
    }
    facets = []
    for kind, of_creators in told.items():
        by_side = {"creators": of_creators, **(wanted if kind == like else {})}
        for dimension, columns in dimension_slices(segments).items():
            facets.append(
                Facet.of(
                    f"{kind}:{dimension}",
                    {side: values[:, columns] for side, (values, _) in by_side.items()},
                    {side: trust[:, columns.start] for side, (_, trust) in by_side.items()},
                    np.arange(columns.start, columns.stop) if kind == like else None,
                )
            )
    return space, facets


def _roots(space: ShareSpace, table: ShareTable) -> tuple[Floats, Floats]:
    """Square roots of shares, completed, and the trust in each: ranges count less by their width.

    Both of shape (n, s); NaN and 0 where a dimension is not told.
    """
    roots = np.sqrt(space.completed(table.point))
    trust = np.zeros_like(roots)
    for columns in dimension_slices(space.segments).values():
        width = table.high[:, columns] - table.low[:, columns]
        known = np.asarray(~np.isnan(width))
        mean = np.where(known, width, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        trust[:, columns] = np.where(known.any(axis=1), (1.0 - mean) ** 2, 0.0)[:, None]
    return roots, trust


def _wanted(space: ShareSpace, tables: Mapping[str, ShareTable], n: int) -> tuple[Floats, Floats]:
    """The audience that goods are for: a mean of the audiences told, buyers before targets."""
    total = np.zeros((n, len(space.segments)))
    weight = np.zeros_like(total)
    for kind, table in tables.items():
        roots, trust = _roots(space, table)
        total += np.where(trust > 0, _WANTED[kind] * trust * roots, 0.0)
        weight += _WANTED[kind] * trust
    means = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
    return means, np.minimum(weight, 1.0)
