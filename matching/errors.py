"""What can go wrong, in one drawing.

::

    AllianceError
    ├── BadInput      (ValueError)  a table, an argument or a file that cannot be used
    ├── UnknownId     (KeyError)    an id that no table holds
    └── BundleError   (ValueError)  a bundle that is damaged, foreign or of another format

Every message is one line: what was got, what was expected, what to do.
"""

from __future__ import annotations


class AllianceError(Exception):
    """Anything this project raises on purpose."""

    def __str__(self) -> str:
        # KeyError would print the repr of its argument, quotes and all.
        return str(self.args[0]) if self.args else ""


class BadInput(AllianceError, ValueError):
    """A table, an argument or a file that cannot be used as it is."""


class UnknownId(AllianceError, KeyError):
    """An id that no table of the market holds."""


class BundleError(AllianceError, ValueError):
    """A bundle that is damaged, foreign, or of a format this version does not read."""
