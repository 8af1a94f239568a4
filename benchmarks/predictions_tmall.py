"""Who buys again: pairs of buyer and merchant, one trial each, the rest is shrinkage.

Three of four merchants have fewer than 70 pairs, at a rate of 6 %. Merchants stand as merchants and
buyers as creators; a pair is a promotion of one trial that brought one order where the buyer came
back within six months. The model is `models.conversion.ConversionModel`, as any market has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from halves import random_parts, read_held_out
from scipy.sparse import csr_matrix

from models.conversion import ConversionModel
from models.features import EntityFeatures
from models.neighbours import neighbours_effect
from models.pairs import Floats, Interval, Pairs
from models.vocabulary import Rows
from training.coverage import rate_coverage
from training.reliability import calibration_error, error_by_chance, reliability_table

FILES = ("pairs.csv.gz",)
SEEDS = range(5)
#: What others are compared with.
SHRUNK = "merchant's rate, 50 pairs of belief"
OURS = "model: merchants, buyers, neighbours"
_BELIEF = 50.0
_SIZES = (0, 20, 50, 200, 10_000)


@dataclass(frozen=True)
class Past:
    """Pairs whose end is known, and what is predicted from them."""

    table: pd.DataFrame

    @cached_property
    def merchants(self) -> pd.Index:
        """Ids of the merchants, sorted."""
        return pd.Index(np.unique(self.table["merchant_id"]))

    @cached_property
    def buyers(self) -> pd.Index:
        """Ids of the buyers, sorted."""
        return pd.Index(np.unique(self.table["user_id"]))

    @cached_property
    def counts(self) -> tuple[Floats, Floats]:
        """Pairs of each merchant, and how many came back; nobody's, 0, at the end."""
        rows = _rows(self.merchants, self.table["merchant_id"])
        size = len(self.merchants) + 1
        came = np.bincount(rows, self.table["label"], size)
        return np.bincount(rows, minlength=size).astype(float), came

    @property
    def rate(self) -> float:
        """Share of all pairs that came back."""
        return float(self.table["label"].mean())

    def pairs(self, table: pd.DataFrame, buyers: pd.Index) -> Pairs:
        """Rows of a table as pairs, the buyers standing as creators."""
        merchant, buyer = (
            _rows(self.merchants, table["merchant_id"]),
            _rows(buyers, table["user_id"]),
        )
        unknown = np.full(len(table), np.nan)
        nothing = np.zeros(len(table), dtype=np.int32)
        return Pairs(merchant, buyer, nothing, unknown, unknown)

    def neighbours(self) -> EntityFeatures:
        """What the merchants bring whose buyers a merchant shares, as a feature of it."""
        cells = (
            _rows(self.buyers, self.table["user_id"]),
            _rows(self.merchants, self.table["merchant_id"]),
        )
        met = csr_matrix((np.ones(len(self.table)), cells))
        trials, came = (one[:-1] for one in self.counts)
        found = neighbours_effect(met, trials, came)
        return EntityFeatures(("neighbours",), found[:, None])

    def predict(
        self, asked: pd.DataFrame, *, buyers: bool, neighbours: bool = False, seed: int = 0
    ) -> Interval:
        """Probability that each pair asked for comes back, from the conversion model.

        Parameters
        ----------
        buyers : bool
            Tell buyers apart; else all are one.
        neighbours : bool
            Tell a merchant's neighbours.
        seed : int
            Of the fifth on which intervals are calibrated: there is no later part.
        """
        known = self.buyers if buyers else pd.Index([0])
        past, wanted = (
            table if buyers else table.assign(user_id=0) for table in (self.table, asked)
        )
        one_each = np.ones(len(past))
        model = ConversionModel().fit(
            self.pairs(past, known),
            one_each,
            past["label"].to_numpy(float),
            age_days=np.zeros(len(past)),
            creators=_nothing_of(len(known)),
            merchants=self.neighbours() if neighbours else _nothing_of(len(self.merchants)),
            products=_nothing_of(0),
            later=np.random.default_rng(seed).random(len(past)) < 0.2,
        )
        return model.predict(self.pairs(wanted, known))


def _rows(ids: pd.Index, found: pd.Series) -> Rows:
    """Row of each id, that after the last for one that is not known."""
    rows = ids.get_indexer(found)
    return np.where(rows < 0, len(ids), rows).astype(np.int32)


def _nothing_of(count: int) -> EntityFeatures:
    return EntityFeatures((), np.empty((count, 0)))


