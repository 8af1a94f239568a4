"""What runs on Spark's workers: one task ranks the merchants of one part and writes it.

A worker process opens the bundle once and keeps it mapped for all its tasks. A part is written as
by the local engine, so that an attempt repeated, or made twice at once, leaves the same bytes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from threadpoolctl import threadpool_limits

from matching import Plaza
from matching.bundle import MANIFEST, file_hash
from matching.errors import BadInput
from pipelines.local_score import blocks_of, in_order
from pipelines.parts import part_name, write_part

#: What a task tells of its part.
RECORD = pa.schema(
    [
        ("name", pa.string()),
        ("merchants", pa.int64()),
        ("rows", pa.int64()),
        ("sha256", pa.string()),
    ]
)
#: What a worker tells of what it sees.
SIGHT = pa.schema([("host", pa.string()), ("sees_out", pa.bool_()), ("sees_bundle", pa.bool_())])


@dataclass(frozen=True)
class BundlePlace:
    """Where a worker finds the bundle.

    Attributes
    ----------
    folder : str
        Its path on storage that the worker may or may not see.
    hash : str
        SHA-256 of its manifest.
    archive : str or None
        Name under which Spark brought a copy to every executor.
    """

    folder: str
    hash: str
    archive: str | None = None

    def seen(self) -> bool:
        """Whether this very bundle lies in the folder, as far as this process sees."""
        manifest = Path(self.folder) / MANIFEST
        return manifest.is_file() and file_hash(manifest) == self.hash

    def local(self) -> Path:
        """The folder to open on this worker."""
        if self.archive is None:
            return Path(self.folder)
        from pyspark import SparkFiles

        return Path(SparkFiles.get(self.archive))


@dataclass(frozen=True)
class Wave:
    """Parts that Spark ranks in one go, a task each.

    Attributes
    ----------
    out : str
        Folder of the parts, which every worker sees.
    token : str
        Name of a hidden file that the driver put there.
    parameters : dict
        k, objective and variety.
    parts : list of (int, list of str)
        Number and merchants of each part.
    threads : int
        Cores of one task, as ``spark.task.cpus`` says. A process opens the bundle for one task at
        a time, so a task of many cores is what saves memory where bundles are large.
    """

    bundle: BundlePlace
    out: str
    token: str
    parameters: Mapping[str, Any]
    parts: list[tuple[int, list[str]]]
    threads: int = 1

    def rank(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rank the parts whose places in the wave are the ``id`` of the batches, and write them.

        Raises
        ------
        BadInput
            When this worker does not see the folder of the parts, or not the bundle.
        """
        for batch in batches:
            for place in batch["id"].to_pylist():
                part = self._rank(*self.parts[place])
                yield pa.RecordBatch.from_pylist([part], schema=RECORD)

    def _rank(self, number: int, ids: list[str]) -> dict[str, Any]:
        out = Path(self.out)
        if not (out / self.token).is_file():
            raise BadInput(unseen(self.out, socket.gethostname()))
        plaza = _opened(self.bundle.local(), self.bundle.hash)

        def rank(block: list[str]) -> pa.RecordBatch:
            return plaza.score(block, **self.parameters)

        blocks = blocks_of(ids, int(self.parameters["k"]))
        # Threads beyond the task's own cores would only be in the way of other tasks.
        with threadpool_limits(1), closing(in_order(rank, blocks, self.threads)) as ranked:
            return write_part(out / part_name(number), ranked, merchants=len(ids))


@dataclass(frozen=True)
class Look:
    """What a worker is asked for first: what it sees."""

    bundle: BundlePlace
    out: str
    token: str

    def around(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One answer for each batch."""
        for _ in batches:
            answer = {
                "host": socket.gethostname(),
                "sees_out": (Path(self.out) / self.token).is_file(),
                "sees_bundle": self.bundle.seen(),
            }
            yield pa.RecordBatch.from_pylist([answer], schema=SIGHT)


def unseen(out: str, host: str) -> str:
    """Say that a worker does not see the folder of the parts."""
    return (
        f"{out}: the worker on {host} does not see this folder; "
        "name one on storage that every worker has under the same path"
    )


@lru_cache(maxsize=1)
def _opened(folder: Path, expected: str) -> Plaza:
    """Open a bundle once for all tasks of this process; its hashes are checked then."""
    if not (folder / MANIFEST).is_file():
        raise BadInput(f"{folder}: the worker on {socket.gethostname()} sees no bundle here")
    plaza = Plaza.load(folder)
    if plaza.bundle_hash != expected:
        raise BadInput(
            f"{folder}: the worker on {socket.gethostname()} sees another bundle here "
            f"({plaza.bundle_hash[:12]}…, expected {expected[:12]}…); leave it alone during a job"
        )
    return plaza
