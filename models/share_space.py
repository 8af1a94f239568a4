"""The space where audiences lie: vectors whose cosine says how alike two audiences are."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np

from models.blocks import Mask, Vectors, unit_rows
from models.pairs import Floats, State
from models.shares import (
    CREATOR_KINDS,
    MERCHANT_KINDS,
    Segments,
    ShareTable,
    dimension_slices,
)

# With fewer creators than this behind it, the centre of a kind of audience is mostly that of all.
_FEW = 20.0


class ShareSpace:
    """Where audiences lie: square roots of shares, less those of the market's creators.

    The distance between square roots of shares is Hellinger's: bounded, at home with small
    shares, and it never divides by zero. A segment that is not told, in a dimension that is, takes
    its usual part of what the others leave. A dimension that is not told lies on the centre. A
    range counts less, by its width. Every kind of audience is taken relative to the creators'
    audiences of that kind, so that a creator who shows buyers and one who shows viewers only
    differ by who these are, not by what kind they are. A target is taken relative to all.

    Merchants share the creators' centre: a merchant of a market of beauty brands that asks for
    women then lies towards women, although all of its fellows do the same.

    Attributes
    ----------
    segments : list of (dimension, segment)
    usual : float64 array of shape (s,)
        Mean share of each segment among creators; 0 where no one tells.
    centres : dict of str to float64 array of shape (s,)
        Mean square root of shares, by kind of audience.
    """

    def __init__(
        self,
        segments: Segments,
        usual: Floats,
        centres: dict[str, Floats],
    ) -> None:
        self.segments = segments
        self.usual = usual
        self.centres = centres

    @classmethod
    def fit(cls, segments: Segments, tables: Mapping[str, ShareTable]) -> ShareSpace:
        """Learn the usual shares and the centres from the tables of the creators."""
        zeros = np.zeros(len(segments))
        totals, counts = zeros.copy(), zeros.copy()
        for table in tables.values():
            totals += np.nansum(table.point, axis=0, dtype=np.float64)
            counts += (~np.isnan(table.point)).sum(axis=0)
        usual = np.divide(totals, counts, out=zeros.copy(), where=counts > 0)
        space = cls(segments, usual, dict.fromkeys(CREATOR_KINDS, zeros))

        sums, told = {}, {}
        for kind, table in tables.items():
            roots = np.sqrt(space.completed(table.point))
            sums[kind] = np.nansum(roots, axis=0, dtype=np.float64)
            told[kind] = (~np.isnan(roots)).sum(axis=0).astype(np.float64)
        weight = sum((CREATOR_KINDS[kind] * told[kind] for kind in tables), zeros)
        overall = sum((CREATOR_KINDS[kind] * sums[kind] for kind in tables), zeros)
        overall = np.divide(overall, weight, out=zeros.copy(), where=weight > 0)
        space.centres = {
            kind: (sums[kind] + _FEW * overall) / (told[kind] + _FEW) if kind in sums else overall
            for kind in CREATOR_KINDS
        }
        space.centres["target"] = overall
        return space

    def vectors(
        self, tables: Mapping[str, ShareTable], kinds: Mapping[str, float], n: int
    ) -> tuple[Floats, Mask]:
        """Blend the kinds of audience of n entities into centred vectors, not yet of length one.

        Returns
        -------
        vectors : float64 array of shape (n, s)
        known : bool array of shape (n,)
            Where any dimension is told.
        """
        vectors = np.zeros((n, len(self.segments)))
        weights = np.zeros_like(vectors)
        for kind, table in tables.items():
            offset = np.sqrt(self.completed(table.point)) - self.centres[kind]
            told = ~np.isnan(offset)
            for columns in dimension_slices(self.segments).values():
                width = (table.high - table.low)[:, columns]
                known = ~np.isnan(width)
                wide = np.where(known, width, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
                offset[:, columns] *= (1.0 - wide)[:, None]
            vectors += kinds[kind] * np.where(told, offset, 0.0)
            weights += kinds[kind] * told
        np.divide(vectors, weights, out=vectors, where=weights > 0)
        return vectors, np.asarray(weights.any(axis=1))

    def embed(self, target: Mapping[str, Mapping[str, float]]) -> Vectors:
        """Place one target audience; float32 of shape (s,), of length one or zero.

        Raises
        ------
        ValueError
            For an empty target, a name that is not one of the segments, or a share outside [0, 1].
        """
        points = self.read(target)
        table = {"target": ShareTable(points, points)}
        vectors = unit_rows(*self.vectors(table, MERCHANT_KINDS, 1))
        return np.asarray(vectors[0])

    def read(self, target: Mapping[str, Mapping[str, float]]) -> Vectors:
        """Shares of one target audience; float32 of shape (1, s), NaN where it says nothing.

        Raises
        ------
        ValueError
            As :meth:`embed`.
        """
        points = np.full((1, len(self.segments)), np.nan, dtype=np.float32)
        for dimension, parts in target.items():
            for segment, share in parts.items():
                points[0, self._column(dimension, segment)] = _checked(dimension, segment, share)
        if np.isnan(points).all():
            raise ValueError(
                "the target names no segment; give shares like {'age': {'18-23': 0.6}}"
            )
        return points

    def state(self) -> State:
        """All of it, as arrays of numbers and strings."""
        return {
            "dimensions": np.array([dimension for dimension, _ in self.segments], dtype=np.str_),
            "segments": np.array([segment for _, segment in self.segments], dtype=np.str_),
            "usual": self.usual,
            "centres": dict(self.centres),
        }

    @classmethod
    def from_state(cls, state: State) -> ShareSpace:
        """Restore what ``state`` gave."""
        names = zip(state["dimensions"], state["segments"], strict=True)
        segments = [(str(dimension), str(segment)) for dimension, segment in names]
        return cls(segments, np.asarray(state["usual"]), dict(state["centres"]))

    def _column(self, dimension: str, segment: str) -> int:
        known = list(dict.fromkeys(name for name, _ in self.segments))
        if dimension not in known:
            raise ValueError(f"unknown dimension {dimension!r}; {_hint(dimension, known)}")
        of_dimension = [name for one, name in self.segments if one == dimension]
        if segment not in of_dimension:
            raise ValueError(
                f"unknown segment {segment!r} of {dimension!r}; {_hint(segment, of_dimension)}"
            )
        return self.segments.index((dimension, segment))

    def completed(self, points: Vectors) -> Floats:
        """Give untold segments of a told dimension their usual part of what the others leave.

        Parameters
        ----------
        points : float32 array of shape (n, s)
            Shares; NaN unknown. A dimension of which nothing is told stays unknown.
        """
        full = points.astype(np.float64)
        for columns in dimension_slices(self.segments).values():
            part, usual = full[:, columns], self.usual[columns]
            missing = np.isnan(part)
            partly = missing.any(axis=1) & ~missing.all(axis=1)
            if not partly.any():
                continue
            rest = np.clip(1.0 - np.nansum(part[partly], axis=1), 0.0, None)
            parts = np.where(missing[partly], usual, 0.0)
            total = parts.sum(axis=1)
            # A segment no creator tells of has no usual part: all such share alike.
            parts = np.where((total > 0)[:, None], parts, missing[partly])
            parts /= parts.sum(axis=1)[:, None]
            part[partly] = np.where(missing[partly], rest[:, None] * parts, part[partly])
        return full


def _hint(name: object, known: list[str]) -> str:
    near = get_close_matches(str(name), known, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"give one of {', '.join(known) or 'none, as no audience is told'}"


def _checked(dimension: str, segment: str, share: float) -> float:
    if not 0 <= share <= 1:
        raise ValueError(
            f"share of {segment!r} in {dimension!r} is {share}; give a fraction from 0 to 1"
        )
    return share
