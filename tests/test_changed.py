"""Delta jobs: who is ranked again, what the manifest tells, and what cannot be compared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.ipc
import pytest

from matching.bundle import file_hash
from matching.errors import BadInput
from pipelines import cli
from pipelines.changed import FINGERPRINTS, changed_since
from tests.score_folders import PER_PART, again, content
from training.fit import train_market
from training.market import read_market

NEW, TOLD, GONE = "m99", "m05", "m07"


@pytest.fixture(scope="module")
def later_bundle(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny market some days on: one merchant has come, one is gone, one has news."""
    folder = tmp_path_factory.mktemp("later")
    for path in tiny_folder.glob("*.parquet"):
        rows = pd.read_parquet(path)
        if "merchant_id" in rows:
            rows = rows[rows["merchant_id"] != GONE]
        if "entity_id" in rows:
            products = pd.read_parquet(tiny_folder / "products.parquet")
            theirs = products.loc[products["merchant_id"] == GONE, "product_id"]
            rows = rows[~rows["entity_id"].isin([GONE, *theirs])]
        if path.stem == "promotions":
            more = rows[rows["merchant_id"] == TOLD].tail(2)
            more = pd.concat([more.assign(merchant_id=one) for one in (TOLD, NEW)])
            more["product_id"] = None
            more["promotion_id"] = [f"more {n}" for n in range(len(more))]
            rows = pd.concat(
                [rows, more.assign(session_id=None, occurred_at=rows["occurred_at"].max())]
            )
        rows.to_parquet(folder / path.name, index=False)
    train_market(read_market(folder), folder / "bundle")
    return folder / "bundle"


@pytest.fixture(scope="module")
def older(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("older")
    again(tiny_bundle, out)
    return out


@pytest.fixture(scope="module")
def newer(
    later_bundle: Path, older: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("newer")
    return out, again(later_bundle, out, since=older)


def lists(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("part-*"))])


def known(folder: Path) -> pd.DataFrame:
    with pyarrow.ipc.open_file(folder / FINGERPRINTS) as file:
        return file.read_all().to_pandas()


def test_only_who_changed_is_ranked(
    newer: tuple[Path, dict[str, Any]], older: Path, later_bundle: Path, tmp_path: Path
) -> None:
    out, manifest = newer
    found = lists(out)
    assert found["merchant_id"].unique().tolist() == [TOLD, NEW]
    again(later_bundle, tmp_path)
    everyone = lists(tmp_path)
    theirs = everyone[everyone["merchant_id"].isin([TOLD, NEW])]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), theirs.reset_index(drop=True))
    assert manifest == json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["since"] == file_hash(older / "manifest.json")
    assert (manifest["merchants"], manifest["rows"]) == (2, 14)
    delta = manifest["delta"]
    assert delta.pop("note").startswith("Only merchants that the market says something new of were")
    assert delta == {
        "bundle": json.loads((older / "manifest.json").read_text("utf-8"))["bundle"],
        "changed": 2,
        "unchanged": 22,
        "gone": [GONE],
    }


def test_what_is_known_of_everyone_is_carried_on(
    newer: tuple[Path, dict[str, Any]], later_bundle: Path, tmp_path: Path
) -> None:
    out, _ = newer
    table = known(out)
    assert len(table) == 24
    assert table.loc[table["ranked"], "merchant_id"].tolist() == [TOLD, NEW]
    # A delta of a delta: nobody changed since, so there is nothing to rank.
    manifest = again(later_bundle, tmp_path, since=out)
    assert (manifest["merchants"], manifest["rows"], manifest["parts"]) == (0, 0, [])
    assert manifest["since"] == file_hash(out / "manifest.json")
    assert manifest["delta"]["gone"] == []
    assert not known(tmp_path)["ranked"].any()


