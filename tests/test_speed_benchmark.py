"""The speed benchmark tells what it measured: ratios of one run, beside what is asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

ROOT = Path(__file__).parent.parent
if str(ROOT / "benchmarks") not in sys.path:
    sys.path.append(str(ROOT / "benchmarks"))


def once(merchants: int, seconds: float, peak: float = 1e9) -> dict[str, float]:
    """Give what one process tells of a batch job."""
    return {
        "merchants": merchants,
        "seconds": seconds,
        "cpu_s": 2 * seconds,
        "opening_s": 1.0,
        "written_bytes": 10,
        "peak_bytes": peak,
    }


def asked_at_once(same: float = 1.0) -> dict[str, float]:
    return {"one_thread": 100.0, "eight_threads": 150.0, "same_answers": same}


def requests(same: float = 1.0) -> dict[str, Any]:
    """Give what the requests' process tells, with a way twice as slow as the one before."""
    names = [f"ours, {by}, k={k}" for by in ("match", "gmv") for k in (500, 20)]
    names += [f"{one}, k={k}, DataFrame" for one in ("floor", "first") for k in (500, 20)]
    names += ["floor, k=500", "first, k=500", "by hand, k=500"]
    ways = {
        name: {"p50": float(2**i), "p99": 3.0 * 2**i, "cpu": 2.0**i} for i, name in enumerate(names)
    }
    grown = {
        str(k): {way: ways["floor, k=500"] for way in ("ours", "floor", "first")} for k in (50, 500)
    }
    return {"creators": 200_000, "ways": ways, "at_once": asked_at_once(same), "growth": grown}


def test_ratio_is_the_median_of_the_rounds() -> None:
    from speed_jobs import Measured, Scene, as_results, of_results

    rounds = {
        "ours": [once(100, 2.0), once(100, 1.0), once(100, 4.0)],
        "floor": [once(100, 1.0), once(100, 1.0), once(100, 8.0)],
    }
    measured = Measured(Scene("large"), rounds)
    assert measured.rate("ours") == 50
    assert measured.ratio("floor") == 1  # of 1/2, 1 and 2
    assert np.isnan(measured.ratio("by_hand"))
    assert np.isnan(measured.rate("by_hand"))
    assert measured.median("ours", "cpu_s", "merchants") == 4 / 100
    (again,) = of_results(json.loads(json.dumps(as_results([measured]))))
    assert (again.scene.market, again.scene.width, again.rounds) == ("large", 128, rounds)


def test_table_shows_what_ours_is_of_theirs() -> None:
    from speed_jobs import Measured, Scene
    from speed_rows import (
        job_rows,
        markdown,
        matrix_rows,
        memory_rows,
        request_rows,
        row,
        search_rows,
        table,
    )

    rounds = {"ours": [once(100, 2.0)], "floor": [once(100, 1.6)], "by_hand": [once(10, 1.0)]}
    jobs = job_rows([Measured(Scene("large", width=None), rounds)])
    assert jobs[0]["what"].endswith(
        "20,000 merchants × 200,000 creators, d as trained, 200 each by match"
    )
    assert (jobs[0]["ours"], jobs[0]["floor"]) == ("50.0", "62.5 (0.80 ×)")
    assert jobs[0]["by hand"] == "10.0 (5.00 ×)"
    assert jobs[0]["asked"] == "≥ .9 × floor, ≥ 3 × others"
    assert jobs[2] | {"floor": "1.00"} == jobs[2]
    memory = memory_rows([{"merchants": 2000, "creators": 9, "peak": 700.0, "index_bytes": 2e8}])
    assert [one["ours"] for one in memory] == ["0.70", "0.50"]
    answers = request_rows(requests())
    assert answers[0]["ours"] == "1.00"
    assert answers[0]["floor"] == "16.0 (0.06 ×)"
    assert "by hand" not in answers[6]
    assert answers[-1]["what"].endswith("same answers")
    assert request_rows(requests(same=0.0))[-1]["what"].endswith("OTHER ANSWERS")
    ms = {"ours": [1.0, 2.0], "faiss Flat": [4.0, 8.0], "product, one thread": [3.0, 1.5]}
    told = {"title": "a search", "ms": ms, "notes": {"ours": "recall 1"}}
    searched, its_cpu = search_rows([told])
    assert searched["by hand"] == "4.00 (0.25 ×)"
    assert (its_cpu["floor"], its_cpu["by hand"]) == ("1.50 (1.33 ×)", "8.00 (0.25 ×)")
    costs = {"cpu_s": 2.0, "beyond_mb": 500.0}
    built = matrix_rows({"builder": costs, "pandas": {"cpu_s": 4.0, "beyond_mb": 5e6}}, 1000)
    assert built[1]["by hand"] == "5,000 (0.00 ×)"
    assert row("x", "s", {"ours": 0.0, "floor": 0.0})["floor"] == "0.00"
    shown = table([*jobs, searched])
    assert "RecTools ALS" not in shown
    lines = markdown(shown).splitlines()
    assert len(lines) == 2 + len(shown)
    assert {line.count(" | ") for line in lines} == {shown.shape[1] - 1}


