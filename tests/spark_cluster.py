"""A real Spark cluster on this machine: one master and some workers, each a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

#: Compiled in one go and little: the programs live for seconds.
LIGHT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
JAVA_MISSING = "java is missing; run: sudo apt-get install -y openjdk-17-jre-headless"


def needs_java() -> None:
    """Skip where Java cannot be had; in CI it can."""
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") or (home and (Path(home) / "bin" / "java").is_file()):
        return
    if os.environ.get("CI"):
        pytest.fail(JAVA_MISSING)
    pytest.skip(JAVA_MISSING)


@contextmanager
def light_spark(folder: Path) -> Iterator[None]:
    """Settings as a user would make them, for programs that live for seconds; needs Java."""
    needs_java()
    settings = {
        "spark.driver.extraJavaOptions": LIGHT,
        "spark.executor.extraJavaOptions": LIGHT,
        "spark.executor.memory": "512m",
        "spark.log.level": "ERROR",
    }
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        yield


def until(happened: Callable[[], bool], seconds: float = 300.0) -> None:
    """Wait for something, but not for ever."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a standalone master and workers of one core each; their address and processes."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        log = folder / "master.log"
        main = "org.apache.spark.deploy"
        processes.append(
            _java(log, f"{main}.master.Master", "--host", "127.0.0.1", "--port", "0", *_NO_PAGE)
        )
        until(lambda: _address(log) is not None)
        address = _address(log)
        assert address is not None
        for number in range(workers):
            options = ["--host", "127.0.0.1", "--cores", "1", "--memory", "1g", *_NO_PAGE]
            options += ["--work-dir", str(folder / f"work-{number}"), address]
            processes.append(_java(folder / f"{number}.log", f"{main}.worker.Worker", *options))
        until(lambda: log.read_text().count("Registering worker") == workers)
        yield address, processes[1:]
    finally:
        for process in processes:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, as when a machine is lost."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


_NO_PAGE = ("--webui-port", "0")


def _java(log: Path, *command: str) -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_JAVA_OPTS": LIGHT,
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_NO_DAEMONIZE": "1",
    }
    with log.open("wb") as file:
        return subprocess.Popen(
            [home / "bin" / "spark-class", *command],
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def _address(log: Path) -> str | None:
    found = re.search(r"Starting Spark master at (spark://\S+)", log.read_text())
    return found and found[1]
