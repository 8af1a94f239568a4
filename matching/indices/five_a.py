"""The 5A ladder: how many people are aware, attracted, asking, acting, advocating."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from matching.errors import BadInput
from matching.indices.grouping import numbers, require

#: The rungs: aware, attracted, asking, acting, advocating.
STAGES = ("A1", "A2", "A3", "A4", "A5")

#: Which rungs each goal works on.
GOALS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"seeding": ("A1", "A2"), "acquisition": ("A3", "A4"), "repurchase": ("A5",)}
)

#: Dimension of the table `audiences` that tells of the ladder.
_DIMENSION = "stage_5a"

#: Shares are told rounded, so that five of them need not add up to 1 exactly.
_ROUNDED = 0.02


def five_a_shares(audiences: pd.DataFrame) -> pd.DataFrame:
    """Shares of the five rungs, as the table of audiences tells them.

    Parameters
    ----------
    audiences : DataFrame
        The contract's ``audiences``; rows of dimension ``stage_5a`` with segments A1 to A5.

    Returns
    -------
    DataFrame, indexed by ``entity``, ``entity_id`` and ``audience`` ("" where it is not said)
        ``A1`` … ``A5`` in [0, 1]; NaN where a rung is not told, or only as a range. No rows where
        the market does not tell of the ladder.

    Raises
    ------
    BadInput
        When a column is not there, a segment is no rung, a rung is told twice, or shares add up
        to more than 1.

    Notes
    -----
    Source: DOMAIN, "5A" (P).

    Examples
    --------
    >>> told = pd.DataFrame({"entity": "merchant", "entity_id": "m1", "dimension": "stage_5a",
    ...                      "segment": ["A1", "A2", "A3"], "share": [0.6, 0.25, 0.1]})
    >>> five_a_shares(told).loc[("merchant", "m1", "")].tolist()
    [0.6, 0.25, 0.1, nan, nan]
    """
    require(audiences, ["entity", "entity_id", "dimension", "segment", "share"])
    rows = audiences[audiences["dimension"] == _DIMENSION]
    check_stages(rows["segment"])
    share = numbers(rows, "share")
    whose = rows["audience"].fillna("") if "audience" in rows else ""
    rows = rows.assign(share=share, audience=whose)
    keys = ["entity", "entity_id", "audience"]
    if (twice := rows.duplicated([*keys, "segment"])).any():
        one = rows[twice].iloc[0]
        raise BadInput(f"{one['segment']} of {one['entity_id']} is told twice; keep one row")
    shares = rows.pivot(index=keys, columns="segment", values="share").reindex(columns=STAGES)
    total = shares.sum(axis=1)
    if (total > 1 + _ROUNDED).any():
        raise BadInput(
            f"shares of {total.idxmax()} add up to {total.max():g}, expected 1 at most; "
            "give shares, not numbers of people"
        )
    return shares.rename_axis(columns=None)


def five_a_structure(sizes: pd.DataFrame) -> pd.DataFrame:
    """Structure of an audience on the ladder: its size, the share of each rung and of each goal.

    Parameters
    ----------
    sizes : DataFrame
        ``A1`` … ``A5``: people on each rung, NaN unknown. Shares do as well; shares times the
        number of people in the audience are sizes.

    Returns
    -------
    DataFrame under the same index
        ``total`` (people), then shares in [0, 1] of ``A1`` … ``A5`` and of the goals ``seeding``
        (A1–A2), ``acquisition`` (A3–A4), ``repurchase`` (A5). All NaN where a rung is unknown:
        then the whole is, too. Shares of nobody are NaN.

    Raises
    ------
    BadInput
        When a rung is not there, or holds text or a negative number.

    Notes
    -----
    Source: DOMAIN, "5A" (P: watch size, structure and flow rates).

    Examples
    --------
    >>> sizes = pd.DataFrame({"A1": [600], "A2": [200], "A3": [100], "A4": [80], "A5": [20]})
    >>> five_a_structure(sizes)[["total", "seeding", "acquisition", "repurchase"]].values.tolist()
    [[1000.0, 0.8, 0.18, 0.02]]
    """
    people = people_of(sizes)
    total = people.sum(axis=1, skipna=False)
    goals = {name: people[list(rungs)].sum(axis=1, skipna=False) for name, rungs in GOALS.items()}
    shares = people.assign(**goals).div(total.where(total > 0), axis=0)
    shares = shares.where(total.notna(), axis=0)
    shares.insert(0, "total", total)
    return shares


def people_of(sizes: pd.DataFrame) -> pd.DataFrame:
    """People on each rung, as numbers.

    Raises
    ------
    BadInput
    """
    return pd.DataFrame({rung: numbers(sizes, rung) for rung in STAGES}, index=sizes.index)


def check_stages(told: pd.Series) -> None:
    """Refuse words that are no rung.

    Raises
    ------
    BadInput
    """
    known = told.dropna()
    if not (fine := known.isin(STAGES)).all():
        raise BadInput(
            f"stage {known[~fine].iloc[0]!r} is no rung of the ladder, expected {', '.join(STAGES)}"
        )
