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
from training.entities import Entities, by_row
from training.market import bounds, point

#: Groups of predicted conversion in the reliability table.
GROUPS = 10
_DRAWS = 500


@dataclass(frozen=True)
class Accuracy:
    """How predictions met what later promotions brought.

    Attributes
    ----------
    intervals : DataFrame
        For exposures and GMV, over all creators and by tier: promotions, the share of them
        inside the 80 % interval, and the sum predicted over the sum observed.
    reliability : DataFrame
        Promotions in groups of rising predicted conversion: trials, the rate predicted and the
        rate observed with its 80 % interval (bootstrap over promotions).
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
        _reliability(
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
    told = pd.DataFrame(
        {
            "tier": pd.Categorical(tier, list(TIERS)),
            "inside": (observed >= low) & (observed <= high),
            "predicted": middle,
            "observed": observed,
        }
    )[np.isfinite(observed) & np.isfinite(low)]
    by_tier = [("all", told), *told.groupby("tier", observed=True)]
    return pd.DataFrame(
        {
            "what": name,
            "tier": [str(one) for one, _ in by_tier],
            "promotions": [len(rows) for _, rows in by_tier],
            "inside_80": [rows["inside"].mean() for _, rows in by_tier],
            "predicted_over_observed": [_over(rows) for _, rows in by_tier],
        }
    )


def _over(rows: pd.DataFrame) -> float:
    """Sum predicted over the sum observed; NaN where nothing was observed."""
    observed = float(rows["observed"].sum())
    return float(rows["predicted"].sum()) / observed if observed else float("nan")


def _reliability(rate: Floats, trials: Floats, successes: Floats) -> pd.DataFrame:
    """Observed rates in groups of rising predicted rate, each with about as many trials.

    Examples
    --------
    >>> made = _reliability(np.array([0.1, 0.3]), np.array([50.0, 50.0]), np.array([4.0, 16.0]))
    >>> made[["trials", "predicted", "observed"]].round(2).to_numpy().tolist()
    [[50.0, 0.1, 0.08], [50.0, 0.3, 0.32]]
    """
    known = np.isfinite(rate) & np.isfinite(trials) & np.isfinite(successes) & (trials > 0)
    order = np.argsort(rate[known], kind="stable")
    rate, trials, successes = rate[known][order], trials[known][order], successes[known][order]
    behind = np.cumsum(trials) - trials / 2
    group = np.floor(GROUPS * behind / max(trials.sum(), 1)).astype(int)
    sums = (
        pd.DataFrame({"trials": trials, "hits": successes, "expected": rate * trials})
        .groupby(group)
        .sum()
        .reset_index(drop=True)
    )
    ends = [_ends(successes[group == one], trials[group == one]) for one in np.unique(group)]
    return pd.DataFrame(
        {
            "trials": sums["trials"],
            "predicted": sums["expected"] / sums["trials"],
            "observed": sums["hits"] / sums["trials"],
            "observed_low": [low for low, _ in ends],
            "observed_high": [high for _, high in ends],
        }
    )


def _ends(successes: Floats, trials: Floats) -> tuple[float, float]:
    """80 % interval of a rate, by drawing promotions with replacement.

    Promotions differ by more than chance, so an interval from the trials alone would be too short.
    """
    draws = np.random.default_rng(0).multinomial(
        len(trials), np.full(len(trials), 1 / len(trials)), size=_DRAWS
    )
    low, high = np.quantile((draws @ successes) / (draws @ trials), [0.1, 0.9])
    return float(low), float(high)
