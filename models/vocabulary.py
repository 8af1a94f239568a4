"""Ids outside, row numbers inside: the one place where they meet."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NewType, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

MerchantRow = NewType("MerchantRow", int)
CreatorRow = NewType("CreatorRow", int)
ProductRow = NewType("ProductRow", int)

Rows = npt.NDArray[np.int32]


class Vocabulary:
    """An immutable, sorted set of ids and their row numbers.

    The row after the last, ``len(vocabulary)``, is nobody's: models keep a neutral entry there
    for an entity that is not known yet.

    Examples
    --------
    >>> creators = Vocabulary.of(["c2", "c1", "c2"])
    >>> creators.ids.tolist()
    ['c1', 'c2']
    >>> creators.row("c2")
    1
    >>> rows, known = creators.find(["c2", "nobody"])
    >>> rows.tolist(), known.tolist()
    ([1], [True, False])
    """

    def __init__(self, index: pd.Index[str]) -> None:
        self._index = index

    @classmethod
    def of(cls, *ids: Iterable[str]) -> Vocabulary:
        """Collect the distinct ids of one or several iterables; missing values are passed over."""
        found = [pd.Index(pd.unique(pd.Series(part, dtype=object).dropna())) for part in ids]
        merged = found[0].append(found[1:]) if found else pd.Index([])
        return cls(pd.Index(sorted({str(one) for one in merged}), dtype=object))

    @property
    def ids(self) -> npt.NDArray[Any]:
        """The ids in row order, as an object array of strings that cannot be written to."""
        ids = self._index.to_numpy().view()
        ids.flags.writeable = False
        return ids

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, one: object) -> bool:
        return one in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._index.equals(other._index)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} ids)"

    def row(self, one: str) -> int:
        """Row of one id.

        Raises
        ------
        KeyError
            When the id is unknown; the message names the nearest known ids.
        """
        try:
            return int(cast(int, self._index.get_loc(one)))
        except KeyError:
            near = get_close_matches(str(one), self._index, n=3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise KeyError(f"{one!r} is not among the {len(self)} known ids{hint}") from None

    def find(self, ids: Iterable[str]) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """Rows of the known ids, and which of those asked for are known.

        Returns
        -------
        rows : int32 array, one entry per *known* id, in the order asked
        known : bool array, one entry per id asked
        """
        wanted = pd.Index(pd.Series(list(ids) if not hasattr(ids, "dtype") else ids, dtype=object))
        rows = self._index.get_indexer(wanted)
        known = rows >= 0
        return rows[known].astype(np.int32), known
