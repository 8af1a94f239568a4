"""Does reading the own rating first foretell second cooperations better? Synthetic markets only.

Each market is cut 90 days before its end. What promotions of pairs that had met by then brought in
the following weeks is foretold from what was known at the cut: without the pair's own past, by its
rating, and by its raw rate. The last three weeks are left out: their orders are still coming in.

    .venv/bin/python benchmarks/ledger.py [--seeds 11 12 13] [--size small]

No public data set tells what pairs sold, so there is nothing real to try this on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from matching.entries import Entries
from matching.ledger import RatingLedger
from matching.moments import days
from models.chain import Chain
from models.features import PromotionOutcomes
from models.own_evidence import rated_by, scales, told_by
from models.pairs import Floats, Pairs
from training.entities import Entities
from training.fit import Settings, learn, promotion_outcomes, promotion_pairs
from training.market import Market, read_market
from training.simulation import SIZES, simulate_market

CUT_DAYS, ARRIVING_DAYS = 90, 21
HALF_LIVES = (15.0, 30.0, 60.0, 120.0, 240.0, 1e6)
PAST = ((1, 2), (3, 5), (6, 10**6))


def deviance(got: Floats, expected: Floats, noise: float) -> Floats:
    """Gamma-Poisson deviance of each count: one large promotion does not decide alone."""
    log = np.log(np.maximum(got, 1e-12) / expected)
    rest = (got + 1.0 / noise) * np.log((1.0 + noise * got) / (1.0 + noise * expected))
    return 2.0 * (got * log - rest)


def foretold(market: Market) -> Iterator[tuple[str, str, Floats, Floats]]:
    """Way, what is foretold, loss of each later promotion, and past promotions of its pair."""
    past = market.before(market.as_of - pd.Timedelta(days=CUT_DAYS))
    learnt = learn(past, Settings(), lambda _: None)
    ids, fits, chain = Entities.of(past), learnt.fits(), learnt.outcomes.chain_
    ledger = learnt.ledger()
    rows, whole = market.table("promotions"), promotion_outcomes(market)
    age = whole.age_days
    known = ids.merchants.find(rows["merchant_id"])[1] & ids.creators.find(rows["creator_id"])[1]
    wanted = np.flatnonzero(known & (age < CUT_DAYS) & (age >= ARRIVING_DAYS))
    pairs = promotion_pairs(rows.iloc[wanted], ids, fits)
    later = told_by(chain, pairs, whole.take(wanted))
    width = chain.meetings.pairs.width
    reading = ledger.read(chain, ledger.as_of)
    met = reading.merchant.astype(np.int64) * width + reading.creator
    place = np.searchsorted(met, pairs.merchant.astype(np.int64) * width + pairs.creator)
    place = np.minimum(place, len(met) - 1)
    second = met[place] == pairs.merchant.astype(np.int64) * width + pairs.creator
    number = np.bincount(reading.place, minlength=len(met))[place].astype(float)
    rolling = _rolling(ledger, chain, pairs, whole.take(wanted), days(rows["occurred_at"])[wanted])
    orders, shown = later["conversion"], later["exposure"]
    sold = second & np.isfinite(orders.came) & (orders.worth == 1.0) & np.isfinite(orders.expected)
    seen = second & np.isfinite(shown.came) & (shown.worth == 1.0)

    def losses(way: str, rate: Floats, log: Floats) -> Iterator[tuple[str, str, Floats, Floats]]:
        expected = np.maximum(orders.expected * rate, 1e-9)[sold]
        told = deviance(orders.came[sold], expected, noise)
        yield way, "orders of the clicks, deviance", told, number[sold]
        yield (
            way,
            "exposures, squared log error",
            (shown.came - shown.expected - log)[seen] ** 2,
            number[seen],
        )

    noise = scales(chain)["conversion"].noise
    nothing = np.zeros(len(place))
    yield from losses("without the pair's own past", nothing + 1.0, nothing)
    rated = reading.rated
    served = rated["conversion"].rating[place], rated["exposure"].log[place]
    yield from losses("by its rating, as served", *served)
    yield from losses("by its rating, recorded since", *rolling)
    # The raw rate: what came over what was expected, nothing shrunk and nothing forgotten.
    told = reading.entries.told["conversion"]
    use = np.isfinite(told.came)
    got, due = (
        np.bincount(reading.place[use], one[use], len(met)) for one in (told.came, told.expected)
    )
    amounts = reading.entries.told["exposure"]
    use = np.isfinite(amounts.came)
    surprise = np.bincount(reading.place[use], (amounts.came - amounts.expected)[use], len(met))
    count = np.maximum(np.bincount(reading.place[use], minlength=len(met)), 1)
    raw = np.divide(got, due, out=np.ones(len(met)), where=due > 0.0)
    yield from losses("by its raw rate", raw[place], (surprise / count)[place])
    age, session = ledger.as_of - reading.entries.day, reading.entries.session
    kept = {name: step.half_life_days for name, step in chain.steps().items()}
    for half_life in HALF_LIVES:
        for step in chain.steps().values():
            step.half_life_days = half_life
        rated = rated_by(chain, reading.entries.told, reading.place, len(met), age, session)
        way = f"half-life {half_life:,.0f} days" if half_life < 1e6 else "nothing is forgotten"
        yield from losses(way, rated["conversion"].rating[place], rated["exposure"].log[place])
    for name, step in chain.steps().items():
        step.half_life_days = kept[name]


def _rolling(
    ledger: RatingLedger, chain: Chain, pairs: Pairs, outcomes: PromotionOutcomes, day: Floats
) -> tuple[Floats, Floats]:
    """Ratings as of the week each promotion falls into, with all that was recorded before it."""
    sessions = pd.Series([None] * len(pairs), dtype=object)
    width, read = chain.meetings.pairs.width, float((day + outcomes.age_days).max())
    rate, log = np.ones(len(pairs)), np.zeros(len(pairs))
    for week in np.unique((day // 7).astype(int)):
        here = np.flatnonzero((day // 7).astype(int) == week)
        before = np.flatnonzero(day < week * 7.0)
        new = Entries.of(
            chain, pairs.take(before), outcomes.take(before), sessions[before], day[before], read
        )
        told = RatingLedger(ledger.trained, new, ledger.shown_basis, ledger.as_of)
        reading = told.read(chain, max(week * 7.0, ledger.as_of))
        met = reading.merchant.astype(np.int64) * width + reading.creator
        keys = pairs.merchant[here].astype(np.int64) * width + pairs.creator[here]
        place = np.minimum(np.searchsorted(met, keys), len(met) - 1)
        known = met[place] == keys
        rate[here[known]] = reading.rated["conversion"].rating[place[known]]
        log[here[known]] = reading.rated["exposure"].log[place[known]]
    return rate, log


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14])
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    asked = parser.parse_args()
    found: dict[tuple[str, str], list[tuple[Floats, Floats]]] = defaultdict(list)
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory() as folder:
            simulate_market(Path(folder), seed=seed, size=SIZES[asked.size])
            market = read_market(folder)
        for way, what, loss, number in foretold(market):
            found[what, way].append((loss, number))
    print(f"Synthetic markets ({asked.size}) of seeds {', '.join(map(str, asked.seeds))}.")
    for what in dict.fromkeys(one for one, _ in found):
        print(f"\n{what}, mean; promotions of pairs that had met")
        print(
            f"{'':32}{'all':>9}"
            + "".join(f"{_times(*span):>11}" for span in PAST)
            + "  seeds better"
        )
        base = found[what, "without the pair's own past"]
        for (told, way), parts in found.items():
            if told == what:
                loss, number = (np.concatenate(one) for one in zip(*parts, strict=True))
                cells = [
                    loss.mean(),
                    *(loss[(number >= a) & (number <= b)].mean() for a, b in PAST),
                ]
                better = sum(
                    a.mean() < b.mean() for (a, _), (b, _) in zip(parts, base, strict=True)
                )
                line = f"{cells[0]:9.4f}" + "".join(f"{one:11.4f}" for one in cells[1:])
                print(f"{way:32}{line}  {better} of {len(parts)}")


def _times(least: int, most: int) -> str:
    return f"{least}–{most} before" if most < 1000 else f"{least}+ before"


if __name__ == "__main__":
    main()
