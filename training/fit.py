"""Training: a market in, a bundle out. One function, read from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from threadpoolctl import threadpool_limits

from matching.bundle import Bundle, BundleWriter
from matching.history import History
from matching.learnt import Learnt
from matching.search.index import CreatorIndex
from matching.variety import Crowding
from models.affinity import Affinity
from models.audience import AudienceEmbedding
from models.categories import category_block
from models.events import EventWeights, market_events
from models.features import PromotionOutcomes
from models.fits import PairFits
from models.interactions import InteractionBuilder
from models.outcome import OutcomeModel
from models.pairs import Floats, Pairs
from models.portraits import Portraits
from training import entities as facts
from training.circumstances import promotion_circumstances
from training.cooperations import past_cooperations
from training.crowding import learn_crowding
from training.entities import Entities
from training.ledger import rating_ledger
from training.market import Market, bounds, point
from training.merchant_fingerprints import merchant_fingerprints
from training.outlook import learn_outlook
from training.overlap import viewer_overlap
from training.portraits import fit_portraits

#: Packages whose versions a bundle remembers.
_PACKAGES = (
    "alliance-matching",
    "faiss-cpu",
    "implicit",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
)

#: Numbers of a promotion that the outcome model learns from.
_OUTCOMES = ("paid_exposures", "refunded_gmv", "commission", "slot_fee")

#: Numbers of a promotion whose ranges it learns from as ranges.
_RANGED = ("clicks", "orders", "gmv")


@dataclass(frozen=True)
class Settings:
    """What can be chosen about a training.

    Parameters
    ----------
    seed : int
        Same seed and data, same bundle, at any number of threads.
    weights : EventWeights
        What each kind of event says about a pair.
    half_life_days : float
        Age at which an event counts half.
    recall_target : float
        Least recall of an approximate index; see :class:`~matching.search.index.CreatorIndex`.
    """

    seed: int = 0
    weights: EventWeights = field(default_factory=EventWeights)
    half_life_days: float = 180.0
    recall_target: float = 0.99


def train_market(
    market: Market,
    bundle: Path,
    *,
    settings: Settings | None = None,
    metrics: Mapping[str, float] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Bundle:
    """Learn everything a market tells and write it as a bundle.

    Parameters
    ----------
    market : Market
        As known at its ``as_of``.
    bundle : Path
        Folder to write; an older bundle there is replaced as a whole.
    metrics : dict, optional
        Measurements to be kept in the manifest, e.g. those of a backtest.
    progress : callable, optional
        Told the name of each stage as it begins.

    Raises
    ------
    BundleError
        When something that is no bundle is in the way.
    """
    settings = settings or Settings()
    tell = progress or (lambda _: None)
    with BundleWriter(bundle) as writer, threadpool_limits(1, user_api="blas"):
        learnt = learn(market, settings, tell)
        tell("writing the bundle")
        learnt.write(writer)
        writer.table("set_aside", market.set_aside)
        return writer.finish(
            {
                "as_of": market.as_of.isoformat(),
                "synthetic": market.synthetic,
                "fingerprint": market.fingerprint,
                "packages": {name: version(name) for name in _PACKAGES},
                "settings": asdict(settings),
                "counts": {
                    "merchants": len(learnt.merchants),
                    "creators": len(learnt.creators),
                    "products": len(learnt.products),
                    "promotions": len(market.table("promotions")),
                    "cooperations": len(learnt.history.merchant),
                    "set_aside": len(market.set_aside),
                },
                "index": {"kind": learnt.index.kind, "recall": learnt.index.recall},
                "affinity": {name: float(one) for name, one in learnt.affinity().weights_.items()},
                "default_objective": _default_objective(learnt),
                "metrics": dict(metrics or {}),
            }
        )


def learn(market: Market, settings: Settings, tell: Callable[[str], None]) -> Learnt:
    """Fit every estimator, each from what the ones before it made."""
    ids = Entities.of(market)
    tell("interactions")
    interactions, first_met = _interactions(market, ids, settings)

    tell("audiences")
    audience = AudienceEmbedding(seed=settings.seed).fit(
        ids.merchants,
        ids.creators,
        ids.products,
        shares=_given(market, "audiences"),
        engagements=_given(market, "engagements"),
        embeddings=_given(market, "embeddings"),
        product_merchants=ids.product_merchant,
    )
    creators = facts.creator_table(market, ids.creators)
    merchants = facts.merchant_table(market, ids.merchants)
    products = facts.product_table(market, ids)
    blocks = dict(audience.blocks_)
    category = category_block(creators, merchants, products)
    if category is not None:
        blocks["category"] = category

    tell("affinity")
    affinity = Affinity(seed=settings.seed).fit(
        interactions, list(blocks.values()), first_met=first_met
    )

    tell("outcomes")
    fits = PairFits(blocks.get("audience"), blocks.get("category"))
    pairs = promotion_pairs(market.table("promotions"), ids, fits)
    portraits = fit_portraits(market, ids, blocks, pairs, seed=settings.seed)
    outcomes = _outcomes(market, ids, pairs, portraits)
    ledger = rating_ledger(market, outcomes.chain_, pairs, promotion_outcomes(market))
    overlap = viewer_overlap(market, ids.merchants, ids.creators)
    cooperations = past_cooperations(market, ids, outcomes, pairs)
    fingerprints = merchant_fingerprints(market, ids)

    tell("accounts")
    outlook = learn_outlook(market, ids)

    tell("index")
    index = CreatorIndex.build(
        affinity.creator_vectors_,
        affinity.merchant_vectors_,
        recall_target=settings.recall_target,
        seed=settings.seed,
    )
    learnt = Learnt(
        merchants=merchants,
        creators=creators,
        products=products,
        segments=audience.segments_,
        merchant_shares=audience.merchant_shares_,
        creator_share_low=audience.creator_shares_low_,
        creator_share_high=audience.creator_shares_high_,
        merchant_vectors=affinity.merchant_vectors_,
        creator_vectors=affinity.creator_vectors_,
        usual_merchant=affinity.merchant_vectors_.mean(axis=0),
        usual_creator=affinity.creator_vectors_.mean(axis=0),
        parts=affinity.parts_,
        blocks=blocks,
        space=audience.space_,
        affinity=lambda: affinity,
        outcomes=outcomes,
        interactions=interactions,
        history=_history(market, ids),
        index=index,
        crowding=Crowding({}, {}),
        cooperations=lambda: cooperations,
        ledger=lambda: ledger,
        overlap=lambda: overlap,
        outlook=lambda: outlook,
        fingerprints=lambda: fingerprints,
    )
    tell("crowding")
    return replace(learnt, crowding=learn_crowding(learnt, seed=settings.seed))


def _given(market: Market, name: str) -> pd.DataFrame | None:
    return market.table(name) if market.has(name) else None


def _interactions(
    market: Market, ids: Entities, settings: Settings
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Weighted events of each pair, and the day on which the pair first met."""
    events = market_events(market.table("promotions"), _given(market, "outreach"))
    builder = InteractionBuilder(
        as_of=market.as_of, weights=settings.weights, half_life_days=settings.half_life_days
    )
    builder.add(
        events["merchant_id"],
        events["creator_id"],
        events["kind"],
        events["occurred_at"],
        events["amount"],
    )
    matrix = builder.build(ids.merchants, ids.creators).positive()
    first = events.groupby(["merchant_id", "creator_id"], sort=False)["occurred_at"].min()
    rows, _ = ids.merchants.find(first.index.get_level_values(0))
    columns, _ = ids.creators.find(first.index.get_level_values(1))
    # Days count from 1: a stored zero would be no entry.
    days = (first - first.min()).dt.days.to_numpy() + 1
    met = sparse.csr_matrix((days.astype(np.float32), (rows, columns)), shape=matrix.shape)
    return matrix, met.multiply(matrix > 0).tocsr()


