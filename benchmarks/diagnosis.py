"""How often a quadrant is right when the diagnosis says that it is sure.

    .venv/bin/python benchmarks/diagnosis.py [SEED ...]

Every market is synthetic, small, and its truth is known: each cooperation has a true conversion
and true exposures of a promoted product (means of its own promotions in ordinary conditions), and
so has the average of every merchant's peers. The true quadrant follows from these; the diagnosis
sees what the market's tables tell. Printed: how often the most likely quadrant is the true one, by
how sure the diagnosis is; the two intervals; and what averages without shrinkage would have said.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from matching import Plaza
from matching.diagnosis import Cooperations
from matching.diagnosis.cooperations import summed
from matching.diagnosis.quadrants import QUADRANTS, UNKNOWN
from matching.diagnosis.yardsticks import Yardsticks
from models.pairs import Floats
from training.fit import train_market
from training.market import read_market
from training.simulation import simulate_market
from training.simulation.truth import Truth

BINS = [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]


def truth_of(past: Cooperations, plaza: Plaza, truth: Truth) -> pd.DataFrame:
    """True conversion, exposures and quadrant of every pair that has worked together."""
    expected = truth.expected(
        plaza.merchant_ids[past.merchant],
        plaza.creator_ids[past.creator],
        plaza._learnt.vocabularies[2].ids[past.product],
    )
    shown = expected["exposures"].to_numpy(float)
    clicks = shown * expected["click_rate"].to_numpy(float)
    orders = clicks * expected["conversion"].to_numpy(float)
    keys, pair = np.unique(np.stack([past.merchant, past.creator]), axis=1, return_inverse=True)
    pair, n = pair.reshape(-1), keys.shape[1]
    sums = {"clicks": clicks, "orders": orders, "shown": shown, "rows": np.ones(len(pair))}
    total = {name: summed(pair, values, n) for name, values in sums.items()}
    usual = Yardsticks.of(
        replace(past, trials=clicks, orders=orders, arrived=np.ones(len(pair)), shown=shown)
    )
    conversion, exposures = total["orders"] / total["clicks"], total["shown"] / total["rows"]
    above = _names(conversion > usual.conversion[keys[0]], exposures > usual.exposures[keys[0]])
    return pd.DataFrame(
        {
            "merchant_id": plaza.merchant_ids[keys[0]],
            "creator_id": plaza.creator_ids[keys[1]],
            "true_conversion": conversion,
            "true_exposures": exposures,
            "true_quadrant": above,
        }
    )


def raw_quadrants(frame: pd.DataFrame, past: Cooperations, plaza: Plaza) -> pd.Series:
    """Quadrants by plain averages of each pair, as planners show them."""
    both = np.isfinite(past.trials) & np.isfinite(past.orders)
    table = pd.DataFrame(
        {
            "merchant_id": plaza.merchant_ids[past.merchant],
            "creator_id": plaza.creator_ids[past.creator],
            "trials": np.where(both, past.trials, 0.0),
            "orders": np.where(both, past.orders, 0.0),
            "shown": past.shown,
        }
    )
    grouped = table.groupby(["merchant_id", "creator_id"])
    sums = grouped[["trials", "orders"]].sum().assign(shown=grouped["shown"].mean())
    own = sums.reindex(pd.MultiIndex.from_frame(frame[["merchant_id", "creator_id"]]))
    rate = (own["orders"] / own["trials"]).to_numpy(float)
    names = _names(
        rate > frame["conversion_usual"].to_numpy(float),
        own["shown"].to_numpy(float) > frame["exposures_usual"].to_numpy(float),
    )
    return pd.Series(names, frame.index)


def _names(conversion: np.ndarray, exposures: np.ndarray) -> np.ndarray:
    place = 2 * (~conversion).astype(int) + (~exposures).astype(int)
    return np.array(QUADRANTS, dtype=object)[place]


def judged(seed: int, folder: Path) -> pd.DataFrame:
    """Diagnose every merchant of one market, the truth beside it."""
    simulate_market(folder / f"market{seed}", seed=seed)
    train_market(read_market(folder / f"market{seed}"), folder / f"bundle{seed}")
    plaza = Plaza.load(folder / f"bundle{seed}")
    began = time.process_time()
    frames = [plaza.diagnose(one).assign(merchant_id=one) for one in plaza.merchant_ids.tolist()]
    spent = time.process_time() - began
    frame = pd.concat([one for one in frames if len(one)], ignore_index=True)
    past = plaza._learnt.cooperations()
    told = truth_of(past, plaza, Truth.load(folder / f"market{seed}" / "truth"))
    frame = frame.merge(told, on=["merchant_id", "creator_id"], validate="one_to_one")
    frame["raw"] = raw_quadrants(frame, past, plaza)
    print(f"seed {seed}: {len(frame):,} cooperations in {spent:.1f} CPU s")
    return frame[frame["quadrant"] != UNKNOWN].assign(seed=seed)


def covered(frame: pd.DataFrame, name: str) -> Floats:
    """Whether the true value lies inside the 80 % interval."""
    true = frame[f"true_{name}"]
    inside: Floats = ((frame[f"{name}_low"] <= true) & (true <= frame[f"{name}_high"])).to_numpy()
    return inside


def main() -> None:
    """Judge the seeds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    with tempfile.TemporaryDirectory() as folder:
        frame = pd.concat(
            [judged(seed, Path(folder)) for seed in parser.parse_args().seeds], ignore_index=True
        )
    frame["right"] = frame["quadrant"] == frame["true_quadrant"]
    frame["raw_right"] = frame["raw"] == frame["true_quadrant"]
    for name in ("conversion", "exposures"):
        frame[f"{name} inside"] = covered(frame, name)
    aims = {
        "cooperations": ("right", "size"),
        "said": ("sureness", "mean"),
        "right": ("right", "mean"),
        "raw averages": ("raw_right", "mean"),
    }
    sureness = pd.cut(frame["sureness"], BINS).rename("how sure")
    print("\nall markets are synthetic\n")
    print(frame.groupby(sureness, observed=True).agg(**aims).round(3).to_string())
    sure = frame[frame["sureness"] >= 0.8]
    print("\n80 % sure or more, by seed")
    print(sure.groupby("seed").agg(**aims).round(3).to_string())
    print("\n80 % sure or more, by quadrant told")
    print(sure.groupby("quadrant").agg(**aims).round(3).to_string())
    inside = {name: (f"{name} inside", "mean") for name in ("conversion", "exposures")}
    history = pd.cut(frame["sessions"], [0, 1, 2, 4, 8, 1000]).rename("sessions")
    print("\nshare of true values inside the 80 % interval, all and by sessions held")
    print(frame.groupby(lambda _: "all").agg(**aims, **inside).round(3).to_string())
    print(frame.groupby(history, observed=True).agg(**aims, **inside).round(3).to_string())
    print("\nmost likely cause of a low conversion")
    print(frame["cause"].value_counts(normalize=True).round(3).to_string())


if __name__ == "__main__":
    main()
