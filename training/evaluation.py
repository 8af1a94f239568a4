"""What an evaluation found, as tables: for Python, for print, for files and for tracking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from training.accuracy import Accuracy
from training.backtest import Holdout
from training.served import SERVED


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    holdout : Holdout
        The question.
    k : int
        Length of the lists judged.
    ranking : DataFrame
        One row per method, the served lists first; see :func:`training.judgement.overall`.
    ahead : DataFrame
        How far the served lists are ahead of each baseline; see :func:`training.judgement.leads`.
        Without rows where no baseline was asked for.
    askers : DataFrame
        Method, asker and the figures of that list; see :func:`training.judgement.per_asker`.
    curve : DataFrame
        Method, k, recall and its 95 % band, for growing lists.
    exposure : DataFrame
        How many lists of each method (columns) name each candidate (rows).
    settings : DataFrame
        What the baselines were tried with; see :class:`training.contest.Baselines`.
    accuracy : Accuracy
        Predictions against what the promotions held out brought.
    notes : tuple of str
        What was left out, and why.
    """

    holdout: Holdout
    k: int
    ranking: pd.DataFrame
    ahead: pd.DataFrame
    askers: pd.DataFrame
    curve: pd.DataFrame
    exposure: pd.DataFrame
    settings: pd.DataFrame
    accuracy: Accuracy
    notes: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether the market was simulated, so that no figure says anything of a real one."""
        return self.holdout.past.synthetic

    @property
    def metrics(self) -> dict[str, float]:
        """Figures by name, those of the served lists without a prefix; unknown ones left out.

        Infinite ones too, which trackers cannot hold: a median rank that is not there lies beyond
        the lists.
        """
        found: dict[str, float] = {}
        for row in self.ranking.to_dict("records"):
            method = str(row.pop("method"))
            prefix = "" if method == SERVED else f"{_name(method)}_"
            found |= {f"{prefix}{name}": float(one) for name, one in row.items()}
        for row in self.ahead.to_dict("records"):
            lead = f"ahead_of_{_name(str(row['method']))}_{row['metric']}"
            found[lead] = float(row["ahead"])
            for name in ("low", "high", "p_holm"):
                found[f"{lead}_{name}"] = float(row[name])
        for row in self.accuracy.intervals.to_dict("records"):
            if row["tier"] == "all":
                for name in ("inside_80", "predicted_over_observed"):
                    found[f"{row['what']}_{name}"] = float(row[name])
        return {name: one for name, one in found.items() if abs(one) < float("inf")}

    @property
    def params(self) -> dict[str, Any]:
        """What tells this evaluation from others, by the names that runs are filtered by."""
        held = self.holdout
        return {
            **held.params,
            "k": self.k,
            "askers": len(held.askers),
            "pairs_to_find": held.found.nnz,
            "candidates": len(held.among),
            "past_fingerprint": held.past.fingerprint,
            "synthetic": self.synthetic,
        }

    @property
    def title(self) -> str:
        """What was asked, in a line."""
        marked = " Synthetic market." if self.synthetic else ""
        return f"{self.holdout.split.capitalize()} split: {self.holdout.told}.{marked}"

    def files(self) -> dict[str, pd.DataFrame]:
        """Tables by the name of their file; those without rows left out."""
        tables = {
            "ranking": self.ranking,
            "ahead": self.ahead,
            "askers": self.askers,
            "recall_curve": self.curve,
            "exposure": self.exposure.reset_index(),
            "baselines": self.settings,
            "intervals": self.accuracy.intervals,
            "reliability": self.accuracy.reliability,
        }
        return {name: table for name, table in tables.items() if len(table)}

    def save(self, folder: Path) -> None:
        """Write the tables as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.files().items():
            table.to_csv(folder / f"{name}.csv", index=False)


def _name(method: str) -> str:
    """A method as part of a metric's name.

    Examples
    --------
    >>> _name("served, variety 0.3")
    'served_variety_0.3'
    """
    return method.replace(",", "").replace(" ", "_")