def test_plots_of_whatever_there_is(tmp_path: Path) -> None:
    import speed_plots
    from speed_jobs import Measured, Scene

    assert speed_plots.save([], [], [], tmp_path) == []
    rounds = {"ours": [once(100, 2.0)], "floor": [once(100, 1.6)]}
    jobs = [Measured(Scene(name), rounds) for name in ("medium", "large")]
    memory = [
        {"merchants": n, "creators": 9, "peak": 700.0, "index_bytes": 2e8} for n in (2000, 20000)
    ]
    few = {**requests(), "creators": 30_000}
    paths = speed_plots.save(jobs, memory, [few, requests()], tmp_path)
    assert sorted(path.stem for path in paths) == [
        "job_by_creators",
        "memory_by_merchants",
        "request_by_candidates",
        "request_by_creators",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_turns_ask_every_way_for_the_same() -> None:
    from speed_requests import in_turn

    asked: dict[str, list[int]] = {"one": [], "other": []}
    found = in_turn({name: rows.append for name, rows in asked.items()}, [4, 5, 6])
    assert asked["one"] == asked["other"] == [4, 4, 5, 6]  # the first time nobody counts
    assert set(found) == {"one", "other"}
    assert 0 <= found["one"]["p50"] <= found["one"]["p99"]


def test_eight_threads_get_the_same_answers(tiny_bundle: Path) -> None:
    from speed_requests import at_once

    from matching import Plaza

    plaza = Plaza.load(tiny_bundle)
    told = at_once(plaza, [str(one) for one in plaza.merchant_ids[:8]], 10, "match")
    assert told["same_answers"] == 1
    assert told["one_thread"] > 0


def test_every_way_of_the_job_writes_every_list(tiny_bundle: Path, tmp_path: Path) -> None:
    from speed_kit import Kit
    from speed_process import measure

    Kit.of(tiny_bundle).save(tmp_path / "kit")
    job = {"bundle": str(tiny_bundle), "kit": str(tmp_path / "kit"), "k": 5, "out": str(tmp_path)}
    for way, merchants in (("ours", 24), ("floor", 24), ("by_hand", 10)):
        told = measure(
            {**job, "way": way, "objective": "match", "merchants": 10 if way == "by_hand" else None}
        )
        assert told["merchants"] == merchants
        assert told["written_bytes"] > 0
        assert told["seconds"] > 0
        assert told["opening_s"] > 0


def test_bench_environment_goes_both_ways_of_rectools(tiny_bundle: Path, tmp_path: Path) -> None:
    from speed_apart import RECTOOLS, apart, installed
    from speed_kit import Kit

    if not installed(RECTOOLS[0]):
        pytest.skip("no .venv-bench; run make bench-setup")
    Kit.of(tiny_bundle).save(tmp_path)
    job = {"bundle": "", "kit": str(tmp_path), "k": 5, "objective": "", "out": str(tmp_path)}
    for way in RECTOOLS:
        told = apart("speed_process.py", {**job, "way": way, "merchants": 6}, bench=True)
        assert told["merchants"] == 6
        assert told["written_bytes"] > 0


def test_failure_tells_the_last_words(tmp_path: Path) -> None:
    from speed_apart import apart

    with pytest.raises(SystemExit, match=r"speed_process.py failed on .*'way': 'none'"):
        apart("speed_process.py", {"way": "none", "out": str(tmp_path)})


def test_affinity_of_exactly_so_many_numbers_is_learnt_once(tmp_path: Path) -> None:
    import speed_market

    rng = np.random.default_rng(0)
    # Six circles that seldom meet others, so that every part has something to say.
    circle = np.arange(90) % 6 == np.arange(60)[:, None] % 6
    met = sparse.csr_matrix(rng.random((60, 90)) < np.where(circle, 0.5, 0.05), dtype=np.float32)
    affinity = speed_market.exactly(16, met, [], None, seed=0)
    assert affinity.creator_vectors_.shape == (90, 16)
    kept = [speed_market.Kept(tmp_path / "kept", 16, seed=0).fit(met, []) for _ in range(2)]
    for one in kept:
        np.testing.assert_array_equal(one.creator_vectors_, affinity.creator_vectors_)
    chance = sparse.csr_matrix(rng.random((60, 90)) < 0.2, dtype=np.float32)  # ALS says nothing
    with pytest.raises(ValueError, match=r"the affinity has \d+ numbers, not 32; name another"):
        speed_market.exactly(32, chance, [], None, seed=0)


def test_bundle_is_made_anew_only_where_it_cannot_be_read(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import speed_apart
    import speed_market

    (tmp_path / "small-market").symlink_to(tiny_folder, target_is_directory=True)
    given = speed_apart.prepared(tmp_path, "small", None)
    manifest = Path(given["bundle"]) / "manifest.json"
    first = manifest.read_bytes()
    made: list[str] = []
    write = speed_market.write_bundle
    monkeypatch.setattr(
        speed_apart,
        "write_bundle",
        lambda *a: made.append(a[1]) or write(*a),  # type: ignore[func-returns-value]
    )
    assert speed_apart.prepared(tmp_path, "small", None) == given
    assert made == []
    speed_apart.forget_bundles(tmp_path)
    assert not manifest.exists()
    speed_apart.prepared(tmp_path, "small", None)
    assert made == ["small"]
    assert manifest.read_bytes() == first
    assert len(pd.read_parquet(Path(given["bundle"]) / "creators.parquet")) == 150
