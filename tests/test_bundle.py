"""A bundle is whole or it is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matching.bundle import MANIFEST, Bundle, BundleWriter
from matching.errors import BundleError

STATE = {
    "weights": np.arange(3.0),
    "names": np.array(["a", "bc"]),
    "nested": {"given:a b": np.eye(2, dtype=np.float32), "depth": 2, "nothing": None},
    "list": [1, np.float64(0.5), {"x": np.empty((0, 4))}],
}


def _write(out: Path, value: float = 1.0) -> Bundle:
    with BundleWriter(out) as writer:
        writer.array("numbers", np.array([value]))
        writer.table("table", pd.DataFrame({"id": ["a"], "x": [np.nan]}))
        writer.state("model", STATE)
        return writer.finish({"as_of": "2024-01-01"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _write(tmp_path / "bundle").folder


def test_what_is_written_is_read(folder: Path) -> None:
    bundle = Bundle.open(folder)
    assert bundle.manifest["as_of"] == "2024-01-01"
    assert bundle.array("numbers").tolist() == [1.0]
    assert isinstance(bundle.array("numbers").base, np.memmap)
    assert bundle.table("table")["id"].tolist() == ["a"]
    state = bundle.state("model")
    assert state["weights"].tolist() == [0, 1, 2]
    assert state["names"].tolist() == ["a", "bc"]
    assert state["nested"]["given:a b"].tolist() == [[1, 0], [0, 1]]
    assert (state["nested"]["depth"], state["nested"]["nothing"]) == (2, None)
    assert state["list"][:2] == [1, 0.5]
    assert state["list"][2]["x"].shape == (0, 4)


def test_keys_keep_their_order_and_files_their_names(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "bundle") as writer:
        writer.state("model", {"z": np.zeros(1), "a": 1, "given:50% off": np.ones(1)})
        bundle = writer.finish({})
    assert list(bundle.state("model")) == ["z", "a", "given:50% off"]
    # MLflow decodes percent signs in the paths of artifacts.
    assert not any("%" in name for name in bundle.manifest["files"])


def test_keys_that_look_alike_keep_apart(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "bundle") as writer:
        writer.state("model", {"a b": np.zeros(1), "a~20b": np.ones(1), "..": np.full(1, 2)})
        bundle = writer.finish({})
    state = bundle.state("model")
    assert [float(state[key][0]) for key in ("a b", "a~20b", "..")] == [0, 1, 2]


def test_same_content_has_the_same_hash(tmp_path: Path) -> None:
    assert _write(tmp_path / "one").hash == _write(tmp_path / "two").hash
    assert _write(tmp_path / "one").hash != _write(tmp_path / "two", 2.0).hash


def test_an_older_bundle_is_replaced_as_a_whole(folder: Path) -> None:
    _write(folder, 5.0)
    assert Bundle.open(folder).array("numbers").tolist() == [5.0]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_failed_writing_leaves_nothing(folder: Path) -> None:
    def fail() -> None:
        with BundleWriter(folder) as writer:
            writer.array("numbers", np.zeros(1))
            raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        fail()
    assert Bundle.open(folder).array("numbers").tolist() == [1.0]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_is_no_bundle_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="something here that is no bundle; name another folder"):
        BundleWriter(tmp_path)
    with pytest.raises(BundleError, match="something here that is no bundle"):
        BundleWriter(tmp_path / "thesis.txt")


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert _write(tmp_path / "empty").folder == tmp_path / "empty"


def test_no_bundle_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no manifest.json here; make a bundle with `alliance "):
        Bundle.open(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"format": 1}', '{"format": 1, "files": null}', "\ud800"]
)
def test_a_manifest_that_is_none(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BundleError, match="not a bundle's manifest; train again"):
        Bundle.open(folder)


def test_another_format(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(BundleError, match="bundle format 99, this version reads 4; train again"):
        Bundle.open(folder)


def test_a_changed_file(folder: Path) -> None:
    data = bytearray((folder / "numbers.npy").read_bytes())
    data[-1] ^= 1
    (folder / "numbers.npy").write_bytes(data)
    with pytest.raises(BundleError, match=r"numbers.npy has SHA-256 \w+…, the manifest says \w+…"):
        Bundle.open(folder)


def test_a_missing_file(folder: Path) -> None:
    (folder / "table.parquet").unlink()
    with pytest.raises(BundleError, match=r"table\.parquet is missing; copy the bundle again"):
        Bundle.open(folder)


def test_a_bundle_without_what_serving_needs(folder: Path) -> None:
    with pytest.raises(
        BundleError, match=r"holds no history\.json, which serving needs; train again"
    ):
        Bundle.open(folder).state("history")


def test_a_foreign_file(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(BundleError, match=r"model\.pkl is not in the manifest; remove it"):
        Bundle.open(folder)


def test_no_pickle_is_loaded(folder: Path) -> None:
    np.save(folder / "numbers.npy", np.array([{}], dtype=object), allow_pickle=True)
    bundle = Bundle(folder, {"files": {"numbers.npy": ""}})
    with pytest.raises(ValueError, match="Python objects in dtype"):
        bundle.array("numbers")
