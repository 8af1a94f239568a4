"""Serving: a bundle in, ranked rows out.

``Plaza`` and ``Where`` are imported when they are first asked for: what they stand on takes a
second to import, and a job that only wants the errors should not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from matching.errors import AllianceError, BadInput, BundleError, UnknownId

if TYPE_CHECKING:
    from matching.filters import Where
    from matching.plaza import Plaza

__all__ = ["AllianceError", "BadInput", "BundleError", "Plaza", "UnknownId", "Where"]

_HOMES = {"Plaza": "matching.plaza", "Where": "matching.filters"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'matching' has no attribute {name!r}")
