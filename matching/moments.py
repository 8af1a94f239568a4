"""Moments as they are told, and as numbers: days since 1970-01-01, UTC."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd

from matching.errors import BadInput
from models.pairs import Floats

_EPOCH = pd.Timestamp(0, tz="UTC")
#: Years between which nanoseconds do not overflow.
_FIRST, _BEYOND = 1678, 2262
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}")


def days(times: pd.Series[pd.Timestamp]) -> Floats:
    """Days since 1970-01-01 of times in UTC.

    Examples
    --------
    >>> days(pd.Series(pd.to_datetime(["1970-01-02 12:00"], utc=True)))
    array([1.5])
    """
    return np.asarray((times - _EPOCH) / pd.Timedelta(days=1), dtype=np.float64)


def moment(day: float) -> pd.Timestamp:
    """The moment of a number of days, to the second.

    Examples
    --------
    >>> moment(1.5)
    Timestamp('1970-01-02 12:00:00+0000', tz='UTC')
    """
    return _EPOCH + pd.Timedelta(seconds=round(day * 86_400))


def day_of(as_of: str | date | pd.Timestamp) -> float:
    """Days since 1970-01-01 of a moment as told; without a zone it is taken as UTC.

    Raises
    ------
    BadInput
        When it is no moment.

    Examples
    --------
    >>> day_of("1970-01-02T08:00+08:00")
    1.0
    """
    try:
        # Only what is written: pandas would read "now" off the clock.
        read = isinstance(as_of, date) or (isinstance(as_of, str) and _DATED.match(as_of))
        told = pd.Timestamp(as_of) if read else None
        if told is None or pd.isna(told) or not _FIRST <= told.year < _BEYOND:
            raise ValueError(as_of)
    except (ValueError, TypeError, OverflowError):
        raise BadInput(
            f"as_of is {as_of!r}; expected a date or time like 2026-01-31 or 2026-01-31T18:30:00Z"
        ) from None
    utc = told.tz_localize("UTC") if told.tzinfo is None else told.tz_convert("UTC")
    return float((utc - _EPOCH) / pd.Timedelta(days=1))
