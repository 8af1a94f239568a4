"""Fits the outcome chain to what past promotions brought, step by step as far as they tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.calibration import Band, later_part
from models.chain import Chain
from models.conversion import ConversionModel
from models.exposure import ExposureModel
from models.features import EntityFeatures, PromotionOutcomes, Terms
from models.forecast import HALF_ORDER, Predictions, order_spread
from models.meetings import Meetings
from models.money import Money, sold_for
from models.pairs import Floats, Pairs, State

__all__ = ["OutcomeModel", "Predictions"]

#: Clicks are the basis of conversion once this share of promotions with orders knows them.
_CLICKS_KNOWN = 0.05
#: Later promotions count for the band of orders when this share of their orders has arrived.
_ARRIVED = 0.9
_BELIEF = 10.0  # orders worth of belief that the steps multiply as they are


class OutcomeModel:
    """What one promotion of a pair will bring: exposures, conversion, orders, GMV and net.

    Where a table or a column is missing, the chain gets along with what is there:

    ===========================  ==================================================================
    no clicks                    conversion is orders per exposure (or view)
    no exposures                 the caller gives views in their place (`PromotionOutcomes`)
    neither                      orders of a promotion are learnt directly; exposures are NaN
    no orders                    conversion and orders are NaN; GMV is learnt directly if known
    nothing but who met whom     all is NaN
    an entity without features   its own history alone, shrunk towards everybody's
    an entity without history    what its features tell, with the interval of a newcomer
    ===========================  ==================================================================

    Attributes
    ----------
    chain_ : Chain
        The fitted steps.
    trials_basis_ : str or None
        What conversion is counted on: ``"clicks"``, ``"exposures"`` or ``"views"``; None when
        no promotion has orders among known trials.
    creator_columns_ : float32 array of shape (n_creators + 1, 3)
        Each creator's own part of the logs of exposures, conversion and click rate, 0 where
        there is no such step; for one merchant their sum orders creators as expected orders do,
        up to audience, category and shared meetings.
    """

    chain_: Chain
    trials_basis_: str | None
    creator_columns_: npt.NDArray[np.float32]

    def fit(
        self,
        pairs: Pairs,
        outcomes: PromotionOutcomes,
        *,
        creators: EntityFeatures,
        merchants: EntityFeatures,
        products: EntityFeatures,
        terms: Terms | None = None,
    ) -> Self:
        """Learn every step the promotions tell of.

        Parameters
        ----------
        pairs : Pairs of n promotions
        outcomes : PromotionOutcomes of n promotions
        creators, merchants, products : EntityFeatures
            Without features they still say how many entities there are.
        terms : Terms, optional
            Prices, commissions and fees as offered.

        Raises
        ------
        ValueError
            When ``pairs`` and ``outcomes`` differ in length.
        """
        if len(pairs) != len(outcomes):
            raise ValueError(
                f"got {len(pairs)} pairs and {len(outcomes)} outcomes, expected one outcome for "
                "each pair"
            )
        terms = terms or Terms.unknown(len(creators), len(products))
        meetings = Meetings.of(pairs, len(creators), len(products))
        later = later_part(outcomes.age_days)
        shared: dict[str, Any] = {
            "age_days": outcomes.age_days,
            "creators": creators,
            "merchants": merchants,
            "products": products,
            "meetings": meetings,
            "later": later,
        }
        shown, clicks, orders = outcomes.exposures, outcomes.clicks, outcomes.orders
        money = Money.learn(pairs, outcomes, terms, creators, len(merchants))
        chain = Chain(
            exposure=None,
            conversion=None,
            click_rate=None,
            amount=None,
            amount_of=None,
            basis=_basis(outcomes),
            money=money,
            meetings=meetings,
            factor=1.0,
            band=Band.untested(HALF_ORDER),
        )
        if np.isfinite(shown).any():
            chain = replace(chain, exposure=ExposureModel().fit(pairs, shown, **shared))
        if chain.basis is not None:
            trials = clicks if chain.basis == "clicks" else shown
            fitted = ConversionModel().fit(pairs, trials, orders, **shared)
            chain = replace(chain, conversion=fitted)
        if chain.basis == "clicks" and (np.isfinite(clicks) & (shown > 0.0)).any():
            chain = replace(chain, click_rate=ConversionModel().fit(pairs, shown, clicks, **shared))
        gmv = sold_for(outcomes, orders * money.price(pairs))
        if not chain.whole():
            for name, amount in (("orders", orders), ("gmv", gmv)):
                if np.isfinite(amount).any():
                    direct = ExposureModel().fit(pairs, amount, **shared)
                    chain = replace(chain, amount=direct, amount_of=name)
                    break
        elif later.any():
            chain = _calibrated(chain, pairs.take(later), outcomes.take(later), gmv[later])
        self._adopt(chain)
        return self

    def _adopt(self, chain: Chain) -> None:
        self.chain_ = chain
        self.trials_basis_ = chain.basis
        columns = [
            np.zeros(chain.meetings.pairs.width) if step is None else step.model_.tables[0][:, 0]
            for step in (chain.exposure, chain.conversion, chain.click_rate)
        ]
        self.creator_columns_ = np.column_stack(columns).astype(np.float32)

    def predict(self, pairs: Pairs, price: Floats | None = None) -> Predictions:
        """Predict what one promotion of each pair will bring; see `Chain.predict`."""
        return self.chain_.predict(pairs, price)

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same model."""
        return self.chain_.state()

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Model from what `state` gave."""
        one = cls()
        one._adopt(Chain.from_state(state))
        return one


def _basis(outcomes: PromotionOutcomes) -> str | None:
    """What conversion can be counted on."""
    ordered = np.isfinite(outcomes.orders)
    by_click = int((ordered & (outcomes.clicks > 0.0)).sum())
    by_shown = int((ordered & (outcomes.exposures > 0.0)).sum())
    if by_click and by_click >= _CLICKS_KNOWN * by_shown:
        return "clicks"
    return outcomes.exposure_basis if by_shown else None


def _calibrated(chain: Chain, pairs: Pairs, outcomes: PromotionOutcomes, gmv: Floats) -> Chain:
    """Learn on later promotions how the steps' product errs, from fits to earlier ones."""
    tests = [step.tested_ for step in chain.steps().values()]
    known = [test for test in tests if test is not None]
    exposure, conversion = chain.exposure, chain.conversion
    if exposure is None or conversion is None or len(known) < len(tests):
        return chain
    (first, doubt), *others = (test.predict(pairs) for test in known)
    centre = exposure.interval(first, doubt).point
    for log, variance in others:
        centre = centre * np.exp(log)
        doubt = doubt + variance
    doubt = doubt + sum(test.noise for test in known) + chain.money.scatter
    # Money in units of the expected price is what the band is for; its scatter is then inside.
    price = chain.money.price(pairs)
    sold = np.where(np.isfinite(gmv) & (price > 0.0), gmv / price, outcomes.orders)
    arrived = conversion.arrival_.share(outcomes.age_days) >= _ARRIVED
    use = arrived & np.isfinite(sold) & np.isfinite(centre)
    centre, sold, doubt = centre[use], sold[use], doubt[use]
    trust = 1.0 / (1.0 + centre)
    factor = float(((trust * sold).sum() + _BELIEF) / ((trust * centre).sum() + _BELIEF))
    centre = centre * factor
    band = Band.learn(centre, order_spread(centre, doubt), sold, HALF_ORDER)
    return replace(chain, factor=factor, band=band)
