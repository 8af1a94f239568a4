"""What creators' tables tell a prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.pairs import Floats
from tests.market_folders import small_market, write_market
from training.entities import Entities, creator_features
from training.market import read_market


def usual_views(folder: Path, daily: pd.DataFrame) -> Floats:
    tables = small_market()
    write_market(folder, promotions=tables["promotions"], creator_daily=daily)
    market = read_market(folder)
    told = creator_features(market, Entities.of(market).creators)
    found: Floats = told.values[:, told.names.index("log_daily_views")]
    return found


def test_usual_views_are_those_of_a_day_without_a_stream(tmp_path: Path) -> None:
    days = pd.date_range("2026-01-01", periods=50, freq="D").strftime("%Y-%m-%d")
    rng = np.random.default_rng(0)
    live = {"c00": rng.random(50) < 0.9, "c01": rng.random(50) < 0.2}
    parts = [
        pd.DataFrame(
            {
                "creator_id": one,
                "date": days,
                "views": np.round(np.exp(7 + 1.2 * own + rng.normal(0, 0.1, 50))),
                "live_minutes": np.where(own, 90, 0),
            }
        )
        for one, own in live.items()
    ]
    hidden = pd.DataFrame({"creator_id": ["c02"], "date": days[:1], "followers": [5]})
    found = usual_views(tmp_path / "live", pd.concat([*parts, hidden]))
    np.testing.assert_allclose(found[:2], 7.0, atol=0.1)
    assert np.isnan(found[2:]).all()

    # Nobody told of streams: plain means, in which the youngest days count most.
    rising = pd.DataFrame({"creator_id": "c00", "date": days, "views": np.arange(50) * 100})
    plain = usual_views(tmp_path / "rising", rising)[0]
    logs = np.log1p(np.arange(50) * 100)
    weight = np.exp2(np.arange(50) / 120.0)
    assert plain == pytest.approx((weight * logs).sum() / weight.sum(), abs=1e-3)


def test_no_daily_table_tells_no_views(tmp_path: Path) -> None:
    tables = small_market()
    write_market(tmp_path / "bare", promotions=tables["promotions"])
    market = read_market(tmp_path / "bare")
    names = creator_features(market, Entities.of(market).creators).names
    assert "log_daily_views" not in names
