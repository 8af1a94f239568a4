"""Every index of a whole (synthetic) market, computed from its tables."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from matching import indices
from matching.catalog import tier_of
from matching.indices import (
    click_conversion,
    click_through,
    content_width_index,
    content_width_parts,
    conversion_depth_index,
    conversion_depth_parts,
    experience_score,
    five_a_shares,
    five_a_structure,
    gpm,
    item_price,
    net_gmv,
    net_gmv_bounds,
    product_roles,
    rate_bounds,
    role_shares,
    watch_to_order,
)
from training.market import Market

BY = ("merchant_id", "creator_id", "product_id", ["merchant_id", "creator_id"], None)


@pytest.mark.parametrize("by", BY, ids=str)
def test_rates_of_a_market(tiny_market: Market, by: str | list[str] | None) -> None:
    promotions = tiny_market.table("promotions")
    before = promotions.copy(deep=True)
    rates = {
        rate.__name__: rate(promotions, by)
        for rate in (gpm, click_through, click_conversion, watch_to_order, item_price)
    }
    for name, rate in rates.items():
        known = rate.dropna()
        assert len(known) > 0.5 * len(rate)
        assert known.ge(0).all()
        assert np.isfinite(known).all()
        bounds = rate_bounds(name, promotions, by)  # type: ignore[arg-type]
        assert not (bounds["low"] > bounds["high"]).any()
        assert bounds["low"][known.index].notna().all()
    assert rates["click_through"].dropna().le(1).all()
    assert rates["click_conversion"].dropna().le(1).all()
    net, bounds = net_gmv(promotions, by), net_gmv_bounds(promotions, by)
    known = net.dropna().index
    np.testing.assert_allclose(net[known], bounds.loc[known, "low"])
    np.testing.assert_allclose(net[known], bounds.loc[known, "high"])
    assert not (bounds["low"] > bounds["high"]).any()
    pd.testing.assert_frame_equal(promotions, before)


def test_the_whole_is_no_mean_of_its_parts(tiny_market: Market) -> None:
    promotions = tiny_market.table("promotions")
    whole = click_conversion(promotions).item()
    assert whole == pytest.approx(promotions["orders"].sum() / promotions["clicks"].sum())
    parts = click_conversion(promotions, "creator_id")
    clicks = promotions.groupby("creator_id")["clicks"].sum()[parts.index]
    assert whole == pytest.approx(np.average(parts.fillna(0), weights=clicks))
    assert whole != pytest.approx(parts.mean(), rel=0.02)


def test_a_room_is_not_counted_once_a_product(tiny_market: Market) -> None:
    promotions = tiny_market.table("promotions")
    rooms = promotions.groupby(["creator_id", "session_id"])["views"].first()
    orders = promotions["orders"].sum()
    assert watch_to_order(promotions).item() == pytest.approx(orders / rooms.sum())
    assert rooms.sum() < 0.9 * promotions["views"].sum()


def test_width_and_depth_of_merchants(tiny_market: Market) -> None:
    promotions = tiny_market.table("promotions")
    merchants = tiny_market.table("merchants").set_index("merchant_id")
    peers = (merchants["industry"], merchants["tier"])
    width = content_width_index(content_width_parts(promotions, "merchant_id"), *peers)
    depth = conversion_depth_index(conversion_depth_parts(promotions, "merchant_id"), *peers)
    for told, most in ((width, 14 + 10), (depth, 14 + 14 + 10)):
        # What the contract's tables cannot tell stays unknown.
        assert told["index"].isna().all()
        assert told["out_of"].max() == most
        known = told["out_of"] > 0
        assert known.any()
        assert told["points"].notna().equals(known)
        assert (told["points"][known] <= told["out_of"][known]).all()
    unknown = merchants[["industry", "tier"]].isna().any(axis=1)[depth.index]
    assert (depth["out_of"][unknown] == 0).all()


def test_width_and_depth_of_creators_with_parts_from_elsewhere(tiny_market: Market) -> None:
    promotions = tiny_market.table("promotions")
    creators = tiny_market.table("creators").set_index("creator_id")
    tier = pd.Series(tier_of(creators["followers"].to_numpy(float)), creators.index)
    rng = np.random.default_rng(0)
    width = content_width_parts(promotions, "creator_id")
    width = width.assign(
        live_dwell=rng.gamma(2.0, 30.0, len(width)),
        live_interaction_rate=rng.beta(2.0, 20.0, len(width)),
    )
    told = content_width_index(width, tier=tier)
    assert told["index"].notna().any()
    assert told["index"].dropna().between(0, 50).all()
    assert told["index"][tier.reindex(told.index).isna()].isna().all()
    for name in set(tier.dropna()):
        points = told.loc[tier.reindex(told.index) == name, "exposures"]
        assert np.isnan(points.mean()) or points.mean() == pytest.approx(7)
    depth = conversion_depth_parts(promotions, "creator_id").assign(repurchase_rate=0.2)
    assert (conversion_depth_index(depth)["repurchase_rate"] == 6).all()


def test_roles_of_products(tiny_market: Market) -> None:
    promotions = tiny_market.table("promotions")
    roles = product_roles(promotions)
    products = tiny_market.table("products").set_index("product_id")["merchant_id"]
    owners = products[roles.index.get_level_values("product_id")]
    assert owners.tolist() == roles.index.get_level_values("merchant_id").tolist()
    shares = roles[["amount_share", "quantity_share"]]
    np.testing.assert_allclose(shares.groupby("merchant_id").sum(min_count=1).dropna(), 1)
    assert roles["role"].notna().equals(shares.notna().all(axis=1))
    told = role_shares(roles)
    assert told.sum() == pytest.approx(1)
    assert told.idxmax() == "core"
    high = roles[roles["role"] == "core"]
    low = roles[roles["role"] == "potential"]
    assert (
        high["amount_share"]
        .groupby("merchant_id")
        .min()
        .ge(low["amount_share"].groupby("merchant_id").max(), fill_value=0)[
            high.index.get_level_values("merchant_id").unique()
        ]
        .all()
    )


def test_experience_and_ladder_come_from_elsewhere(tiny_market: Market) -> None:
    # A market tells a merchant's score, not its parts; the simulated one tells of no ladder.
    score = tiny_market.table("merchants")["experience_score"]
    parts = pd.DataFrame(dict.fromkeys(("goods", "logistics", "service"), score / 10))
    np.testing.assert_allclose(experience_score(parts)["index"], score)
    shares = five_a_shares(tiny_market.table("audiences"))
    assert shares.empty
    assert five_a_structure(shares).empty


def test_what_is_exported_is_there_documented_and_shown() -> None:
    assert sorted(indices.__all__) == indices.__all__
    for name in indices.__all__:
        function = getattr(indices, name)
        assert inspect.isfunction(function)
        words = inspect.getdoc(function)
        assert words is not None
        assert ">>>" in words, name


def test_indices_need_no_more_than_pandas() -> None:
    heavy = ("scipy", "sklearn", "faiss", "implicit", "training")
    ask = f"import sys, matching.indices; print([n for n in {heavy} if n in sys.modules])"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
