"""Events to pairs on several engines: the same bits, and the builder's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from matching.errors import BadInput
from models.decay import decay
from models.interactions import EVENT_KINDS, EventWeights, InteractionBuilder, Interactions
from pipelines.interaction_table import TableEngine, main, write_interaction_table
from pipelines.spark import spark_session
from tests.spark_cluster import light_spark
from training.interaction_table import interaction_table, matrix_of

AS_OF = "2024-07-01T12:00:00Z"


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    """Synthetic events: some without a time or an amount, some exactly between two grid steps."""
    draw = np.random.default_rng(5)
    n = 4000
    ages = pd.to_timedelta(draw.integers(0, 400 * 86_400 * 10**6, n), unit="us")
    frame = pd.DataFrame(
        {
            "merchant_id": [f"m{i}" for i in draw.integers(0, 40, n)],
            "creator_id": [f"c{i}" for i in draw.integers(0, 60, n)],
            "kind": np.array(EVENT_KINDS, dtype=object)[draw.integers(0, len(EVENT_KINDS), n)],
            "occurred_at": (pd.Timestamp(AS_OF) - ages).astype("datetime64[us, UTC]"),
            "amount": draw.gamma(2.0, 2.0, n),
        }
    )
    frame.loc[draw.random(n) < 0.1, "occurred_at"] = pd.NaT
    frame.loc[draw.random(n) < 0.2, "amount"] = np.nan
    frame.loc[:99, "amount"] = (np.arange(100) + 0.5) * 2.0**-36
    frame.loc[:99, ["kind", "occurred_at"]] = ["posted", pd.NaT]
    # One pair that comes to nothing.
    last = frame.index[-2:]
    frame.loc[last, ["merchant_id", "creator_id", "occurred_at"]] = ["even", "odd", pd.NaT]
    frame.loc[last, "amount"] = 1.0
    frame.loc[last, "kind"] = ["posted", "refused"]
    return frame


@pytest.fixture(scope="module")
def built(events: pd.DataFrame) -> Interactions:
    """What the builder makes of them, less the pair that came to nothing."""
    builder = InteractionBuilder(as_of=AS_OF, half_life_days=30)
    some = events[events["merchant_id"] != "even"]
    builder.add(*(some[name] for name in some))
    return builder.build()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session that shows times in a zone which is not UTC."""
    with (
        light_spark(tmp_path_factory.mktemp("conf")),
        spark_session("tests", "local[2,4]") as session,
    ):
        session.conf.set("spark.sql.session.timeZone", "Asia/Shanghai")
        session.conf.set("spark.sql.shuffle.partitions", "3")
        yield session


def same(table: Any, built: Interactions) -> None:
    found = matrix_of(table)
    assert found.merchants == built.merchants
    assert found.creators == built.creators
    assert found.matrix.dtype == np.float32
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found.matrix, part), getattr(built.matrix, part))


def table_of(events: Any, **options: Any) -> Any:
    return interaction_table(events, **{"as_of": AS_OF, "half_life_days": 30, **options})


def test_pandas_arrow_and_narwhals_give_the_builders_bits(
    events: pd.DataFrame, built: Interactions
) -> None:
    found = table_of(events)
    assert isinstance(found, pd.DataFrame)
    assert list(found) == ["merchant_id", "creator_id", "weight"]
    assert found["weight"].dtype == np.float32
    same(found, built)
    same(table_of(events.sample(frac=1.0, random_state=1).astype({"kind": "category"})), built)
    arrow = table_of(pa.Table.from_pandas(events))
    assert isinstance(arrow, pa.Table)
    same(arrow, built)
    same(table_of(nw.from_native(events)), built)


def test_duckdb_gives_the_same_bits(events: pd.DataFrame, built: Interactions) -> None:
    with duckdb.connect(config={"threads": 2}) as connection:
        zoned = connection.from_arrow(pa.Table.from_pandas(events))
        found = table_of(zoned)
        assert isinstance(found, duckdb.DuckDBPyRelation)
        same(found, built)
        plain = events.assign(occurred_at=events["occurred_at"].dt.tz_localize(None))
        same(table_of(connection.from_arrow(pa.Table.from_pandas(plain))), built)


def test_spark_gives_the_same_bits(events: pd.DataFrame, built: Interactions, spark: Any) -> None:
    from pyspark.sql import DataFrame

    zoned = spark.createDataFrame(pa.Table.from_pandas(events)).repartition(3)
    found = table_of(zoned)
    assert isinstance(found, DataFrame)
    same(found, built)
    plain = zoned.selectExpr(
        "* EXCEPT (occurred_at)", "to_utc_timestamp(occurred_at, 'Asia/Shanghai') AS shown"
    ).selectExpr("* EXCEPT (shown)", "CAST(shown AS TIMESTAMP_NTZ) AS occurred_at")
    same(table_of(plain), built)


