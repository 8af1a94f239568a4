"""The Spark engine: the local engine's bytes, whoever is killed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from matching import Plaza
from matching.bundle import file_hash
from matching.errors import BadInput
from pipelines import spark as session_module
from pipelines import spark_score
from pipelines.cli import run
from pipelines.score import score
from pipelines.score_record import JobFolder
from pipelines.spark import check_spark, settled, spark_session
from pipelines.spark_parts import BundlePlace, Look, Wave
from tests.spark_cluster import cluster, kill, light_spark, until

LOCAL = "local[2,4]"


@pytest.fixture(scope="module", autouse=True)
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with light_spark(tmp_path_factory.mktemp("conf")):
        yield


@pytest.fixture(scope="module")
def whole(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the local engine leaves, a merchant a part."""
    out = tmp_path_factory.mktemp("local")
    score(str(tiny_bundle), out, k=5, merchants_per_part=1)
    return content(out)


def content(folder: Path) -> dict[str, str]:
    return {path.name: file_hash(path) for path in folder.iterdir()}


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def on_spark(bundle: Path, out: Path, master: str = LOCAL) -> None:
    score(str(bundle), out, k=5, merchants_per_part=1, engine="spark", master=master)


def test_what_is_missing_is_told_in_one_line(
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["score", str(tiny_bundle), "--out", str(tmp_path / "lists"), "--engine", "spark"]
    with monkeypatch.context() as patch:
        patch.setattr(session_module, "find_spec", lambda name: None)
        assert run(command) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "pyspark is not installed; run: pip install alliance-matching[spark]" in lines[0]

    with monkeypatch.context() as patch:
        patch.setattr(session_module.shutil, "which", lambda name: None)
        patch.setenv("JAVA_HOME", str(tmp_path))
        assert run(command) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no java is found; run: apt-get install openjdk-17-jre-headless" in lines[0]
    assert not (tmp_path / "lists").exists()


def test_a_master_must_be_one_that_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=rf"nobody answers at 127.0.0.1:{port} .*the master"):
            check_spark(f"spark://127.0.0.1:{port}")
        taken.listen()
        check_spark(f"spark://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "master",
    [
        "local", "local[*]", "local[2]", "local[2,4]", "local[*, 4]", "local-cluster[2, 1, 1024]",
        "spark://one:7077,two:7077", "spark://[::1]:7077,[::2]:7077", "yarn",
        "k8s://https://host:6443",
    ],
)  # fmt: skip
def test_every_form_of_a_master_will_do(master: str) -> None:
    check_spark(master)


