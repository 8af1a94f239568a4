"""Lists as DataFrames: columns in the order everyone relies on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.listings import PREDICTED, Listings
from models.outcome import Predictions
from models.pairs import Floats


def frame_of(name: str, ids: npt.NDArray[Any], listings: Listings) -> pd.DataFrame:
    """One asker's list as a DataFrame.

    Parameters
    ----------
    name : str
        Name of the id column.
    ids : object array
        Id of every row of the vocabulary that the list is of.
    """
    frame = _frame({}, name, ids, listings)
    frame.attrs["shortfall"] = dict(listings.removed[0])
    return frame


def frame_of_many(
    name: str,
    ids: npt.NDArray[Any],
    listings: Listings,
    asker_name: str,
    askers: Sequence[str],
) -> pd.DataFrame:
    """Several askers' lists beneath each other, each asker's id in front."""
    asked = np.empty(len(askers), dtype=object)
    asked[:] = askers
    frame = _frame({asker_name: asked[listings.lists.askers]}, name, ids, listings)
    frame.attrs["shortfall"] = {
        asker: dict(removed)
        for asker, removed in zip(askers, listings.removed, strict=True)
        if removed
    }
    return frame


def _frame(
    front: dict[str, Any], name: str, ids: npt.NDArray[Any], listings: Listings
) -> pd.DataFrame:
    n = len(listings.lists.rows)
    columns = {
        **front,
        "rank": listings.ranks,
        name: ids[listings.lists.rows],
        "score": listings.lists.scores,
        **{one: getattr(listings.predictions, one) for one in PREDICTED},
        "reasons": np.fromiter(listings.reasons.lists(), dtype=object, count=n),
        "sources": np.fromiter(listings.sources.lists(), dtype=object, count=n),
    }
    # Arrays, each new and nobody else's: pandas need not look into them or copy them together.
    return pd.DataFrame(columns, index=pd.RangeIndex(n), copy=False)


def predicted_frame(
    pairs: pd.DataFrame, affinity: Floats, predictions: Predictions
) -> pd.DataFrame:
    """Predictions beside the ids they were asked for, under the index they came with."""
    ids = [name for name in ("merchant_id", "creator_id", "product_id") if name in pairs.columns]
    values = {name: getattr(predictions, name) for name in PREDICTED}
    made = pd.DataFrame({"match": affinity, **values}, index=pairs.index)
    return pd.concat([pairs[ids], made], axis=1)
