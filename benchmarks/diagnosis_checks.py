"""Two checks of a diagnosis against the truth: further sessions, and numbers hidden in ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from diagnosis_truth import Case

from matching.diagnosis import Cooperations, Diagnosis
from matching.diagnosis.cooperations import taken
from matching.diagnosis.quadrants import QUADRANTS, quadrant_probabilities
from models.pairs import Floats
from models.ranged import Ranged
from training.promotion_sessions import PastPromotions
from training.simulation.consent import bounds

#: Cooperations that hold further sessions at a time: few, so that the market stays what it is.
_AT_A_TIME = 300
_MOST = 20


def settled_table(frame: pd.DataFrame, case: Case, seed: int = 0) -> pd.DataFrame:
    """Hold as many further sessions as the diagnosis asked for, and diagnose again.

    Further sessions are drawn from the truth, one product each, among those promoted so far.
    """
    rng = np.random.default_rng(seed)
    told = {}
    for name, promised in (("sessions_to_80", 0.8), ("sessions_to_90", 0.9)):
        asked = frame[frame[name].between(1, _MOST)]
        some = asked.sample(min(_AT_A_TIME, len(asked)), random_state=seed)
        again = _diagnosed_again(some, name, case, rng)
        sure = again["sureness"] >= promised
        told[name] = {
            "cooperations": len(some),
            "of all": len(asked) / len(frame),
            "further sessions": some[name].mean(),
            "right before": some["right"].mean(),
            "promised": promised,
            "right after": (again["quadrant"] == again["true_quadrant"]).mean(),
            "said after": again["sureness"].mean(),
            "that sure after": sure.mean(),
        }
    return pd.DataFrame(told).T


def _diagnosed_again(
    some: pd.DataFrame, name: str, case: Case, rng: np.random.Generator
) -> pd.DataFrame:
    past = case.past
    merchant, _ = case.ids.merchants.find(some["merchant_id"])
    creator, _ = case.ids.creators.find(some["creator_id"])
    pair, merchants, creators = past.cells
    keys = merchants.astype(np.int64) * past.shape[1] + creators
    place = np.searchsorted(keys, merchant.astype(np.int64) * past.shape[1] + creator)
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(pair == at), int(count))
            for at, count in zip(place, some[name], strict=True)
        ]
    )
    drawn = case.truth.sample(
        case.ids.merchants.ids[past.merchant[rows]],
        case.ids.creators.ids[past.creator[rows]],
        case.ids.products.ids[past.product[rows]],
        rng,
    )
    learnt = case.learn(_longer(past, rows, drawn))
    diagnosis = Diagnosis(learnt)
    frames = [
        diagnosis.of(int(one), case.ids.creators.ids).assign(
            merchant_id=case.ids.merchants.ids[one]
        )
        for one in np.unique(merchant)
    ]
    keys_of = ["merchant_id", "creator_id"]
    return some[[*keys_of, "true_quadrant"]].merge(pd.concat(frames), on=keys_of)


def _longer(past: PastPromotions, rows: np.ndarray, drawn: pd.DataFrame) -> PastPromotions:
    """The past with further promotions of today, each in a session of its own, in order."""
    n = len(rows)
    session = int(past.session.max()) + 1 + np.arange(n, dtype=np.int32)

    def longer(old: np.ndarray, new: np.ndarray | Floats) -> np.ndarray:
        return np.concatenate([old, new])

    def ranged(old: Ranged, name: str) -> Ranged:
        new = drawn[name].to_numpy(float)
        return Ranged(longer(old.low, new), longer(old.high, new))

    return replace(
        past,
        merchant=longer(past.merchant, past.merchant[rows]),
        creator=longer(past.creator, past.creator[rows]),
        product=longer(past.product, past.product[rows]),
        session=longer(past.session, session),
        age_days=longer(past.age_days, np.zeros(n)),
        campaign=longer(past.campaign, np.zeros(n, dtype=bool)),
        arrived=longer(past.arrived, np.ones(n)),
        trials=ranged(past.trials, "clicks"),
        orders=ranged(past.orders, "orders"),
        shown=ranged(past.shown, "exposures"),
        paid=ranged(past.paid, "paid_exposures"),
        fits=longer(past.fits, past.fits[rows]),
    )


def ranges_table(case: Case, seed: int = 0) -> pd.DataFrame:
    """Diagnose with exact numbers, ranges as bounds, as middles, and without them.

    Clicks, orders and exposures of half of the creators are told as 0–100, 100–300, 300–1,000
    and so on. Columns: mean squared error of the logs, share inside the 80 % intervals and their
    width, and the log-loss of the true quadrant.
    """
    rng = np.random.default_rng(seed)
    hidden = rng.random(case.past.shape[1])[case.past.creator] < 0.5
    true = case.table()
    names = ("trials", "orders", "shown")

    def read(how: str) -> PastPromotions:
        changed = {}
        for name in names:
            exact = getattr(case.past, name).low
            low, high = bounds(exact)
            if how == "middles":
                low = high = Ranged(low, high).middle
            if how == "left out":
                low = high = np.full(len(exact), np.nan)
            ends = (np.where(hidden, one, exact) for one in (low, high))
            changed[name] = Ranged(*ends)
        return case.past if how == "exact" else replace(case.past, **changed)

    pair = case.past.cells[0]
    hurt = np.bincount(pair, hidden) > 0
    told = {how: read(how) for how in ("exact", "bounds", "middles", "left out")}
    return pd.DataFrame(
        {
            how: _errors(case.learn(one), true[hurt], np.flatnonzero(hurt))
            for how, one in told.items()
        }
    ).T


def _errors(learnt: Cooperations, true: pd.DataFrame, rows: np.ndarray) -> dict[str, float]:
    merchant = np.repeat(np.arange(len(learnt.starts) - 1), np.diff(learnt.starts))[rows]
    found, sides = {}, []
    for name, told, line in (
        ("conversion", taken(learnt.conversions, rows), learnt.conversion),
        ("exposures", taken(learnt.displays, rows), learnt.exposures),
    ):
        low, middle, high = (told.quantile(one) for one in (0.1, 0.5, 0.9))
        value = true[f"true_{name}"].to_numpy(float)
        found[f"{name} error"] = float(np.mean(np.log((middle + 1e-9) / value) ** 2))
        found[f"{name} inside"] = float(np.mean((low <= value) & (value <= high)))
        found[f"{name} width"] = float(np.median(high / np.maximum(low, 1e-9)))
        sides.append(told.above(line.usual[merchant], line.doubt[merchant]))
    chances = quadrant_probabilities(*sides)
    place = true["true_quadrant"].map(QUADRANTS.index).to_numpy(int)
    known = np.isfinite(chances).all(axis=1)
    likely = np.maximum(chances[known, place[known]], 1e-6)
    return {**found, "quadrant log-loss": float(-np.mean(np.log(likely)))}
