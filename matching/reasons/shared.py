"""What each asker of a block shares with those it is given: loops over pairs.

Everything here takes a block as ``m`` askers, ``starts`` (int64, shape (m + 1,)) and ``rows``
(int32, shape (n,)): asker ``i`` is given ``rows[starts[i]:starts[i + 1]]``. An asker beyond the
last of its kind is somebody nobody knows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.history import Ragged
from matching.shortlists import Starts
from models.compiled import compiled
from models.vocabulary import Rows

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: Names listed at most.
NAMED = 3


class Usual(NamedTuple):
    """Audience shares that are worth no word; float32 arrays of shape (number of segments,).

    Attributes
    ----------
    base : what a share is beyond, as far as it is large
    least : from where on it is large
    """

    base: Vectors
    least: Vectors


@compiled
def entries_between(askers: Rows, starts: Starts, rows: Rows, met: Ragged, entries: Rows) -> Rows:
    """Entry of the history that each pair has; -1 where it has none.

    Parameters
    ----------
    askers : int32 array of shape (m,)
    met : Ragged
        Those of the askers' kind that each of the listed kind has met, in order.
    entries : int32 array
        Entry of each of ``met.rows``.

    Returns
    -------
    int32 array of shape (n,)
    """
    found = np.full(len(rows), -1, dtype=np.int32)
    for i in range(len(starts) - 1):
        for at in range(starts[i], starts[i + 1]):
            low, end = met.starts[rows[at]], met.starts[rows[at] + 1]
            high = end
            while low < high:
                middle = (low + high) // 2
                if met.rows[middle] < askers[i]:
                    low = middle + 1
                else:
                    high = middle
            if low < end and met.rows[low] == askers[i]:
                found[at] = entries[low]
    return found


@compiled
def shared_segments(
    starts: Starts,
    rows: Rows,
    asked: Mask,
    asking_shares: Vectors,
    listed_shares: Vectors,
    asking_usual: Usual,
    listed_usual: Usual,
) -> tuple[Rows, Rows, Rows]:
    """The segment of audiences that an asker and a row both have, or want, most beyond the usual.

    Parameters
    ----------
    asked : bool array of shape (n,)
        Which pairs to look at.
    asking_shares : float32 array of shape (m, number of segments)
        NaN unknown, here and below.
    listed_shares : float32 array of shape (number of those that can be listed, number of segments)
    asking_usual, listed_usual : Usual

    Returns
    -------
    segment : int32 array of shape (n,)
        -1 where there is none.
    listed, asking : int32 arrays of shape (n,)
        Shares of the row and of the asker, in percent.
    """
    found = np.full(len(rows), -1, dtype=np.int32)
    listed = np.zeros(len(rows), dtype=np.int32)
    asking = np.zeros(len(rows), dtype=np.int32)
    large = np.empty(asking_shares.shape[1], dtype=np.int64)
    beyond = np.empty(asking_shares.shape[1], dtype=np.float32)
    for i in range(len(starts) - 1):
        number = 0
        for segment in range(asking_shares.shape[1]):
            base, share = asking_usual.base[segment], asking_shares[i, segment]
            if share > base and share >= asking_usual.least[segment]:
                large[number], beyond[number] = segment, share - base
                number += 1
        for at in range(starts[i], starts[i + 1]):
            if not asked[at]:
                continue
            most = np.float32(0)
            for place in range(number):
                segment = large[place]
                base, share = listed_usual.base[segment], listed_shares[rows[at], segment]
                if share > base and share >= listed_usual.least[segment]:
                    lift = beyond[place] * (share - base)
                    if lift > most:
                        most = lift
                        found[at] = segment
            if found[at] >= 0:
                listed[at] = np.rint(np.float64(listed_shares[rows[at], found[at]]) * 100)
                asking[at] = np.rint(np.float64(asking_shares[i, found[at]]) * 100)
    return found, listed, asking


@compiled
def shared_names(
    askers: Rows, starts: Starts, rows: Rows, asking: Ragged, listed: Ragged, asked: Mask
) -> tuple[Rows, Rows]:
    """What the lists of an asker and of a row have in common.

    Parameters
    ----------
    askers : int32 array of shape (m,)
    asking, listed : Ragged
        Lists of the askers' kind and of the listed kind, each in order.
    asked : bool array of shape (n,)
        Which pairs to look at.

    Returns
    -------
    first : int32 array of shape (n, 3)
        The first in order; -1 behind the last.
    number : int32 array of shape (n,)
        How many there are.
    """
    first = np.full((len(rows), NAMED), -1, dtype=np.int32)
    number = np.zeros(len(rows), dtype=np.int32)
    for i in range(len(starts) - 1):
        if askers[i] >= len(asking.starts) - 1:
            continue
        begin, end = asking.starts[askers[i]], asking.starts[askers[i] + 1]
        for at in range(starts[i], starts[i + 1]):
            if not asked[at]:
                continue
            one, other = begin, listed.starts[rows[at]]
            last = listed.starts[rows[at] + 1]
            while one < end and other < last:
                if asking.rows[one] < listed.rows[other]:
                    one += 1
                elif asking.rows[one] > listed.rows[other]:
                    other += 1
                else:
                    if number[at] < NAMED:
                        first[at, number[at]] = asking.rows[one]
                    number[at] += 1
                    one += 1
                    other += 1
    return first, number
