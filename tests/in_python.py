"""Runs loops as they are written, beside their compiled form."""

from __future__ import annotations

from types import ModuleType

import pytest


def in_python(module: ModuleType, patch: pytest.MonkeyPatch) -> None:
    """Let a module use the Python form of every compiled loop it names."""
    for name, one in list(vars(module).items()):
        if hasattr(one, "py_func"):
            patch.setattr(module, name, one.py_func)
