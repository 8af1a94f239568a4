"""Filters as they are typed: ``--where followers=10000..500000`` becomes a `Where`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from matching import Where
from matching.catalog import RANGES
from matching.errors import BadInput

_FORMS = (
    "field=a,b for texts, field=low..high for numbers, audience.gender.female=0.5, "
    "keep_unknown=true"
)


def parse_where(texts: Iterable[str]) -> Where | None:
    """Read the filters of a command line; None when there are none.

    Texts of one field are collected, whether joined by commas or given one by one.

    Raises
    ------
    BadInput
        When a text has no ``=``, names no field of :class:`matching.Where`, its value cannot be
        read, or a field has two ranges.

    Examples
    --------
    >>> parse_where(["categories=beauty,home", "followers=10000.."]).active()
    ['categories', 'followers']
    >>> parse_where(["audience.gender.female=0.5"]).audience
    {'gender': {'female': 0.5}}
    >>> parse_where(["folowers=10..20"])
    Traceback (most recent call last):
        ...
    matching.errors.BadInput: --where folowers=10..20: no field 'folowers'; did you mean followers?
    """
    given: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise BadInput(f"--where {text}: expected {_FORMS}")
        if name.startswith("audience."):
            dimension, segment, least = _audience(text, name, value)
            given.setdefault("audience", {}).setdefault(dimension, {})[segment] = least
        elif name not in _names() or name == "audience":
            raise BadInput(f"--where {text}: {_unknown(name)}")
        elif name == "keep_unknown":
            given[name] = _truth(text, value)
        elif name in RANGES:
            if name in given:
                raise BadInput(f"--where {text}: {name} is given twice; write one range, low..high")
            given[name] = _range(text, value)
        else:
            given.setdefault(name, []).extend(part.strip() for part in value.split(","))
    return Where(**given) if given else None


def _names() -> list[str]:
    return [field.name for field in fields(Where)]


def _unknown(name: str) -> str:
    if name == "audience":
        return "name a dimension and a segment, as in audience.gender.female=0.5"
    near = get_close_matches(name, _names(), n=1)
    if near:
        return f"no field {name!r}; did you mean {near[0]}?"
    return f"no field {name!r}; known are {', '.join(_names())}"


def _audience(text: str, name: str, value: str) -> tuple[str, str, float]:
    _, dimension, segment = [*name.split(".", 2), ""][:3]
    if not dimension or not segment:
        raise BadInput(f"--where {text}: {_unknown('audience')}")
    return dimension, segment, _number(text, value)


def _range(text: str, value: str) -> tuple[float | None, float | None]:
    low, dots, high = (part.strip() for part in value.partition(".."))
    if not dots or not (low or high):
        raise BadInput(f"--where {text}: expected a range as in 10000..500000, 10000.. or ..500000")
    return (_number(text, low) if low else None), (_number(text, high) if high else None)


def _number(text: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise BadInput(f"--where {text}: {value!r} is no number") from None


def _truth(text: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise BadInput(f"--where {text}: got {value!r}, expected true or false")
    return value.lower() == "true"
