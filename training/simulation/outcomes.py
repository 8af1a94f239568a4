"""What promotions bring: one draw around the laws, noise and delays included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.simulation.laws import Laws, expectation
from training.simulation.population import Population
from training.simulation.segments import Bools, Floats, Ints


@dataclass(frozen=True)
class Promotions:
    """``n`` promotions about to happen: who, what, and under which conditions.

    Attributes
    ----------
    merchant, creator, product : int64 arrays of shape (n,)
    format : int64 array of shape (n,)
        Number in `laws.FORMATS`.
    dedicated : bool array of shape (n,)
    session : int64 array of shape (n,)
        Promotions of one session share a number, counted from 0, and part of their luck.
    lift : float64 array of shape (n,)
        What the day adds to the logarithm of exposures: campaigns, fatigue. 0 = ordinary.
    eager : float64 array of shape (n,)
        What the day adds to the logit of conversion. 0 = ordinary.
    age : float64 array of shape (n,)
        Days since then at the moment of looking; orders and refunds need time to arrive.
    """

    merchant: Ints
    creator: Ints
    product: Ints
    format: Ints
    dedicated: Bools
    session: Ints
    lift: Floats
    eager: Floats
    age: Floats

    def __len__(self) -> int:
        return len(self.merchant)


@dataclass(frozen=True)
class Outcomes:
    """What ``n`` promotions brought, as far as it had arrived; arrays of shape (n,).

    `commission` is on what was not returned. `slot_fee` is what the creator was paid for the slot.
    """

    exposures: Ints
    paid_exposures: Ints
    clicks: Ints
    orders: Ints
    gmv: Floats
    refunded_gmv: Floats
    commission: Floats
    slot_fee: Floats

    @property
    def net(self) -> Floats:
        """What is left for the merchant before the cost of goods."""
        return self.gmv - self.refunded_gmv - self.commission - self.slot_fee


def draw_outcomes(
    world: Population, laws: Laws, todo: Promotions, rng: np.random.Generator
) -> Outcomes:
    """Draw one outcome per promotion; the mean over draws is what the laws say."""
    mean = expectation(world, laws, todo.merchant, todo.creator, todo.product)
    n = len(todo)
    sessions = int(todo.session.max(initial=-1)) + 1
    # Log-normal noise whose mean is one: half of it shared by the session, half the row's own.
    s, r = laws.exposures_session_noise, laws.exposures_row_noise
    luck = s * rng.standard_normal(sessions)[todo.session] + r * rng.standard_normal(n)
    organic = mean.organic * np.exp(luck - (s**2 + r**2) / 2 + todo.lift)
    organic *= np.array(laws.format_exposures)[todo.format]
    organic *= np.where(todo.dedicated, laws.dedicated_exposures, 1.0)
    paid = rng.random(n) < world.merchants.paid[todo.merchant]
    boost = paid * rng.gamma(2.0, laws.paid_boost / 2, n)
    paid_exposures = _whole(organic * boost, rng)
    exposures = _whole(organic * (1 + laws.paid_lift * paid), rng) + paid_exposures
    clicks = rng.binomial(exposures, _spread(mean.click_rate, laws.click_concentration, rng))
    conversion = mean.conversion
    if todo.eager.any():
        odds = conversion / (1 - conversion) * np.exp(todo.eager)
        conversion = odds / (1 + odds)
    conversion = _spread(conversion, laws.conversion_concentration, rng)
    orders = rng.binomial(clicks, conversion * orders_arrived(todo.age))
    refund = mean.refund[np.arange(n), todo.format] * refunds_arrived(todo.age)
    refunded = rng.binomial(orders, refund)
    noise = laws.item_price_noise
    price = world.products.price[todo.product] * np.exp(
        noise * rng.standard_normal(n) - noise**2 / 2
    )
    gmv = (orders * price).round(2)
    refunded_gmv = np.minimum((refunded * price).round(2), gmv)
    fee = world.creators.slot_fee[todo.creator] * np.array(laws.fee_format)[todo.format]
    return Outcomes(
        exposures=exposures,
        paid_exposures=paid_exposures,
        clicks=clicks,
        orders=orders,
        gmv=gmv,
        refunded_gmv=refunded_gmv,
        commission=(mean.commission_rate * (gmv - refunded_gmv)).round(2),
        slot_fee=(fee * np.where(todo.dedicated, laws.dedicated_fee, 1.0)).round(2),
    )


def orders_arrived(age: Floats) -> Floats:
    """Share of a promotion's orders placed within `age` days; most within the stream itself."""
    return np.asarray(1 - 0.35 * np.exp(-np.maximum(age, 0.0) / 2.0))


def refunds_arrived(age: Floats) -> Floats:
    """Share of the refunds claimed within `age` days; half of them within six."""
    return np.asarray(1 - np.exp(-((np.maximum(age, 0.0) / 8.0) ** 1.2)))


def _whole(x: Floats, rng: np.random.Generator) -> Ints:
    # Rounding up or down by chance keeps the mean where it was, also below one.
    return np.floor(x + rng.random(len(x))).astype(np.int64)


def _spread(mean: Floats, concentration: float, rng: np.random.Generator) -> Floats:
    return np.asarray(rng.beta(mean * concentration, (1 - mean) * concentration))
