"""Lists as DataFrames: columns in the order everyone relies on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.ranking import Ranked
from models.outcome import Predictions
from models.pairs import Floats

#: Columns of a list after ``rank``, the id and ``score``.
PREDICTED = (
    "p_conversion",
    "p_conversion_low",
    "p_conversion_high",
    "exposures",
    "exposures_low",
    "exposures_high",
    "expected_orders",
    "expected_gmv",
    "expected_gmv_low",
    "expected_gmv_high",
)


@dataclass(frozen=True)
class Listing:
    """One list with its explanations.

    Attributes
    ----------
    ranked : Ranked
    reasons, sources : list of k lists of str
    removed : dict of str to int
        Creators that each filter removed, when the list is shorter than asked; else empty.
    """

    ranked: Ranked
    reasons: list[list[str]]
    sources: list[list[str]]
    removed: Mapping[str, int]


def frame_of(name: str, ids: npt.NDArray[Any], listing: Listing) -> pd.DataFrame:
    """One list as a DataFrame.

    Parameters
    ----------
    name : str
        Name of the id column.
    ids : object array
        Id of every row of the vocabulary that the list is of.
    """
    frame = frame_of_many(name, ids, [listing], "", [""]).drop(columns="")
    frame.attrs["shortfall"] = dict(listing.removed)
    return frame


def frame_of_many(
    name: str,
    ids: npt.NDArray[Any],
    listings: Sequence[Listing],
    asker_name: str,
    askers: Sequence[str],
) -> pd.DataFrame:
    """Several lists beneath each other, each asker's id in front."""
    lengths = [len(one.ranked.rows) for one in listings]
    ranks = [np.arange(1, length + 1) for length in lengths]
    columns: dict[str, Any] = {
        asker_name: np.repeat(np.array(askers, dtype=object), lengths),
        "rank": _joined(ranks, np.int64),
        name: ids[_joined([one.ranked.rows for one in listings], np.int32)],
        "score": _joined([one.ranked.scores for one in listings], np.float64),
    }
    for field in PREDICTED:
        values = [getattr(one.ranked.predictions, field) for one in listings]
        columns[field] = _joined(values, np.float64)
    columns["reasons"] = [reason for one in listings for reason in one.reasons]
    columns["sources"] = [source for one in listings for source in one.sources]
    frame = pd.DataFrame(columns)
    frame.attrs["shortfall"] = {
        asker: dict(one.removed) for asker, one in zip(askers, listings, strict=True) if one.removed
    }
    return frame


def predicted_frame(
    pairs: pd.DataFrame, affinity: Floats, predictions: Predictions
) -> pd.DataFrame:
    """Predictions beside the ids they were asked for, under the index they came with."""
    ids = [name for name in ("merchant_id", "creator_id", "product_id") if name in pairs.columns]
    values = {field.name: getattr(predictions, field.name) for field in fields(predictions)}
    made = pd.DataFrame({"match": affinity, **values}, index=pairs.index)
    return pd.concat([pairs[ids], made], axis=1)


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)
