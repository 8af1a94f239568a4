"""Whether intervals hold: the share of later numbers, or of later rates, that lie inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.calibration import Z80
from models.pairs import Floats

_LEAST = 1e-12


def coverage(
    observed: Floats,
    predicted: Floats,
    low: Floats,
    high: Floats,
    by: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Share of what was observed that lies inside its interval, over all and by group.

    Parameters
    ----------
    observed, predicted, low, high : float64 arrays of shape (n,)
        Rows without an observation or without an interval are passed over.
    by : array of shape (n,), optional
        Group of each row, such as its tier; a Categorical keeps its order.

    Returns
    -------
    DataFrame
        A row for ``all`` and one per group: ``group``, ``promotions``, ``inside_80``, the median
        ``width`` (high over low; infinite where low is 0) and ``predicted_over_observed``, the sum
        of one over that of the other.

    Examples
    --------
    >>> seen, told = np.array([1.0, 9.0, 4.0]), np.array([2.0, 4.0, 4.0])
    >>> coverage(seen, told, told / 2, told * 2, ["head", "tail", "tail"]).round(2)
      group  promotions  inside_80  width  predicted_over_observed
    0   all           3       0.67    4.0                     0.71
    1  head           1       1.00    4.0                     2.00
    2  tail           2       0.50    4.0                     0.62
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.asarray(high / low)
    inside = (observed >= low) & (observed <= high)
    told = np.isfinite(observed) & np.isfinite(low)
    return _by_group(inside, width, predicted, observed, told, by)


def rate_coverage(
    low: Floats,
    high: Floats,
    trials: Floats,
    successes: Floats,
    by: npt.ArrayLike | None = None,
    *,
    draws: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Whether intervals of true rates hold, judged by counts that have chance of their own.

    True rates are never seen. Each interval is read as log-normal, a rate is drawn from it and
    then successes among the trials; of the successes observed it is told where among those drawn
    they lie, a tie at random. Four fifths should lie between the tenth and the ninetieth of a
    hundred.

    Parameters
    ----------
    low, high : float64 arrays of shape (n,)
        80 % interval of each rate, in (0, 1].
    trials, successes : float64 arrays of shape (n,)
        Of trials that the rates were not learnt from; rows without any are passed over.
    by : array of shape (n,), optional
    draws, seed : int

    Returns
    -------
    DataFrame
        As `coverage`; ``promotions`` counts rows.
    """
    found = np.isfinite(low) & np.isfinite(successes) & (trials > 0)
    draw = np.random.default_rng(seed)
    inside = np.zeros(len(low), dtype=bool)
    for i in np.flatnonzero(found):
        middle, spread = _log_normal(low[i], high[i])
        rates = np.minimum(np.exp(draw.normal(middle, spread, draws)), 1.0)
        drawn = draw.binomial(int(trials[i]), rates)
        below, same = (drawn < successes[i]).mean(), (drawn == successes[i]).mean()
        inside[i] = 0.1 <= below + draw.random() * same <= 0.9
    middle, spread = _log_normal(low, high)
    expected = trials * np.exp(middle + spread**2 / 2)
    return _by_group(inside, np.exp(2 * Z80 * spread), expected, successes, found, by)


def _log_normal(low: Any, high: Any) -> tuple[Any, Any]:
    """Mean and deviation of the log of what lies in an interval with 80 %."""
    bottom, top = np.log(np.maximum(low, _LEAST)), np.log(np.maximum(high, _LEAST))
    return (bottom + top) / 2, (top - bottom) / (2 * Z80)


def _by_group(
    inside: npt.NDArray[np.bool_],
    width: Floats,
    predicted: Floats,
    observed: Floats,
    told: npt.NDArray[np.bool_],
    by: npt.ArrayLike | None,
) -> pd.DataFrame:
    """One row for all and one per group, of the rows of which there is something to tell."""
    table = pd.DataFrame(
        {"inside": inside, "width": width, "predicted": predicted, "observed": observed}
    )[told]
    parts = [("all", table)]
    if by is not None:
        of = pd.Series(by)[told]
        parts += [(str(one), part) for one, part in table.groupby(of, observed=True)]
    return pd.DataFrame(
        {
            "group": [one for one, _ in parts],
            "promotions": [len(part) for _, part in parts],
            "inside_80": [part["inside"].mean() for _, part in parts],
            "width": [part["width"].median() for _, part in parts],
            "predicted_over_observed": [_over(part) for _, part in parts],
        }
    )


def _over(rows: pd.DataFrame) -> float:
    """Sum predicted over the sum observed; NaN where nothing was observed."""
    observed = float(rows["observed"].sum())
    return float(rows["predicted"].sum()) / observed if observed else float("nan")