def _history(market: Market, ids: Entities) -> History:
    """Past promotions of each pair, summed over what is known."""
    rows = market.table("promotions")
    merchant, _ = ids.merchants.find(rows["merchant_id"])
    creator, _ = ids.creators.find(rows["creator_id"])
    days = rows["occurred_at"].to_numpy("datetime64[D]").astype(np.int32)
    numbers = {name: point(rows, name).to_numpy(float) for name in ("clicks", "orders", "gmv")}
    pairs = pd.DataFrame({"merchant": merchant, "creator": creator, "day": days, **numbers})
    grouped = pairs.groupby(["merchant", "creator"])
    sums = grouped[list(numbers)].sum(min_count=1)
    keys = sums.index.to_frame(index=False)
    return History(
        shape=(len(ids.merchants), len(ids.creators)),
        merchant=keys["merchant"].to_numpy(np.int32),
        creator=keys["creator"].to_numpy(np.int32),
        promotions=np.asarray(grouped.size(), dtype=np.int32),
        last_day=grouped["day"].max().to_numpy(np.int32),
        **{name: sums[name].to_numpy(float) for name in numbers},
    )


def _outcomes(market: Market, ids: Entities, pairs: Pairs, portraits: Portraits) -> OutcomeModel:
    """Fit what a promotion brings on all that were seen."""
    shops, goods = _beside_usual(portraits, pairs)
    return OutcomeModel().fit(
        pairs,
        promotion_outcomes(market),
        creators=replace(
            facts.creator_features(market, ids.creators), portraits=portraits.creators_
        ),
        merchants=replace(facts.merchant_features(market, ids.merchants), portraits=shops),
        products=replace(facts.product_features(market, ids.products), portraits=goods),
        terms=facts.terms(market, ids),
        circumstances=promotion_circumstances(market, ids.creators),
    )


