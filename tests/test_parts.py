"""Parts: the same bytes however rows are handed in, whole or not there, and what a disk refuses."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.batches import SCHEMA
from matching.bundle import file_hash
from matching.errors import BadInput
from pipelines import parts
from pipelines.parts import (
    alone,
    disk_told,
    is_whole,
    note_path,
    part_name,
    replacing,
    sweep,
    write_json,
    write_part,
)


def made_up(rows: int) -> pa.RecordBatch:
    """Rows of lists with blanks in them."""
    rng = np.random.default_rng(rows)
    columns = []
    for field in SCHEMA:
        if pa.types.is_floating(field.type):
            values = [None if one < 0.1 else float(one) for one in rng.random(rows)]
        elif pa.types.is_list(field.type):
            values = [[f"reason {n}" for n in range(one)] for one in rng.integers(0, 4, rows)]
        elif field.type == pa.int32():
            values = list(range(1, rows + 1))
        else:
            values = [f"{field.name} {n // 7}" for n in range(rows)]
        columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


ROWS = made_up(1000)


def cut(batch: pa.RecordBatch, ends: list[int]) -> Iterator[pa.RecordBatch]:
    for start, end in zip([0, *ends], [*ends, batch.num_rows], strict=True):
        yield batch.slice(start, end - start)


@settings(max_examples=30)
@given(ends=st.lists(st.integers(0, ROWS.num_rows), max_size=8).map(sorted))
def test_how_rows_are_handed_in_does_not_show(
    ends: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "ROWS_PER_GROUP", 300)
        one = write_part(folder / part_name(0), [ROWS], merchants=3)
        other = write_part(folder / part_name(1), cut(ROWS, ends), merchants=3)
    assert one["sha256"] == other["sha256"]
    table = pq.read_table(folder / part_name(1))
    assert table.equals(pa.Table.from_batches([ROWS]))
    groups = pq.ParquetFile(folder / part_name(1)).metadata
    assert [groups.row_group(n).num_rows for n in range(4)] == [300, 300, 300, 100]


def test_a_part_has_its_note(tmp_path: Path) -> None:
    path = tmp_path / part_name(7)
    part = write_part(path, [ROWS], merchants=143)
    assert path.name == "part-00007.parquet"
    assert part == {
        "name": path.name,
        "merchants": 143,
        "rows": 1000,
        "sha256": file_hash(path),
    }
    assert json.loads(note_path(path).read_text("utf-8")) == part
    assert sorted(one.name for one in tmp_path.iterdir()) == [".part-00007.json", path.name]
    assert is_whole(path, part)
    assert not is_whole(path, {"sha256": "0" * 64})
    assert not is_whole(tmp_path / part_name(8), part)


def test_a_part_without_rows_is_a_part(tmp_path: Path) -> None:
    part = write_part(tmp_path / part_name(0), [], merchants=2)
    assert part["rows"] == 0
    assert pq.read_table(tmp_path / part["name"]).schema.equals(SCHEMA)


def test_everyone_may_read_what_is_written(tmp_path: Path) -> None:
    write_part(tmp_path / part_name(0), [ROWS], merchants=1)
    (tmp_path / "usual").touch()
    usual = (tmp_path / "usual").stat().st_mode
    assert (tmp_path / part_name(0)).stat().st_mode == usual


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / part_name(0)
    before = write_part(path, [ROWS], merchants=3)

    def broken() -> Iterator[pa.RecordBatch]:
        yield ROWS
        raise RuntimeError("the scorer broke")

    with pytest.raises(RuntimeError, match="the scorer broke"):
        write_part(path, broken(), merchants=3)
    assert is_whole(path, before)
    assert len(list(tmp_path.iterdir())) == 2


def test_only_what_a_writer_left_is_swept_away(tmp_path: Path) -> None:
    left = []
    for name in (
        part_name(3), ".part-00003.json", "manifest.json", ".unfinished.json", "fingerprints.arrow",
    ):  # fmt: skip
        with replacing(tmp_path / name) as temporary:
            temporary.touch()
            left.append(tmp_path / f"{temporary.name}")
    for path in left:
        path.touch()
    others = [".mine.tmp", "part-00003.parquet.tmp", ".part-00003.parquet.tmp"]
    for name in others:
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert not any(path.exists() for path in left)
    assert all((tmp_path / name).exists() for name in others)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space left on device; make room; the same command then goes on where"),
        (errno.EDQUOT, "make room; the same command then goes on"),
        (errno.EFBIG, "File too large; allow larger files"),
        (errno.EIO, "Input/output error; see to the disk"),
        (errno.EROFS, "Read-only file system; name a folder that you may write to"),
        (errno.EACCES, "Permission denied; name a folder that you may write to"),
        (errno.EPERM, "Operation not permitted; name a folder that you may write to"),
        (errno.ENOTDIR, "Not a directory; name another folder"),
        (errno.EBUSY, "Device or resource busy: "),
    ],
)
def test_what_a_disk_refuses_is_told_with_a_remedy(
    number: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        # As pyarrow words it: no file is named.
        raise OSError(number, f"Error writing bytes to file. Detail: [errno {number}]")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", refuse)
    with pytest.raises(OSError, match=told) as caught:
        write_part(tmp_path / part_name(0), [ROWS], merchants=3)
    assert caught.value.errno == number
    assert caught.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_another_place_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere") as caught, disk_told(tmp_path):
        (tmp_path / "deeper" / "elsewhere").read_text()
    assert caught.value.filename == str(tmp_path / "deeper" / "elsewhere")
    with (
        pytest.raises(PermissionError, match="may write to") as above,
        disk_told(tmp_path / "deeper"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
    assert above.value.filename == str(tmp_path / "deeper")
    with pytest.raises(OSError, match="no number at all") as unnumbered, disk_told(tmp_path):
        raise OSError("no number at all")
    assert unnumbered.value.filename is None


def test_a_record_cannot_be_written_where_there_is_no_folder(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(FileNotFoundError, match="No such file or directory") as caught:
        write_json(gone / "manifest.json", {})
    assert caught.value.filename == str(gone)


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with (
        pytest.raises(BadInput, match="another job is writing here; wait for it to end"),
        alone(tmp_path),
    ):
        pass
    os.close(folder)
    with alone(tmp_path):
        pass
