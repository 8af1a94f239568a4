"""Viewers a merchant reaches itself already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import beta

from matching import Plaza
from matching.incremental import with_incremental
from models import overlap as module
from models.overlap import Overlap
from models.vocabulary import Vocabulary
from tests.in_python import in_python
from training.entities import Entities
from training.market import Market
from training.overlap import viewer_overlap

NOBODY = np.full(2, -1, dtype=np.int32)

#: Two merchants, then three creators: the last of each is never watched.
MET = np.array(
    [
        [1, 0, 1, 0, 0],
        [1, 0, 1, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [1, 0, 0, 1, 0],
        [1, 0, 0, 0, 0],
    ]
)


def of(met: np.ndarray, n_merchants: int = 2, own: np.ndarray = NOBODY) -> Overlap:
    found = Overlap.of(csr_matrix(met), n_merchants, own)
    assert found is not None
    return found


def rows(*wanted: int) -> np.ndarray:
    return np.array(wanted, dtype=np.int32)


def test_shared_viewers_by_hand() -> None:
    found = of(MET)
    assert found.seen.tolist() == [4, 2, 0]
    assert (found.creators.tolist(), found.shared.tolist()) == ([0, 1], [2, 2])
    # Four of six viewers of creators, half a viewer believed in beforehand.
    assert found.usual[0] == pytest.approx(4.5 / 7)
    s, usual = found.strength, 4.5 / 7
    told = found.share(rows(0, 0), rows(0, 1))
    for place, (shared, seen) in enumerate([(2, 4), (2, 2)]):
        have, lack = s * usual + shared, s * (1 - usual) + seen - shared
        assert told.point[place] == pytest.approx(have / (have + lack))
        assert told.low[place] == pytest.approx(beta(have, lack).ppf(0.1))
        assert told.high[place] == pytest.approx(beta(have, lack).ppf(0.9))


def test_who_was_never_watched_is_unknown() -> None:
    told = of(MET).share(rows(1, 0, 0, 2, 0), rows(0, 2, 3, 0, -1))
    for ends in (told.point, told.low, told.high):
        assert np.isnan(ends).all()


def test_the_own_account_brings_nobody_new() -> None:
    """Creator 1 is merchant 1, whose other viewers nobody tells of: its account's are its own."""
    found = of(MET, own=rows(-1, 1))
    told = found.share(rows(1, 1), rows(1, 0))
    assert [one[0] for one in (told.point, told.low, told.high)] == [1.0, 1.0, 1.0]
    # One of the two who watch it watches creator 0 too; that it has all of its own says nothing.
    assert found.usual[1] == pytest.approx((1 + 0.5) / (4 + 1))
    assert told.low[1] < told.point[1] < told.high[1] < 1.0


def test_few_viewers_are_no_share() -> None:
    """One viewer of one says next to nothing, forty of forty much."""
    rng = np.random.default_rng(0)
    met = np.zeros((3_000, 102), dtype=np.int64)
    met[:, 0] = rng.random(3_000) < 0.1
    for creator in range(100):
        met[rng.choice(2_900, 100, replace=False), 2 + creator] = 1
    met[:, 100:] = 0
    met[2_900, [0, 100]] = 1
    met[2_901:2_941, 0] = met[2_901:2_941, 101] = 1
    told = of(met).share(rows(0, 0), rows(98, 99))
    assert told.point[0] < 0.2
    assert told.point[1] > 1.2 * told.point[0]
    assert (told.high - told.low)[0] > 0.0


@pytest.mark.parametrize("strength", [10.0, 100.0])
def test_how_much_creators_differ_is_learnt(strength: float) -> None:
    rng = np.random.default_rng(1)
    shares = rng.beta(0.2 * strength, 0.8 * strength, 300)
    met = np.zeros((300 * 60, 301), dtype=np.int64)
    for creator, share in enumerate(shares):
        mine = slice(60 * creator, 60 * creator + 60)
        met[mine, 1 + creator] = 1
        met[mine, 0] = rng.random(60) < share
    found = of(met, 1, rows(-1))
    assert strength / 3 < found.strength < strength * 3
    told = found.share(np.zeros(300, np.int32), np.arange(300, dtype=np.int32))
    raw = np.bincount(found.creators, found.shared, 300) / 60
    assert ((told.point - shares) ** 2).mean() < 0.9 * ((raw - shares) ** 2).mean()
    assert 0.7 < ((told.low <= shares) & (shares <= told.high)).mean() < 0.9


@given(st.integers(0, 2**32 - 1))
def test_blocks_count_as_one_matrix_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    met = rng.random((40, 12)) < 0.3
    found, whole = of(met, 5, np.full(5, -1, np.int32)), met[:, :5].T.astype(int) @ met[:, 5:]
    dense = np.zeros((5, 7), dtype=int)
    dense[np.repeat(np.arange(5), np.diff(found.starts)), found.creators] = found.shared
    np.testing.assert_array_equal(dense, whole)


