"""Blocks: rows of length one, and evidence lent between merchants and their products."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.blocks import Block, lend, unit_rows


def test_known_rows_have_length_one_and_unknown_ones_are_zero():
    rows = np.array([[3.0, -4.0], [1e-30, 0.0], [0.0, 0.0], [5.0, 5.0]])
    known = np.array([True, True, True, False])
    np.testing.assert_allclose(unit_rows(rows, known), [[0.6, -0.8], [1, 0], [0, 0], [0, 0]])
    assert unit_rows(rows, known).dtype == np.float32


def test_width_is_that_of_the_vectors():
    none = np.zeros((0, 3), np.float32), np.zeros(0, bool)
    assert Block("audience", none[0], none[0], none[0], none[1], none[1], none[1]).width == 3


def test_nothing_is_lent_when_no_product_has_a_merchant():
    merchants, known = np.ones((2, 1)), np.array([True, False])
    for owners in (None, np.array([-1, 7], np.int32)):
        lent = lend(merchants, known, np.ones((2, 1)), ~known, owners)
        assert lent[1].tolist() == [True, False]
        assert lent[3].tolist() == [False, True]


@given(data=st.data())
def test_lending_leaves_the_known_and_follows_the_owners(data):
    owners = np.array(data.draw(st.lists(st.integers(-1, 3), max_size=8)), dtype=np.int32)
    known = np.array(data.draw(st.lists(st.booleans(), min_size=4, max_size=4)))
    product_known = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(owners), max_size=len(owners))), dtype=bool
    )
    merchants = np.arange(4.0)[:, None] * known[:, None]
    products = 10.0 * (1 + np.arange(len(owners)))[:, None] * product_known[:, None]
    got, got_known, goods, goods_known = lend(merchants, known, products, product_known, owners)
    for merchant in range(4):
        own = products[(owners == merchant) & product_known]
        if known[merchant]:
            assert got[merchant] == merchants[merchant]
        elif len(own):
            np.testing.assert_allclose(got[merchant], own.mean(axis=0))
        assert got_known[merchant] == (known[merchant] or len(own) > 0)
    for product, owner in enumerate(owners):
        if product_known[product]:
            assert goods[product] == products[product]
        elif owner >= 0:
            assert goods[product] == got[owner]
            assert goods_known[product] == got_known[owner]
        else:
            assert not goods_known[product]