def test_times_amounts_and_decay_may_be_left_out() -> None:
    events = pd.DataFrame({"merchant_id": ["m", "m"], "creator_id": ["c", "c"]})
    events["kind"] = ["posted", "sold"]
    weights = EventWeights(posted=0.25, sold=-4.0)
    for half_life_days in (None, 10):
        found = table_of(events, weights=weights, half_life_days=half_life_days)
        assert found["weight"].tolist() == [-3.75]
    timed = events.assign(occurred_at=pd.Timestamp("2020-01-01"))
    assert table_of(timed, half_life_days=None)["weight"].tolist() == [2.0]
    assert matrix_of(table_of(events.iloc[:0])).matrix.shape == (0, 0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "posed"}, "1 of them have a kind that is none of viewed, invited, "),
        ({"kind": None}, "1 of them have a kind that is none of"),
        ({"merchant_id": None}, "1 of them have merchant_id missing; leave those events out"),
        ({"creator_id": None}, "1 of them have creator_id missing; leave those events out"),
        ({"amount": -1.0}, "1 of them have an amount that is negative or infinite"),
        ({"amount": np.inf}, "1 of them have an amount that is negative or infinite"),
        ({"occurred_at": pd.Timestamp("2025-01-01", tz="UTC")}, "time after as_of; leave them out"),
    ],
)
def test_wrong_events_are_refused(
    events: pd.DataFrame, changed: dict[str, Any], words: str
) -> None:
    wrong = events.copy()
    for name, value in changed.items():
        wrong.loc[7, name] = value
    relation = duckdb.from_arrow(pa.Table.from_pandas(wrong))
    for some in (wrong, relation):
        with pytest.raises(BadInput, match=words):
            table_of(some)


def test_wrong_columns_are_refused(events: pd.DataFrame) -> None:
    with pytest.raises(BadInput, match="no column kind; expected one of texts"):
        table_of(events.drop(columns="kind"))
    with pytest.raises(BadInput, match="merchant_id is Int64, expected texts"):
        table_of(events.assign(merchant_id=1))
    with pytest.raises(BadInput, match="amount is String, expected numbers"):
        table_of(events.assign(amount="1"))
    late = events.assign(occurred_at="2024-01-01")
    for some in (late, duckdb.from_arrow(pa.Table.from_pandas(late))):
        with pytest.raises(BadInput, match="occurred_at is String, expected timestamps"):
            table_of(some)
    with pytest.raises(BadInput, match="half_life_days: got 0, expected days above 0, or None"):
        table_of(events, half_life_days=0)


def test_a_file_of_events_becomes_a_file_of_pairs(
    events: pd.DataFrame, built: Interactions, spark: Any, tmp_path: Path
) -> None:
    file = tmp_path / "events.parquet"
    events.to_parquet(file, coerce_timestamps="us")
    for engine in TableEngine:
        out = tmp_path / engine.value
        write_interaction_table(file, out, as_of=AS_OF, half_life_days=30, engine=engine)
        same(pd.read_parquet(out), built)


def test_the_command_tells_what_it_cannot_use(events: pd.DataFrame, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(main)
    file, out = tmp_path / "events.parquet", tmp_path / "pairs.parquet"
    run = CliRunner().invoke
    asked = [str(file), "--out", str(out), "--as-of"]
    assert run(app, [*asked, AS_OF]).exit_code == 2
    events.to_parquet(file, coerce_timestamps="us")
    assert run(app, [*asked, "someday"]).exit_code == 2
    assert run(app, [*asked, AS_OF]).exit_code == 0
    assert list(pd.read_parquet(out)) == ["merchant_id", "creator_id", "weight"]
    assert run(app, [*asked, AS_OF]).exit_code == 2
    for words in ("expected Parquet with one row an event", "'someday' is not a time"):
        with pytest.raises(ValueError, match=words):
            write_interaction_table(
                file if "someday" in words else tmp_path / "none", tmp_path / "new", as_of="someday"
            )
    with pytest.raises(BadInput, match="is there already; name another place"):
        write_interaction_table(file, out, as_of=AS_OF)


def test_decay_is_the_power_of_two() -> None:
    half_lives = np.concatenate([np.linspace(0.0, 64.0, 20_001), [0.0, 1e3, 1e9]])
    left = decay(half_lives)
    expected = np.exp2(-np.minimum(half_lives, 64.0))
    np.testing.assert_allclose(left, expected, rtol=3e-14)
    assert left[0] == 1.0
    assert decay(np.empty(0)).tolist() == []
