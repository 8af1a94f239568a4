"""Layout: who shares columns, what newcomers are multiplied by, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from models.blocks import Vectors
from models.layout import Layout, by_origin, grouped
from models.weighing import Part

RNG = np.random.default_rng(0)
OWN, EXPECTED = (RNG.normal(size=(3, 2)).astype(np.float32) for _ in range(2))
CREATORS, CLIENTS = (RNG.normal(size=(4, 2)).astype(np.float32) for _ in range(2))
SOUGHT = np.array([[1.0], [0.0], [2.0]], dtype=np.float32)  # nobody has met the second
ONES = np.ones((4, 1), dtype=np.float32)
PARTS = [
    Part("audience:own", OWN, CREATORS),
    Part("popularity:merchants", SOUGHT, ONES),
    Part("audience:clients", OWN, CLIENTS),
    Part("audience:partners", EXPECTED, CREATORS),
    Part("category:own", EXPECTED, CLIENTS),
]
WEIGHTS = {
    "audience:own": 0.5,
    "audience:clients": 2.0,
    "audience:partners": 3.0,
    "category:own": 0.0,
    "popularity:merchants": 0.0,
}
NEWCOMER = {"audience:own": 2.0, "audience:clients": 2.0, "audience:partners": 0.0}


@pytest.fixture(scope="module")
def laid_out() -> tuple[Layout, Vectors, Vectors]:
    return Layout.of(by_origin(PARTS), WEIGHTS, NEWCOMER)


def test_one_origin_stands_together_and_one_merchant_side_once() -> None:
    names = [names for names, _ in grouped(by_origin(PARTS), WEIGHTS)]
    # Without weight there are no columns, but popularity stays.
    assert names == [
        ["audience:own", "audience:clients"],
        ["audience:partners"],
        ["popularity:merchants"],
    ]


def test_the_inner_product_is_the_weighted_sum(laid_out: tuple[Layout, Vectors, Vectors]) -> None:
    layout, merchants, creators = laid_out
    assert layout.origins() == {"audience": slice(0, 4), "popularity": slice(4, 5)}
    own, client, partner = OWN @ CREATORS.T, OWN @ CLIENTS.T, EXPECTED @ CREATORS.T
    expected = 0.5 * own + 2 * client + 3 * partner
    expected[1] = 2 * (0.5 * own + 2 * client)[1]  # the newcomer: its own counts double
    np.testing.assert_allclose(merchants @ creators.T, expected, rtol=1e-4, atol=1e-5)


def test_the_way_back(laid_out: tuple[Layout, Vectors, Vectors]) -> None:
    layout, merchants, creators = laid_out
    rows = np.array([2, 1])
    plain = layout.merchants_plain(merchants, rows, "audience:own")
    np.testing.assert_allclose(plain, OWN[rows])
    lost = layout.merchants_plain(merchants, rows, "audience:partners")
    np.testing.assert_allclose(lost, [EXPECTED[2], [0, 0]])  # times nothing, nothing comes back
    unweighted = layout.creators_plain(creators, rows, "audience:partners")
    np.testing.assert_allclose(unweighted, CREATORS[rows], rtol=1e-6)
    assert layout.merchants_plain(merchants, rows, "category:own") is None
    assert layout.creators_plain(creators, rows, "category:own") is None


def test_rows_of_whoever_comes_later_are_those_of_the_fit(
    laid_out: tuple[Layout, Vectors, Vectors],
) -> None:
    layout, merchants, creators = laid_out
    for row in (0, 1):
        says = {part.name: part.merchants[row] for part in PARTS}
        again = layout.merchant_row(says, newcomer=row == 1)
        np.testing.assert_array_equal(again, merchants[row])
    says = {part.name: part.creators[3] for part in PARTS}
    np.testing.assert_allclose(layout.creator_row(says), creators[3], rtol=1e-6)
