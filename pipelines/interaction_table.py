"""Events of a Parquet file to weighted pairs, on an engine of your choice.

    python -m pipelines.interaction_table events.parquet --out pairs.parquet --as-of 2024-07-01

The result is the same on every engine; pandas is there already, DuckDB and Spark go further.
"""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import narwhals as nw
import typer

from matching.errors import BadInput
from pipelines.console import complain
from pipelines.spark import spark_session
from training.interaction_table import interaction_table


class TableEngine(StrEnum):
    """What the events are summed on."""

    pandas = "pandas"
    duckdb = "duckdb"
    pyspark = "pyspark"


def write_interaction_table(
    events: Path,
    out: Path,
    *,
    as_of: Any,
    half_life_days: float | None = 180.0,
    engine: TableEngine = TableEngine.pandas,
    master: str | None = None,
) -> None:
    """Sum a file of events to pairs and write those as Parquet; Spark writes a folder of it.

    Raises
    ------
    BadInput
        When ``out`` is there already, or as
        :func:`~training.interaction_table.interaction_table` and
        :func:`~pipelines.spark.spark_session`.
    """
    if out.exists():
        raise BadInput(f"{out}: is there already; name another place")
    if not events.exists():
        raise BadInput(f"{events}: is not there; expected Parquet with one row an event")
    with ExitStack() as stack:
        session = {}
        if engine is TableEngine.pyspark:
            session["session"] = stack.enter_context(spark_session("interaction table", master))
        frame = nw.scan_parquet(str(events), backend=engine.value, **session)
        table = interaction_table(frame, as_of=as_of, half_life_days=half_life_days)
        nw.from_native(table).lazy().sink_parquet(str(out))


def main(
    events: Annotated[Path, typer.Argument(help="Parquet with one row an event.")],
    out: Annotated[Path, typer.Option(help="Where the pairs go.")],
    as_of: Annotated[str, typer.Option(help="The moment of knowledge, UTC.")],
    half_life_days: Annotated[float, typer.Option(help="Days after which half is left.")] = 180.0,
    engine: Annotated[TableEngine, typer.Option(help="What to run on.")] = TableEngine.pandas,
    master: Annotated[str | None, typer.Option(help="Where Spark runs.")] = None,
) -> None:
    """Sum a file of events to one signed weight for each pair."""
    try:
        write_interaction_table(
            events, out, as_of=as_of, half_life_days=half_life_days, engine=engine, master=master
        )
    except ValueError as error:
        raise typer.Exit(complain(str(error))) from error


if __name__ == "__main__":  # pragma: no cover
    typer.run(main)
