"""Why each row is in a list, in the words of who asks, each reason with its evidence.

Whole blocks at once: loops find out as numbers what can be said (:mod:`matching.reasons.grounds`),
and what many rows have in common is then put into words once (:mod:`matching.reasons.phrases`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from matching.history import Ragged
from matching.reasons import grounds
from matching.reasons.circles import closest_partners
from matching.reasons.evidence import Evidence
from matching.reasons.grounds import Grounds, chosen_grounds, kinds_of, parts_worth_a_reason
from matching.reasons.phrases import TO_CREATOR, TO_MERCHANT, Sentences, Words
from matching.reasons.shared import Usual, entries_between, shared_names, shared_segments
from matching.reasons.told import Told, distinct
from matching.shortlists import Starts
from models.compiled import settled
from models.vocabulary import Rows

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def for_merchants(
    evidence: Evidence,
    merchants: Rows,
    partners: Ragged,
    wanted: Vectors,
    starts: Starts,
    rows: Rows,
    contributions: Vectors,
    parts: Iterable[str],
) -> Told:
    """Reasons for each creator in the lists of some merchants.

    Parameters
    ----------
    merchants : int32 array of shape (m,)
        Row of each; the row after the last is one that nobody knows.
    partners : Ragged of m lists
        Creators that each works with, in order.
    wanted : float32 array of shape (m, number of segments)
        Shares of the audience asked for; NaN unknown.
    starts : int64 array of shape (m + 1,)
    rows : int32 array of shape (n,)
        Creators: merchant ``i`` is given ``rows[starts[i]:starts[i + 1]]``.
    contributions : float32 array of shape (n, number of parts)
        What each part adds to the affinity.
    parts : names of the parts, in order

    Returns
    -------
    Told
        Of n rows; one reason each, or more, up to :data:`~matching.reasons.grounds.AT_MOST`.
    """
    shares = settled(wanted, np.float32), evidence.shares
    usual = evidence.usually_wanted, evidence.usually_had
    block = merchants, partners, starts, rows
    return _told(evidence, TO_MERCHANT, block, (*shares, *usual), contributions, list(parts))


def for_creators(
    evidence: Evidence,
    creators: Rows,
    partners: Ragged,
    starts: Starts,
    rows: Rows,
    contributions: Vectors,
    parts: Iterable[str],
) -> Told:
    """Reasons for each merchant in the lists of some creators.

    As :func:`for_merchants`, mirrored; the audience is the one that each creator has.
    """
    has = np.full((len(creators), evidence.shares.shape[1]), np.nan, dtype=np.float32)
    known = creators < len(evidence.creators)
    has[known] = evidence.shares[creators[known]]
    shares = (
        settled(has, np.float32),
        evidence.wanted,
        evidence.usually_had,
        evidence.usually_wanted,
    )
    block = creators, partners, starts, rows
    return _told(evidence, TO_CREATOR, block, shares, contributions, list(parts))


def alike(evidence: Evidence, creator: int, others: Rows) -> Told:
    """Reasons why each of some creators resembles one.

    Parameters
    ----------
    creator : int
    others : int32 array of shape (n,)
    """
    asker = np.array([creator], dtype=np.int32)
    starts = np.array([0, len(others)], dtype=np.int64)
    rows = np.ascontiguousarray(others, dtype=np.int32)
    everyone = np.ones(len(rows), dtype=np.bool_)
    side, shares, had = evidence.side(False), evidence.shares, evidence.usually_had
    found = np.full((len(rows), 4, grounds.WIDTH), -1, dtype=np.int32)
    found[:, :, 0] = (
        grounds.SAME_PARTNERS,
        grounds.SAME_CATEGORIES,
        grounds.SAME_AUDIENCE,
        grounds.CLOSE,
    )
    found[:, 0, 1:4], found[:, 0, 4] = shared_names(
        asker, starts, rows, side.met, side.met, everyone
    )
    found[:, 1, 1:4], _ = shared_names(
        asker, starts, rows, side.categories, side.categories, everyone
    )
    own, beyond = settled(shares[asker], np.float32), had._replace(least=had.base)
    segments = shared_segments(starts, rows, everyone, own, shares, beyond, had)
    found[:, 2, 1:4] = np.stack(segments, axis=1)
    said = found[:, :, 1] >= 0
    said[:, 3] = ~said.any(axis=1)
    ends = np.concatenate([[0], np.cumsum(said.sum(axis=1))])
    return _spoken(ends, found[said], Sentences(evidence, TO_MERCHANT, []))


def _told(
    evidence: Evidence,
    words: Words,
    block: tuple[Rows, Ragged, Starts, Rows],
    shares: tuple[Vectors, Vectors, Usual, Usual],
    contributions: Vectors,
    parts: list[str],
) -> Told:
    """Past work first, then what the parts of the affinity say, then how a creator stands."""
    askers, partners, starts, rows = block
    listed = evidence.side(words.lists_merchants)
    asking = evidence.side(not words.lists_merchants)
    known = len(asking.sought)
    kinds = kinds_of(parts)
    order, worth = parts_worth_a_reason(contributions, kinds)

    def asked(kind: int) -> Mask:
        return np.asarray(worth[kinds == kind].any(axis=0))

    pairs = askers, starts, rows
    segment, theirs, own = shared_segments(starts, rows, asked(grounds.AUDIENCE), *shares)
    found = chosen_grounds(
        starts,
        rows,
        order,
        kinds,
        entries_between(*pairs, listed.met, listed.entries),
        closest_partners(askers, partners, starts, rows, listed.met, known, asked(grounds.CIRCLE)),
        (segment, own if words.lists_merchants else theirs),
        shared_names(*pairs, asking.categories, listed.categories, asked(grounds.CATEGORY))[0],
        listed.sought,
        evidence.outstanding[: 0 if words.lists_merchants else None],
        np.diff(partners.starts) > 0,
        askers >= known,
    )
    return _spoken(*found, Sentences(evidence, words, parts))


def _spoken(starts: Starts, found: Grounds, sentences: Sentences) -> Told:
    """Put each distinct ground into words, and each distinct sentence down once."""
    codes, first = distinct(found)
    numbers: dict[str, int] = {}
    spoken = [numbers.setdefault(one, len(numbers)) for one in sentences.of(found[first])]
    return Told(starts, np.array(spoken, dtype=np.int32)[codes], list(numbers))
