"""ALS as RecTools and LensKit have it; imported in the environment of `make bench-setup` alone.

Parameters carry implicit's names, so that all three can be given the same ones; what is not given
stays at the library's own default.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from lenskit.als import ImplicitMFConfig, ImplicitMFScorer
from lenskit.data import from_interactions_df
from lenskit.training import TrainingOptions
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import ImplicitALSWrapperModel
from retrieval_split import Factors


class RecToolsAls(Factors):
    """`ImplicitALSWrapperModel` of RecTools around the ALS of its fork of implicit."""

    def __init__(self, **settings: Any) -> None:
        self.model = ImplicitALSWrapperModel(AlternatingLeastSquares(random_state=0, **settings))

    def fit(self, history: sp.csr_matrix) -> None:
        """Give the cells as RecTools' table of interactions."""
        columns = (Columns.User, Columns.Item, Columns.Weight)
        cells = _cells(history, *columns).assign(**{Columns.Datetime: pd.Timestamp("2000-01-01")})
        data = Dataset.construct(cells)
        self.model.fit(data)
        askers, candidates = self.model.get_vectors()
        ids = data.user_id_map.external_ids, data.item_id_map.external_ids
        self.place(history.shape, (ids[0], askers), (ids[1], candidates))


#: What implicit's parameters are called in LensKit.
LENSKIT_NAMES = {"factors": "embedding_size", "alpha": "weight", "iterations": "epochs"}


class LensKitAls(Factors):
    """`ImplicitMFScorer` of LensKit."""

    def __init__(self, **settings: Any) -> None:
        renamed = {LENSKIT_NAMES.get(name, name): value for name, value in settings.items()}
        self.model = ImplicitMFScorer(ImplicitMFConfig(**renamed))

    def fit(self, history: sp.csr_matrix) -> None:
        """Give the cells as LensKit's table of interactions."""
        data = from_interactions_df(_cells(history, "user_id", "item_id", "weight"))
        self.model.train(data, TrainingOptions(rng=0))
        askers = self.model.users.ids(), self.model.user_embeddings
        candidates = self.model.items.ids(), self.model.item_embeddings
        self.place(history.shape, askers, candidates)


def _cells(history: sp.csr_matrix, *columns: str) -> pd.DataFrame:
    cells = history.tocoo()
    return pd.DataFrame(dict(zip(columns, (cells.row, cells.col, cells.data), strict=True)))
