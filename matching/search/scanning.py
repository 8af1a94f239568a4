"""A scan of codes: who cannot be ruled out from the best of one query, given what codes leave out.

A query becomes whole numbers too, so an estimate is a sum of products of whole numbers, and each
row's score lies within known bounds of its estimate. The ``k``-th best of the lower bounds rules
out whoever has a lower upper bound.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from matching.search.products import Scores
from models.blocks import Vectors
from models.compiled import compiled, settled
from models.pairs import Floats
from models.vocabulary import Rows

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Whole = npt.NDArray[np.int16]

#: So many rows are estimated before any is judged, and so many are judged at a glance.
AT_ONCE, _PART = 2_048, 64

#: A float32 is within this share of the number it stands for.
ROUNDING = 2.0**-24


@lru_cache(maxsize=256)
def scattered(size: int, wide: int, k: int) -> tuple[Places, Places]:
    """In what order to look at blocks of rows, and how high to set the bar after each.

    Blocks come from all over, so that those seen stand for those not seen: after a tenth of the
    rows, about a tenth of the best ``k`` are among them and hardly ever many more, so whoever is
    below that place may be dropped. Whether that was right shows at the end.

    Returns
    -------
    firsts : int64 array
        First row of each block, in the order to look at them.
    ranks : int64 array
        Place, among those seen up to and with each block, that the last of the best ``k`` keeps.

    Examples
    --------
    >>> [one.tolist() for one in scattered(7, 2, 1)]
    [[0, 6, 4, 2], [1, 1, 1, 1]]
    """
    blocks = -(-size // wide)
    stride = max(1, round(0.618 * blocks))
    while math.gcd(stride, blocks) > 1:
        stride += 1
    firsts = wide * (stride * np.arange(blocks) % blocks)
    expected = k * np.minimum(np.cumsum(np.minimum(wide, size - firsts)) / size, 1.0)
    ranks = np.minimum(k, np.ceil(expected + 4 * np.sqrt(expected)) + 4)
    return settled(firsts, np.int64), settled(ranks, np.int64)


def _multiply(
    codes: Bytes,
    whole: Whole,
    first: int,
    among: Rows,
    everyone: bool,
    dots: npt.NDArray[np.int32],
) -> None:
    # A loop of its own: only in simple ones the compiler finds the vectors of the processor.
    d = codes.shape[1]
    for i in range(len(dots)):
        row = first + i if everyone else among[first + i]
        dot = np.int32(0)
        for j in range(d):
            dot += np.int32(codes[row, j]) * np.int32(whole[j])
        dots[i] = dot


def _aim_at(
    low: Floats, step: Floats, spread: float, longest: float, query: Vectors
) -> tuple[Whole, float, float, float, float]:
    """Turn a query into whole numbers for the codes.

    An estimate is ``base + unit * (whole @ codes)``; the score is no further from it than ``slack *
    length + wide``.
    """
    d = len(query)
    length, steepest, total = 0.0, 0.0, 0.0
    for j in range(d):
        turned = abs(query[j] * step[j])
        length += np.float64(query[j]) * np.float64(query[j])
        steepest = max(steepest, turned)
        total += turned
    length = np.sqrt(length) * 1.000001
    whole = np.zeros(d, dtype=np.int16)
    if not longest * length < 1e37:
        return whole, 0.0, 0.0, length, np.inf
    # 16 bits each, and so small that a sum of products with codes stays within 32 bits.
    unit = max(steepest / 32766.0, total / 8.0e6, 1e-300)
    base, missed, reach = 0.0, 0.0, 0.0
    for j in range(d):
        turned = query[j] * step[j]
        whole[j] = np.int16(round(turned / unit))
        beside = turned - unit * whole[j]
        missed += beside * beside
        base += query[j] * (low[j] + 0.5 * step[j]) + 128.0 * beside
        reach += abs(query[j]) * (abs(low[j]) + 256.0 * step[j])
    # What may separate the estimate from the score, whichever the row: rounding of the query, of
    # the float32 score, of numbers too small for a float32, and of this arithmetic.
    wide = spread * np.sqrt(missed) + 1.01 * (d + 8) * ROUNDING * longest * length
    wide += (d + 8) * (2e-38 + 1e-15 * reach)
    return whole, base, unit, length, wide


def _near_rows(
    codes: Bytes,
    slack: Scores,
    whole: Whole,
    base: float,
    unit: float,
    length: float,
    wide: float,
    k: int,
    among: Rows,
    everyone: bool,
    left_out: Rows,
    firsts: Places,
    ranks: Places,
) -> tuple[Rows, bool]:
    """Rows that may be among the best; False where too many were dropped on the way."""
    size = len(codes) if everyone else len(among)
    room = min(size, 4 * k + 192)
    kept = np.empty(room, dtype=np.int32)
    worst, best = np.empty(room), np.empty(room)
    bar, filled = -np.inf, 0
    dots = np.zeros(AT_ONCE, dtype=np.int32)
    loose, upper = np.zeros(AT_ONCE, dtype=np.float32), np.empty(AT_ONCE)
    for turn in range(len(firsts)):
        first, rank = firsts[turn], ranks[turn]
        together = min(AT_ONCE, size - first)
        _dots(codes, whole, first, among, everyone, dots[:together])
        if everyone:
            loose[:together] = slack[first : first + together]
        else:
            for i in range(together):
                loose[i] = slack[among[first + i]]
        for i in range(np.uint64(AT_ONCE)):
            upper[i] = base + unit * dots[i] + loose[i] * length + wide
        upper[together:] = -np.inf
        for part in range(0, together, _PART):
            # Most parts hold nobody, which the processor sees at a glance.
            hits = 0
            for i in range(np.uint64(_PART)):
                hits += 1 if upper[np.uint64(part) + i] >= bar else 0
            if hits == 0:
                continue
            for i in range(part, min(part + _PART, together)):
                if upper[i] < bar:
                    continue
                row = first + i if everyone else among[first + i]
                if len(left_out):
                    at = np.searchsorted(left_out, row)
                    if at < len(left_out) and left_out[at] == row:
                        continue
                if filled == room:
                    filled, bar = _tighten(kept, worst, best, filled, rank, bar)
                    if 2 * filled > room:
                        room = min(size, 2 * room)
                        kept, worst, best = _wider(kept, worst, best, room)
                kept[filled] = row
                worst[filled], best[filled] = -np.inf, upper[i]
                if upper[i] < np.inf:
                    worst[filled] = upper[i] - 2 * (loose[i] * length + wide)
                filled += 1
        if (turn + 1) & turn == 0:
            filled, bar = _tighten(kept, worst, best, filled, rank, bar)
    before = bar
    filled, bar = _tighten(kept, worst, best, filled, k, -np.inf)
    return kept[:filled], before <= bar


def _rule_out(
    kept: Rows, worst: Floats, best: Floats, filled: int, rank: int, bar: float
) -> tuple[int, float]:
    """Drop who cannot reach the one of this rank, by what each has for certain."""
    if filled < rank:
        return filled, bar
    bar = max(bar, np.partition(worst[:filled], filled - rank)[filled - rank])
    ahead = 0
    for i in range(filled):
        if not best[i] < bar:
            kept[ahead], worst[ahead], best[ahead] = kept[i], worst[i], best[i]
            ahead += 1
    return ahead, bar


def _grow(kept: Rows, worst: Floats, best: Floats, room: int) -> tuple[Rows, Floats, Floats]:
    more, more_worst, more_best = np.empty(room, np.int32), np.empty(room), np.empty(room)
    more[: len(kept)], more_worst[: len(kept)], more_best[: len(kept)] = kept, worst, best
    return more, more_worst, more_best


_dots = compiled(_multiply)
_tighten = compiled(_rule_out)
_wider = compiled(_grow)
aim_at = compiled(_aim_at)
near_rows = compiled(_near_rows)
