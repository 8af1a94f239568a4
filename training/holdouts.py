"""Ways to hold something out of a market, none of which tells the answers.

Four ways to hold out, each asked in one of two directions:

- ``temporal``: the last days; what a plaza would have met in life, and the default. Nothing of
  the days after the cut is known, of nobody.
- ``leave-last``: of each asker with several partners, the one it took on last. Every asker asks,
  so it needs less data, but it can leak: the later days of *others* are known, and with them what
  came into fashion, who rose and who was taken. A figure from it is no forecast.
- ``cold-merchants`` and ``cold-creators``: all that a seeded share of them ever did with anybody.
  They stay known by their profiles, products, audiences and embeddings. No time is cut, for the
  question is what can be said of a newcomer, and a cut would leave few to ask; others' later days
  leak as above. Newcomers that ask choose among everybody. Where they are asked for, the question
  is "among the newcomers, who?": all of them compete and nobody else, for no other answer counts.
"""

from __future__ import annotations

import pandas as pd

from matching.errors import BadInput
from training.backtest import DIRECTIONS, Holdout
from training.market import Market
from training.splits import cold_split, leave_last
from training.withheld import known_by_themselves, without_cooperation, without_pairs

SPLITS = ("temporal", "leave-last", "cold-merchants", "cold-creators")


def hold_out(
    market: Market,
    split: str = "temporal",
    direction: str = "creators",
    *,
    days: int = 30,
    share: float = 0.2,
    seed: int = 0,
) -> Holdout:
    """Hold out by the name of a split.

    Parameters
    ----------
    market : Market
    split : str
        One of :data:`SPLITS`.
    direction : {"creators", "merchants"}
        Who is asked for.
    days : int
        For ``temporal``.
    share, seed : float in (0, 1), int
        For the cold splits.

    Raises
    ------
    BadInput
        When there is no such split or direction, or it leaves nothing to learn or to find.
    """
    if split not in SPLITS:
        raise BadInput(f"split is {split!r}; expected {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")
    if split == "temporal":
        return last_days(market, days, direction)
    if split == "leave-last":
        return last_partners(market, direction)
    return cold(market, split.removeprefix("cold-"), direction, share=share, seed=seed)


def last_days(market: Market, days: int = 30, direction: str = "creators") -> Holdout:
    """Cut the last days off a market.

    Raises
    ------
    BadInput
        When no promotion is older than that, or nobody known met a new known partner.
    """
    promotions = market.table("promotions")
    times = promotions["occurred_at"]
    # A market may be known up to a day on which nothing has happened for long.
    end = min(market.as_of, times.max())
    cut = end - pd.Timedelta(days=days)
    if times.min() > end - pd.Timedelta(days=1):
        span = " to ".join(dict.fromkeys(f"{one:%Y-%m-%d}" for one in (times.min(), end)))
        raise BadInput(
            f"holdout of {days} days: all promotions are of one day, {span}, which leaves no "
            "past to learn from; hold out another way, with alliance evaluate --split leave-last, "
            "cold-merchants or cold-creators"
        )
    if not (times <= cut).any():
        raise BadInput(
            f"holdout of {days} days: the first promotion is of {times.min():%Y-%m-%d}, the "
            f"last of {end:%Y-%m-%d}; hold out fewer days"
        )
    held = Holdout.of(
        "temporal",
        direction,
        {"days": days},
        as_of=end,
        past=market.before(cut),
        later=promotions[(times > cut).to_numpy()],
    )
    if held is None:
        who, whom = _sides(direction)
        raise BadInput(
            f"holdout of {days} days: no {who} met a new {whom} after {cut:%Y-%m-%d}; "
            "hold out more days"
        )
    return held


def last_partners(market: Market, direction: str = "creators") -> Holdout:
    """Hold out the last partner that each asker took on, with all that the pair ever did.

    Raises
    ------
    BadInput
        When no asker has two partners that are known without this pair.
    """
    if direction not in DIRECTIONS:
        raise BadInput(f"direction is {direction!r}; expected creators or merchants")
    who, whom = _sides(direction)
    _, later = leave_last(market.table("promotions"), f"{who}_id")
    past = without_pairs(market, later)
    held = Holdout.of("leave-last", direction, {}, as_of=market.as_of, past=past, later=later)
    if held is None:
        raise BadInput(
            f"leave-last: no {who} has two partners, the last of them a {whom} that is known "
            "without it; use another split"
        )
    return held


def cold(
    market: Market,
    who: str,
    direction: str = "creators",
    *,
    share: float = 0.2,
    seed: int = 0,
) -> Holdout:
    """Hold out all that a share of the merchants, or of the creators, did with anybody.

    Only who is known from another table than those of cooperation can be made a newcomer.

    Parameters
    ----------
    market : Market
    who : {"merchants", "creators"}
    direction : {"creators", "merchants"}
        Where those asked for are cold themselves, they alone compete.
    share : float
        Of those with promotions, in (0, 1).
    seed : int
        Who it is.

    Raises
    ------
    BadInput
        When the share is none, nobody can be made cold, or nothing is left to learn or to find.
    """
    if who not in DIRECTIONS:
        raise BadInput(f"cold are {who!r}; expected creators or merchants")
    split, by = f"cold-{who}", f"{who.removesuffix('s')}_id"
    known = known_by_themselves(market)
    among = (known.merchants if who == "merchants" else known.creators).ids
    promotions = market.table("promotions")
    try:
        earlier, later = cold_split(promotions, by, among, share=share, seed=seed)
    except ValueError as error:
        raise BadInput(f"{split}: {error}") from None
    if later.empty:
        raise BadInput(
            f"{split}: none of the {who} is known from a table of their own, such as "
            f"{who}; add one or use another split"
        )
    if earlier.empty:
        raise BadInput(
            f"{split}: a share of {share:g} leaves no promotion to learn from; hold out less"
        )
    newcomers = later[by].unique()
    held = Holdout.of(
        split,
        direction,
        {"share": share, "seed": seed},
        as_of=market.as_of,
        past=without_cooperation(market, by, newcomers),
        later=later,
        among=newcomers if direction == who else None,
    )
    if held is None:
        raise BadInput(f"{split}: none of their partners is known without them; hold out less")
    return held


def _sides(direction: str) -> tuple[str, str]:
    """Who asks, and who is asked for."""
    return ("merchant", "creator") if direction == "creators" else ("creator", "merchant")
