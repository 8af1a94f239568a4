"""Circles: with which of the asker's partners a row shares most of its own partners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.history import Ragged
from matching.shortlists import Starts
from models.compiled import compiled
from models.vocabulary import Rows


@compiled
def closest_partners(
    askers: Rows,
    partners: Ragged,
    starts: Starts,
    rows: Rows,
    met: Ragged,
    others: int,
    asked: npt.NDArray[np.bool_],
) -> tuple[Rows, Rows]:
    """The partner of each asker with whom a row has most in common, and how much.

    For every asker, those who have met one of its partners keep a chain of the partners they met;
    a row then follows the chains of those it has met itself. The work is what there is in common.

    Parameters
    ----------
    askers : int32 array of shape (m,)
        The asker is no third party: it does not count.
    partners : Ragged
        Partners of each asker, of the listed kind.
    starts : int64 array of shape (m + 1,)
    rows : int32 array of shape (n,)
        Asker ``i`` is given ``rows[starts[i]:starts[i + 1]]``.
    met : Ragged
        Those of the askers' kind that each of the listed kind has met, in order.
    others : int
        How many there are of the askers' kind.
    asked : bool array of shape (n,)
        Which pairs to look at.

    Returns
    -------
    closest : int32 array of shape (n,)
        Row of the partner; of several, the first. -1 where nothing is in common.
    number : int32 array of shape (n,)
        How many have worked with both.
    """
    closest = np.full(len(rows), -1, dtype=np.int32)
    number = np.zeros(len(rows), dtype=np.int32)
    heads = np.full(others, -1, dtype=np.int64)  # of each chain; -1 where it is empty
    for i in range(len(starts) - 1):
        own = partners.rows[partners.starts[i] : partners.starts[i + 1]]
        if len(own) == 0 or starts[i] == starts[i + 1]:
            continue
        length = 0
        for partner in own:
            length += met.starts[partner + 1] - met.starts[partner]
        following = np.empty(length, dtype=np.int64)
        whose = np.empty(length, dtype=np.int64)
        link = 0
        for j in range(len(own)):
            for other in met.rows[met.starts[own[j]] : met.starts[own[j] + 1]]:
                following[link], whose[link] = heads[other], j
                heads[other] = link
                link += 1
        seen = np.full(len(own), -1, dtype=np.int64)  # the row that counts are of
        counts = np.zeros(len(own), dtype=np.int64)
        for at in range(starts[i], starts[i + 1]):
            if not asked[at]:
                continue
            best, most = len(own), 0
            for other in met.rows[met.starts[rows[at]] : met.starts[rows[at] + 1]]:
                link = heads[other]
                if other == askers[i]:
                    continue
                while link >= 0:
                    j = whose[link]
                    link = following[link]
                    if own[j] == rows[at]:
                        continue
                    counts[j] = counts[j] + 1 if seen[j] == at else 1
                    seen[j] = at
                    if counts[j] > most or (counts[j] == most and j < best):
                        best, most = j, counts[j]
            if most > 0:
                closest[at], number[at] = own[best], most
        for partner in own:  # chains are undone one by one: an asker touches few of them
            for other in met.rows[met.starts[partner] : met.starts[partner + 1]]:
                heads[other] = -1
    return closest, number
