"""Ids and rows meet in one place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pairs import Pairs
from models.vocabulary import Vocabulary


@given(st.lists(st.text(min_size=1, max_size=4), max_size=20))
def test_ids_are_distinct_sorted_and_found(ids: list[str]) -> None:
    vocabulary = Vocabulary.of(ids, ids[:3])
    assert vocabulary.ids.tolist() == sorted(set(ids))
    rows, known = vocabulary.find(ids)
    assert known.all()
    assert vocabulary.ids[rows].tolist() == ids
    assert all(one in vocabulary for one in ids)


def test_missing_ids_are_no_ids() -> None:
    assert Vocabulary.of(pd.Series(["a", None, np.nan]), []).ids.tolist() == ["a"]
    assert len(Vocabulary.of()) == 0


def test_unknown_ids_have_no_row() -> None:
    rows, known = Vocabulary.of(["a", "b"]).find(np.array(["b", "zz", "a"], dtype=object))
    assert rows.tolist() == [1, 0]
    assert known.tolist() == [True, False, True]


def test_an_unknown_id_is_named_with_its_neighbours() -> None:
    merchants = Vocabulary.of([f"m{i}" for i in range(20)])
    with pytest.raises(KeyError, match=r"'m1x' is not among the 20 known ids; did you mean m1"):
        merchants.row("m1x")
    with pytest.raises(KeyError, match=r"'zzz' is not among the 20 known ids\"$"):
        merchants.row("zzz")


def test_vocabularies_compare_by_content() -> None:
    assert Vocabulary.of(["a"]) == Vocabulary.of(["a", "a"])
    assert Vocabulary.of(["a"]) != Vocabulary.of(["b"])
    assert Vocabulary.of(["a"]) != ["a"]
    assert repr(Vocabulary.of(["a"])) == "Vocabulary(1 ids)"


def test_pairs_can_be_picked() -> None:
    rows = np.arange(3, dtype=np.int32)
    pairs = Pairs(rows, rows + 1, rows + 2, rows * 0.5, rows * 0.25)
    picked = pairs.take(np.array([True, False, True]))
    assert len(picked) == 2
    assert picked.product.tolist() == [2, 4]
    assert picked.category_fit.tolist() == [0, 0.5]
