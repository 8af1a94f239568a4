"""Rates are sums divided by sums; a session is seen once; unknown is not zero."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import BadInput
from matching.indices import (
    click_conversion,
    click_through,
    gpm,
    item_price,
    net_gmv,
    net_gmv_bounds,
    rate_bounds,
    watch_to_order,
)
from matching.indices.rates import Rate

RATES = (gpm, click_through, click_conversion, watch_to_order, item_price)
NAMES: tuple[Rate, ...] = (
    "gpm",
    "click_through",
    "click_conversion",
    "watch_to_order",
    "item_price",
)
SEEDS = st.integers(0, 2**32 - 1)


def promotions(seed: int) -> pd.DataFrame:
    """Rows with unknown cells, ranges and sessions of several products."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 40))
    exposures = rng.integers(0, 50, n)
    clicks = rng.binomial(exposures, 0.4)
    orders = rng.binomial(clicks, 0.4)
    counts = pd.DataFrame(
        {
            "exposures": exposures,
            "clicks": clicks,
            "orders": orders,
            "views": rng.integers(0, 60, n),
            "gmv": orders * rng.integers(0, 9, n),
        },
        dtype=float,
    )
    unknown = rng.random((n, 5)) < 0.2
    table = counts.mask(unknown)
    # Of some of the unknown numbers a range is told, of some of those one end alone.
    for place, name in enumerate(counts):
        told = unknown[:, place] & (rng.random(n) < 0.6)
        low = np.where(told & (rng.random(n) < 0.8), counts[name] - rng.integers(0, 3, n), np.nan)
        high = np.where(told & (rng.random(n) < 0.8), counts[name] + rng.integers(0, 3, n), np.nan)
        table[f"{name}_low"], table[f"{name}_high"] = np.maximum(low, 0), high
    table["creator_id"] = rng.choice(["c1", "c2", "c3", None], n)
    table["session_id"] = rng.choice(["s1", "s2", "s3", None], n)
    return table


