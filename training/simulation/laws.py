"""The laws of the market: what a promotion brings on average, given who meets whom.

Each law is one line of arithmetic on what `population` holds, so that the README written beside
a simulated market can state it in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.simulation.population import Population
from training.simulation.segments import Floats, Ints

FORMATS = ("live", "video", "showcase")
SLOTS = ("mixed", "dedicated")


@dataclass(frozen=True)
class Laws:
    """The constants. Levels are on the scale of the law they belong to (logarithm or logit)."""

    exposures_level: float = 1.9
    exposures_followers: float = 0.65
    exposures_viewer_fit: float = 0.8
    exposures_experience: float = 0.12
    exposures_pair: float = 0.2
    exposures_session_noise: float = 0.55
    exposures_row_noise: float = 0.55
    format_exposures: tuple[float, float, float] = (1.0, 0.7, 0.3)
    dedicated_exposures: float = 1.4
    paid_boost: float = 0.7
    paid_lift: float = 0.1
    click_level: float = -3.35
    click_viewer_fit: float = 1.4
    click_hook: float = 0.25
    click_appeal: float = 0.25
    click_concentration: float = 150.0
    conversion_level: float = -3.9
    conversion_buyer_fit: float = 2.6
    conversion_price_fit: float = 0.9
    conversion_tone: float = 0.45
    conversion_skill: float = 0.35
    conversion_quality: float = 0.25
    conversion_experience: float = 0.12
    conversion_price: float = -0.3
    conversion_pair: float = 0.2
    conversion_concentration: float = 200.0
    refund_level: float = -0.55
    refund_format: tuple[float, float, float] = (0.0, -0.6, -0.8)
    refund_quality: float = -0.3
    refund_experience: float = -0.15
    refund_buyer_fit: float = -0.8
    item_price_noise: float = 0.15
    fee_format: tuple[float, float, float] = (1.0, 0.6, 0.0)
    dedicated_fee: float = 1.5
    acceptance_level: float = -0.4
    acceptance_fan_fit: float = 3.5
    acceptance_experience: float = 0.3
    acceptance_standing: float = -0.35
    acceptance_size: float = 0.3
    # Every 64-bit key gives every pair its own luck, the same whenever it is asked for.
    exposures_key: int = 0
    conversion_key: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Laws:
        """Take back what `to_json` gave."""
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**given)


@dataclass(frozen=True)
class Expectation:
    """What one promotion of each of ``n`` triples brings in ordinary conditions.

    Attributes
    ----------
    organic : float64 array of shape (n,)
        Mean organic exposures in a mixed slot of a live stream.
    click_rate, conversion : float64 arrays of shape (n,)
        Clicks per exposure; orders per click.
    refund : float64 array of shape (n, 3)
        Share of orders returned, by format.
    commission_rate : float64 array of shape (n,)
        What the two agree on.
    """

    organic: Floats
    click_rate: Floats
    conversion: Floats
    refund: Floats
    commission_rate: Floats


def expectation(
    world: Population, laws: Laws, merchant: Ints, creator: Ints, product: Ints
) -> Expectation:
    """Apply the laws to triples of rows, each array of shape (n,)."""
    c, m, p = world.creators, world.merchants, world.products
    wants = p.audience[product]
    viewer = cosine(c.viewer[creator], wants) - 0.5
    buyers = c.buyer[creator]
    buyer = cosine(buyers, wants) - 0.5
    bands = world.segments.shares["price_band"].T
    price_fit = np.einsum("ij,ij->i", buyers, bands[p.band[product]]) - 0.3
    tone = np.einsum("ij,ij->i", c.tone[creator], m.tone[merchant])
    experience = m.experience[merchant] - 8
    quality = p.quality[product]
    price = np.log(p.price[product] / 100)
    organic = np.exp(
        laws.exposures_level
        + laws.exposures_followers * np.log(c.followers[creator])
        + c.reach[creator]
        + c.traffic[creator]
        + m.traffic[merchant]
        + laws.exposures_viewer_fit * viewer
        + laws.exposures_experience * experience
        + laws.exposures_pair * pair_luck(laws.exposures_key, merchant, creator)
    )
    click_rate = expit(
        laws.click_level
        + laws.click_viewer_fit * viewer
        + laws.click_hook * c.hook[creator]
        + laws.click_appeal * p.appeal[product]
    )
    conversion = expit(
        laws.conversion_level
        + laws.conversion_buyer_fit * buyer
        + laws.conversion_price_fit * price_fit
        + laws.conversion_tone * tone
        + laws.conversion_skill * c.skill[creator]
        + laws.conversion_quality * quality
        + laws.conversion_experience * experience
        + laws.conversion_price * price
        + laws.conversion_pair * pair_luck(laws.conversion_key, merchant, creator)
    )
    refund = expit(
        (
            laws.refund_level
            + laws.refund_quality * quality
            + laws.refund_experience * experience
            + laws.refund_buyer_fit * buyer
        )[:, None]
        + np.array(laws.refund_format)
    )
    commission = np.maximum(p.commission_rate[product], c.commission_rate[creator])
    return Expectation(organic, click_rate, conversion, refund, commission)


def acceptance(world: Population, laws: Laws, merchant: Ints, creator: Ints) -> Floats:
    """Probability that a creator says yes to a merchant, for pairs of rows of shape (n,)."""
    c, m = world.creators, world.merchants
    standing = np.log10(c.followers[creator]) - 4
    return expit(
        laws.acceptance_level
        + laws.acceptance_fan_fit * (cosine(c.fan[creator], m.wanted[merchant]) - 0.5)
        + laws.acceptance_experience * (m.experience[merchant] - 8)
        + laws.acceptance_standing * standing
        + laws.acceptance_size * m.size[merchant]
    )


def cosine(one: Floats, other: Floats) -> Floats:
    """Cosine of paired rows, (n, S) and (n, S) to (n,)."""
    # einsum, unlike a matrix product, adds in the same order at any thread count.
    dot = np.einsum("ij,ij->i", one, other)
    lengths = np.einsum("ij,ij->i", one, one) * np.einsum("ij,ij->i", other, other)
    return np.asarray(dot / np.sqrt(lengths))


def expit(x: npt.ArrayLike) -> Floats:
    """Logistic function."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(x))))


def pair_luck(key: int, merchant: Ints, creator: Ints) -> Floats:
    """Standard normal numbers that belong to pairs: SplitMix64 of the pair, then Box–Muller.

    Drawn by arithmetic and not from a generator, so that any of the billions of pairs can be asked
    about without storing them.
    """
    pair = (merchant.astype(np.uint64) << np.uint64(32)) | creator.astype(np.uint64)
    first = _splitmix(pair ^ np.uint64(key))
    second = _splitmix(first)
    # Halves keep the logarithm away from zero.
    u1 = ((first >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
    u2 = ((second >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
    return np.asarray(np.sqrt(-2 * np.log(u1)) * np.cos(2 * np.pi * u2))


def _splitmix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators".
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
