"""What stays of a block after the fit: enough to place whoever comes later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.blocks import Vectors
from models.pairs import State
from models.partners import ExpectedPartner
from models.whitening import Whitening


@dataclass(frozen=True)
class Foresight:
    """How one block whitens a newcomer's vector, and which partners it foretells.

    Attributes
    ----------
    name : str
    whitening : Whitening
    partner : ExpectedPartner or None
        From a merchant to its expected partner; None when the block knows no creator.
    client : ExpectedPartner or None
        From a creator to its expected partner; None when the block knows no merchant.
    """

    name: str
    whitening: Whitening
    partner: ExpectedPartner | None
    client: ExpectedPartner | None

    def state(self) -> State:
        """What a bundle keeps."""
        found: dict[str, State] = {"whitening": self.whitening.state()}
        for name, expected in (("partner", self.partner), ("client", self.client)):
            if expected is not None:
                found[name] = expected.state()
        return found

    @classmethod
    def from_state(cls, name: str, state: State) -> Foresight:
        """Restore what ``state`` gave."""
        partner, client = (
            ExpectedPartner(**state[side]) if side in state else None
            for side in ("partner", "client")
        )
        return cls(name, Whitening(**state["whitening"]), partner, client)


def place(
    foresights: Sequence[Foresight], vectors: Mapping[str, npt.ArrayLike]
) -> dict[str, Vectors]:
    """A newcomer's whitened vector in each block, zeros where none is given.

    Parameters
    ----------
    foresights : sequence of Foresight
    vectors : mapping of block name to vector
        As the block's own embedding gives it.

    Raises
    ------
    ValueError
        For a block that was not there at the fit, or a vector of another length.
    """
    names = [block.name for block in foresights]
    for name in vectors:
        if name not in names:
            raise ValueError(
                f"unknown block {name!r}; this affinity was fitted on: "
                f"{', '.join(names) or 'no block at all'}"
            )
    placed = {}
    for block in foresights:
        width = len(block.whitening.turn)
        given = np.asarray(vectors.get(block.name, np.zeros(width)), dtype=np.float32).ravel()
        if len(given) != width:
            raise ValueError(
                f"vector of block {block.name!r} has {len(given)} numbers; expected {width}"
            )
        placed[block.name] = block.whitening.transform(given[None, :])[0]
    return placed
