"""Check a market folder: a table per file, what was set aside, and whether it can be used."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from matching.errors import BadInput
from pipelines.console import complain, shown, stdout
from training.check_broken import write_set_aside
from training.market_tables import CheckedTables, check_tables, refuse_unusable

#: Reasons shown for each table, the most frequent ones.
REASONS_SHOWN = 5


def check_market(
    folder: Path, *, set_aside: Path | None = None, max_set_aside: float = 0.05
) -> int:
    """Check every row of a market and print what was found.

    Parameters
    ----------
    folder : Path
    set_aside : Path, optional
        Parquet file to write the list of broken cells to; not within the folder.
    max_set_aside : float
        Largest share of a table's rows that may break the contract.

    Returns
    -------
    int
        0: clean; 1: rows are set aside; 2: not usable, said in one line on stderr.
    """
    try:
        if set_aside is not None and folder.resolve() in set_aside.resolve().parents:
            raise BadInput(f"{set_aside}: lies in the market folder, which is never changed")
        checked = check_tables(folder)
        if set_aside is not None:
            # First, since a reader of what is printed may stop reading.
            write_set_aside(checked.set_aside, set_aside)
        print_checked(stdout(), checked)
        if set_aside is not None:
            stdout().print(
                f"{len(checked.set_aside)} broken cells are listed in {shown(set_aside)}"
            )
        refuse_unusable(checked.summary, max_set_aside)
    except BadInput as error:
        return complain(str(error))
    return 1 if len(checked.set_aside) else 0


def print_checked(console: Console, checked: CheckedTables) -> None:
    """Print rows, kept and set aside of each file, then the reasons with an example each."""
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    for name in ("rows", "kept", "set aside"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("columns ignored", overflow="fold")
    for one in checked.summary.to_dict("records"):
        counts = (f"{one[name]:,}" for name in ("rows", "kept", "set_aside"))
        table.add_row(one["file"], *counts, one["ignored_columns"])
    console.print(table)
    if len(checked.set_aside):
        console.print()
        console.print(_reasons_table(checked))
    for note in checked.notes:
        console.print(note)


def _reasons_table(checked: CheckedTables) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("set aside", overflow="fold")
    table.add_column("cells", justify="right", no_wrap=True)
    for name in ("reason", "for example"):
        table.add_column(name, overflow="fold")
    files = checked.summary.set_index("table")["file"]
    for broken, cells in checked.set_aside.groupby("table", sort=False):
        for one in reasons(cells).to_dict("records"):
            # Line ends would break the table; the list in Parquet has the value as written.
            value = " ".join(one["value"].split()) or "blank"
            table.add_row(
                files[str(broken)],
                f"{one['cells']:,}",
                f"{one['column']}: {one['reason']}" if one["column"] else one["reason"],
                f"row {one['row']}: {value}",
            )
    return table


def reasons(cells: pd.DataFrame) -> pd.DataFrame:
    """The most frequent reasons among broken cells, each with its first example.

    Returns
    -------
    DataFrame
        column, reason, cells (how many), row, value; the most frequent first.
    """
    found = cells.groupby(["column", "reason"], sort=False).agg(
        cells=("row", "size"), row=("row", "first"), value=("value", "first")
    )
    most = found.sort_values("cells", ascending=False, kind="stable").head(REASONS_SHOWN)
    return most.reset_index()
