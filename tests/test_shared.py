"""What askers share with those they are given, against the same in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from matching.history import Ragged
from matching.reasons.circles import closest_partners
from matching.reasons.shared import Usual, entries_between, shared_names, shared_segments

RNG = np.random.default_rng(5)
MERCHANTS, CREATORS, SEGMENTS = 9, 14, 5

#: Who has worked with whom, merchants × creators.
MET = RNG.random((MERCHANTS, CREATORS)) < 0.35

#: Lists of eight merchants, one of them nobody's, one asked twice and one without a list.
ASKERS = np.array([0, 4, 8, 9, 2, 4, 3, 7], dtype=np.int32)
LISTS = [RNG.permutation(CREATORS)[:length] for length in (14, 5, 1, 14, 0, 9, 6, 3)]
STARTS, ROWS = Ragged.of(*LISTS)
ASKED = RNG.random(len(ROWS)) < 0.8


def ragged(matrix: np.ndarray) -> Ragged:
    return Ragged.of(*(np.flatnonzero(row) for row in matrix))


def pairs() -> list[tuple[int, int, int, int]]:
    """Place of each asker, asker, place of each row, row."""
    places = np.repeat(np.arange(len(ASKERS)), np.diff(STARTS))
    return [(i, ASKERS[i], at, ROWS[at]) for at, i in enumerate(places.tolist())]


@pytest.fixture(params=["compiled", "in Python"])
def form(request: pytest.FixtureRequest):
    return (lambda loop: loop) if request.param == "compiled" else (lambda loop: loop.py_func)


def test_the_entry_of_each_pair(form) -> None:
    met = ragged(MET.T)
    entries = RNG.permutation(len(met.rows)).astype(np.int32)
    found = form(entries_between)(ASKERS, STARTS, ROWS, met, entries)
    for _, merchant, at, creator in pairs():
        if merchant < MERCHANTS and MET[merchant, creator]:
            place = met.starts[creator] + met.one(creator).tolist().index(merchant)
            assert found[at] == entries[place]
        else:
            assert found[at] == -1


def test_names_in_common_three_at_most(form) -> None:
    asking, listed = RNG.random((MERCHANTS, 8)) < 0.7, RNG.random((CREATORS, 8)) < 0.7
    lists = ragged(asking), ragged(listed)
    first, number = form(shared_names)(ASKERS, STARTS, ROWS, *lists, ASKED)
    most = 0
    for _, merchant, at, creator in pairs():
        common = []
        if merchant < MERCHANTS and ASKED[at]:
            common = np.flatnonzero(asking[merchant] & listed[creator]).tolist()
        assert number[at] == len(common)
        assert first[at].tolist() == (common + [-1] * 3)[:3]
        most = max(most, len(common))
    assert most > 3


def test_the_segment_most_beyond_the_usual(form) -> None:
    asking = RNG.random((len(ASKERS), SEGMENTS)).astype(np.float32)
    listed = RNG.random((CREATORS, SEGMENTS)).astype(np.float32)
    asking[RNG.random(asking.shape) < 0.2] = np.nan
    listed[RNG.random(listed.shape) < 0.2] = np.nan
    mean = np.full(SEGMENTS, 0.4, dtype=np.float32)
    usual = Usual(mean, mean), Usual(mean, np.float32(1.2) * mean)
    found = form(shared_segments)(STARTS, ROWS, ASKED, asking, listed, *usual)
    for i, _, at, creator in pairs():
        own, theirs = asking[i], listed[creator]
        both = (own > mean) & (theirs >= np.float32(1.2) * mean) & ASKED[at]
        if not both.any():
            assert [one[at] for one in found] == [-1, 0, 0]
            continue
        best = np.argmax(np.where(both, (own - mean) * (theirs - mean), 0))
        assert found[0][at] == best
        assert f"{found[1][at]}%" == f"{float(theirs[best]):.0%}"
        assert f"{found[2][at]}%" == f"{float(own[best]):.0%}"
    assert (found[0] >= 0).any()
    assert (found[0][ASKED] < 0).any()


def test_halves_of_a_percent_are_rounded_as_they_are_written(form) -> None:
    shares = np.array([[0.125], [0.375], [0.005], [1.0]], dtype=np.float32)
    none = Usual(np.zeros(1, np.float32), np.zeros(1, np.float32))
    starts, rows = np.array([0, 4]), np.arange(4, dtype=np.int32)
    everyone = np.ones(4, dtype=bool)
    _, percent, _ = form(shared_segments)(starts, rows, everyone, shares[:1], shares, none, none)
    assert [f"{one}%" for one in percent] == [f"{float(one):.0%}" for one in shares.ravel()]


def test_the_closest_partner(form) -> None:
    """Against the product of the whole matrix; strangers may name any partners."""
    partners = ragged(MET).take(ASKERS)
    named = np.array([1, 3, 12])
    partners = Ragged.of(*(partners.one(i) if i != 3 else named for i in range(len(ASKERS))))
    found = form(closest_partners)(ASKERS, partners, STARTS, ROWS, ragged(MET.T), MERCHANTS, ASKED)
    for i, merchant, at, creator in pairs():
        others = MET[np.arange(MERCHANTS) != merchant].astype(int)
        own = partners.one(i)
        counts = np.where(own == creator, 0, others[:, own].T @ others[:, creator])
        if not ASKED[at] or not counts.any():
            assert [one[at] for one in found] == [-1, 0]
        else:
            assert found[0][at] == own[np.argmax(counts)]
            assert found[1][at] == counts.max()
    assert found[1].max() > 1


def test_those_without_partners_have_no_circle(form) -> None:
    none = Ragged.of(*[np.empty(0, dtype=np.int32)] * len(ASKERS))
    closest, number = form(closest_partners)(
        ASKERS, none, STARTS, ROWS, ragged(MET.T), MERCHANTS, ASKED
    )
    assert set(closest.tolist()) == {-1}
    assert not number.any()
