"""What is asked of a list: checked once, passed on as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.errors import BadInput
from matching.filters import Where
from matching.ranking import check_objective
from matching.variety import POOL, check_variety


@dataclass(frozen=True)
class Request:
    """How long a list shall be, ranked by what, of whom and how varied.

    Attributes
    ----------
    k : int
    objective : str
    where : Where, optional
    only_new : bool
        Leave out those who have worked with the asker.
    variety : float in [0, 1]

    Raises
    ------
    BadInput
        When one of them cannot be used.
    """

    k: int
    objective: str
    where: Where | None = None
    only_new: bool = False
    variety: float = 0.0

    def __post_init__(self) -> None:
        check_objective(self.objective)
        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer) or self.k < 1:
            raise BadInput(f"k: got {self.k!r}, expected a whole number from 1 on")
        if self.where is not None and not isinstance(self.where, Where):
            raise BadInput(
                f"where: got {self.where!r}, expected a Where; write Where(categories=[…])"
            )
        check_variety(self.variety)

    @property
    def considered(self) -> int:
        """How many of the best are looked at; all that may be re-ranked, where that is asked."""
        return max(self.k, POOL) if self.variety else self.k


def texts(wanted: Sequence[str], name: str) -> list[str]:
    """Ids as a list.

    Raises
    ------
    BadInput
        When something among them is no text.
    """
    several = hasattr(wanted, "__iter__") and not isinstance(wanted, bytes)
    ids: list[Any] = list(wanted) if several else [wanted]
    wrong = [one for one in ids if not isinstance(one, str)]
    if wrong:
        raise BadInput(
            f"{name}: got {wrong[0]!r} of type {type(wrong[0]).__name__}, expected a text or a "
            "list of texts"
        )
    return ids


def several_texts(wanted: Sequence[str], name: str) -> list[str]:
    """Ids as a list, where one text would be taken for its letters.

    Raises
    ------
    BadInput
        When they are one text, or something among them is no text.
    """
    if isinstance(wanted, str):
        raise BadInput(f"{name}: got {wanted!r}, expected a list; write [{wanted!r}]")
    return texts(wanted, name)


def partner_texts(wanted: Sequence[str], of: str) -> list[str]:
    """Ids of the partners that stand for somebody nobody knows, each once.

    Parameters
    ----------
    of : str
        ``creator`` or ``merchant``: what the partners are.

    Raises
    ------
    BadInput
        When they are one text, none at all, or something else among them is no text.
    """
    if isinstance(wanted, str):
        raise BadInput(f"partners: got {wanted!r}, expected a list of {of} ids; write [{wanted!r}]")
    ids = texts(wanted, "partners")
    if not ids:
        raise BadInput(f"partners: got none, expected one {of} id or more to tell who is asking")
    return list(dict.fromkeys(ids))
