"""Rank creators for every merchant of a bundle: Parquet parts that survive a kill.

What a part holds follows from the parameters alone, whoever ranks it and whenever: threads on this
machine or the workers of a cluster, in one go or in several.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matching import Plaza
from matching.addresses import folder_of
from matching.errors import BadInput
from matching.ranking import check_objective
from matching.variety import check_variety
from pipelines.changed import changed_since
from pipelines.local_score import rank_parts
from pipelines.score_record import Job, job_folder
from pipelines.spark import check_spark

#: Merchants in one part: some seconds of work.
MERCHANTS_PER_PART = 1000


def score(
    bundle: str,
    out: Path,
    *,
    k: int = 50,
    objective: str | None = None,
    variety: float = 0.0,
    since: Path | None = None,
    workers: int | None = None,
    merchants_per_part: int = MERCHANTS_PER_PART,
    engine: str = "local",
    master: str | None = None,
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
    since : Path, optional
        Folder of an older job with the same parameters. Only merchants that their market has
        said something new of since then are ranked; the others keep their older lists, though
        creators and the model may have moved.
    workers : int, optional
        Threads that rank; as many as there are cores where not given. It does not show in the
        parts.
    engine : str
        What ranks: ``local``, threads on this machine, or ``spark``, the workers of a cluster,
        who must all see ``out``. It does not show in the parts.
    master : str, optional
        Spark's, such as ``local[2,4]`` or ``spark://host:7077``. Default: what Spark is configured
        with, else the cores of this machine.
    progress : callable
        Told how many merchants are done, of how many.

    Returns
    -------
    dict
        The manifest: the bundle's hash, parameters, row counts, each part's SHA-256, and whether
        the market was synthetic.

    Raises
    ------
    BadInput
        When an argument cannot be used, ``out`` holds the lists of another bundle or of other
        parameters, or another process is writing there.
    OSError
        Where the disk refuses; it names the folder and says what to do.
    """
    if objective is not None:
        check_objective(objective)
    check_variety(variety)
    for name, given in (("k", k), ("workers", workers), ("merchants_per_part", merchants_per_part)):
        if given is not None and given < 1:
            raise BadInput(f"{name}: got {given}, expected 1 or more")
    if engine not in ("local", "spark"):
        raise BadInput(f"engine: got {engine!r}, expected local or spark")
    if master is not None and engine != "spark":
        raise BadInput(f"--master {master}: only --engine spark has a master; leave it out")
    if engine == "spark":
        check_spark(master)
    if since is not None and since.resolve() == out.resolve():
        raise BadInput(f"{out}: is the folder of the older job too; name another one for --out")
    place = folder_of(bundle)
    plaza = Plaza.load(place)
    parameters = {
        "k": k,
        "objective": objective or plaza.default_objective,
        "variety": float(variety),
        "merchants_per_part": merchants_per_part,
    }
    everyone, fingerprints = plaza.merchant_ids, plaza.merchant_fingerprints
    job = Job(
        bundle=plaza.bundle_hash,
        parameters=parameters,
        everyone=everyone,
        fingerprints=fingerprints,
        synthetic=plaza.manifest["synthetic"],
        delta=changed_since(since, everyone, fingerprints, parameters) if since else None,
    )
    with job_folder(out, job) as folder:
        done, of = folder.merchants_done, len(job.merchant_ids)

        def told(more: int) -> None:
            nonlocal done
            done += more
            progress(done, of)

        told(0)
        if engine == "spark":
            from pipelines import spark_score

            spark_score.rank_parts(place, folder, master=master, told=told)
        else:
            rank_parts(plaza, folder, workers=workers, told=told)
        return folder.finish()
