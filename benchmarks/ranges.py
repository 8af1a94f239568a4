"""Numbers given as ranges or not at all: the censored likelihood against made-up numbers.

    .venv/bin/python benchmarks/ranges.py --data DATA

Part of the past numbers is hidden as platforms hide them: a creator who gives no consent to a
number shows a range of it (0-100, 100-300, 300-1,000, …), one in three shows nothing. Each number
is consented to apart. Ways to learn from what is left are compared on what later promotions
brought, all of it known:

    ranges       as the product does: what lies within a range counts by the likelihood of the range
    geometric    the geometric middle of a range (half of its top from 0 on); blanks are unknown
    arithmetic   the arithmetic middle; blanks are unknown
    zeros        the geometric middle; blanks are zero
    dropped      ranges and blanks are both unknown
    all known    nothing hidden: the ceiling

A synthetic market is made by the simulator; with `--data`, likes of Instagram posts and reactions
to posts of live sellers stand for exposures. Later posts are cut from the visible part.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from command_line import at_least, lacking

from models.features import EntityFeatures, PromotionOutcomes, Terms
from models.fits import PairFits
from models.outcome import OutcomeModel, Predictions
from models.pairs import Floats
from models.ranged import Ranged
from training import entities as facts
from training.entities import Entities
from training.fit import promotion_outcomes, promotion_pairs
from training.market import Market, read_market
from training.simulation.consent import bounds
from training.simulation.simulator import simulate_market

NUMBERS = ("exposures", "clicks", "orders", "gmv")
SHARES = (0.3, 0.6, 0.9)
#: Of those who hide a number, how many show a range of it.
_SHOW_RANGES = 2 / 3
_LATER = 0.3  # share of the promotions that is asked about
#: What is expected of a count at least, lest a promise of nothing be infinitely wrong.
_LEAST = 1e-3
INSTAGRAM = ("posts.csv.gz", "creators.csv.gz")
SELLERS = ("posts.csv",)


def hidden(
    outcomes: PromotionOutcomes, who: np.ndarray, share: float, seed: int
) -> PromotionOutcomes:
    """Hide each number of a share of who decides: two thirds show ranges, the others nothing."""
    rng = np.random.default_rng(seed)
    known = {}
    for name in NUMBERS:
        grade = rng.random(int(who.max()) + 1)[who]
        exact = getattr(outcomes, name)
        told = np.isfinite(exact)
        low, high = bounds(np.where(told, exact, 0.0))
        hides, ranged = grade < share, (grade < share * _SHOW_RANGES) & told
        known[name] = np.where(hides, np.nan, exact)
        known[f"{name}_low"] = np.where(ranged, low, np.nan)
        known[f"{name}_high"] = np.where(ranged, high, np.nan)
    return replace(outcomes, **known)


def middles(outcomes: PromotionOutcomes, middle: Callable[[Ranged], Floats]) -> PromotionOutcomes:
    """One number in place of each range."""
    nothing = np.full(len(outcomes), np.nan)
    ends = {f"{name}_{end}": nothing for name in NUMBERS for end in ("low", "high")}
    return replace(outcomes, **{one: middle(outcomes.ranged(one)) for one in NUMBERS}, **ends)


def _arithmetic(told: Ranged) -> Floats:
    return np.where(told.known, (told.low + told.high) / 2.0, np.nan)


WAYS: Mapping[str, Callable[[PromotionOutcomes], PromotionOutcomes]] = {
    "ranges": lambda told: told,
    "geometric": lambda told: middles(told, lambda one: one.middle),
    "arithmetic": lambda told: middles(told, _arithmetic),
    "zeros": lambda told: middles(told, lambda one: np.nan_to_num(one.middle)),
    "dropped": lambda told: middles(told, Ranged.values),
}


class Task:
    """A market cut in time: what is learnt from, and what came later."""

    def __init__(
        self, market: Market, only: tuple[str, ...] = NUMBERS, decides: str = "creator_id"
    ) -> None:
        ids = Entities.of(market)
        outcomes = promotion_outcomes(market)
        pairs = promotion_pairs(market.table("promotions"), ids, PairFits(None, None))
        self.features: dict[str, EntityFeatures] = {
            "creators": facts.creator_features(market, ids.creators),
            "merchants": facts.merchant_features(market, ids.merchants),
            "products": facts.product_features(market, ids.products),
        }
        self.terms: Terms = facts.terms(market, ids)
        whole = np.all([np.isfinite(getattr(outcomes, name)) for name in only], axis=0)
        age = outcomes.age_days
        cut = np.quantile(age, _LATER)
        # The last three weeks are left out: what they bring has not all arrived.
        settled = age >= 21.0 if "orders" in only else np.ones(len(age), dtype=bool)
        past, asked = whole & (age >= cut), whole & (age < cut) & settled
        self.who = pd.factorize(market.table("promotions")[decides])[0][past]
        self.pairs, self.asked = pairs.take(past), pairs.take(asked)
        self.known = replace(outcomes.take(past), age_days=age[past] - cut)
        self.came = outcomes.take(asked)

    def judged(self, known: PromotionOutcomes) -> dict[str, float]:
        """Learn from what is known, predict what came later."""
        model = OutcomeModel().fit(self.pairs, known, terms=self.terms, **self.features)
        return _compared(model.predict(self.asked), self.came)


def _compared(found: Predictions, came: PromotionOutcomes) -> dict[str, float]:
    told = {
        "shown: log error": _log_error(found.exposures, came.exposures),
        "sum / true": found.exposures.sum() / came.exposures.sum(),
        "80 % holds": _covered(found.exposures_low, found.exposures_high, came.exposures),
    }
    if np.isfinite(came.orders).all():
        clicked = came.clicks > 0.0
        hoped = (found.p_conversion * came.clicks)[clicked]
        told |= {
            "of clicks: deviance": _deviance(hoped, came.orders[clicked]),
            "orders: deviance": _deviance(found.expected_orders, came.orders),
            "orders / true": found.expected_orders.sum() / came.orders.sum(),
            "GMV / true": found.expected_gmv.sum() / came.gmv.sum(),
            "80 % GMV": _covered(found.expected_gmv_low, found.expected_gmv_high, came.gmv),
        }
    return {name: float(one) for name, one in told.items()}


def _log_error(found: Floats, came: Floats) -> float:
    return float(np.abs(np.log1p(found) - np.log1p(came)).mean())


def _covered(low: Floats, high: Floats, came: Floats) -> float:
    return float(((low <= came) & (came <= high)).mean())


def _deviance(found: Floats, came: Floats) -> float:
    """Mean Poisson deviance."""
    found = np.maximum(found, _LEAST)
    return float(2.0 * (came * np.log(np.maximum(came, _LEAST) / found) - came + found).mean())


def table(task: Task, share: float, seeds: int) -> pd.DataFrame:
    """Every way at one share hidden, means over draws of who hides."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for seed in range(seeds):
        told = hidden(task.known, task.who, share, seed)
        for name, way in WAYS.items():
            rows[name].append(task.judged(way(told)))
    means = {name: pd.DataFrame(one).mean() for name, one in rows.items()}
    return pd.DataFrame(means | {"all known": pd.Series(task.judged(task.known))}).T