def predictions(past: Past, asked: pd.DataFrame) -> dict[str, Floats]:
    """Probabilities of all methods for the pairs asked for."""
    trials, came = past.counts
    merchant = _rows(past.merchants, asked["merchant_id"])
    shrunk = (came + _BELIEF * past.rate) / (trials + _BELIEF)
    # Somebody who never sold again, or never failed, is off by an infinity; told as one in 10,000.
    with np.errstate(invalid="ignore"):
        raw = np.clip(np.where(trials > 0, came / trials, past.rate), 1e-4, 1 - 1e-4)
    return {
        "everybody's rate": np.full(len(asked), past.rate),
        "merchant's rate, raw": raw[merchant],
        SHRUNK: shrunk[merchant],
        "model: merchants alone": past.predict(asked, buyers=False).point,
        "model: merchants, buyers": past.predict(asked, buyers=True).point,
        OURS: past.predict(asked, buyers=True, neighbours=True).point,
    }


def log_loss(probability: Floats, label: Floats) -> Floats:
    """Log-loss of each pair.

    Examples
    --------
    >>> log_loss(np.array([0.5, 0.9]), np.array([1.0, 0.0])).round(3)
    array([0.693, 2.303])
    """
    found: Floats = -np.log(np.where(label > 0, probability, 1.0 - probability))
    return found


def compare(losses: list[Mapping[str, Floats]]) -> pd.DataFrame:
    """Log-losses of all methods over some splits.

    Returns
    -------
    DataFrame
        A method a row: mean ``log-loss`` over the splits and its ``spread`` between them; how far
        it is ``ahead`` of the shrunk rate, in hundred-thousandths, the standard error of that in
        one split (``±``, paired by pair), and the number of splits in which it is (``splits``).
    """
    rows = {}
    for method in losses[0]:
        means = np.array([one[method].mean() for one in losses])
        apart = [1e5 * (one[SHRUNK] - one[method]) for one in losses]
        rows[method] = {
            "log-loss": means.mean(),
            "spread": means.std(ddof=1) if len(means) > 1 else np.nan,
            "ahead": np.mean([one.mean() for one in apart]),
            "±": np.mean([one.std() / len(one) ** 0.5 for one in apart]),
            "splits": sum(one.mean() > 0 for one in apart),
        }
    return pd.DataFrame(rows).T


def _told(table: pd.DataFrame) -> str:
    digits = {"log-loss": "{:.5f}", "spread": "{:.5f}", "ahead": "{:+.1f}", "±": "{:.1f}"}
    text = pd.DataFrame({name: table[name].map(form.format) for name, form in digits.items()})
    text["splits"] = table["splits"].map("{:.0f}".format)
    return text.replace("nan", "").to_string()


def judged(past: Past, asked: pd.DataFrame) -> str:
    """Reliability of the predictions, and whether merchants' intervals hold."""
    label = asked["label"].to_numpy(float)
    one_each = np.ones(len(asked))
    rate = past.predict(asked, buyers=True, neighbours=True).point
    table = reliability_table(rate, one_each, label).round(4)
    error, chance = calibration_error(rate, one_each, label), error_by_chance(rate, one_each)
    # Who is asked for stands for all of a merchant's buyers.
    each = pd.DataFrame({"merchant_id": past.merchants, "user_id": 0})
    told = past.predict(each, buyers=False)
    size = len(past.merchants) + 1
    merchant = _rows(past.merchants, asked["merchant_id"])
    later = np.bincount(merchant, minlength=size)[:-1].astype(float)
    came = np.bincount(merchant, label, size)[:-1]
    history = pd.cut(past.counts[0][:-1], _SIZES, labels=["1-20", "21-50", "51-200", "over 200"])
    held = rate_coverage(told.low, told.high, later, came, history)
    held = held.rename(columns={"group": "pairs known", "promotions": "merchants"})
    return "\n".join(
        [
            "",
            "Predicted and observed, by tenths of the pairs:",
            table.to_string(index=False),
            f"Expected calibration error {error:.4f}; {chance:.4f} by chance alone, were every "
            "probability exactly right.",
            "",
            "Merchants whose later count lies where the 80 % interval of their rate and the luck "
            "of that many pairs",
            "let four fifths lie (80 % is right):",
            held.round(3).to_string(index=False),
        ]
    )


def report(data: Path, held_out: Path | None) -> str:
    """All figures as text; of a file held out, or of parts cut from the visible pairs."""
    table = pd.read_csv(data / FILES[0])
    if held_out is not None:
        asked = read_held_out(held_out, table)
        parts = [(table, asked)]
        title = f"{len(asked):,} pairs held out, {len(table):,} known"
    else:
        parts = list(random_parts(table, SEEDS))
        title = f"{len(parts)} random cuts of {len(table):,} pairs, three tenths asked for"
    losses = []
    for known, asked in parts:
        found = predictions(Past(known), asked)
        label = asked["label"].to_numpy(float)
        losses.append({method: log_loss(rate, label) for method, rate in found.items()})
    known, asked = parts[0]
    return "\n".join(
        [
            f"Who buys again (Tmall): {title}",
            _told(compare(losses)),
            "ahead: of the shrunk rate, in units of 0.00001; ±: its standard error in one cut",
            judged(Past(known), asked),
        ]
    )
