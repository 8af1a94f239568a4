"""Batch scoring: whole parts, resumed jobs, nothing mixed, the same for any number of workers."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_info

from matching import Plaza
from matching.batches import SCHEMA
from matching.bundle import file_hash
from matching.errors import BadInput
from pipelines import cli, local_score, parts
from pipelines import score as module
from pipelines.local_score import blocks_of, rank_parts
from pipelines.score import score
from pipelines.score_record import Job, job_folder
from tests.score_folders import PER_PART, again, content, places


@pytest.fixture(scope="module")
def whole(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists of a job that was never stopped."""
    out = tmp_path_factory.mktemp("whole")
    again(tiny_bundle, out)
    return out


def test_parts_hold_the_plazas_lists(whole: Path, plaza: Plaza) -> None:
    manifest = json.loads((whole / "manifest.json").read_text("utf-8"))
    found = sorted(whole.glob("part-*.parquet"))
    assert [path.name for path in found] == [part["name"] for part in manifest["parts"]]
    assert [file_hash(path) for path in found] == [part["sha256"] for part in manifest["parts"]]
    assert all(pq.read_schema(path).equals(SCHEMA) for path in found)
    written = pd.concat([pd.read_parquet(path) for path in found], ignore_index=True)
    assert len(written) == manifest["rows"] == sum(part["rows"] for part in manifest["parts"])
    assert manifest["merchants"] == len(plaza.merchant_ids) == written["merchant_id"].nunique()
    assert manifest["bundle"] == plaza.bundle_hash
    assert manifest["synthetic"] is True
    assert manifest["since"] is None
    assert manifest["parameters"] == {
        "k": 7,
        "objective": plaza.default_objective,
        "variety": 0.0,
        "merchants_per_part": PER_PART,
    }
    one = plaza.creators_for(plaza.merchant_ids[3], k=7)
    mine = written[written["merchant_id"] == plaza.merchant_ids[3]].reset_index(drop=True)
    assert mine["creator_id"].tolist() == one["creator_id"].tolist()
    assert mine["score"].tolist() == one["score"].tolist()
    assert [list(some) for some in mine["reasons"]] == one["reasons"].tolist()


def test_a_finished_folder_holds_nothing_else(whole: Path) -> None:
    names = sorted(path.name for path in whole.iterdir())
    assert names == [
        "fingerprints.arrow",
        "manifest.json",
        *(f"part-0000{n}.parquet" for n in range(5)),
    ]


def test_who_reads_all_parquet_files_reads_lists_alone(whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text("utf-8"))
    found = list(whole.glob("*.parquet"))
    assert sum(pq.read_metadata(path).num_rows for path in found) == manifest["rows"]
    assert all(pq.read_schema(path).equals(SCHEMA) for path in found)


def test_varied_lists_are_the_plazas_too(tiny_bundle: Path, plaza: Plaza, tmp_path: Path) -> None:
    manifest = score(str(tiny_bundle), tmp_path, k=7, variety=0.5, objective="match")
    assert manifest["parameters"]["variety"] == 0.5
    written = pd.read_parquet(tmp_path / "part-00000.parquet")
    ids = plaza.merchant_ids.tolist()
    lists = plaza.creators_for(ids, k=7, variety=0.5, objective="match")
    assert written["creator_id"].tolist() == lists["creator_id"].tolist()
    assert written["score"].tolist() == lists["score"].tolist()


@pytest.mark.parametrize("workers", [1, 3])
def test_neither_workers_nor_blocks_show(
    workers: int, whole: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_score, "MERCHANTS_PER_BLOCK", workers)
    again(tiny_bundle, tmp_path, workers=workers)
    assert content(tmp_path) == content(whole)


def test_blocks_weigh_what_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"m{n}" for n in range(20)]

    def sizes(k: int, **weight: int) -> list[int]:
        blocks = list(blocks_of(ids, k, **weight))
        assert [one for block in blocks for one in block] == ids
        return [len(block) for block in blocks]

    assert sizes(50) == [20]
    assert sizes(50, weight=8 * 50 * local_score.ROW_BYTES) == [8, 8, 4]
    assert sizes(25, weight=8 * 50 * local_score.ROW_BYTES) == [16, 4]
    assert sizes(10**9) == [1] * 20
    monkeypatch.setattr(local_score, "MERCHANTS_PER_BLOCK", 7)
    assert sizes(50) == [7, 7, 6]


def test_more_workers_make_smaller_blocks(
    plaza: Plaza, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_score, "UNDER_WAY_BYTES", 3 * PER_PART * 7 * local_score.ROW_BYTES)
    for workers, blocks in ((2, 5), (5, 14)):
        watched = Watched(plaza)
        with job_folder(tmp_path / str(workers), job_of(plaza)) as folder:
            rank_parts(watched, folder, workers=workers)  # type: ignore[arg-type]
        assert watched.asked == blocks


