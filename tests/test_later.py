"""Later promotions beside what was foretold of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matching import Plaza
from training.backtest import Holdout
from training.later import (
    OF_CREATOR,
    QUANTITIES,
    Later,
    coverage_by_group,
    ends_of,
    fee_of,
    later_promotions,
)
from training.market import Market


@pytest.fixture(scope="module")
def past_plaza(past_bundle: Path) -> Plaza:
    return Plaza.load(past_bundle)


@pytest.fixture(scope="module")
def later(past_plaza: Plaza, holdout: Holdout, tiny_market: Market) -> Later:
    return later_promotions(past_plaza, holdout.past, tiny_market)


def test_every_later_promotion_is_asked_or_counted(
    later: Later, holdout: Holdout, tiny_market: Market
) -> None:
    promotions = tiny_market.table("promotions")
    assert len(later) + later.unknown == (promotions["occurred_at"] > holdout.cut).sum()
    assert len(later.groups) == len(later.predicted) == len(later)
    assert all(len(one) == len(later) for one in later.observed.values())


def test_groups_count_the_past_alone(later: Later, holdout: Holdout) -> None:
    seen = holdout.past.table("promotions")["creator_id"].value_counts()
    known = later.rows["creator_id"].map(seen).fillna(0)
    never = later.groups["creator history"] == "never seen"
    assert (known[never] == 0).all()
    assert (known[~never] > 0).all()
    many = later.groups["creator history"] == list(OF_CREATOR)[-1]
    assert (known[many] >= 80).all()
    met = holdout.past.table("promotions").groupby(["merchant_id", "creator_id"]).size()
    pairs = pd.MultiIndex.from_frame(later.rows[["merchant_id", "creator_id"]])
    assert ((later.groups["pair history"] == "never met") == ~pairs.isin(met.index)).all()


def test_what_has_not_arrived_is_unknown(
    past_plaza: Plaza, holdout: Holdout, tiny_market: Market
) -> None:
    later = later_promotions(
        past_plaza, holdout.past, tiny_market, settled_days={"orders": 20.0, "net": 29.0}
    )
    age = (tiny_market.as_of - later.rows["occurred_at"]).dt.total_seconds() / 86_400
    assert np.isfinite(later.observed["orders"][age >= 20]).all()
    assert np.isnan(later.observed["orders"][age < 20]).all()
    assert np.isnan(later.observed["net"][age < 29]).all()
    assert np.isfinite(later.observed["exposures"]).all()


def test_net_is_judged_at_the_fee_that_was_foretold(later: Later) -> None:
    known = np.isfinite(later.observed["net"])
    assert known.any()
    fee = fee_of(later.predicted)
    assert (fee >= -1e-6).all()
    net = later.observed["before_fee"] - fee
    assert later.observed["net"][known] == pytest.approx(net[known])
    paid = later.observed["before_fee"] - later.observed["net_paid"]
    assert (paid[known] >= -1e-6).all()


def test_coverage_is_told_once_for_all_and_for_each_group(later: Later) -> None:
    found = coverage_by_group(later)
    assert (found["by"] == "all").sum() == len(QUANTITIES)
    assert set(found["quantity"]) == set(QUANTITIES)
    for name in QUANTITIES:
        rows = found[found["quantity"] == name].set_index(["by", "group"])
        _, low, high = ends_of(later.predicted, name)
        came = later.observed[name]
        known = np.isfinite(came)
        inside = ((came >= low) & (came <= high))[known].mean()
        assert rows.loc[("all", "all"), "inside_80"] == pytest.approx(inside)
        of_pairs = rows.loc["pair history"]
        assert of_pairs["promotions"].sum() == known.sum()
    only = coverage_by_group(later, "exposures")
    assert set(only["quantity"]) == {"exposures"}
    share, count = only["inside_80"], only["promotions"]
    error = np.sqrt(share * (1 - share) / count)
    assert only["error"].to_numpy() == pytest.approx(error.to_numpy(), nan_ok=True)
