"""What a table of the contract is made of: kinds of cells, columns, rules between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

#: Cells that mean "unknown", besides an empty one.
BLANK_WORDS = ("", "NA", "N/A", "NaN", "nan", "NaT", "null", "NULL", "None", "<NA>")


class Kind(StrEnum):
    """What a cell of a column holds."""

    WORD = "word"
    """An id, a name, a label: text exactly as written, without blanks around it."""
    NUMBER = "number"
    """A finite number, within the column's limits."""
    TIME = "time"
    """A moment, in UTC unless the cell says otherwise."""
    DAY = "day"
    """A calendar day, in UTC."""
    VECTOR = "vector"
    """A list of finite numbers."""


@dataclass(frozen=True)
class Column:
    """One column of the contract.

    Attributes
    ----------
    name : str
    kind : Kind
    required : bool
        The column must be there and none of its cells may be blank.
    least, most : float
        Limits of a number, both allowed.
    whole : bool
        A number without a fraction.
    choices : tuple of str
        The words allowed; empty means any.
    """

    name: str
    kind: Kind
    required: bool = False
    least: float = float("-inf")
    most: float = float("inf")
    whole: bool = False
    choices: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The column names it may come under: for a number also its range."""
        if self.kind is not Kind.NUMBER:
            return (self.name,)
        return (self.name, f"{self.name}_low", f"{self.name}_high")


@dataclass(frozen=True)
class Rule:
    """In no row is ``column`` above (or below) ``other``, where both are known."""

    column: str
    never: Literal["above", "below"]
    other: str


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    Attributes
    ----------
    name : str
    columns : tuple of Column
    key : tuple of str
        Columns that name a row; of several rows with one key the first is kept, and the others
        are set aside for their last key column. Empty: any row may come twice.
    time : str or None
        The column that tells since when a row is known. A ``DAY`` is known once it has ended.
    event : bool
        Rows happen at ``time``; the latest of them is the default ``as_of``.
    rules : tuple of Rule
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    time: str | None = None
    event: bool = False
    rules: tuple[Rule, ...] = ()

    def column(self, name: str) -> Column:
        """Find the column of that name; ``KeyError`` when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")