def job_of(plaza: Plaza, **changed: int) -> Job:
    parameters: dict[str, Any] = {
        "k": 7,
        "objective": plaza.default_objective,
        "variety": 0.0,
        "merchants_per_part": PER_PART,
    }
    return Job(
        bundle=plaza.bundle_hash,
        parameters=parameters | changed,
        everyone=plaza.merchant_ids,
        fingerprints=plaza.merchant_fingerprints,
        synthetic=True,
    )


class Watched:
    """A plaza that counts who asks it at once, and what is asked but not yet written."""

    def __init__(self, plaza: Plaza) -> None:
        self._plaza = plaza
        self._lock = threading.Lock()
        self._asking = 0
        self.at_once = self.ahead = self.asked = self.written = 0
        self.threads: dict[str, set[int]] = {"blas": set(), "openmp": set()}

    def score(self, ids: list[str], **asked: Any) -> Any:
        with self._lock:
            self._asking += 1
            self.asked += 1
            self.at_once = max(self.at_once, self._asking)
            self.ahead = max(self.ahead, self.asked - self.written)
            for pool in threadpool_info():
                self.threads[pool["user_api"]].add(pool["num_threads"])
        batch = self._plaza.score(ids, **asked)
        with self._lock:
            self._asking -= 1
        return batch

    def told(self, _: int) -> None:
        with self._lock:
            self.written += 1


def test_few_blocks_are_under_way_each_on_one_thread(
    plaza: Plaza, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_score, "MERCHANTS_PER_BLOCK", 1)
    watched = Watched(plaza)
    with job_folder(tmp_path, job_of(plaza)) as folder:
        rank_parts(watched, folder, workers=2, told=watched.told)  # type: ignore[arg-type]
    assert watched.asked == watched.written == len(plaza.merchant_ids)
    assert watched.at_once <= 2
    # Four wait or are worked on, and one is in the writer's hands.
    assert watched.ahead <= 5
    assert watched.threads == {"blas": {1}, "openmp": {1}}


def test_progress_counts_merchants(tiny_bundle: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    again(tiny_bundle, tmp_path, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(done, 24) for done in (0, 5, 10, 15, 20, 24)]
    seen.clear()
    (tmp_path / "part-00001.parquet").unlink()
    again(tiny_bundle, tmp_path, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(19, 24), (24, 24)]


def test_a_finished_job_is_not_done_again(whole: Path, tiny_bundle: Path) -> None:
    before = places(whole)
    again(tiny_bundle, whole)
    assert places(whole) == before


def stop_after(merchants: int) -> Callable[[int, int], None]:
    def stop(done: int, _: int) -> None:
        if done == merchants:
            raise KeyboardInterrupt

    return stop


def test_a_stopped_job_goes_on_where_it_was(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        again(tiny_bundle, tmp_path, progress=stop_after(15))
    names = sorted(path.name for path in tmp_path.iterdir())
    # The third part was ranked but not written; nothing half-written stays.
    assert names == [
        ".part-00000.json", ".part-00001.json", ".unfinished.json",
        "part-00000.parquet", "part-00001.parquet",
    ]  # fmt: skip
    finished = places(tmp_path)
    again(tiny_bundle, tmp_path)
    assert content(tmp_path) == content(whole)
    assert finished.items() <= places(tmp_path).items()


def test_any_set_of_finished_parts_will_do(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        again(tiny_bundle, tmp_path, progress=stop_after(24))
    for number in (0, 2):
        (tmp_path / parts.part_name(number)).unlink()
    parts.note_path(tmp_path / parts.part_name(3)).write_text("{", "utf-8")
    finished = {"part-00001.parquet": places(tmp_path)["part-00001.parquet"]}
    again(tiny_bundle, tmp_path)
    assert content(tmp_path) == content(whole)
    assert finished.items() <= places(tmp_path).items()


def test_a_damaged_part_is_written_again(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    (out / "part-00001.parquet").write_bytes(b"damaged")
    (out / "part-00003.parquet").unlink()
    (out / "fingerprints.arrow").unlink()
    again(tiny_bundle, out)
    assert content(out) == content(whole)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"k": 8}, r"holds lists of another job \(parameters k: 7, .*this one k: 8"),
        ({"objective": "match"}, "holds lists of another job .*objective: match"),
        ({"variety": 0.3}, "holds lists of another job .*variety: 0.0, .*this one .*variety: 0.3"),
        ({"k": 0}, "k: got 0, expected 1 or more"),
        ({"workers": 0}, "workers: got 0, expected 1 or more"),
        ({"merchants_per_part": 0}, "merchants_per_part: got 0, expected 1 or more"),
        ({"variety": 2}, "variety: got 2, expected a number from 0"),
        ({"engine": "abacus"}, "engine: got 'abacus', expected local or spark"),
    ],
)
def test_jobs_are_not_mixed(
    changed: dict[str, object], complaint: str, whole: Path, tiny_bundle: Path
) -> None:
    with pytest.raises(BadInput, match=complaint):
        again(tiny_bundle, whole, **changed)


@pytest.mark.parametrize("record", ["manifest.json", ".unfinished.json"])
def test_bundles_are_not_mixed(record: str, whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text("utf-8"))
    (tmp_path / record).write_text(json.dumps({**manifest, "bundle": "0" * 64}), "utf-8")
    with pytest.raises(BadInput, match=r"another job \(bundle 000000000000…, this one"):
        again(tiny_bundle, tmp_path)


