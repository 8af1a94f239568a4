"""Trees as flat arrays say what scikit-learn says, and every rival is asked the same."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    found = importlib.import_module("additive_or_trees")
    monkeypatch.setattr(found, "microseconds", lambda work, rows, *, times: work() is None or 1.0)
    monkeypatch.setattr(found, "FOLDS", 2)
    return found


@pytest.fixture
def sets() -> ModuleType:
    return importlib.import_module("additive_sets")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two small sets in the shape of the real ones; another is not there."""
    draw = np.random.default_rng(0)
    merchant = draw.integers(0, 20, 1500)
    came = draw.random(1500) < np.linspace(0.05, 0.4, 20)[merchant]
    pairs = {"user_id": draw.integers(0, 900, 1500), "merchant_id": merchant, "label": came}
    folder = tmp_path / "tmall_repeat_buyer"
    folder.mkdir()
    pd.DataFrame(pairs).astype(int).to_csv(folder / "pairs.csv.gz", index=False)
    folder = tmp_path / "instagram_kim2020"
    folder.mkdir()
    creator = draw.integers(0, 40, 800)
    posts = pd.DataFrame(
        {
            "post_id": np.arange(800),
            "creator_id": creator,
            "ts": 1_500_000_000 + np.arange(800) * 90_000,
            "likes": np.exp(0.1 * creator + draw.normal(0, 0.5, 800)).astype(int),
        }
    )
    posts.to_csv(folder / "posts.csv.gz", index=False)
    creators = pd.DataFrame({"creator_id": np.arange(40), "category": "beauty", "n_posts": 9})
    creators["followers"], creators["followees"] = np.exp(np.arange(40) / 8), 10
    creators.to_csv(folder / "creators.csv.gz", index=False)
    return tmp_path


@pytest.mark.parametrize("loss", ["poisson", "squared_error"])
def test_flat_trees_say_what_the_trees_say(loss: str) -> None:
    trees = importlib.import_module("flat_trees")
    draw = np.random.default_rng(0)
    features = draw.normal(size=(600, 4))
    features[draw.random(features.shape) < 0.2] = np.nan
    target = draw.poisson(np.exp(np.nan_to_num(features[:, 0])))
    with threadpool_limits(1):
        model = HistGradientBoostingRegressor(loss=loss, max_iter=20).fit(features, target)
        expected = model.predict(features)
    flat = trees.FlatTrees.of(model)
    told = flat.predict(features)
    assert (np.exp(told) if loss == "poisson" else told) == pytest.approx(expected)
    assert flat.predict(features[5:6])[0] == told[5]
    arrays = (flat.start, flat.column, flat.threshold, flat.unknown_left, flat.child, flat.value)
    as_it_reads = trees.walk.py_func(features[:20], *arrays)
    assert as_it_reads + flat.level == pytest.approx(told[:20])
    assert flat.size > 20 * 8


def test_every_rival_is_judged_on_every_set_that_is_there(
    choice: ModuleType,
    data: Path,
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", str(data), "--market", str(tiny_folder)])
    choice.main()
    told = capsys.readouterr().out
    for name in ("simulated (synthetic), conversion", "who buys again", "likes (Instagram)"):
        part = told.split(name)[1].split("\n\n")[0]
        assert [line.split()[0] for line in part.splitlines()[2:]] == ["additive", "trees", "stack"]
        gains = [float(line.split()[2]) for line in part.splitlines()[2:]]
        assert gains[0] > 0
    assert "ads: left out, no" in told
    assert told.count("held out") == 5


def test_without_a_folder_real_sets_are_left_out(sets: ModuleType) -> None:
    with pytest.raises(FileNotFoundError, match="name the folder of the data sets"):
        next(sets.tmall(None, None))


def test_a_rows_own_outcome_is_not_among_what_trees_read_of_it(
    sets: ModuleType, data: Path
) -> None:
    question = next(sets.tmall(data, None))
    before, wanted = question.features()
    assert len(wanted) == len(question.asked.came)
    came = question.known.came.copy()
    row = int(np.flatnonzero(came > 0)[0])
    usual = question.usual
    came[row] = 0.0
    other = sets.replace(question, known=sets.replace(question.known, came=came))
    shift = other.usual - usual
    after, _ = other.features()
    of_merchant = [at for at in range(before.shape[1]) if np.ptp(before[:, at]) > 0]
    # The usual rate moves a little with it; nothing else that is read of the row does.
    moved = np.abs(after[row, of_merchant] - before[row, of_merchant])
    assert moved.max() < 5 * abs(shift)


def test_the_time_of_a_call_is_shared_by_its_rows() -> None:
    found = importlib.import_module("additive_or_trees")
    calls = []
    one = found.microseconds(lambda: calls.append(sum(range(1000))), 10, times=3, runs=2)
    assert len(calls) == 7
    assert one > 0