def _beside_usual(portraits: Portraits, pairs: Pairs) -> tuple[Floats, Floats]:
    """Portraits of merchants and products less that of the usual promotion.

    A taste for what everybody promotes would be one more effect of the creator. Of whom nothing is
    known is taken to be usual.
    """
    both = np.vstack([portraits.products_, portraits.merchants_]).astype(np.float64)
    goods = len(portraits.products_)
    rows = np.where(pairs.product < goods, pairs.product, goods + pairs.merchant)
    usual = both[rows].mean(axis=0) if len(rows) else np.zeros(both.shape[1])
    known = both.any(axis=1)
    both[known] -= usual
    return both[goods:], both[:goods]


def promotion_pairs(promotions: pd.DataFrame, ids: Entities, fits: PairFits) -> Pairs:
    """Pairs of a table of promotions, with how well they fit."""
    merchant, _ = ids.merchants.find(promotions["merchant_id"])
    creator, _ = ids.creators.find(promotions["creator_id"])
    product = np.full(len(promotions), len(ids.products), dtype=np.int32)
    rows, known = ids.products.find(promotions["product_id"])
    product[known] = rows
    return Pairs(
        merchant,
        creator,
        product,
        fits.audience(merchant, creator, product),
        fits.category(merchant, creator, product),
    )


def promotion_outcomes(market: Market) -> PromotionOutcomes:
    """What the promotions of a market brought; views stand in where nobody counts displays."""
    rows = market.table("promotions")
    shown = [one.notna().any() for one in bounds(rows, "exposures")]
    basis = "exposures" if any(shown) else "views"
    known = {name: point(rows, name).to_numpy(float) for name in _OUTCOMES}
    for name in ("exposures", *_RANGED):
        low, high = bounds(rows, basis if name == "exposures" else name)
        known[name] = low.where(low == high).to_numpy(float)
        known |= {f"{name}_low": low.to_numpy(float), f"{name}_high": high.to_numpy(float)}
    age: pd.Series[float] = (market.as_of - rows["occurred_at"]).dt.total_seconds() / 86_400
    return PromotionOutcomes.of(age.to_numpy(float), basis, **known)


def _default_objective(learnt: Learnt) -> str:
    """``gmv`` where any can be expected, else ``match``."""
    everyone = np.arange(min(len(learnt.creators), 1000), dtype=np.int32)
    nobody, none = len(learnt.merchants), len(learnt.products)
    unknown = np.full(len(everyone), np.nan)
    pairs = Pairs(
        np.full_like(everyone, nobody), everyone, np.full_like(everyone, none), unknown, unknown
    )
    known = np.isfinite(learnt.outcomes.predict(pairs).expected_gmv)
    return "gmv" if known.any() else "match"
