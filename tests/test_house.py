"""The house itself: what is imported where, what is locked, what the papers say."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("models", "matching", "training", "pipelines")
LOCKS = ("requirements.txt", "requirements-uv.txt", "requirements-bench.txt")
#: The two files that may know of MLflow.
TRACKERS = {"training/registry.py", "training/served_model.py"}


def python(statement: str) -> str:
    """Run a statement in a new Python; gives back what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", statement],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_matching_leaves_training_and_its_tools_alone() -> None:
    heavy = ("mlflow", "training", "pipelines", "matplotlib", "typer", "rich")
    loaded = python(f"import sys, matching; print([n for n in {heavy} if n in sys.modules])")
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("package", ["matching", "models"])
def test_what_a_package_names_is_there_and_comes_when_asked_for(package: str) -> None:
    ask = f"import {package}, sys; heavy = 'implicit' in sys.modules"
    tell = f"print(heavy, all(getattr({package}, n).__name__ == n for n in {package}.__all__))"
    assert python(f"{ask}; {tell}") == "False True\n"
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Nothing'"):
        importlib.import_module(package).Nothing  # noqa: B018


@pytest.mark.parametrize(("first", "second"), [("faiss", "implicit"), ("implicit", "faiss")])
def test_faiss_and_implicit_share_a_process(first: str, second: str) -> None:
    work = (
        "import numpy as np, scipy.sparse as sp;"
        "i = faiss.IndexFlatIP(4); i.add(np.eye(4, dtype=np.float32));"
        "from implicit.cpu.topk import topk;"
        "ids, _ = topk(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32), 1);"
        "print(i.search(np.eye(4, dtype=np.float32), 1)[1].ravel().tolist(), ids.ravel().tolist())"
    )
    assert python(f"import {first}, {second}; {work}") == "[0, 1, 2, 3] [0, 1, 2, 3]\n"


def test_only_two_files_know_of_mlflow() -> None:
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                if any(name.split(".")[0] == "mlflow" for name in names):
                    found.add(path.relative_to(ROOT).as_posix())
    assert found == TRACKERS


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|^-|@ ", text, re.MULTILINE)
    pins = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert pins
    for pin in pins:
        assert re.match(r"[a-z0-9-]+==\S+", pin), pin
        assert "--hash=sha256:" in pin, pin


def test_what_runs_here_is_what_is_locked() -> None:
    locked = dict(
        re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / LOCKS[0]).read_text("utf-8"), re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = [re.match(r"[a-z0-9-]+", line).group() for line in wanted]  # type: ignore[union-attr]
    assert {name: version(name) for name in names} == {name: locked[name] for name in names}


def test_ci_runs_make_test_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec make test"
    assert sum("make" in line for line in lines) == 1


def test_the_changelog_names_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_wheel_holds_the_four_packages_and_its_command_runs(tmp_path: Path) -> None:
    build = f"import hatchling.build, os; print(hatchling.build.build_wheel({str(tmp_path)!r}))"
    wheel = tmp_path / python(build).split()[-1]
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
        assert tops == set(PACKAGES)
        assert any(name.endswith("licenses/LICENSE") for name in names)
        archive.extractall(tmp_path / "site")
    # A new interpreter that sees the unpacked wheel and the locked packages, but not this tree.
    run = (
        f"import sys; sys.path[:0] = [{str(tmp_path / 'site')!r}]; "
        "import pipelines.cli as cli; print(cli.__file__); sys.exit(cli.run(['--help']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert "Usage: alliance" in done.stdout
