"""Creators' vectors in a byte a number, each with a bound on what that leaves out.

A scan of the codes reads a quarter of the memory and multiplies whole numbers, so it takes a third
of the time of a scan of the vectors. The bounds make it exact: whoever the codes cannot rule out
from the best ``k`` is named, usually 1.3 to 2 times ``k`` rows, and only those need their true
scores. The codes are a plain FAISS index of scalar quantisers (Jégou et al., 2011, "Product
quantization for nearest neighbor search", is where such codes come from); the bounds are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from matching.products import Scores
from models.blocks import Vectors
from models.compiled import compiled, settled
from models.pairs import Floats
from models.vocabulary import Rows

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

_NOBODY = settled(np.empty(0), np.int32)

#: So many rows are estimated before any is judged, and so many are judged at a glance.
_AT_ONCE, _PART = 1_024, 64

#: A float32 is within this share of the number it stands for.
ROUNDING = 2.0**-24


@dataclass(frozen=True)
class Codes:
    """Codes of one vector per creator.

    Number ``j`` of a vector is taken for ``low[j] + step[j] * (code + .5)``.

    Attributes
    ----------
    codes : uint8 array of shape (n, d)
        Those of the FAISS index itself, mapped into memory after :meth:`load`.
    low, step : float64 arrays of shape (d,)
    slack : float32 array of shape (n,)
        Length of what the code of each row leaves out, never too short; infinite where it has no
        length.
    spread : float
        Greatest length of a row's codes, counted from 128.
    longest : float
        Greatest length of a vector.
    """

    codes: Bytes
    low: Floats
    step: Floats
    slack: Scores
    spread: float
    longest: float
    _faiss: Any

    @classmethod
    def build(cls, vectors: Vectors) -> Codes:
        """Code the vectors.

        Parameters
        ----------
        vectors : float32 array of shape (n, d), finite
        """
        vectors = settled(vectors, np.float32)
        made: Any = faiss.IndexScalarQuantizer(
            vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        if len(vectors):
            made.train(vectors)
            made.add(vectors)
        else:
            made.is_trained = True
        codes, low, step = _opened(made, *vectors.shape)
        slack = np.empty(len(vectors), dtype=np.float32)
        spread, longest = _bound(codes, low, step, vectors, slack)
        return cls(codes, low, step, settled(slack, np.float32), spread, longest, made)

    def save(self, path: Path) -> dict[str, Any]:
        """Write the FAISS index; the returned facts are needed again by :meth:`load`."""
        faiss.write_index(self._faiss, str(path))
        return {"slack": self.slack, "spread": self.spread, "longest": self.longest}

    @classmethod
    def load(cls, path: Path, shape: tuple[int, int], facts: dict[str, Any]) -> Codes:
        """Open written codes, mapped into memory rather than read."""
        made = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        codes, low, step = _opened(made, *shape)
        slack = settled(facts["slack"], np.float32)
        return cls(codes, low, step, slack, facts["spread"], facts["longest"], made)

    def near(
        self, query: Vectors, k: int, *, among: Rows | None = None, left_out: Rows = _NOBODY
    ) -> Rows:
        """Name all rows that may be among the best ``k`` of one query, ties included.

        "Best" is by :func:`~matching.products.products_of`, whose rounding is allowed for.

        Parameters
        ----------
        query : float32 array of shape (d,)
        k : int
            At least 1.
        among : int32 array, optional
            Rows to choose from.
        left_out : int32 array in rising order, optional
            Rows not to choose.

        Returns
        -------
        int32 array, in no order
            At least ``k`` of them, if there are so many.
        """
        size = len(self.codes) if among is None else len(among)
        query, left_out = settled(query, np.float32), settled(left_out, np.int32)
        aim = _aim(self.low, self.step, self.spread, self.longest, query)
        if not np.isfinite(aim[-1]):
            everyone = np.arange(size, dtype=np.int32) if among is None else among
            return np.setdiff1d(everyone, left_out)
        chosen = _NOBODY if among is None else settled(among, np.int32)
        given = (self.codes, self.slack, *aim, k, chosen, among is None, left_out)
        firsts, ranks = scattered(size, _AT_ONCE, k)
        rows, sure = _near(*given, firsts, ranks)
        if not sure:
            rows, _ = _near(*given, firsts, np.full_like(ranks, k))
        return rows


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


def _opened(made: Any, n: int, d: int) -> tuple[Bytes, Floats, Floats]:
    """See the codes of a FAISS index where they lie, and how to read them."""
    codes = np.empty((0, d), dtype=np.uint8)
    low, width = np.zeros(d), np.zeros(d)
    if n:
        codes = faiss.rev_swig_ptr(made.codes.data(), n * d).reshape(n, d)
        trained = faiss.vector_to_array(made.sq.trained).astype(np.float64)
        low, width = trained[:d], trained[d:]
    # Numbers too far apart for a float32 have no codes: a width of nothing, and endless slack.
    usable = np.isfinite(low) & np.isfinite(width)
    low, step = np.where(usable, low, 0.0), np.where(usable, width, 0.0) / 255
    return settled(codes, np.uint8), settled(low, np.float64), settled(step, np.float64)


def _bound_rows(
    codes: Bytes, low: Floats, step: Floats, vectors: Vectors, slack: Scores
) -> tuple[float, float]:
    """Fill in the slack; give back the greatest length of codes and of vectors."""
    n, d = codes.shape
    spread, longest = 0.0, 0.0
    for row in range(n):
        left, length, code_length = 0.0, 0.0, 0.0
        for j in range(d):
            number, code = np.float64(vectors[row, j]), np.float64(codes[row, j])
            beside = number - (low[j] + step[j] * (code + 0.5))
            left += beside * beside
            length += number * number
            code_length += (code - 128.0) * (code - 128.0)
        # Rounded up: a float32 has seven digits, and a bound must not lose in them.
        slack[row] = np.float32(np.sqrt(left) * 1.000001 + 1e-37)
        spread = max(spread, np.sqrt(code_length) * 1.000001)
        longest = max(longest, np.sqrt(length) * 1.000001)
    return spread, longest


def _multiply(
    codes: Bytes,
    whole: npt.NDArray[np.int16],
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
) -> tuple[npt.NDArray[np.int16], float, float, float, float]:
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
    whole: npt.NDArray[np.int16],
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
    dots = np.zeros(_AT_ONCE, dtype=np.int32)
    loose, upper = np.zeros(_AT_ONCE, dtype=np.float32), np.empty(_AT_ONCE)
    for turn in range(len(firsts)):
        first, rank = firsts[turn], ranks[turn]
        together = min(_AT_ONCE, size - first)
        _dots(codes, whole, first, among, everyone, dots[:together])
        if everyone:
            loose[:together] = slack[first : first + together]
        else:
            for i in range(together):
                loose[i] = slack[among[first + i]]
        for i in range(np.uint64(_AT_ONCE)):
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
_aim = compiled(_aim_at)
_bound = compiled(_bound_rows, reordered=True)
_near = compiled(_near_rows)
