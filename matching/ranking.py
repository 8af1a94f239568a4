"""From predictions to one order: the only place where several numbers become one."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np

from matching.errors import BadInput
from matching.shortlists import Shortlists
from models.outcome import Predictions
from models.pairs import Floats

#: What a list can be ranked by. ``match`` is affinity alone; the others are expectations.
OBJECTIVES = ("match", "conversion", "exposure", "orders", "gmv", "net")

#: The prediction that each of the others expects.
COLUMN = {
    "conversion": "p_conversion",
    "exposure": "exposures",
    "orders": "expected_orders",
    "gmv": "expected_gmv",
    "net": "expected_net",
}


def check_objective(objective: str) -> None:
    """Refuse a word that is no objective.

    Raises
    ------
    BadInput
    """
    if objective not in OBJECTIVES:
        near = get_close_matches(str(objective), OBJECTIVES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"objective {objective!r} is not one of {', '.join(OBJECTIVES)}{hint}")


def objective_scores(objective: str, predictions: Predictions) -> Floats:
    """Turn predictions into the number that a list is ranked by.

    A pair's score depends on that pair alone. ``match`` needs no prediction: its score is the
    affinity, as the index gives it.
    """
    scores: Floats = getattr(predictions, COLUMN[objective])
    return scores


def check_known(objective: str, lists: Shortlists) -> None:
    """Refuse a list without a single known score.

    Raises
    ------
    BadInput
        When this market gave no data for the objective.
    """
    # Unknown scores come last: where the first is, all are.
    first = lists.scores[lists.starts[:-1][lists.lengths > 0]]
    if np.isnan(first).any():
        raise BadInput(
            f"objective {objective!r} needs {_NEEDS[objective]}, which this market does not tell; "
            "use objective='match'"
        )


_NEEDS = {
    "conversion": "orders and clicks",
    "exposure": "exposures or views",
    "orders": "exposures and orders",
    "gmv": "exposures, orders and prices",
    "net": "exposures, orders, prices, refunds, commissions and slot fees",
}