def test_many_merchants_are_counted_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = of(MET)
    monkeypatch.setattr(module, "_BLOCK", 1)
    by_blocks = of(MET)
    for name, one in at_once.state().items():
        np.testing.assert_array_equal(one, by_blocks.state()[name], err_msg=name)


def test_state_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = of(MET, own=rows(-1, 1))
    again = Overlap.from_state(found.state())
    pairs = rows(0, 0, 1, 1, 2, 0), rows(0, 1, 0, 1, 0, 2)
    np.testing.assert_array_equal(found.share(*pairs).low, again.share(*pairs).low)
    compiled = found.share(*pairs).point
    in_python(module, monkeypatch)
    np.testing.assert_array_equal(found.share(*pairs).point, compiled)


def test_nobody_watched_is_no_overlap() -> None:
    assert Overlap.of(csr_matrix(np.zeros((3, 4))), 2, NOBODY) is None
    assert Overlap.of(csr_matrix(MET[:, [0, 1, 4, 4]]), 2, NOBODY) is None


def test_a_market_without_engagements_tells_none(tiny_market: Market) -> None:
    ids = Entities.of(tiny_market)
    tables = {k: v for k, v in tiny_market.tables.items() if k != "engagements"}
    assert viewer_overlap(replace(tiny_market, tables=tables), ids.merchants, ids.creators) is None


def test_machines_are_left_out_and_one_is_enough(tiny_market: Market) -> None:
    creators = [f"c{n}" for n in range(400)]
    machine = pd.DataFrame({"viewer_id": "v", "entity": "creator", "entity_id": creators})
    people = pd.DataFrame(
        {
            "viewer_id": ["b", "x", "y", *(f"a{n // 2}" for n in range(8))],
            "entity": ["creator", "creator", "merchant", *["creator", "merchant"] * 4],
            "entity_id": ["c1", "m1", "m1", *["c1", "m1"] * 4],
        }
    )
    tables = {"engagements": pd.concat([machine, people], ignore_index=True)}
    market = replace(tiny_market, tables=tables)
    found = viewer_overlap(market, Vocabulary.of(["m1", "m2"]), Vocabulary.of(creators, ["m1"]))
    assert found is not None
    account = len(creators)  # "m1" comes after every "c…"
    assert found.own.tolist() == [account, -1]
    assert found.seen[[1, account]].tolist() == [5, 1]
    assert found.seen.sum() == 6
    assert found.share(rows(0), rows(account)).low.tolist() == [1.0]


def test_an_overlap_of_the_market(tiny_market: Market) -> None:
    ids = Entities.of(tiny_market)
    found = viewer_overlap(tiny_market, ids.merchants, ids.creators)
    assert found is not None
    merchant, creator = (one.ravel().astype(np.int32) for one in np.indices((24, 150)))
    told = found.share(merchant, creator)
    known = np.isfinite(told.point)
    assert known.mean() > 0.5
    assert (told.low[known] > 0.0).all()
    assert (told.high[known] < 1.0).all()


def test_predictions_tell_what_is_incremental(plaza: Plaza, tiny_market: Market) -> None:
    pairs = pd.DataFrame({"merchant_id": plaza.merchant_ids[2], "creator_id": plaza.creator_ids})
    frame = plaza.predict(pairs)
    known = frame["reached_already"].notna()
    assert known.any()
    left = 1.0 - frame["reached_already"]
    for of, name in (
        ("expected_orders", "incremental_orders"),
        ("expected_gmv", "incremental_gmv"),
    ):
        np.testing.assert_allclose(frame[name], frame[of] * left)
        assert (frame[name] < frame[of])[known].all()
    ends = (frame[f"reached_already{end}"][known] for end in ("_low", "", "_high"))
    low, share, high = ends
    assert ((low <= share) & (share <= high)).all()
    ids = Entities.of(tiny_market)
    found = viewer_overlap(tiny_market, ids.merchants, ids.creators)
    assert found is not None
    told = found.share(np.full(len(pairs), 2, np.int32), np.arange(len(pairs), dtype=np.int32))
    np.testing.assert_array_equal(frame["reached_already"], told.point)


def test_without_viewers_nothing_incremental_is_known(plaza: Plaza) -> None:
    frame = plaza.predict(
        pd.DataFrame({"merchant_id": plaza.merchant_ids[:2], "creator_id": plaza.creator_ids[:2]})
    )
    blank = with_incremental(frame, plaza._desk.named(frame), None)
    assert blank[["reached_already", "incremental_gmv"]].isna().all(axis=None)
    assert frame["expected_gmv"].notna().all()
