"""Steps of the chain as products: what each grouping of the promotions multiplies by.

A step's tables add logs (`models.loglinear`), so its prediction is a product of one factor for
each of creator, merchant, product, pair, deal, fits and taste. Each is told relative to the usual
one of the market, and the usual ones together are the market's level::

    level   = usual creator × usual merchant × usual product × usual fits × usual taste × never met
    factor  = what this creator (merchant, …) multiplies by / what the usual one does

so that the level times all factors is the prediction, whatever is taken as usual. Usual is the
median: of all creators, merchants and products, and, for what two of them make of each other, of
all pairs on a grid of merchants and creators. Pairs and deals are usually those that never met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.blocks import Vectors
from models.chain import Chain
from models.exposure import ExposureModel
from models.loglinear import GROUPINGS, fit_cells
from models.pairs import Floats, Pairs

Rows = npt.NDArray[np.integer]

#: Groupings of which an entity of the market is the usual one.
ENTITIES = ("creator", "merchant", "product")
#: Groupings in which a pair usually has no row of its own.
MEETINGS = ("pair", "deal")
#: Groupings that differ between the products of an assortment.
BY_PRODUCT = ("product", "deal")


@dataclass(frozen=True)
class Factors:
    """What one step multiplies by.

    Attributes
    ----------
    logs : dict of grouping to float64 array
        Log of the factor of each row, in the order of `GROUPINGS`; of means, not of medians.
    tastes, wanted : float32 arrays
        As in `models.tastes.Tasted`.
    scale : float
        A factor that is the same for everybody.
    amount : bool
        Whether this is an amount, counted from 1, rather than a rate, which ends at 1.
    """

    logs: Mapping[str, Floats]
    tastes: Vectors
    wanted: Vectors
    scale: float
    amount: bool

    @classmethod
    def of(cls, chain: Chain, name: str) -> Factors:
        """Factors of one step of a chain, by the name it has in `Chain.steps`."""
        names, folded = list(chain.steps()), chain.forecast.folded
        step, place = chain.steps()[name], names.index(name)
        amount = isinstance(step, ExposureModel)
        # Means of amounts grow with the variance of their log, rates do not.
        told = folded.table[:, 2 * place] + (0.5 * amount) * folded.table[:, 2 * place + 1]
        width = folded.wanted.shape[1]
        return cls(
            dict(zip(GROUPINGS, np.split(told, folded.first), strict=True)),
            folded.tastes[:, place * width : (place + 1) * width],
            folded.wanted,
            step.mean_factor_ if isinstance(step, ExposureModel) else 1.0,
            amount,
        )

    def taste(self, creator: Rows, portrait: Rows) -> Floats:
        """Log of what creators' tastes make of portraits; float64 array of shape (n,)."""
        # Doubles, as in `models.loglinear.taste_of`. Not a product of matrices: its last digits
        # would depend on the threads.
        each = self.tastes[creator].astype(np.float64) * self.wanted[portrait]
        liked: Floats = each[:, :-1].sum(axis=1)
        return liked + (0.5 * self.amount) * each[:, -1]

    def limited(self, product: float) -> float:
        """The prediction, from the product of all factors.

        Amounts are learnt as one more than they are, so that none has a log; rates end at 1.
        """
        return max(product - 1.0, 0.0) if self.amount else min(product, 1.0)

    def usual(self, grid: Pairs, rows: Mapping[str, Rows]) -> dict[str, float]:
        """Log of the usual factor of each grouping, and of ``taste``.

        Parameters
        ----------
        grid : Pairs
            Of merchants and creators, without products.
        rows : dict of grouping to int array
            Of the grid, as `rows_of` gives them.
        """
        found = {}
        for name, logs in self.logs.items():
            if name in MEETINGS:
                found[name] = float(logs[-1])
            elif name in ENTITIES:
                found[name] = middle(logs[:-1], logs[-1])
            else:
                found[name] = middle(logs[rows[name]], logs[-1])
        found["taste"] = middle(self.taste(grid.creator, grid.merchant), 0.0)
        return found


def rows_of(chain: Chain, pairs: Pairs) -> dict[str, Rows]:
    """Row of each pair in the table of each grouping."""
    together, deals = chain.meetings.find(pairs)
    fits = fit_cells(pairs.audience_fit), fit_cells(pairs.category_fit)
    rows = (pairs.creator, pairs.merchant, pairs.product, together, deals, *fits)
    return dict(zip(GROUPINGS, rows, strict=True))


def middle(values: Floats, otherwise: float) -> float:
    """Median of what is known; something else where nothing is.

    Examples
    --------
    >>> middle(np.array([3.0, np.nan, 1.0, 2.0]), 9.0), middle(np.array([np.nan]), 9.0)
    (2.0, 9.0)
    """
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float(otherwise)
