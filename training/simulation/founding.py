"""How everybody comes to be: who is founded with which audience, price, fee and fame."""

from __future__ import annotations

import numpy as np

from training.simulation.population import (
    ROLES,
    TONES,
    Creators,
    Merchants,
    Population,
    Products,
)
from training.simulation.segments import CATEGORIES, PRICE_EDGES, Floats, Segments, mixes
from training.simulation.sizes import WEEKS, Size

#: How often a product of a role is the one promoted, before the share of each role in sales (13,
#: 62, 17 and 8 %) comes out of price and demand as well.
ROLE_PICK = np.array([1.6, 3.2, 0.9, 0.8])
ROLE_SHARE = np.array([0.2, 0.4, 0.22, 0.18])
ROLE_PRICE = np.array([0.45, 1.0, 1.7, 1.1])
CATEGORY_PRICE = np.array([110, 90, 40, 320, 45, 85, 260, 190, 95, 50, 70, 130], dtype=float)


def make_population(rng: np.random.Generator, size: Size, segments: Segments) -> Population:
    """Draw everybody, as they are when the simulation begins."""
    creators = _creators(rng, size.creators, segments)
    merchants = _merchants(rng, size.merchants)
    products = _products(rng, merchants, segments)
    start = np.searchsorted(products.merchant, np.arange(size.merchants))
    wanted = np.add.reduceat(products.audience * products.pick[:, None], start, axis=0)
    merchants.wanted = wanted / wanted.sum(axis=1, keepdims=True)
    return Population(segments, creators, merchants, products)


