"""The plaza keeps the promises of its contract, on a small synthetic market."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from matching import BadInput, BundleError, Plaza, UnknownId, Where
from matching.batches import SCHEMA
from matching.catalog import TIERS
from matching.listings import PREDICTED
from matching.ranking import COLUMN, OBJECTIVES
from tests.market_folders import write_market
from training.fit import Settings, learn, train_market
from training.market import Market, bounds, read_market

MERCHANT_LIST = ["rank", "creator_id", "score", *PREDICTED, "reasons", "sources"]


@pytest.fixture(scope="module")
def merchant(plaza: Plaza, tiny_market: Market) -> str:
    """The merchant with most promotions."""
    return str(tiny_market.table("promotions")["merchant_id"].mode()[0])


@pytest.fixture(scope="module")
def everyone(plaza: Plaza, merchant: str) -> pd.DataFrame:
    return plaza.creators_for(merchant, k=10_000)


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_a_list_is_complete_ordered_and_known(plaza: Plaza, everyone: pd.DataFrame) -> None:
    assert everyone.columns.tolist() == MERCHANT_LIST
    assert sorted(everyone["creator_id"]) == sorted(plaza.creator_ids)
    assert everyone["rank"].tolist() == list(range(1, len(everyone) + 1))
    assert everyone["score"].is_monotonic_decreasing
    assert everyone.attrs["shortfall"] == {}


def test_points_lie_in_their_intervals(everyone: pd.DataFrame) -> None:
    for name in ("p_conversion", "exposures", "expected_gmv"):
        low, point, high = (everyone[f"{name}{end}"] for end in ("_low", "", "_high"))
        assert (low <= point).all()
        assert (point <= high).all()
        assert (low < high).any()
    assert everyone["p_conversion_high"].max() <= 1


def test_every_row_has_reasons_and_only_known_sources(everyone: pd.DataFrame) -> None:
    assert all(1 <= len(reasons) <= 4 for reasons in everyone["reasons"])
    assert all(text.endswith(".") for reasons in everyone["reasons"] for text in reasons)
    known = {"cooperations", "audience", "shared audience", "category", "popularity"}
    known |= {"content vectors"}
    assert {source for sources in everyone["sources"] for source in sources} <= known


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_orders_by_its_own_number(
    plaza: Plaza, merchant: str, objective: str
) -> None:
    frame = plaza.creators_for(merchant, k=10_000, objective=objective)
    assert frame["score"].is_monotonic_decreasing
    column = {
        "conversion": "p_conversion",
        "exposure": "exposures",
        "orders": "expected_orders",
        "gmv": "expected_gmv",
    }.get(objective)
    if column is not None:
        assert (frame["score"] == frame[column]).all()
    else:
        pairs = frame[["creator_id"]].assign(merchant_id=merchant)
        predicted = plaza.predict(pairs)["match" if objective == "match" else "expected_net"]
        np.testing.assert_allclose(frame["score"], predicted, rtol=1e-5)


def test_the_default_is_gmv_where_prices_are_known(
    plaza: Plaza, merchant: str, everyone: pd.DataFrame
) -> None:
    assert plaza.default_objective == "gmv"
    same(plaza.creators_for(merchant, k=10_000, objective="gmv"), everyone)


@pytest.mark.parametrize("objective", ["gmv", "match", "net"])
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    plaza: Plaza, merchant: str, objective: str
) -> None:
    whole = plaza.creators_for(merchant, k=10_000, objective=objective)
    for k in (1, 7, 50):
        same(plaza.creators_for(merchant, k=k, objective=objective), whole.head(k))


def test_one_or_many_give_the_same(plaza: Plaza) -> None:
    ids = plaza.merchant_ids.tolist()
    together = plaza.creators_for(ids, k=9)
    assert together.columns[0] == "merchant_id"
    assert together["merchant_id"].drop_duplicates().tolist() == ids
    for one, part in together.groupby("merchant_id"):
        same(plaza.creators_for(str(one), k=9), part.drop(columns="merchant_id"))
    assert plaza.creators_for([], k=9).columns.tolist() == ["merchant_id", *MERCHANT_LIST]


def test_asked_from_eight_threads_at_once(plaza: Plaza) -> None:
    ids = plaza.merchant_ids.tolist() * 3
    alone = [plaza.creators_for(one, k=5) for one in ids]
    with ThreadPoolExecutor(8) as threads:
        for one, other in zip(
            threads.map(lambda one: plaza.creators_for(one, k=5), ids), alone, strict=True
        ):
            same(one, other)


def _random_where(rng: np.random.Generator, plaza: Plaza, market: Market) -> dict[str, Any]:
    creators = market.table("creators")
    labels = sorted({one for text in creators["categories"].dropna() for one in text.split("|")})

    def some(values: Any, most: int = 3) -> list[str]:
        return [str(one) for one in rng.choice(sorted(values), rng.integers(1, most + 1))]

    def span(column: str) -> tuple[float | None, float | None]:
        low, high = sorted(rng.choice(bounds(creators, column)[0].dropna(), 2))
        return (None if rng.random() < 0.3 else float(low)), (
            None if rng.random() < 0.3 else float(high)
        )

    audiences = market.table("audiences")
    told = audiences[audiences["entity"] == "creator"].sample(
        1, random_state=int(rng.integers(1e9))
    )
    dimension, segment = told[["dimension", "segment"]].iloc[0]
    fields = {
        "creator_ids": lambda: some(plaza.creator_ids, 60),
        "exclude_creator_ids": lambda: some(plaza.creator_ids, 60),
        "categories": lambda: some(labels),
        "regions": lambda: some(creators["region"].dropna().unique()),
        "agency_ids": lambda: some(creators["agency_id"].dropna().unique()),
        "tiers": lambda: some(TIERS),
        "followers": lambda: span("followers"),
        "slot_fee": lambda: span("slot_fee"),
        "commission_rate": lambda: span("commission_rate"),
        "reputation": lambda: span("reputation"),
        "audience": lambda: {dimension: {segment: float(rng.random() * 0.6)}},
    }
    chosen = rng.choice(list(fields), rng.integers(1, 4), replace=False)
    made = {str(name): fields[str(name)]() for name in chosen}
    return {**made, "keep_unknown": bool(rng.random() < 0.3)}


def _passes(where: dict[str, Any], plaza: Plaza, market: Market) -> set[str]:
    """The filter again, creator by creator, from the market's own tables."""
    table = market.table("creators").set_index("creator_id")
    low = {
        name: bounds(table, name)[0]
        for name in ("followers", "slot_fee", "commission_rate", "reputation")
    }
    high = {name: bounds(table, name)[1] for name in low}
    shares = market.table("audiences")
    shares = shares[shares["entity"] == "creator"]
    may = where["keep_unknown"]

    def inside(name: str, one: str, least: float | None, most: float | None) -> bool:
        if one not in table.index or np.isnan(low[name][one]):
            return bool(may)
        bottom, peak = low[name][one], high[name][one]
        least, most = (-np.inf if least is None else least), (np.inf if most is None else most)
        return bool(
            (peak >= least and bottom <= most) if may else (bottom >= least and peak <= most)
        )

    def labelled(column: str, one: str, wanted: list[str]) -> bool:
        text = table[column].get(one)
        if not isinstance(text, str):
            return bool(may)
        return bool({part.casefold() for part in text.split("|")} & {w.casefold() for w in wanted})

    def tiered(one: str, wanted: list[str]) -> bool:
        if one not in table.index or np.isnan(low["followers"][one]):
            return bool(may)
        starts = np.array(list(TIERS.values()))
        names = list(TIERS)
        first, last = (
            int(np.searchsorted(starts, edge[one], side="right")) - 1
            for edge in (low["followers"], high["followers"])
        )
        possible = set(names[first : last + 1])
        return bool(possible & set(wanted)) if may else possible <= set(wanted) and first == last

    def passes(one: str) -> bool:
        checks = []
        for name, value in where.items():
            if name == "creator_ids":
                checks.append(one in value)
            elif name == "exclude_creator_ids":
                checks.append(one not in value)
            elif name in ("categories", "regions", "agency_ids"):
                column = {"regions": "region", "agency_ids": "agency_id"}.get(name, name)
                checks.append(labelled(column, one, value))
            elif name == "tiers":
                checks.append(tiered(one, value))
            elif name in low and value != (None, None):
                checks.append(inside(name, one, *value))
        return all(checks)

    names = {str(one) for one in plaza.creator_ids if passes(str(one))}
    if "audience" in where:
        (dimension, minima), *_ = where["audience"].items()
        (segment, least), *_ = minima.items()
        learnt = plaza._learnt
        column = learnt.segments.index((dimension, segment))
        edge = learnt.creator_share_high if may else learnt.creator_share_low
        known = edge[:, column]
        enough = np.where(np.isnan(known), may, known >= np.float32(least))
        names &= {str(one) for one, ok in zip(plaza.creator_ids, enough, strict=True) if ok}
    return names