def instagram(data: Path, folder: Path) -> Market:
    """Posts as promotions of their kind, likes for exposures."""
    posts, creators = (pd.read_csv(data / name) for name in INSTAGRAM)
    creators = creators.rename(columns={"category": "categories", "n_posts": "videos_30d"})
    creators[["creator_id", "categories", "followers", "videos_30d"]].to_csv(
        folder / "creators.csv", index=False
    )
    posts["occurred_at"] = pd.to_datetime(posts["ts"], unit="s", utc=True)
    return _posts(posts.rename(columns={"media_type": "merchant_id", "likes": "exposures"}), folder)


def sellers(data: Path, folder: Path) -> Market:
    """Posts of live sellers as promotions of their kind, reactions for exposures."""
    posts = pd.read_csv(data / SELLERS[0], dtype={"seller_id": str})
    posts["occurred_at"] = pd.to_datetime(posts["status_published"], utc=True)
    quarter = posts["occurred_at"].dt.tz_localize(None).dt.to_period("Q").astype(str)
    posts["session_id"] = posts["seller_id"] + " " + quarter
    renamed = {
        "seller_id": "creator_id",
        "status_type": "merchant_id",
        "num_reactions": "exposures",
    }
    return _posts(posts.rename(columns=renamed), folder)


def _posts(posts: pd.DataFrame, folder: Path) -> Market:
    columns = ["occurred_at", "merchant_id", "creator_id", "session_id", "exposures"]
    posts.reindex(columns=columns).sort_values("occurred_at", kind="stable").to_csv(
        folder / "promotions.csv", index=False
    )
    return read_market(folder)


def main() -> None:
    """Print one table for each set and share hidden."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of real data sets")
    parser.add_argument("--seed", type=at_least(0), default=7, help="of the synthetic market")
    parser.add_argument("--draws", type=at_least(1), default=2, help="of who hides what")
    given = parser.parse_args()
    real = {}
    if given.data is not None:
        for name, files in (("instagram_kim2020", INSTAGRAM), ("fb_live_sellers", SELLERS)):
            trouble = lacking(given.data / name, files, "leave --data out for the synthetic part")
            if trouble:
                parser.error(trouble)
        real = {
            "instagram_kim2020": (instagram, "creator_id"),
            # A handful of pages: each decides anew every quarter.
            "fb_live_sellers": (sellers, "session_id"),
        }
    with tempfile.TemporaryDirectory() as room:
        simulate_market(Path(room) / "market", seed=given.seed, size="small")
        task = Task(read_market(Path(room) / "market"))
        _show(task, f"synthetic market, seed {given.seed}", given.draws)
        for name, (read, decides) in real.items():
            folder = Path(room) / name
            folder.mkdir()
            market = read(given.data / name, folder)
            _show(Task(market, ("exposures",), decides), f"real: {name}", given.draws)


def _show(task: Task, title: str, draws: int) -> None:
    learnt, asked = len(task.pairs), len(task.asked)
    print(f"\n{title}: {learnt} promotions learnt from, {asked} later ones asked about")
    for share in SHARES:
        print(f"\n{share:.0%} hide each number")
        print(table(task, share, draws).round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
