"""Who asks: a merchant for creators, or a creator for merchants."""

from __future__ import annotations

from dataclasses import dataclass

from models.blocks import Vectors
from models.vocabulary import Rows


@dataclass(frozen=True)
class Asker:
    """A merchant that asks for creators, known or not.

    Attributes
    ----------
    row : int
        The merchant's; the row after the last when nobody knows it.
    product : int
        The product's; the row after the last for none in particular.
    vector : float32 array of shape (d,)
        Its inner product with a creator's vector is the affinity.
    wanted : float32 array of shape (number of segments,)
        Audience shares it wants; NaN unknown.
    partners : int32 array
        Creators it works with.
    target : float32 array, optional
        Its vector in the audience space, where that is not the one of its row.
    """

    row: int
    product: int
    vector: Vectors
    wanted: Vectors
    partners: Rows
    target: Vectors | None = None


@dataclass(frozen=True)
class Promoter:
    """A creator that asks for merchants, known or not.

    Attributes
    ----------
    row : int
        The creator's; the row after the last when nobody knows it.
    vector : float32 array of shape (d,)
        Its inner product with a merchant's vector is the affinity.
    partners : int32 array
        Merchants it works for.
    """

    row: int
    vector: Vectors
    partners: Rows
