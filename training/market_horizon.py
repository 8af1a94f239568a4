"""What a market knew at a moment: nothing after it is seen.

Rows that carry a time are known from then on; a day is known once it has ended. Shares and
vectors carry none: they are known as soon as the creator or product they describe is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.errors import BadInput
from training.check_cells import TIME_PATTERN, Mask
from training.schema_types import Kind, Table

#: Tables whose rows appear at a time of their own, and what the other tables call them.
_ENTITIES = {"creators": "creator", "products": "product"}

#: What names a column that sums up the last days before a table was written.
_TRAILING = "_30d"

#: Read tables in this order, so that entities still to come are known before what tells of them.
FIRST = tuple(_ENTITIES)


class Horizon:
    """Hides what lies after ``as_of``, table by table, those of :data:`FIRST` first.

    Parameters
    ----------
    as_of : Timestamp or None
        In UTC. None hides nothing.
    """

    def __init__(self, as_of: pd.Timestamp | None) -> None:
        self.as_of = as_of
        self._to_come: dict[str, set[str]] = {}

    def hides(self, table: Table, cells: Callable[[str], npt.NDArray[Any]]) -> Mask | None:
        """Which rows of a table are not known yet.

        Parameters
        ----------
        table : Table
        cells : callable
            Gives the typed values of a column by its name, datetime64[ns] in UTC for times.

        Returns
        -------
        bool array, or None where all rows are known
        """
        if self.as_of is None:
            return None
        late: Mask | None = None
        since = None
        if table.time is not None:
            since = known_since(table, cells(table.time))
            late = np.asarray(since > self.as_of.to_datetime64(), dtype=bool)
        if table.name in _ENTITIES and late is not None and late.any():
            ids = cells(table.key[0])
            self._to_come[_ENTITIES[table.name]] = set(ids[late]) - set(ids[~late]) - {None}
        if any(self._to_come.values()) and any(one.name == "entity_id" for one in table.columns):
            told = self._tells_of_entities_to_come(cells("entity"), cells("entity_id"))
            if since is not None and late is not None:
                told = late | (told & np.isnat(since))
            late = told
        return late if late is not None and late.any() else None

    def _tells_of_entities_to_come(self, entity: npt.NDArray[Any], ids: npt.NDArray[Any]) -> Mask:
        told = np.zeros(len(ids), dtype=bool)
        for name, to_come in self._to_come.items():
            told |= (entity == name) & np.asarray(pd.Series(ids, dtype=object).isin(to_come))
        return told


def known_since(table: Table, times: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
    """Moments from which on rows are known; NaT = unknown."""
    since: npt.NDArray[np.datetime64] = times.astype("datetime64[ns]")
    if any(one.name == table.time and one.kind is Kind.DAY for one in table.columns):
        since = since + np.timedelta64(1, "D")
    return since


def without_trailing_sums(frame: pd.DataFrame) -> pd.DataFrame:
    """Make sums over the last 30 days unknown: they describe the day a table was written.

    Examples
    --------
    >>> without_trailing_sums(pd.DataFrame({"followers": [9.0], "gmv_30d_low": [5.0]})).to_dict()
    {'followers': {0: 9.0}, 'gmv_30d_low': {0: nan}}
    """
    trailing = [str(column) for column in frame if _TRAILING in str(column)]
    return frame.assign(**dict.fromkeys(trailing, np.nan))


def parse_as_of(as_of: str | date | pd.Timestamp | None) -> pd.Timestamp | None:
    """A moment in UTC from text or a timestamp; without a zone it is taken as UTC.

    Raises
    ------
    BadInput
        When it is no moment.

    Examples
    --------
    >>> parse_as_of("2026-01-31T08:00+08:00")
    Timestamp('2026-01-31 00:00:00+0000', tz='UTC')
    """
    if as_of is None:
        return None
    # Only a written moment: pandas would read "now" off the clock.
    written = not isinstance(as_of, str) or re.match(TIME_PATTERN, as_of.strip())
    try:
        moment = pd.Timestamp(as_of) if written else pd.NaT
        if moment is pd.NaT or pd.isna(moment):
            raise ValueError(as_of)
        utc = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
        return utc.as_unit("ns")
    except (ValueError, TypeError, OverflowError):
        raise BadInput(
            f"as_of is {as_of!r}; expected a date or time like 2026-01-31 or 2026-01-31T18:30:00Z"
        ) from None
