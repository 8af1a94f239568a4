"""Categories as a block."""

import numpy as np
import pandas as pd

import models.categories as module
from models.categories import category_block


def tables(creators, merchants=(), products=(), owners=None):
    owners = [0] * len(products) if owners is None else owners
    return (
        pd.DataFrame({"categories": pd.Series(creators, dtype=object)}),
        pd.DataFrame({"categories": pd.Series(merchants, dtype=object)}),
        pd.DataFrame({"category": pd.Series(products, dtype=object), "merchant_row": owners}),
    )


def test_words_count_alike_whatever_their_case_and_blanks():
    block = category_block(*tables(["Beauty | food", "toys"], [" beauty|FOOD|"]))
    np.testing.assert_allclose(block.creators @ block.merchants[0], [1, 0], atol=1e-6)


def test_rare_words_weigh_more():
    block = category_block(*tables(["food", "food", "food", "opera", "food|opera"], ["food|opera"]))
    cosine = block.creators @ block.merchants[0]
    assert cosine[3] > cosine[0] > 0


def test_words_of_another_list_say_nothing():
    block = category_block(*tables(["food"], ["Nahrung", "food|Nahrung", None]))
    assert block.merchant_known.tolist() == [False, True, False]
    np.testing.assert_allclose(block.merchants[1], [1.0])
    only_creators = category_block(*tables(["food"], ["Nahrung"]))
    assert only_creators.creator_known.all()
    assert not only_creators.merchant_known.any()


def test_merchants_and_products_take_from_each_other():
    block = category_block(
        *tables(["food", "toys"], [None, "food"], ["toys", None, "food"], [0, 1, -1])
    )
    assert block.merchant_known.all()
    np.testing.assert_array_equal(block.merchants[0], block.products[0])
    np.testing.assert_array_equal(block.products[1], block.merchants[1])


def test_without_words_of_creators_there_is_no_block():
    assert category_block(*tables([None, ""], ["food"])) is None


def test_of_many_words_those_that_join_are_kept(monkeypatch):
    monkeypatch.setattr(module, "_MOST_WORDS", 2)
    block = category_block(*tables(["a|b|c|d", "a|b", "a"], ["c"]))
    assert block.width == 2
    assert block.merchant_known.all()
    assert block.creator_known.all()
    assert block.creators[1] @ block.merchants[0] == 0
