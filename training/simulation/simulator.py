"""From a seed to a market folder with its truth beside it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from matching.errors import BadInput
from training.schema import SYNTHETIC_MARK
from training.simulation.audiences import write_audiences, write_embeddings
from training.simulation.calendar import campaigns
from training.simulation.consent import draw_consent
from training.simulation.engagements import write_engagements
from training.simulation.founding import make_population
from training.simulation.laws import Laws
from training.simulation.ledgers import (
    Ledger,
    write_creator_daily,
    write_impressions,
    write_outreach,
    write_promotions,
)
from training.simulation.listings import (
    write_campaigns,
    write_creators,
    write_merchants,
    write_products,
)
from training.simulation.means import settle_fees
from training.simulation.notes import SYNTHETIC
from training.simulation.population import Creators
from training.simulation.segments import Floats, make_segments
from training.simulation.sizes import END, WEEKS, Size, size_of
from training.simulation.truth_files import save_world
from training.simulation.year import Year

#: Called with what is being done and the share of the work that is behind.
Progress = Callable[[str, float], None]


def simulate_market(
    out: str | Path, *, seed: int, size: str | Size = "small", progress: Progress | None = None
) -> None:
    """Write a synthetic market: the tables of the contract as Parquet, and `truth/`.

    The folder appears whole or not at all.

    Parameters
    ----------
    out : path
        A folder that does not exist yet, or is empty.
    seed : int
        The same seed gives the same bytes of content.
    size : Size or one of "small", "medium", "large"
    progress : callable, optional

    Raises
    ------
    BadInput
        When `out` is taken, the seed is negative, or no size has that name.
    """
    out = Path(out)
    size = size_of(size)
    if seed < 0:
        raise BadInput(f"seed {seed}; expected a whole number from 0")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        held = "a simulated market" if (out / SYNTHETIC_MARK).exists() else "something else"
        raise BadInput(
            f"{out} already holds {held}; expected a new or empty folder, remove it or choose "
            "another"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        # Sums in BLAS depend on its threads in the last bit, and chance would follow from there.
        with threadpool_limits(1, user_api="blas"):
            _build(building / "market", seed, size, progress or _silent)
        # An empty folder may be replaced by a rename; a full one may not.
        (building / "market").rename(out)
    finally:
        shutil.rmtree(building)


def _build(folder: Path, seed: int, size: Size, progress: Progress) -> None:
    folder.mkdir()
    # A stream of chance for each part, so that a change in one leaves the others as they were.
    streams = np.random.SeedSequence(seed).spawn(15)
    chance = iter([np.random.default_rng(one) for one in streams])
    keys = np.random.SeedSequence(seed, spawn_key=(99,)).generate_state(2, np.uint64)
    laws = replace(Laws(), exposures_key=int(keys[0]), conversion_key=int(keys[1]))
    world = make_population(next(chance), size, make_segments(next(chance)))
    settle_fees(world, laws, next(chance))
    events = campaigns()
    year = Year(world, laws, size, events, next(chance))
    for week in year.weeks():
        progress("living through the year", 0.7 * (week + 1) / WEEKS)

    consent = draw_consent(size.creators, next(chance))
    ledger = Ledger.of(year.record)
    progress("writing the ledgers", 0.75)
    write_promotions(folder, world, ledger, events, consent, next(chance))
    write_outreach(folder, world, year.record)
    write_impressions(folder, world, year.record)
    daily = _sold_in_a_day(world.creators, laws, next(chance))
    sold = 30 * daily + ledger.gmv_of_last_days(30, size.creators)
    write_creator_daily(folder, world, year.record, consent, daily, next(chance))
    progress("writing the listings", 0.85)
    write_creators(folder, world.creators, consent, sold, next(chance))
    write_merchants(folder, world.merchants, next(chance))
    write_products(folder, world, next(chance))
    write_campaigns(folder, events)
    progress("writing the audiences", 0.9)
    write_audiences(folder, world, consent, next(chance))
    write_embeddings(folder, world, next(chance))
    write_engagements(folder, world, size.viewers, next(chance))
    progress("writing the truth", 0.97)
    save_world(folder / "truth", world, laws)
    note = SYNTHETIC.format(
        seed=seed, creators=size.creators, merchants=size.merchants, end=str(END)[:10]
    )
    (folder / SYNTHETIC_MARK).write_text(note, "utf-8")
    progress("done", 1.0)


def _sold_in_a_day(creators: Creators, laws: Laws, rng: np.random.Generator) -> Floats:
    """GMV of an average day outside this market: some ten slots a session at market averages."""
    exposures = np.exp(
        laws.exposures_level
        + laws.exposures_followers * np.log(creators.followers)
        + creators.reach
        + creators.traffic
    )
    rate = 0.035 * 0.035 * np.exp(laws.conversion_skill * creators.skill)
    luck = rng.lognormal(0.0, 0.7, len(exposures))
    return np.asarray(exposures * rate * 80.0 * 10 * creators.sessions / 7 * luck)


def _silent(what: str, share: float) -> None:
    """Say nothing."""
