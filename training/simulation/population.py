"""Who is in the market and what is true of them: the side no table shows."""

from __future__ import annotations

from dataclasses import dataclass

from training.simulation.segments import Bools, Floats, Ints, Segments

TONES = 4
ROLES = ("traffic", "core", "profit", "potential")


@dataclass
class Creators:
    """``n`` creators. The simulation moves `followers` and `traffic`; the rest stays.

    Attributes
    ----------
    followers : float64 array of shape (n,)
    traffic : float64 array of shape (n,)
        Logarithm of what the snowball has added to a creator's exposures; 0 = nothing.
    viewer, fan, buyer : float64 arrays of shape (n, S)
        Three audiences as mixes of segments.
    tone : float64 array of shape (n, TONES)
        Style of content, of length one. A merchant has one too; alike is better.
    skill, hook : float64 arrays of shape (n,)
        Power to convert, and to make people click; standard normal.
    reach : float64 array of shape (n,)
        Logarithm of exposures beyond what followers explain.
    formats : float64 array of shape (n, 3)
        Probabilities of live, video, showcase.
    dedicated : float64 array of shape (n,)
        Probability that a live promotion is in a dedicated stream.
    slot_fee, commission_rate : float64 arrays of shape (n,)
        Usual fee of a mixed slot in a live stream; lowest commission accepted.
    interactive : float64 array of shape (n,)
        Share of content that entertains instead of selling.
    categories : bool array of shape (n, categories)
    agency : int64 array of shape (n,)
        -1 = none.
    sessions : float64 array of shape (n,)
        Sessions in a usual week.
    joined : int64 array of shape (n,)
        Week of the simulation; negative = before it began.
    idle : bool array of shape (n,)
        Never promotes anything: known from tables alone.
    """

    followers: Floats
    traffic: Floats
    viewer: Floats
    fan: Floats
    buyer: Floats
    tone: Floats
    skill: Floats
    hook: Floats
    reach: Floats
    formats: Floats
    dedicated: Floats
    slot_fee: Floats
    commission_rate: Floats
    interactive: Floats
    categories: Bools
    agency: Ints
    sessions: Floats
    joined: Ints
    idle: Bools


@dataclass
class Merchants:
    """``n`` merchants; the simulation moves `traffic`.

    Attributes
    ----------
    industry : int64 array of shape (n,)
        A category.
    size : float64 array of shape (n,)
        Standard normal; tiers are cut from it.
    stage : int64 array of shape (n,)
        0 start, 1 growth, 2 mature.
    experience : float64 array of shape (n,)
        Experience score: goods 3 + logistics 3 + service 4 = 10.
    traffic : float64 array of shape (n,)
        As for creators.
    paid : float64 array of shape (n,)
        Probability that a promotion is pushed with paid exposures.
    sense : float64 array of shape (n,)
        Standard deviation of the error in its guesses about audiences.
    activity : float64 array of shape (n,)
        Relative number of cooperations sought; 1 on average.
    tone : float64 array of shape (n, TONES)
    wanted : float64 array of shape (n, S)
        Mix of segments of its products together.
    idle : bool array of shape (n,)
        Has never worked with a creator.
    """

    industry: Ints
    size: Floats
    stage: Ints
    experience: Floats
    traffic: Floats
    paid: Floats
    sense: Floats
    activity: Floats
    tone: Floats
    wanted: Floats
    idle: Bools


@dataclass
class Products:
    """``n`` products, sorted by merchant.

    Attributes
    ----------
    merchant : int64 array of shape (n,)
    category, role, band : int64 arrays of shape (n,)
        Numbers in `CATEGORIES`, `ROLES`, and the price bands.
    price, commission_rate, margin_rate, quality, appeal : float64 arrays of shape (n,)
    audience : float64 array of shape (n, S)
        Segments that want it.
    pick : float64 array of shape (n,)
        Probability that a promotion of its merchant is of this product.
    launched : int64 array of shape (n,)
        Week of the simulation; negative = before it began.
    """

    merchant: Ints
    category: Ints
    role: Ints
    band: Ints
    price: Floats
    commission_rate: Floats
    margin_rate: Floats
    quality: Floats
    appeal: Floats
    audience: Floats
    pick: Floats
    launched: Ints


@dataclass
class Population:
    """Everybody, and the segments they share."""

    segments: Segments
    creators: Creators
    merchants: Merchants
    products: Products
