"""What a merchant's cooperations are measured by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.pairs import Floats

#: Who the peers are, from the closest circle to the widest.
CIRCLES = ("the same industry and tier", "the same industry", "the market")


@dataclass(frozen=True)
class Yardstick:
    """The average of each merchant's peers, itself left out; arrays of shape (merchants,).

    Attributes
    ----------
    usual : float64 array
        NaN where no other merchant's figure is known.
    doubt : float64 array
        Variance of its log.
    circle : int64 array
        Place in `CIRCLES` of the closest circle that holds any peers.
    peers : int64 array
        How many merchants are in it.
    """

    usual: Floats
    doubt: Floats
    circle: npt.NDArray[np.int64]
    peers: npt.NDArray[np.int64]
