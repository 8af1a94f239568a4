"""Events in, batch by batch; a signed matrix of merchants × creators out."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_matrix, csr_matrix

from models.columns import Codes, GrowingDictionary, moment, moments, numbers
from models.decay import GRID, decay, in_grid_steps
from models.events import EVENT_KINDS, EventWeights, kind_codes, market_events
from models.vocabulary import Vocabulary

__all__ = ["EVENT_KINDS", "EventWeights", "InteractionBuilder", "Interactions", "market_events"]

Weights = npt.NDArray[np.float64]

# Events wait until they are this many before they are sorted and summed: enough that few
# additions of matrices follow, while 16 bytes each are little beside the result.
_WAITING = 1 << 22


@dataclass(frozen=True)
class Interactions:
    """How much merchants and creators have had to do with each other, signed.

    Attributes
    ----------
    matrix : float32 csr_matrix of shape (n_merchants, n_creators)
        Sums of decayed event weights; indices sorted, no explicit zeros. A negative cell is a
        pair that went wrong, an absent one a pair of which nothing is known.
    merchants, creators : Vocabulary
        What rows and columns stand for.
    """

    matrix: csr_matrix
    merchants: Vocabulary
    creators: Vocabulary

    def positive(self) -> csr_matrix:
        """Only the cells above zero, which is what factor models of implicit feedback take."""
        kept = self.matrix.copy()
        np.maximum(kept.data, 0, out=kept.data)
        kept.eliminate_zeros()
        return kept


class InteractionBuilder:
    """Sum events, batch by batch, into ``Interactions``.

    Ids are numbered by growing dictionaries; events wait until there are some millions, then
    become a summed sparse matrix, and matrices of like size are added to each other. Memory thus
    follows the number of distinct pairs, not of events. The result depends neither on how the
    events are split into batches nor on their order.

    Parameters
    ----------
    as_of : timestamp, datetime or ISO string
        The moment of knowledge, UTC where it names no zone. Later events are refused.
    weights : EventWeights, optional
    half_life_days : float or None
        Days after which an event counts half; None for no decay.

    Raises
    ------
    ValueError
        For an ``as_of`` that is no time or a half-life that is not above 0.

    Examples
    --------
    >>> builder = InteractionBuilder(as_of="2024-07-01", half_life_days=30)
    >>> builder.add(["m1", "m1"], ["c2", "c1"], "posted", ["2024-07-01", "2024-06-01"])
    >>> builder.build().matrix.toarray().tolist()
    [[0.5, 1.0]]
    """

    def __init__(
        self,
        *,
        as_of: Any,
        weights: EventWeights | None = None,
        half_life_days: float | None = 180.0,
    ) -> None:
        if half_life_days is not None and not half_life_days > 0:
            raise ValueError(
                f"half_life_days is {half_life_days}; give days above 0, or None for no decay"
            )
        self.as_of = moment(as_of)
        self.weights = EventWeights() if weights is None else weights
        self.half_life_days = half_life_days
        self._merchants = GrowingDictionary("merchant_ids")
        self._creators = GrowingDictionary("creator_ids")
        self._waiting: list[tuple[pa.DictionaryArray, pa.DictionaryArray, Weights]] = []
        self._runs: list[csr_matrix] = []

    def add(
        self,
        merchant_ids: Any,
        creator_ids: Any,
        kind: Any,
        occurred_at: Any = None,
        amount: Any = None,
    ) -> None:
        """Count one batch of ``n`` events.

        Parameters
        ----------
        merchant_ids, creator_ids : n strings, as Arrow, pandas, numpy or a list
            Dictionary-encoded Arrow arrays and pandas categoricals are taken as they are.
        kind : str, or n names or codes of ``EVENT_KINDS``
        occurred_at : n UTC times, optional
            A missing time means no decay.
        amount : n numbers of at least 0, optional
            How many such events a row stands for; a missing one means one.

        Raises
        ------
        ValueError
            For missing ids, unequal lengths, an unknown kind, a negative or infinite amount, or
            an event after ``as_of``. The builder is then as it was before the call.
        """
        merchants = self._merchants.encode(merchant_ids)
        creators = self._creators.encode(creator_ids)
        _same_length(len(merchants), creators, "creator_ids")
        weight = self._decayed(len(merchants), kind, occurred_at, amount)
        self._waiting.append((merchants, creators, weight))
        if sum(len(part[-1]) for part in self._waiting) >= _WAITING:
            self._settle()

    def build(
        self, merchants: Vocabulary | None = None, creators: Vocabulary | None = None
    ) -> Interactions:
        """Everything counted so far, as a matrix; more may be added afterwards.

        Parameters
        ----------
        merchants, creators : Vocabulary, optional
            Default: the ids met. Given ones may hold more ids; those have empty rows.

        Raises
        ------
        ValueError
            When a given vocabulary lacks an id that was met.
        """
        self._settle()
        merchants = Vocabulary.of(list(self._merchants.numbers)) if merchants is None else merchants
        creators = Vocabulary.of(list(self._creators.numbers)) if creators is None else creators
        rows = _rows_of(self._merchants, merchants)
        columns = _rows_of(self._creators, creators)
        while len(self._runs) > 1:
            self._add_last_two()
        matrix = csr_matrix((len(merchants), len(creators)), dtype=np.float32)
        if self._runs:
            matrix = _rearranged(self._runs[0], rows, columns, matrix.shape)
        return Interactions(matrix, merchants, creators)

    def _decayed(self, n: int, kind: Any, occurred_at: Any, amount: Any) -> Weights:
        """Weight of each of ``n`` events, on the grid."""
        if isinstance(kind, str):
            weight = np.full(n, self.weights.of(kind))
        else:
            codes = kind_codes(kind)
            _same_length(n, codes, "kind")
            weight = self.weights.as_array()[codes]
        if amount is not None:
            counts = numbers(amount)
            _same_length(n, counts, "amount")
            wrong = (counts < 0) | np.isinf(counts)
            if wrong.any():
                raise ValueError(
                    f"amount holds {counts[wrong][0]}; give finite numbers of at least 0"
                )
            weight *= np.where(np.isnan(counts), 1.0, counts)
        if occurred_at is not None:
            times = moments(occurred_at)
            _same_length(n, times, "occurred_at")
            late = times > self.as_of
            if late.any():
                raise ValueError(
                    f"{late.sum()} events come after as_of {self.as_of}, the first at "
                    f"{times[late].min()}; leave them out or move as_of"
                )
            if self.half_life_days is not None:
                half_lives = (self.as_of - times) / np.timedelta64(1, "D") / self.half_life_days
                weight *= decay(np.nan_to_num(half_lives, nan=0.0))
        return in_grid_steps(weight) / GRID

    def _settle(self) -> None:
        """Sum the waiting events; keep the sums like the digits of a binary counter."""
        if not self._waiting:
            return
        merchants, creators, weights = zip(*self._waiting, strict=True)
        self._waiting.clear()
        rows = self._merchants.codes(list(merchants))
        columns = self._creators.codes(list(creators))
        shape = (len(self._merchants), len(self._creators))
        events = coo_matrix((np.concatenate(weights), (rows, columns)), shape=shape)
        self._runs.append(events.tocsr())
        while len(self._runs) > 1 and self._runs[-2].nnz < 2 * self._runs[-1].nnz:
            self._add_last_two()

    def _add_last_two(self) -> None:
        last, before = self._runs.pop(), self._runs.pop()
        before.resize(last.shape)
        self._runs.append(before + last)


def _same_length(n: int, values: Sized, name: str) -> None:
    if len(values) != n:
        raise ValueError(f"{name} holds {len(values)} values for {n} merchant_ids; give {n}")


def _rows_of(met: GrowingDictionary, vocabulary: Vocabulary) -> Codes:
    """Row in the vocabulary of every id met, by its number."""
    rows, known = vocabulary.find(list(met.numbers))
    if not known.all():
        lacking = [word for word, found in zip(met.numbers, known, strict=True) if not found]
        raise ValueError(
            f"the given vocabulary lacks {len(lacking)} of the {met.name} met, such as "
            f"{lacking[0]!r}; give one that holds them all"
        )
    return rows


def _rearranged(run: csr_matrix, rows: Codes, columns: Codes, shape: tuple[int, int]) -> csr_matrix:
    """Move code (i, j) to (rows[i], columns[j]), as float32 with sorted indices."""
    lengths = np.zeros(shape[0] + 1, dtype=np.int64)
    lengths[1 + rows] = np.diff(run.indptr)
    order = np.argsort(rows)
    by_row = csr_matrix((run.data.astype(np.float32), run.indices, run.indptr), shape=run.shape)[
        order
    ]
    moved = csr_matrix(
        (by_row.data, columns[by_row.indices], np.cumsum(lengths).astype(run.indptr.dtype)),
        shape=shape,
    )
    moved.eliminate_zeros()
    moved.sort_indices()
    return moved
