"""Talking to MLflow: runs, artifacts, registered models. Only ``served_model`` knows it as well.

MLflow is imported when a registry is opened, never before: it costs seconds.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matching.errors import BadInput
from matching.listings import PREDICTED
from training.evaluation import Evaluation
from training.plots import save_plots

#: Name of the registered model and of the alias that serving follows.
MODEL = "alliance"
CHAMPION = "champion"

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Registry:
    """An open MLflow store.

    Attributes
    ----------
    uri : str
        Where it is.
    mlflow, client : the module, and a client of this store
    """

    uri: str
    mlflow: Any
    client: Any

    @contextmanager
    def run(self, experiment: str) -> Iterator[str]:
        """Open a run; it is marked failed when an error ends it. Yields its id."""
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            identity = self.client.create_experiment(experiment, artifact_location=self._place())
        else:
            identity = found.experiment_id
        with self.mlflow.start_run(experiment_id=identity) as run:
            yield run.info.run_id

    def _place(self) -> str | None:
        """Beside a SQLite file, so that nothing lands in the folder one happens to be in."""
        if not self.uri.startswith(_SQLITE):
            return None
        return (Path(self.uri.removeprefix(_SQLITE)).resolve().parent / "artifacts").as_uri()

    def log_evaluation(self, run_id: str, evaluation: Evaluation) -> None:
        """Log metrics, tables and plots, and the question as a dataset and as tags."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, RunTag

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, 0) for name, value in evaluation.metrics.items()]
        held = evaluation.holdout
        tags = {
            "holdout_fingerprint": held.fingerprint,
            "split": held.split,
            "direction": held.direction,
            "synthetic": str(held.past.synthetic),
        }
        self.client.log_batch(
            run_id, metrics=metrics, tags=[RunTag(name, value) for name, value in tags.items()]
        )
        # Runs on the same question show the same dataset; MLflow takes 36 letters of a digest.
        asked = Dataset(
            f"{held.split}, {held.direction}", held.fingerprint[:36], "local", json.dumps(held.told)
        )
        context = InputTag("mlflow.data.context", "evaluation")
        self.client.log_inputs(run_id, [DatasetInput(asked, [context])])
        with tempfile.TemporaryDirectory() as folder:
            evaluation.save(Path(folder))
            save_plots(evaluation, Path(folder))
            self.client.log_artifacts(run_id, folder, "evaluation")

    def register(self, run_id: str, bundle: Path, tags: Mapping[str, str]) -> str:
        """Log the bundle and a model around it; gives back the registered version."""
        from mlflow.exceptions import MlflowException

        self.client.log_artifacts(run_id, str(bundle), "bundle")
        with warnings.catch_warnings():
            # An example would be run on load, and types are told by the signature below.
            warnings.filterwarnings("ignore", "(?s).*(input example|type hint)", UserWarning)
            logged = self.mlflow.pyfunc.log_model(
                name=MODEL,
                python_model=str(Path(__file__).with_name("served_model.py")),
                # By its address in the run: a folder of another name would keep that name.
                artifacts={"bundle": f"runs:/{run_id}/bundle"},
                signature=_signature(),
                pip_requirements=[f"alliance-matching=={version('alliance-matching')}"],
            )
        try:
            self.client.get_registered_model(MODEL)
        except MlflowException:
            self.client.create_registered_model(MODEL)
        made = self.client.create_model_version(
            MODEL,
            source=logged.model_uri,
            run_id=run_id,
            model_id=logged.model_id,
            tags=dict(tags),
        )
        return str(made.version)

    def crown(self, registered: str) -> None:
        """Point the alias at a version."""
        self.client.set_registered_model_alias(MODEL, CHAMPION, registered)

    def bundle(self, address: str) -> Path:
        """Fetch the bundle of a registered model (``models:/``) or a run (``runs:/``)."""
        inside = "artifacts/bundle" if address.startswith("models:") else "bundle"
        return Path(self.mlflow.artifacts.download_artifacts(f"{address.rstrip('/')}/{inside}"))

    def champion(self) -> Any | None:
        """The version that the alias points at, or None."""
        aliases = self.client.get_registered_model(MODEL).aliases
        if CHAMPION not in aliases:
            return None
        return self.client.get_model_version(MODEL, aliases[CHAMPION])


@contextmanager
def open_registry(uri: str | None = None) -> Iterator[Registry]:
    """Open a store: this one, else what ``MLFLOW_TRACKING_URI`` names, else ``artifacts/mlflow``.

    Raises
    ------
    BadInput
        When MLflow cannot be reached or refuses.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    from mlflow.exceptions import MlflowException

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    given = os.environ.get("MLFLOW_TRACKING_URI")
    uri = uri or given or _local_uri()
    try:
        mlflow.set_tracking_uri(uri)
        yield Registry(uri, mlflow, mlflow.MlflowClient(tracking_uri=uri))
    except MlflowException as error:
        first = str(error).partition("\n")[0]
        raise BadInput(f"MLflow at {uri}: {first}") from error
    finally:
        mlflow.set_tracking_uri(given)


def _local_uri() -> str:
    folder = Path("artifacts/mlflow").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return f"{_SQLITE}{folder / 'mlflow.db'}"


def _signature() -> Any:
    """What the registered model takes and gives."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, DataType

    numbers = [ColSpec("double", name, required=False) for name in ("score", *PREDICTED)]
    return ModelSignature(
        inputs=Schema([ColSpec("string", "merchant_id")]),
        outputs=Schema(
            [
                ColSpec("string", "merchant_id"),
                ColSpec("long", "rank"),
                ColSpec("string", "creator_id"),
                *numbers,
                ColSpec(Array(DataType.string), "reasons"),
                ColSpec(Array(DataType.string), "sources"),
            ]
        ),
        params=ParamSchema([ParamSpec("k", "long", 20), ParamSpec("objective", "string", "")]),
    )
