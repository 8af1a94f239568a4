"""Methods that read a whole market folder, not its matrix alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from judging import list_rows
from retrieval_split import Rows, Scores

from matching import Plaza, Where
from models.blocks import Vectors
from models.vocabulary import Vocabulary
from models.whitening import unit
from training.audience_alone import AudienceAlone
from training.fit import train_market
from training.market import Market, read_market


class _OfMarket:
    """A method that is given the folder of its split."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        told = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
        self.asks: str = told["asks"]
        self.as_of: str | None = told["as_of"]
        self.askers, self.candidates = (
            Vocabulary.of(told[side]) for side in ("askers", "candidates")
        )

    def market(self) -> Market:
        """Read the market as known at the cut."""
        return read_market(self.folder / "market", as_of=self.as_of)


class Served(_OfMarket):
    """What a plaza answers after `alliance train`, by the objective ``match``."""

    #: Lists are asked for at this length; whoever is not on one counts as not found.
    DEPTH = 50

    def fit(self, history: sp.csr_matrix) -> None:
        """Read the market, train, write a bundle and open it."""
        bundle = self.folder / "bundle"
        shutil.rmtree(bundle, ignore_errors=True)
        train_market(self.market(), bundle)
        self.plaza = Plaza.load(bundle)

    def score(self, rows: Rows) -> Scores:
        """Minus the place on the list; minus infinity for who is not on it."""
        askers = self.askers.ids[rows].tolist()
        if self.asks == "creator":
            served = self.plaza.merchants_for(
                askers, k=self.DEPTH, objective="match", exclude_worked_with=True
            )
            listed = list_rows(
                served, "creator_id", "merchant_id", askers, self.candidates, self.DEPTH
            )
        else:
            pool = np.load(self.folder / "among.npy", allow_pickle=False)
            where = Where(creator_ids=self.candidates.ids[pool].tolist())
            served = self.plaza.creators_for(askers, k=self.DEPTH, objective="match", where=where)
            listed = list_rows(
                served, "merchant_id", "creator_id", askers, self.candidates, self.DEPTH
            )
        scores = np.full((len(rows), len(self.candidates)), -np.inf, dtype=np.float32)
        asker, place = np.nonzero(listed >= 0)
        scores[asker, listed[asker, place]] = -place
        return scores


class PlainCosine(_OfMarket):
    """Cosines of the vectors as they are given, added up over the spaces; nothing is learnt."""

    def fit(self, history: sp.csr_matrix) -> None:
        """Place every vector; an entity without one takes the mean place of its partners."""
        table = self.market().table("embeddings")
        asked_for = "creator" if self.asks == "merchant" else "merchant"
        spaces = [
            (_placed(space, self.asks, self.askers), _placed(space, asked_for, self.candidates))
            for _, space in table.groupby("space", sort=True)
        ]
        self.cosines = AudienceAlone(spaces).fit(history)

    def score(self, rows: Rows) -> Scores:
        """Sum of cosines over the spaces."""
        return self.cosines.score(rows)


def _placed(space: pd.DataFrame, entity: str, ids: Vocabulary) -> Vectors:
    """Vectors of length one by row, zeros for who has none; ``space`` is a part of embeddings."""
    placed = np.zeros((len(ids), len(space["vector"].iloc[0])), dtype=np.float32)
    part = space[space["entity"] == entity]
    rows, known = ids.find(part["entity_id"])
    if len(rows):
        placed[rows] = unit(np.stack(part["vector"][known].to_list()).astype(np.float32))
    return placed
