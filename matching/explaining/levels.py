"""How large a factor is told to be, and which step stands out: numbers that many rows share.

A list of two hundred then needs few sentences.
"""

from __future__ import annotations

import numpy as np

from matching.reasons.grounds import AT_MOST
from matching.reasons.told import Codes
from matching.shortlists import Starts
from models.compiled import compiled
from models.pairs import Floats
from models.vocabulary import Rows

#: Levels below 2 are told in percent, up to 10 in tenths, beyond in whole times, up to 1,000.
_PERCENT = 200
#: Number of all levels; a code is that times the step that stands out, plus a level.
LEVELS = 10_201


def factor_of(level: int) -> float:
    """A factor from its level.

    Examples
    --------
    >>> factor_of(62), factor_of(234), factor_of(390)
    (0.62, 3.4, 19.0)
    """
    return level / 100 if level <= _PERCENT else (level - _PERCENT) / 10


@compiled
def levels_told(
    starts: Starts,
    merchants: Rows,
    promoted: Rows,
    usual: Floats,
    mixes: Floats,
    products: Floats,
    factor: float,
    exposures: Floats,
    conversion: Floats,
    orders: Floats,
    alone: int,
) -> Rows:
    """Which step stands out, and the level of what is told; -1 where it is not known.

    Parameters
    ----------
    merchants, promoted : int32 arrays of shape (m,)
        Rows of merchants and of products, the last for none in particular.
    usual, mixes, products : float64 arrays
        As `matching.explaining.beside.Beside` has them.
    exposures, conversion, orders : float64 arrays of shape (n,)
    alone : int
        The one step that the list is by, 0 where it is by what is sold.
    """
    found = np.full(len(exposures), -1, dtype=np.int32)
    steps = np.empty(3)
    brought = np.empty(3)
    for i in range(len(starts) - 1):
        for step in range(3):
            added = products[promoted[i], step]
            if promoted[i] == len(products) - 1:
                added = mixes[merchants[i], step]
            brought[step] = np.exp(usual[merchants[i], step] + added)
        for at in range(starts[i], starts[i + 1]):
            # Amounts count from one.
            steps[0] = (exposures[at] + 1.0) / brought[0]
            each = exposures[at] * conversion[at] * factor
            steps[1] = orders[at] / each / brought[1] if each > 0.0 else np.nan
            steps[2] = conversion[at] / brought[2]
            whole = steps[0] * steps[1] * steps[2]
            if alone > 0:
                whole = steps[alone - 1]
            if not (whole > 0.0 and whole < np.inf):
                continue
            most, which = 1.0, 0
            for step in range(3):
                beyond = steps[step] if whole > 1.0 else 1.0 / steps[step]
                if alone == 0 and beyond > most:
                    most, which = beyond, step + 1
            if whole < 1.995:
                level = int(np.rint(100.0 * whole))
            elif whole < 9.95:
                level = _PERCENT + int(np.rint(10.0 * whole))
            else:
                level = _PERCENT + 10 * int(np.rint(min(whole, 1000.0)))
            found[at] = which * LEVELS + level
    return found


@compiled
def with_one_more(
    starts: Starts, told: Codes, codes: Codes, numbers: Codes, texts: int, silent: int
) -> tuple[Starts, Codes]:
    """What is told of each row, with one more text behind it.

    Parameters
    ----------
    starts : int64 array of shape (n + 1,)
    told : int32 array
        Texts of each row, as in `matching.reasons.told.Told`.
    codes, numbers : int32 arrays of shape (n,)
        Below 0 where there is nothing to add; and which of the new texts is to be.
    texts : int
        How many there were before them.
    silent : int
        The text that gives way, -1 for none.
    """
    ends = np.zeros(len(starts), dtype=np.int64)
    found = np.empty(len(told) + len(codes), dtype=np.int32)
    end = 0
    for row in range(len(codes)):
        last = starts[row + 1]
        if codes[row] >= 0:
            last = min(last, starts[row] + AT_MOST - 1)
        for at in range(starts[row], last):
            if codes[row] < 0 or told[at] != silent:
                found[end] = told[at]
                end += 1
        if codes[row] >= 0:
            found[end] = texts + numbers[row]
            end += 1
        ends[row + 1] = end
    return ends, found[:end]
