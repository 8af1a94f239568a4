"""A batch job as data, and the folder it fills: what is finished, what is not, what is whose.

A hidden record says which job a folder belongs to, hidden notes which parts are there. When all
are, the manifest takes the place of both. Any set of finished parts is a state to go on from, and
nothing says by which engine a part was written: another may go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from matching.errors import BadInput
from pipelines.changed import FINGERPRINTS, Delta, write_fingerprints
from pipelines.manifests import FORMAT, MANIFEST, read_record, short
from pipelines.parts import (
    Part,
    alone,
    disk_told,
    is_whole,
    note_path,
    part_name,
    sweep,
    write_json,
)

#: Whose folder this is; hidden, so that no reader takes it for the manifest of a whole job.
RECORD = ".unfinished.json"


@dataclass(frozen=True)
class Job:
    """What is to be ranked, and what by.

    Attributes
    ----------
    bundle : str
        The bundle's hash.
    parameters : dict
        k, objective, variety and merchants_per_part.
    everyone : array of str
        Ids of all merchants of the bundle.
    fingerprints : uint64 array
        One for each of them.
    synthetic : bool
        Whether the market was.
    delta : Delta, optional
        Who of them changed since an older job; without it everyone is ranked.
    """

    bundle: str
    parameters: Mapping[str, Any]
    everyone: npt.NDArray[Any]
    fingerprints: npt.NDArray[np.uint64]
    synthetic: bool
    delta: Delta | None = None

    @property
    def ranked(self) -> npt.NDArray[np.bool_]:
        """Which of all merchants are ranked."""
        return np.ones(len(self.everyone), dtype=bool) if not self.delta else self.delta.changed

    @cached_property
    def merchant_ids(self) -> npt.NDArray[Any]:
        """Those who are ranked, in the order of the parts."""
        return self.everyone if not self.delta else self.everyone[self.delta.changed]

    @property
    def count(self) -> int:
        """Number of parts."""
        return -(-int(self.ranked.sum()) // int(self.parameters["merchants_per_part"]))

    def ids(self, number: int) -> list[str]:
        """Merchants of one part: a matter of the parameters alone."""
        size = int(self.parameters["merchants_per_part"])
        return list(self.merchant_ids[number * size : (number + 1) * size])

    def identity(self) -> dict[str, Any]:
        """What two runs must have in common to fill one folder."""
        return {
            "format": FORMAT,
            "bundle": self.bundle,
            "parameters": dict(self.parameters),
            "since": self.delta.job if self.delta else None,
            "merchants": int(self.ranked.sum()),
        }


class JobFolder:
    """The folder of a job while it is held; :func:`job_folder` opens one.

    Attributes
    ----------
    job : Job
    missing : list of int
        Numbers of the parts that were not there when it was opened.
    merchants_done : int
        Merchants in the parts that were.
    """

    def __init__(self, out: Path, job: Job, finished: Mapping[int, Part]) -> None:
        self._out = out
        self._finished = dict(finished)
        self.job = job
        self.missing = [number for number in range(job.count) if number not in finished]
        self.merchants_done = sum(part["merchants"] for part in finished.values())

    def path(self, number: int) -> Path:
        """Where a part belongs."""
        return self._out / part_name(number)

    def finish(self) -> dict[str, Any]:
        """Write the manifest, now that all parts are there, and take the notes away.

        Raises
        ------
        BadInput
            When a part is not there.
        """
        job = self.job
        parts = [self._part(number) for number in range(job.count)]
        fingerprints = write_fingerprints(
            self._out / FINGERPRINTS, job.everyone, job.fingerprints, job.ranked
        )
        manifest = {
            **job.identity(),
            "synthetic": job.synthetic,
            "rows": sum(part["rows"] for part in parts),
            **({"delta": job.delta.told()} if job.delta else {}),
            "fingerprints": fingerprints,
            "parts": parts,
        }
        write_json(self._out / MANIFEST, manifest)
        for number in range(job.count):
            note_path(self.path(number)).unlink(missing_ok=True)
        (self._out / RECORD).unlink(missing_ok=True)
        return manifest

    def _part(self, number: int) -> Part:
        path = self.path(number)
        part = self._finished.get(number) or _note(path)
        if part is None or not path.is_file():
            raise BadInput(f"{path}: is not there; every worker must write to this very folder")
        return part


@contextmanager
def job_folder(out: Path, job: Job) -> Iterator[JobFolder]:
    """Hold a folder for a job and find what an earlier run of it has finished.

    Raises
    ------
    BadInput
        When it is no folder, holds the lists of another job, or another process is writing there.
    OSError
        When it cannot be made or written to.
    """
    with disk_told(out):
        if out.is_file():
            raise BadInput(f"{out}: is a file; expected a folder for the parts, new or empty")
        out.mkdir(parents=True, exist_ok=True)
    with alone(out):
        listed: dict[str, Part] = {}
        records = [path for path in (out / MANIFEST, out / RECORD) if path.is_file()]
        for path in records:
            record = _of_this_job(path, job)
            listed |= {part["name"]: part for part in record.get("parts", ())}
        if not records:
            if any(out.glob("part-*.parquet")):
                raise BadInput(
                    f"{out}: holds parts of an unknown job; name another folder or empty it"
                )
            write_json(out / RECORD, job.identity())
        sweep(out)
        yield JobFolder(out, job, dict(_finished(out, job, listed)))


def _of_this_job(path: Path, job: Job) -> dict[str, Any]:
    """A record or a manifest, which must be of this job."""
    found = read_record(path)
    for key, wanted in job.identity().items():
        if found.get(key) != wanted:
            raise BadInput(
                f"{path.parent}: holds lists of another job ({key} {short(found.get(key))}, "
                f"this one {short(wanted)}); name another folder or empty it"
            )
    return found


def _finished(out: Path, job: Job, listed: Mapping[str, Part]) -> Iterator[tuple[int, Part]]:
    """Parts that are there and are what the manifest, or else their note, says."""
    for number in range(job.count):
        path = out / part_name(number)
        part = listed.get(path.name) or _note(path)
        if part is not None and is_whole(path, part):
            yield number, part


def _note(path: Path) -> Part | None:
    """The note of a part; None where there is none that can be read, so that it is done again."""
    try:
        part = json.loads(note_path(path).read_text(encoding="utf-8"))
        return {name: part[name] for name in ("name", "merchants", "rows", "sha256")}
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
        return None