def test_a_filtered_list_is_the_full_ranking_filtered(
    plaza: Plaza, tiny_market: Market, merchant: str
) -> None:
    """A thousand random filters, each against a creator-by-creator check of the tables."""
    rng = np.random.default_rng(0)
    full = {
        one: plaza.creators_for(merchant, k=10_000, objective=one)
        for one in ("gmv", "match", "net")
    }
    lengths = []
    for _ in range(1_000):
        where = _random_where(rng, plaza, tiny_market)
        objective = str(rng.choice(list(full)))
        k = int(rng.integers(1, 40))
        passing = _passes(where, plaza, tiny_market)
        whole = full[objective]
        expected = whole[whole["creator_id"].isin(passing)].head(k)
        got = plaza.creators_for(merchant, k=k, objective=objective, where=Where(**where))
        assert got["creator_id"].tolist() == expected["creator_id"].tolist(), where
        assert got["score"].tolist() == expected["score"].tolist(), where
        assert (len(got) < k) == bool(got.attrs["shortfall"]), where
        if len(got) < k:
            removed = sum(got.attrs["shortfall"].values())
            assert removed == len(plaza.creator_ids) - len(got)
        lengths.append(len(got))
    assert 200 < np.count_nonzero(lengths) < 1_000  # neither all empty nor nothing to test


