"""Orders, GMV and prices tell of one another."""

from __future__ import annotations

import numpy as np

from models.features import PromotionOutcomes
from models.sales import orders_told, shown_told, sold_told

BLANK = np.nan


def told(**known: list[float]) -> PromotionOutcomes:
    return PromotionOutcomes.of([30.0] * len(next(iter(known.values()))), **known)


def test_exact_orders_stay_as_they_are_and_without_price_nothing_is_added() -> None:
    known = told(orders=[3.0, BLANK, BLANK], gmv=[1.0, 100.0, BLANK])
    orders = orders_told(known, np.array([50.0, BLANK, 50.0]), 0.01)
    np.testing.assert_array_equal(orders.low, [3.0, BLANK, BLANK])
    np.testing.assert_array_equal(orders.high, [3.0, BLANK, BLANK])


def test_no_money_is_no_order_and_any_is_one_at_least() -> None:
    known = told(gmv=[0.0, 5.0, BLANK], gmv_low=[BLANK, BLANK, 0.0], gmv_high=[BLANK, BLANK, 100.0])
    orders = orders_told(known, np.full(3, 50.0), 0.01)
    assert (orders.low[0], orders.high[0]) == (0.0, 0.0)
    assert (orders.low[1], orders.high[1]) == (1.0, 1.0)
    assert (orders.low[2], orders.high[2]) == (0.0, 2.0)


def test_what_an_order_is_worth_varies_so_orders_are_known_less_well() -> None:
    known = told(gmv=[BLANK], gmv_low=[1000.0], gmv_high=[3000.0])
    sure, unsure = (orders_told(known, np.array([10.0]), scatter) for scatter in (1e-9, 0.3))
    np.testing.assert_allclose([sure.low[0], sure.high[0]], [100, 300], rtol=1e-6)
    half = np.sqrt(np.log(3) ** 2 / 4 + 0.9)
    middle = np.sqrt(100 * 300)
    np.testing.assert_allclose(unsure.low[0], middle * np.exp(-half))
    np.testing.assert_allclose(unsure.high[0], middle * np.exp(half))


def test_both_ranges_count_and_money_where_they_contradict() -> None:
    ends = {"gmv_low": [1000.0, 1000.0], "gmv_high": [3000.0, 3000.0]}
    known = told(orders_low=[0.0, 0.0], orders_high=[150.0, 10.0], **ends)
    orders = orders_told(known, np.full(2, 10.0), 1e-9)
    np.testing.assert_allclose(orders.low, [100, 100], rtol=1e-6)
    np.testing.assert_allclose(orders.high, [150, 300], rtol=1e-6)


def test_sales_in_units_of_the_price_take_the_exact_number_first() -> None:
    known = told(
        orders=[4.0, 4.0, BLANK, 4.0],
        gmv=[100.0, BLANK, BLANK, 100.0],
        gmv_low=[BLANK, 30.0, 30.0, BLANK],
        gmv_high=[BLANK, 100.0, 100.0, BLANK],
    )
    sold = sold_told(known, np.array([20.0, 20.0, 20.0, BLANK]))
    np.testing.assert_array_equal(sold.low, [5.0, 4.0, 1.5, 4.0])
    np.testing.assert_array_equal(sold.high, [5.0, 4.0, 5.0, 4.0])


def test_clicks_tell_of_exposures_that_are_not_known() -> None:
    known = told(
        exposures=[900.0, BLANK, BLANK, BLANK, BLANK],
        exposures_low=[BLANK, BLANK, 1000.0, BLANK, BLANK],
        exposures_high=[BLANK, BLANK, 3000.0, BLANK, BLANK],
        clicks=[90.0, 100.0, 100.0, 0.0, BLANK],
    )
    shown = shown_told(known, np.full(5, 0.05), np.full(5, 0.1))
    assert (shown.low[0], shown.high[0]) == (900.0, 900.0)
    width = np.exp(np.sqrt(3 * 0.11))
    np.testing.assert_allclose([shown.low[1], shown.high[1]], [2000 / width, 2000 * width])
    np.testing.assert_allclose([shown.low[2], shown.high[2]], [2000 / width, 3000])
    # No click: nothing, or a few that nobody clicked on.
    np.testing.assert_allclose([shown.low[3], shown.high[3]], [0.0, 60.0])
    assert not shown.known[4]


def test_nobody_clicks_unseen() -> None:
    known = told(clicks=[50.0])
    shown = shown_told(known, np.array([0.99]), np.array([1.0]))
    assert shown.low[0] == 50.0
