"""How evidence is laid out: which columns of the vectors hold which part, and at what scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.blocks import Vectors
from models.weighing import Part


@dataclass(frozen=True)
class Layout:
    """Where each part stands, and by what it is multiplied there.

    A creator's row holds every part times its weight. A merchant's holds it as it is; that of a
    merchant without history holds it times what the part is worth to newcomers.

    Attributes
    ----------
    columns : dict of part name to slice
        Parts of one origin with the very same merchant side share their columns. A part without
        weight has none, but for popularity.
    weights : dict of part name to float
    newcomer : dict of part name to float
        1 where absent.
    """

    columns: Mapping[str, slice]
    weights: Mapping[str, float]
    newcomer: Mapping[str, float]

    @classmethod
    def of(
        cls, parts: Sequence[Part], weights: Mapping[str, float], newcomer: Mapping[str, float]
    ) -> tuple[Layout, Vectors, Vectors]:
        """Lay parts side by side, those of one origin together.

        Returns
        -------
        layout : Layout
        merchants, creators : float32 arrays of shape (n_…, d)
            Their inner product is the weighted sum of all parts.
        """
        sharing = grouped(parts, weights)
        columns: dict[str, slice] = {}
        end = 0
        for names, part in sharing:
            start, end = end, end + part.merchants.shape[1]
            columns |= dict.fromkeys(names, slice(start, end))
        layout = cls(columns, weights, newcomer)
        merchants: Vectors = np.hstack([part.merchants for _, part in sharing])
        creators: Vectors = np.hstack([part.creators for _, part in sharing])
        merchants[layout._unsought(merchants)] *= layout._newcomer_row()
        return layout, merchants, creators

    def origins(self) -> dict[str, slice]:
        """Columns of each origin: of the collaborative parts, of each block, of popularity."""
        found: dict[str, slice] = {}
        for name, columns in self.columns.items():
            origin = name.rpartition(":")[0]
            start = found.get(origin, columns).start
            found[origin] = slice(start, columns.stop)
        return found

    def merchant_row(self, says: Mapping[str, Vectors], newcomer: bool) -> Vectors:
        """Row of a merchant of whom each part says something.

        Parameters
        ----------
        says : dict of part name to float32 array
        newcomer : bool
            Whether it has no history.
        """
        row = np.zeros(self._width, dtype=np.float32)
        for name, columns in self.columns.items():
            row[columns] = says[name]
        return row * self._newcomer_row() if newcomer else row

    def creator_row(self, says: Mapping[str, Vectors]) -> Vectors:
        """Row of a creator of whom each part says something."""
        row = np.zeros(self._width, dtype=np.float32)
        for name, columns in self.columns.items():
            row[columns] += np.float32(self.weights[name]) * says[name]
        return row

    def merchants_plain(
        self, vectors: Vectors, rows: npt.NDArray[np.integer], name: str
    ) -> Vectors | None:
        """One part of some merchants' rows as evidence has it, those of newcomers too.

        Parameters
        ----------
        vectors : float32 array of shape (n_merchants, d)
        rows : int array
        name : str
            A part; without columns there is nothing to give back.
        """
        if name not in self.columns:
            return None
        factor = self.newcomer.get(name, 1.0)
        back = np.float32(1 / factor if factor > 0 else 0)
        plain = vectors[rows, self.columns[name]]
        return np.where(self._unsought(vectors[rows])[:, None], back * plain, plain)

    def creators_plain(
        self, vectors: Vectors, rows: npt.NDArray[np.integer], name: str
    ) -> Vectors | None:
        """One part of some creators' rows, unweighted; as :meth:`merchants_plain`, mirrored.

        The part must share its columns with no other.
        """
        if name not in self.columns:
            return None
        plain: Vectors = vectors[rows, self.columns[name]] / np.float32(self.weights[name])
        return plain

    @property
    def _width(self) -> int:
        return max(int(columns.stop) for columns in self.columns.values())

    def _unsought(self, merchants: Vectors) -> npt.NDArray[np.bool_]:
        """Which merchants nobody has sought so far: those without history."""
        return np.asarray(~merchants[:, self.columns["popularity:merchants"]].any(axis=1))

    def _newcomer_row(self) -> Vectors:
        """What a row of a merchant without history is multiplied by."""
        row = np.ones(self._width, dtype=np.float32)
        for name, columns in self.columns.items():
            row[columns] = self.newcomer.get(name, 1.0)
        return row


def by_origin(parts: Sequence[Part]) -> list[Part]:
    """Parts of one origin side by side, origins in the order in which they first appear."""
    origins = list(dict.fromkeys(part.origin for part in parts))
    return sorted(parts, key=lambda part: origins.index(part.origin))


def grouped(parts: Sequence[Part], weights: Mapping[str, float]) -> list[tuple[list[str], Part]]:
    """Parts by what shares columns: merchants plain, creators times the weights.

    Neighbours with the very same merchant side share columns; a part without weight gets none,
    but for popularity, so that there always is a vector.

    Parameters
    ----------
    parts : sequence of Part
        Those of one origin side by side, as :func:`by_origin` puts them.
    weights : dict of part name to float

    Returns
    -------
    list of (names, Part)
        Each part named by its origin.
    """
    found: list[tuple[list[str], Part]] = []
    for part in parts:
        weight = np.float32(weights[part.name])
        if weight == 0 and part.origin != "popularity":
            continue
        names, creators = [part.name], weight * part.creators
        if found and found[-1][1].merchants is part.merchants:
            before = found.pop()
            names, creators = before[0] + names, before[1].creators + creators
        found.append((names, Part(part.origin, part.merchants, creators)))
    return found
