"""Where accounts go: top creators of 2022, five snapshots, the next one foretold from those before.

The model is `models.growth.Growth`, as any market has it: views, likes or engagement of an account
at each snapshot, its followers and its category as features of the level. What it is held against
is persistence, that the last snapshot stays. Only accounts count that are in both lists: who falls
out of the top thousand is not seen again.

The first snapshot bears no date; it is taken for the middle of March, the others for the middle of
their month. Of YouTube two snapshots are nearly the same, so it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from halves import read_held_out

from models.features import EntityFeatures
from models.growth import Growth
from models.histories import Histories
from models.pairs import Floats, Interval
from training.coverage import coverage

FILES = ("panel.csv.gz",)
#: When each snapshot was taken.
TAKEN = {
    "undated_early2022": pd.Timestamp("2022-03-15"),
    **{f"2022-{month:02d}": pd.Timestamp(2022, month, 15) for month in (6, 9, 11, 12)},
}
#: What is foretold, the leading one first.
MEASURES = (
    ("tiktok", "views_avg"),
    ("tiktok", "likes_avg"),
    ("tiktok", "followers"),
    ("instagram", "eng_avg"),
    ("instagram", "followers"),
)
#: Steps cut from the visible snapshots, from when and of when.
STEPS = (("2022-09", "2022-11"), ("2022-06", "2022-11"), ("2022-06", "2022-09"))


@dataclass(frozen=True)
class Step:
    """One measure of one platform, foretold from all snapshots up to one.

    Attributes
    ----------
    panel : DataFrame
        Rows of both halves.
    """

    panel: pd.DataFrame
    platform: str
    measure: str
    origin: str
    target: str

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows of the platform that tell the measure, with the day since the origin."""
        table = self.panel[self.panel["platform"] == self.platform]
        table = table[table[self.measure] > 0].drop_duplicates(["handle", "snapshot"])
        days = (table["snapshot"].map(TAKEN) - TAKEN[self.origin]) / pd.Timedelta(days=1)
        return table.assign(day=days).sort_values(["handle", "day"])

    @cached_property
    def past(self) -> pd.DataFrame:
        """Those up to the origin."""
        return self.rows[self.rows["day"] <= 0.0]

    @cached_property
    def handles(self) -> pd.Index:
        """Accounts known at the origin."""
        return pd.Index(self.past["handle"].unique())

    @cached_property
    def seen(self) -> Histories:
        """What was known of each account."""
        amount = self.past[self.measure].to_numpy(float)
        rows = self.handles.get_indexer(pd.Index(self.past["handle"]))
        day = self.past["day"].to_numpy(float)
        return Histories.of(len(self.handles), rows, day, amount, amount)

    def at(self, snapshot: str) -> Floats:
        """The measure of each account at a snapshot; NaN where it was not in the list."""
        there = self.rows[self.rows["snapshot"] == snapshot].set_index("handle")
        return there[self.measure].reindex(self.handles).to_numpy(float)

    def features(self) -> EntityFeatures:
        """Followers and category, as known last; of followers themselves the category alone."""
        last = self.past.groupby("handle").last().reindex(self.handles)
        numbers = {"followers": last["followers"].to_numpy(float)}
        return EntityFeatures.of(
            len(self.handles),
            {} if self.measure == "followers" else numbers,
            {"category": last["category"]},
        )

    def foretold(self) -> tuple[Interval, Floats]:
        """What is foretold of the target, and the medians."""
        model = Growth().fit(self.seen, level=self.features())
        days = (TAKEN[self.target] - TAKEN[self.origin]) / pd.Timedelta(days=1)
        told = model.predict(days).later
        return told, told.point / model.mean_factor_


@dataclass(frozen=True)
class Judged:
    """What was foretold of a step beside what came, of accounts in both lists."""

    step: Step

    @cached_property
    def table(self) -> pd.DataFrame:
        """Per account: ``actual``, ``median``, ``last``, ``low``, ``high``, ``snapshots``."""
        told, median = self.step.foretold()
        table = pd.DataFrame(
            {
                "actual": self.step.at(self.step.target),
                "last": self.step.at(self.step.origin),
                "median": median,
                "low": told.low,
                "high": told.high,
                "snapshots": self.step.seen.counts,
            }
        )
        return table[table["actual"].notna() & table["last"].notna()]

    def figures(self) -> dict[str, object]:
        """One line: errors and rank correlations of the model and of persistence."""
        table = self.table
        errors = {
            name: np.abs(np.log((table["actual"] / table[of]).to_numpy(float)))
            for name, of in (("model", "median"), ("persistence", "last"))
        }
        held, step = _covered(table), self.step
        return {
            "what": f"{step.platform} {step.measure}",
            "step": f"{step.origin} to {step.target}",
            "accounts": len(table),
            **{f"error, {name}": np.median(error) for name, error in errors.items()},
            **{f"mean, {name}": error.mean() for name, error in errors.items()},
            "rank": table["median"].corr(table["actual"], method="spearman"),
            "rank, persistence": table["last"].corr(table["actual"], method="spearman"),
            "inside_80": held["inside_80"][0],
            "high/low": held["width"][0],
        }

    def held(self) -> str:
        """Whether the intervals hold, by size and by what was known."""
        table = self.table
        size = pd.qcut(table["last"], 3, labels=["lowest third", "middle third", "highest third"])
        known = table["snapshots"].map("{} known".format)
        sizes, histories = (_covered(table, pd.Categorical(by)) for by in (size, known))
        told = pd.concat([sizes, histories[1:]]).drop(columns="predicted_over_observed")
        told = told.rename(columns={"promotions": "accounts"})
        return told.round(3).to_string(index=False)


def _covered(table: pd.DataFrame, by: pd.Categorical | None = None) -> pd.DataFrame:
    actual, median, low, high = (
        table[name].to_numpy(float) for name in ("actual", "median", "low", "high")
    )
    return coverage(actual, median, low, high, by)


def read_panel(data: Path) -> pd.DataFrame:
    """The visible snapshots."""
    return pd.read_csv(data / FILES[0])


def judge(panel: pd.DataFrame, steps: list[tuple[str, str]]) -> list[Judged]:
    """Foretell every measure over every step that the panel holds."""
    found = []
    for platform, measure in MEASURES:
        told = panel[(panel["platform"] == platform) & (panel[measure] > 0)]["snapshot"].unique()
        for origin, target in steps:
            if {origin, target} <= set(told):
                found.append(Judged(Step(panel, platform, measure, origin, target)))
    return found


def report(data: Path, held_out: Path | None) -> str:
    """All figures as text; of a snapshot held out, or of steps between the visible ones."""
    panel = read_panel(data)
    steps, visible = list(STEPS), sorted(panel["snapshot"].unique())
    title = "steps between visible snapshots"
    if held_out is not None:
        later = read_held_out(held_out, panel)
        panel = pd.concat([panel, later], ignore_index=True)
        origin = max(visible, key=lambda one: TAKEN[one])
        steps = [(origin, one) for one in sorted(later["snapshot"].unique())]
        title = f"snapshot held out, foretold from {origin} and before"
    judged = judge(panel, steps)
    table = pd.DataFrame([one.figures() for one in judged])
    return "\n".join(
        [
            f"Where accounts go (top creators of 2022): {title}",
            table.round(3).to_string(index=False),
            "error: median |log(actual / foretold)|; mean: the mean of it; rank: Spearman's",
            "",
            f"80 % intervals of {judged[0].figures()['what']}, {judged[0].figures()['step']}:",
            judged[0].held(),
        ]
    )