def test_a_delta_goes_on_and_is_not_mixed_with_another_job(
    newer: tuple[Path, dict[str, Any]],
    older: Path,
    tiny_bundle: Path,
    later_bundle: Path,
    tmp_path: Path,
) -> None:
    out, _ = newer

    def stop(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(later_bundle, tmp_path, since=older, progress=stop)
    with pytest.raises(BadInput, match=r"another job \(since [0-9a-f]{12}…, this one none\)"):
        again(later_bundle, tmp_path)
    again(later_bundle, tmp_path, since=older)
    assert content(tmp_path) == content(out)
    with pytest.raises(BadInput, match=r"another job \(since none, this one [0-9a-f]{12}…\)"):
        again(tiny_bundle, older, since=out)


def test_the_command_says_who_keeps_and_who_is_gone(
    later_bundle: Path,
    older: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(older, "older")
    command = ["score", str(later_bundle), "--out", "newer", "--since", "older", "-k", "7"]
    assert cli.run(command) == 0
    assert capsys.readouterr().out == (
        "14 rows for 2 merchants are in newer\n22 merchants keep their lists of older, 1 is gone\n"
    )


@pytest.mark.parametrize(
    ("unchanged", "gone", "told"),
    [
        (1, ["m1"], "1 merchant keeps its list of older, 1 is gone"),
        (299, [], "299 merchants keep their lists of older, 0 are gone"),
        (0, ["m1", "m2"], "0 merchants keep their lists of older, 2 are gone"),
    ],
)
def test_one_is_not_told_as_many(
    unchanged: int,
    gone: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = {"rows": 2, "merchants": 2, "delta": {"unchanged": unchanged, "gone": gone}}
    monkeypatch.setattr("pipelines.score.score", lambda *_, **__: manifest)
    assert cli.run(["score", "bundle", "--out", "newer", "--since", "older"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [told]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"k": 8}, r"lists are of other parameters \(k: 7, .*, this job k: 8, .*ask for the same"),
        ({"objective": "match"}, "this job k: 7, objective: match"),
        ({"variety": 0.5}, "this job .*variety: 0.5"),
    ],
)
def test_lists_of_other_parameters_are_not_carried_on(
    asked: dict[str, Any], complaint: str, older: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=complaint):
        again(tiny_bundle, tmp_path / "out", since=older, **asked)
    assert not (tmp_path / "out").exists()


def test_how_many_go_into_a_part_is_no_matter(
    older: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    manifest = again(tiny_bundle, tmp_path, since=older, merchants_per_part=PER_PART + 1)
    assert manifest["delta"]["unchanged"] == 24


def test_an_older_job_must_be_another_and_finished(
    older: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="is the folder of the older job too; name another one"):
        again(tiny_bundle, tmp_path / "x", since=tmp_path / "y" / ".." / "x")
    with pytest.raises(
        BadInput, match=r"no manifest\.json here; --since wants the folder of a job"
    ):
        again(tiny_bundle, tmp_path / "x", since=tmp_path)
    with pytest.raises(BadInput, match=r"manifest\.json: not a record of scoring"):
        again(tiny_bundle, tmp_path / "x", since=tiny_bundle)


def test_what_an_older_job_knew_must_be_whole(
    older: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(older, tmp_path / "older")
    path = tmp_path / "older" / FINGERPRINTS
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BadInput, match=r"fingerprints\.arrow: missing or not what manifest\.js"):
        again(tiny_bundle, tmp_path / "x", since=tmp_path / "older")
    path.unlink()
    with pytest.raises(BadInput, match="score everyone once, without --since"):
        again(tiny_bundle, tmp_path / "x", since=tmp_path / "older")
    record = tmp_path / "older" / "manifest.json"
    manifest = json.loads(record.read_text("utf-8"))
    record.write_text(json.dumps({**manifest, "format": 1}), "utf-8")
    with pytest.raises(BadInput, match="lists of format 1, expected 2; score everyone once"):
        again(tiny_bundle, tmp_path / "x", since=tmp_path / "older")


def test_whoever_is_new_changed_whatever_stands_last(older: Path) -> None:
    then = known(older)
    ids = np.array(["nobody", *then["merchant_id"].tail(2)], dtype=object)
    last = then["fingerprint"].to_numpy()[-1]
    prints = np.array([last, *then["fingerprint"].tail(2)], dtype=np.uint64)
    manifest = json.loads((older / "manifest.json").read_text("utf-8"))
    delta = changed_since(older, ids, prints, manifest["parameters"])
    assert delta.changed.tolist() == [True, False, False]
    assert len(delta.gone) == 22
