"""A bundle: a folder of plain arrays, tables and JSON that a trained market is served from.

Nothing in it is code. Every file is hashed in ``manifest.json``; opening checks each hash, and a
folder is only ever seen whole: it is written beside its place and moved there at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa

from matching.errors import BundleError
from models.pairs import State

FORMAT = 4
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Bundle:
    """An opened bundle whose hashes have been checked.

    Attributes
    ----------
    folder : Path
    manifest : dict
        Format version, ``as_of``, package versions, the SHA-256 of every file, the measured
        recall of the index and the metrics of the training.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Open a bundle and check that it is whole.

        Raises
        ------
        BundleError
            When the folder is no bundle, is of another format, or any file is missing, changed
            or foreign.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise BundleError(f"{folder}: no {MANIFEST} here; make a bundle with `alliance train`")
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            version, hashes = manifest["format"], dict(manifest["files"])
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{path}: not a bundle's manifest; train again") from error
        if version != FORMAT:
            raise BundleError(
                f"{folder}: bundle format {version}, this version reads {FORMAT}; train again"
            )
        _check_files(folder, hashes)
        return cls(folder, manifest)

    @property
    def hash(self) -> str:
        """SHA-256 of the manifest, and through it of every file of the bundle."""
        return file_hash(self.folder / MANIFEST)

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """One array, mapped into memory."""
        path = self._path(f"{name}.npy")
        # A plain view: numpy's own class for mapped files makes every row look-up slow.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

    def table(self, name: str) -> pd.DataFrame:
        """One table."""
        read = pd.read_parquet(self._path(f"{name}.parquet"))
        # Arrow keeps what it read with for another time: some 60 MB of 200,000 creators.
        pa.default_memory_pool().release_unused()
        return read

    def state(self, name: str) -> State:
        """Read the state of one estimator, as it was given to :meth:`BundleWriter.state`."""
        text = self._path(f"{name}.json").read_text(encoding="utf-8")
        return self._join(json.loads(text))  # type: ignore[no-any-return]

    def _path(self, name: str) -> Path:
        if name not in self.manifest["files"]:
            raise BundleError(f"{self.folder}: holds no {name}, which serving needs; train again")
        return self.folder / name

    def _join(self, value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {"array"}:
                return self.array(value["array"])
            return {key: self._join(one) for key, one in value.items()}
        return [self._join(one) for one in value] if isinstance(value, list) else value


class BundleWriter:
    """Writes a bundle beside its place; :meth:`finish` hashes it and moves it there.

    Used as a context: an error in between leaves nothing behind.

    Raises
    ------
    BundleError
        When something that is no bundle is already there.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        if (
            out.exists()
            and not (out / MANIFEST).is_file()
            and (out.is_file() or any(out.iterdir()))
        ):
            raise BundleError(
                f"{out}: there is something here that is no bundle; name another folder"
            )
        out.parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        self.folder.chmod(0o755)

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Where a file of this name belongs; its folder is made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def array(self, name: str, values: np.ndarray[Any, Any]) -> None:
        """Write one array of numbers, truth values or fixed-width texts."""
        np.save(self.path(f"{name}.npy"), np.ascontiguousarray(values), allow_pickle=False)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Write one table."""
        frame.to_parquet(self.path(f"{name}.parquet"), index=False)

    def state(self, name: str, state: State) -> None:
        """Write an estimator's state: its arrays as files of their own, the rest as JSON."""
        split = self._split(name, state)
        # The order of keys is kept: an estimator may have learnt it.
        text = json.dumps(split, indent=1)
        self.path(f"{name}.json").write_text(text + "\n", encoding="utf-8")

    def _split(self, name: str, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            self.array(name, value)
            return {"array": name}
        if isinstance(value, Mapping):
            return {
                str(key): self._split(f"{name}/{_file(key)}", one) for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._split(f"{name}/{i}", one) for i, one in enumerate(value)]
        return value.item() if isinstance(value, np.generic) else value

    def finish(self, manifest: Mapping[str, Any]) -> Bundle:
        """Hash every file, write the manifest and move the folder to its place."""
        hashes = {
            path.relative_to(self.folder).as_posix(): file_hash(path)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
        whole = {"format": FORMAT, **manifest, "files": hashes}
        text = json.dumps(whole, indent=1, sort_keys=True)
        (self.folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
        if self.out.exists():
            # A folder cannot be replaced in one step: the old one steps aside first.
            aside = Path(tempfile.mkdtemp(prefix=f".{self.out.name}-old-", dir=self.out.parent))
            os.replace(self.out, aside / "old")
            os.replace(self.folder, self.out)
            shutil.rmtree(aside)
        else:
            os.replace(self.folder, self.out)
        return Bundle(self.out, whole)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    present = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {MANIFEST}
    for name in sorted(present - hashes.keys()):
        raise BundleError(f"{folder}: {name} is not in the manifest; remove it or train again")
    for name, expected in hashes.items():
        if name not in present:
            raise BundleError(f"{folder}: {name} is missing; copy the bundle again or train again")
        found = file_hash(folder / name)
        if found != expected:
            raise BundleError(
                f"{folder}: {name} has SHA-256 {found[:12]}…, the manifest says {expected[:12]}…; "
                "the file was changed or damaged: copy the bundle again or train again"
            )


def _file(key: object) -> str:
    """Spell a key so that it can name a file, each key another."""
    # MLflow decodes percent signs in the paths of artifacts, so the escape is a tilde.
    return quote(str(key), safe="").replace(".", "%2E").replace("~", "%7E").replace("%", "~")
