"""The outcome chain: what it tells, and what it leaves open when the market is silent."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import EntityFeatures, PromotionOutcomes, Terms
from models.forecast import Predictions
from models.money import Money, net_of
from models.outcome import OutcomeModel
from models.pairs import Floats, Pairs
from tests.synthetic_promotions import (
    FIRST_NEWCOMER,
    N_CREATORS,
    N_MERCHANTS,
    N_PRODUCTS,
    Drawn,
    Law,
    covered,
)

LAW = Law()
ROOT = Path(__file__).parent.parent
NAMES = [field.name for field in fields(Predictions)]


def fitted(drawn: Drawn, terms: Terms | None = None, **changed: Any) -> OutcomeModel:
    outcomes = replace(drawn.outcomes, **changed)
    return OutcomeModel().fit(drawn.pairs, outcomes, **LAW.features(), terms=terms)


#: All that hangs on one part of what the market may not tell.
NET = {name for name in NAMES if "net" in name}
FEES = {"break_even_fee_p10", "break_even_fee_p50"}
GMV = {name for name in NAMES if "gmv" in name}
ORDERS = {name for name in NAMES if "orders" in name}
EXPOSURES = {name for name in NAMES if "exposures" in name}
CONVERSION = {name for name in NAMES if "conversion" in name}


def unknown_columns(found: Predictions) -> set[str]:
    return {name for name in NAMES if np.isnan(getattr(found, name)).all()}


def assert_same(one: Predictions, other: Predictions) -> None:
    for name in NAMES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return LAW.draw(12_000, 1)


@pytest.fixture(scope="module")
def model(drawn: Drawn) -> OutcomeModel:
    return fitted(drawn, LAW.terms())


@pytest.fixture(scope="module")
def nothing(drawn: Drawn) -> Floats:
    return np.full(len(drawn.pairs), np.nan)


def test_intervals_hold_for_known_creators_and_for_newcomers(model: OutcomeModel) -> None:
    later = LAW.draw(12_000, 2, newcomers=True)
    found = model.predict(later.pairs)
    new = later.pairs.creator >= FIRST_NEWCOMER
    came = later.outcomes
    for group in (new, ~new):
        for low, high, actual in (
            (found.p_conversion_low, found.p_conversion_high, later.rate),
            (found.exposures_low, found.exposures_high, came.exposures),
            (found.expected_gmv_low, found.expected_gmv_high, came.gmv),
        ):
            assert 0.7 <= covered(low[group], high[group], actual[group]) <= 0.9
    for told, actual in ((found.expected_orders, came.orders), (found.expected_gmv, came.gmv)):
        assert told[~new].sum() == pytest.approx(actual[~new].sum(), rel=0.1)


def test_bounds_are_ordered_and_nothing_is_open(model: OutcomeModel) -> None:
    found = model.predict(LAW.draw(5_000, 3, newcomers=True).pairs)
    assert not unknown_columns(found)
    for low, point, high in (
        (found.p_conversion_low, found.p_conversion, found.p_conversion_high),
        (found.exposures_low, found.exposures, found.exposures_high),
        (found.expected_gmv_low, found.expected_gmv, found.expected_gmv_high),
    ):
        assert (low >= 0.0).all()
        assert (low <= point).all()
        assert (point <= high).all()


def test_net_is_what_is_left(model: OutcomeModel) -> None:
    pairs = LAW.draw(50, 4).pairs
    found = model.predict(pairs)
    refunds = model.chain_.money.refund_rate
    np.testing.assert_allclose(refunds, 0.3, atol=0.15)
    kept = found.expected_gmv * (1 - refunds[pairs.merchant])
    np.testing.assert_allclose(found.expected_net, kept * (1 - 0.2) - 50.0, rtol=1e-9)
    assert model.chain_.money.unknown() == ()


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.integers(0, 19_999), min_size=1, max_size=40))
def test_a_pair_does_not_depend_on_its_neighbours(model: OutcomeModel, rows: list[int]) -> None:
    many = LAW.draw(20_000, 5, newcomers=True).pairs
    whole = EVERYONE.setdefault("found", model.predict(many))
    few = model.predict(many.take(np.array(rows)))
    for name in NAMES:
        np.testing.assert_array_equal(getattr(whole, name)[rows], getattr(few, name), name)


EVERYONE: dict[str, Predictions] = {}


def test_nobody_asked_nobody_told(model: OutcomeModel) -> None:
    found = model.predict(LAW.draw(5, 5).pairs.take(np.arange(0)))
    assert all(len(getattr(found, name)) == 0 for name in NAMES)


def test_an_unknown_creator_and_merchant_are_predicted_with_wide_intervals(
    model: OutcomeModel,
) -> None:
    known = LAW.draw(200, 6).pairs
    n = len(known)
    nobody = Pairs(
        np.full(n, N_MERCHANTS, dtype=np.int32),
        np.full(n, N_CREATORS, dtype=np.int32),
        np.full(n, N_PRODUCTS, dtype=np.int32),
        np.full(n, np.nan),
        np.full(n, np.nan),
    )
    told, guessed = model.predict(known), model.predict(nobody)
    for name in ("p_conversion", "exposures"):
        widths = [
            np.log(getattr(found, f"{name}_high") / getattr(found, f"{name}_low")).mean()
            for found in (told, guessed)
        ]
        assert widths[1] > 1.2 * widths[0]
    assert np.isfinite(guessed.expected_net).all()


def test_a_product_asked_for_with_a_foreign_merchant_is_predicted(
    drawn: Drawn, model: OutcomeModel
) -> None:
    foreign = replace(drawn.pairs, merchant=(drawn.pairs.merchant + 1) % N_MERCHANTS)
    found = model.predict(foreign.take(np.arange(5_000)))
    assert (found.p_conversion_low < found.p_conversion_high).all()


def test_a_given_price_is_used(model: OutcomeModel) -> None:
    pairs = LAW.draw(2, 7).pairs
    learnt = model.predict(pairs)
    found = model.predict(pairs, price=np.array([10.0, np.nan]))
    assert found.expected_gmv[0] == found.expected_orders[0] * 10.0
    assert found.expected_gmv[1] == learnt.expected_gmv[1]


def test_state_is_arrays_and_json_and_gives_the_same_model(model: OutcomeModel) -> None:
    def plain(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            assert part.dtype.kind in "fiu"
            return None
        return {k: plain(v) for k, v in part.items()} if isinstance(part, dict) else part

    json.dumps(plain(model.state()))
    again = OutcomeModel.from_state(model.state())
    pairs = LAW.draw(500, 8, newcomers=True).pairs
    assert_same(model.predict(pairs), again.predict(pairs))
    np.testing.assert_array_equal(model.creator_columns_, again.creator_columns_)
    assert again.trials_basis_ == "clicks"


def test_creator_columns_order_creators_as_expected_orders_do(model: OutcomeModel) -> None:
    assert model.creator_columns_.shape == (N_CREATORS + 1, 3)
    assert model.creator_columns_.dtype == np.float32
    everyone = np.arange(N_CREATORS, dtype=np.int32)
    zero, nan = np.zeros_like(everyone), np.full(N_CREATORS, np.nan)
    nobody = Pairs(zero + N_MERCHANTS, everyone, zero + N_PRODUCTS, nan, nan)
    orders = np.log(model.predict(nobody).expected_orders)
    assert np.corrcoef(orders, model.creator_columns_[:-1].sum(axis=1))[0, 1] > 0.98


# --- the ladder of fallbacks ----------------------------------------------------------------


def test_without_clicks_conversion_is_counted_on_exposures(drawn: Drawn, nothing: Floats) -> None:
    model = fitted(drawn, clicks=nothing)
    assert model.trials_basis_ == "exposures"
    found = model.predict(drawn.pairs)
    assert not unknown_columns(found)
    ratio = drawn.outcomes.orders.sum() / drawn.outcomes.exposures.sum()
    assert found.p_conversion.mean() == pytest.approx(ratio, rel=0.3)
    assert found.expected_orders.sum() == pytest.approx(drawn.outcomes.orders.sum(), rel=0.1)


def test_views_stand_in_for_exposures(drawn: Drawn, nothing: Floats) -> None:
    model = fitted(drawn, clicks=nothing, exposure_basis="views")
    assert model.trials_basis_ == "views"


def test_without_orders_only_exposures_and_money_are_told(drawn: Drawn, nothing: Floats) -> None:
    model = fitted(drawn, orders=nothing)
    assert model.trials_basis_ is None
    found = model.predict(drawn.pairs)
    assert unknown_columns(found) == CONVERSION | ORDERS
    assert found.expected_gmv.sum() == pytest.approx(drawn.outcomes.gmv.sum(), rel=0.35)
    inside = covered(found.expected_gmv_low, found.expected_gmv_high, drawn.outcomes.gmv)
    assert 0.7 <= inside <= 0.95


def test_without_orders_and_money_only_exposures_are_told(drawn: Drawn, nothing: Floats) -> None:
    model = fitted(drawn, orders=nothing, gmv=nothing, refunded_gmv=nothing, commission=nothing)
    found = model.predict(drawn.pairs)
    assert unknown_columns(found) == set(NAMES) - EXPOSURES


def test_clicks_without_exposures_tell_conversion_and_orders(drawn: Drawn, nothing: Floats) -> None:
    model = fitted(drawn, LAW.terms(), exposures=nothing)
    assert model.trials_basis_ == "clicks"
    found = model.predict(drawn.pairs)
    assert unknown_columns(found) == EXPOSURES
    assert found.expected_orders.mean() == pytest.approx(drawn.outcomes.orders.mean(), rel=0.3)


def test_nothing_known_is_nothing_told(drawn: Drawn) -> None:
    empty = PromotionOutcomes.of(drawn.outcomes.age_days)
    model = OutcomeModel().fit(drawn.pairs, empty, **LAW.features())
    assert unknown_columns(model.predict(drawn.pairs)) == set(NAMES)
    assert not model.creator_columns_.any()
    again = OutcomeModel.from_state(model.state())
    assert unknown_columns(again.predict(drawn.pairs)) == set(NAMES)


def test_a_step_seen_only_lately_is_used_though_it_cannot_be_tested(drawn: Drawn) -> None:
    lately = drawn.outcomes.age_days < 5.0
    clicks = np.where(lately, drawn.outcomes.clicks, np.nan)
    orders = np.where(lately, drawn.outcomes.orders, np.nan)
    gmv = np.where(lately, drawn.outcomes.gmv, np.nan)
    model = fitted(drawn, clicks=clicks, orders=orders, gmv=gmv)
    assert model.chain_.factor == 1.0
    assert not unknown_columns(model.predict(drawn.pairs))


@pytest.mark.parametrize("count", [1, 5, 40])
def test_a_market_of_a_few_promotions_is_predicted(count: int) -> None:
    few = LAW.draw(count, 9)
    model = OutcomeModel().fit(few.pairs, few.outcomes, **LAW.features(), terms=LAW.terms())
    found = model.predict(LAW.draw(100, 10).pairs)
    assert not unknown_columns(found)
    assert (found.exposures_high > 5 * found.exposures_low).all()
    assert (found.p_conversion_high > 1.5 * found.p_conversion_low).all()


def test_without_any_features_the_effects_remain(drawn: Drawn) -> None:
    bare = {
        "creators": EntityFeatures.of(N_CREATORS),
        "merchants": EntityFeatures.of(N_MERCHANTS),
        "products": EntityFeatures.of(N_PRODUCTS),
    }
    model = OutcomeModel().fit(drawn.pairs, drawn.outcomes, **bare)
    found = model.predict(drawn.pairs).exposures
    assert np.corrcoef(np.log(found), np.log(drawn.outcomes.exposures))[0, 1] > 0.85


def test_pairs_and_outcomes_of_different_length_are_an_error(drawn: Drawn) -> None:
    with pytest.raises(ValueError, match="got 3 pairs and 12000 outcomes"):
        OutcomeModel().fit(drawn.pairs.take(np.arange(3)), drawn.outcomes, **LAW.features())


def test_one_or_two_threads_give_the_same_bits() -> None:
    """Threads are counted when numpy loads, so each count needs a process of its own."""
    script = (
        "import hashlib; from tests.synthetic_promotions import Law; law = Law();"
        "from models.outcome import OutcomeModel; d = law.draw(6000, 1);"
        "m = OutcomeModel().fit(d.pairs, d.outcomes, **law.features(), terms=law.terms());"
        "f = m.predict(d.pairs);"
        "print(hashlib.sha256(f.expected_net.tobytes() + f.p_conversion_low.tobytes()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(ROOT), "PATH": ""},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(told) == 1


# --- money ----------------------------------------------------------------------------------


def money(pairs: Pairs, terms: Terms, **known: Any) -> Money:
    outcomes = PromotionOutcomes.of(np.full(len(pairs), 60.0), **known)
    return Money.learn(pairs, outcomes, terms, EntityFeatures.of(len(terms.slot_fee)), 2)


def sold(merchant: list[int], product: list[int], creator: list[int] | None = None) -> Pairs:
    n = len(merchant)
    creators = creator or [0] * n
    rows = (np.array(part, dtype=np.int32) for part in (merchant, creators, product))
    return Pairs(*rows, np.full(n, np.nan), np.full(n, np.nan))


def terms_of(**known: Any) -> Terms:
    """Two merchants of one product each, two creators."""
    terms = replace(Terms.unknown(2, 2), product_merchant=np.array([0, 1], dtype=np.int32))
    return replace(terms, **{name: np.asarray(part, float) for name, part in known.items()})


def test_price_is_the_products_then_the_merchants_then_the_markets() -> None:
    one_each = sold([0] * 4, [2] * 4)
    learnt = money(one_each, terms_of(price=[100, np.nan]), orders=np.ones(4), gmv=np.full(4, 50.0))
    told = learnt.price(sold([0, 0, 1, 1, 2], [0, 2, 1, 2, 2]))
    assert told[0] == pytest.approx(100.0)  # the product's own, nothing sold of it yet
    # (4 sales × log 50 + 2 × (log 100 + 2 × log 50) / 3) / 6
    assert told[1] == pytest.approx(50 * 2 ** (2 / 3 / 6))
    np.testing.assert_allclose(told[2:], 50.0)  # of merchant 1 nothing is known


def test_buyers_pay_less_than_listed_when_many_did() -> None:
    n = 200
    pairs = sold([0] * n, [0] * n)
    learnt = money(pairs, terms_of(price=[100, 40]), orders=np.ones(n), gmv=np.full(n, 80.0))
    np.testing.assert_allclose(learnt.price(sold([0, 1], [0, 1])), [80.4, 32.1], rtol=0.01)
    assert learnt.scatter < 0.01


def test_a_price_known_nowhere_leaves_money_open(drawn: Drawn, nothing: Floats) -> None:
    found = fitted(drawn, gmv=nothing, refunded_gmv=nothing).predict(drawn.pairs)
    assert unknown_columns(found) == GMV | NET | FEES


def test_net_needs_every_part_known_somewhere(drawn: Drawn, nothing: Floats) -> None:
    for column in ("refunded_gmv", "commission", "slot_fee"):
        model = fitted(drawn, **{column: nothing})
        assert model.chain_.money.unknown() == (column,)
        # The fee that a promotion bears is known where the fee itself is not.
        left = NET if column == "slot_fee" else NET | FEES
        assert unknown_columns(model.predict(drawn.pairs)) == left


def test_ranges_of_gmv_bound_what_an_order_is_worth() -> None:
    n = 50
    pairs = sold([0] * n, [2] * n)
    ranged = {"gmv_low": np.full(n, 100.0), "gmv_high": np.full(n, 400.0)}
    learnt = money(pairs, terms_of(), orders=np.full(n, 2.0), **ranged)
    assert learnt.price(sold([0], [2]))[0] == pytest.approx(100.0)  # geometric middle 200, of two
    priced = money(sold([0] * n, [0] * n), terms_of(price=[60, 60]), orders=np.ones(n), **ranged)
    assert 100.0 < priced.price(sold([0], [0]))[0] < 140.0  # 60 is too low, 400 far off


def test_commission_is_the_higher_of_offered_and_asked_else_the_usual() -> None:
    pairs = sold([0], [2])
    known = {"orders": [1.0], "gmv": [100.0], "refunded_gmv": [20.0], "commission": [8.0]}
    terms = terms_of(product_commission=[0.3, np.nan], creator_commission=[0.2, np.nan])
    learnt = money(pairs, terms, **known)
    left = [
        net_of(
            100.0,
            0.0,
            learnt.product_commission[product],
            learnt.creator_commission[creator],
            learnt.usual_commission,
            0.0,
        )
        for product, creator in ((0, 0), (1, 0), (1, 1))
    ]
    np.testing.assert_allclose(left, [70.0, 80.0, 90.0])


def test_commission_without_promotions_that_tell_it() -> None:
    pairs = sold([0], [2])
    without_refunds = money(pairs, terms_of(), gmv=[100.0], commission=[10.0])
    assert without_refunds.usual_commission == pytest.approx(0.1)
    offered = money(pairs, terms_of(product_commission=[0.1, 0.3]))
    assert offered.usual_commission == pytest.approx(0.2)
    asked = money(pairs, terms_of(creator_commission=[0.1, np.nan]))
    assert asked.usual_commission == pytest.approx(0.1)


def test_slot_fees_are_what_was_paid_shrunk_to_what_is_asked() -> None:
    pairs = sold([0] * 3, [2] * 3, [0] * 3)
    learnt = money(pairs, terms_of(slot_fee=[100.0, 200.0]), slot_fee=[50.0, 50.0, 50.0])
    # Half of what is asked gets paid.
    np.testing.assert_allclose(learnt.slot_fee[:2], [50.0, 100.0])


def test_an_unknown_fee_is_that_of_creators_like_it() -> None:
    followers = np.exp(np.linspace(5, 12, 60))
    asked = np.where(np.arange(60) % 10 == 5, np.nan, followers / 10)
    terms = replace(Terms.unknown(60, 1), slot_fee=asked)
    creators = EntityFeatures.of(60, {"followers": followers})
    outcomes = PromotionOutcomes.of([60.0])
    fees = Money.learn(sold([0], [1]), outcomes, terms, creators, 1).slot_fee
    guessed = np.flatnonzero(np.isnan(asked))
    np.testing.assert_allclose(np.log(fees[guessed]), np.log(followers[guessed] / 10), atol=0.6)
    assert fees[-1] == pytest.approx(np.nanmean(asked))


# --- features -------------------------------------------------------------------------------


def test_features_of_numbers_and_labels() -> None:
    numbers = {"followers": [99.0, -1.0, np.inf], "rating": [4.0, np.nan, 5.0]}
    labels = {"tier": np.array(["head", None, "tail"], dtype=object)}
    features = EntityFeatures.of(3, numbers, labels)
    assert features.names == ("followers", "rating", "tier=head", "tier=tail")
    np.testing.assert_allclose(
        features.values,
        [[np.log(100), 4, 1, 0], [np.nan, np.nan, np.nan, np.nan], [np.nan, 5, 0, 1]],
    )


def test_an_unknown_value_is_average_and_says_so() -> None:
    column = np.array([1.0, 3.0, np.nan, 2.0])
    basis, prior = EntityFeatures(("x",), column[:, None]).basis()
    assert basis.shape == (5, 2)
    np.testing.assert_allclose(basis[2], [0.0, 0.75])
    np.testing.assert_allclose(basis[4], 0.0)
    assert prior[0] > prior[1]
    empty, _ = EntityFeatures(("same",), np.ones((3, 1))).basis()
    assert empty.shape == (4, 0)


def test_features_of_the_wrong_shape_are_errors() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 1\), expected one column for each of the 2"):
        EntityFeatures(("a", "b"), np.ones((2, 1)))
    with pytest.raises(ValueError, match="columns have 2 entries, expected one for each of the 3"):
        EntityFeatures.of(3, {"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="got visits, expected some of clicks, clicks_high"):
        PromotionOutcomes.of([1.0], visits=[3.0])
    with pytest.raises(ValueError, match=r"orders has shape \(2,\), expected \(1,\)"):
        PromotionOutcomes.of([1.0], orders=[3.0, 1.0])