@pytest.mark.parametrize(
    "master",
    [
        "foo", "", "Local", "local[", "local[0]", "local[2,0]", "local[two]", "local[2] ",
        "local-cluster[2]", "yarn-client", "k8s://", "host:7077", "spark://", "spark://host",
        "spark://host:x", "spark://host:0", "spark://host:65536", "spark://one:7077,two",
        "spark://one:7077/path", "http://host:7077",
    ],
)  # fmt: skip
def test_no_other_word_is_a_master(master: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_spark(master)
    assert str(caught.value) == (
        f"--master: got {master!r}, expected local, local[N], local[N,F], local[*], "
        "local-cluster[N,CORES,MB], spark://HOST:PORT, yarn or k8s://...; "
        "name one of these or leave it out"
    )


def test_a_wrong_master_is_told_before_anything_is_made(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lists"
    command = ["score", str(tiny_bundle), "--out", str(out), "--engine", "spark"]
    assert run([*command, "--master", "foo"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("alliance: --master: got 'foo', expected local, local[N], ")
    assert not out.exists()


def test_what_nobody_set_is_settled() -> None:
    from pyspark import SparkConf

    here = settled(SparkConf(loadDefaults=False), None)
    assert here.get("spark.master") == f"local[{os.cpu_count()},4]"
    assert here.get("spark.driver.bindAddress") == "127.0.0.1"
    given = SparkConf(loadDefaults=False).setMaster("yarn").set("spark.driver.host", "driver")
    assert settled(given, None).get("spark.master") == "yarn"
    assert given.get("spark.driver.bindAddress") is None
    local = settled(given, "spark://localhost:7077")
    assert local.get("spark.master") == "spark://localhost:7077"
    assert local.get("spark.driver.host") == "driver"


def test_a_bundle_brought_by_spark_is_found_where_spark_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark import SparkFiles

    monkeypatch.setattr(SparkFiles, "getRootDirectory", lambda: str(tmp_path))
    place = BundlePlace("/nowhere", "0" * 64, archive="bundle.tar")
    assert place.local() == tmp_path / "bundle.tar"


def test_only_spark_has_a_master(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="only --engine spark has a master"):
        score(str(tiny_bundle), tmp_path, master=LOCAL)
    with pytest.raises(BadInput, match="got 'sparc', expected local or spark"):
        score(str(tiny_bundle), tmp_path, engine="sparc")


def test_a_task_writes_its_part_and_tells_of_it(
    tiny_bundle: Path, plaza: Plaza, whole: dict[str, str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.touch()
    place = BundlePlace(str(tiny_bundle), plaza.bundle_hash)
    asked = {"k": 5, "objective": plaza.default_objective, "variety": 0.0}
    some = [(n, [plaza.merchant_ids[n]]) for n in (3, 7)]
    wave = Wave(place, str(tmp_path), token.name, asked, some)
    (told,) = wave.rank([pa.RecordBatch.from_pydict({"id": [1]})])
    (part,) = told.to_pylist()
    name = "part-00007.parquet"
    assert part == {"name": name, "merchants": 1, "rows": 5, "sha256": whole[name]}
    assert [path.name for path in parts(tmp_path)] == [name]
    assert file_hash(tmp_path / name) == whole[name]


def test_a_worker_says_what_it_does_not_see(
    tiny_bundle: Path, plaza: Plaza, tmp_path: Path
) -> None:
    one = [pa.RecordBatch.from_pydict({"id": [0]})]
    host = socket.gethostname()
    place = BundlePlace(str(tiny_bundle), plaza.bundle_hash)
    (answer,) = Look(place, str(tmp_path), "token").around(one)
    assert answer.to_pylist() == [{"host": host, "sees_out": False, "sees_bundle": True}]
    wave = Wave(place, str(tmp_path), "token", {"k": 5}, [(0, ["m00"])])
    with pytest.raises(BadInput, match=f"worker on {host} does not see this folder; name one"):
        list(wave.rank(one))

    (tmp_path / "token").touch()
    nowhere = replace(wave, bundle=BundlePlace(str(tmp_path), plaza.bundle_hash))
    assert not nowhere.bundle.seen()
    with pytest.raises(BadInput, match=f"worker on {host} sees no bundle here"):
        list(nowhere.rank(one))
    other = replace(wave, bundle=BundlePlace(str(tiny_bundle), "0" * 64))
    assert not other.bundle.seen()
    with pytest.raises(BadInput, match=r"another bundle here .*expected 000000000000"):
        list(other.rank(one))


def test_spark_writes_the_local_bytes_and_goes_on_after_a_killed_driver(
    tiny_bundle: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "lists"
    words = "from tests.test_spark import *; on_spark(Path(sys.argv[1]), Path(sys.argv[2]))"
    driver = subprocess.Popen(
        [sys.executable, "-c", words, str(tiny_bundle), str(out)],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: bool(parts(out)) or driver.poll() is not None)
    finally:
        kill(driver)
    there = {path.name: path.stat().st_mtime_ns for path in parts(out)}
    assert 0 < len(there) < len(whole) - 2
    assert not (out / "manifest.json").exists()

    told: list[int] = []
    score(
        str(tiny_bundle), out, k=5, merchants_per_part=1, engine="spark", master=LOCAL,
        progress=lambda done, of: told.append(done),
    )  # fmt: skip
    assert content(out) == whole
    assert told[0] >= len(there)
    assert told[-1] == len(whole) - 2
    assert {path.name: path.stat().st_mtime_ns for path in parts(out)}.items() >= there.items()
    # Once more, by whatever engine: nothing is left to do.
    on_spark(tiny_bundle, out)
    assert content(out) == whole


def test_a_worker_killed_in_the_middle_does_not_show(
    tiny_bundle: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "lists"
    with cluster(tmp_path, workers=2) as (address, workers), ThreadPoolExecutor(1) as pool:
        job = pool.submit(on_spark, tiny_bundle, out, address)
        until(lambda: bool(parts(out)) or job.done())
        kill(workers[0])
        left = len(whole) - 2 - len(parts(out))
        job.result()
    assert left > 0
    assert content(out) == whole


def test_a_bundle_nobody_sees_is_brought_to_the_workers(
    tiny_bundle: Path,
    whole: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle, brought = tmp_path / "bundle", tmp_path / "lists"
    shutil.copytree(tiny_bundle, bundle)
    ranking = spark_score.rank_parts

    def shipped(place: Path, folder: JobFolder, **options: Any) -> None:
        ranking(place, folder, ship=True, **options)

    monkeypatch.setattr(spark_score, "rank_parts", shipped)
    # A session that is there already is used, and stays.
    with spark_session("tests", LOCAL) as spark:
        on_spark(bundle, brought)
        assert any("bundle-" in one for one in spark.sparkContext.listArchives)
        assert spark.range(1).count() == 1

        # A folder that the workers do not see, and a task that fails for good.
        with monkeypatch.context() as patch:
            patch.setattr(
                spark_score, "_token", lambda out: nullcontext(out / "elsewhere" / "token")
            )
            with pytest.raises(BadInput, match="does not see this folder"):
                on_spark(bundle, tmp_path / "unseen")
        with monkeypatch.context() as patch:
            patch.setattr(
                spark_score, "run_tasks", lambda *_: spark.sql("SELECT raise_error('no')").collect()
            )
            with pytest.raises(BadInput, match=r"spark gave up: .*no"):
                on_spark(bundle, tmp_path / "failed")
    assert content(brought) == whole
