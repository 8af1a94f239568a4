"""Categories as a block: who deals in the same things."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from models.blocks import Block, Mask
from models.pairs import Floats

# Words beyond the commonest are left out: a long tail of tags costs memory in every row, and a
# tag that next to nobody bears joins nobody.
_MOST_WORDS = 256

Words = list[list[str]]


def category_block(
    creators: pd.DataFrame, merchants: pd.DataFrame, products: pd.DataFrame
) -> Block | None:
    """Mark each entity's categories, the rarer the heavier, and bring the marks to length one.

    A mark weighs ``log(1 + n / b)`` for ``b`` bearers among ``n`` creators. Marks are not centred:
    having nothing in common is 0 and not a dislike. Words count alike whatever their case and
    the blanks around them. A word of merchants that no creator uses belongs to another list of
    categories and says nothing; a merchant with no other word is unknown.

    Parameters
    ----------
    creators, merchants, products : DataFrame, one row per entity in row order
        Creators and merchants with ``categories`` (words joined by ``|``), products with
        ``category`` and ``merchant_row``. Merchants and products without take from each other.

    Returns
    -------
    Block or None
        ``category``, of at most 256 words; None when no creator has any.

    Examples
    --------
    >>> block = category_block(
    ...     pd.DataFrame({"categories": ["Beauty", "beauty|home", None]}),
    ...     pd.DataFrame({"categories": ["home", "toys"]}),
    ...     pd.DataFrame({"category": ["beauty"], "merchant_row": [1]}),
    ... )
    >>> (block.creators @ block.merchants.T).round(2).tolist()
    [[0.0, 1.0], [0.8299999833106995, 0.550000011920929], [0.0, 0.0]]
    >>> block.merchant_known.tolist(), block.creator_known.tolist()
    ([True, True], [True, True, False])
    """
    creator_words = words_of(creators["categories"])
    bearers = Counter(word for words in creator_words for word in words)
    if not bearers:
        return None
    merchant_words, product_words = (
        words_of(merchants["categories"]),
        words_of(products["category"]),
    )
    asked = Counter(word for words in merchant_words + product_words for word in words)
    # Words that both sides use come first; then those that most creators bear; then by name.
    order = sorted(bearers, key=lambda word: (word not in asked, -bearers[word], word))
    columns = {word: column for column, word in enumerate(sorted(order[:_MOST_WORDS]))}
    weights = np.array([np.log1p(len(creators) / bearers[word]) for word in columns])

    return Block.of(
        "category",
        _marked(merchant_words, columns, weights),
        _marked(creator_words, columns, weights),
        _marked(product_words, columns, weights),
        products["merchant_row"].to_numpy(dtype=np.int32),
    )


def words_of(column: pd.Series[Any]) -> Words:
    """Distinct words of each ``a|b`` text, sorted, in lower case; none where it is missing."""
    return [
        sorted({word.strip().casefold() for word in cell.split("|")} - {""})
        if isinstance(cell, str)
        else []
        for cell in column
    ]


def _marked(words: Words, columns: dict[str, int], weights: Floats) -> tuple[Floats, Mask]:
    """Weights of each row's words, rows × columns, and which rows have any."""
    marks = [
        (row, columns[word])
        for row, of_row in enumerate(words)
        for word in of_row
        if word in columns
    ]
    rows = np.zeros((len(words), len(columns)))
    at = np.array(marks, dtype=np.int64).reshape(-1, 2).T
    rows[at[0], at[1]] = weights[at[1]]
    return rows, np.asarray(rows.any(axis=1))
