"""A Spark session, and one line about what is missing where there can be none.

Spark is an extra: nothing here imports it before it is asked for.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from matching.errors import BadInput

#: Attempts at a task of a local master; Spark's own ``local[2]`` never tries again.
ATTEMPTS = 4
_LOOPBACK = "127.0.0.1"
# A master that does not answer by then will not: Spark itself would ask for a minute.
_SECONDS_TO_ANSWER = 10.0
# Masters other than Spark's own; for a word that is none, Spark would leave a Java stack trace.
_OTHER_MASTERS = re.compile(
    r"""local(\[([1-9]\d*|\*)(\s*,\s*[1-9]\d*)?\])?
    |local-cluster\[\s*[1-9]\d*\s*,\s*[1-9]\d*\s*,\s*[1-9]\d*\s*\]
    |yarn
    |k8s://\S+""",
    re.ASCII | re.VERBOSE,
)
_ADDRESS = re.compile(r"(\[[\da-fA-F:.]+\]|[\w.-]+):(\d{1,5})", re.ASCII)


def check_spark(master: str | None = None) -> None:
    """Make sure that Spark can be started.

    Raises
    ------
    BadInput
        When the master is none that Spark knows, pyspark or Java is missing, or nobody answers
        where the master should be.
    """
    addresses = [] if master is None or _OTHER_MASTERS.fullmatch(master) else _addresses(master)
    if find_spec("pyspark") is None:
        raise BadInput(
            "--engine spark: pyspark is not installed; run: pip install alliance-matching[spark]"
        )
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and shutil.which(str(Path(home) / "bin" / "java")))):
        raise BadInput(
            "--engine spark: no java is found; run: apt-get install openjdk-17-jre-headless "
            "(or set JAVA_HOME to Java 17 or later)"
        )
    # Of several, one that waits for the others to fail may answer nobody.
    for host, port in addresses if len(addresses) == 1 else ():
        try:
            socket.create_connection((host, port), timeout=_SECONDS_TO_ANSWER).close()
        except OSError as error:
            raise BadInput(
                f"--master {master}: nobody answers at {host}:{port} ({error}); "
                "start the master or name another"
            ) from error


@contextmanager
def spark_session(name: str, master: str | None = None) -> Iterator[Any]:
    """Hold a Spark session; one that was there before is used and left running.

    Parameters
    ----------
    name : str
        What Spark's pages call the job.
    master : str, optional
        Such as ``local[2,4]`` or ``spark://host:7077``. Default: what Spark is configured with,
        else the cores of this machine.

    Raises
    ------
    BadInput
        As :func:`check_spark`.
    """
    check_spark(master)
    # Workers run the Python that the project is installed in, not the first one on their path.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        yield running
        return
    conf = settled(SparkConf().setAppName(name), master)
    session = SparkSession.builder.config(conf=conf).getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def settled(conf: Any, master: str | None) -> Any:
    """A ``SparkConf`` with what the person and Spark's own files left open."""
    if master is not None:
        conf.setMaster(master)
    conf.setIfMissing("spark.master", f"local[{os.cpu_count()},{ATTEMPTS}]")
    conf.setIfMissing("spark.ui.showConsoleProgress", "false")
    if _on_this_machine(conf.get("spark.master")):
        # No port is opened to the network for a job that does not leave the machine.
        conf.setIfMissing("spark.driver.host", _LOOPBACK)
        conf.setIfMissing("spark.driver.bindAddress", _LOOPBACK)
        conf.setIfMissing("spark.ui.enabled", "false")
    return conf


def _addresses(master: str) -> list[tuple[str, int]]:
    """Hosts and ports of Spark's own masters."""
    found = [_ADDRESS.fullmatch(one) for one in master.removeprefix("spark://").split(",")]
    addresses = [(one[1].strip("[]"), int(one[2])) for one in found if one]
    known = len(addresses) == len(found) and all(0 < port < 1 << 16 for _, port in addresses)
    if not master.startswith("spark://") or not known:
        raise BadInput(
            f"--master: got {master!r}, expected local, local[N], local[N,F], local[*], "
            "local-cluster[N,CORES,MB], spark://HOST:PORT, yarn or k8s://...; "
            "name one of these or leave it out"
        )
    return addresses


def _on_this_machine(master: str) -> bool:
    if not master.startswith("spark://"):
        return master.startswith("local")
    return [host for host, _ in _addresses(master)] in ([_LOOPBACK], ["localhost"])
