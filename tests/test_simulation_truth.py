"""The truth beside a simulated market: right, readable by others, and worth searching for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from matching.errors import BadInput, UnknownId
from training.simulation import Size, Truth, simulate_market
from training.simulation.laws import pair_luck


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("markets") / "small"
    simulate_market(folder, seed=1, size="small")
    return folder


@pytest.fixture(scope="module")
def truth(market: Path) -> Truth:
    return Truth.load(market / "truth")


def test_columns_and_order(truth: Truth) -> None:
    pairs = ["m007", "m000", "m007"], ["c0100", "c1999", "c0000"]
    frame = truth.expected(*pairs)

    assert list(frame.columns) == [
        "merchant_id", "creator_id", "exposures", "click_rate", "conversion", "refund_rate",
        "acceptance", "orders", "gmv", "net",
    ]  # fmt: skip
    assert frame["merchant_id"].tolist() == pairs[0]
    assert frame["creator_id"].tolist() == pairs[1]
    assert frame["orders"].to_numpy() == pytest.approx(
        frame["exposures"] * frame["click_rate"] * frame["conversion"]
    )
    one = truth.expected(["m000"], ["c1999"]).iloc[0]
    pd.testing.assert_series_equal(one, frame.iloc[1], check_names=False)


def test_nothing_asked(truth: Truth) -> None:
    assert len(truth.expected([], [])) == 0


def test_without_a_product_is_the_usual_mix(truth: Truth) -> None:
    products = truth.world.products
    own = np.flatnonzero(products.merchant == 3)
    ids = truth.products.ids[own]
    each = truth.expected(["m003"] * len(ids), ["c0005"] * len(ids), ids)
    mixed = truth.expected(["m003"], ["c0005"]).iloc[0]

    for name in ("exposures", "orders", "gmv", "net"):
        assert mixed[name] == pytest.approx((products.pick[own] * each[name]).sum())
    assert mixed["acceptance"] == pytest.approx(each["acceptance"].iloc[0])


def test_readme_formulas_from_the_files_alone(market: Path, truth: Truth) -> None:
    """As somebody without our code would do it, for one triple."""
    folder = market / "truth"
    k = json.loads((folder / "laws.json").read_text())["laws"]
    product = 40
    p = pq.read_table(folder / "products.parquet").slice(product, 1).to_pylist()[0]
    merchant, creator = p["merchant"], 1234
    m = pq.read_table(folder / "merchants.parquet").slice(merchant, 1).to_pylist()[0]
    c = pq.read_table(folder / "creators.parquet").slice(creator, 1).to_pylist()[0]

    def row(name: str, number: int) -> np.ndarray:
        return np.load(folder / f"{name}.npy")[number]

    def fit(one: np.ndarray, other: np.ndarray) -> float:
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other) - 0.5)

    def logistic(x: float) -> float:
        return 1 / (1 + np.exp(-x))

    def splitmix64(x: int) -> int:
        x = (x + 0x9E3779B97F4A7C15) % 2**64
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    def luck(key: int) -> float:
        a = splitmix64((merchant * 2**32 + creator) ^ key)
        u, v = (((x >> 11) + 0.5) / 2**53 for x in (a, splitmix64(a)))
        return float(np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v))

    wants = row("product_audience", product)
    viewer = fit(row("creator_viewer", creator), wants)
    buyer = fit(row("creator_buyer", creator), wants)
    fan = fit(row("creator_fan", creator), row("merchant_wanted", merchant))
    bands = np.load(folder / "segment_price_band.npy")
    price_fit = row("creator_buyer", creator) @ bands[:, p["band"]] - 0.3
    tone = row("creator_tone", creator) @ row("merchant_tone", merchant)
    e = m["experience"] - 8
    w = row("creator_formats", creator) * k["format_exposures"]
    w[0] *= 1 + c["dedicated"] * (k["dedicated_exposures"] - 1)
    v = row("creator_formats", creator) * k["fee_format"]
    v[0] *= 1 + c["dedicated"] * (k["dedicated_fee"] - 1)
    exposures = (
        np.exp(
            k["exposures_level"]
            + k["exposures_followers"] * np.log(c["followers"])
            + c["reach"]
            + c["traffic"]
            + m["traffic"]
            + k["exposures_viewer_fit"] * viewer
            + k["exposures_experience"] * e
            + k["exposures_pair"] * luck(k["exposures_key"])
        )
        * (1 + m["paid"] * (k["paid_boost"] + k["paid_lift"]))
        * w.sum()
    )
    click_rate = logistic(
        k["click_level"]
        + k["click_viewer_fit"] * viewer
        + k["click_hook"] * c["hook"]
        + k["click_appeal"] * p["appeal"]
    )
    conversion = logistic(
        k["conversion_level"]
        + k["conversion_buyer_fit"] * buyer
        + k["conversion_price_fit"] * price_fit
        + k["conversion_tone"] * tone
        + k["conversion_skill"] * c["skill"]
        + k["conversion_quality"] * p["quality"]
        + k["conversion_experience"] * e
        + k["conversion_price"] * np.log(p["price"] / 100)
        + k["conversion_pair"] * luck(k["conversion_key"])
    )
    refund_f = [
        logistic(
            k["refund_level"]
            + by_format
            + k["refund_quality"] * p["quality"]
            + k["refund_experience"] * e
            + k["refund_buyer_fit"] * buyer
        )
        for by_format in k["refund_format"]
    ]
    refund = (w * refund_f).sum() / w.sum()
    orders = exposures * click_rate * conversion
    gmv = orders * p["price"]
    commission = max(p["commission_rate"], c["commission_rate"])
    acceptance = logistic(
        k["acceptance_level"]
        + k["acceptance_fan_fit"] * fan
        + k["acceptance_experience"] * e
        + k["acceptance_standing"] * (np.log10(c["followers"]) - 4)
        + k["acceptance_size"] * m["size"]
    )
    stated = {
        "exposures": exposures,
        "click_rate": click_rate,
        "conversion": conversion,
        "refund_rate": refund,
        "acceptance": acceptance,
        "orders": orders,
        "gmv": gmv,
        "net": gmv * (1 - refund) * (1 - commission) - c["slot_fee"] * v.sum(),
    }
    found = truth.expected([m["merchant_id"]], [c["creator_id"]], [p["product_id"]]).iloc[0]
    assert {name: found[name] for name in stated} == pytest.approx(stated)


def test_samples_have_the_expected_mean(truth: Truth) -> None:
    n = 200_000
    triple = ["m000"] * n, ["c0042"] * n, ["p0001"] * n
    drawn = truth.sample(*triple, np.random.default_rng(2))
    stated = truth.expected(["m000"], ["c0042"], ["p0001"]).iloc[0]

    assert drawn["exposures"].mean() == pytest.approx(stated["exposures"], rel=0.02)
    assert drawn["orders"].mean() == pytest.approx(stated["orders"], rel=0.04)
    assert drawn["gmv"].mean() == pytest.approx(stated["gmv"], rel=0.04)
    assert drawn["clicks"].sum() / drawn["exposures"].sum() == pytest.approx(
        stated["click_rate"], rel=0.02
    )
    assert drawn["orders"].sum() / drawn["clicks"].sum() == pytest.approx(
        stated["conversion"], rel=0.02
    )
    assert drawn["refunded_gmv"].sum() / drawn["gmv"].sum() == pytest.approx(
        stated["refund_rate"], rel=0.04
    )
    assert drawn["net"].mean() == pytest.approx(stated["net"], rel=0.06)
    assert (drawn["paid_exposures"] <= drawn["exposures"]).all()
    # One promotion is a gamble: that is what intervals are for.
    assert drawn["exposures"].quantile(0.9) > 4 * drawn["exposures"].quantile(0.1)


def test_samples_repeat_with_their_seed(truth: Truth) -> None:
    def draw() -> pd.DataFrame:
        return truth.sample(["m000"] * 9, ["c0042"] * 9, ["p0001"] * 9, np.random.default_rng(7))

    pd.testing.assert_frame_equal(draw(), draw())


def test_promotions_are_drawn_around_the_truth(market: Path, truth: Truth) -> None:
    rows = pd.read_parquet(market / "promotions.parquet")
    rows = rows[rows["occurred_at"] > rows["occurred_at"].max() - pd.Timedelta(days=60)]
    rows = rows[rows["campaign_id"].isna()]
    stated = truth.expected(rows["merchant_id"], rows["creator_id"], rows["product_id"])

    assert rows["exposures"].sum() / stated["exposures"].sum() == pytest.approx(1, abs=0.2)
    log = np.log(rows["exposures"].to_numpy() + 1) - np.log(stated["exposures"] + 1)
    assert log.std() < 1.1
    assert rows["clicks"].sum() / (stated["click_rate"] * rows["exposures"].to_numpy()).sum() == (
        pytest.approx(1, abs=0.1)
    )


def test_the_best_lists_are_not_the_most_followed(market: Path, truth: Truth) -> None:
    """A list by followers, or by past sales, leaves most of what could be earned."""
    merchants, creators = truth.merchants.ids[:100], truth.creators.ids
    frame = truth.expected(np.repeat(merchants, len(creators)), np.tile(creators, len(merchants)))
    net = frame["net"].to_numpy().reshape(len(merchants), -1)
    best = np.sort(net)[:, -20:].sum()
    sold = pd.read_parquet(market / "promotions.parquet").groupby("creator_id")["gmv"].sum()
    past = sold.reindex(creators).fillna(0).to_numpy()

    def share(score: np.ndarray) -> float:
        top = np.argsort(-score, kind="stable")[:20]
        return float(net[:, top].sum() / best)

    assert 0.1 < share(truth.world.creators.followers) < 0.55
    assert 0.1 < share(past) < 0.65
    assert share(np.random.default_rng(0).random(len(creators))) < 0.1
    assert 0.7 < (net > 0).mean() < 0.95


def test_three_audiences_differ(truth: Truth) -> None:
    c, segments = truth.world.creators, truth.world.segments
    spending = segments.spending
    playful = c.interactive > np.quantile(c.interactive, 0.8)

    assert (c.buyer @ spending).mean() > (c.viewer @ spending).mean()
    assert (c.fan @ spending)[playful].mean() < (c.viewer @ spending)[playful].mean()


def test_snowball_rewards_conversion(truth: Truth) -> None:
    c = truth.world.creators
    moved = c.traffic != 0

    assert np.corrcoef(c.skill[moved], c.traffic[moved])[0, 1] > 0.2


def test_pair_luck_is_normal_and_belongs_to_the_pair() -> None:
    merchant, creator = (grid.ravel() for grid in np.mgrid[0:300, 0:400])
    luck = pair_luck(2**63 + 12345, merchant, creator)

    assert luck.mean() == pytest.approx(0, abs=0.01)
    assert luck.std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(luck, pair_luck(99, merchant, creator))[0, 1] == pytest.approx(0, abs=0.01)
    few = slice(1_000, 1_003)
    assert pair_luck(2**63 + 12345, merchant[few], creator[few]).tolist() == luck[few].tolist()


def test_unknown_ids(truth: Truth) -> None:
    with pytest.raises(UnknownId, match="merchant 'm999' is not in this simulated market of 300"):
        truth.expected(["m000", "m999"], ["c0000", "c0000"])
    with pytest.raises(UnknownId, match="creator 'x' is not in this simulated market of 2000"):
        truth.expected(["m000"], ["x"])
    with pytest.raises(UnknownId, match="product 'p' is not in this"):
        truth.sample(["m000"], ["c0000"], ["p"], np.random.default_rng(0))


def test_ids_come_from_any_iterable(truth: Truth) -> None:
    def one(name: str) -> Iterator[str]:
        yield name

    assert len(truth.expected(one("m001"), one("c0001"))) == 1


def test_lists_that_do_not_fit_together(truth: Truth) -> None:
    with pytest.raises(BadInput, match="lists of 1, 2 ids; expected one merchant, creator"):
        truth.expected(["m000"], ["c0000", "c0001"])
    with pytest.raises(BadInput, match="product p0000 is not of merchant m001; expected products"):
        truth.expected(["m001"], ["c0000"], ["p0000"])


def test_folders_without_truth(market: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no laws\.json; expected the `truth` folder"):
        Truth.load(market)
    (tmp_path / "laws.json").write_text('{"format": 7}')
    with pytest.raises(BadInput, match="truth of format 7; expected 1, simulate the market again"):
        Truth.load(tmp_path)


def test_loaded_as_it_was(tmp_path: Path) -> None:
    simulate_market(tmp_path / "market", seed=2, size=Size(20, 5, viewers=5))
    loaded = Truth.load(tmp_path / "market" / "truth")
    again = Truth.of(loaded.world, loaded.laws)

    pd.testing.assert_frame_equal(
        loaded.expected(["m0"] * 20, loaded.creators.ids),
        again.expected(["m0"] * 20, again.creators.ids),
    )