@pytest.mark.parametrize("objective", [one for one in OBJECTIVES if one != "match"])
@pytest.mark.parametrize("with_product", [False, True])
def test_a_list_is_exact_however_few_creators_are_predicted(
    plaza: Plaza,
    tiny_market: Market,
    objective: str,
    with_product: bool,
) -> None:
    """Against predictions for everyone."""
    products = tiny_market.table("products")
    column = COLUMN[objective]
    for merchant in plaza.merchant_ids[:8]:
        mine = products.loc[products["merchant_id"] == merchant, "product_id"]
        product = mine.iloc[0] if with_product and len(mine) else None
        pairs = pd.DataFrame({"merchant_id": merchant, "creator_id": plaza.creator_ids})
        whole = plaza.predict(pairs.assign(product_id=product))
        order = np.argsort(-whole[column].to_numpy(), kind="stable")
        for k in (1, 5, 40):
            got = plaza.creators_for(merchant, k=k, objective=objective, product_id=product)
            assert got["creator_id"].tolist() == plaza.creator_ids[order[:k]].tolist()
            assert got["score"].tolist() == whole[column].iloc[order[:k]].tolist()


def test_shortfall_by_merchant(plaza: Plaza, merchant: str) -> None:
    few = Where(creator_ids=plaza.creator_ids[:3].tolist())
    frame = plaza.creators_for([merchant], k=5, where=few)
    assert frame.attrs["shortfall"] == {merchant: {"creator_ids": len(plaza.creator_ids) - 3}}


def test_partners_can_be_left_out(plaza: Plaza, tiny_market: Market, merchant: str) -> None:
    promotions = tiny_market.table("promotions")
    partners = set(promotions.loc[promotions["merchant_id"] == merchant, "creator_id"])
    new = plaza.creators_for(merchant, k=10_000, exclude_worked_with=True)
    assert set(new["creator_id"]) == set(plaza.creator_ids) - partners
    assert new.attrs["shortfall"] == {"exclude_worked_with": len(partners)}


