"""What was learnt from a market, as one value: written by training, read by the plaza."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from matching.bundle import Bundle, BundleWriter
from matching.catalog import Catalog
from matching.diagnosis import Cooperations
from matching.history import History
from matching.ledger import RatingLedger
from matching.outlook import Outlook
from matching.search.index import CreatorIndex
from matching.variety import Crowding
from models.blocks import Block, Vectors
from models.fits import PairFits
from models.outcome import OutcomeModel
from models.overlap import Overlap
from models.share_space import ShareSpace
from models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from models.affinity import Affinity

_BLOCK_ARRAYS = tuple(field.name for field in fields(Block) if field.name != "name")


@dataclass(frozen=True)
class Learnt:
    """What a plaza answers from.

    Attributes
    ----------
    merchants, creators, products : DataFrame in vocabulary order
        ``id``, ``name`` and, for filters and reasons, what the market's tables say. Products also
        have ``merchant_row`` (int32; -1 unknown).
    segments : list of (dimension, segment)
    merchant_shares : float32 array of shape (number of merchants, number of segments)
        Audience each merchant wants; NaN unknown.
    creator_share_low, creator_share_high : float32 arrays of shape (creators, segments)
        Bounds of each share of a creator's audience; NaN unknown.
    merchant_vectors, creator_vectors : float32 arrays of shape (n, d)
        Their inner product is the affinity.
    usual_merchant, usual_creator : float32 arrays of shape (d,)
        Means of those vectors: what speaks for somebody is what sets it apart from the usual one.
    parts : dict of str to slice
        Which columns of the vectors belong to which part of the affinity.
    blocks : dict of name to Block
    space : ShareSpace
        Where a bare target audience is embedded.
    affinity : callable
        Gives the estimator that embeds those who were not there at the fit. It is read when the
        first of them asks, since what it stands on takes two seconds to import.
    outcomes : OutcomeModel
    interactions : csr matrix (merchants × creators)
        Weighted, time-decayed events that the affinity was learnt from.
    history : History
    index : CreatorIndex
        Over the creators' vectors.
    crowding : Crowding
        What places in everybody's lists cost.
    cooperations : callable
        Gives the past promotions that a diagnosis reads; read when the first one is asked for.
    ledger : callable
        Gives what was expected of each past promotion and what came; read when somebody asks.
    overlap : callable
        Gives the viewers that merchants and creators share, None where nobody tells of single
        viewers; read when somebody asks.
    outlook : callable
        Gives where each creator's account is going; read when somebody asks.
    fingerprints : callable
        Gives a number for each merchant that tells whether the market says anything new of it
        (uint64 array); a batch job asks, a request never does.
    """

    merchants: pd.DataFrame
    creators: pd.DataFrame
    products: pd.DataFrame
    segments: list[tuple[str, str]]
    merchant_shares: Vectors
    creator_share_low: Vectors
    creator_share_high: Vectors
    merchant_vectors: Vectors
    creator_vectors: Vectors
    usual_merchant: Vectors
    usual_creator: Vectors
    parts: Mapping[str, slice]
    blocks: Mapping[str, Block]
    space: ShareSpace
    affinity: Callable[[], Affinity]
    outcomes: OutcomeModel
    interactions: sparse.csr_matrix
    history: History
    index: CreatorIndex
    crowding: Crowding
    cooperations: Callable[[], Cooperations]
    ledger: Callable[[], RatingLedger]
    overlap: Callable[[], Overlap | None]
    outlook: Callable[[], Outlook]
    fingerprints: Callable[[], npt.NDArray[np.uint64]]

    @cached_property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary, Vocabulary]:
        """Ids of merchants, creators and products."""
        merchants, creators, products = (
            Vocabulary(pd.Index(table["id"], dtype=object))
            for table in (self.merchants, self.creators, self.products)
        )
        return merchants, creators, products

    @property
    def popularity(self) -> slice:
        """Columns of the vectors that say how sought somebody is; none where it says nothing."""
        return self.parts.get("popularity", slice(0, 0))

    def catalog(self) -> Catalog:
        """Columns that filters read."""
        return Catalog.of(
            self.vocabularies[1],
            self.creators,
            self.segments,
            self.creator_share_low,
            self.creator_share_high,
        )

    def fits(self) -> PairFits:
        """How well audience and categories of a pair fit."""
        return PairFits(self.blocks.get("audience"), self.blocks.get("category"))

    def write(self, writer: BundleWriter) -> None:
        """Write everything into a bundle."""
        for name in ("merchants", "creators", "products"):
            writer.table(name, getattr(self, name))
        for name in _ARRAYS:
            writer.array(name, getattr(self, name))
        writer.state("segments", {"segments": [list(one) for one in self.segments]})
        for i, block in enumerate(self.blocks.values()):
            arrays = {name: getattr(block, name) for name in _BLOCK_ARRAYS}
            writer.state(f"blocks/{i}", {"name": block.name, **arrays})
        writer.state("space", self.space.state())
        writer.state("affinity", self.affinity().state())
        writer.state("parts", {name: [one.start, one.stop] for name, one in self.parts.items()})
        writer.state("outcomes", self.outcomes.state())
        matrix = self.interactions
        arrays = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
        writer.state("interactions", {**arrays, "shape": list(matrix.shape)})
        writer.state("history", self.history.state())
        writer.state("crowding", self.crowding.state())
        writer.state("cooperations", self.cooperations().state())
        writer.state("ledger", self.ledger().state())
        overlap = self.overlap()
        writer.state("overlap", {} if overlap is None else overlap.state())
        writer.state("outlook", self.outlook().state())
        writer.array("merchant_fingerprints", self.fingerprints())
        facts = self.index.save(writer.path("index.faiss"))
        writer.state("index", {**facts, "blocks": len(self.blocks)})

    @classmethod
    def read(cls, bundle: Bundle) -> Learnt:
        """Read what :meth:`write` wrote; large arrays stay on disk until touched."""
        arrays: dict[str, Any] = {name: bundle.array(name) for name in _ARRAYS}
        facts = dict(bundle.state("index"))
        matrix = bundle.state("interactions")
        cells = (matrix["data"], matrix["indices"], matrix["indptr"])
        blocks = [Block(**bundle.state(f"blocks/{i}")) for i in range(facts.pop("blocks"))]
        creator_vectors = bundle.array("affinity/creator_vectors")
        return cls(
            merchants=bundle.table("merchants"),
            creators=bundle.table("creators"),
            products=bundle.table("products"),
            segments=[(one, other) for one, other in bundle.state("segments")["segments"]],
            merchant_vectors=bundle.array("affinity/merchant_vectors"),
            creator_vectors=creator_vectors,
            parts={name: slice(*ends) for name, ends in bundle.state("parts").items()},
            blocks={block.name: block for block in blocks},
            space=ShareSpace.from_state(bundle.state("space")),
            affinity=cache(lambda: _read_affinity(bundle)),
            outcomes=OutcomeModel.from_state(bundle.state("outcomes")),
            interactions=sparse.csr_matrix(cells, shape=tuple(matrix["shape"])),
            history=History.from_state(bundle.state("history")),
            index=CreatorIndex.load(bundle.folder / "index.faiss", creator_vectors, facts),
            crowding=Crowding.from_state(bundle.state("crowding")),
            cooperations=cache(lambda: Cooperations.from_state(bundle.state("cooperations"))),
            ledger=cache(lambda: RatingLedger.from_state(bundle.state("ledger"))),
            overlap=cache(lambda: _read_overlap(bundle)),
            outlook=cache(lambda: Outlook.from_state(bundle.state("outlook"))),
            fingerprints=cache(lambda: bundle.array("merchant_fingerprints")),
            **arrays,
        )


def _read_overlap(bundle: Bundle) -> Overlap | None:
    state = bundle.state("overlap")
    return Overlap.from_state(state) if state else None


def _read_affinity(bundle: Bundle) -> Affinity:
    from models.affinity import Affinity

    return Affinity.from_state(bundle.state("affinity"))


_ARRAYS = (
    "merchant_shares",
    "creator_share_low",
    "creator_share_high",
    "usual_merchant",
    "usual_creator",
)
