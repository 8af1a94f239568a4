"""What the market's tables say about creators, merchants and products: partial, and with errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from training.simulation.calendar import Campaigns, week_start
from training.simulation.columns import coded, ids, moments, numbers, write
from training.simulation.consent import NOTHING, as_consented
from training.simulation.population import ROLES, Creators, Merchants, Population
from training.simulation.segments import CATEGORIES, Floats, Ints
from training.simulation.sizes import DAY

REGIONS = ("central", "east", "north", "northeast", "northwest", "south", "southwest")
STAGES = ("start", "growth", "mature")
TIERS = ("tail", "middle", "head")
#: Where merchants' sizes are cut into tiers.
TIER_EDGES = (-0.2, 1.1)
_FIRST = ("Ama", "Bel", "Cora", "Dani", "Eno", "Fia", "Gale", "Hana", "Iris", "Juno", "Kai")
_LAST = ("Ash", "Bay", "Dale", "Fern", "Glen", "Hill", "Isle", "Lake", "Moor", "Oak", "Vale")


def write_creators(
    folder: Path, creators: Creators, consent: Ints, gmv_30d: Floats, rng: np.random.Generator
) -> None:
    """Write `creators`, as of the end; `gmv_30d` is what they sold in all, here and elsewhere."""
    n = len(creators.followers)
    month = creators.sessions * 30 / 7
    minutes = month * creators.formats[:, 0] * 150 * rng.lognormal(0.0, 0.25, n)
    videos = rng.poisson(month * (creators.formats[:, 1] + creators.interactive) * 2.5)
    reputation = 4.4 + 0.22 * creators.skill + 0.22 * rng.standard_normal(n)
    agencies = int(creators.agency.max(initial=0)) + 1
    columns = {
        "creator_id": ids("c", n),
        "name": _names(n, rng),
        "categories": _categories(creators),
        "agency_id": coded(creators.agency, ids("a", agencies)),
        "region": coded(_patchy(rng.integers(0, len(REGIONS), n), 0.05, rng), REGIONS),
        **as_consented("followers", creators.followers, consent),
        "slot_fee": numbers(creators.slot_fee, rng.random(n) > 0.05),
        "commission_rate": numbers(creators.commission_rate, rng.random(n) > 0.05),
        "reputation": numbers(np.clip(reputation, 1.0, 5.0).round(2), rng.random(n) > 0.12),
        "joined_at": moments(week_start(0) + creators.joined * 7 * DAY),
        "live_minutes_30d": numbers(minutes.round(1), consent != NOTHING),
        "videos_30d": numbers(videos, consent != NOTHING),
        **as_consented("gmv_30d", gmv_30d.round(2), consent),
        "sessions_per_week": numbers(creators.sessions, rng.random(n) > 0.1),
    }
    write(folder, "creators", columns)


def write_merchants(folder: Path, merchants: Merchants, rng: np.random.Generator) -> None:
    """Write `merchants`."""
    n = len(merchants.size)
    tier = np.digitize(merchants.size, TIER_EDGES)
    columns = {
        "merchant_id": ids("m", n),
        "name": _names(n, rng, " & Co."),
        "industry": coded(_patchy(merchants.industry, 0.02, rng), CATEGORIES),
        "tier": coded(_patchy(tier, 0.05, rng), TIERS),
        "stage": coded(_patchy(merchants.stage, 0.1, rng), STAGES),
        "region": coded(_patchy(rng.integers(0, len(REGIONS), n), 0.05, rng), REGIONS),
        "experience_score": numbers(merchants.experience, rng.random(n) > 0.08),
    }
    write(folder, "merchants", columns)


def write_products(folder: Path, world: Population, rng: np.random.Generator) -> None:
    """Write `products`, with their roles as a column beyond the contract."""
    products = world.products
    n = len(products.price)
    rating = 4.6 + 0.13 * products.quality + 0.1 * rng.standard_normal(n)
    titles = [
        f"{CATEGORIES[category].replace('_', ' ')} no. {number} (synthetic)"
        for number, category in enumerate(products.category.tolist())
    ]
    columns = {
        "product_id": ids("p", n),
        "merchant_id": coded(products.merchant, ids("m", len(world.merchants.size))),
        "title": pa.array(titles),
        "category": coded(_patchy(products.category, 0.02, rng), CATEGORIES),
        "price": numbers(products.price, rng.random(n) > 0.01),
        "commission_rate": numbers(products.commission_rate, rng.random(n) > 0.02),
        "margin_rate": numbers(products.margin_rate, rng.random(n) > 0.4),
        "stock": numbers(rng.negative_binomial(1, 0.0005, n), rng.random(n) > 0.2),
        "launched_at": moments(week_start(0) + products.launched * 7 * DAY),
        "rating": numbers(np.clip(rating, 1.0, 5.0).round(2), rng.random(n) > 0.1),
        "role": coded(products.role, ROLES),
    }
    write(folder, "products", columns)


def write_campaigns(folder: Path, events: Campaigns) -> None:
    """Write `campaigns`."""
    columns = {
        "campaign_id": ids("k", len(events.kind)),
        "kind": pa.array(events.kind),
        "starts_at": moments(events.starts),
        "ends_at": moments(events.ends),
    }
    write(folder, "campaigns", columns)


def _patchy(codes: Ints, share: float, rng: np.random.Generator) -> Ints:
    """Lose some of the cells."""
    return np.where(rng.random(len(codes)) < share, -1, codes)


def _names(n: int, rng: np.random.Generator, after: str = "") -> Any:
    words = [f"{one} {other}" for one in _FIRST for other in _LAST]
    picked = rng.integers(0, len(words), n).tolist()
    return pa.array([f"{words[pick]} {row}{after} (synthetic)" for row, pick in enumerate(picked)])


def _categories(creators: Creators) -> Any:
    # Sets of categories are few; each is spelled once.
    bits = creators.categories @ (1 << np.arange(len(CATEGORIES)))
    sets, code = np.unique(bits, return_inverse=True)
    words = ["|".join(c for i, c in enumerate(CATEGORIES) if bit >> i & 1) for bit in sets.tolist()]
    return coded(code, words)
