"""Who climbs the 5A ladder between two points in time."""

from __future__ import annotations

import pandas as pd

from matching.errors import BadInput
from matching.indices.five_a import STAGES, check_stages, people_of
from matching.indices.grouping import numbers, require

#: On no rung: not met yet, or lost.
OUTSIDE = "outside"

_PLACES = (OUTSIDE, *STAGES)


def five_a_flow(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """Flow of people between two points in time: how many went from where to where.

    Parameters
    ----------
    before, after : Series of str, indexed by viewer
        Rung of each viewer, A1 to A5; who is missing or None is outside. Both complete: whoever
        was not looked at cannot be told from somebody lost.

    Returns
    -------
    int64 DataFrame, from (rows) × to (columns): ``outside``, ``A1`` … ``A5``
        People. The row ``outside`` holds those who came in, the column those who were lost. Flows
        of several audiences can be added before :func:`five_a_flow_rates` divides.

    Raises
    ------
    BadInput
        For a word that is no rung, or a viewer told twice at one time.

    Notes
    -----
    Source: DOMAIN, "5A" (flow; P).

    Examples
    --------
    >>> before = pd.Series({"v1": "A1", "v2": "A1", "v3": "A4"})
    >>> after = pd.Series({"v1": "A2", "v3": "A4", "v4": "A1"})
    >>> flow = five_a_flow(before, after)
    >>> [int(flow.loc[one]) for one in (("A1", "A2"), ("A1", "outside"), ("outside", "A1"))]
    [1, 1, 1]
    """
    for name, stages in (("before", before), ("after", after)):
        check_stages(stages)
        if not stages.index.is_unique:
            twice = stages.index[stages.index.duplicated()][0]
            raise BadInput(f"{name}: viewer {twice!r} is told twice; keep one rung each viewer")
    viewers = before.index.union(after.index)
    start, end = (
        stages.astype(object).reindex(viewers).fillna(OUTSIDE) for stages in (before, after)
    )
    counts = start.groupby([start.to_numpy(), end.to_numpy()]).size()
    moves = pd.MultiIndex.from_product([_PLACES, _PLACES])
    flow = counts.reindex(moves, fill_value=0).unstack().loc[list(_PLACES), list(_PLACES)]
    flow.loc[OUTSIDE, OUTSIDE] = 0  # told as None both times
    return flow


def five_a_flow_rates(flow: pd.DataFrame) -> pd.DataFrame:
    """Flow rates: of those who stood on a rung, what share stands where afterwards.

    Parameters
    ----------
    flow : DataFrame
        What :func:`five_a_flow` gave, or a sum of such.

    Returns
    -------
    DataFrame, from × to
        Each row adds up to 1, and is NaN where nobody stood. The row ``outside`` says where
        those who came in arrived.

    Raises
    ------
    BadInput
        When a place is not there, or holds text or a negative number.

    Notes
    -----
    Source: DOMAIN, "5A" (flow rates; P).

    Examples
    --------
    >>> before = pd.Series({"v1": "A1", "v2": "A1", "v3": "A4"})
    >>> after = pd.Series({"v1": "A2", "v3": "A4"})
    >>> rates = five_a_flow_rates(five_a_flow(before, after))
    >>> rates.loc["A1", ["outside", "A2"]].tolist(), rates.loc["A5", "A5"].item()
    ([0.5, 0.5], nan)
    """
    require(flow.T, _PLACES)
    people = pd.DataFrame({one: numbers(flow, one) for one in _PLACES}, index=flow.index)
    stood = people.sum(axis=1, skipna=False)
    return people.div(stood.where(stood > 0), axis=0)


def five_a_net_flow(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Net flow up the ladder where only the sizes of the rungs are known, at two points in time.

    Above a rung there are as many more people than before as crossed upwards, less those who came
    down or left. That difference over the people who stood on the rung is its net rate. Which way
    each went cannot be told from sizes; :func:`five_a_flow` needs viewers for it.

    Parameters
    ----------
    before, after : DataFrame
        ``A1`` … ``A5``: people on each rung. Rows are matched by index.

    Returns
    -------
    DataFrame
        ``A1_up`` … ``A4_up``: net number who rose above the rung per person on it before;
        negative where more came down or left. NaN where a rung above is unknown at either time
        or nobody stood on the rung. A row that one of the two lacks is NaN.

    Raises
    ------
    BadInput
        When a rung is not there, or holds text or a negative number.

    Notes
    -----
    Source: DOMAIN, "5A" (flow rates; P). The net reading is ours.

    Examples
    --------
    >>> spring = pd.DataFrame({"A1": [1000], "A2": [200], "A3": [80], "A4": [40], "A5": [10]})
    >>> summer = pd.DataFrame({"A1": [900], "A2": [260], "A3": [100], "A4": [44], "A5": [12]})
    >>> five_a_net_flow(spring, summer).round(3).values.tolist()
    [[0.086, 0.13, 0.075, 0.05]]
    """
    was, now = people_of(before).align(people_of(after), join="outer", axis=0)
    gained = now - was
    rates = {}
    for place, rung in enumerate(STAGES[:-1]):
        above = gained[list(STAGES[place + 1 :])].sum(axis=1, skipna=False)
        rates[f"{rung}_up"] = above / was[rung].where(was[rung] > 0)
    return pd.DataFrame(rates, index=gained.index)