def test_each_rate_is_what_the_domain_says() -> None:
    table = pd.DataFrame(
        {
            "merchant_id": ["m1", "m1", "m2"],
            "exposures": [300, 100, 50],
            "views": [1000, 3000, 0],
            "clicks": [30, 10, 0],
            "orders": [3, 1, 0],
            "gmv": [270.0, 30.0, 0.0],
        }
    )
    of_m1 = [300 / 4000 * 1000, 40 / 400, 4 / 40, 4 / 4000, 300 / 4]
    for rate, expected in zip(RATES, of_m1, strict=True):
        told = rate(table, "merchant_id")
        assert told.name == rate.__name__
        assert told.index.name == "merchant_id"
        assert told["m1"] == pytest.approx(expected)
    # Nothing happened at m2: a rate of no trials is unknown; 0 of 50 displays is a rate.
    of_m2 = [rate(table, "merchant_id")["m2"] for rate in RATES]
    np.testing.assert_array_equal(of_m2, [np.nan, 0.0, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("rate", "above", "below"),
    [
        (gpm, "gmv", "views"),
        (click_through, "clicks", "exposures"),
        (click_conversion, "orders", "clicks"),
        (watch_to_order, "orders", "views"),
        (item_price, "gmv", "orders"),
    ],
)
def test_sums_come_first_and_a_mean_of_rates_is_something_else(
    rate: Callable[..., pd.Series], above: str, below: str
) -> None:
    table = pd.DataFrame({above: [1.0, 30.0], below: [2.0, 300.0]})
    one_by_one = rate(table.assign(row=["a", "b"]), "row")
    together = rate(table).item()
    scale = one_by_one["a"] / (1 / 2)
    assert together == pytest.approx(scale * (1 + 30) / (2 + 300))
    assert one_by_one.mean() == pytest.approx(scale * (1 / 2 + 30 / 300) / 2)
    assert together < one_by_one.mean() / 2


def test_a_row_takes_part_in_both_sums_or_in_neither() -> None:
    table = pd.DataFrame({"clicks": [10, np.nan, 100], "orders": [2, 5, np.nan]})
    assert click_conversion(table).item() == 2 / 10
    assert np.isnan(click_conversion(table.iloc[1:]).item())
    assert np.isnan(click_conversion(table.iloc[:0]).item())
    assert len(click_conversion(table.iloc[:0].assign(by=[]), "by")) == 0


def test_views_of_a_session_count_once() -> None:
    table = pd.DataFrame(
        {
            "creator_id": ["c1", "c1", "c2", "c1"],
            "session_id": ["s1", "s1", "s1", None],
            "product_id": ["p1", "p2", "p1", "p1"],
            "views": [np.nan, 1000, 500, 200],
            "gmv": [60.0, 40.0, 5.0, 10.0],
        }
    )
    # c1's s1 is another session than c2's; a row of no session is one of its own.
    assert gpm(table).item() == pytest.approx((100 + 5 + 10) / (1000 + 500 + 200) * 1000)
    assert gpm(table, "creator_id").tolist() == pytest.approx([110 / 1200 * 1000, 5 / 500 * 1000])
    # Of the first product nobody knows how many saw it, once it stands alone.
    by_product = gpm(table, ["creator_id", "product_id"])
    assert by_product[("c1", "p1")] == pytest.approx(10 / 200 * 1000)
    assert by_product[("c1", "p2")] == pytest.approx(40 / 1000 * 1000)
    # Where one product's GMV is unknown, so is the session's; the others count.
    told = gpm(table.assign(gmv=[np.nan, 40.0, 5.0, 10.0]))
    assert told.item() == pytest.approx(15 / 700 * 1000)
    # Without creators a session is known by its id, without sessions every row is one.
    assert gpm(table.drop(columns="creator_id")).item() == pytest.approx(115 / 1200 * 1000)
    assert gpm(table.drop(columns="session_id")).item() == pytest.approx(55 / 1700 * 1000)


def test_rows_of_an_unknown_group_belong_to_none() -> None:
    table = pd.DataFrame({"product_id": ["p1", None], "clicks": [10, 5], "orders": [1, 5]})
    assert click_conversion(table, "product_id").to_dict() == {"p1": 0.1}
    words = table.assign(product_id=table["product_id"].astype("category"))
    assert click_conversion(words, ["product_id"]).tolist() == [0.1]
    assert click_conversion(table, []).to_dict() == {"all": 6 / 15}


def test_numbers_may_come_in_any_type() -> None:
    money = pd.Series([Decimal("12.50"), None, Decimal("7.50")], dtype=object)
    table = pd.DataFrame({"gmv": money, "orders": pd.array([1, 5, 3], dtype="Int64")})
    assert item_price(table).item() == 5.0
    assert item_price(table.assign(orders=pd.array([1, 5, None], dtype="Int64"))).item() == 12.5


@settings(max_examples=40)
@given(SEEDS)
def test_rates_do_not_depend_on_the_order_of_rows(seed: int) -> None:
    table = promotions(seed)
    other = table.sample(frac=1, random_state=seed)
    for rate in (*RATES, lambda *a: net_gmv(a[0].assign(refunded_gmv=0.0), *a[1:])):
        for by in (None, "creator_id", ["creator_id", "session_id"]):
            pd.testing.assert_series_equal(rate(table, by), rate(other, by))


@settings(max_examples=40)
@given(SEEDS)
def test_bounds_hold_every_market_that_the_ranges_allow(seed: int) -> None:
    table = promotions(seed)
    for name in NAMES:
        bounds = rate_bounds(name, table, "creator_id")
        assert not (bounds["low"] > bounds["high"]).any()
        assert np.isfinite(bounds["low"].dropna()).all()
        assert np.isfinite(bounds["high"].dropna()).all()
        if name in ("click_through", "click_conversion"):
            assert bounds["high"].dropna().le(1).all()
    # Exact numbers anywhere within the ranges.
    rng = np.random.default_rng(seed)
    inside = table.copy()
    for column in ("gmv", "views"):
        low = (
            table[f"{column}_low"]
            .fillna(0)
            .where(table[f"{column}_high"].notna() | table[f"{column}_low"].notna())
        )
        high = table[f"{column}_high"].fillna(low + 5)
        drawn = low + rng.random(len(table)) * (high - low)
        inside[column] = table[column].fillna(drawn)
    told, bounds = gpm(inside, "creator_id"), rate_bounds("gpm", table, "creator_id")
    assert not (told < bounds["low"] * (1 - 1e-12)).any()
    assert not (told > bounds["high"] * (1 + 1e-12)).any()


def test_bounds_of_exact_numbers_are_the_rate() -> None:
    table = pd.DataFrame({"clicks": [10, 30], "orders": [1, 2]})
    assert rate_bounds("click_conversion", table).loc["all"].tolist() == [3 / 40, 3 / 40]
    ranged = pd.DataFrame({"clicks_low": [10.0], "clicks_high": [20.0], "orders": [15.0]})
    assert rate_bounds("click_conversion", ranged).loc["all"].tolist() == [15 / 20, 1.0]
    opened = pd.DataFrame({"gmv_low": [10.0], "gmv_high": [np.nan], "orders": [2]})
    np.testing.assert_array_equal(rate_bounds("item_price", opened).loc["all"], [5.0, np.nan])


def test_net_gmv_needs_every_row_and_its_bounds_need_none() -> None:
    table = pd.DataFrame(
        {
            "merchant_id": ["m1", "m1", "m2", "m2", "m3"],
            "gmv": [100.0, 50.0, 80.0, 20.0, np.nan],
            "refunded_gmv": [10.0, 0.0, np.nan, 5.0, np.nan],
        }
    )
    assert net_gmv(table, "merchant_id").to_dict() == pytest.approx(
        {"m1": 140.0, "m2": np.nan, "m3": np.nan}, nan_ok=True
    )
    bounds = net_gmv_bounds(table, "merchant_id")
    assert bounds["low"].tolist() == [140.0, 15.0, 0.0]
    np.testing.assert_array_equal(bounds["high"], [140.0, 95.0, np.nan])


def test_net_gmv_of_ranges() -> None:
    table = pd.DataFrame(
        {"gmv_low": [100.0, 10.0], "gmv_high": [300.0, np.nan], "refunded_gmv_low": [20.0, np.nan]}
    )
    low, high = net_gmv_bounds(table.assign(refunded_gmv_high=[60.0, np.nan]).iloc[:1]).loc["all"]
    assert (low, high) == (100 - 60, 300 - 20)
    low, high = net_gmv_bounds(table).loc["all"]
    assert low == 0
    assert np.isnan(high)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"orders": [-1.0, 2.0]}, r"^orders is -1 in row 0, expected 0 or more and finite, NaN"),
        ({"clicks": [9.0, np.inf]}, r"^clicks is inf in row 1, expected 0 or more and finite"),
        ({"orders": ["two", "3"]}, r"^orders holds object, expected numbers; read the market with"),
        ({"orders": [9.0, 9.0]}, r"^click_conversion: m1 has 9 orders of 5 clicks; count both"),
    ],
)
def test_what_cannot_be_a_count_is_refused(change: dict[str, list[object]], words: str) -> None:
    table = pd.DataFrame({"merchant_id": ["m1", "m2"], "clicks": [5.0, 9.0], "orders": [1.0, 2.0]})
    changed = table.assign(
        **{
            k: pd.Series(v, dtype=object if isinstance(v[0], str) else float)
            for k, v in change.items()
        }
    )
    with pytest.raises(BadInput, match=words):
        click_conversion(changed, "merchant_id")


def test_what_is_not_there_is_named() -> None:
    table = pd.DataFrame({"clicks": [5.0]})
    words = r"^the table lacks orders; it has clicks. Add what is lacking, NaN where it is unknown$"
    with pytest.raises(BadInput, match=words):
        click_conversion(table)
    with pytest.raises(BadInput, match=r"^the table lacks creator_id, agency; it has clicks\."):
        click_conversion(table, ["creator_id", "agency"])
    with pytest.raises(BadInput, match=r"^the table lacks gmv; it has no column\."):
        rate_bounds("gpm", pd.DataFrame())
    with pytest.raises(BadInput, match=r"^rate: got 'ctr', expected one of gpm, click_through, "):
        rate_bounds("ctr", table)  # type: ignore[arg-type]


def test_more_sent_back_than_sold_is_refused() -> None:
    sold = pd.DataFrame({"gmv": [10.0, 5.0], "refunded_gmv": [10.0 + 1e-9, 9.0]})
    for figure in (net_gmv, net_gmv_bounds):
        with pytest.raises(BadInput, match="refunded_gmv is 9 in row 1 where gmv is 5"):
            figure(sold)
        figure(sold.iloc[:1])
