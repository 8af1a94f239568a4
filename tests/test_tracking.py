"""MLflow in a temporary SQLite file: runs, registered models, and who is champion."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from matching import Plaza
from matching.errors import BadInput, BundleError
from training.evaluation import Evaluation
from training.holdouts import last_days
from training.market import Market
from training.registry import CHAMPION, MODEL, Registry, open_registry
from training.tracking import (
    METRIC,
    _settle,
    fetch_bundle,
    track_evaluation,
    train_tracked,
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store; making its tables takes seconds, a copy takes none."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    with open_registry(f"sqlite:///{path}") as registry:
        registry.client.search_experiments()
    return path


@pytest.fixture
def uri(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of its own for each test, in a folder that nothing else is written to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    uri = f"sqlite:///{shutil.copy(empty, tmp_path / 'store')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


def register(registry: Registry, bundle: Path, **tags: str) -> str:
    with registry.run("test") as run_id:
        return registry.register(run_id, bundle, tags)


def champion(registry: Registry) -> str:
    return str(registry.client.get_registered_model(MODEL).aliases[CHAMPION])


def test_a_training_is_one_run_with_everything_in_it(
    uri: str,
    tiny_market: Market,
    past_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The bundle of the backtest is there already.
    monkeypatch.setattr(
        "training.evaluate.train_market", lambda _, to, **__: shutil.copytree(past_bundle, to)
    )
    stages: list[str] = []
    done = train_tracked(
        tiny_market, tmp_path / "bundle", experiment="first", progress=stages.append
    )
    assert done.is_champion
    assert done.version == "1"
    assert done.told == [
        f"Version 1 of model alliance, MLflow run {done.run_id}: the first, so it is @champion."
    ]
    assert "writing to MLflow" in stages
    with open_registry() as registry:
        run = registry.client.get_run(done.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.params["data_fingerprint"] == tiny_market.fingerprint
        assert run.data.params["synthetic"] == "True"
        assert run.data.params["as_of"] == tiny_market.as_of.isoformat()
        assert run.data.params["seed"] == "0"
        assert run.data.metrics[METRIC] > 0
        assert len(run.data.tags["holdout_fingerprint"]) == 64
        assert run.data.params["holdout_fingerprint"] == run.data.tags["holdout_fingerprint"]
        assert (run.data.params["split"], run.data.params["holdout_days"]) == ("temporal", "30")
        logged = {one.path for one in registry.client.list_artifacts(done.run_id)}
        assert logged == {"bundle", "evaluation"}
        plots = {one.path for one in registry.client.list_artifacts(done.run_id, "evaluation")}
        assert "evaluation/recall.png" in plots
        version = registry.client.get_model_version(MODEL, "1")
        assert float(version.tags[METRIC]) == run.data.metrics[METRIC]

        # The registered model: code as a file, the bundle, a signature; nothing pickled.
        loaded = registry.mlflow.pyfunc.load_model(f"models:/{MODEL}@{CHAMPION}")
        lists = loaded.predict(
            pd.DataFrame({"merchant_id": ["m01", "m02"]}), params={"k": 3, "objective": "match"}
        )
        assert lists["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    names = [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert "served_model.py" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "store"]

    # The plaza out of the registry answers like the one out of the folder.
    mine = Plaza.load(tmp_path / "bundle")
    theirs = Plaza.load(f"models:/{MODEL}@{CHAMPION}")
    assert theirs.bundle_hash == mine.bundle_hash
    pd.testing.assert_frame_equal(theirs.creators_for("m05"), mine.creators_for("m05"))
    assert mine.manifest["metrics"][METRIC] == run.data.metrics[METRIC]


def test_the_alias_moves_only_to_the_better_on_the_same_holdout(
    uri: str, tiny_market: Market, tiny_bundle: Path
) -> None:
    held = last_days(tiny_market, 30)
    same = {"as_of": held.as_of.isoformat(), "holdout_fingerprint": held.fingerprint}
    with open_registry() as registry:
        first = register(registry, tiny_bundle, **same, **{METRIC: "0.2"})
        assert _settle(registry, first, held, 0.2) == (True, "the first, so it is @champion")

        tie = register(registry, tiny_bundle)
        assert _settle(registry, tie, held, 0.2) == (
            False,
            "recall_at_20 0.2000 against 0.2000 of version 1 on the same holdout, "
            "so @champion stays with version 1",
        )
        better = register(registry, tiny_bundle, **same, **{METRIC: "0.25"})
        assert _settle(registry, better, held, 0.25) == (
            True,
            "recall_at_20 0.2500 against 0.2000 of version 1 on the same holdout, "
            "so it is @champion",
        )
        assert champion(registry) == better

        # Another holdout, which the champion was partly trained on.
        other = last_days(tiny_market, 60)
        assert _settle(registry, tie, other, 0.9) == (
            False,
            f"@champion stays with version 3, which was trained on later days than "
            f"{other.cut:%Y-%m-%d}",
        )
        assert _settle(registry, tie, None, "too short") == (
            False,
            "@champion stays with version 3, for this one could not be measured: too short",
        )
        assert champion(registry) == better


def test_an_older_champion_is_measured_again(
    uri: str, tiny_market: Market, tiny_bundle: Path
) -> None:
    held = last_days(tiny_market, 30)
    with open_registry() as registry:
        # Said to be older than it is; what counts here is that its own lists are judged.
        old = register(registry, tiny_bundle, as_of=held.cut.isoformat())
        registry.crown(old)
        new = register(registry, tiny_bundle)
        moved, why = _settle(registry, new, held, 1.1)
        assert moved
        assert why.startswith("recall_at_20 1.1000 against 0.")
        assert champion(registry) == new

        registry.crown(register(registry, tiny_bundle, **{METRIC: "0.3"}))
        moved, why = _settle(registry, new, held, 1.0)
        assert (moved, "trained on later days" in why) == (False, True)


def test_a_champion_that_was_never_measured_gives_way(
    uri: str, tiny_market: Market, tiny_bundle: Path
) -> None:
    held = last_days(tiny_market, 30)
    with open_registry() as registry:
        first = register(registry, tiny_bundle)
        told = f"the first, though not measured (too short), so it is @{CHAMPION}"
        assert _settle(registry, first, None, "too short") == (True, told)
        new = register(registry, tiny_bundle)
        told = f"version {first} was never measured, so this one is @{CHAMPION}"
        assert _settle(registry, new, held, 0.1) == (True, told)
        assert champion(registry) == new


def test_a_market_too_short_to_be_held_out_is_trained_all_the_same(
    uri: str,
    tiny_market: Market,
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "training.tracking.train_market", lambda _, to, **__: shutil.copytree(tiny_bundle, to)
    )
    done = train_tracked(tiny_market, tmp_path / "bundle", holdout_days=5000)
    assert done.is_champion
    with open_registry() as registry:
        assert METRIC not in registry.client.get_run(done.run_id).data.metrics


def test_an_evaluation_is_a_run_of_its_own(
    uri: str, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.registry.save_plots", lambda *_: None)
    run_id = track_evaluation(evaluation, experiment="evaluations")
    with open_registry() as registry:
        run = registry.client.get_run(run_id)
        for name in ("recall_at_10", "popularity_recall_at_10", "ahead_of_EASE_ndcg_at_10_p_holm"):
            assert run.data.metrics[name] == pytest.approx(evaluation.metrics[name])
        assert run.data.metrics.keys() == evaluation.metrics.keys()
        # What was asked: as parameters, as tags to filter by, and as the dataset of the run.
        assert run.data.params == {name: str(one) for name, one in evaluation.params.items()}
        assert run.data.params["holdout_days"] == "30"
        same = evaluation.holdout.fingerprint
        told = {name: run.data.tags[name] for name in ("holdout_fingerprint", "split", "synthetic")}
        assert told == {"holdout_fingerprint": same, "split": "temporal", "synthetic": "True"}
        [dataset] = run.inputs.dataset_inputs
        assert dataset.dataset.name == "temporal, creators"
        assert dataset.dataset.digest == same[:36]
        logged = {one.path for one in registry.client.list_artifacts(run_id, "evaluation")}
    for name in ("ranking.csv", "ahead.csv", "askers.csv", "recall_curve.csv"):
        assert f"evaluation/{name}" in logged


def test_an_error_marks_the_run_failed(uri: str) -> None:
    with open_registry() as registry:
        with pytest.raises(BadInput, match="nothing"), registry.run("test") as run_id:
            raise BadInput("nothing")
        assert registry.client.get_run(run_id).info.status == "FAILED"


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("models:/", r"models:/: expected models:/NAME@ALIAS, models:/NAME/VERSION or runs:/ID"),
        ("models:/alliance@champion", r"no bundle there \(MLflow at sqlite.*not found\)"),
        ("models:/alliance/7", r"models:/alliance/7: no bundle there"),
        ("runs:/0123", r"runs:/0123: no bundle there"),
    ],
)
def test_what_is_not_there_is_said(uri: str, address: str, complaint: str) -> None:
    with pytest.raises(BundleError, match=complaint) as caught:
        fetch_bundle(address)
    assert "\n" not in str(caught.value)


def test_a_run_holds_its_bundle_too(uri: str, tiny_bundle: Path) -> None:
    with open_registry() as registry, registry.run("test") as run_id:
        registry.register(run_id, tiny_bundle, {})
    fetched = fetch_bundle(f"runs:/{run_id}")
    assert Plaza.load(fetched).bundle_hash == Plaza.load(tiny_bundle).bundle_hash


def test_a_store_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "abacus://beads")
    with (
        pytest.raises(BadInput, match="MLflow at abacus://beads: ") as caught,
        open_registry() as registry,
        registry.run("test"),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_without_a_word_everything_lands_below_artifacts(
    empty: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = tmp_path / "artifacts" / "mlflow"
    store.mkdir(parents=True)
    shutil.copy(empty, store)
    with open_registry() as registry, registry.run("test") as run_id:
        registry.client.log_text(run_id, "x", "note.txt")
    assert capfd.readouterr() == ("", "")
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]
    assert sorted(path.name for path in store.iterdir()) == ["artifacts", "mlflow.db"]
    assert len(list(store.rglob("note.txt"))) == 1


def test_a_server_keeps_artifacts_where_it_wants() -> None:
    assert Registry("http://127.0.0.1:5000", None, None)._place() is None


def test_the_served_model_is_the_plaza(tiny_bundle: Path, plaza: Plaza) -> None:
    from training.served_model import RankedCreators

    model = RankedCreators()
    context = SimpleNamespace(artifacts={"bundle": str(tiny_bundle)})
    model.load_context(context)
    asked = pd.DataFrame({"merchant_id": ["m01", "m02"]})
    pd.testing.assert_frame_equal(
        model.predict(context, asked), plaza.creators_for(["m01", "m02"], k=20)
    )
