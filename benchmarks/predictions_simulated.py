"""Predictions of a synthetic market held against its later weeks, and against its hidden truth.

Everything here is synthetic. What was known eight weeks before the end is trained on, and what
happened afterwards is foretold through `Plaza.predict`; then the whole market is trained on, and
the lists it serves are held against those of an oracle that knows the truth. Without a folder the
small market of seed 7 is made in ``artifacts/predictions``; ``medium`` in its place makes that one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from against_truth import (
    break_even,
    conversion_coverage,
    first_of_lists,
    hits,
    true_rates,
    widths,
)
from diagnosis_truth import Case
from oracle_lists import list_values

from matching import Plaza
from models.pairs import Floats
from training.fit import train_market
from training.later import (
    OF_CREATOR,
    QUANTITIES,
    Later,
    coverage_by_group,
    ends_of,
    later_promotions,
)
from training.market import Market, read_market
from training.reliability import calibration_error, error_by_chance, reliability_table
from training.simulation import SIZES, simulate_market
from training.simulation.truth import Truth

FILES = ()
SEED, WEEKS = 7, 8
#: Merchants whose lists are judged, all where there are fewer than twice as many.
MERCHANTS = 200
#: A quadrant is said to be sure from here on.
SURE = 0.8
_MADE = Path(__file__).parent.parent / "artifacts" / "predictions"


def market_folder(data: Path | None) -> Path:
    """Folder of the market asked for, made where it is named by its size.

    Raises
    ------
    ValueError
        When it is no synthetic market: only of such a one the truth is known.
    """
    size = "small" if data is None else str(data)
    if size in SIZES and not Path(size).exists():
        folder = _MADE / f"{size}-{SEED}"
        if not folder.exists():
            simulate_market(folder, seed=SEED, size=size)
        return folder
    assert data is not None
    if not (data / "truth").is_dir():
        raise ValueError(
            f"{data} has no folder truth; expected a market made by alliance simulate, or one of "
            f"{', '.join(SIZES)}"
        )
    return data


def foretold(market: Market, work: Path) -> Later:
    """Train on what was known some weeks before the end, and foretell what came since."""
    past = market.before(market.as_of - pd.Timedelta(weeks=WEEKS))
    train_market(past, work / "past")
    return later_promotions(Plaza.load(work / "past"), past, market)


def coverage_text(found: pd.DataFrame) -> str:
    """A row a group, a column a quantity: share inside, its standard error, and the count."""
    told = found.assign(
        told=[
            f"{100 * one.inside_80:.1f} ±{100 * one.error:.1f} ({one.promotions:,})"
            for one in found.itertuples()
        ],
        place=range(len(found)),
    )
    order = told.groupby(["by", "group"], sort=False)["place"].min()
    table = told.pivot(index=["by", "group"], columns="quantity", values="told")
    names = list(dict.fromkeys(found["quantity"]))
    return table.loc[order.index, names].fillna("").to_string()


def rates_text(later: Later) -> str:
    """Calibration of conversion, by the orders that came of the clicks that came."""
    rate = later.predicted["p_conversion"].to_numpy(float)
    trials, orders = later.observed["clicks"], later.observed["orders"]
    clicks = np.where(np.isfinite(orders), trials, np.nan)
    error = calibration_error(rate, clicks, orders)
    usual = float(np.nansum(orders) / np.nansum(clicks))
    chance = error_by_chance(rate, clicks, draws=20)
    return (
        f"{reliability_table(rate, clicks, orders).round(4).to_string(index=False)}\n"
        f"expected calibration error {error:.4f} = {error / usual:.1%} of the mean rate "
        f"{usual:.4f}; by the luck of single clicks alone {chance:.4f}"
    )


def quadrants_text(plaza: Plaza, folder: Path) -> str:
    """How often a quadrant that is said to be sure is the true one."""
    frames = [plaza.diagnose(one).assign(merchant_id=one) for one in plaza.merchant_ids.tolist()]
    told = pd.concat([one for one in frames if len(one)], ignore_index=True)
    told = told.merge(Case.read(folder, plaza).table(), on=["merchant_id", "creator_id"])
    told = told[told["quadrant"] != "unknown"]
    sure = told[told["sureness"] >= SURE]
    right = sure["quadrant"] == sure["true_quadrant"]
    return (
        f"{right.mean():.3f} of {len(sure):,} that are {SURE:.0%} sure or more "
        f"({len(sure) / len(told):.0%} of all {len(told):,}); said {sure['sureness'].mean():.3f}; "
        f"of all {(told['quadrant'] == told['true_quadrant']).mean():.3f}, "
        f"said {told['sureness'].mean():.3f}"
    )


def worst_text(found: pd.DataFrame, least: int = 200) -> str:
    """The group farthest from 80 %, of those with enough promotions to tell."""
    rows = found[(found["by"] != "all") & (found["promotions"] >= least)]
    worst = rows.loc[(rows["inside_80"] - 0.8).abs().idxmax()]
    return (
        f"farthest from 80 %: {worst['quantity']}, {worst['by']} {worst['group']}: "
        f"{worst['inside_80']:.1%}"
    )


def fees_text(later: Later) -> str:
    """How often promotions bore the fees that were said to break even."""
    table = break_even(later.predicted, later.observed["before_fee"]).round(3)
    return f"{table.to_string()}"


def sums_text(later: Later, truth: Truth) -> str:
    """What was told over what came, and over the true means, summed."""
    rows = later.rows
    true = truth.expected(rows["merchant_id"], rows["creator_id"], rows["product_id"])
    parts = []
    for name in QUANTITIES:
        told, came = ends_of(later.predicted, name)[0], later.observed[name]
        known: Floats = np.isfinite(came) & np.isfinite(told)
        first = np.sort(came[known])[-5:].sum() / came[known].sum()
        over = told[known].sum() / true[name].to_numpy(float)[known].sum()
        parts.append(
            f"{name} {told[known].sum() / came[known].sum():.2f} of what came ({first:.0%} of it "
            f"by five promotions), {over:.2f} of the true means"
        )
    return "\n  ".join(parts)


def later_text(later: Later, truth: Truth) -> list[str]:
    """All that later promotions tell."""
    conversion = conversion_coverage(later, true_rates(later, truth))
    found = pd.concat([conversion, coverage_by_group(later)], ignore_index=True)
    known = later.rows["asked_product"].notna().mean()
    new = (later.groups["creator history"] == next(iter(OF_CREATOR))).sum()
    return [
        f"{len(later):,} promotions of the last {WEEKS} weeks, foretold before them; {new:,} by "
        f"creators never seen, {1 - known:.1%} of products nobody knew; {later.unknown:,} more of "
        "people nobody knew",
        "",
        "Inside the 80 % interval, % ± standard error (promotions); of conversion the true rate of "
        "the pair and product,",
        "of the others what came (orders, GMV after 7 days, net after 28 and at the fee agreed):",
        coverage_text(found),
        worst_text(found),
        f"told, summed:\n  {sums_text(later, truth)}",
        "",
        "Width of the intervals, high over low, beside what the law alone makes of one promotion:",
        widths(later, truth).round(3).to_string(),
        f"conversion (a true rate has no width of its own): {conversion['width'].iloc[0]:.2f}",
        "",
        "What came, below and not above each quantile (a right one lies between the two):",
        hits(later).round(3).to_string(),
        "",
        "Conversion, predicted and observed, by tenths of the clicks:",
        rates_text(later),
        "",
        "Slot fees said to break even, and how often the promotion bore them:",
        fees_text(later),
    ]


def report(data: Path | None, held_out: Path | None) -> str:
    """All figures as text.

    Raises
    ------
    ValueError
        When the folder is no synthetic market, or a file is held out: nothing is needed here.
    """
    if held_out is not None:
        raise ValueError("simulated has its truth beside it; leave --held-out away")
    folder = market_folder(data)
    market, truth = read_market(folder), Truth.load(folder / "truth")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        later = later_text(foretold(market, work), truth)
        train_market(market, work / "all")
        plaza = Plaza.load(work / "all")
        everyone = plaza.merchant_ids
        some = np.random.default_rng(SEED).permutation(len(everyone))[:MERCHANTS]
        merchants = everyone if len(everyone) < 2 * MERCHANTS else everyone[np.sort(some)]
        values = list_values(plaza, market, truth, merchants.tolist())
        return "\n".join(
            [
                f"A synthetic market: {len(everyone):,} merchants, {len(plaza.creator_ids):,} "
                f"creators, {len(market.table('promotions')):,} promotions. Nothing here is real.",
                *later,
                "",
                f"First 20 by net of {len(merchants):,} merchants, as of the end: true expected "
                "net, of the oracle's 20 (synthetic):",
                values.round(3).to_string(),
                f"First 20 by net, promotions drawn by the law: "
                f"{first_of_lists(plaza, truth, merchants.tolist())}",
                "",
                f"Quadrants (synthetic): {quadrants_text(plaza, folder)}",
            ]
        )
