"""Predictions held against the hidden truth of a synthetic market: widths, rates, fees, lists."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from matching import Plaza
from models.pairs import Floats
from training.coverage import coverage
from training.later import QUANTITIES, Later, ends_of, fee_of, with_error
from training.simulation.truth import Truth

#: Promotions of which the law's own width is drawn, and draws of each.
SAMPLED, DRAWS = 1_000, 200
#: Quantiles that are told of what one promotion brings: columns, and how often it stays below.
QUANTILES = {
    "orders": ("expected_orders_low", "orders_p50", "expected_orders_high"),
    "gmv": ("expected_gmv_low", "gmv_p50", "expected_gmv_high"),
    "net": ("expected_net_low", "net_p50", "expected_net_high"),
}


def true_rates(later: Later, truth: Truth) -> Floats:
    """True orders per click of each promotion's pair and product, in ordinary conditions."""
    rows = later.rows
    told = truth.expected(rows["merchant_id"], rows["creator_id"], rows["product_id"])
    found: Floats = told["conversion"].to_numpy(float)
    return found


def conversion_coverage(later: Later, rate: Floats) -> pd.DataFrame:
    """Share of true rates inside their 80 % intervals; as `training.later.coverage_by_group`."""
    middle, low, high = (
        later.predicted[f"p_conversion{end}"].to_numpy(float) for end in ("", "_low", "_high")
    )
    parts = []
    for place, by in enumerate(later.groups):
        found = coverage(rate, middle, low, high, later.groups[by])
        found = found.assign(quantity="conversion", by=np.where(found.index == 0, "all", by))
        parts.append(found.iloc[min(place, 1) :])
    return with_error(pd.concat(parts, ignore_index=True))


def drawn(
    asked: pd.DataFrame, predicted: pd.DataFrame, truth: Truth, draws: int, seed: int
) -> Mapping[str, Floats]:
    """What the law brings of each triple, many times over.

    Parameters
    ----------
    asked : DataFrame of n rows with merchant_id, creator_id, product_id
    predicted : DataFrame of n rows
        Its fees are those that net is taken at: the fee is agreed before.

    Returns
    -------
    mapping of `QUANTITIES` and ``before_fee`` to float64 array of shape (n, draws)
    """
    many = asked.loc[asked.index.repeat(draws)]
    found = truth.sample(
        many["merchant_id"], many["creator_id"], many["product_id"], np.random.default_rng(seed)
    )
    found["before_fee"] = found["net"] + found["slot_fee"]
    found["net"] = found["before_fee"] - np.repeat(fee_of(predicted), draws)
    return {
        name: found[name].to_numpy(float).reshape(len(asked), draws)
        for name in (*QUANTITIES, "before_fee")
    }


def widths(later: Later, truth: Truth, *, seed: int = 0) -> pd.DataFrame:
    """How wide the intervals are beside what the law alone makes of the same promotions.

    Returns
    -------
    DataFrame
        By quantity: the median ``width`` (high over low) and the law's own (``law's``), of
        promotions of which nine in ten bring anything by the law, with ``over``, one over the
        other; ``apart``, the median of (high - low) over the law's; and ``inside``, the share of
        fresh draws of the law that lie inside.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(later))[:SAMPLED])
    law = drawn(later.rows.iloc[rows], later.predicted.iloc[rows], truth, DRAWS, seed)
    found = {}
    for name in QUANTITIES:
        _, low, high = (one[rows] for one in ends_of(later.predicted, name))
        p10, p90 = np.quantile(law[name], [0.1, 0.9], axis=1)
        some = p10 > 0 if name != "net" else np.zeros(len(rows), dtype=bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            ours, theirs = _median((high / low)[some]), _median((p90 / p10)[some])
            apart = _median((high - low) / (p90 - p10))
        within = (law[name] >= low[:, None]) & (law[name] <= high[:, None])
        found[name] = {
            "promotions": int(some.sum()),
            "width": ours,
            "law's": theirs,
            "over": ours / theirs,
            "apart": apart,
            "inside": within.mean(),
        }
    return pd.DataFrame(found).T


def _median(values: Floats) -> float:
    """Median of those that are numbers; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def hits(later: Later) -> pd.DataFrame:
    """How often what came stays below each quantile, and how often it does not exceed it.

    Counts jump: where no order at all is the tenth percentile, more than a tenth lies at it. A
    right quantile lies between the two shares.
    """
    found = {}
    for name, columns in QUANTILES.items():
        came = later.observed[name]
        known = np.isfinite(came)
        row: dict[str, float] = {"promotions": int(known.sum())}
        for share, column in zip(("p10", "p50", "p90"), columns, strict=True):
            told = later.predicted[column].to_numpy(float)
            row[f"below {share}"] = float((came < told)[known].mean())
            row[f"at most {share}"] = float((came <= told)[known].mean())
        found[name] = row
    return pd.DataFrame(found).T


def break_even(predicted: pd.DataFrame, before_fee: Floats) -> pd.DataFrame:
    """How often a promotion bears the slot fee that is said to break even.

    Parameters
    ----------
    before_fee : float64 array of shape (n,) or (n, draws)
        What was left before the fee; NaN unknown.
    """
    before_fee = before_fee.reshape(len(predicted), -1)
    found = {}
    for name, said in (("p10", 0.9), ("p50", 0.5)):
        fee = predicted[f"break_even_fee_{name}"].to_numpy(float)
        known = np.isfinite(before_fee[:, 0]) & np.isfinite(fee)
        bears = (before_fee >= fee[:, None])[known]
        some = fee[known] > 0
        found[name] = {
            "promotions": int(known.sum()),
            "said": said,
            "bears it": bears.mean(),
            "with a fee above 0": some.mean(),
            "of these": bears[some].mean() if some.any() else np.nan,
            "median fee": np.median(fee[known]),
        }
    return pd.DataFrame(found).T


def first_of_lists(plaza: Plaza, truth: Truth, merchants: list[str], *, seed: int = 0) -> str:
    """Whether intervals hold for whom lists put first, whom merchants would pay; as text.

    Being first is partly luck of the estimate, so this is the harder question.
    """
    lists = plaza.creators_for(merchants, k=20, objective="net")
    rng = np.random.default_rng(seed)
    products = truth.products.ids
    owner = truth.world.products.merchant
    place = truth.merchants.find(lists["merchant_id"])[0].astype(np.int64)
    first, last = (np.searchsorted(owner, place, side=side) for side in ("left", "right"))
    one = first + np.floor(rng.random(len(lists)) * (last - first)).astype(np.int64)
    asked = lists[["merchant_id", "creator_id"]].assign(product_id=products[one])
    told = plaza.predict(asked)
    law = drawn(asked, told, truth, 10, seed)
    shares = []
    for name in QUANTITIES:
        middle, low, high = ends_of(told, name)
        inside = ((law[name] >= low[:, None]) & (law[name] <= high[:, None])).mean()
        above = (law[name] > high[:, None]).mean()
        over = middle.sum() / law[name].mean(axis=1).sum()
        shares.append(f"{name} {inside:.3f} ({above:.3f} above; told/true {over:.2f})")
    means = truth.expected(*(asked[name] for name in asked.columns))["conversion"].to_numpy(float)
    held = (means >= told["p_conversion_low"]) & (means <= told["p_conversion_high"])
    bears = break_even(told, law["before_fee"])["bears it"]
    return (
        f"inside 80 %: conversion {held.mean():.3f}, {', '.join(shares)}\n"
        f"bear the break-even fee: p10 {bears['p10']:.3f}, p50 {bears['p50']:.3f}"
    )
