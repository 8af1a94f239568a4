"""The floor of the speed benchmark gives right answers, or beating it would mean nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from floor import Floor
    from speed_kit import Kit

BENCHMARKS = str(Path(__file__).parent.parent / "benchmarks")
if BENCHMARKS not in sys.path:
    sys.path.append(BENCHMARKS)

K = 7


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Rows are few here: threads of scikit-learn would only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def kit(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    from speed_kit import Kit

    folder = tmp_path_factory.mktemp("kit")
    Kit.of(tiny_bundle).save(folder)
    return Kit.load(folder)


@pytest.fixture(scope="module")
def floor(kit: Kit) -> Floor:
    from floor import Floor

    return Floor(kit)


def test_kit_holds_what_the_bundle_holds(kit: Kit, tiny_bundle: Path) -> None:
    from speed_kit import FEATURES, LESSONS, NUMBERS

    from matching import Plaza
    from matching.frames import PREDICTED

    plaza = Plaza.load(tiny_bundle)
    # The floor has no p10 to p90 and no net: the columns that every list begins with.
    assert ["score", *PREDICTED][: len(NUMBERS)] == NUMBERS
    assert len(FEATURES) == 40
    assert kit.merchant_ids.tolist() == plaza.merchant_ids.tolist()
    assert kit.creator_ids.tolist() == plaza.creator_ids.tolist()
    given, converted = kit.lessons()
    assert given.shape == (LESSONS, 40)
    assert np.isfinite(given).all()
    assert 0 < converted.mean() < 1


@pytest.mark.parametrize("compiled", [True, False])
def test_sieve_keeps_the_best(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import floor_search

    if not compiled:
        for name in ("cut", "sift", "sift_all"):
            monkeypatch.setattr(floor_search, name, getattr(floor_search, name).py_func)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 5)).astype(np.float32)
    queries = rng.normal(size=(3, 5)).astype(np.float32)
    monkeypatch.setattr(floor_search, "DOWN", 70)
    monkeypatch.setattr(floor_search, "ACROSS", 2)
    rows, scores = floor_search.nearest_of_all(vectors, queries, K)
    for query, found, told in zip(queries, rows, scores, strict=True):
        true = vectors @ query
        assert set(found) == set(np.argsort(-true)[:K])
        assert told == pytest.approx(true[found], rel=1e-5)


@pytest.mark.parametrize("name", ["Bytes", "Halves"])
def test_one_query_finds_the_nearest(name: str) -> None:
    import floor_search

    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(2000, 16)).astype(np.float32)
    vectors[:, 0] = 0  # a column that says nothing has no scale
    search = getattr(floor_search, name)(vectors)
    for query in rng.normal(size=(5, 16)).astype(np.float32):
        rows, scores = search.nearest(query, 20)
        true = vectors @ query
        assert len(set(rows) & set(np.argsort(-true)[:20])) >= 19
        assert scores == pytest.approx(true[rows], rel=2e-3, abs=2e-3)


def test_scan_in_python_is_the_product() -> None:
    from floor_search import scan

    codes = np.array([[1, -2], [3, 4], [0, 127]], dtype=np.int8)
    query = np.array([300, -7], dtype=np.int16)
    found = np.empty(3, dtype=np.int32)
    scan.py_func(codes, query, found)
    assert found.tolist() == [314, 872, -889]


def test_flat_trees_say_what_scikit_learn_says(kit: Kit, floor: Floor) -> None:
    from floor_trees import walk

    given, _ = kit.lessons()
    given = given[:300]
    classifier, regressor = kit.boosted()
    sums = np.empty((2, len(given)), np.float32)
    for start, tree, told in zip(floor.starts, floor.trees, sums, strict=True):
        told[:] = start
        walk(given, *tree, told)
    assert 1 / (1 + np.exp(-sums[0])) == pytest.approx(
        classifier.predict_proba(given)[:, 1], rel=1e-4
    )
    assert sums[1] == pytest.approx(regressor.predict(given), rel=1e-4)
    few = np.full(2, floor.starts[1], np.float32)
    walk.py_func(given[:2], *floor.trees[1], few)
    assert few == pytest.approx(sums[1, :2], rel=1e-5)


def test_floor_first_floor_and_hand_give_the_same_list(kit: Kit, floor: Floor) -> None:
    from floor import Floor
    from speed_by_hand import ByHand

    merchant = 5
    lists = [
        floor.one_frame(merchant, 20),
        Floor(kit, first=True).one_frame(merchant, 20),
        ByHand(kit).lists(np.array([merchant]), 20).drop(columns="merchant_id"),
    ]
    for other in lists[1:]:
        pd.testing.assert_frame_equal(
            lists[0], other.reset_index(drop=True), check_dtype=False, rtol=1e-3
        )
    affinity = kit.creator_vectors @ kit.merchant_vectors[merchant]
    nearest = kit.creator_ids[np.argsort(-affinity)[:20]]
    assert set(lists[0]["creator_id"]) == set(nearest)


def test_floor_job_writes_what_one_request_gives(kit: Kit, floor: Floor, tmp_path: Path) -> None:
    floor.job(np.arange(len(kit.merchant_ids), dtype=np.int32), K, tmp_path)
    written = pd.read_parquet(tmp_path / "part-00000.parquet")
    assert len(written) == K * len(kit.merchant_ids)
    for merchant in (0, 17):
        mine = written[written["merchant_id"] == kit.merchant_ids[merchant]]
        pd.testing.assert_frame_equal(
            mine.drop(columns="merchant_id").reset_index(drop=True),
            floor.one_frame(merchant, K),
            check_dtype=False,
            rtol=1e-4,
        )
