"""The outcome chain, one explicit function: from what was learnt to what a promotion will bring.

::

    exposures ──× click rate──× conversion──> orders ──× price──> GMV
    (views)       (only where clicks are known)

    GMV ──× (1 − refunds)──× (1 − commission)──> before fee ──− slot fee──> net

Written out number by number in `models.forecast`. A step the market gave no data for is left out,
and what hangs on it is NaN: missing is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from models.assortment import Assortment
from models.calibration import Band, Cells
from models.compiled import settled
from models.conversion import ConversionModel, Rate
from models.exposure import Amount, ExposureModel
from models.forecast import Bands, Forecast, Predictions, forecast_all
from models.known import Steps
from models.loglinear import FIT_CELLS, GROUPINGS, Folded, check_rows
from models.meetings import Meetings
from models.money import Money
from models.pairs import Floats, Pairs, State
from models.tastes import Tasted, Vectors
from models.vocabulary import Rows

_NO_AMOUNT = Amount(-1, 1.0, 0.0, Cells(0.0, 0.0, 0.0, 1.0))
_NO_RATE = Rate(-1, 1.0)
#: Bands around what is sold, in the order of `models.forecast.Bands`.
BANDS = ("orders", "gmv", "kept")


class Bound(NamedTuple):
    """What a prediction never exceeds, in logs: what each grouping adds to it, at most.

    Attributes
    ----------
    creator : float64 array of shape (n_creators + 1,)
    merchant : float64 array of shape (n_merchants + 1,)
        With all that is the same for every pair that has not met.
    product : float64 array of shape (n_products + 1,)
    audience_fit, category_fit : float64 arrays of shape (cells + 1,)
    taste : float32 array of shape (n_creators + 1, d + 1)
        Each creator's taste, and what a portrait's squared length adds.
    wanted : float32 array
        Portraits, as in `models.tastes.Tasted`.
    priced : bool
        Whether a price is yet to be multiplied by.
    averaged : bool
        Whether the mean over a merchant's products is one of what they bring, and not of rates.
    """

    creator: Floats
    merchant: Floats
    product: Floats
    audience_fit: Floats
    category_fit: Floats
    taste: Vectors
    wanted: Vectors
    priced: bool
    averaged: bool

    def reach(self) -> Floats:
        """Log of the most that each creator promises, whatever is promoted."""
        lengths = np.sqrt(self.wanted[:, -1].astype(np.float64))
        longest = float(lengths.max(initial=0.0))
        own = np.sqrt(np.square(self.taste[:, :-1], dtype=np.float64).sum(axis=1))
        found: Floats = self.creator + own * longest + self.taste[:, -1] * longest**2
        return found


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
    bands : mapping of str to Band
        Around expected orders, for what one promotion will bring of ``orders``, of ``gmv`` in
        units of the expected price, and of what is ``kept`` of it after refunds, in units of what
        is expected to be.
    paid : float64 array of shape (n_merchants + 1,)
        Part of a merchant's exposures that is paid for, NaN where the market does not tell.
    usual : Assortment
        What a pair without a product in particular stands for.
    table : float64 array, optional
        All tables of the steps and of money, as `models.loglinear.Folded` holds them, where they
        are read from a bundle; made when first asked for where not given.
    tasted : Tasted, optional
        Tastes of the steps side by side, likewise.
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
    bands: Mapping[str, Band]
    paid: Floats
    usual: Assortment
    table: Floats | None = None
    tasted: Tasted | None = None

    def steps(self) -> dict[str, ExposureModel | ConversionModel]:
        """Steps that are there by name, in the order in which their tables lie side by side."""
        found = {name: getattr(self, name) for name in _STEPS}
        return {name: step for name, step in found.items() if step is not None}

    def whole(self) -> bool:
        """Whether orders follow from exposures step by step."""
        needed = {"exposure", "conversion"} | ({"click_rate"} if self.basis == "clicks" else set())
        return needed <= set(self.steps())

    def predict(self, pairs: Pairs, price: Floats | None = None) -> Predictions:
        """Predict what one promotion of each pair will bring.

        A pair's numbers do not depend on the others.

        Parameters
        ----------
        pairs : Pairs
        price : float64 array of shape (n,), optional
            What one order is worth, where the caller knows better; NaN = as learnt.

        Raises
        ------
        IndexError
            When a pair has a row that was not there at the fit.
        """
        found = np.empty((len(fields(Predictions)), len(pairs)))
        given = np.empty(0) if price is None else np.ascontiguousarray(price, dtype=np.float64)
        done = forecast_all(self.forecast, *pairs.columns(), given, found)
        check_rows(self.forecast.folded.first, pairs, done)
        return Predictions(*found)

    @cached_property
    def forecast(self) -> Forecast:
        """The chain as compiled loops read it."""
        amount = self.amount
        columns = {name: 2 * at for at, name in enumerate(self.steps())}
        models = [step.model_ for step in self.steps().values()]
        # What is learnt directly has one band for all that is made of it.
        sold = self.bands if amount is None else dict.fromkeys(BANDS, amount.band_)
        steps = Steps(
            exposure=_amount(self.exposure, columns.get("exposure")),
            conversion=_rate(self.conversion, columns.get("conversion")),
            click_rate=_rate(self.click_rate, columns.get("click_rate")),
            amount=_amount(amount, columns.get("amount")),
            money=2 * len(models),
            usual_commission=self.money.usual_commission,
            factor=float(self.factor),
            noise=float(sum(model.noise for model in models)),
            scatter=self.money.scatter if self.amount_of != "gmv" else 0.0,
            orders=sold["orders"].cells,
            gmv=sold["gmv"].cells,
            kept=sold["kept"].cells,
            whole=self.whole(),
            in_orders=self.amount_of != "gmv",
        )
        shown = sold["gmv"] if self.exposure is None else self.exposure.band_
        bands = Bands(shown.surprises, *(sold[name].surprises for name in BANDS))
        merchants = np.column_stack([self.paid, self.money.kept_doubt])
        usual = self.usual
        return Forecast(self._folded(), bands, settled(merchants, np.float64), usual, steps)

    def _folded(self) -> Folded:
        """Tables of all steps side by side, and beside them what money is made of."""
        money, meetings = self.money, self.meetings
        if self.table is not None:
            ends = np.cumsum(_sizes(money, meetings))[:-1].tolist()
            return Folded.on(self.table, ends, meetings, self._tasted())
        known = (
            (money.creator_commission, money.slot_fee),
            (money.merchant_price, money.refund_rate),
            (money.product_price, money.product_commission),
        )
        others = (np.full((size, 2), np.nan) for size in _sizes(money, meetings)[3:])
        models = [step.model_.tables for step in self.steps().values()]
        groupings = [
            np.column_stack([*(tables[at] for tables in models), beside])
            for at, beside in enumerate([*map(np.column_stack, known), *others])
        ]
        return Folded.of(groupings, meetings, self._tasted())

    def _tasted(self) -> Tasted:
        """Tastes of all steps side by side."""
        if self.tasted is not None:
            return self.tasted
        found = [step.model_.tasted for step in self.steps().values()]
        creators, merchants, products, *_ = _sizes(self.money, self.meetings)
        return Tasted.beside(found) if found else Tasted.none(creators, merchants + products)

    def creators_met(self, merchant: int, product: int) -> Rows:
        """Creators whose own history with a merchant or a product settles part of the prediction.

        They may exceed the `bound`; all others stay within it.
        """
        met = self.meetings.pairs.seconds_of(merchant)
        nothing = self.meetings.deals.width - 1  # a product that is none in particular
        if product == nothing:
            return met
        return np.union1d(met, self.meetings.deals.firsts_of(product)).astype(np.int32)

    def promise(self, column: str) -> Floats:
        """Log of each creator's own part in one column of the predictions; (n_creators + 1,).

        Parameters
        ----------
        column : str
            A point prediction, such as ``"expected_gmv"``.
        """
        return self.bound(column).creator

    def bound(self, column: str) -> Bound:
        """What one column of the predictions never exceeds, but for `creators_met`.

        The exponential of the parts' sum, times the price where one is yet to be multiplied by.

        Parameters
        ----------
        column : str
            A point prediction, such as ``"expected_gmv"``.
        """
        table, first = self.forecast.folded.table, self.forecast.folded.first
        # Not a product of matrices: its last digits would depend on the threads.
        told = np.zeros(len(table))
        for at, weight in enumerate(self._weights(column)):
            told += weight * table[:, at]
        creator, merchant, product, pair, deal, audience, category = np.split(told, first)
        constant = pair[-1] + deal[-1] + np.log(self._scale(column))
        priced = column in ("expected_gmv", "expected_net") and self.amount_of != "gmv"
        weights = self._weights(column).reshape(-1, 2)
        tastes, wanted = self.forecast.folded.tastes, self.forecast.folded.wanted
        taste = np.zeros((len(tastes), wanted.shape[1]))
        for at, (of_log, of_variance) in enumerate(weights):
            step = tastes[:, at * wanted.shape[1] : (at + 1) * wanted.shape[1]]
            taste[:, :-1] += of_log * step[:, :-1]
            taste[:, -1] += of_variance * step[:, -1]
        return Bound(
            settled(creator, np.float64),
            settled(merchant + constant, np.float64),
            settled(product, np.float64),
            settled(audience, np.float64),
            settled(category, np.float64),
            settled(taste, np.float32),
            wanted,
            priced,
            column != "p_conversion",
        )

    def _weights(self, column: str) -> Floats:
        """What each column of the tables adds to the log of a prediction."""
        chained = ("exposure", "conversion", "click_rate")
        told = {"exposures": ("exposure",), "p_conversion": ("conversion",)}
        asked = told.get(column, chained if self.amount is None else ("amount",))
        weights = np.zeros(self.forecast.steps.money)
        for at, (name, step) in enumerate(self.steps().items()):
            if name in asked:
                weights[2 * at] = 1.0
                # Means of amounts grow with the variance of their log, rates do not.
                weights[2 * at + 1] = 0.5 if isinstance(step, ExposureModel) else 0.0
        return weights

    def _scale(self, column: str) -> float:
        """Factors of a prediction that are the same for all pairs, its price apart."""
        if column == "p_conversion":
            return 1.0
        step = self.exposure if column == "exposures" or self.amount is None else self.amount
        scale = 1.0 if step is None else step.mean_factor_
        return scale if column == "exposures" or self.amount is not None else scale * self.factor

    def state(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_state` makes the same chain.

        The steps' tables are kept once, as they are served: side by side.
        """
        return {
            **{name: _without_tables(step.state()) for name, step in self.steps().items()},
            "table": self.forecast.folded.table,
            "tastes": self.forecast.folded.tastes,
            "wanted": self.forecast.folded.wanted,
            "amount_of": self.amount_of,
            "basis": self.basis,
            "money": self.money.state(),
            "meetings": self.meetings.state(),
            "factor": self.factor,
            "bands": {name: band.state() for name, band in self.bands.items()},
            "paid": self.paid,
            "usual": self.usual.state(),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Chain from what `state` gave; its steps look into the one table, which is not copied."""
        meetings, money = Meetings.from_state(state["meetings"]), Money.from_state(state["money"])
        ends = np.cumsum(_sizes(money, meetings))
        groupings = dict(zip(GROUPINGS, np.split(state["table"], ends[:-1]), strict=True))
        names = [name for name in _STEPS if name in state]
        steps: dict[str, Any] = dict.fromkeys(_STEPS)
        for at, name in enumerate(names):
            columns = slice(2 * at, 2 * at + 2)
            tables = {grouping: rows[:, columns] for grouping, rows in groupings.items()}
            model = {**state[name]["model"], "tables": tables, **_tastes(state, at)}
            told = {**state[name], "model": model}
            steps[name] = _STEPS[name].from_state(told, meetings)
        return cls(
            **steps,
            amount_of=state["amount_of"],
            basis=state["basis"],
            money=money,
            meetings=meetings,
            factor=float(state["factor"]),
            bands={name: Band.from_state(state["bands"][name]) for name in BANDS},
            paid=np.asarray(state["paid"]),
            usual=Assortment.from_state(state["usual"]),
            table=state["table"],
            tasted=Tasted(state["tastes"], state["wanted"]),
        )


#: Steps by name, in the order in which their tables lie side by side.
_STEPS: dict[str, Any] = {
    "exposure": ExposureModel,
    "conversion": ConversionModel,
    "click_rate": ConversionModel,
    "amount": ExposureModel,
}


def _sizes(money: Money, meetings: Meetings) -> list[int]:
    """Rows of each grouping's table, in the order of `GROUPINGS`."""
    entities = (money.slot_fee, money.merchant_price, money.product_price)
    met = (len(meetings.pairs.keys) + 1, len(meetings.deals.keys) + 1)
    return [*map(len, entities), *met, FIT_CELLS + 1, FIT_CELLS + 1]


def _without_tables(state: State) -> State:
    aside = ("tables", "tastes", "wanted")
    return {
        **state,
        "model": {name: told for name, told in state["model"].items() if name not in aside},
    }


def _tastes(state: State, at: int) -> State:
    """Tastes of one step out of those of all."""
    width = state["wanted"].shape[1]
    tastes = state["tastes"][:, at * width : (at + 1) * width]
    return {"tastes": tastes, "wanted": state["wanted"]}


def _amount(step: ExposureModel | None, column: int | None) -> Amount:
    return _NO_AMOUNT if step is None or column is None else step.amount(column)


def _rate(step: ConversionModel | None, column: int | None) -> Rate:
    return _NO_RATE if step is None or column is None else step.rate(column)
