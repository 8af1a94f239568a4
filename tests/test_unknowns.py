"""Who hides its numbers is guessed at by what it shows, and is shrunk less."""

from __future__ import annotations

import numpy as np
import pytest

from models.backfitting import fit_levels
from models.features import EntityFeatures
from models.pairs import Pairs
from models.unknowns import Unknowns, fill

N = 4_000


def test_unknown_cells_are_what_the_known_ones_make_likely() -> None:
    rng = np.random.default_rng(0)
    truth = rng.multivariate_normal([1.0, -2.0, 0.0], [[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]], N)
    unknown = np.zeros((N, 3), dtype=bool)
    unknown[:800, 1] = unknown[400:1200, 2] = True
    filled, unknowns = fill(np.where(unknown, 1e9, truth), unknown)
    assert (filled[~unknown] == truth[~unknown]).all()
    off = (filled - truth)[:400, 1]
    assert off.mean() == pytest.approx(0.0, abs=0.08)
    assert off.std() == pytest.approx(0.6, rel=0.1)  # what .8 in common leaves of 1
    alone = unknowns.doubt(np.array([0.0, 2.0, 0.0]))
    np.testing.assert_allclose(alone[:800], 4 * 0.36, rtol=0.15)
    assert (alone[800:] == 0.0).all()
    both = unknowns.doubt(np.array([5.0, 1.0, 1.0]))
    np.testing.assert_allclose(both[400:800], 0.36 + 1.0, rtol=0.15)
    np.testing.assert_allclose(both[800:1200], 1.0, rtol=0.15)


def test_all_may_be_unknown() -> None:
    values = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 3.5], [0.0, 0.0]])
    unknown = np.array([[False] * 2] * 3 + [[True] * 2])
    filled, unknowns = fill(values, unknown)
    np.testing.assert_allclose(filled[3], values[:3].mean(axis=0), rtol=1e-6)
    assert unknowns.doubt(np.ones(2))[3] > 0.0


def test_columns_are_found_among_others() -> None:
    one = Unknowns(2, ((np.array([1]), np.array([0]), np.array([[0.5]])),))
    moved = one.among(np.array([2]), 4)
    assert moved.doubt(np.array([9.0, 9.0, 2.0])).tolist() == [0.0, 2.0, 0.0, 0.0]


def test_features_without_gaps_leave_nothing_open() -> None:
    told = EntityFeatures.of(3, {"x": [1.0, 2.0, 4.0]})
    basis, _, unknowns = told.completed
    np.testing.assert_array_equal(basis, told.basis()[0])
    assert unknowns.open == ()


def test_hidden_numbers_are_shrunk_less() -> None:
    rng = np.random.default_rng(1)
    creators, each = 1_000, 6
    size = rng.normal(0, 1.0, creators)
    views = size + rng.normal(0, 0.5, creators)
    hides = rng.random(creators) < 0.2
    shown = np.where(hides, np.nan, size)
    reach = 0.8 * size + rng.normal(0, 0.2, creators)
    told = EntityFeatures(("size", "views"), np.column_stack([shown, views]))
    creator = np.repeat(np.arange(creators), each)
    rows = (np.zeros(len(creator)), creator, np.zeros(len(creator)))
    asked = Pairs(*(one.astype(np.int32) for one in rows), *np.full((2, len(creator)), np.nan))
    logs = reach[creator] + rng.normal(0, 0.6, len(creator))
    nobody = EntityFeatures((), np.empty((1, 0))), EntityFeatures((), np.empty((0, 0)))
    # Every other creator is still to come.
    seen = creator % 2 == 0
    model = fit_levels(asked.take(seen), logs[seen], np.ones(seen.sum()), (told, *nobody))
    table = model.tables[0]
    log, _ = model.predict(asked)
    off = (log - reach[creator])[::each]
    off -= off[~hides].mean()
    new = np.arange(creators) % 2 == 1
    for group in (hides & new, ~hides & new, hides & ~new, ~hides & ~new):
        assert table[:-1, 1][group].mean() == pytest.approx(np.square(off[group]).mean(), rel=0.35)
    # Not even its views are known of nobody.
    assert table[-1, 1] > table[:-1, 1][hides & new].mean() * 1.5
    assert table[-1, 1] == pytest.approx(reach.var(), rel=0.3)
