"""Audiences as a market shows them: noisy shares, single viewers, and a view of the content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from training.simulation.columns import coded, ids, numbers, write
from training.simulation.consent import NOTHING, OPEN, RANGES, share_bounds
from training.simulation.population import Population
from training.simulation.segments import DIMENSIONS, Bools, Floats, Ints, Segments, mixes

ENTITIES = ("creator", "merchant", "product")
AUDIENCES = ("viewer", "fan", "buyer", "target")
WIDTH = 16
#: Shares below this are not reported; platforms list what is largest.
SMALLEST = 0.02


def write_audiences(
    folder: Path, world: Population, consent: Ints, rng: np.random.Generator
) -> None:
    """Write `audiences`: shares of some audiences of some entities in some dimensions."""
    c, m, p = world.creators, world.merchants, world.products
    shown = consent != NOTHING
    # The larger an audience's sample, the less it strays; merchants' targets are mostly opinion.
    sources: tuple[tuple[int, int, Floats, float, Bools | None, float], ...] = (
        (0, 0, c.viewer, 0.65, shown, 120.0),
        (0, 1, c.fan, 0.45, shown, 120.0),
        (0, 2, c.buyer, 0.4, shown & ~c.idle, 60.0),
        (1, 3, m.wanted, 0.85, None, 30.0),
        (1, 2, m.wanted, 0.5, ~m.idle, 90.0),
        (2, 2, p.audience, 0.35, None, 50.0),
    )
    parts = []
    for entity, audience, mix, covered, able, sharpness in sources:
        n = len(mix)
        listed = rng.random(n) < covered
        if able is not None:
            listed &= able
        rows = np.flatnonzero(listed)
        where, column, share = _observed(mix[rows], world.segments, sharpness, rng)
        parts.append((np.full(len(where), entity), rows[where], audience, column, share))
    write(folder, "audiences", _share_columns(world, consent, parts))


def _observed(
    mix: Floats, segments: Segments, sharpness: float, rng: np.random.Generator
) -> tuple[Ints, Ints, Floats]:
    """Noisy shares of every dimension: row, number of the value among all, share."""
    blocks = []
    for name in DIMENSIONS:
        noisy = mixes(rng, sharpness, mix @ segments.shares[name]).round(4)
        noisy[noisy < SMALLEST] = np.nan
        noisy[rng.random(len(mix)) < 0.12] = np.nan
        blocks.append(noisy)
    table = np.hstack(blocks)
    row, column = np.nonzero(~np.isnan(table))
    return row, column, table[row, column]


def _share_columns(
    world: Population, consent: Ints, parts: list[tuple[Ints, Ints, int, Ints, Floats]]
) -> dict[str, Any]:
    entity = np.concatenate([part[0] for part in parts])
    row = np.concatenate([part[1] for part in parts])
    audience = np.concatenate([np.full(len(part[1]), part[2]) for part in parts])
    value = np.concatenate([part[3] for part in parts])
    share = np.concatenate([part[4] for part in parts])
    dimension = [d for d, values in enumerate(DIMENSIONS.values()) for _ in values]
    words = [word for values in DIMENSIONS.values() for word in values]
    all_ids, offset = _all_ids(world)
    grade = np.where(entity == 0, consent[np.where(entity == 0, row, 0)], OPEN)
    low, high = share_bounds(share)
    return {
        "entity": coded(entity, ENTITIES),
        "entity_id": coded(offset[entity] + row, all_ids),
        "dimension": coded(np.array(dimension)[value], tuple(DIMENSIONS)),
        "segment": coded(value, words),
        "share": numbers(share, grade == OPEN),
        "share_low": numbers(low, grade == RANGES),
        "share_high": numbers(high, grade == RANGES),
        "audience": coded(audience, AUDIENCES),
    }


def write_embeddings(folder: Path, world: Population, rng: np.random.Generator) -> None:
    """Write one space, `content`: what a model of pictures and words might have made of them.

    Creators and most products are points in one space turned at random: their segments and tone,
    blurred.
    """
    c, m, p = world.creators, world.merchants, world.products
    turn, _ = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))
    parts = []
    for entity, mix, tone in ((0, c.viewer, c.tone), (2, p.audience, m.tone[p.merchant])):
        rows = np.flatnonzero(rng.random(len(mix)) < 0.85)
        segments = 4 * (np.sqrt(mix[rows]) - np.sqrt(world.segments.weight))
        plain = np.hstack([segments, 0.8 * tone[rows]])
        vectors = plain @ turn + 0.3 * rng.standard_normal((len(rows), WIDTH))
        parts.append((np.full(len(rows), entity), rows, vectors.astype(np.float32)))
    entities = np.concatenate([part[0] for part in parts])
    row = np.concatenate([part[1] for part in parts])
    vectors = np.concatenate([part[2] for part in parts])
    all_ids, offset = _all_ids(world)
    steps = np.arange(len(vectors) + 1, dtype=np.int32) * WIDTH
    columns = {
        "entity": coded(entities, ENTITIES),
        "entity_id": coded(offset[entities] + row, all_ids),
        "space": coded(np.zeros(len(row), dtype=int), ["content"]),
        "vector": pa.ListArray.from_arrays(pa.array(steps), pa.array(vectors.ravel())),
    }
    write(folder, "embeddings", columns)


def _all_ids(world: Population) -> tuple[Any, Ints]:
    """Ids of all creators, merchants and products, and where each kind begins."""
    counts = [len(world.creators.skill), len(world.merchants.size), len(world.products.price)]
    parts = [ids(prefix, n) for prefix, n in zip("cmp", counts, strict=True)]
    return pa.concat_arrays(parts), np.cumsum([0, *counts[:-1]])
