"""The outcome chain, one explicit function: from what was learnt to what a promotion will bring.

::

    exposures ──× click rate──× conversion──> orders ──× price──> GMV ──refunds, costs──> net
    (views)       (only where clicks are known)

A step the market gave no data for is left out, and what hangs on it is NaN: missing is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from models.calibration import Band
from models.conversion import ConversionModel
from models.exposure import ExposureModel
from models.loglinear import LogLinear, look_up
from models.meetings import Meetings
from models.money import Money
from models.pairs import Floats, Interval, Pairs, State
from models.vocabulary import Rows

#: What makes the log of no orders finite, in orders.
HALF_ORDER = 0.5
#: Pairs worked on at a time; few enough that all columns stay in the processor's cache.
_CHUNK = 16_384


@dataclass(frozen=True)
class Predictions:
    """Predictions for ``n`` pairs; float64 arrays of shape (n,), NaN where there was no data.

    Points are means. Intervals hold 80 %: that of ``p_conversion`` is for the true rate, those of
    exposures and GMV for what one promotion will bring; ``low ≤ point ≤ high`` always.
    """

    p_conversion: Floats
    p_conversion_low: Floats
    p_conversion_high: Floats
    exposures: Floats
    exposures_low: Floats
    exposures_high: Floats
    expected_orders: Floats
    expected_gmv: Floats
    expected_gmv_low: Floats
    expected_gmv_high: Floats
    expected_net: Floats


@dataclass
class Chain:
    """Fitted steps, and how their product errs.

    Attributes
    ----------
    exposure : ExposureModel or None
    conversion, click_rate : ConversionModel or None
    amount : ExposureModel or None
        Orders or money of one promotion learnt directly, where a step of the chain is missing.
    amount_of : str or None
        ``"orders"`` or ``"gmv"``, what ``amount`` tells.
    basis : str or None
        What conversion is counted on: ``"clicks"``, ``"exposures"`` or ``"views"``.
    money : Money
    meetings : Meetings
    factor : float
        What later promotions sold over what the steps' product told.
    band : Band
        Around expected orders, for what one promotion will sell in units of the expected price.
    """

    exposure: ExposureModel | None
    conversion: ConversionModel | None
    click_rate: ConversionModel | None
    amount: ExposureModel | None
    amount_of: str | None
    basis: str | None
    money: Money
    meetings: Meetings
    factor: float
    band: Band
    _tables: list[Floats] = field(init=False, repr=False)
    _noise: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Side by side, the steps' tables are read with one gather for each grouping.
        models: list[LogLinear] = [step.model_ for step in self.steps().values()]
        self._tables = [
            np.ascontiguousarray(np.column_stack(parts))
            for parts in zip(*(model.tables for model in models), strict=True)
        ]
        self._noise = sum(model.noise for model in models) + self.money.scatter

    def steps(self) -> dict[str, ExposureModel | ConversionModel]:
        """Steps that are there by name, in the order in which their tables lie side by side."""
        found = {
            "exposure": self.exposure,
            "conversion": self.conversion,
            "click_rate": self.click_rate,
            "amount": self.amount,
        }
        return {name: step for name, step in found.items() if step is not None}

    def whole(self) -> bool:
        """Whether orders follow from exposures step by step."""
        needed = {"exposure", "conversion"} | ({"click_rate"} if self.basis == "clicks" else set())
        return needed <= set(self.steps())

    def predict(self, pairs: Pairs, price: Floats | None = None) -> Predictions:
        """Predict what one promotion of each pair will bring.

        Only gathers and elementwise arithmetic: a pair's numbers do not depend on the others.

        Parameters
        ----------
        pairs : Pairs
        price : float64 array of shape (n,), optional
            What one order is worth, where the caller knows better; NaN = as learnt.
        """
        n = len(pairs)
        out: dict[str, Floats] = {}
        for start in range(0, n, _CHUNK):
            part = slice(start, start + _CHUNK)
            given = None if price is None else price[part]
            for name, values in self._predict_few(pairs.take(part), given).items():
                out.setdefault(name, np.empty(n))[part] = values
        for column in fields(Predictions):
            if column.name not in out:
                out[column.name] = np.full(n, np.nan)
        return Predictions(**out)

    def _predict_few(self, pairs: Pairs, price: Floats | None) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        steps = self.steps()
        if not steps:
            return found
        total = look_up(self._tables, self.meetings.find(pairs), pairs)
        read = {name: (total[2 * at], total[2 * at + 1]) for at, name in enumerate(steps)}
        if self.exposure is not None:
            shown = self.exposure.interval(*read["exposure"])
            found["exposures"] = shown.point
            found["exposures_low"], found["exposures_high"] = shown.low, shown.high
        if self.conversion is not None:
            rate = self.conversion.interval(*read["conversion"])
            found["p_conversion"] = rate.point
            found["p_conversion_low"], found["p_conversion_high"] = rate.low, rate.high
        if self.amount is not None:
            sold = self.amount.interval(*read["amount"])
        elif self.whole():
            sold = self._orders(found["exposures"] * found["p_conversion"], read)
        else:
            return found
        worth = self.money.price(pairs)
        if price is not None:
            worth = np.where(np.isfinite(price), price, worth)
        if self.amount_of == "gmv":
            worth = np.ones(len(pairs))
        else:
            found["expected_orders"] = sold.point
        found["expected_gmv"] = sold.point * worth
        found["expected_gmv_low"] = sold.low * worth
        found["expected_gmv_high"] = sold.high * worth
        found["expected_net"] = self.money.net(pairs, found["expected_gmv"])
        return found

    def _orders(self, orders: Floats, read: dict[str, tuple[Floats, Floats]]) -> Interval:
        """Orders with what one promotion may sell, in orders at the expected price."""
        if "click_rate" in read:
            orders = orders * np.minimum(np.exp(read["click_rate"][0]), 1.0)
        orders = orders * self.factor
        doubt = np.full(len(orders), self._noise)
        for _, variance in read.values():
            doubt += variance
        low, high = self.band.apply(np.log(orders + HALF_ORDER), order_spread(orders, doubt))
        return Interval(orders, np.minimum(low, orders), np.maximum(high, orders))

    def creators_met(self, merchant: int, product: int) -> Rows:
        """Creators whose own history with a merchant or a product settles part of the prediction.

        They may exceed the bound of `promise` and `ceiling`; all others stay within it.
        """
        met = self.meetings.pairs.seconds_of(merchant)
        nothing = self.meetings.deals.width - 1  # a product that is none in particular
        if product == nothing:
            return met
        return np.union1d(met, self.meetings.deals.firsts_of(product)).astype(np.int32)

    def promise(self, column: str) -> Floats:
        """Log of each creator's own part in one column of the predictions; (n_creators + 1,).

        For a creator that is not among `creators_met`, the exponential of its promise plus the
        `ceiling` of who asks is never below the prediction.

        Parameters
        ----------
        column : str
            A point prediction, such as ``"expected_gmv"``.
        """
        return np.asarray(self._tables[0] @ self._weights(column))

    def ceiling(self, column: str, merchant: int, product: int) -> float:
        """Log of the most that audience, category and who asks can add to a `promise`.

        Infinite where the price is not known.
        """
        weights = self._weights(column)
        _, merchants, products, pairs, deals, audiences, categories = self._tables
        most = float((audiences @ weights).max() + (categories @ weights).max())
        most += float((merchants[merchant] + products[product] + pairs[-1] + deals[-1]) @ weights)
        scale = self._scale(column, merchant, product)
        return most + float(np.log(scale)) if scale > 0.0 else float("inf")

    def _weights(self, column: str) -> Floats:
        """What each column of the tables adds to the log of a prediction."""
        chained = ("exposure", "conversion", "click_rate")
        told = {"exposures": ("exposure",), "p_conversion": ("conversion",)}
        asked = told.get(column, chained if self.amount is None else ("amount",))
        weights = np.zeros(self._tables[0].shape[1])
        for at, (name, step) in enumerate(self.steps().items()):
            if name in asked:
                weights[2 * at] = 1.0
                # Means of amounts grow with the variance of their log, rates do not.
                weights[2 * at + 1] = 0.5 if isinstance(step, ExposureModel) else 0.0
        return weights

    def _scale(self, column: str, merchant: int, product: int) -> float:
        """Factors of a prediction that are the same for all creators; 0 where one is unknown."""
        if column == "p_conversion":
            return 1.0
        step = self.exposure if column == "exposures" or self.amount is None else self.amount
        scale = 1.0 if step is None else step.mean_factor_
        if column != "exposures" and self.amount is None:
            scale *= self.factor
        if column in ("expected_gmv", "expected_net") and self.amount_of != "gmv":
            own = self.money.product_price[product]
            price = own if np.isfinite(own) else self.money.merchant_price[merchant]
            scale *= price
        return float(scale) if np.isfinite(scale) else 0.0

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same chain."""
        return {
            **{name: step.state() for name, step in self.steps().items()},
            "amount_of": self.amount_of,
            "basis": self.basis,
            "money": self.money.state(),
            "meetings": self.meetings.state(),
            "factor": self.factor,
            "band": self.band.state(),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Chain from what `state` gave."""
        meetings = Meetings.from_state(state["meetings"])

        def exposure(name: str) -> ExposureModel | None:
            return ExposureModel.from_state(state[name], meetings) if name in state else None

        def conversion(name: str) -> ConversionModel | None:
            return ConversionModel.from_state(state[name], meetings) if name in state else None

        return cls(
            exposure("exposure"),
            conversion("conversion"),
            conversion("click_rate"),
            exposure("amount"),
            state["amount_of"],
            state["basis"],
            Money.from_state(state["money"]),
            meetings,
            float(state["factor"]),
            Band.from_state(state["band"]),
        )


def order_spread(orders: Floats, doubt: Floats) -> Floats:
    """Standard deviation of the log of orders: of their expectation, and of counting them."""
    spread: Floats = np.sqrt(doubt + 1.0 / (orders + HALF_ORDER))
    return spread
