"""One explicit step from predictions to one order."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from matching.errors import BadInput
from matching.ranking import OBJECTIVES, check_known, check_objective, objective_scores
from matching.shortlists import Shortlists
from models.outcome import Predictions

NAN = float("nan")


def predictions(n: int, **known: list[float]) -> Predictions:
    columns = {field.name: np.full(n, NAN) for field in fields(Predictions)}
    return Predictions(**columns | {name: np.array(one) for name, one in known.items()})


def lists(*scores: list[float]) -> Shortlists:
    return Shortlists.of([(np.arange(len(one)), np.array(one)) for one in scores])


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
        check_known(objective, lists([1.0, NAN], [NAN, NAN]))
    check_known(objective, lists([1.0, NAN], [], [2.0]))
    check_known(objective, lists())


def test_a_word_that_is_no_objective() -> None:
    with pytest.raises(BadInput, match=r"'orderz' is not one of match, .*; did you mean 'orders'"):
        check_objective("orderz")
    with pytest.raises(BadInput, match=r"objective 7 is not one of match, conversion, .* net$"):
        check_objective(7)  # type: ignore[arg-type]
