"""The sets that `additive_or_trees` asks about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from additive_question import Question, Told, amounts, rates
from halves import random_parts
from predictions_ads import deviance
from predictions_likes import CUTS, HALF_LIFE_DAYS, PROFILE
from predictions_simulated import WEEKS, market_folder
from predictions_tmall import Past, log_loss

from models.exposure import ExposureModel
from models.features import EntityFeatures
from models.pairs import Floats, Pairs
from training.entities import Entities, creator_features, merchant_features, product_features
from training.fit import Settings, learn, promotion_outcomes, promotion_pairs
from training.market import read_market
from training.portraits import fit_portraits


def _poisson(asked: Told) -> Callable[[Floats], float]:
    """Mean Poisson deviance of the rows asked for."""
    return lambda log: deviance(asked.came, asked.trials * np.exp(log)) / len(asked.came)


def simulated(data: Path | None, folder: Path | None) -> Iterator[Question]:
    """Click rate, conversion and exposures of a synthetic market's last weeks."""
    market = read_market(market_folder(folder))
    past = market.before(market.as_of - pd.Timedelta(weeks=WEEKS))
    learnt, ids = learn(past, Settings(), lambda _: None), Entities.of(past)
    pairs = promotion_pairs(past.table("promotions"), ids, learnt.fits())
    drawn = fit_portraits(past, ids, learnt.blocks, pairs)
    sides = (
        replace(creator_features(past, ids.creators), portraits=drawn.creators_),
        replace(merchant_features(past, ids.merchants), portraits=drawn.merchants_),
        replace(product_features(past, ids.products), portraits=drawn.products_),
    )
    rows = market.table("promotions")
    later = (rows["occurred_at"] > past.as_of).to_numpy()
    later &= ids.merchants.find(rows["merchant_id"])[1] & ids.creators.find(rows["creator_id"])[1]
    told, came = promotion_outcomes(past), promotion_outcomes(market).take(later)
    asked = promotion_pairs(rows[later], ids, learnt.fits())
    for name, trials, count, settled in (
        ("click rate", "exposures", "clicks", 0.0),
        ("conversion", "clicks", "orders", 7.0),
    ):
        known = _known(Told(pairs, getattr(told, trials), getattr(told, count), told.age_days))
        known = known.take(known.age >= settled)
        wanted = Told(asked, getattr(came, trials), getattr(came, count), came.age_days)
        wanted = _known(wanted.take(came.age_days >= settled))
        title = f"simulated (synthetic), {name}"
        yield rates(title, "Poisson deviance a row", known, wanted, sides, _poisson(wanted))
    shown = _known(Told(pairs, np.ones(len(pairs)), np.log1p(told.exposures), told.age_days))
    wanted = _known(Told(asked, np.ones(len(asked)), np.log1p(came.exposures), came.age_days))
    half_life = ExposureModel().half_life_days
    yield amounts("simulated (synthetic), exposures", shown, wanted, sides, half_life)


def _known(told: Told) -> Told:
    return told.take(np.isfinite(told.trials) & np.isfinite(told.came) & (told.trials > 0))


def tmall(data: Path | None, folder: Path | None) -> Iterator[Question]:
    """Who buys again: one trial a pair."""
    table = pd.read_csv(_there(data, "tmall_repeat_buyer", "pairs.csv.gz"))
    known, asked = next(random_parts(table, (0,)))
    past = Past(known)
    told, wanted = (
        Told(
            past.pairs(one, past.buyers),
            np.ones(len(one)),
            one["label"].to_numpy(float),
            np.zeros(len(one)),
        )
        for one in (known, asked)
    )
    sides = (_nothing(len(past.buyers)), past.neighbours(), _nothing(0))

    def loss(log: Floats) -> float:
        rate = np.clip(np.exp(log), 1e-6, 1 - 1e-6)
        return float(log_loss(rate, wanted.came).mean())

    name = "who buys again (Tmall)"
    yield rates(name, "log-loss", told, wanted, sides, loss, dated=False)


