"""What can be said of rows, as numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.reasons import grounds
from matching.reasons.grounds import chosen_grounds, kinds_of, parts_worth_a_reason

FORMS = pytest.mark.parametrize("form", ["compiled", "in Python"])


def formed(loop, form: str):
    return loop if form == "compiled" else loop.py_func


def worth(contributions: dict[str, float]) -> list[str]:
    """Parts worth a reason, as one says it in Python."""
    positive = {part: one for part, one in contributions.items() if one > 0}
    least = grounds.WORTH_A_REASON * sum(positive.values())
    kept = [part for part in positive if positive[part] >= least]
    return sorted(kept, key=lambda part: (part == "popularity", -positive[part]))


@FORMS
@given(st.integers(0, 2**32 - 1))
def test_the_strongest_parts_come_first_and_popularity_last(form: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = ["popularity", "audience", "given:a", "given:b", "category"]
    owed = rng.normal(size=(12, 5)).astype(np.float32).round(1)  # so that some are equal
    owed[rng.random(owed.shape) < 0.1] = np.nan
    owed[rng.random(owed.shape) < 0.1] *= 20
    order, by_part = formed(parts_worth_a_reason, form)(owed, kinds_of(parts))
    for i, row in enumerate(owed.tolist()):
        expected = worth(dict(zip(parts, row, strict=True)))
        assert [parts[part] for part in order[i] if part >= 0] == expected
        assert {parts[part] for part in np.flatnonzero(by_part[:, i])} == set(expected)


@FORMS
def test_four_at_most_facts_first(form: str) -> None:
    parts = ["collaborative", "audience", "co_audience", "category", "given:tone"]
    kinds = kinds_of(parts)
    rows = np.array([0, 1], dtype=np.int32)
    ones = np.ones(2, dtype=np.int32)
    starts, found = formed(chosen_grounds, form)(
        np.array([0, 2]),
        rows,
        np.array([[4, 3, 2, 1, 0], [2, -1, -1, -1, -1]], dtype=np.int8),
        kinds,
        np.array([7, -1], dtype=np.int32),
        (5 * ones, 2 * ones),
        (3 * ones, 40 * ones),
        np.array([[1, 2, -1], [-1, -1, -1]], dtype=np.int32),
        3 * ones,
        np.array([[95, 90], [85, 80]], dtype=np.int8),
        np.array([True]),
        np.array([False]),
    )
    assert starts.tolist() == [0, 4, 7]
    assert found.tolist() == [
        [grounds.TOGETHER, 7, -1, -1, -1],
        [grounds.GIVEN, 4, -1, -1, -1],
        [grounds.CATEGORY, 1, 2, -1, -1],
        [grounds.VIEWERS, -1, -1, -1, -1],
        [grounds.VIEWERS, -1, -1, -1, -1],
        [grounds.CONVERTS, 85, -1, -1, -1],
        [grounds.EXPOSED, 80, -1, -1, -1],
    ]
