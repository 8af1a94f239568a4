"""Fits the outcome chain to what past promotions brought, step by step as far as they tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.arrival import Arrival
from models.assortment import Assortment
from models.calibration import half_life_weights, later_part
from models.chain import Chain
from models.circumstances import Circumstances
from models.conversion import ConversionModel
from models.exposure import ExposureModel
from models.features import EntityFeatures, PromotionOutcomes, Terms
from models.forecast import Predictions
from models.meetings import Meetings
from models.money import Money
from models.paid import paid_parts
from models.pairs import Floats, Pairs, State
from models.ranged import Ranged
from models.sales import orders_told, shown_told
from models.tested import tested, untested

__all__ = ["OutcomeModel", "Predictions"]

#: Clicks are the basis of conversion once this share of promotions with orders knows them.
_CLICKS_KNOWN = 0.05
#: Age in days at which a promotion counts half towards what a merchant usually promotes.
USUAL_HALF_LIFE = 120.0


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
        circumstances: Circumstances | None = None,
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
        circumstances : Circumstances, optional
            Under which the promotions took place.

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
            "circumstances": circumstances,
        }
        money = Money.learn(pairs, outcomes, terms, creators, len(merchants))
        orders = orders_told(outcomes, money.price(pairs), money.scatter)
        chain = Chain(
            exposure=None,
            conversion=None,
            click_rate=None,
            amount=None,
            amount_of=None,
            basis=_basis(outcomes, orders),
            money=money,
            meetings=meetings,
            factor=1.0,
            bands=untested(),
            paid=paid_parts(pairs, outcomes, len(merchants)),
            usual=Assortment.learn(
                pairs,
                half_life_weights(outcomes.age_days, USUAL_HALF_LIFE),
                terms.product_merchant,
                len(merchants),
            ),
        )
        shown, clicks = outcomes.ranged("exposures"), outcomes.ranged("clicks")
        seen, unsure = shown.values(), np.zeros(len(pairs))
        if shown.known.any():
            exposure = ExposureModel().fit(pairs, shown, **shared)
            chain = replace(chain, exposure=exposure)
            seen, unsure = exposure.within(pairs, shown)
        trials, doubt = seen, unsure
        if chain.basis == "clicks" and (clicks.known & (seen > 0.0)).any():
            rate = ConversionModel().fit(pairs, seen, clicks, doubt=unsure, **shared)
            trials, doubt = rate.within(pairs, seen, unsure, clicks)
            exposure = _shown_and_clicked(exposure, rate, pairs, outcomes, shared)
            chain = replace(chain, click_rate=rate, exposure=exposure)
        elif chain.basis == "clicks":
            trials, doubt = ExposureModel().fit(pairs, clicks, **shared).within(pairs, clicks)
        if chain.basis is not None:
            fitted = ConversionModel().fit(pairs, trials, orders, doubt=doubt, **shared)
            chain = replace(chain, conversion=fitted)
        if not chain.whole():
            for name, amount in (("orders", orders), ("gmv", outcomes.ranged("gmv"))):
                if amount.known.any():
                    whole = _in_the_end(amount, seen, outcomes.age_days, chain.conversion)
                    direct = ExposureModel().fit(pairs, whole, **shared)
                    chain = replace(chain, amount=direct, amount_of=name)
                    break
        elif later.any():
            chain = tested(chain, pairs.take(later), outcomes.take(later))
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


def _basis(outcomes: PromotionOutcomes, orders: Ranged) -> str | None:
    """What conversion can be counted on."""
    clicks, shown = outcomes.ranged("clicks"), outcomes.ranged("exposures")
    by_click = int((orders.known & (clicks.high > 0.0)).sum())
    by_shown = int((orders.known & (shown.high > 0.0)).sum())
    if by_click and by_click >= _CLICKS_KNOWN * by_shown:
        return "clicks"
    return outcomes.exposure_basis if by_shown else None


def _shown_and_clicked(
    exposure: ExposureModel,
    rate: ConversionModel,
    pairs: Pairs,
    outcomes: PromotionOutcomes,
    shared: dict[str, Any],
) -> ExposureModel:
    """Exposures fitted again where clicks tell of some that are not known exactly."""
    open_ = ~outcomes.ranged("exposures").exact & outcomes.ranged("clicks").known
    if not open_.any():
        return exposure
    log, variance = rate.model_.predict(pairs)
    told = shown_told(outcomes, np.exp(log), variance + rate.model_.noise)
    return ExposureModel().fit(pairs, told, **shared)


def _in_the_end(
    amount: Ranged, seen: Floats, age_days: Floats, conversion: ConversionModel | None
) -> Ranged:
    """What orders or money come to once all has arrived."""
    if conversion is not None:
        arrival = conversion.arrival_
    else:
        trials = seen if np.isfinite(seen).any() else np.ones(len(seen))
        told = amount.exact & (trials > 0.0)
        logs = np.log1p(amount.low[told]) - np.log1p(trials[told])
        arrival = Arrival.learn_logs(age_days[told], logs)
    share = arrival.share(age_days)
    return amount.rising(lambda end: end / share)
