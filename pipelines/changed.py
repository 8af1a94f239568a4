"""Who changed since an older job: the fingerprints that a job leaves, and those of today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.ipc

from matching.bundle import file_hash
from matching.errors import BadInput
from pipelines.manifests import FORMAT, MANIFEST, read_record, short
from pipelines.parts import disk_told, is_whole, replacing

#: What a finished job knows of all merchants of its bundle, ranked in it or not. An Arrow file, so
#: that whoever reads all Parquet files of the folder reads lists and nothing else.
FINGERPRINTS = "fingerprints.arrow"

#: Parameters that say nothing of the lists themselves.
_LAYOUT = ("merchants_per_part",)

_NOTE = (
    "Only merchants that the market says something new of were ranked. The others keep the lists "
    "of the older job, though creators and the model may have moved since: score everyone now and "
    "then."
)


@dataclass(frozen=True)
class Delta:
    """What sets the merchants of today apart from those of an older job.

    Attributes
    ----------
    job : str
        SHA-256 of the older job's manifest.
    bundle : str
        Hash of the bundle that it ranked with.
    changed : bool array, one for each merchant of today
        New, or something new is said of it.
    gone : list of str
        Ids that the older job knew and no table holds any more.
    """

    job: str
    bundle: str
    changed: npt.NDArray[np.bool_]
    gone: list[str]

    def told(self) -> dict[str, Any]:
        """What a manifest says of it."""
        changed = int(self.changed.sum())
        return {
            "bundle": self.bundle,
            "changed": changed,
            "unchanged": len(self.changed) - changed,
            "gone": self.gone,
            "note": _NOTE,
        }


def changed_since(
    older: Path,
    ids: npt.NDArray[Any],
    fingerprints: npt.NDArray[np.uint64],
    parameters: Mapping[str, Any],
) -> Delta:
    """Compare the merchants of a bundle with those of a finished job.

    Parameters
    ----------
    older : Path
        Folder of the job; it may itself have ranked only those that changed.
    ids, fingerprints : arrays
        One for each merchant of today.
    parameters : dict
        Those of today's job.

    Raises
    ------
    BadInput
        When the folder holds no finished job, the job asked for other lists, or what it knew of
        its merchants is missing or damaged.
    """
    if not (older / MANIFEST).is_file():
        raise BadInput(
            f"{older}: no {MANIFEST} here; --since wants the folder of a job that was finished"
        )
    manifest = read_record(older / MANIFEST)
    if manifest.get("format") != FORMAT:
        raise BadInput(
            f"{older}: lists of format {manifest.get('format')}, expected {FORMAT}; "
            "score everyone once, without --since"
        )
    asked, then = (
        {name: one for name, one in some.items() if name not in _LAYOUT}
        for some in (parameters, manifest["parameters"])
    )
    if asked != then:
        raise BadInput(
            f"{older}: its lists are of other parameters ({short(then)}, this job {short(asked)}); "
            "ask for the same, or score everyone, without --since"
        )
    known = _read_fingerprints(older, manifest)
    rows = known.index.get_indexer(pd.Index(ids, dtype=object))
    before = known.to_numpy(np.uint64)
    # -1, nobody, picks the last one; whoever is new has changed all the same.
    same = (rows >= 0) & (before[rows] == fingerprints)
    gone = np.ones(len(known), dtype=bool)
    gone[rows[rows >= 0]] = False
    return Delta(
        job=file_hash(older / MANIFEST),
        bundle=str(manifest["bundle"]),
        changed=~same,
        gone=known.index[gone].tolist(),
    )


def write_fingerprints(
    path: Path,
    ids: npt.NDArray[Any],
    fingerprints: npt.NDArray[np.uint64],
    ranked: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    """Write what a later job compares with; gives back its name, rows and SHA-256."""
    table = pa.table(
        {
            "merchant_id": pa.array(ids, pa.string()),
            "fingerprint": pa.array(fingerprints, pa.uint64()),
            "ranked": pa.array(ranked, pa.bool_()),
        }
    )
    with disk_told(path.parent), replacing(path) as temporary:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(str(temporary), table.schema, options=options) as writer:
            writer.write_table(table)
        digest = file_hash(temporary)
    return {"name": path.name, "rows": len(table), "sha256": digest}


def _read_fingerprints(older: Path, manifest: Mapping[str, Any]) -> pd.Series[int]:
    path = older / FINGERPRINTS
    if not is_whole(path, dict(manifest.get("fingerprints") or {"sha256": ""})):
        raise BadInput(
            f"{path}: missing or not what {MANIFEST} says; score everyone once, without --since"
        )
    with pa.OSFile(str(path)) as opened:
        table = pa.ipc.open_file(opened).read_all()
    ids = pd.Index(table["merchant_id"].to_pylist(), dtype=object)
    return pd.Series(table["fingerprint"].to_numpy(), index=ids)
