"""How often a diagnosis is right, and whether it is as sure as it should be.

    .venv/bin/python benchmarks/diagnosis.py [SEED ...] [--size medium] [--settle] [--ranges]

Every market is synthetic and its truth is known: each cooperation has a true conversion and true
exposures of a promoted product (the mean over what it promoted, in ordinary conditions on the
market's last day), and so has the average of every merchant's peers. The true quadrant and the
true cause of a low conversion follow from these; the diagnosis sees what the market's tables tell.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from diagnosis_checks import ranges_table, settled_table
from diagnosis_truth import Case

from matching import Plaza
from matching.catalog import tier_of
from matching.diagnosis.quadrants import QUADRANTS, UNKNOWN
from models.pairs import Floats
from training.fit import train_market
from training.market import read_market
from training.simulation import simulate_market

BINS = [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]
HISTORY = [0, 1, 2, 4, 8, 10_000]
INSIDE = {name: (f"{name} inside", "mean") for name in ("conversion", "exposures")}


def judged(seed: int, size: str, folder: Path) -> tuple[pd.DataFrame, Case, Plaza]:
    """Diagnose every merchant of one market, the truth beside it."""
    market, bundle = folder / f"market{seed}", folder / f"bundle{seed}"
    simulate_market(market, seed=seed, size=size)
    train_market(read_market(market), bundle)
    plaza = Plaza.load(bundle)
    began = time.process_time()
    frames = [plaza.diagnose(one).assign(merchant_id=one) for one in plaza.merchant_ids.tolist()]
    spent = time.process_time() - began
    case = Case.read(market, plaza)
    frame = pd.concat([one for one in frames if len(one)], ignore_index=True)
    frame = frame.merge(case.table(), on=["merchant_id", "creator_id"], validate="one_to_one")
    print(f"seed {seed}: {len(frame):,} cooperations diagnosed in {spent:.1f} CPU s")
    for name in ("conversion", "exposures"):
        frame[f"{name} inside"] = _covered(frame, name)
    frame["right"] = frame["quadrant"] == frame["true_quadrant"]
    frame["raw_right"] = _raw(frame) == frame["true_quadrant"]
    followers = market_followers(market, frame)
    frame["tier"] = pd.Categorical(tier_of(followers))
    return frame[frame["quadrant"] != UNKNOWN].assign(seed=seed), case, plaza


def market_followers(market: Path, frame: pd.DataFrame) -> Floats:
    """Followers of the creator in each row, ranges by their middles; NaN unknown."""
    from training.market import point

    creators = read_market(market).table("creators").set_index("creator_id")
    return point(creators, "followers").reindex(frame["creator_id"]).to_numpy(float)


def _covered(frame: pd.DataFrame, name: str) -> Floats:
    true = frame[f"true_{name}"]
    inside: Floats = ((frame[f"{name}_low"] <= true) & (true <= frame[f"{name}_high"])).to_numpy()
    return inside


def _raw(frame: pd.DataFrame) -> np.ndarray:
    """Quadrants by plain averages of each pair."""
    low = [
        ~(frame[f"raw_{name}"] > frame[f"{name}_usual"]).to_numpy()
        for name in ("conversion", "exposures")
    ]
    return np.array(QUADRANTS, dtype=object)[2 * low[0].astype(int) + low[1].astype(int)]


def tell(frame: pd.DataFrame) -> None:
    """Print reliability, coverage and causes."""
    aims = {
        "cooperations": ("right", "size"),
        "said": ("sureness", "mean"),
        "right": ("right", "mean"),
        "raw averages": ("raw_right", "mean"),
    }

    def show(title: str, told: pd.DataFrame) -> None:
        print(f"\n{title}\n{told.round(3).to_string()}")

    by = {"observed": True}
    bins = pd.cut(frame["sureness"], BINS).rename("how sure")
    show("reliability of the quadrant (synthetic)", frame.groupby(bins, **by).agg(**aims))
    sure = frame[frame["sureness"] >= 0.8]
    share = len(sure) / len(frame)
    show(f"80 % sure or more, {share:.0%} of all, by seed", sure.groupby("seed").agg(**aims))
    show("80 % sure or more, by quadrant told", sure.groupby("quadrant").agg(**aims))
    show("80 % intervals, all", frame.groupby(lambda _: "all").agg(**aims, **INSIDE))
    history = pd.cut(frame["sessions"], HISTORY).rename("sessions")
    show("80 % intervals, by sessions held", frame.groupby(history, **by).agg(**aims, **INSIDE))
    show("80 % intervals, by the creator's tier", frame.groupby("tier", **by).agg(**aims, **INSIDE))
    low = frame[frame["true_low"] & frame["cause"].notna()]
    low = low.assign(cause_right=low["cause"] == low["true_cause"])
    causes = {
        "share": ("cause", lambda one: len(one) / len(low)),
        "said": ("cause_sureness", "mean"),
        "right": ("cause_right", "mean"),
    }
    show("cause of a low conversion, by what is told", low.groupby("cause").agg(**causes))
    named = low[low["cause"] != "not known"]
    usual = low["true_cause"].value_counts(normalize=True).iloc[0]
    print(
        f"named in {len(named) / len(low):.0%}, then right in {named['cause_right'].mean():.3f}; "
        f"always naming the most frequent would be right in {usual:.3f}"
    )


def main() -> None:
    """Judge the seeds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[7])
    parser.add_argument("--size", default="small")
    parser.add_argument("--settle", action="store_true", help="hold further sessions and look")
    parser.add_argument("--ranges", action="store_true", help="hide exact numbers in ranges")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [judged(seed, told.size, Path(folder)) for seed in told.seeds]
    tell(pd.concat([one[0] for one in found], ignore_index=True))
    frame, case, _ = found[0]
    if told.settle:
        print("\nafter so many further sessions (synthetic)")
        print(settled_table(frame, case).round(3).to_string())
    if told.ranges:
        print("\nexact numbers of half of the creators hidden in ranges (synthetic)")
        print(ranges_table(case).round(4).to_string())


if __name__ == "__main__":
    main()
