# Two commands on a fresh machine: `make demo` and `make test`. Both set up .venv first;
# the second time that costs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# MLflow calls home unless told otherwise before its import.
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup libgomp java lint types test demo bench-setup lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## .venv with everything in it, every package held to its hash

# pip of the bare Python fetches uv, uv fetches the rest: seconds where pip takes minutes. pyspark
# comes as source; what builds it is held to its hash by the same file that holds uv.
$(READY): requirements.txt requirements-uv.txt pyproject.toml Makefile | libgomp java
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $$($(PYTHON) -V); run: make PYTHON=python3.12 …" >&2; exit 1; }
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --build-constraints requirements-uv.txt requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# $(call debian,PACKAGE): as root, by sudo that asks nothing, or not at all.
debian = install='apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(1)'; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then bash -c "$$install" >/dev/null; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then sudo -n bash -c "$$install" >/dev/null; \
	else echo "no right to install it here; run: sudo apt-get install -y $(1)" >&2; false; fi

# The wheel of implicit links to GNU OpenMP, which a bare Debian does not have.
libgomp:
	@if [ "$$(uname)" != Linux ] || $(PYTHON) -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then exit 0; fi; \
	echo "libgomp.so.1 is missing; installing libgomp1"; \
	$(call debian,libgomp1)

# Spark runs on Java. Everything else does without, so the setting-up goes on where it cannot be had;
# the tests of Spark then say that they are skipped, and in CI they fail.
java: ## Java for `alliance score --engine spark`, where there is none yet
	@if java -version >/dev/null 2>&1 || "$${JAVA_HOME:-/none}/bin/java" -version >/dev/null 2>&1; then exit 0; fi; \
	echo "java is missing; installing openjdk-17-jre-headless"; \
	{ $(call debian,openjdk-17-jre-headless); } || true

lint: $(READY) ## format, style and the layers of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --cache-dir .cache/import-linter

types: $(READY) ## mypy, strict
	$(BIN)/mypy

test: lint types ## everything that must hold; the same here and in CI
	$(BIN)/pytest --cov --nbmake

demo: $(READY) ## the whole job on a market made up on the spot
	$(BIN)/alliance demo

bench-setup: .venv-bench/.ready ## .venv-bench with RecTools and LensKit, for benchmarks/retrieval.py

# LensKit wants torch, though its ALS does without. Of torch 2.13.0 pip takes a CPU build where one is
# at hand; the registry's build for Linux brings some GB of CUDA packages. Hence no hash for it.
.venv-bench/.ready: requirements-bench.txt | $(READY)
	[ -x .venv-bench/bin/python ] || $(PYTHON) -m venv .venv-bench
	$(BIN)/uv pip install --quiet --python .venv-bench/bin/python --no-deps --require-hashes -r requirements-bench.txt
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@touch $@

# Pins stay as they are unless asked: make lock UPGRADE=--upgrade
COMPILE = $(BIN)/uv pip compile --quiet --no-config --universal --fork-strategy fewest \
  --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' $(UPGRADE)
TORCH_BRINGS = torch filelock fsspec jinja2 markupsafe mpmath networkx sympy
lock: $(READY) ## write requirements*.txt anew from pyproject.toml
	$(COMPILE) --group dev --output-file requirements.txt pyproject.toml
	$(COMPILE) --group installer --output-file requirements-uv.txt
	$(COMPILE) --group bench --override <(echo 'torch; sys_platform == "none"') \
	  $(TORCH_BRINGS:%=--no-emit-package %) --output-file requirements-bench.txt

clean: ## take away .venv, caches and artifacts
	rm -rf .venv .venv-bench .cache artifacts
