"""Loops that numpy has no words for, compiled by numba on their first call.

Compiled code is kept beside the source, or in the user's cache where that cannot be written to, so
that only the first process on a machine waits for it. It lets go of Python's lock: threads of the
caller run it side by side. Nothing here starts threads of its own, so any number of callers may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_Loop = TypeVar("_Loop", bound=Callable[..., Any])

#: Sums may be taken in another order than written, so that they use the processor's vectors. The
#: order depends on the length of the sum alone: a row's result never depends on other rows.
#: Not-a-number stays what it is.
REORDERED = frozenset({"reassoc", "contract", "nsz"})


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
    made: _Loop
    try:
        made = numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # numba's word for: no folder to keep it in
        made = numba.njit(**options)(loop)
    return made
