"""The retrieval benchmark: its protocol by hand, its adapters on a tiny matrix, its bookkeeping."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


class Told:
    """A method that says what it was told to say."""

    def __init__(self, scores: list[list[float]]) -> None:
        self.scores = np.array(scores, dtype=np.float32)

    def fit(self, history: sp.csr_matrix) -> None:
        pass

    def score(self, rows: np.ndarray) -> np.ndarray:
        return self.scores[rows]


def checkerboard(size: int = 24) -> sp.csr_matrix:
    """Even askers met even candidates, odd met odd; each misses the one of its own number."""
    board = (np.add.outer(np.arange(size), np.arange(size)) % 2 == 0).astype(np.float32)
    np.fill_diagonal(board, 0.0)
    return sp.csr_matrix(board)


# The protocol


def test_figures_are_those_of_lightgcn_by_hand(tmp_path: Path) -> None:
    split = module("retrieval_split")
    history = np.zeros((3, 60), dtype=np.float32)
    asked = np.zeros((3, 60), dtype=np.float32)
    history[0, 59] = 1  # the best score of asker 0, but met before
    asked[0, [0, 2, 50]] = 1  # found at ranks 1 and 3, and one beyond the list
    asked[2, 1] = 1  # found at rank 2; asker 1 does not ask
    one = split.Split(sp.csr_matrix(history), sp.csr_matrix(asked))
    scores = np.tile(-np.arange(60.0), (3, 1))
    scores[0, 59] = 100.0
    one.save(tmp_path)
    np.save(tmp_path / "lists-0.npy", split.lists(Told(scores.tolist()), one, 50))
    figures = module("retrieval_bench").figures([tmp_path], tmp_path)
    gain = 1 / np.log2(np.arange(2, 52))
    assert figures["askers"] == 2
    assert figures["R@20"] == pytest.approx((2 / 3 + 1) / 2)
    best = gain[0] + gain[1] + gain[2]
    assert figures["NDCG@20"] == pytest.approx(((gain[0] + gain[2]) / best + gain[1]) / 2)
    assert figures["MRR"] == pytest.approx((1 + 1 / 2) / 2)


def test_the_best_list_is_no_longer_than_k(tmp_path: Path) -> None:
    split = module("retrieval_split")
    asked = sp.csr_matrix(np.ones((1, 30), dtype=np.float32))
    one = split.Split(sp.csr_matrix((1, 30), dtype=np.float32), asked)
    one.save(tmp_path)
    np.save(tmp_path / "lists-0.npy", split.lists(Told([list(range(30))]), one, 50))
    figures = module("retrieval_bench").figures([tmp_path], tmp_path)
    assert figures["R@20"] == pytest.approx(20 / 30)
    assert figures["NDCG@20"] == pytest.approx(1.0)


def test_lists_leave_out_who_was_met_and_who_may_not_be_listed() -> None:
    split = module("retrieval_split")
    history = sp.csr_matrix(np.array([[1, 0, 0, 0, 0]], dtype=np.float32))
    asked = sp.csr_matrix(np.array([[0, 1, 0, 0, 0]], dtype=np.float32))
    told = Told([[9.0, 1.0, 5.0, 5.0, -np.inf]])
    assert split.lists(told, split.Split(history, asked), 5).tolist() == [[2, 3, 1, -1, -1]]
    among = split.Split(history, asked, np.array([0, 1, 3], dtype=np.int32))
    assert split.lists(told, among, 3).tolist() == [[3, 1, -1]]
    assert split.lists(told, among, 1).tolist() == [[3]]


def test_lists_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    split = module("retrieval_split")
    scores = np.random.default_rng(0).integers(0, 5, (7, 11)).astype(float)
    one = split.Split(
        sp.csr_matrix(np.eye(7, 11, dtype=np.float32)),
        sp.csr_matrix(np.eye(7, 11, 1, dtype=np.float32)),
    )
    whole = split.lists(Told(scores.tolist()), one, 4)
    monkeypatch.setattr(split, "CELLS_AT_ONCE", 22)
    np.testing.assert_array_equal(split.lists(Told(scores.tolist()), one, 4), whole)


def test_a_share_of_each_history_is_held_out_and_the_last_cell_stays() -> None:
    hold_out = module("retrieval_split").hold_out
    whole = sp.csr_matrix(np.tri(12, dtype=np.float32))  # asker i met i + 1 candidates
    one = hold_out(whole, share=0.2, seed=0)
    assert (one.history + one.asked != whole).nnz == 0
    assert one.history.multiply(one.asked).nnz == 0
    assert np.diff(one.asked.indptr).tolist() == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    assert (hold_out(whole, share=0.2, seed=0).asked != one.asked).nnz == 0
    assert (hold_out(whole, share=0.2, seed=1).asked != one.asked).nnz > 0
    assert hold_out(whole, share=1.0, seed=0).history.getnnz(axis=1).tolist() == [1] * 12


def test_a_split_comes_back_as_it_was_and_knows_itself(tmp_path: Path) -> None:
    split = module("retrieval_split")
    one = split.hold_out(checkerboard(), share=0.2, seed=0)
    one = replace(one, among=np.arange(5, dtype=np.int32))
    one.save(tmp_path)
    back = split.Split.load(tmp_path)
    assert (back.history != one.history).nnz == (back.asked != one.asked).nnz == 0
    assert back.among.tolist() == [0, 1, 2, 3, 4]
    assert back.fingerprint() == one.fingerprint()
    assert replace(one, among=None).fingerprint() != one.fingerprint()


# The adapters


def in_house() -> list[str]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        methods = module("retrieval_methods").METHODS
    finally:
        sys.path.remove(str(BENCHMARKS))
    return [name for name, entry in methods.items() if not (entry.bench or entry.market)]


@pytest.mark.parametrize("name", in_house())
def test_an_adapter_scores_all_candidates_and_the_likeliest_best(name: str) -> None:
    methods, split = module("retrieval_methods"), module("retrieval_split")
    entry = methods.METHODS[name]
    board = checkerboard()
    settings = entry.choices()[0] if entry.grid else entry.settings
    package, _, kind = entry.maker.partition(":")
    method = getattr(module(package), kind)(**settings)
    method.fit(board)
    scores = method.score(np.array([3, 0], dtype=np.int32))
    assert scores.shape == (2, 24)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    if name == "bpr":  # a sampler at its own rate learns little from so few cells
        return
    asked = split.Split(board, sp.csr_matrix(np.eye(24, dtype=np.float32)))
    first = split.lists(method, asked, 1).ravel()
    right = np.ones(24, bool) if name == "popularity" else first % 2 == np.arange(24) % 2
    assert right.all()


@pytest.mark.parametrize("maker", ["RecToolsAls", "LensKitAls"])
def test_rivals_learn_the_checkerboard_too(maker: str, tmp_path: Path) -> None:
    bench, split = module("retrieval_bench"), module("retrieval_split")
    if not bench.BENCH_READY.exists():
        pytest.skip("RecTools and LensKit are not installed; run make bench-setup")
    # One row and one column hold nothing: their vectors must not shift the others'.
    board = checkerboard(26).tolil()
    board[0] = 0
    board[:, 1] = 0
    held = np.eye(26, dtype=np.float32)
    held[:2] = 0
    split.Split(sp.csr_matrix(board), sp.csr_matrix(held)).save(tmp_path)
    job = {
        "maker": f"retrieval_rivals:{maker}",
        "settings": {"factors": 8, "regularization": 1.0, "alpha": 5.0, "iterations": 9},
        "splits": [str(tmp_path)],
        "market": False,
        "depth": 1,
        "out": str(tmp_path),
    }
    costs = bench.run_apart(job, bench.BENCH_PYTHON, 120)
    assert costs["fit_cpu_s"] > 0
    first = np.load(tmp_path / "lists-0.npy").ravel()
    np.testing.assert_array_equal(first % 2, np.arange(2, 26) % 2)


@pytest.mark.parametrize("asks", ["merchant", "creator"])
@pytest.mark.parametrize("kind", ["Served", "PlainCosine"])
def test_market_methods_rank_for_either_side(
    kind: str, asks: str, tiny_folder: Path, tmp_path: Path
) -> None:
    markets, split = module("retrieval_markets"), module("retrieval_split")
    (tmp_path / "market").symlink_to(tiny_folder)
    ids = {
        side: pd.read_parquet(tiny_folder / f"{side}s.parquet")[f"{side}_id"].sort_values().tolist()
        for side in ("merchant", "creator")
    }
    other = "creator" if asks == "merchant" else "merchant"
    told = {"asks": asks, "as_of": None, "askers": ids[asks], "candidates": ids[other]}
    (tmp_path / "ids.json").write_text(json.dumps(told))
    shape = len(ids[asks]), len(ids[other])
    among = np.arange(0, shape[1], 2, dtype=np.int32)
    one = split.Split(
        sp.csr_matrix(shape, dtype=np.float32), sp.csr_matrix(np.ones(shape, np.float32)), among
    )
    one.save(tmp_path)
    method = getattr(markets, kind)(folder=tmp_path)
    method.fit(one.history)
    lists = split.lists(method, one, 5)
    assert lists.shape == (shape[0], 5)
    assert np.isin(lists[lists >= 0], among).all()
    assert (lists[:, 0] >= 0).mean() > 0.9
    if kind == "Served":
        asker, first = ids[asks][3], ids[other][lists[3, 0]]
        if asks == "merchant":
            where = markets.Where(creator_ids=[ids["creator"][row] for row in among])
            frame = method.plaza.creators_for(asker, k=1, objective="match", where=where)
            assert frame["creator_id"].tolist() == [first]


# The bookkeeping


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[object]:
    split = module("retrieval_split")
    folders = [tmp_path / "board" / "0", tmp_path / "board" / "inner-0"]
    one = split.hold_out(checkerboard(), share=0.2, seed=0)
    one.save(folders[0])
    split.hold_out(one.history, share=0.2, seed=1).save(folders[1])
    return module("retrieval_sets").Prepared(
        name="board",
        note="own split",
        folders=folders[:1],
        inner=folders[1:],
        fingerprint="abc",
        cold=False,
        market=False,
        candidates=24,
    )


def test_a_result_is_measured_once_and_known_after_a_stop(
    prepared: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module_ = module("retrieval_bench")
    runs = []
    run_apart = module_.run_apart
    monkeypatch.setattr(module_, "run_apart", lambda *job: runs.append(job) or run_apart(*job))
    first = module_.Bench(module_.Results(tmp_path), limit=60).row("popularity", prepared)
    assert first["askers"] == 24
    assert 0 <= first["R@20"] <= 1
    assert first["peak_bytes"] >= first["fit_peak_bytes"] > 1e7
    assert first["cpu_s"] >= first["fit_cpu_s"] + first["rank_cpu_s"] > 0
    again = module_.Bench(module_.Results(tmp_path), limit=60).row("popularity", prepared)
    assert again == first
    assert len(runs) == 1
    other = module_.Results(tmp_path, forget=["popularity"])
    module_.Bench(other, limit=60).row("popularity", prepared)
    assert len(runs) == 2
    changed = replace(prepared, fingerprint="changed")  # type: ignore[type-var]
    module_.Bench(module_.Results(tmp_path), limit=60).row("popularity", changed)
    assert len(runs) == 3


def test_settings_are_chosen_on_the_inner_split_and_lent(
    prepared: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench_module, methods = module("retrieval_bench"), module("retrieval_methods")
    monkeypatch.setitem(
        methods.METHODS,
        "als-tuned",
        replace(methods.METHODS["als-tuned"], grid={"factors": (2, 4), "alpha": (5.0,)}),
    )
    asked = []

    def measure(method: str, entry: object, of: object, folders: list[Path]) -> dict[str, float]:
        asked.append((folders[0].name, dict(entry.settings)))  # type: ignore[attr-defined]
        return {"NDCG@20": 0.5} if entry.settings["factors"] == 4 else {"reason": "stopped"}  # type: ignore[attr-defined]

    bench = bench_module.Bench(bench_module.Results(tmp_path), limit=60)
    monkeypatch.setattr(bench, "measure", measure)
    assert bench.settings("lenskit-tuned", prepared) == {"factors": 4, "alpha": 5.0}
    assert asked == [
        ("inner-0", {"factors": 2, "alpha": 5.0}),
        ("inner-0", {"factors": 4, "alpha": 5.0}),
    ]
    gowalla = replace(prepared, name="gowalla")  # type: ignore[type-var]
    assert bench.settings("als-tuned", gowalla)["factors"] == 256
    assert bench.settings("quality", prepared) == {"quality": True}


@pytest.mark.parametrize(
    ("method", "change", "reason"),
    [
        ("served", {}, "needs a market, this is a matrix"),
        ("als", {"cold": True}, "cannot rank for who has no history"),
        ("ease", {"candidates": 40_981}, "40,981 candidates do not fit a dense matrix"),
        ("rectools", {}, "not installed; run make bench-setup"),
    ],
)
def test_a_method_that_cannot_run_says_why(
    method: str,
    change: dict[str, object],
    reason: str,
    prepared: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench_module = module("retrieval_bench")
    monkeypatch.setattr(bench_module, "BENCH_READY", tmp_path / "none")
    bench = bench_module.Bench(bench_module.Results(tmp_path), limit=60)
    of = replace(prepared, **change)  # type: ignore[type-var]
    assert bench.row(method, of)["reason"].startswith(reason)
    text = module("retrieval").table({("board", method): bench.row(method, of)})
    assert reason in text["note"].iloc[0]
    assert text["R@20"].tolist() == [""]


def test_a_process_that_fails_is_quoted_and_a_slow_one_stopped(tmp_path: Path) -> None:
    bench = module("retrieval_bench")
    job = {"maker": "nowhere:Nobody", "splits": [], "market": False, "out": str(tmp_path)}
    with pytest.raises(
        SystemExit, match=r"nowhere:Nobody failed:\n(.|\n)*No module named 'nowhere'"
    ):
        bench.run_apart(job, Path(sys.executable), 60)
    stopped = bench.run_apart(job, Path(sys.executable), 0.001)
    assert stopped == {"reason": "stopped after 0.001 s"}


def test_only_our_results_depend_on_our_code() -> None:
    bench, methods = module("retrieval_bench"), module("retrieval_methods").METHODS
    assert bench.code_of(methods["als"]) == ""
    assert len(bench.code_of(methods["default"])) == 16
    assert bench.code_of(methods["default"]) != bench.code_of(methods["served"])


def test_the_table_takes_ratios_against_implicits_defaults() -> None:
    retrieval = module("retrieval")

    def result(recall: float, cpu: float, **settings: object) -> dict[str, object]:
        return {
            "R@20": recall,
            "NDCG@20": 0.1,
            "MRR": 0.1,
            "fit_cpu_s": cpu,
            "rank_cpu_s": 1.0,
            "fit_peak_bytes": 2.5e8,
            "key": {"settings": settings},
        }

    rows = {
        ("lastfm", "als"): result(0.1, 10.0),
        ("lastfm", "ease"): result(0.15, 25.0, penalty=50.0),
        ("lastfm", "quality"): result(0.2, 5.0, quality=True),
        ("ml100k", "default"): result(0.2, 5.0),
    }
    text = retrieval.table(rows)
    assert text["R@20 ×"].tolist() == ["1.00", "1.50", "2.00", ""]
    assert text["CPU ×"].tolist() == ["1.00", "2.50", "0.50", ""]
    assert text["note"].tolist() == ["", "penalty 50", "", ""]
    assert text["peak GB"].iloc[0] == "0.25"


def test_the_table_for_a_readme_is_narrow() -> None:
    retrieval = module("retrieval")
    result = {"R@20": 0.1, "NDCG@20": 0.2, "MRR": 0.1, "fit_cpu_s": 2.0, "rank_cpu_s": 1.0}
    result |= {"fit_peak_bytes": 2.5e8}
    key = {"settings": {"factors": 256, "regularization": 100.0, "alpha": 40.0}}
    needs = {"reason": "needs a market, this is a matrix"}
    text = retrieval.table(
        {
            ("lastfm", "als"): {**result, "key": {"settings": {}}},
            ("lastfm", "als-tuned"): {**result, "R@20": 0.15, "key": key},
            ("lastfm", "cosine"): needs,
            ("lastfm", "served"): needs,
        }
    )
    assert retrieval.markdown(text).splitlines() == [
        "| set | method | R@20 | NDCG@20 | R@20 × implicit ALS | fit CPU s | peak GB | note |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
        "| lastfm | implicit ALS, its defaults | 0.1000 | 0.2000 | 1.00 | 2.0 | 0.25 |  |",
        "| lastfm | implicit ALS, tuned | 0.1500 | 0.2000 | 1.50 | 2.0 | 0.25 "
        "| factors 256, λ 100, α 40 |",
        "",
        "Not on lastfm: untrained cosine of given vectors; alliance, as served "
        "(needs a market, this is a matrix).",
    ]
    nothing = retrieval.markdown(text.iloc[2:])
    assert nothing.startswith("\nNot on lastfm: ")
    assert "|" not in nothing


# The sets


def gzipped(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    pd.Series(text.splitlines()).to_csv(path, index=False, header=False, sep="\x01")


def test_sets_are_read_and_cut(tmp_path: Path) -> None:
    sets, split = module("retrieval_sets"), module("retrieval_split")
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    users = [f"{user} " + " ".join(str(item) for item in range(10)) for user in range(4)]
    gzipped(data / "gowalla_m1" / "train.txt.gz", "\n".join(users))
    gzipped(data / "lastfm_user_artist" / "data1.txt.gz", "1\t1\t3.2e5\n1\t2\t7\n2\t2\t1")
    gzipped(data / "lastfm_user_artist" / "test1.txt.gz", "1\t3\t9\n2\t1\t2")
    films = "user\titem\trating\ttime\n7\t1\t5\t30\n7\t2\t1\t10\n7\t3\t4\t20\n8\t1\t3\t5"
    gzipped(data / "ml100k" / "ml-100k.inter.gz", films)

    gowalla = sets.prepare("gowalla", data, work)
    one = split.Split.load(gowalla.folders[0])
    assert one.history.getnnz(axis=1).tolist() == [8] * 4
    assert one.asked.getnnz(axis=1).tolist() == [2] * 4
    inner = split.Split.load(gowalla.inner[0])
    assert (inner.history + inner.asked != one.history).nnz == 0
    assert gowalla.note.startswith("own split")
    assert sets.prepare("gowalla", data, work).fingerprint == gowalla.fingerprint

    (tmp_path / "test.txt").write_text("0 10 12\n1 11\n2 10\n3\n")
    published = sets.prepare("gowalla", data, work, tmp_path / "test.txt")
    one = split.Split.load(published.folders[0])
    assert published.note == "published split"
    assert one.history.shape == (4, 13)
    assert one.asked.getnnz(axis=1).tolist() == [2, 1, 1, 0]
    assert one.rows.tolist() == [0, 1, 2]
    assert published.fingerprint != gowalla.fingerprint

    lastfm = split.Split.load(sets.prepare("lastfm", data, work).folders[0])
    assert lastfm.history.toarray()[1:, 1:].tolist() == [[1, 1, 0], [0, 1, 0]]
    assert lastfm.asked.toarray()[1:, 1:].tolist() == [[0, 0, 1], [1, 0, 0]]

    films_split = split.Split.load(sets.prepare("ml100k", data, work).folders[0])
    assert np.argwhere(films_split.asked.toarray()).tolist() == [[7, 1]]
    assert np.argwhere(films_split.history.toarray()).tolist() == [[7, 2], [7, 3], [8, 1]]

    with pytest.raises(
        FileNotFoundError, match=r"bmi_brand_creator is no folder; .*that holds bmi_"
    ):
        sets.prepare("bmi", data, work)


def test_the_command_prints_a_table_and_names_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users = [f"{user} " + " ".join(str(item) for item in range(10)) for user in range(4)]
    gzipped(tmp_path / "gowalla_m1" / "train.txt.gz", "\n".join(users))
    command = ["retrieval.py", str(tmp_path)]
    command += ["--methods", "popularity", "served", "--out", str(tmp_path / "out"), "--markdown"]
    monkeypatch.setattr(sys, "argv", command)
    module("retrieval").main()
    printed = capsys.readouterr().out
    assert "| gowalla | popularity | 1.0000 |" in printed
    assert "Not on gowalla: alliance, as served (needs a market, this is a matrix)." in printed
    assert "gowalla: own split" in printed
    assert f"left out, bmi: {tmp_path / 'bmi_brand_creator'} is no folder; " in printed


NO_BMI = r"/bmi_brand_creator is no folder; expected one with brands\.csv, .*; give the folder that"


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        (
            "retrieval",
            "nope",
            "error: gowalla: nope/gowalla_m1 is no folder; expected one with tra",
        ),
        ("retrieval", "there --sets lastfm bmi", f"error: bmi: there{NO_BMI} holds bmi_brand"),
        ("retrieval", "there --sets gowalla", r"gowalla: there/gowalla_m1 has no train\.txt\.gz; "),
        ("retrieval", "there --gowalla-test nope", "--gowalla-test: nope is no file; expected Go"),
        ("retrieval", "there --gowalla-test there/x", "but gowalla is not measured; add it to --"),
        ("retrieval", "there --limit -1", "--limit: got -1, expected a number above 0, such as 1"),
        ("retrieval", "there --limit nan", "--limit: got nan, expected a number above 0, such as"),
        ("retrieval", "there --limit soon", "--limit: got soon, expected a number above 0, such"),
        ("variety", "nope", "error: nope/instagram_kim2020 is no folder; expected one with posts"),
        ("fold_in", "nope", "error: nope/gowalla_m1 is no folder; .*; give the folder that holds"),
        (
            "fold_in",
            "nope --set ml100k",
            r"error: nope/ml100k is no folder; .* with ml-100k\.inter",
        ),
        (
            "instagram",
            "nope",
            r"error: nope is no folder; expected one with posts\.csv\.gz, .*; giv",
        ),
        ("instagram", "there", "error: there has no posts.*; give the data set's own folder"),
        ("instagram", "there --cuts 0.6 1", "got 1, expected a number above 0 and below 1, such"),
        ("bmi", "nope", r"error: nope is no folder; expected one with brands\.csv, .*; give the"),
        ("bmi", "nope --folds 1", "--folds: got 1, expected a whole number from 2 on"),
        ("bmi", "brands --folds 3", "--folds: got 3, expected 2 to 2, a brand each at most"),
        ("bmi", "nope --seed a", "--seed: got a, expected a whole number from 0 on"),
    ],
)
def test_a_slip_is_told_before_any_work(
    name: str,
    arguments: str,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there" / "lastfm_user_artist").mkdir(parents=True)
    for file in ("lastfm_user_artist/data1.txt.gz", "lastfm_user_artist/test1.txt.gz", "x"):
        (tmp_path / "there" / file).touch()
    (tmp_path / "there" / "gowalla_m1").mkdir()
    (tmp_path / "brands").mkdir()
    for file in module("bmi").FILES:
        (tmp_path / "brands" / file).touch()
    (tmp_path / "brands" / "pairs_train.csv").write_text(
        "brand_id,creator_id,endorsement_score\nb1,c1,1\nb2,c1,1\n"
    )
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments.split()])
    with pytest.raises(SystemExit) as stopped:
        module(name).main()
    told = capsys.readouterr()
    assert stopped.value.code == 2
    assert re.search(complaint, told.err.splitlines()[-1])
    assert told.out == ""


# Fold-in


@pytest.fixture
def communities() -> sp.csr_matrix:
    """Four groups of 20 merchants and 15 creators that mostly keep to themselves."""
    draw = np.random.default_rng(0)
    inside = np.kron(np.eye(4), np.ones((20, 15)))
    return sp.csr_matrix((draw.random(inside.shape) < 0.02 + 0.5 * inside).astype(np.float32))


@pytest.mark.parametrize("side", ["merchants", "creators"])
def test_fold_in_is_compared_on_those_the_fit_did_not_see(
    side: str, communities: sp.csr_matrix
) -> None:
    fold_in, split = module("fold_in"), module("retrieval_split")
    one = split.hold_out(communities, share=0.2, seed=0)
    seen = []

    class Watched(fold_in.CollaborativeFactors):  # type: ignore[misc, name-defined]
        def fit(self, interactions: sp.csr_matrix) -> Watched:
            seen.append(interactions.shape)
            super().fit(interactions)
            return self

    found = fold_in.compare(Watched, one, side)
    asking = len(one.rows) if side == "merchants" else np.count_nonzero(one.asked.getnnz(axis=0))
    kept = (80 - round(0.2 * asking), 60) if side == "merchants" else (80, 60 - round(0.2 * asking))
    assert seen == [(80, 60), kept]
    assert found["folded"] > 0.8 * found["retrained"] > 0.4
    assert found["retrain_cpu_s"] > 0
    assert found["fold_cpu_s"] > 0


def test_the_fold_in_command_prints_both_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fold_in, split = module("fold_in"), module("retrieval_split")
    cells = np.argwhere(np.random.default_rng(0).random((40, 30)) < 0.3)
    lines = ["\t".join(map(str, [*cell, 1])) for cell in cells]
    gzipped(tmp_path / "lastfm_user_artist" / "data1.txt.gz", "\n".join(lines[::2]))
    gzipped(tmp_path / "lastfm_user_artist" / "test1.txt.gz", "\n".join(lines[1::2]))

    def here(setting: str, side: str, folder: Path) -> dict[str, float]:
        found = fold_in.compare(fold_in.SETTINGS[setting], split.Split.load(folder), side)
        return dict(found)

    monkeypatch.setattr(fold_in, "measured", here)
    what = ["--set", "lastfm", "--settings", "default", "--sides", "merchants"]
    monkeypatch.setattr(sys, "argv", ["fold_in.py", str(tmp_path), *what])
    fold_in.main()
    printed = capsys.readouterr().out
    assert "lastfm: published split" in printed
    assert "R@20 folded in" in printed
    assert "default: one thread and two give the same bytes" in printed


def test_fold_in_measures_one_thing_in_a_process_of_its_own(
    communities: sp.csr_matrix,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fold_in = module("fold_in")
    module("retrieval_split").hold_out(communities, share=0.2, seed=0).save(tmp_path)
    command = ["fold_in.py", str(tmp_path), "--compare", "default", "merchants"]
    monkeypatch.setattr(sys, "argv", command)
    fold_in.main()
    assert set(json.loads(capsys.readouterr().out)) == {
        *("retrained", "folded", "retrain_cpu_s", "fold_cpu_s")
    }
    monkeypatch.setattr(sys, "argv", ["fold_in.py", str(tmp_path), "--bytes", "default"])
    fold_in.main()
    assert capsys.readouterr().out.strip() == fold_in.bytes_of("default", tmp_path)
