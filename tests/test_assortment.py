"""A promotion of no product in particular is one of those that the merchant usually promotes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import assortment as assortment_module
from models import known
from models.assortment import Assortment
from models.chain import Chain
from models.outcome import OutcomeModel
from models.pairs import Pairs
from tests.in_python import in_python
from tests.synthetic_promotions import N_CREATORS, N_MERCHANTS, N_PRODUCTS, Law

LAW = Law()


@pytest.fixture(scope="module")
def chain() -> Chain:
    drawn = LAW.draw(4_000, 1)
    return (
        OutcomeModel().fit(drawn.pairs, drawn.outcomes, **LAW.features(), terms=LAW.terms()).chain_
    )


def pairs_of(merchant: np.ndarray, creator: np.ndarray, product: np.ndarray) -> Pairs:
    rows = (one.astype(np.int32) for one in (merchant, creator, product))
    unknown = np.full(len(merchant), np.nan)
    return Pairs(*rows, np.full(len(merchant), 0.2), unknown)


def test_means_are_those_over_the_assortment(chain: Chain) -> None:
    merchant, creator = np.arange(40) % N_MERCHANTS, np.arange(40) * 11 % N_CREATORS
    whole = chain.predict(pairs_of(merchant, creator, np.full(40, N_PRODUCTS)))
    usual = chain.usual
    for i in range(40):
        start, end = usual.starts[merchant[i]], usual.starts[merchant[i] + 1]
        products, shares = usual.products[start:end], usual.shares[start:end]
        one = np.full(end - start, merchant[i])
        told = chain.predict(pairs_of(one, np.full(end - start, creator[i]), products))
        assert shares.sum() == pytest.approx(1.0)
        # Amounts are one less than their logs add up to, and never below none.
        assert whole.exposures[i] + 1 == pytest.approx(shares @ (told.exposures + 1), rel=1e-6)
        orders = shares @ told.expected_orders
        assert whole.expected_orders[i] == pytest.approx(orders, rel=0.02)
        assert whole.expected_gmv[i] == pytest.approx(shares @ told.expected_gmv, rel=0.02)
        assert whole.expected_net[i] == pytest.approx(shares @ told.expected_net, rel=0.03, abs=2.0)
        clicks = told.expected_orders / told.p_conversion
        rate = (shares @ told.expected_orders) / (shares @ clicks)
        assert whole.p_conversion[i] == pytest.approx(rate, rel=0.02)
        if end - start == 1:
            assert whole.exposures_high[i] == pytest.approx(told.exposures_high[0], rel=1e-9)


def test_who_does_not_say_the_product_is_less_sure(chain: Chain) -> None:
    shown = chain.exposure
    assert shown is not None
    differing = replace(shown.model_, tables=tuple(one.copy() for one in shown.model_.tables))
    differing.tables[2][:3, 0] = (-2.0, 0.0, 2.0)
    other = type(shown)()
    other.model_, other.band_, other.mean_factor_ = differing, shown.band_, shown.mean_factor_
    merchant, creator = np.zeros(20), np.arange(20)
    mixed = replace(chain, exposure=other).predict(
        pairs_of(merchant, creator, np.full(20, N_PRODUCTS))
    )
    one = replace(chain, exposure=other).predict(pairs_of(merchant, creator, np.ones(20)))
    width = mixed.exposures_high / np.maximum(mixed.exposures_low, 1.0)
    assert (width > one.exposures_high / np.maximum(one.exposures_low, 1.0)).all()


def test_a_merchant_without_products_is_read_by_its_own_rows(chain: Chain) -> None:
    merchant, creator = np.arange(10), np.arange(10)
    pairs = pairs_of(merchant, creator, np.full(10, N_PRODUCTS))
    alone = replace(chain, usual=Assortment.none()).predict(pairs)
    none_of_theirs = Assortment(np.zeros(N_MERCHANTS + 1, np.int64), *Assortment.none()[1:])
    np.testing.assert_array_equal(
        replace(chain, usual=none_of_theirs).predict(pairs).expected_net, alone.expected_net
    )
    assert not np.array_equal(alone.expected_net, chain.predict(pairs).expected_net)


def test_the_same_in_python(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    merchant, creator = np.arange(30) % (N_MERCHANTS + 1), np.arange(30) * 7 % N_CREATORS
    pairs = pairs_of(merchant, creator, np.full(30, N_PRODUCTS))
    steps = [chain, replace(chain, click_rate=None, basis="exposures")]
    steps.append(replace(chain, amount=chain.exposure, amount_of="orders"))
    steps.append(replace(chain, exposure=None, amount=chain.exposure, amount_of="gmv"))
    found = [one.predict(pairs) for one in steps]
    in_python(known, monkeypatch)
    from models import forecast

    in_python(forecast, monkeypatch)
    for one, told in zip(steps, found, strict=True):
        again = one.predict(pairs)
        for name in ("exposures", "p_conversion", "expected_gmv", "expected_net"):
            np.testing.assert_allclose(getattr(again, name), getattr(told, name), rtol=1e-12)


def test_only_so_many_products_stand_for_a_merchant() -> None:
    n = 3 * assortment_module.MOST
    unknown = np.full(n, np.nan)
    product = np.arange(n, dtype=np.int32)
    pairs = Pairs(np.zeros(n, np.int32), product, product, unknown, unknown)
    weight = np.arange(n, dtype=float)
    usual = Assortment.learn(pairs, weight, np.zeros(n, np.int32), n_merchants=2)
    assert usual.starts.tolist() == [0, assortment_module.MOST, assortment_module.MOST]
    assert usual.products.tolist() == list(range(n - 1, n - 1 - assortment_module.MOST, -1))
    assert usual.shares.sum() == pytest.approx(1.0)
    assert usual.shares[0] / usual.shares[1] == pytest.approx((n - 0.5) / (n - 1.5))


def test_a_product_of_somebody_else_is_not_ones_own() -> None:
    rows = [np.array(one, dtype=np.int32) for one in ([0, 0], [0, 1], [0, 1])]
    pairs = Pairs(*rows, np.full(2, np.nan), np.full(2, np.nan))
    usual = Assortment.learn(pairs, np.ones(2), np.array([1, 0], np.int32), n_merchants=2)
    assert usual.products.tolist() == [1, 0]
    assert usual.starts.tolist() == [0, 1, 2]
    again = Assortment.from_state(usual.state())
    for one, other in zip(again, usual, strict=True):
        np.testing.assert_array_equal(one, other)
