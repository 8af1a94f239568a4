"""Pairs of merchant and creator, column by column: what every prediction is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from models.vocabulary import Rows

Floats = npt.NDArray[np.float64]

#: What an estimator gives back to be written into a bundle: arrays and plain JSON values.
State = Mapping[str, Any]


@dataclass(frozen=True)
class Pairs:
    """``n`` pairs of merchant and creator, with the product promoted where it is known.

    Rows count from 0 in the market's vocabularies. The row after the last stands for an entity
    nobody knows yet (or, for a product, none in particular).

    Attributes
    ----------
    merchant, creator, product : int32 arrays of shape (n,)
    audience_fit : float64 array of shape (n,)
        Cosine between the audience the merchant (or product) wants and the creator's, in
        [-1, 1]; NaN where either is unknown.
    category_fit : float64 array of shape (n,)
        Share of the merchant's (or product's) categories that the creator covers, in [0, 1];
        NaN where either is unknown.
    """

    merchant: Rows
    creator: Rows
    product: Rows
    audience_fit: Floats
    category_fit: Floats

    def __len__(self) -> int:
        return len(self.merchant)

    def columns(self) -> tuple[Rows, Rows, Rows, Floats, Floats]:
        """All five, in memory as compiled loops read them."""
        rows = (self.merchant, self.creator, self.product)
        merchant, creator, product = (np.ascontiguousarray(one, dtype=np.int32) for one in rows)
        fits = (self.audience_fit, self.category_fit)
        audience_fit, category_fit = (np.ascontiguousarray(one, dtype=np.float64) for one in fits)
        return merchant, creator, product, audience_fit, category_fit

    def take(self, keep: npt.NDArray[Any] | slice) -> Pairs:
        """Those pairs that a mask, an index array or a slice picks."""
        return Pairs(*(getattr(self, field.name)[keep] for field in fields(self)))


@dataclass(frozen=True)
class Interval:
    """A point prediction with its 80 % interval; float64 arrays of shape (n,), NaN = not known."""

    point: Floats
    low: Floats
    high: Floats
