"""What is known of the entities and of past promotions, as plain arrays for the predictions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.pairs import Floats
from models.ranged import Ranged
from models.unknowns import Unknowns, fill
from models.vocabulary import Rows

#: Columns whose ratios matter, not their differences: they enter as ``log(1 + x)``.
LOG_SCALED = frozenset(
    {"followers", "gmv_30d", "live_minutes_30d", "videos_30d", "price", "slot_fee", "stock"}
)

_LINEAR_PRIOR = 0.5  # variance of the coefficient of a standardised column
_BEND_PRIOR = 0.1  # of its bends, and of "this is unknown": small, so that they must be earned
_FEW_VALUES = 8  # a column with fewer distinct values is not bent


@dataclass(frozen=True)
class EntityFeatures:
    """Numbers known of each creator, merchant or product.

    Attributes
    ----------
    names : tuple of str
    values : float64 array of shape (n, len(names))
        One row per entity in vocabulary order; NaN is unknown. With no names at all the row
        count alone says how many entities there are.
    portraits : float64 array of shape (n, d), optional
        Who each entity's audience is and what it likes; the inner product of two says how alike
        they are (`models.portraits`). All zero where nothing is known.
    """

    names: tuple[str, ...]
    values: Floats
    portraits: Floats | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ValueError(
                f"values have shape {self.values.shape}, expected one column for each of the "
                f"{len(self.names)} names; give a matrix of entities × names"
            )

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(
        cls,
        count: int,
        numbers: Mapping[str, npt.ArrayLike] | None = None,
        labels: Mapping[str, npt.ArrayLike] | None = None,
        *,
        log_scaled: Collection[str] = LOG_SCALED,
        common: float = 0.01,
    ) -> EntityFeatures:
        """Collect columns of numbers and of labels.

        Parameters
        ----------
        count : int
            Number of entities; every column has that many entries.
        numbers : mapping of name to array of float
            Those named in ``log_scaled`` are taken as ``log(1 + x)``; negative ones there are
            unknown.
        labels : mapping of name to array of str
            Each label that at least the share ``common`` of the entities bears becomes a column
            of zeros and ones, named ``name=label``. A missing label is unknown in all of them.

        Examples
        --------
        >>> EntityFeatures.of(2, {"followers": [0, np.nan]}, {"tier": ["head", "tail"]}).names
        ('followers', 'tier=head', 'tier=tail')
        """
        columns: dict[str, Floats] = {}
        for name, given in (numbers or {}).items():
            column = np.asarray(given, dtype=np.float64)
            if name in log_scaled:
                column = np.log1p(np.where(column >= 0, column, np.nan))
            columns[name] = np.where(np.isfinite(column), column, np.nan)
        for name, given in (labels or {}).items():
            series = pd.Series(given, dtype=object)
            shares = series.value_counts(normalize=True).sort_index()
            for label in shares.index[shares >= common]:
                one = series.eq(label).to_numpy(dtype=np.float64)
                columns[f"{name}={label}"] = np.where(series.isna(), np.nan, one)
        values = np.column_stack(list(columns.values())) if columns else np.empty((count, 0))
        if len(values) != count:
            raise ValueError(
                f"columns have {len(values)} entries, expected one for each of the {count} entities"
            )
        return cls(tuple(columns), values)

    def basis(self) -> tuple[Floats, Floats]:
        """Centred columns that a linear predictor can use, unknown values made neutral.

        Each column is standardised and followed by what lies above its lower and its upper
        third, so that an effect may bend twice; an unknown value is 0, the average, and raises
        a column of its own that says so.

        Returns
        -------
        basis : float64 array of shape (n + 1, p)
            The last row is nobody's, all zero.
        prior : float64 array of shape (p,)
            Variance each coefficient is expected to have.
        """
        columns: list[Floats] = []
        prior: list[float] = []
        for column in self.values.T:
            found, variances = bent(column, column)
            columns += found
            prior += variances
        basis = np.zeros((len(self) + 1, len(columns)))
        if columns:
            basis[:-1] = np.column_stack(columns)
        return basis, np.array(prior)

    @cached_property
    def completed(self) -> tuple[Floats, Floats, Unknowns]:
        """As `basis`, unknown values made what the known ones make likely; and how unsure that is.

        Returns
        -------
        basis, prior : as of `basis`
        unknowns : Unknowns
            Of the ``n + 1`` rows; nobody's has nothing to be unsure of.
        """
        basis, prior = self.basis()
        hidden = [np.zeros((len(self), 0), dtype=bool)]
        told: list[bool] = []
        for column in self.values.T:
            given = np.isfinite(column)
            columns, _ = bent(column, column)
            # The last column of a value that is sometimes unknown says so, and is always known.
            says = len(columns) - int(given.any() and not given.all())
            hidden.append(np.repeat(~given[:, None], len(columns), axis=1))
            told += [at < says for at in range(len(columns))]
        places = np.flatnonzero(told)
        unknown = np.hstack(hidden)[:, places]
        if not unknown.any():
            return basis, prior, Unknowns(len(basis), ())
        basis[:-1, places], unknowns = fill(basis[:-1, places], unknown)
        return basis, prior, unknowns.among(places, len(basis))


def bent(column: Floats, seen: Floats) -> tuple[list[Floats], list[float]]:
    """Columns through which a linear predictor can follow a curve of one column.

    Parameters
    ----------
    column : float64 array of shape (n,)
        What to describe, NaN where unknown.
    seen : float64 array
        What the column's average, scale and bends are taken from.

    Returns
    -------
    columns : list of float64 arrays of shape (n,)
        None when ``seen`` does not vary.
    prior : list of float
        Variance each coefficient is expected to have.
    """
    known, given = np.isfinite(column), np.isfinite(seen)
    columns: list[Floats] = []
    prior: list[float] = []
    if given.any() and np.ptp(seen[given]) > 1e-9 * max(1.0, np.abs(seen[given]).max()):
        mean, deviation = seen[given].mean(), seen[given].std()
        if len(np.unique(seen[given])) < _FEW_VALUES:
            # Labels as they are: on the scale of its deviation the rarest would be the freest.
            deviation = np.ptp(seen[given])
        scaled = np.where(known, (column - mean) / deviation, 0.0)
        reference = (seen[given] - mean) / deviation
        columns.append(scaled)
        prior.append(_LINEAR_PRIOR)
        if len(np.unique(reference)) >= _FEW_VALUES:
            for knot in np.quantile(reference, (1 / 3, 2 / 3)):
                centre = np.maximum(reference - knot, 0.0).mean()
                columns.append(np.where(known, np.maximum(scaled - knot, 0.0) - centre, 0.0))
                prior.append(_BEND_PRIOR)
    if given.any() and not given.all():
        columns.append(np.where(known, 0.0, 1.0) - (~given).mean())
        prior.append(_BEND_PRIOR)
    return columns, prior


@dataclass(frozen=True)
class PromotionOutcomes:
    """What ``n`` past promotions brought; float64 arrays of shape (n,), NaN = unknown.

    Attributes
    ----------
    exposures, paid_exposures, clicks, orders : exact counts
    gmv, refunded_gmv, commission, slot_fee : exact money
    exposures_low, exposures_high, clicks_low, …, gmv_high : ends of ranges
        What is known of a number that is not exact; see `ranged`.
    age_days : days between the promotion and the day the model is fitted for, never NaN
    exposure_basis : str
        ``"exposures"``, or ``"views"`` where they stand in because the market knows no displays.
    """

    exposures: Floats
    paid_exposures: Floats
    clicks: Floats
    orders: Floats
    gmv: Floats
    exposures_low: Floats
    exposures_high: Floats
    clicks_low: Floats
    clicks_high: Floats
    orders_low: Floats
    orders_high: Floats
    gmv_low: Floats
    gmv_high: Floats
    refunded_gmv: Floats
    commission: Floats
    slot_fee: Floats
    age_days: Floats
    exposure_basis: str = "exposures"

    def __len__(self) -> int:
        return len(self.age_days)

    @classmethod
    def of(
        cls, age_days: npt.ArrayLike, exposure_basis: str = "exposures", **known: npt.ArrayLike
    ) -> PromotionOutcomes:
        """Fill what is not given with unknown.

        Examples
        --------
        >>> PromotionOutcomes.of([3.0, 8.0], orders=[1.0, 0.0]).gmv
        array([nan, nan])
        """
        age = np.asarray(age_days, dtype=np.float64)
        names = {field.name for field in fields(cls)} - {"age_days", "exposure_basis"}
        unknown = sorted(set(known) - names)
        if unknown:
            raise ValueError(
                f"got {', '.join(unknown)}, expected some of {', '.join(sorted(names))}"
            )
        columns = {name: np.full(len(age), np.nan) for name in names}
        for name, given in known.items():
            columns[name] = np.asarray(given, dtype=np.float64)
            if columns[name].shape != age.shape:
                raise ValueError(
                    f"{name} has shape {columns[name].shape}, expected {age.shape} as age_days has"
                )
        return cls(age_days=age, exposure_basis=exposure_basis, **columns)

    def ranged(self, name: str) -> Ranged:
        """Exposures, clicks, orders or GMV with whatever is known of them.

        Examples
        --------
        >>> told = PromotionOutcomes.of([3.0, 8.0], orders=[2.0, np.nan],
        ...                             orders_low=[np.nan, 100.0], orders_high=[np.nan, 300.0])
        >>> told.ranged("orders").high.tolist()
        [2.0, 300.0]
        """
        exact, low, high = (getattr(self, one) for one in (name, f"{name}_low", f"{name}_high"))
        return Ranged.of(exact, low, high)

    def take(self, keep: npt.NDArray[Any]) -> PromotionOutcomes:
        """Those promotions that a mask or an index array picks."""
        parts = {
            field.name: getattr(self, field.name)[keep]
            for field in fields(self)
            if field.name != "exposure_basis"
        }
        return PromotionOutcomes(**parts, exposure_basis=self.exposure_basis)


@dataclass(frozen=True)
class Terms:
    """Prices and fees as offered; NaN = unknown, never free.

    Attributes
    ----------
    price : float64 array of shape (n_products,)
    product_merchant : int32 array of shape (n_products,)
        Row of the merchant that sells each product.
    product_commission : float64 array of shape (n_products,)
        Share of a sale, in [0, 1], that the merchant offers.
    creator_commission, slot_fee : float64 arrays of shape (n_creators,)
        Share and fee that the creator asks for.
    """

    price: Floats
    product_merchant: Rows
    product_commission: Floats
    creator_commission: Floats
    slot_fee: Floats

    @classmethod
    def unknown(cls, n_creators: int, n_products: int) -> Terms:
        """Terms of a market that tells none."""
        none, nothing = np.full(n_products, np.nan), np.full(n_creators, np.nan)
        sold_by = np.full(n_products, -1, dtype=np.int32)
        return cls(none, sold_by, none, nothing, nothing)
