"""Parquet parts that a reader sees whole or not at all, each with a note of what it holds.

A file is written beside its place under a name of its own, flushed to the disk and moved there.
The note of a part, hidden, gets its place before the part does: whoever finds a part finds its
note, at whatever moment the writer was killed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from matching.batches import SCHEMA
from matching.bundle import file_hash
from matching.errors import BadInput

#: Name, merchants, rows and SHA-256 of one part.
Part = dict[str, Any]

#: Rows that are written together. Fixed, so that the bytes do not tell how rows were handed in;
#: large enough to compress well, small enough that they weigh some 30 MB.
ROWS_PER_GROUP = 1 << 16

#: Dictionaries where words come again and again, split bytes where numbers hardly ever do: half
#: the time and three quarters of the size that pyarrow's own choice takes.
_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": [
        "merchant_id", "rank", "creator_id", "reasons.list.element", "sources.list.element",
    ],
    "use_byte_stream_split": [one.name for one in SCHEMA if pa.types.is_floating(one.type)],
    # Least and greatest of what somebody may look for.
    "write_statistics": ["merchant_id", "rank", "creator_id", "score"],
}  # fmt: skip

#: Names of files that are being written: `.part-00007.parquet.<32 hexadecimal digits>.tmp`.
_TEMPORARY = re.compile(r"\.(part-\d{5,}|manifest|unfinished|fingerprints)\..*[0-9a-f]{32}\.tmp")

_REMEDIES = {
    errno.ENOSPC: "make room; the same command then goes on where it stopped",
    errno.EDQUOT: "make room; the same command then goes on where it stopped",
    errno.EFBIG: "allow larger files; the same command then goes on where it stopped",
    errno.EIO: "see to the disk; the same command then goes on where it stopped",
    errno.EACCES: "name a folder that you may write to",
    errno.EPERM: "name a folder that you may write to",
    errno.EROFS: "name a folder that you may write to",
    errno.ENOENT: "name another folder",
    errno.ENOTDIR: "name another folder",
    errno.EEXIST: "name another folder",
    errno.ENAMETOOLONG: "name another folder",
}


def part_name(number: int) -> str:
    """File name of a part, counted from 0."""
    return f"part-{number:05d}.parquet"


def note_path(part: Path) -> Path:
    """Where the note of a part lies while its job is not finished."""
    return part.parent / f".{part.stem}.json"


def write_part(path: Path, batches: Iterable[pa.RecordBatch], *, merchants: int) -> Part:
    """Write one part, and its note before it can be seen.

    Parameters
    ----------
    path : Path
        Its place, in a folder that exists. Two attempts at one part do not disturb each other.
    batches : iterable of RecordBatch of :data:`~matching.batches.SCHEMA`
        How rows are cut into batches does not show in the file.
    merchants : int
        How many were asked for; some may have no rows.

    Returns
    -------
    dict
        The note: name, merchants, rows and SHA-256 of the part.

    Raises
    ------
    OSError
        Where the disk refuses; it names the folder and says what to do.
    """
    with disk_told(path.parent), replacing(path) as temporary:
        rows = 0
        with pq.ParquetWriter(temporary, SCHEMA, **_OPTIONS) as writer:
            for group in _row_groups(batches):
                writer.write_table(group, row_group_size=ROWS_PER_GROUP)
                rows += group.num_rows
        part = {
            "name": path.name,
            "merchants": merchants,
            "rows": rows,
            "sha256": file_hash(temporary),
        }
        write_json(note_path(path), part)
    return part


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Rows cut anew: all groups but the last have the same length."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while rows >= ROWS_PER_GROUP:
            table = pa.Table.from_batches(held, SCHEMA)
            # Pages would end where chunks do.
            yield table.slice(0, ROWS_PER_GROUP).combine_chunks()
            held = table.slice(ROWS_PER_GROUP).to_batches()
            rows -= ROWS_PER_GROUP
    if rows:
        yield pa.Table.from_batches(held, SCHEMA).combine_chunks()


def is_whole(path: Path, record: Mapping[str, Any]) -> bool:
    """Whether a file is there and is what its record says."""
    return path.is_file() and file_hash(path) == record["sha256"]


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a record that is there as a whole or not at all."""
    with disk_told(path.parent), replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name to write to; what was written is on the disk before it gets its name."""
    temporary = path.parent / f".{path.name.lstrip('.')}.{uuid4().hex}.tmp"
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sweep(out: Path) -> None:
    """Take away what a killed writer left half-written."""
    for path in out.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def disk_told(folder: Path) -> Iterator[None]:
    """Say of an error of the disk which folder it befell and what to do.

    Raises
    ------
    OSError
        In place of one that names no file, one in this folder, or a folder that it lies in.
    """
    try:
        yield
    except OSError as error:
        named = error.filename
        here = not named or folder == Path(named).parent or folder.is_relative_to(named)
        if error.errno is None or not here:
            raise
        remedy = _REMEDIES.get(error.errno)
        told = os.strerror(error.errno) + (f"; {remedy}" if remedy else "")
        raise OSError(error.errno, told, str(folder)) from error


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold a folder against a second job; the system lets go of it even after a kill.

    Raises
    ------
    BadInput
        When another process holds it.
    """
    folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"{out}: another job is writing here; wait for it to end") from None
        yield
    finally:
        os.close(folder)
