"""A Spark session, and one line about what is missing where there can be none.

Spark is an extra: nothing here imports it before it is asked for.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from matching.errors import BadInput

#: Attempts at a task of a local master; Spark's own ``local[2]`` never tries again.
ATTEMPTS = 4
_LOOPBACK = "127.0.0.1"
# A master that does not answer by then will not: Spark itself would ask for a minute.
_SECONDS_TO_ANSWER = 10.0


def check_spark(master: str | None = None) -> None:
    """Make sure that Spark can be started.

    Raises
    ------
    BadInput
        When pyspark or Java is missing, or nobody answers where the master should be.
    """
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
    for host, port in _addresses(master):
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


def _addresses(master: str | None) -> list[tuple[str, int]]:
    """Host and port of the first of the masters named, if they are Spark's own."""
    if master is None or not master.startswith("spark://"):
        return []
    try:
        first = urlsplit(master.partition(",")[0])
        host, port = first.hostname, first.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        raise BadInput(f"--master: got {master!r}, expected local[2,4] or spark://HOST:PORT")
    return [] if "," in master else [(host, port)]


def _on_this_machine(master: str) -> bool:
    return master.startswith("local") or [host for host, _ in _addresses(master)] in (
        [_LOOPBACK],
        ["localhost"],
    )
