"""Late orders and refunds of synthetic markets: what is learnt of them against the simulator's law.

    .venv/bin/python benchmarks/arrivals.py --seeds 21 22 23 24

For each market the share of orders and of refunds that has come, by age: as the simulator has it,
and as it is learnt from what can be seen. Figures of single steps are as unsure as the few
promotions of those days are.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from command_line import at_least

from models.arrival import Arrival
from models.calibration import later_part
from models.conversion import ConversionModel
from models.features import PromotionOutcomes
from models.fits import PairFits
from models.pairs import Floats
from models.refunds import refunds_arrival
from training import entities as facts
from training.entities import Entities
from training.fit import promotion_outcomes, promotion_pairs
from training.market import Market, read_market
from training.simulation.outcomes import orders_arrived, refunds_arrived
from training.simulation.simulator import simulate_market


def learnt(market: Market) -> tuple[PromotionOutcomes, Arrival, Arrival]:
    """Arrival of orders and of refunds, as the outcome chain learns them."""
    ids, outcomes = Entities.of(market), promotion_outcomes(market)
    model = ConversionModel().fit(
        promotion_pairs(market.table("promotions"), ids, PairFits(None, None)),
        outcomes.clicks,
        outcomes.orders,
        age_days=outcomes.age_days,
        creators=facts.creator_features(market, ids.creators),
        merchants=facts.merchant_features(market, ids.merchants),
        products=facts.product_features(market, ids.products),
        later=later_part(outcomes.age_days),
    )
    return outcomes, model.arrival_, refunds_arrival(outcomes)


def by_step(arrival: Arrival, age: Floats, law: Floats, weight: Floats) -> pd.DataFrame:
    """Learnt share beside the law's mean in each step."""
    step = np.searchsorted(arrival.ages, age, side="right")
    size = len(arrival.ages) + 1
    mass = np.bincount(step, weight, size)[:-1]
    mean = np.bincount(step, weight * law, size)[:-1] / mass
    return pd.DataFrame({"mass": mass, "law": mean, "learnt": arrival.shares}, arrival.ages)


def main() -> None:
    """Print one table for orders and one for refunds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=at_least(0), nargs="+", default=[21, 22, 23, 24])
    given = parser.parse_args()
    tables: dict[str, list[pd.DataFrame]] = {"orders": [], "refunds": []}
    with tempfile.TemporaryDirectory() as room:
        for seed in given.seeds:
            folder = Path(room) / str(seed)
            simulate_market(folder, seed=seed, size="small")
            outcomes, orders, refunds = learnt(read_market(folder))
            age, sold = outcomes.age_days, np.nan_to_num(outcomes.orders)
            clicks = np.nan_to_num(outcomes.clicks)
            tables["orders"].append(by_step(orders, age, orders_arrived(age), clicks))
            tables["refunds"].append(by_step(refunds, age, refunds_arrived(age), sold))
    for name, found in tables.items():
        print(f"\nsynthetic markets: share of the {name} that has come before an age in days")
        shown = pd.concat([one["learnt"] for one in found], axis=1, keys=given.seeds)
        shown.insert(0, "law", pd.concat([one["law"] for one in found], axis=1).mean(axis=1))
        print(shown.round(3).to_string())
        for seed, one in zip(given.seeds, found, strict=True):
            off = np.sqrt(np.average((one["learnt"] - one["law"]) ** 2, weights=one["mass"]))
            print(f"seed {seed}: root mean square {off:.3f}")


if __name__ == "__main__":
    main()