def test_a_past_partner_is_told_of(plaza: Plaza, tiny_market: Market, merchant: str) -> None:
    promotions = tiny_market.table("promotions")
    pairs = promotions[promotions["merchant_id"] == merchant]
    partner = pairs["creator_id"].mode()[0]
    row = plaza.creators_for(merchant, where=Where(creator_ids=[partner])).iloc[0]
    mine = pairs[pairs["creator_id"] == partner]
    times = "once" if len(mine) == 1 else f"{len(mine)} times"
    day = mine["occurred_at"].max().date()
    assert row["reasons"][0].startswith(f"You have worked together {times}, last on {day}")


def test_a_product_changes_what_is_expected(
    plaza: Plaza, tiny_market: Market, merchant: str
) -> None:
    products = tiny_market.table("products")
    mine = products[products["merchant_id"] == merchant].sort_values("price")["product_id"]
    cheap, dear = (
        plaza.creators_for(merchant, product_id=one) for one in (mine.iloc[0], mine.iloc[-1])
    )
    ratio = cheap["expected_gmv"] / cheap["expected_orders"]
    other = dear["expected_gmv"] / dear["expected_orders"]
    assert ratio.mean() < other.mean()
    by_match = plaza.creators_for(merchant, product_id=mine.iloc[0], objective="match", k=50)
    plain = plaza.creators_for(merchant, objective="match", k=50)
    assert by_match["score"].tolist() != plain["score"].tolist()


def test_merchants_for_is_the_mirror(plaza: Plaza, tiny_market: Market) -> None:
    creator = str(tiny_market.table("promotions")["creator_id"].mode()[0])
    whole = plaza.merchants_for(creator, k=10_000)
    assert whole.columns.tolist() == [
        "merchant_id" if name == "creator_id" else name for name in MERCHANT_LIST
    ]
    assert sorted(whole["merchant_id"]) == sorted(plaza.merchant_ids)
    assert whole["score"].is_monotonic_decreasing
    for row in whole.head(5).itertuples():
        pair = plaza.creators_for(row.merchant_id, where=Where(creator_ids=[creator]))
        assert pair["score"][0] == row.score
    new = plaza.merchants_for(creator, k=10_000, objective="match", exclude_worked_with=True)
    met = set(tiny_market.table("promotions").query("creator_id == @creator")["merchant_id"])
    assert set(new["merchant_id"]) == set(plaza.merchant_ids) - met
    many = plaza.merchants_for([creator], k=3)
    same(many.drop(columns="creator_id"), whole.head(3))
    by_match = plaza.merchants_for(creator, k=10_000, objective="match")
    same(plaza.merchants_for(creator, k=4, objective="match"), by_match.head(4))


@pytest.mark.parametrize("objective", ["match", "gmv"])
def test_merchants_that_are_named_are_ranked_exactly(plaza: Plaza, objective: str) -> None:
    creator = str(plaza.creator_ids[3])
    whole = plaza.merchants_for(creator, k=10_000, objective=objective)
    named = [*plaza.merchant_ids[5:12][::-1], plaza.merchant_ids[5]]
    found = plaza.merchants_for(creator, k=7, objective=objective, merchant_ids=named)
    wanted = whole[whole["merchant_id"].isin(named)].reset_index(drop=True)
    assert found["merchant_id"].tolist() == wanted["merchant_id"].tolist()
    assert found["score"].tolist() == wanted["score"].tolist()
    assert not found.attrs["shortfall"]
    more = plaza.merchants_for(
        creator, k=8, objective=objective, merchant_ids=named, exclude_worked_with=True
    )
    removed = more.attrs["shortfall"]
    assert removed["merchant_ids"] == len(plaza.merchant_ids) - 7
    assert removed["exclude_worked_with"] == 7 - len(more)
    assert plaza.merchants_for(creator, merchant_ids=[]).empty


