"""Splits: sides share nothing that would tell the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from models.holdout import hold_out
from training.splits import cold_split, leave_last, merchant_folds, temporal_split


@pytest.fixture
def promotions() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 400
    return pd.DataFrame(
        {
            "occurred_at": pd.Timestamp("2024-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 100, n), unit="D"),
            "merchant_id": [f"m{i}" for i in rng.integers(0, 20, n)],
            "creator_id": [f"c{i}" for i in rng.integers(0, 30, n)],
        }
    )


def pairs(frame: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["merchant_id"], frame["creator_id"], strict=True))


def test_temporal_split_keeps_time_and_pairs_apart(promotions: pd.DataFrame) -> None:
    at = pd.Timestamp("2024-03-01", tz="UTC")
    earlier, later = temporal_split(promotions, at)
    assert earlier["occurred_at"].max() < at <= later["occurred_at"].min()
    assert not pairs(earlier) & pairs(later)
    assert pairs(earlier) | pairs(later) == pairs(promotions)


@pytest.mark.parametrize("by", ["merchant_id", "creator_id"])
def test_leave_last_holds_out_one_partner_each(promotions: pd.DataFrame, by: str) -> None:
    other = "creator_id" if by == "merchant_id" else "merchant_id"
    earlier, last = leave_last(promotions, by)
    assert not pairs(earlier) & pairs(last)
    assert len(earlier) + len(last) == len(promotions)
    assert (last.groupby(by)[other].nunique() == 1).all()
    first = promotions.groupby([by, other])["occurred_at"].min()
    for (one, partner), met in first.loc[last[by].unique()].items():
        held = last.loc[last[by] == one, other].iloc[0]
        assert met <= first[one, held]
        assert partner in set(promotions.loc[promotions[by] == one, other])


def test_an_only_partner_is_kept() -> None:
    rows = pd.DataFrame(
        {"occurred_at": pd.Timestamp("2024-01-01"), "merchant_id": ["m1"], "creator_id": ["c1"]}
    )
    earlier, last = leave_last(rows)
    assert len(earlier) == 1
    assert last.empty


def test_leave_last_refuses_other_columns(promotions: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="by is 'session_id'; expected 'merchant_id'"):
        leave_last(promotions, "session_id")


@pytest.mark.parametrize("by", ["merchant_id", "creator_id"])
def test_a_cold_split_takes_everything_of_a_seeded_share(promotions: pd.DataFrame, by: str) -> None:
    everyone = np.unique(promotions[by])
    earlier, cold = cold_split(promotions, by, everyone, share=0.3, seed=5)
    assert cold[by].nunique() == round(0.3 * len(everyone))
    assert not set(earlier[by]) & set(cold[by])
    assert len(earlier) + len(cold) == len(promotions)
    _, again = cold_split(
        promotions.sample(frac=1, random_state=0), by, everyone, share=0.3, seed=5
    )
    assert set(again[by]) == set(cold[by])
    _, other = cold_split(promotions, by, everyone, share=0.3, seed=6)
    assert set(other[by]) != set(cold[by])


def test_only_those_known_from_elsewhere_become_cold(promotions: pd.DataFrame) -> None:
    _, cold = cold_split(promotions, "merchant_id", np.array(["m3", "m4", "x"]), share=0.01)
    assert set(cold["merchant_id"]) in ({"m3"}, {"m4"})  # one at the least
    _, nobody = cold_split(promotions, "merchant_id", np.array(["x"]), share=0.5)
    assert nobody.empty


@pytest.mark.parametrize("share", [0, 1, 1.5])
def test_a_cold_share_is_some_but_not_all(promotions: pd.DataFrame, share: float) -> None:
    with pytest.raises(ValueError, match=f"share is {share}; expected a share above 0 and below 1"):
        cold_split(promotions, "merchant_id", np.array(["m1"]), share=share)


def test_merchant_folds_ask_about_every_row_once_and_from_nothing(promotions: pd.DataFrame) -> None:
    asked_rows = []
    for known, asked in merchant_folds(promotions, folds=4, seed=1):
        assert not set(known["merchant_id"]) & set(asked["merchant_id"])
        assert len(known) + len(asked) == len(promotions)
        assert asked["merchant_id"].nunique() == 5
        asked_rows += asked.index.tolist()
    assert sorted(asked_rows) == promotions.index.tolist()


def test_merchant_folds_are_the_same_for_the_same_seed(promotions: pd.DataFrame) -> None:
    def sides(seed: int) -> list[list[int]]:
        return [asked.index.tolist() for _, asked in merchant_folds(promotions, seed=seed)]

    assert sides(1) == sides(1) != sides(2)


@pytest.mark.parametrize("folds", [1, 21])
def test_merchant_folds_need_merchants(promotions: pd.DataFrame, folds: int) -> None:
    with pytest.raises(ValueError, match=f"{folds} folds for 20 merchants; expected 2 to as many"):
        next(merchant_folds(promotions, folds=folds))


def met_and_days() -> tuple[sp.csr_matrix, sp.csr_matrix]:
    rng = np.random.default_rng(0)
    met = sp.random(40, 50, density=0.2, random_state=rng, dtype=np.float32).tocsr()
    days = met.copy()
    days.data = rng.integers(1, 200, met.nnz).astype(np.float32)
    return met, days


def test_the_inner_split_holds_out_the_latest() -> None:
    met, days = met_and_days()
    before, later = hold_out(met, days, 0.25, np.random.default_rng(0))
    assert days.multiply(before > 0).max() < days.multiply(later).tocsr().data.min()
    assert later.nnz == pytest.approx(0.25 * met.nnz, abs=0.05 * met.nnz)
    np.testing.assert_allclose((before + met.multiply(later)).toarray(), met.toarray())


@pytest.mark.parametrize("constant", [True, False])
def test_without_days_whole_merchants_and_single_pairs_are_held_out(constant: bool) -> None:
    met, days = met_and_days()
    days.data[:] = 7.0
    before, later = hold_out(met, days if constant else None, 0.25, np.random.default_rng(0))
    assert before.nnz + later.nnz == met.nnz
    gone = before.getnnz(axis=1) == 0
    assert 3 <= gone.sum() <= 20
    assert later[np.flatnonzero(~gone)].nnz > 0


def test_days_must_be_of_the_same_pairs() -> None:
    met, days = met_and_days()
    with pytest.raises(ValueError, match="they must be the same pairs"):
        hold_out(met, days[:, :10], 0.25, np.random.default_rng(0))


def test_nothing_to_hold_out() -> None:
    nothing = sp.csr_matrix((3, 4))
    for days in (None, nothing):
        before, later = hold_out(nothing, days, 0.25, np.random.default_rng(0))
        assert before.nnz == later.nnz == 0