def ads(data: Path | None, folder: Path | None) -> Iterator[Question]:
    """Clicks and sales of ads."""
    table = pd.read_csv(_there(data, "kag_ads_conversion", "ads.csv"))
    known, asked = next(random_parts(table, (0,)))
    both = pd.concat([known, asked], ignore_index=True)
    campaign, interest = (
        pd.factorize(both[name], sort=True)[0].astype(np.int32)
        for name in ("xyz_campaign_id", "interest")
    )
    unknown = np.full(len(both), np.nan)
    pairs = Pairs(campaign, interest, np.arange(len(both), dtype=np.int32), unknown, unknown)
    of_ads = EntityFeatures.of(
        len(both),
        {"impressions": both["Impressions"]},
        {"age": both["age"], "gender": both["gender"]},
        log_scaled=("impressions",),
    )
    sides = (_nothing(int(interest.max()) + 1), _nothing(int(campaign.max()) + 1), of_ads)
    is_known = np.arange(len(both)) < len(known)
    for trials, count in (("Impressions", "Clicks"), ("Clicks", "Approved_Conversion")):
        rows = Told(
            pairs, both[trials].to_numpy(float), both[count].to_numpy(float), np.zeros(len(both))
        )
        told, wanted = _known(rows.take(is_known)), _known(rows.take(~is_known))
        name = f"ads (Facebook), {count} among {trials}"
        measure = "Poisson deviance a row"
        yield rates(name, measure, told, wanted, sides, _poisson(wanted), dated=False)


def likes(data: Path | None, folder: Path | None) -> Iterator[Question]:
    """Likes of later posts, from the creator and what it posted before."""
    posts = pd.read_csv(_there(data, "instagram_kim2020", "posts.csv.gz"))
    posts = posts.sort_values(["ts", "post_id"])
    profiles = pd.read_csv(_there(data, "instagram_kim2020", "creators.csv.gz"))
    ids = pd.Index(np.unique([*profiles["creator_id"], *posts["creator_id"]]))
    profiles = profiles.drop_duplicates("creator_id").set_index("creator_id").reindex(ids)
    creators = EntityFeatures.of(
        len(ids),
        {name: profiles[name] for name in PROFILE},
        {"category": profiles["category"]},
        log_scaled=PROFILE,
    )
    cut = posts["ts"].quantile(CUTS[-1])
    nobody, unknown = np.zeros(len(posts), np.int32), np.full(len(posts), np.nan)
    rows = ids.get_indexer(posts["creator_id"]).astype(np.int32)
    age = (cut - posts["ts"].to_numpy(float)) / 86_400
    told = Told(
        Pairs(nobody, rows, nobody, unknown, unknown),
        np.ones(len(posts)),
        np.log1p(posts["likes"].to_numpy(float)),
        np.maximum(age, 0.0),
    )
    known = (posts["ts"] < cut).to_numpy()
    sides = (creators, EntityFeatures.of(1), EntityFeatures.of(0))
    yield amounts("likes (Instagram)", told.take(known), told.take(~known), sides, HALF_LIFE_DAYS)


def _nothing(count: int) -> EntityFeatures:
    return EntityFeatures((), np.empty((count, 0)))


def _there(data: Path | None, *place: str) -> Path:
    """Path of a file of a set.

    Raises
    ------
    FileNotFoundError
        When no folder was given, or it lacks the file.
    """
    file = Path(*place) if data is None else data.joinpath(*place)
    if data is None or not file.is_file():
        raise FileNotFoundError(f"no {file}; name the folder of the data sets")
    return file


#: Questions of each set, given the folders of the real data and of the market.
SETS: Mapping[str, Callable[[Path | None, Path | None], Iterator[Question]]] = {
    "simulated": simulated,
    "tmall": tmall,
    "ads": ads,
    "likes": likes,
}