def test_similar_creators(plaza: Plaza) -> None:
    one = str(plaza.creator_ids[0])
    frame = plaza.similar_creators(one, k=10)
    assert frame.columns.tolist() == MERCHANT_LIST
    assert one not in set(frame["creator_id"])
    assert frame["score"].is_monotonic_decreasing
    assert frame["score"].abs().max() <= 1 + 1e-6
    assert all(reasons for reasons in frame["reasons"])
    few = plaza.similar_creators(one, k=10, where=Where(creator_ids=[one, plaza.creator_ids[1]]))
    assert few["creator_id"].tolist() == [plaza.creator_ids[1]]
    assert few.attrs["shortfall"] == {"creator_ids": len(plaza.creator_ids) - 2}


def test_an_audience_that_nobody_sells_to_yet(plaza: Plaza) -> None:
    learnt = plaza._learnt
    dimension, segment = learnt.segments[0]
    shares = learnt.creator_share_low[:, 0]
    wants = {dimension: {segment: 1.0}}
    frame = plaza.creators_for_audience(wants, k=len(plaza.creator_ids))
    assert frame.columns.tolist() == MERCHANT_LIST
    told = pd.Series(shares, plaza.creator_ids)[frame["creator_id"]].to_numpy()
    assert np.nanmean(told[:20]) > np.nanmean(told)
    by_gmv = plaza.creators_for_audience(wants, k=3, objective="gmv")
    assert by_gmv["score"].tolist() == by_gmv["expected_gmv"].tolist()


def test_a_newcomer_is_embedded_as_before_the_bundle_was_written(
    plaza: Plaza, tiny_market: Market
) -> None:
    fitted = learn(tiny_market, Settings(), lambda _: None)
    loaded = plaza._learnt
    blocks = {name: block.creators[0] for name, block in fitted.blocks.items()}
    history = fitted.interactions[[0]]
    before = fitted.affinity().embed_merchant(history=history, blocks=blocks)
    after = loaded.affinity().embed_merchant(history=history, blocks=blocks)
    np.testing.assert_allclose(before, after, rtol=1e-3, atol=1e-5)
    assert loaded.parts == fitted.parts
    assert sum(part.stop - part.start for part in loaded.parts.values()) == len(after)


def test_predict_any_pairs(plaza: Plaza, tiny_market: Market, merchant: str) -> None:
    products = tiny_market.table("products")
    product = products.loc[products["merchant_id"] == merchant, "product_id"].iloc[0]
    pairs = pd.DataFrame(
        {
            "merchant_id": [merchant] * 3,
            "creator_id": plaza.creator_ids[:3],
            "product_id": [product, None, product],
        },
        index=[7, 8, 9],
    )
    frame = plaza.predict(pairs)
    assert frame.index.tolist() == [7, 8, 9]
    assert frame.columns[:4].tolist() == ["merchant_id", "creator_id", "product_id", "match"]
    for place in pairs.index:
        same(plaza.predict(pairs.loc[[place]]), frame.loc[[place]])
    listed = plaza.creators_for(merchant, where=Where(creator_ids=[plaza.creator_ids[1]]))
    for name in PREDICTED:
        assert frame.loc[8, name] == listed.loc[0, name]


