"""The batch job on Spark: waves of parts, each part a task, each task the scorer of the local job.

Workers write the parts themselves, to storage that all of them see, by the same atomic writer as
the local job. Whatever dies, what was written stays: a lost worker's tasks go to another one, and
after a lost driver the same command goes on with the parts that are missing, by either engine.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from matching.bundle import MANIFEST, file_hash
from matching.errors import BadInput
from pipelines.parts import disk_told, sweep
from pipelines.score_record import JobFolder
from pipelines.spark import check_spark, spark_session
from pipelines.spark_parts import RECORD, SIGHT, BundlePlace, Look, Wave, unseen

#: Tasks in a wave for each that runs at a time: at its end some wait for the last one, which costs
#: about half a task in so many.
TASKS_AT_ONCE = 16

# The last line of a Python traceback that says which of our errors, or the disk's, it was.
_OURS = re.compile(r"^(?:matching\.errors\.\w+|\w+Error): (.+)$", re.MULTILINE)
# Where Python was not at fault, what Java says of itself.
_JAVAS = re.compile(r"^: (.+)$", re.MULTILINE)


def rank_parts(
    bundle: Path,
    folder: JobFolder,
    *,
    master: str | None = None,
    told: Callable[[int], None] = lambda more: None,
    ship: bool | None = None,
) -> None:
    """Rank and write the parts that are missing, on Spark's workers.

    Parameters
    ----------
    bundle : Path
        The bundle's folder here. Workers that see it under the same path map it from there.
    folder : JobFolder
        It must lie on storage that every worker sees under the same path.
    master : str, optional
        As in :func:`~pipelines.spark.spark_session`.
    told : callable
        Told after each wave how many more merchants are done.
    ship : bool, optional
        Bring a copy of the bundle to each executor's own disk, once. Where not given: if a worker
        does not see it.

    Raises
    ------
    BadInput
        When there can be no Spark, a worker does not see the folder, or a task fails for good.
    """
    if not folder.missing:
        return
    check_spark(master)
    with (
        _one_line(),
        spark_session("alliance score", master) as spark,
        _token(folder.path(0).parent) as token,
        _within_reach(spark, bundle.resolve(), token, ship) as place,
    ):
        job, missing = folder.job, folder.missing
        parameters = {name: job.parameters[name] for name in ("k", "objective", "variety")}
        threads = task_cores(spark)
        while missing:
            # Asked for each wave: a cluster may have grown.
            several = TASKS_AT_ONCE * slots(spark)
            wave, missing = missing[:several], missing[several:]
            parts = [(number, job.ids(number)) for number in wave]
            ranking = Wave(place, str(token.parent), token.name, parameters, parts, threads)
            written = run_tasks(spark, len(parts), ranking.rank, RECORD)
            told(sum(part["merchants"] for part in written))
    # What a killed worker left half-written.
    sweep(folder.path(0).parent)


@contextmanager
def _within_reach(
    spark: Any, bundle: Path, token: Path, ship: bool | None
) -> Iterator[BundlePlace]:
    """See what the workers see, and bring them the bundle if that is not among it."""
    place = BundlePlace(str(bundle), file_hash(bundle / MANIFEST))
    look = Look(place, str(token.parent), token.name)
    # Two tasks for each that can run, so that hardly any worker is passed over.
    sights = run_tasks(spark, 2 * slots(spark), look.around, SIGHT)
    for sight in sights:
        if not sight["sees_out"]:
            raise BadInput(unseen(str(token.parent), sight["host"]))
    if ship is None:
        ship = not all(sight["sees_bundle"] for sight in sights)
    if not ship:
        yield place
        return
    # Executors fetch the file when they first need it, so it stays as long as they may.
    with TemporaryDirectory() as packed:
        archive = Path(packed) / f"bundle-{place.hash[:16]}.tar"
        with tarfile.open(archive, "w") as tar:
            for path in sorted(bundle.iterdir()):
                tar.add(path, arcname=path.name)
        spark.sparkContext.addArchive(str(archive))
        yield replace(place, archive=archive.name)


def slots(spark: Any) -> int:
    """How many tasks run at a time, as far as the cluster is there yet."""
    cores: int = spark.sparkContext.defaultParallelism
    return max(1, cores // task_cores(spark))


def task_cores(spark: Any) -> int:
    """Cores that one task has."""
    return int(spark.sparkContext.getConf().get("spark.task.cpus", "1"))


def run_tasks(spark: Any, tasks: int, work: Callable[..., Any], schema: Any) -> list[Any]:
    """Run ``work`` once for each number below ``tasks``, each in a task of its own.

    What a task needs travels with it rather than through a shuffle, whose files would be lost
    with their worker.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    numbers = spark.range(tasks, numPartitions=tasks)
    rows = numbers.mapInArrow(lambda batches: work(batches), from_arrow_schema(schema)).collect()
    return [row.asDict() for row in rows]


@contextmanager
def _token(out: Path) -> Iterator[Path]:
    """A hidden file by which workers know the folder; a killed driver's is swept by the next."""
    token = out.resolve() / f".unfinished.driver.{uuid4().hex}.tmp"
    with disk_told(out):
        token.touch()
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


@contextmanager
def _one_line() -> Iterator[None]:
    """Say in one line why Spark gave up, in the worker's own words where they are ours."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        told = str(error).strip()
        words = _OURS.findall(told)[-1:] or _JAVAS.findall(told)[:1] or told.splitlines()[:1]
        raise BadInput(f"spark gave up: {' '.join(words)}") from error
