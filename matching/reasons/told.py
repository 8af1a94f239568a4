"""What is told of many rows: every text once, and which of them each row has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from matching.shortlists import Starts
from models.compiled import compiled

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Told:
    """Texts of ``n`` rows.

    Attributes
    ----------
    starts : int64 array of shape (n + 1,)
        Where the texts of each row begin; row ``i`` has ``codes[starts[i]:starts[i + 1]]``.
    codes : int32 array
        Places in ``texts``.
    texts : sequence of str
        No two are alike.

    Examples
    --------
    >>> told = Told(np.array([0, 2, 2, 3]), np.array([1, 0, 1], dtype=np.int32), ["far", "near"])
    >>> told.lists()
    [['near', 'far'], [], ['near']]
    >>> told.arrow().to_pylist() == told.lists()
    True
    """

    starts: Starts
    codes: Codes
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def lists(self) -> list[list[str]]:
        """The texts of each row."""
        spoken = list(map(self.texts.__getitem__, self.codes.tolist()))
        return [spoken[start:end] for start, end in pairwise(self.starts.tolist())]

    def arrow(self) -> pa.Array:
        """The texts of each row.

        Returns
        -------
        array of type list<string>
            Plain strings, though a dictionary would be smaller: a Parquet file of them is the same
            bytes however its rows were cut into batches.
        """
        spoken = pa.array(self.texts, type=pa.string()).take(pa.array(self.codes))
        return pa.ListArray.from_arrays(pa.array(self.starts, type=pa.int32()), spoken)


@compiled
def distinct(told: npt.NDArray[np.int32]) -> tuple[Codes, Codes]:
    """Number what is told, rows of numbers, equal ones alike, in the order in which they come.

    Parameters
    ----------
    told : int32 array of shape (n, w)

    Returns
    -------
    codes : int32 array of shape (n,)
    first : int32 array of shape (number of distinct ones,)
        Where each is met first.
    """
    n, width = told.shape
    size = 1024
    places = np.full(size, -1, dtype=np.int32)
    codes = np.empty(n, dtype=np.int32)
    first = np.empty(n, dtype=np.int32)
    hashes = np.empty(n, dtype=np.int64)  # of the distinct ones
    number = 0
    for i in range(n):
        if 2 * number >= size:  # half full: twice the size
            size *= 2
            places = np.full(size, -1, dtype=np.int32)
            for code in range(number):
                place = hashes[code] & (size - 1)
                while places[place] >= 0:
                    place = (place + 1) & (size - 1)
                places[place] = code
        key = 0
        for j in range(width):
            key = ((key ^ (int(told[i, j]) + 1)) * 1_000_003) & 0xFFFFFFFFFF
        key ^= key >> 20
        place = key & (size - 1)
        while True:
            code = places[place]
            if code < 0:
                places[place] = number
                hashes[number], first[number] = key, i
                codes[i] = number
                number += 1
                break
            same = hashes[code] == key
            for j in range(width):
                same = same and told[first[code], j] == told[i, j]
            if same:
                codes[i] = code
                break
            place = (place + 1) & (size - 1)
    return codes, first[:number].copy()
