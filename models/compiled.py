"""Loops that numpy has no words for, compiled by numba on their first call.

Compiled code is kept beside the source, or in the user's cache where that cannot be written to, so
that only the first process on a machine waits for it. It lets go of Python's lock: threads of the
caller run it side by side. Nothing here starts threads of its own, so any number of callers may.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pickle import UnpicklingError
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

_Loop = TypeVar("_Loop", bound=Callable[..., Any])

#: Sums may be taken in another order than written, so that they use the processor's vectors. The
#: order depends on the length of the sum alone: a row's result never depends on other rows.
#: Not-a-number stays what it is.
REORDERED = frozenset({"reassoc", "contract", "nsz"})

#: What reading a file of numba's may end in when it was cut short or written by another release.
_UNREADABLE = (
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    OSError,
    UnpicklingError,
    ValueError,
)


def compiled(loop: _Loop, *, reordered: bool = False) -> _Loop:
    """Compile a loop over arrays; its ``py_func`` is the same loop in Python.

    Parameters
    ----------
    reordered : bool
        Let sums be taken in the order that is fastest.

    Examples
    --------
    >>> import numpy as np
    >>> @compiled
    ... def total(numbers):
    ...     found = 0.0
    ...     for one in numbers:
    ...         found += one
    ...     return found
    >>> total(np.ones(3))
    3.0
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    if reordered:
        options["fastmath"] = set(REORDERED)
    made: Any
    try:
        made = numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # numba's word for: no folder to keep it in
        return numba.njit(**options)(loop)  # type: ignore[no-any-return]
    if hasattr(made, "_cache"):  # not where numba is told to leave loops as they are
        kept = made._cache
        file = kept._cache_file
        file._source_stamp = (file._source_stamp, *_stamps(loop))
        file._load_index = partial(_readable, file._load_index, dict)
        kept.load_overload = partial(_readable, kept.load_overload, lambda: None)
        kept.save_overload = partial(_kept_if_possible, kept.save_overload)
    return made  # type: ignore[no-any-return]


def _readable(read: Callable[..., Any], nothing: Callable[[], Any], *asked: Any) -> Any:
    """What is kept of a loop; nothing when it is damaged, or of a kind of tuple that is no more."""
    try:
        return read(*asked)
    except _UNREADABLE:
        return nothing()


def _kept_if_possible(keep: Callable[..., None], *told: Any) -> None:
    """Keep machine code; a full disk only means that the next process compiles again."""
    with suppress(OSError):
        keep(*told)


def _stamps(loop: Callable[..., Any]) -> list[Any]:
    """What a loop's machine code depends on beside its own file.

    numba looks at that file alone, and would keep to what an older release had compiled.
    """
    named: list[Any] = [loop.__globals__.get(name) for name in loop.__code__.co_names]
    return [
        part._cache._cache_file._source_stamp if hasattr(part, "_cache") else part
        for part in named
        if isinstance(part, (int, float)) or hasattr(part, "_cache")
    ]


def settled(array: npt.NDArray[Any], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array as loops take it for good: of one kind, contiguous, not to be written to.

    Whether it was learnt just now or read from a bundle, it is then of one type, and one compiled
    form of each loop serves both.
    """
    view = np.ascontiguousarray(array, dtype=kind).view(np.ndarray)
    view.flags.writeable = False
    return view
