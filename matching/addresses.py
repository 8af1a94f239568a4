"""Where a bundle lies: a folder, or an address that something installed can fetch."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from matching.errors import BundleError


def folder_of(source: str | Path) -> Path:
    """The folder that a path or a URI stands for.

    Whoever can fetch a scheme says so by an entry point of the group ``alliance.bundle_sources``,
    so that serving imports no registry unasked.

    Parameters
    ----------
    source : str or Path
        A folder, ``file://…``, or a URI such as ``models:/alliance@champion``.

    Raises
    ------
    BundleError
        When nothing here can fetch the scheme.
    """
    scheme, separator, _ = str(source).partition(":/")
    if isinstance(source, Path) or not separator or scheme == "file":
        return Path(str(source).removeprefix("file://"))
    known = {entry.name: entry for entry in entry_points(group="alliance.bundle_sources")}
    if scheme not in known:
        raise BundleError(
            f"{source}: cannot open {scheme!r}; give a folder"
            + "".join(f" or {name}:/…" for name in sorted(known))
        )
    fetch = known[scheme].load()
    return Path(fetch(str(source)))
