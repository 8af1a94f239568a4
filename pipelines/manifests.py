"""Manifests of batch jobs, read back: what a folder of lists says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matching.errors import BadInput

FORMAT = 2
MANIFEST = "manifest.json"


def read_record(path: Path) -> dict[str, Any]:
    """Read the manifest of a job, or the record of one that is not finished.

    Raises
    ------
    BadInput
        When it is something else.
    """
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
        keys = ("name", "merchants", "rows", "sha256")
        for part in found["parts"] if path.name == MANIFEST else ():
            part.update({key: part[key] for key in keys})
        found["parameters"] = dict(found["parameters"])
    except (
        UnicodeDecodeError, json.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError,
    ) as error:  # fmt: skip
        raise BadInput(
            f"{path}: not a record of scoring; name another folder or empty it"
        ) from error
    return found


def short(value: object) -> str:
    """A value of a record, in few words.

    Examples
    --------
    >>> short({"k": 7, "objective": "gmv"}), short("0" * 64), short(None)
    ('k: 7, objective: gmv', '000000000000…', 'none')
    """
    if value is None:
        return "none"
    text = json.dumps(value).strip('{}"').replace('"', "")
    return text if len(text) < 64 or " " in text else f"{text[:12]}…"
