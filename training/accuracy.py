"""Predictions held against what promotions brought: intervals, and rates by how high they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching import Plaza
from matching.catalog import TIERS, tier_of
from models.pairs import Floats
from training.backtest import Holdout
from training.coverage import coverage
from training.entities import Entities, by_row
from training.market import bounds, point
from training.reliability import reliability_table


@dataclass(frozen=True)
class Accuracy:
    """How predictions met what later promotions brought.

    Attributes
    ----------
    intervals : DataFrame
        For exposures and GMV (``what``), over all creators and by ``tier``; as
        `training.coverage.coverage`.
    reliability : DataFrame
        Of conversion, as `training.reliability.reliability_table`.
    """

    intervals: pd.DataFrame
    reliability: pd.DataFrame


def check_predictions(plaza: Plaza, holdout: Holdout, trials: str | None) -> Accuracy:
    """Predict the promotions of a holdout and compare.

    Parameters
    ----------
    trials : str or None
        What conversion is counted on, ``clicks`` as a rule; None when nobody counts.
    """
    promotions = holdout.later
    known = _known(promotions, plaza)
    promotions = promotions[known].reset_index(drop=True)
    asked = promotions[["merchant_id", "creator_id"]].copy()
    asked["product_id"] = promotions["product_id"].where(_own_product(promotions, holdout.ids))
    predicted = plaza.predict(asked)
    creators = by_row(holdout.past.table("creators"), "creator_id", holdout.ids.creators)
    rows, _ = holdout.ids.creators.find(promotions["creator_id"])
    tier = tier_of(point(creators, "followers").to_numpy(float)[rows])
    shown = "exposures" if point(promotions, "exposures").notna().any() else "views"
    parts = [
        _intervals("exposures", _exact(promotions, shown), predicted, tier),
        _intervals("gmv", _exact(promotions, "gmv"), predicted, tier, prefix="expected_"),
    ]
    return Accuracy(
        pd.concat(parts, ignore_index=True),
        reliability_table(
            predicted["p_conversion"].to_numpy(float),
            _exact(promotions, trials) if trials else np.full(len(promotions), np.nan),
            _exact(promotions, "orders"),
        ),
    )


def _known(promotions: pd.DataFrame, plaza: Plaza) -> pd.Series[bool]:
    merchants = promotions["merchant_id"].isin(plaza.merchant_ids)
    return merchants & promotions["creator_id"].isin(plaza.creator_ids)


def _own_product(promotions: pd.DataFrame, ids: Entities) -> npt.NDArray[np.bool_]:
    """Where the product is known by then and, as far as anybody tells, the merchant's own."""
    merchant, _ = ids.merchants.find(promotions["merchant_id"])
    product, own = ids.products.find(promotions["product_id"])
    owner = ids.product_merchant[product]
    own[own] = (owner == merchant[own]) | (owner < 0)
    return own


def _exact(promotions: pd.DataFrame, column: str) -> Floats:
    """Values known exactly; NaN where the market gives a range or nothing."""
    low, high = bounds(promotions, column)
    return low.where(low == high).to_numpy(float)


def _intervals(
    name: str, observed: Floats, predicted: pd.DataFrame, tier: np.ndarray, prefix: str = ""
) -> pd.DataFrame:
    """Share of observations inside their interval, for all and for each tier."""
    columns = (f"{prefix}{name}{end}" for end in ("", "_low", "_high"))
    middle, low, high = (predicted[one].to_numpy(float) for one in columns)
    found = coverage(observed, middle, low, high, pd.Categorical(tier, list(TIERS)))
    found.insert(0, "what", name)
    return found.rename(columns={"group": "tier"})
