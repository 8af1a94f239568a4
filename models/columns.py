"""Columns of a batch, from Arrow, pandas, numpy or a list, as the numpy arrays models work on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Codes = npt.NDArray[np.int32]

_ENCODED = pa.dictionary(pa.int32(), pa.large_string())


class GrowingDictionary:
    """Distinct strings, numbered as they are met.

    Examples
    --------
    >>> met = GrowingDictionary("creator_ids")
    >>> met.codes([met.encode(["c2", "c1"]), met.encode(["c3", "c2"])]).tolist()
    [0, 1, 2, 0]
    >>> list(met.numbers)
    ['c2', 'c1', 'c3']
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def encode(self, ids: Any) -> pa.DictionaryArray:
        """Check a batch of ids and encode it by a dictionary of its own; nothing is numbered yet.

        Dictionary-encoded Arrow arrays and pandas categoricals are taken as they are.

        Raises
        ------
        ValueError
            For ids that are not strings, or missing.
        """
        encoded = self._arrow(ids)
        if len(encoded.dictionary) > len(encoded) or encoded.dictionary.null_count:
            # A batch cut from a file brings the dictionary of the whole file, maybe with a null.
            encoded = encoded.dictionary_decode().dictionary_encode()
        if encoded.null_count:
            raise ValueError(
                f"{self.name} holds {encoded.null_count} missing ids; leave those events out"
            )
        return encoded

    def codes(self, batches: list[pa.DictionaryArray]) -> Codes:
        """Lasting numbers of the ids of some batches; ids not met before get the next ones."""
        together = pa.chunked_array(batches).unify_dictionaries().combine_chunks()
        numbers = self.numbers
        lasting = np.array(
            [numbers.setdefault(word, len(numbers)) for word in together.dictionary.to_pylist()],
            dtype=np.int32,
        )
        codes: Codes = lasting[together.indices.to_numpy()]
        return codes

    def _arrow(self, ids: Any) -> pa.DictionaryArray:
        if isinstance(ids, pd.Series | pd.Index):
            ids = ids.array
        if not isinstance(ids, pa.Array | pa.ChunkedArray):
            try:
                ids = pa.array(ids, from_pandas=True)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise ValueError(f"{self.name} must be strings; {error}") from None
        kind = ids.type.value_type if pa.types.is_dictionary(ids.type) else ids.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and len(ids):
            raise ValueError(f"{self.name} must be strings, not {kind}; write them as text")
        # One type throughout, so that the dictionaries of all batches can be unified.
        ids = ids.cast(_ENCODED)
        if isinstance(ids, pa.ChunkedArray):
            ids = ids.unify_dictionaries().combine_chunks()
        return ids


def numbers(values: Any) -> npt.NDArray[np.float64]:
    """Read a numeric column as float64, NaN where missing."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        values = values.to_pandas()
    if isinstance(values, pd.Series):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(values, dtype=np.float64)


def moments(values: Any) -> npt.NDArray[np.datetime64]:
    """Read a column of UTC times as datetime64[us], NaT where missing; no zone means UTC.

    Examples
    --------
    >>> moments(["2024-01-01T08:00:00+08:00", None]).tolist()
    [datetime.datetime(2024, 1, 1, 0, 0), None]
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        # Arrow counts from the epoch in UTC whatever the zone; without one the contract says UTC.
        timed = pa.types.is_timestamp(values.type)
        values = values.to_numpy(zero_copy_only=False) if timed else values.to_pandas()
    if not (isinstance(values, np.ndarray) and values.dtype.kind == "M"):
        values = pd.to_datetime(pd.Series(values), utc=True).dt.tz_localize(None).to_numpy()
    micros: npt.NDArray[np.datetime64] = values.astype("datetime64[us]", copy=False)
    return micros


def moment(value: Any) -> np.datetime64:
    """Read one UTC time as datetime64[us].

    Raises
    ------
    ValueError
        When it cannot be read as a time.
    """
    try:
        parsed = pd.to_datetime(value, utc=True)
    except (ValueError, TypeError):
        parsed = pd.NaT
    if not isinstance(parsed, pd.Timestamp):
        raise ValueError(f"{value!r} is not a time; give one like '2024-07-01' or a datetime")
    return parsed.tz_localize(None).as_unit("us").to_datetime64()
