"""The methods that are measured: what each is made of, and the settings it is measured at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from retrieval_split import Factors
from threadpoolctl import threadpool_limits

from models.collaborative import CollaborativeFactors

Settings = Mapping[str, Any]


class OfImplicit(Factors):
    """A factor model of implicit, at the library's own defaults where nothing is given.

    Parameters
    ----------
    kind : callable
        The model's class; biases of BPR are columns of its factors.
    **settings
        Its parameters.
    """

    def __init__(self, kind: Callable[..., Any], **settings: Any) -> None:
        self.kind = kind
        self.settings = settings

    def fit(self, history: sp.csr_matrix) -> None:
        """Fit on the cells as they are."""
        with threadpool_limits(1, user_api="blas"):  # as implicit asks for
            model = self.kind(use_gpu=False, random_state=0, **self.settings)
            model.fit(history, show_progress=False)
        self.askers, self.candidates = model.user_factors, model.item_factors


ImplicitAls = partial(OfImplicit, AlternatingLeastSquares)
ImplicitBpr = partial(OfImplicit, BayesianPersonalizedRanking)


class Ours(Factors):
    """`CollaborativeFactors`: the fast default, or `quality`."""

    def __init__(self, quality: bool = False) -> None:
        self.model = CollaborativeFactors.quality() if quality else CollaborativeFactors()

    def fit(self, history: sp.csr_matrix) -> None:
        """Fit on the cells as they are."""
        self.model.fit(history)
        self.askers, self.candidates = self.model.merchant_factors_, self.model.creator_factors_


@dataclass(frozen=True)
class Entry:
    """A line of the table.

    Attributes
    ----------
    label : str
        What the table calls it.
    maker : str
        ``module:Class`` of the adapter.
    settings : mapping
        What the adapter is made with.
    grid : mapping of str to sequence
        Settings to be chosen on an inner split of what is learnt from, all combinations.
    chosen : mapping of set name to settings
        Where the choice was made before and is not made again.
    as_chosen_by : str
        Key of another entry, whose choice this one takes over.
    bench : bool
        Runs in the environment of `make bench-setup`.
    market : bool
        Reads a market folder, and is given its place.
    cold : bool
        Can rank for somebody who has no history.
    most_candidates : int
        More do not fit.
    """

    label: str
    maker: str
    settings: Settings = field(default_factory=dict)
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    chosen: Mapping[str, Settings] = field(default_factory=dict)
    as_chosen_by: str = ""
    bench: bool = False
    market: bool = False
    cold: bool = False
    most_candidates: int | None = None

    def choices(self) -> list[Settings]:
        """All combinations of the grid."""
        return [
            dict(zip(self.grid, values, strict=True))
            for values in itertools.product(*self.grid.values())
        ]


#: Known to be good on Gowalla; a grid of fits would take an hour there.
_ON_GOWALLA = {"factors": 256, "regularization": 100.0, "alpha": 100.0}
_TUNED = "als-tuned"

METHODS: dict[str, Entry] = {
    "popularity": Entry("popularity", "training.baselines:Popularity", cold=True),
    "item-knn": Entry(
        "item-kNN, cosine",
        "training.baselines:ItemNeighbours",
        grid={"shrink": (0.0, 5.0, 20.0, 100.0)},
        chosen={"gowalla": {"shrink": 5.0}},
    ),
    "ease": Entry(
        "EASE",
        "training.baselines:Ease",
        grid={"penalty": (10.0, 20.0, 50.0, 100.0, 200.0, 500.0)},
        most_candidates=10_000,
    ),
    "als": Entry("implicit ALS, its defaults", "retrieval_methods:ImplicitAls"),
    _TUNED: Entry(
        "implicit ALS, tuned",
        "retrieval_methods:ImplicitAls",
        grid={
            "factors": (64, 256),
            "regularization": (1.0, 10.0, 100.0),
            "alpha": (5.0, 40.0, 100.0),
        },
        chosen={"gowalla": _ON_GOWALLA},
    ),
    "rectools": Entry("RecTools ALS, its defaults", "retrieval_rivals:RecToolsAls", bench=True),
    "rectools-tuned": Entry(
        "RecTools ALS, tuned", "retrieval_rivals:RecToolsAls", as_chosen_by=_TUNED, bench=True
    ),
    "lenskit": Entry("LensKit ALS, its defaults", "retrieval_rivals:LensKitAls", bench=True),
    "lenskit-tuned": Entry(
        "LensKit ALS, tuned",
        "retrieval_rivals:LensKitAls",
        # It solves exactly: at 256 numbers one of its ten epochs takes 43 CPU seconds.
        chosen={"gowalla": {**_ON_GOWALLA, "factors": 64}},
        as_chosen_by=_TUNED,
        bench=True,
    ),
    "bpr": Entry("implicit BPR, its defaults", "retrieval_methods:ImplicitBpr"),
    "cosine": Entry(
        "untrained cosine of given vectors", "retrieval_markets:PlainCosine", market=True, cold=True
    ),
    "default": Entry("CollaborativeFactors()", "retrieval_methods:Ours"),
    "quality": Entry(
        "CollaborativeFactors.quality()", "retrieval_methods:Ours", settings={"quality": True}
    ),
    "served": Entry("alliance, as served", "retrieval_markets:Served", market=True, cold=True),
}
