"""Events to weighted pairs, by one script on whatever engine holds the events.

The script is written in narwhals and runs where the data are: pandas and Arrow in memory, DuckDB
beyond it, Spark on many machines. It counts as :class:`~models.interactions.InteractionBuilder`
does and gives the same bits: every step is a sum or a product that IEEE 754 rounds alike
everywhere, and what is summed are whole numbers of grid steps, so that no order shows.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from matching.errors import BadInput
from models.columns import moment
from models.decay import GRID, MOST_HALF_LIVES, SQUARINGS, in_grid_steps, short_decay
from models.events import EVENT_KINDS, EventWeights
from models.interactions import Interactions
from models.vocabulary import Vocabulary

_PAIR = ["merchant_id", "creator_id"]
_DAY = 86_400_000_000.0  # in microseconds

# Epoch microseconds, in the words of engines for which narwhals has none. DuckDB and Spark keep
# instants in UTC, whatever their session shows; a time without a zone is UTC by the contract.
_DUCKDB = "*, epoch_us(CAST(occurred_at AS TIMESTAMPTZ)) AS _micros"
_DUCKDB_ZONELESS = "*, epoch_us(CAST(occurred_at AS TIMESTAMP)) AS _micros"
_SPARK = "unix_micros(occurred_at) AS _micros"
_SPARK_ZONELESS = "unix_micros(CAST(CAST(occurred_at AS STRING) || 'Z' AS TIMESTAMP)) AS _micros"


def interaction_table(
    events: Any,
    *,
    as_of: Any,
    weights: EventWeights | None = None,
    half_life_days: float | None = 180.0,
) -> Any:
    """Sum events to one signed weight for each pair.

    Parameters
    ----------
    events : data frame, relation or narwhals frame
        One row an event: ``merchant_id, creator_id, kind`` (texts) and, where known,
        ``occurred_at`` (a timestamp, UTC where it names no zone; missing: no decay) and ``amount``
        (how many such events a row stands for; missing: one).
    as_of : timestamp, datetime or ISO string
        The moment of knowledge. Later events are refused.
    weights : EventWeights, optional
    half_life_days : float or None
        Days after which an event counts half; None for no decay.

    Returns
    -------
    frame of the same engine
        ``merchant_id, creator_id, weight``: float32, none of them zero, in no order. DuckDB and
        Spark compute it when it is asked for; the events themselves are checked at once, which
        reads them one time more.

    Raises
    ------
    BadInput
        For a missing or mistyped column, missing ids, an unknown kind, a negative or infinite
        amount, or an event after ``as_of``.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"merchant_id": ["m1", "m1"], "creator_id": ["c1", "c1"]})
    >>> events["kind"] = ["posted", "sold"]
    >>> events["occurred_at"] = pd.to_datetime(["2024-07-01", "2024-06-01"])
    >>> interaction_table(events, as_of="2024-07-01", half_life_days=30)
      merchant_id creator_id  weight
    0          m1         c1     1.5
    """
    if half_life_days is not None and not half_life_days > 0:
        raise BadInput(f"half_life_days: got {half_life_days}, expected days above 0, or None")
    given = nw.from_native(events)
    until = int(moment(as_of).astype(np.int64))
    frame = _checked_types(given.lazy(), until)
    _check_rows(frame, until)
    weight = _of_kind(EventWeights() if weights is None else weights) * nw.col("_amount")
    frame = frame.with_columns(_weight=weight, _left=nw.lit(1.0))
    if half_life_days is not None:
        frame = _with_decay(frame, until, half_life_days)
    steps = in_grid_steps(nw.col("_weight") * nw.col("_left"))
    table = (
        frame.select(*_PAIR, _steps=steps)
        .group_by(*_PAIR)
        .agg(nw.col("_steps").sum())
        .select(*_PAIR, weight=(nw.col("_steps") * (1 / GRID)).cast(nw.Float32))
        .filter(nw.col("weight") != 0)
    )
    return (table.collect() if isinstance(given, nw.DataFrame) else table).to_native()


def matrix_of(table: Any) -> Interactions:
    """The weighted pairs of :func:`interaction_table`, of any engine, as a matrix.

    Ids of pairs whose weight came to zero are not in it.
    """
    arrow = nw.from_native(table).lazy().collect(backend="pyarrow").to_arrow()
    vocabularies, rows = [], []
    for column in _PAIR:
        coded = arrow[column].combine_chunks().dictionary_encode()
        ids = coded.dictionary.to_pylist()
        vocabulary = Vocabulary.of(ids)
        vocabularies.append(vocabulary)
        rows.append(vocabulary.find(ids)[0][coded.indices.to_numpy()])
    merchants, creators = vocabularies
    shape = (len(merchants), len(creators))
    matrix = csr_matrix(coo_matrix((arrow["weight"].to_numpy(), tuple(rows)), shape=shape))
    matrix.sort_indices()
    return Interactions(matrix, merchants, creators)


def _checked_types(frame: nw.LazyFrame[Any], until: int) -> nw.LazyFrame[Any]:
    """Columns of the expected types, times as ``_micros`` and amounts as ``_amount``."""
    schema = frame.collect_schema()
    for column in (*_PAIR, "kind"):
        if column not in schema:
            raise BadInput(f"events: no column {column}; expected one of texts")
        if schema[column] not in (nw.String, nw.Categorical, nw.Enum):
            raise BadInput(f"events: {column} is {schema[column]}, expected texts")
    amount = nw.lit(1.0)
    if "amount" in schema:
        if not schema["amount"].is_numeric():
            raise BadInput(f"events: amount is {schema['amount']}, expected numbers")
        told = nw.col("amount").cast(nw.Float64)
        amount = nw.when(told.is_null() | told.is_nan()).then(1.0).otherwise(told)
    # A time that is not known is the last one possible: nothing fades.
    micros = nw.lit(until)
    if "occurred_at" in schema:
        frame, micros = _micros(frame, schema["occurred_at"])
        micros = micros.fill_null(until)
    return frame.select(*_PAIR, "kind", _micros=micros, _amount=amount)


def _micros(frame: nw.LazyFrame[Any], timed: nw.dtypes.DType) -> tuple[nw.LazyFrame[Any], nw.Expr]:
    """Microseconds since 1970 in UTC, and the frame that holds them or what they come from."""
    native = frame.to_native()
    if frame.implementation.is_duckdb():
        # Some of DuckDB's timestamps are not known to narwhals, so DuckDB is asked itself.
        name = str(dict(zip(native.columns, native.types, strict=True))["occurred_at"])
        if name.startswith("TIMESTAMP"):
            words = _DUCKDB if "ZONE" in name or "TZ" in name else _DUCKDB_ZONELESS
            return nw.from_native(native.project(words)), nw.col("_micros")
    elif isinstance(timed, nw.Datetime):
        if not frame.implementation.is_pyspark():
            return frame, nw.col("occurred_at").dt.timestamp("us")
        words = _SPARK if timed.time_zone else _SPARK_ZONELESS
        return nw.from_native(native.selectExpr("*", words)), nw.col("_micros")
    raise BadInput(f"events: occurred_at is {timed}, expected timestamps")


def _check_rows(frame: nw.LazyFrame[Any], until: int) -> None:
    amount = nw.col("_amount")
    wrong = {
        "merchant_id missing; leave those events out": nw.col("merchant_id").is_null(),
        "creator_id missing; leave those events out": nw.col("creator_id").is_null(),
        f"a kind that is none of {', '.join(EVENT_KINDS)}": ~nw.col("kind").is_in(EVENT_KINDS),
        "an amount that is negative or infinite": (amount < 0) | (amount == float("inf")),
        "a time after as_of; leave them out or move as_of": nw.col("_micros") > until,
    }
    counts = [
        is_wrong.fill_null(name.startswith("a kind")).cast(nw.Int64).sum().alias(str(i))
        for i, (name, is_wrong) in enumerate(wrong.items())
    ]
    found = frame.select(*counts).collect(backend="pyarrow").to_dict(as_series=False)
    for i, name in enumerate(wrong):
        if found[str(i)][0]:
            raise BadInput(f"events: {found[str(i)][0]} of them have {name}")


def _of_kind(weights: EventWeights) -> nw.Expr:
    weight = nw.lit(0.0)
    for kind in EVENT_KINDS:
        weight = nw.when(nw.col("kind") == kind).then(weights.of(kind)).otherwise(weight)
    return weight


def _with_decay(frame: nw.LazyFrame[Any], until: int, half_life_days: float) -> nw.LazyFrame[Any]:
    """Set ``_left`` to what is left of each event, by the steps of :func:`models.decay.decay`."""
    age = (until - nw.col("_micros")).cast(nw.Float64) / _DAY / half_life_days
    frame = frame.with_columns(_share=age / MOST_HALF_LIVES)
    share = nw.when(nw.col("_share") > 1).then(1.0).otherwise(nw.col("_share"))
    frame = frame.with_columns(_share=share)
    frame = frame.with_columns(_left=short_decay(nw.col("_share")))
    for _ in range(SQUARINGS):
        # Each a step of its own: as one expression the polynomial would be written out 64 times.
        frame = frame.with_columns(_left=nw.col("_left") * nw.col("_left"))
    return frame