def test_those_without_any_promotion_are_ranked_too(plaza: Plaza, tiny_market: Market) -> None:
    promotions = tiny_market.table("promotions")
    cold = sorted(set(plaza.merchant_ids) - set(promotions["merchant_id"]))
    new = sorted(set(plaza.creator_ids) - set(promotions["creator_id"]))
    assert cold, "the simulated market has merchants without promotions"
    assert new, "the simulated market has creators without promotions"
    for objective in ("gmv", "match"):
        frame = plaza.creators_for(cold[0], k=10_000, objective=objective)
        assert set(new) <= set(frame["creator_id"])
        assert frame["score"].notna().all()
        assert frame["score"].nunique() > len(frame) / 2


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (
            lambda p, m: p.creators_for("nobody"),
            UnknownId,
            "no table holds this merchant: 'nobody'",
        ),
        (lambda p, m: p.creators_for([m, m + "x"]), UnknownId, r"did you mean"),
        (lambda p, m: p.merchants_for("zzz"), UnknownId, "no table holds this creator: 'zzz'"),
        (
            lambda p, m: p.merchants_for(p.creator_ids[0], merchant_ids=[m, "zzz"]),
            UnknownId,
            "no table holds this merchant: 'zzz'",
        ),
        (
            lambda p, m: p.merchants_for(p.creator_ids[0], merchant_ids=m),
            BadInput,
            r"merchant_ids: got 'm\d+', expected a list; write \['m\d+'\]",
        ),
        (
            lambda p, m: p.merchants_for(p.creator_ids[0], merchant_ids=[m, 3]),
            BadInput,
            "merchant_ids: got 3 of type int, expected a text",
        ),
        (lambda p, m: p.similar_creators("zzz"), UnknownId, "no table holds this creator: 'zzz'"),
        (lambda p, m: p.creators_for(m, product_id="x"), UnknownId, "holds this product: 'x'"),
        (lambda p, m: p.creators_for(m, k=0), BadInput, "k: got 0, expected a whole number from 1"),
        (lambda p, m: p.creators_for(m, k=2.5), BadInput, r"k: got 2\.5, expected a whole number"),
        (lambda p, m: p.creators_for(m, k=True), BadInput, "k: got True, expected a whole number"),
        (
            lambda p, m: p.creators_for(7),
            BadInput,
            "merchant_id: got 7 of type int, expected a text",
        ),
        (lambda p, m: p.creators_for([m, None]), BadInput, "got None of type NoneType, expected a"),
        (lambda p, m: p.creators_for(m, objective="gvm"), BadInput, "did you mean 'gmv'"),
        (lambda p, m: p.creators_for(m, where={}), BadInput, r"where: got {}, expected a Where"),
        (
            lambda p, m: p.creators_for_audience({"gendre": {"female": 0.5}}),
            BadInput,
            "audience: .*did you mean",
        ),
        (
            lambda p, m: p.creators_for_audience({"gender": 0.5}),
            BadInput,
            r"audience: got {'gender': 0.5}, expected {dimension: {segment: share}}",
        ),
        (
            lambda p, m: p.creators_for_audience({"gender": {"female": None}}),
            BadInput,
            r"audience: got None for gender.female, expected {dimension: ",
        ),
        (
            lambda p, m: p.creators_for_audience({"gender": {"femal": 0.5}}),
            BadInput,
            "audience: unknown segment 'femal' of 'gender'; did you mean female",
        ),
        (
            lambda p, m: p.similar_creators([p.creator_ids[0]]),
            BadInput,
            r"creator_id: got \['c\d+'\], expected one id as a text",
        ),
        (
            lambda p, m: p.predict([(m, p.creator_ids[0])]),
            BadInput,
            "pairs: got list, expected a DataFrame with merchant_id and creator_id",
        ),
        (
            lambda p, m: p.predict(pd.DataFrame({"merchant_id": [m]})),
            BadInput,
            "pairs: no column 'creator_id' among merchant_id; give merchant_id and creator_id",
        ),
        (
            lambda p, m: p.predict(pd.DataFrame({"merchant_id": [m], "creator_id": ["zzz"]})),
            UnknownId,
            "no table holds this creator: 'zzz'",
        ),
    ],
)
def test_what_cannot_be_answered(
    plaza: Plaza, merchant: str, ask: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        ask(plaza, merchant)
    assert "\n" not in str(caught.value)


def test_another_merchants_product(plaza: Plaza, tiny_market: Market, merchant: str) -> None:
    products = tiny_market.table("products")
    theirs = products.loc[products["merchant_id"] != merchant, "product_id"].iloc[0]
    with pytest.raises(
        BadInput, match=f"product '{theirs}' is of merchant .*, not of '{merchant}'"
    ):
        plaza.creators_for(merchant, product_id=theirs)
    pairs = {"merchant_id": [merchant], "creator_id": plaza.creator_ids[:1], "product_id": [theirs]}
    with pytest.raises(
        BadInput, match=f"product '{theirs}' is not of merchant '{merchant}'; 1 of 1"
    ):
        plaza.predict(pd.DataFrame(pairs))


def test_unknown_id_is_a_key_error(plaza: Plaza) -> None:
    with pytest.raises(KeyError, match="no table holds"):
        plaza.creators_for("nobody")


def test_load_a_folder_a_text_and_a_uri(tiny_bundle: Path, plaza: Plaza, merchant: str) -> None:
    for source in (tiny_bundle, str(tiny_bundle), tiny_bundle.as_uri()):
        same(Plaza.load(source).creators_for(merchant, k=3), plaza.creators_for(merchant, k=3))
    with pytest.raises(BundleError, match=r"no manifest\.json here"):
        Plaza.load(tiny_bundle.parent)
    with pytest.raises(
        BundleError, match=r"cannot open 's3'; give a folder or models:/… or runs:/…"
    ):
        Plaza.load("s3://bucket/bundle")


def test_a_bundle_without_an_array_says_what_is_wrong(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    del manifest["files"]["usual_creator.npy"]
    (folder / "usual_creator.npy").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    words = r"holds no usual_creator\.npy, which serving needs; train again"
    with pytest.raises(BundleError, match=words):
        Plaza.load(folder)


def test_a_space_that_knows_products_alone_is_passed_over(tmp_path: Path) -> None:
    days = pd.date_range("2026-01-01", periods=30, freq="D")
    rng = np.random.default_rng(0)
    promotions = pd.DataFrame(
        {
            "occurred_at": days.strftime("%Y-%m-%d"),
            "merchant_id": rng.choice(["m1", "m2", "m3"], 30),
            "creator_id": rng.choice(["c1", "c2", "c3", "c4"], 30),
        }
    )
    lonely = [
        {"entity": "product", "entity_id": name, "space": "looks", "vector": vector}
        for name, vector in (("p1", [1.0, 2.0]), ("p2", [2.0, 1.0]))
    ]
    market = read_market(write_market(tmp_path, promotions=promotions, embeddings=lonely))
    train_market(market, tmp_path / "bundle")
    plaza = Plaza.load(tmp_path / "bundle")
    # Their vectors differ, but there is nobody to compare them with: history alone is left.
    same(plaza.creators_for("m1", product_id="p1"), plaza.creators_for("m1", product_id="p2"))
    assert len(plaza.creators_for("m1", product_id="p1")) == 4


@pytest.mark.parametrize(("objective", "variety"), [("match", 0.0), ("gmv", 0.0), ("gmv", 0.5)])
def test_a_batch_holds_the_rows_of_the_frame(plaza: Plaza, objective: str, variety: float) -> None:
    asked = plaza.merchant_ids[:7].tolist()
    frame = plaza.creators_for(asked, k=9, objective=objective, variety=variety)
    batch = plaza.score(asked, 9, objective=objective, variety=variety)
    assert batch.schema.equals(SCHEMA)
    told = batch.to_pydict()
    assert list(told) == frame.columns.tolist()
    for name, values in told.items():
        expected = [None if one is None or one != one else one for one in frame[name].tolist()]
        assert values == expected, name
    parts = [
        plaza.score(asked[i : i + 3], 9, objective=objective, variety=variety) for i in (0, 3, 6)
    ]
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([batch]))


def test_a_batch_of_nobody_and_of_unusable_words(plaza: Plaza) -> None:
    assert plaza.score([]).num_rows == 0
    with pytest.raises(UnknownId, match="no table holds this merchant: 'nobody'"):
        plaza.score(["nobody"])
    with pytest.raises(BadInput, match="merchant_ids: got 7 of type int, expected a text"):
        plaza.score([7])  # type: ignore[list-item]
    with pytest.raises(BadInput, match=r"merchant_ids: got 'm1', expected a list; write \['m1'\]"):
        plaza.score("m1")
    with pytest.raises(BadInput, match="merchant_id: got b'm1' of type bytes, expected a text"):
        plaza.creators_for(b"m1")  # type: ignore[arg-type]


def test_ids_cannot_be_written_to(plaza: Plaza) -> None:
    with pytest.raises(ValueError, match="read-only"):
        plaza.creator_ids[:] = "x"
