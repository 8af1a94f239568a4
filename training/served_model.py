"""The registered model's face in MLflow: a table of merchants in, their ranked creators out.

MLflow keeps this file as it is ("models from code") and runs it where the model is loaded; nothing
is pickled. Serving without MLflow needs none of it: ``matching.Plaza`` reads the bundle alone.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from matching import Plaza


class RankedCreators(PythonModel):  # type: ignore[misc]
    """Ranks creators for each merchant of a table, out of the bundle logged with it."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle."""
        self._plaza = Plaza.load(context.artifacts["bundle"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Rank the best ``k`` creators for each ``merchant_id``, by ``objective``."""
        asked = {"k": 20, "objective": "", **(params or {})}
        return self._plaza.creators_for(
            model_input["merchant_id"].tolist(),
            k=int(asked["k"]),
            objective=asked["objective"] or None,
        )


set_model(RankedCreators())
