"""One explicit step from predictions to one order."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.errors import BadInput
from matching.ranking import OBJECTIVES, check_known, check_objective, objective_scores, top
from models.outcome import Predictions

NAN = float("nan")


def predictions(n: int, **known: list[float]) -> Predictions:
    columns = {field.name: np.full(n, NAN) for field in fields(Predictions)}
    return Predictions(**columns | {name: np.array(one) for name, one in known.items()})


@pytest.mark.parametrize(
    ("objective", "column"),
    [
        ("conversion", "p_conversion"),
        ("exposure", "exposures"),
        ("orders", "expected_orders"),
        ("gmv", "expected_gmv"),
        ("net", "expected_net"),
    ],
)
def test_each_objective_reads_its_prediction(objective: str, column: str) -> None:
    made = predictions(2, **{column: [1.0, 2.0]})
    assert objective_scores(objective, made).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("objective", [one for one in OBJECTIVES if one != "match"])
def test_an_objective_the_market_gave_no_data_for(objective: str) -> None:
    words = f"objective '{objective}' needs .* which this market does not tell; use objective="
    with pytest.raises(BadInput, match=words):
        check_known(objective, objective_scores(objective, predictions(2)))
    check_known(objective, np.array([NAN, 1.0]))
    check_known(objective, np.zeros(0))


def test_a_word_that_is_no_objective() -> None:
    with pytest.raises(BadInput, match=r"'orderz' is not one of match, .*; did you mean 'orders'"):
        check_objective("orderz")
    with pytest.raises(BadInput, match=r"objective 7 is not one of match, conversion, .* net$"):
        check_objective(7)  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_candidates_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 30
    rows = np.sort(rng.choice(1_000, n, replace=False)).astype(np.int32)
    scores = rng.integers(0, 5, n).astype(float)
    kept = top(rows, scores, predictions(n, exposures=scores.tolist()), 10)
    expected = sorted(range(n), key=lambda i: (-scores[i], rows[i]))[:10]
    assert kept.rows.tolist() == rows[expected].tolist()
    assert kept.scores.tolist() == kept.predictions.exposures.tolist()
