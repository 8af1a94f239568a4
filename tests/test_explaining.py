"""Explanations: parts that multiply to the prediction, changes that do what they say."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from matching import BadInput, Plaza, UnknownId
from matching.explaining import Explanation
from matching.explaining.beside import Beside
from matching.explaining.factors import Factors, rows_of
from matching.explaining.levels import LEVELS, levels_told, with_one_more
from matching.explaining.parts import parts_of
from matching.explaining.words import OF_CREATOR
from matching.ranking import COLUMN
from models.chain import Chain
from models.features import PromotionOutcomes
from models.outcome import OutcomeModel
from models.pairs import Pairs
from tests.synthetic_promotions import N_CREATORS, N_MERCHANTS, N_PRODUCTS, Law
from training.fit import train_market
from training.market import Market, read_market

LAW = Law()
OBJECTIVES = tuple(COLUMN)
NUMBERS = ("exposures", "clicks", "orders", "gmv", "refunded_gmv", "commission", "slot_fee")


def chain_of(*left_out: str) -> Chain:
    drawn = LAW.draw(4_000, 1)
    told = {name: getattr(drawn.outcomes, name) for name in NUMBERS if name not in left_out}
    outcomes = PromotionOutcomes.of(drawn.outcomes.age_days, **told)
    terms = None if "price" in left_out else LAW.terms()
    model = OutcomeModel().fit(drawn.pairs, outcomes, **LAW.features(), terms=terms)
    return model.chain_


def usual_of(chain: Chain, grid: Pairs) -> dict[str, dict[str, float]]:
    rows = rows_of(chain, grid)
    return {name: Factors.of(chain, name).usual(grid, rows) for name in chain.steps()}


def asked_pairs(n: int = 40) -> Pairs:
    """Pairs that met and that did not, strangers among them, every other without a product."""
    drawn = LAW.draw(n, 1, newcomers=True).pairs
    product = np.where(np.arange(n) % 2, drawn.product, N_PRODUCTS).astype(np.int32)
    creator, merchant = drawn.creator.copy(), drawn.merchant.copy()
    creator[:3], merchant[[0, 5]] = N_CREATORS, N_MERCHANTS
    product[5] = N_PRODUCTS
    return Pairs(merchant, creator, product, drawn.audience_fit, drawn.category_fit)


@pytest.mark.parametrize(
    ("left_out", "steps"),
    [
        ((), ["exposures", "click rate", "conversion", "orders", "price"]),
        (("clicks",), ["exposures", "conversion", "orders", "price"]),
        (("exposures", "clicks"), ["orders", "price"]),
        (("exposures", "clicks", "orders", "price"), ["GMV"]),
    ],
)
def test_the_parts_multiply_to_the_prediction(left_out: tuple[str, ...], steps: list[str]) -> None:
    chain, pairs = chain_of(*left_out), asked_pairs()
    usual, predictions = usual_of(chain, pairs), chain.predict(pairs)
    told = 0
    for objective, column in COLUMN.items():
        expected = getattr(predictions, column)
        for i in np.flatnonzero(np.isfinite(expected)):
            parts, _ = parts_of(chain, usual, pairs.take(slice(i, i + 1)), objective)
            product = np.prod([part.factor for part in parts]) + sum(part.adds for part in parts)
            assert product == pytest.approx(expected[i], rel=1e-12, abs=1e-9), (objective, i)
            if objective == "gmv":
                assert list(dict.fromkeys(part.step for part in parts)) == steps
            told += 1
    assert told >= len(pairs)


def test_usual_is_the_median_of_the_market() -> None:
    chain, pairs = chain_of(), asked_pairs()
    usual = usual_of(chain, pairs)
    told = [
        next(
            part.factor
            for part in parts_of(chain, usual, pairs_of(creator), "conversion")[0]
            if part.part == "creator"
        )
        for creator in range(N_CREATORS)
    ]
    assert np.median(told) == pytest.approx(1.0)
    met = parts_of(chain, usual, pairs_of(0, N_MERCHANTS), "conversion")[0]
    apart = [part.factor for part in met if part.part in ("pair", "deal")]
    assert apart == pytest.approx([1.0, 1.0])


def pairs_of(creator: int, merchant: int = 0) -> Pairs:
    rows = (np.array([row], dtype=np.int32) for row in (merchant, creator, N_PRODUCTS))
    return Pairs(*rows, np.array([np.nan]), np.array([np.nan]))


def changed(plaza: Plaza, **money: np.ndarray) -> Plaza:
    """The same plaza where money is another: what a bundle with these terms would serve."""
    learnt = plaza._learnt
    chain = learnt.outcomes.chain_
    outcomes = OutcomeModel()
    outcomes._adopt(replace(chain, money=replace(chain.money, **money), table=None))
    other = copy(plaza)
    other._answer_from(replace(learnt, outcomes=outcomes))
    return other


def samples(plaza: Plaza) -> list[tuple[str, str, str | None]]:
    """Pairs of every kind: met, new, with a product and without."""
    products, found = plaza._learnt.products, []
    for i, merchant in enumerate(plaza.merchant_ids[:8]):
        best = plaza.creators_for(merchant, k=40, objective="net")["creator_id"]
        own = products["id"][products["merchant_row"] == i]
        goods = own.iloc[0] if i % 2 and len(own) else None
        found += [(merchant, best[place], goods) for place in (0, 9, 10, 30)]
    return found


def explained(plaza: Plaza, pair: tuple[str, str, str | None], objective: str) -> Explanation:
    return plaza.explain(*pair, objective)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_explanation_is_of_what_is_predicted_and_ranked(plaza: Plaza, objective: str) -> None:
    for pair in samples(plaza)[::3]:
        merchant, creator, product = pair
        found = explained(plaza, pair, objective)
        asked = pd.DataFrame(
            {"merchant_id": [merchant], "creator_id": [creator], "product_id": [product]}
        )
        assert found.prediction == plaza.predict(asked)[COLUMN[objective]][0]
        whole = found.parts["factor"].prod() + found.parts["adds"].sum()
        assert whole == pytest.approx(found.prediction, rel=1e-12)
        assert found.parts["so_far"].iloc[-1] == pytest.approx(found.prediction, rel=1e-12)
        everyone = plaza.creators_for(
            merchant, k=10_000, objective=objective, product_id=product
        ).set_index("creator_id")
        assert found.rank == everyone["rank"][creator]
        assert found.among == len(everyone)
        assert found.parts["words"].str.endswith(".").all()
        assert found.summary.endswith(".")


def place(plaza: Plaza, pair: tuple[str, str, str | None], objective: str = "net") -> int:
    merchant, creator, product = pair
    ranked = plaza.creators_for(merchant, k=10_000, objective=objective, product_id=product)
    return int(ranked.set_index("creator_id")["rank"][creator])


def rows_named(found: Explanation, whose: str, what: str) -> list[dict[str, Any]]:
    rows = found.changes.to_dict("records")
    return [row for row in rows if (row["list"], row["what"]) == (whose, what)]


def test_slot_fees_do_what_they_say(plaza: Plaza) -> None:
    fees = plaza._learnt.outcomes.chain_.money.slot_fee
    told = set()
    for pair in samples(plaza):
        found = explained(plaza, pair, "net")
        row = rows_named(found, "merchant", "slot fee")[0]
        creator = int(plaza._desk.creator(pair[1]))
        assert row["now"] == fees[creator]
        other = fees.copy()
        other[creator] = row["to"]
        assert place(changed(plaza, slot_fee=other), pair) == row["rank"]
        assert row["enough"] == (row["rank"] <= 10)
        assert row["to"] >= 0.0
        if row["enough"]:
            # A little more is too much.
            other[creator] = row["to"] * 1.02 + 1.0
            assert place(changed(plaza, slot_fee=other), pair) > 10
        else:
            assert row["to"] == 0.0
        told.add((found.rank <= 10, row["enough"]))
    assert {(True, True), (False, False)} <= told


def test_commissions_do_what_they_say(plaza: Plaza) -> None:
    # Of products alone, where no creator asks anything: what is agreed is what they offer.
    money = plaza._learnt.outcomes.chain_.money
    nothing = np.full(len(money.creator_commission), np.nan)
    dear = np.where(np.isfinite(money.product_commission), 0.4, np.nan)
    asking = nothing.copy()
    asking[:] = 0.3
    free = changed(plaza, creator_commission=asking, product_commission=dear * 0.5)
    told = set()
    for pair in samples(free):
        found = explained(free, pair, "net")
        row = rows_named(found, "merchant", "commission")[0]
        creator = int(free._desk.creator(pair[1]))
        assert row["now"] == pytest.approx(0.3)
        assert row["who"] == ("creator" if row["to"] < 0.3 else "merchant")
        other = asking.copy()
        other[creator] = row["to"]
        # The higher of offered and asked is paid: here the offer stands in nobody's way.
        cheap = changed(free, creator_commission=other, product_commission=dear * 0.0)
        rest = changed(free, creator_commission=asking, product_commission=dear * 0.0)
        assert place(rest, pair) == found.rank
        assert place(cheap, pair) == row["rank"]
        if row["to"] >= 0.3 and found.rank > 10:
            raise AssertionError("more commission cannot make anyone rank better")
        told.add((found.rank <= 10, row["enough"]))
    assert {(True, True), (False, False)} <= told


def test_another_product_is_put_through_the_same_predictions(plaza: Plaza) -> None:
    products = plaza._learnt.products
    for pair in samples(plaza):
        found = explained(plaza, pair, "gmv")
        row = rows_named(found, "merchant", "product")
        own = products["id"][products["merchant_row"] == list(plaza.merchant_ids).index(pair[0])]
        others = [one for one in own if one != pair[2]]
        assert len(row) == bool(others)
        if others:
            asked = pd.DataFrame({"product_id": others}).assign(
                merchant_id=pair[0], creator_id=pair[1]
            )
            predicted = plaza.predict(asked).set_index("product_id")["expected_gmv"]
            assert (row[0]["product_id"], row[0]["to"]) == (predicted.idxmax(), predicted.max())
            assert (row[0]["to"] > found.prediction) == ("instead of" in row[0]["words"])


def test_terms_that_win_a_creator(plaza: Plaza) -> None:
    money = plaza._learnt.outcomes.chain_.money
    merchants = [str(one) for one in plaza.merchant_ids]
    told = set()
    for pair in samples(plaza):
        if pair[2] is not None:
            continue
        pairs = pd.DataFrame({"merchant_id": merchants, "creator_id": pair[1]})
        predicted = plaza.predict(pairs)
        kept = predicted["expected_gmv"] * (1.0 - money.refund_rate[:-1])
        incomes = (kept - predicted["expected_net"]).to_numpy()
        own = merchants.index(pair[0])
        fee = money.slot_fee[plaza._desk.creator(pair[1])]
        for what in ("commission", "slot fee"):
            for row in rows_named(explained(plaza, pair, "net"), "creator", what):
                now = rows_named(explained(plaza, pair, "net"), "creator", "commission")[0]["now"]
                rate, paid = (row["to"], fee) if what == "commission" else (now, row["to"])
                other = incomes.copy()
                other[own] = kept[own] * rate + paid
                rank = int(np.flatnonzero(np.argsort(-other, kind="stable") == own)[0]) + 1
                assert rank == row["rank"]
                assert rate <= 1.0
                told.add((what, bool(row["enough"])))
    assert ("commission", True) in told


def test_sales_that_would_be_enough(plaza: Plaza) -> None:
    for pair in samples(plaza)[::3]:
        for objective in ("conversion", "gmv"):
            found = explained(plaza, pair, objective)
            (row,) = rows_named(found, "merchant", "sales")
            ranked = plaza.creators_for(
                pair[0], k=11, objective=objective, product_id=pair[2]
            ).set_index("creator_id")["score"]
            others = ranked.drop(pair[1], errors="ignore").to_numpy()
            assert found.prediction * row["to"] >= others[9]
            assert found.prediction * row["to"] < others[9] * 1.02
            assert row["enough"]


def test_a_recorded_promotion_is_explained(plaza: Plaza) -> None:
    pair = samples(plaza)[3]
    assert not explained(plaza, pair, "gmv").parts["words"].str.contains("your own coop").any()
    told = plaza.record(
        pd.DataFrame(
            {
                "occurred_at": [pd.Timestamp("2030-01-01")],
                "merchant_id": [pair[0]],
                "creator_id": [pair[1]],
                "exposures": [9_000],
                "clicks": [900],
                "orders": [90],
            }
        )
    )
    found = explained(told, pair, "gmv")
    whole = found.parts["factor"].prod()
    assert whole == pytest.approx(found.prediction, rel=1e-12)
    assert found.prediction != explained(plaza, pair, "gmv").prediction


def test_what_cannot_be_explained_says_so(plaza: Plaza) -> None:
    merchant, creator = str(plaza.merchant_ids[0]), str(plaza.creator_ids[0])
    known = "Explain conversion or exposure or orders or gmv or net"
    with pytest.raises(BadInput, match=f"objective 'match' is an affinity and no .*{known}"):
        plaza.explain(merchant, creator, objective="match")
    with pytest.raises(BadInput, match=r"objective 'nett' is not one of .*; did you mean 'net'"):
        plaza.explain(merchant, creator, objective="nett")
    with pytest.raises(BadInput, match="top: got 0, expected a whole number of at least 1"):
        plaza.explain(merchant, creator, top=0)
    with pytest.raises(BadInput, match="top: got True, expected a whole number of at least 1"):
        plaza.explain(merchant, creator, top=True)
    with pytest.raises(UnknownId, match="no table holds this creator: 'c9'"):
        plaza.explain(merchant, "c9")
    unknown = np.full(len(plaza.creator_ids) + 1, np.nan)
    with pytest.raises(BadInput, match="objective 'net' needs exposures, orders, prices, refunds"):
        changed(plaza, slot_fee=unknown).explain(merchant, creator, objective="net")
    # Without fees a creator's income is not known, and nothing is told of it.
    found = changed(plaza, slot_fee=unknown).explain(merchant, creator, objective="gmv")
    assert "creator" not in set(found.changes["list"])


def test_reasons_and_explanations_say_the_same_beside_the_usual(plaza: Plaza) -> None:
    for i, objective in enumerate(OBJECTIVES):
        merchant = str(plaza.merchant_ids[i])
        own = plaza._learnt.products
        product = own["id"][own["merchant_row"] == i].iloc[0] if i % 2 else None
        frame = plaza.creators_for(merchant, k=150, objective=objective, product_id=product)
        for place in (0, 5, 40, 149):
            told = frame["reasons"][place][-1].removesuffix(".").split(", above all")[0]
            found = plaza.explain(merchant, frame["creator_id"][place], product, objective)
            assert found.summary.split(":")[0].removesuffix(".") == told
    by_match = plaza.creators_for(merchant, k=150, objective="match")["reasons"]
    assert not by_match.explode().str.startswith("Expected to").any()
    dimension, segment = plaza._learnt.segments[0]
    target = {dimension: {segment: 1.0}}
    strangers = plaza.creators_for_audience(target, k=5, objective="gmv")["reasons"]
    assert strangers.map(lambda told: told[-1].startswith("Expected to sell")).all()


def test_the_step_that_stands_out_is_told(plaza: Plaza) -> None:
    merchant = str(plaza.merchant_ids[0])
    frame = plaza.creators_for(merchant, k=150, objective="gmv")
    steps = ("exposures", "click rate", "conversion")
    for place in (0, 75, 149):
        parts = plaza.explain(merchant, frame["creator_id"][place], None, "gmv").parts
        own = parts[parts["part"].isin(OF_CREATOR) & parts["step"].isin(steps)]
        factors = own.groupby("step")["factor"].prod()
        up = factors.prod() > 1.0
        most = factors.idxmax() if up else factors.idxmin()
        assert frame["reasons"][place][-1].endswith(f", above all by its {most}.")


@pytest.mark.parametrize("compiled", [True, False])
def test_levels_are_rounded_and_unknown_ones_left_out(compiled: bool) -> None:
    loop = levels_told if compiled else getattr(levels_told, "py_func", levels_told)
    nothing = np.full(3, np.nan)
    known = np.array([99.0, 99.0, 99.0]), np.array([0.1, 0.0, np.nan]), np.array([1.0, 0.0, 1.0])
    # One merchant and its second product, of which the last row is none in particular.
    one = np.zeros(1, dtype=np.int32)
    usual, tenth = np.log([[10.0, 0.1, 0.1]]), np.log([[0.1, 0.1, 0.1], [1.0, 1.0, 1.0]])
    asked = np.array([0, 3]), one, one + 1, usual, np.zeros((1, 3)), tenth, 1.0

    def level(*numbers: np.ndarray, alone: int = 0) -> list[int]:
        found: list[int] = loop(*asked, *numbers, alone).tolist()
        return found

    assert level(nothing, nothing, nothing) == [-1, -1, -1]
    first, *others = level(*known)
    assert (first % LEVELS, others) == (300, [-1, -1])
    assert [level(*known, alone=step)[0] for step in (1, 3)] == [300, 100]
    assert level(known[0], known[1], known[2] * 0.4)[0] % LEVELS == 240
    assert divmod(level(known[0], known[1], known[2] * 0.04)[0], LEVELS) == (2, 40)
    asked = (*asked[:2], one, *asked[3:])  # the other product, ten times less usual in each step
    assert level(*known)[0] % LEVELS == 10_200


@pytest.mark.parametrize("compiled", [True, False])
def test_one_more_is_told_and_never_more_than_four(compiled: bool) -> None:
    loop = with_one_more if compiled else getattr(with_one_more, "py_func", with_one_more)
    ends, told = np.array([0, 1, 5, 6]), np.array([7, 1, 2, 3, 4, 7], dtype=np.int32)
    codes = np.array([50, 60, -1], dtype=np.int32)
    numbers = np.array([0, 1, 2], dtype=np.int32)
    found = [one.tolist() for one in loop(ends, told, codes, numbers, 8, 7)]
    assert found == [[0, 1, 5, 6], [8, 1, 2, 3, 9, 7]]


def test_without_steps_nothing_stands_beside_the_usual() -> None:
    assert Beside.of(chain_of("exposures", "clicks"), {}) is None
    chain = chain_of("clicks")
    found = Beside.of(chain, usual_of(chain, asked_pairs()))
    assert found is not None
    assert (found.merchants[:, 1] == 0.0).all()
    assert not (found.merchants[:, 2] == 0.0).all()


def test_a_market_that_tells_nothing_has_nothing_to_explain(
    tmp_path: Path, tiny_market: Market
) -> None:
    rows = tiny_market.table("promotions")[["occurred_at", "merchant_id", "creator_id"]]
    (tmp_path / "market").mkdir()
    rows.to_parquet(tmp_path / "market" / "promotions.parquet")
    train_market(read_market(tmp_path / "market"), tmp_path / "bundle")
    bare = Plaza.load(tmp_path / "bundle")
    with pytest.raises(BadInput, match="This market tells nothing that could be predicted"):
        bare.explain(str(bare.merchant_ids[0]), str(bare.creator_ids[0]))
