"""What each creator of a list brings beside the merchant's usual one: one reason a row, cheaply.

The usual creator has the usual level, audience, categories and taste and never met the merchant
(`matching.explaining.factors`); what it brings is the market's level times the factors of the
merchant and of what it promotes. A row's prediction over that is the product of the factors that
are the creator's, so that reasons and explanations say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from matching.askers import Askers
from matching.explaining.factors import Factors
from matching.explaining.levels import LEVELS, factor_of, levels_told, with_one_more
from matching.explaining.words import beside_usual
from matching.reasons.told import Told, distinct
from matching.shortlists import Shortlists
from models.chain import Chain
from models.compiled import settled
from models.forecast import Predictions
from models.pairs import Floats

#: Steps that may stand out, in the order of their numbers in a code; 0 stands for none.
_STEPS = ("", "exposures", "click rate", "conversion")


@dataclass(frozen=True)
class Beside:
    """What the usual creator brings each merchant, in logs.

    Attributes
    ----------
    merchants : float64 array of shape (n_merchants + 1, 3)
        Exposures, clicks of each and orders of each click, apart from what is promoted.
    mixes : float64 array of shape (n_merchants + 1, 3)
        What its usual products add.
    products : float64 array of shape (n_products + 1, 3)
        What each product adds.
    factor : float
        As `models.chain.Chain.factor`.
    """

    merchants: Floats
    mixes: Floats
    products: Floats
    factor: float

    @classmethod
    def of(cls, chain: Chain, usual: Mapping[str, Mapping[str, float]]) -> Beside | None:
        """From what is usual of each step; None where orders do not follow step by step."""
        if not chain.whole():
            return None
        merchants, products, mixes = [], [], []
        owner = np.repeat(np.arange(len(chain.usual.starts) - 1), np.diff(chain.usual.starts))
        shares, size = chain.usual.shares, len(chain.money.merchant_price)
        for name in ("exposure", "click_rate", "conversion"):
            if name not in chain.steps():
                merchants.append(np.zeros(size))
                products.append(np.zeros(len(chain.money.product_price)))
                mixes.append(np.zeros(size))
                continue
            factors = Factors.of(chain, name)
            apart = sum(usual[name][one] for one in usual[name] if one != "merchant")
            apart += np.log(factors.scale) - usual[name]["product"]
            merchants.append(factors.logs["merchant"] + apart)
            products.append(factors.logs["product"])
            after = shares * np.exp(factors.logs["product"][chain.usual.products])
            mix = np.full(size, factors.logs["product"][-1])
            before = np.bincount(owner, shares, size)
            some = before > 0.0
            mix[some] = np.log(np.bincount(owner, after, size)[some] / before[some])
            mixes.append(mix)
            shares = after
        columns = [
            settled(np.column_stack(one), np.float64) for one in (merchants, mixes, products)
        ]
        return cls(columns[0], columns[1], columns[2], float(chain.factor))

    def added(
        self,
        told: Told,
        askers: Askers,
        lists: Shortlists,
        predictions: Predictions,
        by: str,
        dull: str,
    ) -> Told:
        """Reasons with one more, the last of each row; the fourth gives way to it.

        Parameters
        ----------
        told : Told of n rows
        by : str
            The objective of the lists.
        dull : str
            What is said of rows of which nothing can be said; it gives way.
        """
        codes = levels_told(
            lists.starts,
            askers.rows,
            askers.products,
            self.merchants,
            self.mixes,
            self.products,
            self.factor,
            predictions.exposures,
            predictions.p_conversion,
            predictions.expected_orders,
            {"exposure": 1, "conversion": 3}.get(by, 0),
        )
        numbers, first = distinct(codes[:, None])
        spoken = [_spoken(code, by) for code in codes[first].tolist()]
        silent = told.texts.index(dull) if dull in told.texts else -1
        more = told.starts, told.codes, codes, numbers, len(told.texts), silent
        return Told(*with_one_more(*more), [*told.texts, *spoken])


@lru_cache(maxsize=1 << 14)
def _spoken(code: int, by: str) -> str:
    if code < 0:
        return ""
    step, level = divmod(code, LEVELS)
    return beside_usual(factor_of(level), _STEPS[step], by)
