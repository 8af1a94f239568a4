"""Clicks and sales of advertisements whose campaign, interest, age and gender are known.

A campaign stands as merchant, the interest that an ad was shown to as creator, and the ad itself as
a product of which age, gender and the number of impressions are known, nothing else: each one asked
about is new. What an ad cost is left out, for it is paid by the click. The model is
`models.conversion.ConversionModel`, as any market has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from halves import random_folds, random_parts, read_held_out

from models.conversion import ConversionModel
from models.features import EntityFeatures
from models.pairs import Floats, Interval, Pairs
from models.vocabulary import Rows
from training.coverage import rate_coverage
from training.reliability import calibration_error, error_by_chance, reliability_table

FILES = ("ads.csv",)
SEEDS = range(10)
#: What is counted among what.
STEPS = (
    ("Clicks", "Impressions"),
    ("Approved_Conversion", "Clicks"),
    ("Approved_Conversion", "Impressions"),
    ("Approved_Conversion", "Total_Conversion"),
)
#: Mean rates that others are compared with, the first leading.
SEGMENTS: Mapping[str, Sequence[str]] = {
    "campaign × age × gender": ("xyz_campaign_id", "age", "gender"),
    "age × gender": ("age", "gender"),
    "campaign": ("xyz_campaign_id",),
    "interest": ("interest",),
    "all ads": (),
}
OURS = "model"
BARE = "model, impressions untold"


@dataclass(frozen=True)
class Ads:
    """Ads that are over, and ads asked about, in one vocabulary."""

    past: pd.DataFrame
    asked: pd.DataFrame

    def predict(self, count: str, among: str, *, impressions: bool = True) -> Interval:
        """Rate of each ad asked about, from the conversion model.

        Parameters
        ----------
        count, among : str
            Columns.
        impressions : bool
            Tell how often each ad was shown.
        """
        both = pd.concat([self.past, self.asked], ignore_index=True)
        known = len(self.past)
        campaign, interest = _rows(both["xyz_campaign_id"]), _rows(both["interest"])
        pairs = _pairs(campaign, interest, np.arange(len(both), dtype=np.int32))
        ads = EntityFeatures.of(
            len(both),
            {"impressions": both["Impressions"]} if impressions else None,
            {"age": both["age"], "gender": both["gender"]},
            log_scaled=("impressions",),
        )
        model = ConversionModel().fit(
            pairs.take(slice(known)),
            self.past[among].to_numpy(float),
            self.past[count].to_numpy(float),
            age_days=np.zeros(known),
            creators=_nothing_of(int(interest.max()) + 1),
            merchants=_nothing_of(int(campaign.max()) + 1),
            products=ads,
            later=np.random.default_rng(0).random(known) < 0.2,
        )
        return model.predict(pairs.take(slice(known, None)))

    def mean_rate(self, count: str, among: str, by: Sequence[str]) -> Floats:
        """Rate of each ad's segment; everybody's where it had no trials or no success yet."""
        usual = self.past[count].sum() / self.past[among].sum()
        if not by:
            return np.full(len(self.asked), usual)
        sums = self.past.groupby(list(by))[[count, among]].sum().reset_index()
        # A rate of nothing would make one success an infinite surprise.
        sums = sums[(sums[count] > 0) & (sums[among] > 0)]
        sums["rate"] = sums[count] / sums[among]
        found = self.asked[list(by)].merge(sums, how="left", on=list(by))["rate"]
        return found.fillna(usual).to_numpy(float)


def _rows(labels: pd.Series) -> Rows:
    return pd.factorize(labels, sort=True)[0].astype(np.int32)


def _pairs(campaign: Rows, interest: Rows, ad: Rows) -> Pairs:
    unknown = np.full(len(ad), np.nan)
    return Pairs(campaign, interest, ad, unknown, unknown)


def _nothing_of(count: int) -> EntityFeatures:
    return EntityFeatures((), np.empty((count, 0)))


def deviance(count: Floats, expected: Floats) -> float:
    """Poisson deviance of counts.

    Examples
    --------
    >>> round(deviance(np.array([0.0, 2.0]), np.array([1.0, 1.0])), 3)  # 2 + 2 (2 log 2 - 1)
    2.773
    """
    log = np.log(np.where(count > 0, count, 1.0) / expected)
    return float(2.0 * (count * log - count + expected).sum())


def binomial_deviance(count: Floats, trials: Floats, rate: Floats) -> float:
    """Binomial deviance of successes among whole trials.

    Examples
    --------
    >>> one, two = np.array([1.0]), np.array([2.0])
    >>> round(binomial_deviance(one, two, np.array([0.25])), 3)  # 2 (log 2 + log (1 / 1.5))
    0.575
    """
    kept = np.maximum(1.0 - rate, 1e-9)
    return deviance(count, trials * rate) + deviance(trials - count, trials * kept)


def deviances(ads: Ads, count: str, among: str) -> dict[str, float]:
    """Deviance of each method: binomial among conversions, else Poisson.

    Sales can be more than clicks, for who has seen an ad may come later without it; ads without
    trials are passed over.
    """
    found = ads.asked[among].to_numpy(float) > 0
    successes, trials = (ads.asked[one].to_numpy(float)[found] for one in (count, among))
    rates = {name: ads.mean_rate(count, among, by) for name, by in SEGMENTS.items()}
    rates[BARE] = ads.predict(count, among, impressions=False).point
    rates[OURS] = ads.predict(count, among).point
    if among == "Total_Conversion":
        return {
            name: binomial_deviance(successes, trials, rate[found]) for name, rate in rates.items()
        }
    return {name: deviance(successes, trials * rate[found]) for name, rate in rates.items()}


def compare(found: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """Deviances over some splits.

    Returns
    -------
    DataFrame
        A method a row: its mean ``deviance``; by what share the ``model`` lies below it, on
        average (``below``), the standard deviation of that between splits (``spread``), and the
        number of splits in which it is lower (``splits``).
    """
    rows = {}
    for method in (*SEGMENTS, BARE, OURS):
        own = np.array([one[method] for one in found])
        below = 1.0 - np.array([one[OURS] for one in found]) / own
        rows[method] = {
            "deviance": own.mean(),
            "below": below.mean(),
            "spread": below.std(ddof=1) if len(found) > 1 else np.nan,
            "splits": (below > 0).sum(),
        }
    return pd.DataFrame(rows).T


def _told(table: pd.DataFrame) -> str:
    form = {"deviance": "{:.0f}", "below": "{:.1%}", "spread": "{:.1%}", "splits": "{:.0f}"}
    text = pd.DataFrame({name: table[name].map(one.format) for name, one in form.items()})
    text.loc[OURS, ["below", "spread", "splits"]] = ""
    return text.replace("nan%", "").to_string()


def _reliability(parts: Sequence[tuple[pd.DataFrame, pd.DataFrame]], count: str, among: str) -> str:
    """Predicted and observed over all parts, and whether the intervals of rates hold."""
    found = []
    for past, asked in parts:
        rate = Ads(past, asked).predict(count, among)
        came = (asked[one].to_numpy(float) for one in (among, count))
        found.append((rate.low, rate.high, rate.point, *came))
    low, high, *told = (np.concatenate(one) for one in zip(*found, strict=True))
    table = reliability_table(*told)
    held = rate_coverage(low, high, told[1], told[2]).iloc[0]
    mean = float(told[2].sum() / told[1].sum())
    error, chance = calibration_error(*told), error_by_chance(*told[:2])
    digits = 6 if among == "Impressions" else 4
    return "\n".join(
        [
            f"{count} among {among}, by tenths of {among}:",
            table.round(
                {"trials": 0} | {one: digits for one in table if one != "trials"}
            ).to_string(index=False),
            f"Expected calibration error {error:.2g}, {error / mean:.1%} of the mean rate "
            f"({mean:.2g}); {chance / mean:.1%} by chance alone.",
            f"Of {held['promotions']} ads {held['inside_80']:.1%} have a count where the 80 % "
            "interval of their rate and luck",
            f"let four fifths lie (median high / low {held['width']:.2f}).",
        ]
    )


def report(data: Path, held_out: Path | None) -> str:
    """All figures as text; of a file held out, or of parts cut from the visible ads."""
    table = pd.read_csv(data / FILES[0])
    if held_out is not None:
        asked = read_held_out(held_out, table)
        parts = [(table, asked)]
        title = f"{len(asked):,} ads held out, {len(table):,} known"
    else:
        parts = list(random_parts(table, SEEDS))
        title = f"{len(parts)} random cuts of {len(table):,} ads, three tenths asked for"
    # Each ad once, so that none counts twice in what was observed.
    folds = parts if held_out is not None else list(random_folds(table, 3, seed=0))
    lines = [f"Clicks and sales of ads (Facebook): {title}"]
    for count, among in STEPS:
        found = [deviances(Ads(*part), count, among) for part in parts]
        kind = "binomial" if among == "Total_Conversion" else "Poisson"
        lines += ["", f"{count} among {among}, {kind} deviance:", _told(compare(found))]
    lines += ["below: by what share the model's deviance lies below that of a segment's mean rate"]
    for count, among in STEPS[:2]:
        lines += ["", _reliability(folds, count, among)]
    return "\n".join(lines)