def _creators(rng: np.random.Generator, n: int, segments: Segments) -> Creators:
    # A Pareto tail: one creator in four above 10,000 followers, one in two hundred above a million.
    # One draw from each n-th of it, so that one famous creator more or less does not make another
    # market of every seed.
    place = (rng.permutation(n) + rng.random(n)) / n
    followers = np.minimum(2_000 * place ** (-1 / 0.85), 5e6).round()
    popularity = rng.dirichlet([4.0] * len(CATEGORIES))
    # The strongest of a noisy score are a creator's categories; one to three of them.
    scores = np.log(popularity) + rng.gumbel(size=(n, len(CATEGORIES)))
    ranks = (-scores).argsort(axis=1).argsort(axis=1)
    categories = ranks < rng.choice([1, 2, 3], n, p=[0.5, 0.35, 0.15])[:, None]
    profile = categories @ segments.categories / categories.sum(axis=1, keepdims=True)
    core = mixes(rng, 5.0, profile)
    interactive = rng.beta(1.5, 2.5, n)
    viewer = 0.75 * core + 0.25 * segments.weight
    fan = (1 - 0.6 * interactive[:, None]) * core + 0.6 * interactive[:, None] * segments.playful
    # Buyers lean to the segments that spend, and each stream attracts its own.
    buyer = core * segments.spending * rng.lognormal(0.0, 0.5, core.shape)
    buyer /= buyer.sum(axis=1, keepdims=True)
    skill = rng.standard_normal(n)
    reach = 0.4 * rng.standard_normal(n)
    # Fees follow what an average merchant would earn, with much error, and small creators ask none;
    # their level is settled once the whole market is known.
    fee = followers**0.68 * rng.lognormal(0.0, 0.4, n) * np.exp(0.2 * skill + 0.5 * reach)
    fee *= rng.random(n) < np.clip((np.log10(followers) - 3) / 2, 0.05, 0.97)
    agencies = max(3, n // 60)
    agency = rng.integers(0, agencies, n)
    agency[rng.random(n) > 0.3 + 0.1 * (np.log10(followers) - 3)] = -1
    # A few join while the simulation runs, and some of them so late that nobody has tried them.
    joined = np.where(rng.random(n) < 0.12, rng.integers(1, WEEKS, n), -rng.integers(1, 200, n))
    return Creators(
        followers=followers,
        traffic=np.zeros(n),
        viewer=viewer,
        fan=fan,
        buyer=buyer,
        tone=_directions(rng, n),
        skill=skill,
        hook=rng.standard_normal(n),
        reach=reach,
        formats=rng.dirichlet([6.0, 2.5, 1.5], n),
        dedicated=rng.beta(1.5, 12.0, n),
        slot_fee=fee,
        commission_rate=rng.choice([0.05, 0.1, 0.15, 0.2, 0.25], n, p=[0.2, 0.3, 0.25, 0.2, 0.05]),
        interactive=interactive,
        categories=categories,
        agency=agency,
        sessions=np.round(1 + 5 * rng.beta(1.5, 2.5, n), 1),
        joined=joined,
        idle=rng.random(n) < 0.04,
    )


def _merchants(rng: np.random.Generator, n: int) -> Merchants:
    size = rng.standard_normal(n)
    return Merchants(
        industry=rng.choice(len(CATEGORIES), n, p=rng.dirichlet([4.0] * len(CATEGORIES))),
        size=size,
        stage=np.digitize(size + 0.8 * rng.standard_normal(n), [-0.6, 0.6]),
        experience=np.round(10 * rng.beta(16, 4, n), 2),
        traffic=np.zeros(n),
        paid=rng.beta(3, 4, n),
        sense=rng.uniform(0.1, 0.45, n),
        activity=np.exp(0.5 * size - 0.125) * rng.gamma(3.0, 1 / 3.0, n),
        tone=_directions(rng, n),
        wanted=np.zeros((n, 0)),
        idle=rng.random(n) < 0.03,
    )


def _products(rng: np.random.Generator, merchants: Merchants, segments: Segments) -> Products:
    count = np.clip(1 + rng.poisson(np.exp(1.4 + 0.4 * merchants.size)), 1, 12)
    merchant = np.repeat(np.arange(len(count)), count)
    n = len(merchant)
    category = np.where(
        rng.random(n) < 0.85, merchants.industry[merchant], rng.integers(0, len(CATEGORIES), n)
    )
    role = rng.choice(len(ROLES), n, p=ROLE_SHARE)
    price = CATEGORY_PRICE[category] * ROLE_PRICE[role] * rng.lognormal(0.0, 0.5, n)
    # Prices end in nine, as prices do.
    price = np.maximum(np.floor(price / 10) * 10 + 9, 9.9)
    band = np.digitize(price, PRICE_EDGES)
    profile = segments.categories[category] * segments.shares["price_band"].T[band]
    profile /= profile.sum(axis=1, keepdims=True)
    launched = np.where(rng.random(n) < 0.2, rng.integers(0, WEEKS, n), -rng.integers(1, 150, n))
    # A merchant has something to sell from the first day.
    first = np.r_[True, merchant[1:] != merchant[:-1]]
    launched[first] = -np.abs(launched[first]) - 1
    pick = ROLE_PICK[role] * rng.lognormal(0.0, 0.4, n)
    total = np.add.reduceat(pick, np.flatnonzero(first))
    return Products(
        merchant=merchant,
        category=category,
        role=role,
        band=band,
        price=price,
        commission_rate=np.round(
            np.clip(rng.normal(0.17, 0.06, n) - 0.05 * (role == 0), 0.01, 0.5), 2
        ),
        margin_rate=np.round(
            np.clip(rng.normal(0.45, 0.1, n) + np.array([-0.2, 0, 0.15, 0])[role], 0.02, 0.9), 2
        ),
        quality=rng.standard_normal(n),
        appeal=rng.standard_normal(n) + np.array([0.8, 0.2, -0.3, -0.5])[role],
        audience=mixes(rng, 5.0, profile),
        pick=pick / total[merchant],
        launched=launched,
    )


def _directions(rng: np.random.Generator, n: int) -> Floats:
    drawn = rng.standard_normal((n, TONES))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
