"""The latent segments of viewers that creators, merchants and products share.

A segment is a kind of person: a mix over gender, age, city tier, interests and price bands. Nobody
in the market sees segments. What is seen is their traces: audience shares, engagements, outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CATEGORIES = (
    "apparel",
    "beauty",
    "books",
    "digital",
    "food",
    "home",
    "jewelry",
    "luggage",
    "mother_baby",
    "personal_care",
    "pets",
    "sports",
)
#: Upper ends of the first three price bands; the last has none.
PRICE_EDGES = (50.0, 150.0, 500.0)
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "gender": ("female", "male"),
    "age": ("18-23", "24-30", "31-40", "41-50", "51+"),
    "city_tier": ("tier_1", "new_tier_1", "tier_2", "tier_3", "tier_4_5"),
    "interest": CATEGORIES,
    "price_band": ("0-50", "50-150", "150-500", "500+"),
}
COUNT = 12


@dataclass(frozen=True)
class Segments:
    """What a segment's people are like; ``S`` segments.

    Attributes
    ----------
    shares : dict of str to float64 array of shape (S, values of the dimension)
        Rows sum to one.
    weight : float64 array of shape (S,)
        Share of all viewers.
    spending : float64 array of shape (S,)
        How readily its people buy; 1 on average.
    playful : float64 array of shape (S,)
        Whom interactive content draws: people who come for fun, mostly not spenders. Sums to one.
    categories : float64 array of shape (categories, S)
        Who is interested in a category. Rows sum to one.
    """

    shares: dict[str, Floats]
    weight: Floats
    spending: Floats
    playful: Floats
    categories: Floats


def make_segments(rng: np.random.Generator) -> Segments:
    """Draw the segments of one market."""
    shares = {
        "gender": rng.dirichlet([1.0, 0.8], COUNT),
        "age": rng.dirichlet([0.8] * 5, COUNT),
        "city_tier": rng.dirichlet([1.5] * 5, COUNT),
        "interest": rng.dirichlet([0.35] * len(CATEGORIES), COUNT),
        "price_band": rng.dirichlet([1.2, 1.4, 0.9, 0.4], COUNT),
    }
    # Without a floor, a category could be nobody's interest and have no audience at all.
    shares["interest"] = 0.9 * shares["interest"] + 0.1 / len(CATEGORIES)
    weight = rng.dirichlet([6.0] * COUNT)
    spending = (shares["price_band"] @ np.array([0.5, 0.9, 1.5, 2.2])) * rng.lognormal(
        0.0, 0.35, COUNT
    )
    spending /= weight @ spending
    playful = weight / spending**1.5
    interested = shares["interest"].T * weight
    return Segments(
        shares,
        weight,
        spending,
        playful / playful.sum(),
        interested / interested.sum(axis=1, keepdims=True),
    )


def mixes(rng: np.random.Generator, concentration: float, profile: Floats) -> Floats:
    """One Dirichlet draw per row of `profile` (n, S); a low concentration strays far from it."""
    drawn = rng.standard_gamma(concentration * profile + 0.05)
    drawn += 1e-6
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))
