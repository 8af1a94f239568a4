"""Batch scoring: whole parts, resumed jobs, nothing mixed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from matching import Plaza
from matching.bundle import file_hash
from matching.errors import BadInput
from pipelines import score as module
from pipelines.score import SCHEMA, score

PER_PART = 5


@pytest.fixture(scope="module")
def whole(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists of a job that was never stopped."""
    out = tmp_path_factory.mktemp("whole")
    score(str(tiny_bundle), out, k=7, merchants_per_part=PER_PART)
    return out


def content(folder: Path) -> dict[str, str]:
    return {path.name: file_hash(path) for path in folder.iterdir()}


def again(bundle: Path, out: Path, **changed: object) -> dict[str, object]:
    return score(str(bundle), out, **{"k": 7, "merchants_per_part": PER_PART, **changed})  # type: ignore[arg-type]


def test_parts_hold_the_plazas_lists(whole: Path, plaza: Plaza) -> None:
    manifest = json.loads((whole / "manifest.json").read_text("utf-8"))
    parts = sorted(whole.glob("part-*.parquet"))
    assert [path.name for path in parts] == [part["name"] for part in manifest["parts"]]
    assert [file_hash(path) for path in parts] == [part["sha256"] for part in manifest["parts"]]
    assert all(pq.read_schema(path).equals(SCHEMA) for path in parts)
    written = pd.concat([pd.read_parquet(path) for path in parts], ignore_index=True)
    assert len(written) == manifest["rows"] == sum(part["rows"] for part in manifest["parts"])
    assert manifest["merchants"] == len(plaza.merchant_ids) == written["merchant_id"].nunique()
    assert manifest["bundle"] == plaza.bundle_hash
    assert manifest["synthetic"] is True
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


def test_varied_lists_are_the_plazas_too(tiny_bundle: Path, plaza: Plaza, tmp_path: Path) -> None:
    manifest = score(str(tiny_bundle), tmp_path, k=7, variety=0.5, objective="match")
    assert manifest["parameters"]["variety"] == 0.5
    written = pd.read_parquet(tmp_path / "part-00000.parquet")
    ids = plaza.merchant_ids.tolist()
    lists = plaza.creators_for(ids, k=7, variety=0.5, objective="match")
    assert written["creator_id"].tolist() == lists["creator_id"].tolist()
    assert written["score"].tolist() == lists["score"].tolist()


def test_unknown_numbers_are_null_not_nan(tiny_bundle: Path, tmp_path: Path) -> None:
    frame = Plaza.load(tiny_bundle).creators_for(["m00", "m01"], k=2)
    frame["expected_gmv"] = float("nan")
    module._write_part(tmp_path / "part-00000.parquet", frame, merchants=2)
    column = pq.read_table(tmp_path / "part-00000.parquet")["expected_gmv"]
    assert column.null_count == len(frame)


def test_a_finished_job_is_not_done_again(whole: Path, tiny_bundle: Path) -> None:
    before = {path.name: path.stat().st_ino for path in whole.glob("part-*")}
    again(tiny_bundle, whole)
    assert before == {path.name: path.stat().st_ino for path in whole.glob("part-*")}


def test_a_stopped_job_goes_on_where_it_was(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(tiny_bundle, out, progress=stop)
    assert not (out / "manifest.json").exists()
    finished = {path.name: path.stat().st_ino for path in out.glob("part-*")}
    assert len(finished) == 2
    again(tiny_bundle, out)
    assert content(out) == content(whole)
    kept = {name: (out / name).stat().st_ino for name in finished}
    assert kept == finished


@pytest.mark.parametrize("moment", ["between parts", "within a part", "before the record"])
def test_a_killed_job_leaves_the_same_bytes(
    moment: str, whole: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job = f"""
import os, signal
from pathlib import Path
from pipelines import score as module
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
moment = {moment!r}
write, record = module.pq.write_table, module._write_json
def half(table, path, **how):
    write(table, path, **how)
    if moment == "within a part" and "00002" in str(path):
        os.truncate(path, 1000)
        die()
def note(path, value):
    if moment == "before the record" and len(value["parts"]) == 2:
        die()
    record(path, value)
module.pq.write_table, module._write_json = half, note
told = lambda done, of: die() if moment == "between parts" and done == 2 else None
module.score({str(tiny_bundle)!r}, Path({str(out)!r}), k=7, merchants_per_part={PER_PART},
             progress=told)
"""
    done = subprocess.run([sys.executable, "-c", job], check=False)
    assert done.returncode == -signal.SIGKILL
    # What a reader sees at this moment is whole.
    for path in out.glob("part-*"):
        assert file_hash(path) == file_hash(whole / path.name)
    assert not (out / "manifest.json").exists()
    again(tiny_bundle, out)
    assert content(out) == content(whole)


def test_a_damaged_part_is_written_again(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    (out / "part-00001.parquet").write_bytes(b"damaged")
    (out / "part-00003.parquet").unlink()
    again(tiny_bundle, out)
    assert content(out) == content(whole)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"k": 8}, r"holds lists of another job \(parameters k: 7, .*this one k: 8"),
        ({"objective": "match"}, "holds lists of another job .*objective: match"),
        ({"variety": 0.3}, "holds lists of another job .*variety: 0.0, .*this one .*variety: 0.3"),
        ({"k": 0}, "k: got 0, expected 1 or more"),
        ({"variety": 2}, "variety: got 2, expected a number from 0"),
    ],
)
def test_jobs_are_not_mixed(
    changed: dict[str, object], complaint: str, whole: Path, tiny_bundle: Path
) -> None:
    with pytest.raises(BadInput, match=complaint):
        again(tiny_bundle, whole, **changed)


def test_bundles_are_not_mixed(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    record = json.loads((out / "manifest.json").read_text("utf-8"))
    (out / "manifest.json").write_text(json.dumps({**record, "bundle": "0" * 64}), "utf-8")
    with pytest.raises(BadInput, match=r"another job \(bundle 000000000000…, this one"):
        again(tiny_bundle, out)


def test_parts_of_nobody_are_left_alone(whole: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    shutil.copy(whole / "part-00000.parquet", tmp_path)
    with pytest.raises(BadInput, match="holds parts of an unknown job; name another folder"):
        again(tiny_bundle, tmp_path)
    (tmp_path / "manifest.json").write_text("[]", "utf-8")
    with pytest.raises(BadInput, match=r"manifest\.json: not a record of scoring"):
        again(tiny_bundle, tmp_path)


def test_two_jobs_do_not_share_a_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with pytest.raises(BadInput, match="another job is writing here; wait for it to end"):
        again(tiny_bundle, tmp_path)
    os.close(folder)
