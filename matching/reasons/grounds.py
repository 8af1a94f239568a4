"""Grounds: what can be said of each row of a block, as numbers; words come later.

A ground is a row of whole numbers: its kind, then what a sentence of that kind needs to know. Many
rows of a block share a ground, so far fewer sentences are made than are told. Their order is that
in which people read them: past work, then the parts of the affinity, the strongest first, then how
a creator stands; :data:`AT_MOST` for a row.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from matching.shortlists import Starts
from models.compiled import compiled
from models.vocabulary import Rows

Vectors = npt.NDArray[np.float32]
Grounds = npt.NDArray[np.int32]

#: Grounds given at most for one row.
AT_MOST = 4

#: A part of the affinity is worth a reason from this share of all that speaks for a row.
WORTH_A_REASON = 0.1

#: Numbers of a ground.
WIDTH = 5

# Kinds, each with the numbers behind it. Names are rows or columns; -1 stands behind the last.
TOGETHER = 0  # entry of the history
CIRCLE = 1  # partner of the asker, number of others that have worked with both
AUDIENCE = 2  # segment, percent of the creator's audience
VIEWERS = 3
CATEGORY = 4  # up to three names
SOUGHT = 5  # number of partners
GIVEN = 6  # part
GIVEN_BY_PARTNERS = 7  # part
CONVERTS = 8  # percent of creators that convert less
EXPOSED = 9  # percent of creators that get fewer exposures
UNREMARKABLE = 10
NOTHING = 11
SAME_PARTNERS = 12  # up to three names, number
SAME_CATEGORIES = 13  # up to three names
SAME_AUDIENCE = 14  # segment, percent of the row's audience, percent of the asker's
CLOSE = 15

_KINDS = {
    "collaborative": CIRCLE,
    "audience": AUDIENCE,
    "co_audience": VIEWERS,
    "category": CATEGORY,
    "popularity": SOUGHT,
}


def kinds_of(parts: Iterable[str]) -> Rows:
    """What each part of the affinity is a ground of; one without a name of its own was given.

    Examples
    --------
    >>> kinds_of(["audience", "given:topic"]).tolist() == [AUDIENCE, GIVEN]
    True
    """
    return np.array([_KINDS.get(part, GIVEN) for part in parts], dtype=np.int32)


@compiled
def parts_worth_a_reason(
    contributions: Vectors, kinds: Rows
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """Parts worth a reason, the strongest first; being sought by others comes last.

    Parameters
    ----------
    contributions : float32 array of shape (n, number of parts)
        What each part adds to the affinity; NaN adds nothing.
    kinds : int32 array of shape (number of parts,)
        As :func:`kinds_of` gives them.

    Returns
    -------
    order : int8 array of shape (n, number of parts)
        Columns of ``contributions``; -1 behind the last.
    worth : bool array of shape (number of parts, n)
        The same, by part.
    """
    n, parts = contributions.shape
    order = np.full((n, parts), -1, dtype=np.int8)
    worth = np.zeros((parts, n), dtype=np.bool_)
    for at in range(n):
        least = 0.0
        for part in range(parts):
            if contributions[at, part] > 0:
                least += np.float64(contributions[at, part])
        least *= WORTH_A_REASON
        found = 0
        for part in range(parts):
            value = np.float64(contributions[at, part])
            if not (value > 0 and value >= least):
                continue
            worth[part, at] = True
            place = found
            while place > 0:  # moves up past whoever is weaker
                other = order[at, place - 1]
                weaker = contributions[at, other] < value
                if kinds[part] == SOUGHT or not (weaker or kinds[other] == SOUGHT):
                    break
                order[at, place] = other
                place -= 1
            order[at, place] = part
            found += 1
    return order, worth


@compiled
def chosen_grounds(
    starts: Starts,
    rows: Rows,
    order: npt.NDArray[np.int8],
    kinds: Rows,
    entries: Rows,
    circles: tuple[Rows, Rows],
    audiences: tuple[Rows, Rows],
    names: Rows,
    sought: Rows,
    outstanding: npt.NDArray[np.int8],
    has_partners: npt.NDArray[np.bool_],
    stranger: npt.NDArray[np.bool_],
) -> tuple[Starts, Grounds]:
    """Choose what is said of each row of a block.

    Parameters
    ----------
    starts : int64 array of shape (m + 1,)
    rows : int32 array of shape (n,)
        Asker ``i`` is given ``rows[starts[i]:starts[i + 1]]``.
    order : int8 array of shape (n, number of parts)
        As :func:`parts_worth_a_reason` gives it.
    kinds : int32 array of shape (number of parts,)
    entries : int32 array of shape (n,)
        Of the history; -1 for none.
    circles : int32 arrays of shape (n,)
        The closest partner, and the number of others that have worked with both.
    audiences : int32 arrays of shape (n,)
        Segment, -1 for none, and percent of the creator's audience.
    names : int32 array of shape (n, 3)
        Categories in common.
    sought : int32 array of shape (number of those that can be listed,)
        How many partners each has.
    outstanding : int8 array of shape (number of those that can be listed or 0, 2)
        Percent of creators that convert less, and that get fewer exposures; 0 for no word.
    has_partners, stranger : bool arrays of shape (m,)
        Whether an asker has any partners, and whether nobody knows it.

    Returns
    -------
    starts : int64 array of shape (n + 1,)
        Where the grounds of each row begin; each has at least one.
    grounds : int32 array of shape (number of grounds, 5)
    """
    found = np.full((AT_MOST * len(rows), WIDTH), -1, dtype=np.int32)
    ends = np.zeros(len(rows) + 1, dtype=np.int64)
    end = 0
    for i in range(len(starts) - 1):
        for at in range(starts[i], starts[i + 1]):
            row = rows[at]
            full = end + AT_MOST
            if entries[at] >= 0:
                found[end, 0], found[end, 1] = TOGETHER, entries[at]
                end += 1
            for place in range(len(kinds)):
                part = order[at, place]
                if part < 0 or end == full:
                    break
                kind = kinds[part]
                said, one, two, three = -1, -1, -1, -1
                if kind == CIRCLE and circles[1][at] > 0:
                    said, one, two = kind, circles[0][at], circles[1][at]
                elif kind == AUDIENCE and audiences[0][at] >= 0:
                    said, one, two = kind, audiences[0][at], audiences[1][at]
                elif kind == VIEWERS and has_partners[i]:
                    said = kind
                elif kind == CATEGORY and names[at, 0] >= 0:
                    said, one, two, three = kind, names[at, 0], names[at, 1], names[at, 2]
                elif kind == SOUGHT and sought[row] > 1:
                    said, one = kind, sought[row]
                elif kind == GIVEN and not stranger[i]:
                    said, one = kind, part
                elif kind == GIVEN and has_partners[i]:
                    # A stranger stands for its partners alone, or for nothing but an audience.
                    said, one = GIVEN_BY_PARTNERS, part
                if said >= 0:
                    found[end, 0], found[end, 1] = said, one
                    found[end, 2], found[end, 3] = two, three
                    end += 1
            if len(outstanding):
                for kind, standing in ((CONVERTS, 0), (EXPOSED, 1)):
                    if outstanding[row, standing] > 0 and end < full:
                        found[end, 0], found[end, 1] = kind, outstanding[row, standing]
                        end += 1
            if end == full - AT_MOST:
                found[end, 0] = UNREMARKABLE if sought[row] > 0 else NOTHING
                end += 1
            ends[at + 1] = end
    return ends, found[:end]
