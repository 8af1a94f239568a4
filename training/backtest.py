"""A question to a model: what is held out of a market, and the market as it was without it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from matching.errors import BadInput
from models.vocabulary import Rows, Vocabulary
from training.entities import Entities
from training.market import Market
from training.meetings import pairs_matrix

#: Who is asked for: by merchants, or by creators.
DIRECTIONS = ("creators", "merchants")


@dataclass(frozen=True)
class Holdout:
    """What is held out of a market, and the market without it; :mod:`training.holdouts` makes it.

    Askers and candidates are merchants and creators, or the other way round, as ``direction`` says.
    Rows and columns are those of the vocabularies of the past: who appeared later could not have
    been served, by nobody, and is asked of nobody. Where the newcomers of a cold split are asked
    for, they alone compete: they alone can be right, and against those with a past whatever knows
    popularity would never name one of them.

    Attributes
    ----------
    split : str
        One of :data:`training.holdouts.SPLITS`.
    direction : {"creators", "merchants"}
        Who is asked for.
    how : dict
        What the split was made by: ``days``, or ``share`` and ``seed``.
    as_of : Timestamp
        The end of what is held out.
    past : Market
        All that may be learnt from; known up to :attr:`cut`.
    ids : Entities
        Of the past.
    later : DataFrame
        The promotions held out, of whomever.
    met : int8 csr matrix of ones (askers × candidates)
        Pairs that had worked together in the past.
    found : int8 csr matrix of ones (askers × candidates)
        Pairs that worked together in what is held out, and not in the past.
    among : int32 array
        Columns that compete, in row order: those with a past and without, or the newcomers alone.
    """

    split: str
    direction: str
    how: Mapping[str, Any]
    as_of: pd.Timestamp
    past: Market
    ids: Entities
    later: pd.DataFrame
    met: sparse.csr_matrix
    found: sparse.csr_matrix
    among: Rows

    @classmethod
    def of(
        cls,
        split: str,
        direction: str,
        how: Mapping[str, Any],
        *,
        as_of: pd.Timestamp,
        past: Market,
        later: pd.DataFrame,
        among: npt.NDArray[Any] | None = None,
    ) -> Self | None:
        """Ask who of ``later`` will be found from the past; None where there is nobody to find.

        Parameters
        ----------
        split, direction, how, as_of, past, later
            As the attributes.
        among : array of str, optional
            Ids of the candidates that compete; all where not given.

        Raises
        ------
        BadInput
            When there is no such direction.
        """
        if direction not in DIRECTIONS:
            raise BadInput(f"direction is {direction!r}; expected creators or merchants")
        later = later.reset_index(drop=True)
        ids = Entities.of(past)
        met = pairs_matrix(past.table("promotions"), ids.merchants, ids.creators)
        found = pairs_matrix(later, ids.merchants, ids.creators)
        found = (found - found.multiply(met)).tocsr()
        found.eliminate_zeros()
        if not found.nnz:
            return None
        if direction == "merchants":
            met, found = met.T.tocsr(), found.T.tocsr()
        candidates = ids.creators if direction == "creators" else ids.merchants
        everybody = np.arange(len(candidates), dtype=np.int32)
        competing = everybody if among is None else np.unique(candidates.find(among)[0])
        return cls(split, direction, how, as_of, past, ids, later, met, found, competing)

    @property
    def cut(self) -> pd.Timestamp:
        """Nothing later than this is in the past."""
        return self.past.as_of

    @property
    def askers(self) -> Rows:
        """Rows of the askers that have somebody to find."""
        return np.flatnonzero(np.diff(self.found.indptr)).astype(np.int32)

    @property
    def asking(self) -> Vocabulary:
        """Ids of the rows."""
        return self.ids.merchants if self.direction == "creators" else self.ids.creators

    @property
    def candidates(self) -> Vocabulary:
        """Ids of the columns."""
        return self.ids.creators if self.direction == "creators" else self.ids.merchants

    def places(self, lists: Rows) -> Rows:
        """Lists of columns as lists of places in :attr:`among`; -1 stays where one has ended."""
        places = np.full(len(self.candidates) + 1, -1, dtype=np.int32)
        places[self.among] = np.arange(len(self.among), dtype=np.int32)
        return places[lists]

    @property
    def newcomers_compete(self) -> bool:
        """Whether those asked for are the cold ones themselves, and nobody else competes."""
        return self.split == f"cold-{self.direction}"

    def known_to(self, as_of: pd.Timestamp) -> bool:
        """Whether what was trained on this market up to a moment may have seen the answers."""
        return self.split != "temporal" or as_of > self.cut

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the cut and of every new pair: the same for the same question."""
        pairs = self.found.tocoo()
        askers, candidates = self.asking.ids[pairs.row], self.candidates.ids[pairs.col]
        lines = sorted(f"{one}\t{other}" for one, other in zip(askers, candidates, strict=True))
        # The usual question has no name in it, as before there were others: what was measured
        # then can be compared with what is measured now.
        usual = (self.split, self.direction) == ("temporal", "creators")
        name = [] if usual else [f"{self.split} {self.direction}"]
        return hashlib.sha256("\n".join([*name, self.cut.isoformat(), *lines]).encode()).hexdigest()

    @property
    def told(self) -> str:
        """The question in words."""
        who = "merchants" if self.direction == "creators" else "creators"
        asking, pairs = f"{len(self.askers):,} {who}", f"{self.found.nnz:,} pairs"
        asked = f"{asking} ask for {self.direction}; {pairs}"
        if self.split == "temporal":
            return f"{asked} met first from {self.cut:%Y-%m-%d} to {self.as_of:%Y-%m-%d}"
        if self.split == "leave-last":
            return f"{asked} are held out, of each the last partner"
        which = f"{100 * self.how['share']:g} % by seed {self.how['seed']}"
        if self.newcomers_compete:
            among = f"{len(self.among):,} {self.direction} without a past"
            return f"{asking} ask which of the {among} ({which}); {pairs} to find"
        return f"{asking} without a past ({which}) ask for {self.direction}; {pairs} to find"

    @property
    def params(self) -> dict[str, Any]:
        """What tells this question from others, by the names that runs are filtered by."""
        names = {"days": "holdout_days", "share": "share", "seed": "split_seed"}
        return {
            "split": self.split,
            "direction": self.direction,
            **{names[name]: value for name, value in self.how.items()},
            "cut": self.cut.isoformat(),
            "holdout_fingerprint": self.fingerprint,
        }
