"""Reading creators by promise finds the very best, whoever asks and whatever is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.history import Ragged
from matching.prospects import Prospects, heaps, promises
from matching.prospects import prospects as by_prediction
from matching.shortlists import Shortlists
from models import fits as fits_module
from models import forecast, loglinear, meetings
from models import known as known_module
from models.blocks import unit_rows
from models.chain import Chain
from models.features import EntityFeatures
from models.fits import PairFits
from models.outcome import OutcomeModel
from models.pairs import Floats, Pairs
from models.vocabulary import Rows
from tests.in_python import in_python
from tests.synthetic_promotions import N_CREATORS, N_MERCHANTS, N_PRODUCTS, Law
from tests.test_fits import block

LAW = Law()
COLUMNS = ("p_conversion", "exposures", "expected_orders", "expected_gmv", "expected_net")
EVERYONE = np.arange(N_CREATORS, dtype=np.int32)


DRAW = np.random.default_rng(1)
SIZES = (N_MERCHANTS, N_CREATORS, N_PRODUCTS)
FITS = PairFits(
    block("audience", DRAW, *SIZES, 13), block("category", DRAW, *SIZES, 70, marks=True)
)


def fitted(**changed: Floats) -> Chain:
    drawn = LAW.draw(4_000, 1)
    told = drawn.pairs
    rows = told.merchant, told.creator, told.product
    pairs = Pairs(*rows, FITS.audience(*rows), FITS.category(*rows))
    outcomes = replace(drawn.outcomes, **changed)
    return OutcomeModel().fit(pairs, outcomes, **LAW.features(), terms=LAW.terms()).chain_


@pytest.fixture(scope="module")
def chain() -> Chain:
    return fitted()


def ranked(
    chain: Chain,
    column: str,
    k: int,
    merchant: int,
    product: int,
    allowed: Rows,
    target: Floats | None = None,
) -> tuple[list[int], Floats]:
    """The same list, from predictions for everybody."""
    shape = np.full(len(allowed), merchant, np.int32), np.full(len(allowed), product, np.int32)
    rows = shape[0], allowed, shape[1]
    audience = FITS.audience(*rows) if target is None else FITS.towards(target, allowed)
    scores = getattr(chain.predict(Pairs(*rows, audience, FITS.category(*rows))), column)
    order = np.lexsort((allowed, np.where(np.isnan(scores), np.inf, -scores)))[:k]
    return allowed[order].tolist(), scores[order]


def one(lists: Shortlists, i: int) -> tuple[list[int], Floats]:
    part = slice(lists.starts[i], lists.starts[i + 1])
    return lists.rows[part].tolist(), lists.scores[part]


def assert_same(got: tuple[list[int], Floats], expected: tuple[list[int], Floats]) -> None:
    assert got[0] == expected[0]
    np.testing.assert_array_equal(got[1], expected[1])


@settings(max_examples=60)
@given(
    column=st.sampled_from(COLUMNS),
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, N_CREATORS + 50),
    share=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
)
def test_lists_are_those_of_the_full_ranking(
    chain: Chain, column: str, seed: int, k: int, share: float
) -> None:
    """Filters, products, partners left out, strangers and audiences asked for, all at once."""
    rng = np.random.default_rng(seed)
    k = k if rng.random() < 0.3 else min(k, 20)
    m = 5
    merchants = rng.integers(0, N_MERCHANTS + 1, m).astype(np.int32)
    own = merchants * 3 + rng.integers(0, 3, m)
    products = np.where(rng.random(m) < 0.5, N_PRODUCTS, np.minimum(own, N_PRODUCTS))
    allowed = None if share == 1.0 else np.flatnonzero(rng.random(N_CREATORS) < share)
    choice = EVERYONE if allowed is None else allowed.astype(np.int32)
    without = [np.flatnonzero(rng.random(N_CREATORS) < 0.1) for _ in range(m)]
    targets = unit_rows(rng.normal(size=(m, 13)), np.ones(m, dtype=bool))
    targets[rng.random(m) < 0.5] = np.nan
    lists = Prospects.of(chain, FITS, column).best(
        k,
        merchants,
        products,
        targets=targets,
        allowed=None if allowed is None else rng.permutation(choice),
        left_out=Ragged.of(*without),
    )
    for i in range(m):
        left = np.setdiff1d(choice, without[i]).astype(np.int32)
        target = None if np.isnan(targets[i, 0]) else targets[i]
        asker = merchants[i], products[i]
        assert_same(one(lists, i), ranked(chain, column, k, *asker, left, target))


@pytest.mark.parametrize("column", COLUMNS)
def test_one_merchant_or_a_thousand(chain: Chain, column: str) -> None:
    prospects = Prospects.of(chain, FITS, column)
    many = np.arange(1_000, dtype=np.int32) % (N_MERCHANTS + 1)
    together = prospects.best(7, many)
    assert together.lengths.tolist() == [7] * 1_000
    for i in (0, 59, 60, 999):
        assert_same(one(together, i), one(prospects.best(7, many[i : i + 1]), 0))


def test_nobody_asks_and_nobody_may_be_listed(chain: Chain) -> None:
    prospects = Prospects.of(chain, FITS, "expected_gmv")
    assert len(prospects.best(5, np.empty(0, np.int32))) == 0
    for nothing in (
        prospects.best(5, np.zeros(3, np.int32), allowed=np.empty(0, np.int32)),
        prospects.best(0, np.zeros(3, np.int32)),
    ):
        assert nothing.lengths.tolist() == [0, 0, 0]


@pytest.mark.parametrize("asked", [(N_MERCHANTS + 1, 0), (-1, 0), (0, N_PRODUCTS + 1)])
def test_rows_of_nobody_are_refused(chain: Chain, asked: tuple[int, int]) -> None:
    prospects = Prospects.of(chain, FITS, "expected_gmv")
    merchants, products = (np.array([0, row], np.int32) for row in asked)
    with pytest.raises(IndexError, match=f"asker 1 has merchant row {asked[0]} and product row"):
        prospects.best(5, merchants, products)


# --- markets that tell less ------------------------------------------------------------------

NOTHING = np.full(4_000, np.nan)
SILENT = {
    "prices": {"gmv": NOTHING, "refunded_gmv": NOTHING},
    "clicks": {"clicks": NOTHING},
    "orders": {"orders": NOTHING},
    "exposures": {"exposures": NOTHING, "clicks": NOTHING},
    "fees": {"slot_fee": NOTHING},
    "all": {
        name: NOTHING
        for name in ("exposures", "clicks", "orders", "gmv", "refunded_gmv", "commission")
    },
}


@pytest.mark.parametrize("unknown", SILENT)
def test_unknown_scores_come_last_in_the_order_of_rows(unknown: str) -> None:
    if unknown == "prices":
        # Without terms and without money there is no price at all.
        drawn = LAW.draw(4_000, 1)
        outcomes = replace(drawn.outcomes, **SILENT["prices"])
        chain = OutcomeModel().fit(drawn.pairs, outcomes, **LAW.features()).chain_
    else:
        chain = fitted(**SILENT[unknown])
    for column in COLUMNS:
        lists = Prospects.of(chain, FITS, column).best(6, np.array([4, N_MERCHANTS], np.int32))
        for i, merchant in enumerate((4, N_MERCHANTS)):
            expected = ranked(chain, column, 6, merchant, N_PRODUCTS, EVERYONE)
            assert_same(one(lists, i), expected)


def test_a_price_that_only_some_products_have() -> None:
    chain = fitted()
    prices = chain.money.product_price.copy()
    prices[3:] = np.nan
    unpriced = np.full(N_MERCHANTS + 1, np.nan)
    chain = replace(
        chain, money=replace(chain.money, product_price=prices, merchant_price=unpriced)
    )
    asked = np.array([0, 2], np.int32), np.array([1, 7], np.int32)
    lists = Prospects.of(chain, FITS, "expected_gmv").best(4, *asked)
    assert np.isfinite(one(lists, 0)[1]).all()
    assert one(lists, 1)[0] == [0, 1, 2, 3]
    assert np.isnan(one(lists, 1)[1]).all()


def test_equal_scores_are_ordered_by_row(chain: Chain) -> None:
    """Without features and history, all newcomers are the same to everybody."""
    bare = {
        "creators": EntityFeatures.of(N_CREATORS),
        "merchants": EntityFeatures.of(N_MERCHANTS),
        "products": EntityFeatures.of(N_PRODUCTS),
    }
    drawn = LAW.draw(300, 2)
    few = OutcomeModel().fit(drawn.pairs, drawn.outcomes, **bare).chain_
    same = Prospects.of(few, PairFits(None, None), "expected_orders")
    new = np.setdiff1d(EVERYONE, drawn.pairs.creator).astype(np.int32)
    lists = same.best(30, np.array([N_MERCHANTS], np.int32), allowed=new[::-1])
    assert lists.rows.tolist() == new[:30].tolist()
    assert len(set(lists.scores.tolist())) == 1


# --- how few are looked at -------------------------------------------------------------------


def test_it_stops_when_nobody_left_could_enter(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted: list[int] = []

    def counting(*given: float) -> float:
        predicted.append(1)
        return forecast.expected.py_func(*given)

    in_python(by_prediction, monkeypatch)
    in_python(promises, monkeypatch)
    monkeypatch.setattr(promises, "expected", counting)
    prospects = Prospects.of(chain, FITS, "expected_gmv")
    merchants = np.array([3, N_MERCHANTS], np.int32)
    lists = prospects.best(5, merchants)
    for i, merchant in enumerate(merchants):
        expected = ranked(chain, "expected_gmv", 5, merchant, N_PRODUCTS, EVERYONE)
        assert_same(one(lists, i), expected)
    met = len(chain.creators_met(3, N_PRODUCTS))
    assert met <= len(predicted) <= met + 100


LESS = {
    "everything": {},
    "no clicks": {"click_rate": None, "basis": "exposures"},
    "no exposures": {"exposure": None},
    "nothing": {"exposure": None, "conversion": None, "click_rate": None},
}


@pytest.mark.parametrize("known", [*LESS, "orders alone", "money alone"])
def test_loops_do_the_same_in_python(
    chain: Chain, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: dict[str, Any] = LESS.get(
        known, {"amount": chain.exposure, "amount_of": "gmv" if known[0] == "m" else "orders"}
    )
    chain = replace(chain, **changed)
    merchants, products = np.array([3, 7, N_MERCHANTS]), np.array([10, N_PRODUCTS, 20])
    asked = {
        "left_out": Ragged.of(np.arange(0, 500, 3), np.empty(0), np.empty(0)),
        "allowed": np.arange(0, N_CREATORS, 4),
    }
    by_column = {column: Prospects.of(chain, FITS, column) for column in COLUMNS}
    compiled = {c: one.best(4, merchants, products, **asked) for c, one in by_column.items()}
    for module in (by_prediction, promises, heaps, forecast, known_module, loglinear, meetings):
        in_python(module, monkeypatch)
    in_python(fits_module, monkeypatch)
    for column, prospects in by_column.items():
        plain = prospects.best(4, merchants, products, **asked)
        np.testing.assert_array_equal(compiled[column].starts, plain.starts)
        np.testing.assert_array_equal(compiled[column].rows, plain.rows)
        np.testing.assert_allclose(compiled[column].scores, plain.scores, rtol=1e-11)
    with pytest.raises(IndexError, match="asker 0 has merchant row 99"):
        by_column["exposures"].best(4, np.array([99]))


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, np.nan]), max_size=40), st.integers(1, 12))
def test_a_heap_keeps_the_best(scores: list[float], k: int) -> None:
    keys = np.where(np.isnan(scores), np.inf, -np.array(scores))
    expected = np.lexsort((np.arange(len(scores)), keys))[:k].tolist()
    with pytest.MonkeyPatch.context() as patch:
        for _ in ("compiled", "in Python"):
            kept, rows, size = np.full(k + 2, -1.0), np.full(k + 2, -1, np.int32), 0
            for row in np.random.default_rng(len(scores)).permutation(len(scores)).tolist():
                size = heaps.take_in(kept, rows, 1, size, k, scores[row], row)
            heaps.into_order(kept, rows, 1, size)
            assert rows[1 : 1 + size].tolist() == expected
            assert (kept[0], rows[0], kept[-1], rows[-1]) == (-1.0, -1, -1.0, -1)
            in_python(heaps, patch)
