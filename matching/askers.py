"""Who asks: merchants for creators, or creators for merchants; one of them or a thousand."""

from __future__ import annotations

from dataclasses import dataclass

from matching.history import Ragged
from models.blocks import Vectors
from models.vocabulary import Rows


@dataclass(frozen=True)
class Askers:
    """``m`` merchants that ask for creators, known or not.

    Attributes
    ----------
    rows : int32 array of shape (m,)
        The merchants'; the row after the last when nobody knows one.
    products : int32 array of shape (m,)
        The products'; the row after the last for none in particular.
    vectors : float32 array of shape (m, d)
        Their inner products with a creator's vector are the affinities.
    wanted : float32 array of shape (m, number of segments)
        Audience shares they want; NaN unknown.
    partners : Ragged of m
        Creators that each works with.
    targets : float32 array of shape (m, e), optional
        Their vectors in the audience space, where those are not the ones of their rows.
    """

    rows: Rows
    products: Rows
    vectors: Vectors
    wanted: Vectors
    partners: Ragged
    targets: Vectors | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Promoters:
    """``m`` creators that ask for merchants, known or not.

    Attributes
    ----------
    rows : int32 array of shape (m,)
        The creators'; the row after the last when nobody knows one.
    vectors : float32 array of shape (m, d)
        Their inner products with a merchant's vector are the affinities.
    partners : Ragged of m
        Merchants that each works for.
    """

    rows: Rows
    vectors: Vectors
    partners: Ragged

    def __len__(self) -> int:
        return len(self.rows)
