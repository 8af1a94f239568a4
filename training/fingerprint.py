"""The fingerprint of a market's content, whatever the format of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.schema import TABLES


def fingerprint(tables: Mapping[str, pd.DataFrame]) -> str:
    """SHA-256 of all rows in the contract's columns.

    Neither the order of the columns nor a column that is blank throughout makes a difference.

    Parameters
    ----------
    tables : mapping of table name to DataFrame
        Typed as in :class:`~training.market.Market`.
    """
    digest = hashlib.sha256()
    for name, table in TABLES.items():
        if name not in tables or tables[name].empty:
            continue
        digest.update(f"{name}:{len(tables[name])}\n".encode())
        names = [one for column in table.columns for one in column.names]
        for column in (one for one in names if one in tables[name]):
            # A column that is blank throughout adds nothing: it might as well be gone.
            for part in _bytes(tables[name][column]):
                digest.update(f"{column}:{len(part)}\n".encode())
                digest.update(part)
    return digest.hexdigest()


def naive_times(times: pd.Series) -> npt.NDArray[np.datetime64]:
    """Times in UTC as datetime64[ns], which knows no zone."""
    naive: npt.NDArray[np.datetime64] = times.dt.tz_localize(None).to_numpy()
    return naive.astype("datetime64[ns]")


def _bytes(cells: pd.Series) -> list[bytes]:
    """The content of a column, so that different columns give different bytes; [] if unknown."""
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        times = naive_times(cells)
        return [] if np.isnat(times).all() else [times.tobytes()]
    if cells.dtype.kind == "f":
        unknown = np.isnan(cells.to_numpy())
        # Adding 0 turns -0 into 0, and one NaN is as good as another.
        same = np.where(unknown, np.nan, cells.to_numpy() + 0.0)
        return [] if unknown.all() else [same.tobytes()]
    if cells.size and isinstance(cells.iloc[0], np.ndarray):
        sizes = np.array([len(one) for one in cells], dtype=np.int64)
        return [sizes.tobytes(), np.concatenate(cells.to_list()).tobytes()]
    codes, words = pd.factorize(cells)
    if not len(words):
        return []
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    return [codes.astype(np.int64).tobytes(), lengths.tobytes(), "".join(words).encode()]
