"""Single viewers who watch, like and follow; a few of them are not what they seem."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from training.simulation.calendar import end, week_start
from training.simulation.columns import coded, ids, moments, numbers, write
from training.simulation.population import Population
from training.simulation.segments import COUNT, Floats, Ints

#: Creators that one bot engages with, and the size of a pod: viewers who all praise the same.
BOT_CREATORS = 800
POD_VIEWERS, POD_CREATORS = 12, 15


def write_engagements(
    folder: Path, world: Population, viewers: int, rng: np.random.Generator
) -> None:
    """Write `engagements` of `viewers` people, and of some bots and pods besides."""
    segments = world.segments
    # Most people engage with a handful; a few with hundreds.
    degree = np.minimum(3 * rng.random(viewers) ** (-1 / 1.6), 300).astype(np.int64)
    viewer = np.repeat(np.arange(viewers), degree)
    n = len(viewer)
    segment = rng.choice(COUNT, viewers, p=segments.weight)[viewer]
    # Nobody stays within one segment all the time.
    segment = np.where(rng.random(n) < 0.15, rng.integers(0, COUNT, n), segment)
    creators = world.creators
    to_merchant = rng.random(n) < 0.2
    target = np.where(
        to_merchant,
        _drawn(world.merchants.wanted, np.exp(0.5 * world.merchants.size), segment, rng),
        _drawn(creators.viewer, np.sqrt(creators.followers), segment, rng),
    )
    bot, botted = _bots(len(creators.skill), viewers, rng)
    viewer = np.r_[viewer, bot]
    target = np.r_[target, botted]
    to_merchant = np.r_[to_merchant, np.zeros(len(bot), bool)]
    n = len(viewer)
    # A creator is not watched before joining, nor a merchant before the year.
    start = week_start(0)
    joined = np.where(to_merchant, 0, creators.joined[np.where(to_merchant, 0, target)])
    opened = week_start(0) + np.maximum(joined, 0) * (week_start(1) - start)
    moment = (opened + rng.random(n) * (end() - opened)).astype(np.int64) // 10**6 * 10**6
    weight = rng.choice([1.0, 2.0, 5.0], n, p=[0.7, 0.2, 0.1])
    order = np.lexsort((viewer, moment))
    all_ids = pa.concat_arrays([ids("c", len(creators.skill)), ids("m", len(world.merchants.size))])
    columns = {
        "viewer_id": coded(viewer[order], ids("v", int(viewer.max()) + 1)),
        "entity": coded(to_merchant[order].astype(np.int64), ("creator", "merchant")),
        "entity_id": coded((target + len(creators.skill) * to_merchant)[order], all_ids),
        "weight": numbers(weight[order]),
        "occurred_at": moments(moment[order]),
    }
    write(folder, "engagements", columns)


def _drawn(mix: Floats, size: Floats, segment: Ints, rng: np.random.Generator) -> Ints:
    """Draw one entity per segment asked for, by size and by its part of that segment."""
    lines = (mix * size[:, None]).cumsum(axis=0)
    lines = (lines / lines[-1]).T + np.arange(COUNT)[:, None]
    spot = np.searchsorted(lines.ravel(), segment + rng.random(len(segment)))
    return np.asarray(np.clip(spot - segment * len(size), 0, len(size) - 1))


def _bots(creators: int, viewers: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Engagements (viewer, creator) of bots and pods, who are numbered after the viewers."""
    bots, pods = 2 + viewers // 4_000, 2 + viewers // 2_000
    seen = min(BOT_CREATORS, creators)
    bot = viewers + np.repeat(np.arange(bots), seen)
    botted = np.concatenate([rng.permutation(creators)[:seen] for _ in range(bots)])
    praised = rng.integers(0, creators, (pods, 1, POD_CREATORS))
    praised = np.broadcast_to(praised, (pods, POD_VIEWERS, POD_CREATORS)).ravel()
    member = viewers + bots + np.repeat(np.arange(pods * POD_VIEWERS), POD_CREATORS)
    return np.r_[bot, member], np.r_[botted, praised]