def test_parts_of_nobody_are_left_alone(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    shutil.copy(whole / "part-00000.parquet", tmp_path)
    with pytest.raises(BadInput, match="holds parts of an unknown job; name another folder"):
        again(tiny_bundle, tmp_path)
    for odd in ("[]", "[1]", "{", '{"parameters": {}}', '{"parameters": 1, "parts": []}'):
        (tmp_path / "manifest.json").write_text(odd, "utf-8")
        with pytest.raises(BadInput, match=r"manifest\.json: not a record of scoring"):
            again(tiny_bundle, tmp_path)
    with pytest.raises(BadInput, match=r"manifest\.json: not a record of scoring"):
        again(tiny_bundle, tiny_bundle)


def test_two_jobs_do_not_share_a_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with pytest.raises(BadInput, match="another job is writing here; wait for it to end"):
        again(tiny_bundle, tmp_path)
    os.close(folder)


def test_a_job_is_not_finished_while_a_part_is_missing(plaza: Plaza, tmp_path: Path) -> None:
    # As when an engine's workers write to a disk of their own.
    with (
        job_folder(tmp_path, job_of(plaza)) as folder,
        pytest.raises(BadInput, match=r"part-00000\.parquet: is not there; every worker must"),
    ):
        folder.finish()
    assert not (tmp_path / "manifest.json").exists()


def test_a_file_is_no_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(BadInput, match="out: is a file; expected a folder for the parts"):
        again(tiny_bundle, tmp_path / "out")


def test_a_wrong_word_leaves_no_folder(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["score", str(tiny_bundle), "--out", str(out), "--objective"]
    assert cli.run([*command, "gmw"]) == 2
    assert capsys.readouterr().err == (
        "alliance: objective 'gmw' is not one of match, conversion, exposure, orders, gmv, net; "
        "did you mean 'gmv'?\n"
    )
    assert not out.exists()
    assert cli.run([*command, "match"]) == 0


@pytest.mark.parametrize(
    ("below", "told"),
    [
        ("file/x", "Not a directory; name another folder"),
        ("file/x/y", "Not a directory; name another folder"),
        ("x" * 300, "File name too long; name another folder"),
        (f"{'x' * 300}/y", "File name too long; name another folder"),
        ("pipe", "File exists; name another folder"),
    ],
)
def test_a_folder_that_cannot_be_made_is_told_with_a_remedy(
    below: str,
    told: str,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    out = tmp_path / below
    assert cli.run(["score", str(tiny_bundle), "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"alliance: {out}: {told}\n"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has such a folder")
def test_a_parent_that_cannot_be_made_is_told_with_a_remedy(tiny_bundle: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory; name another folder") as caught:
        again(tiny_bundle, Path("/proc/x/y"))
    assert caught.value.filename == "/proc/x/y"


@pytest.mark.parametrize(
    ("rows", "merchants", "told"),
    [
        (1, 1, "1 row for 1 merchant is in out"),
        (2, 1, "2 rows for 1 merchant are in out"),
        (0, 0, "0 rows for 0 merchants are in out"),
        (5000, 1000, "5,000 rows for 1,000 merchants are in out"),
    ],
)
def test_one_is_not_told_as_many(
    rows: int,
    merchants: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "score", lambda *_, **__: {"rows": rows, "merchants": merchants})
    assert cli.run(["score", "bundle", "--out", "out"]) == 0
    assert capsys.readouterr().out == told + "\n"


def test_the_help_shows_every_kind_of_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["score", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for example in (
        "alliance score artifacts/bundle --out artifacts/scores --k 50 --objective gmv",
        "alliance score artifacts/bundle --out artifacts/delta --since artifacts/scores",
        "--out /shared/scores --engine spark --master spark://HOST:7077",
    ):
        assert example in told


def test_a_full_disk_is_one_line_and_the_job_goes_on_later(
    whole: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write = pq.ParquetWriter.write_table
    room = iter([True, True])

    def fill(self: pq.ParquetWriter, table: object, **how: object) -> None:
        if not next(room, False):
            raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28]")
        write(self, table, **how)

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", fill)
        patch.setattr(module, "score", partial(score, merchants_per_part=PER_PART))
        assert cli.run(["score", str(tiny_bundle), "--out", "out", "-k", "7"]) == 2
    assert capsys.readouterr().err == (
        "alliance: out: No space left on device; "
        "make room; the same command then goes on where it stopped\n"
    )
    assert len(places(tmp_path / "out")) == 2
    assert not list((tmp_path / "out").glob("*.tmp"))
    again(tiny_bundle, tmp_path / "out")
    assert content(tmp_path / "out") == content(whole)


def test_ctrl_c_says_how_to_go_on(
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("pipelines.score.score", lambda *_, **__: stop_after(1)(1, 2))
    assert cli.run(["score", str(tiny_bundle), "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "alliance: stopped; the same command goes on where it was\n"
