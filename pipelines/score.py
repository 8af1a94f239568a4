"""Rank creators for every merchant of a bundle: Parquet parts that survive a kill.

Each part is written beside its place, flushed to the disk and moved there, so that a reader sees
it whole or not at all. What is done stands in a hidden record next to the parts until the last
one is there; then the manifest takes its place. The same command started again goes on from the
record and leaves the same bytes as a run that was never stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from matching import Plaza
from matching.bundle import file_hash
from matching.errors import BadInput
from matching.frames import PREDICTED
from matching.variety import check_variety

FORMAT = 1
MANIFEST = "manifest.json"
#: What is done so far; hidden, so that no reader takes it for the manifest of a whole job.
RECORD = ".unfinished.json"
#: Merchants in one part: some seconds of work, so a kill costs no more than that.
MERCHANTS_PER_PART = 1000

#: Columns of every part. Fixed, so that a part without a single price reads like the others.
SCHEMA = pa.schema(
    [
        ("merchant_id", pa.string()),
        ("rank", pa.int32()),
        ("creator_id", pa.string()),
        *((name, pa.float64()) for name in ("score", *PREDICTED)),
        ("reasons", pa.list_(pa.string())),
        ("sources", pa.list_(pa.string())),
    ]
)


def score(
    bundle: str,
    out: Path,
    *,
    k: int = 50,
    objective: str | None = None,
    variety: float = 0.0,
    merchants_per_part: int = MERCHANTS_PER_PART,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Rank the best ``k`` creators for every merchant and write them as Parquet parts.

    Parameters
    ----------
    bundle : str
        A bundle's folder or MLflow address.
    out : Path
        Folder of the parts; made where missing. Finished parts of the same job are kept.
    objective : str, optional
        What to rank by; the bundle's own default where not given.
    variety : float in [0, 1]
        As in :meth:`~matching.plaza.Plaza.creators_for`.
    progress : callable
        Told after each part how many are done, of how many.

    Returns
    -------
    dict
        The manifest: the bundle's hash, parameters, row counts, each part's SHA-256, and whether
        the market was synthetic.

    Raises
    ------
    BadInput
        When ``out`` holds the lists of another bundle or of other parameters, or another process
        is writing there.
    """
    plaza = Plaza.load(bundle)
    check_variety(variety)
    if k < 1:
        raise BadInput(f"k: got {k}, expected 1 or more")
    ranked_by = objective or plaza.default_objective
    job = {
        "format": FORMAT,
        "bundle": plaza.bundle_hash,
        "parameters": {
            "k": k,
            "objective": ranked_by,
            "variety": float(variety),
            "merchants_per_part": merchants_per_part,
        },
        "merchants": len(plaza.merchant_ids),
    }
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        finished = _resume(out, job)
        starts = range(0, len(plaza.merchant_ids), merchants_per_part)
        parts = []
        for number, start in enumerate(starts):
            name = f"part-{number:05d}.parquet"
            part = finished.get(name)
            if part is None or not _is_whole(out / name, part):
                block = plaza.merchant_ids[start : start + merchants_per_part]
                frame = plaza.creators_for(list(block), k=k, objective=ranked_by, variety=variety)
                part = _write_part(out / name, frame, merchants=len(block))
            parts.append(part)
            finished[name] = part
            _write_json(out / RECORD, {**job, "parts": list(finished.values())})
            progress(number + 1, len(starts))
        rows = sum(part["rows"] for part in parts)
        synthetic = plaza.manifest["synthetic"]
        manifest = {**job, "synthetic": synthetic, "rows": rows, "parts": parts}
        _write_json(out / MANIFEST, manifest)
        (out / RECORD).unlink(missing_ok=True)
    return manifest


def _resume(out: Path, job: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Records of the parts that an earlier run of this job finished, by file name."""
    for stray in out.glob(".*.tmp"):
        stray.unlink()
    records = [path for path in (out / RECORD, out / MANIFEST) if path.is_file()]
    if not records:
        if any(out.glob("part-*.parquet")):
            raise BadInput(f"{out}: holds parts of an unknown job; name another folder or empty it")
        return {}
    try:
        record = json.loads(records[0].read_text(encoding="utf-8"))
        parts = {part["name"]: part for part in record["parts"]}
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise BadInput(
            f"{records[0]}: not a record of scoring; name another folder or empty it"
        ) from error
    for key, wanted in job.items():
        if record.get(key) != wanted:
            raise BadInput(
                f"{out}: holds lists of another job ({key} {_short(record.get(key))}, "
                f"this one {_short(wanted)}); name another folder or empty it"
            )
    return parts


def _short(value: object) -> str:
    text = json.dumps(value).strip('{}"').replace('"', "")
    return text if len(text) < 64 or " " in text else f"{text[:12]}…"


def _is_whole(path: Path, part: Mapping[str, Any]) -> bool:
    return path.is_file() and file_hash(path) == part["sha256"]


def _write_part(path: Path, frame: pd.DataFrame, *, merchants: int) -> dict[str, Any]:
    columns = []
    for field in SCHEMA:
        values = frame[field.name]
        if pa.types.is_floating(field.type):
            # NA in the frame is null in the file: a reader need not know of NaN.
            values = pd.to_numeric(values).astype("Float64")
        columns.append(pa.array(values, type=field.type, from_pandas=True))
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    with _replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
        digest = file_hash(temporary)
    return {"name": path.name, "merchants": merchants, "rows": len(frame), "sha256": digest}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    with _replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary name to write to; what was written is on the disk before it gets its name."""
    temporary = path.parent / f".{path.name.lstrip('.')}.tmp"
    yield temporary
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder against a second job; the system lets go of it even after a kill."""
    folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"{out}: another job is writing here; wait for it to end") from None
        yield
    finally:
        os.close(folder)
