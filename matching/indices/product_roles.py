"""What each product is for: to draw people in, to carry the sales, to earn, or to grow."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from matching.errors import BadInput
from matching.indices.grouping import Groups, numbers, require
from models.pairs import Floats

#: Roles by (amount high, quantity high).
_ROLES = {
    (True, True): "core",
    (False, True): "traffic",
    (True, False): "profit",
    (False, False): "potential",
}

#: Share of sales that products of each role brought in the paper's case (P): to compare with.
PAPER_SHARES = {"traffic": 0.132, "core": 0.615, "profit": 0.169, "potential": 0.084}

#: Where a share begins to be high: at an even share, at the middle product's, or at a number.
Cut = Literal["even", "median"] | float

# An even share of equal products must not be missed by a rounding.
_ROUNDING = 1e-9


def product_roles(
    promotions: pd.DataFrame,
    *,
    within: str = "merchant_id",
    amount_cut: Cut = "even",
    quantity_cut: Cut = "even",
) -> pd.DataFrame:
    """Role of each product, by its share of the amount and of the quantity sold.

    High in both is **core**, quantity alone **traffic**, amount alone **profit**, neither
    **potential**. The source gives no threshold. Ours is an even share, 1 / number of products:
    sold more than if all sold the same. A share at the cut is high.

    Parameters
    ----------
    promotions : DataFrame
        ``product_id``, ``gmv``, ``orders`` and the column of ``within``. A row takes part where
        both GMV and orders are known.
    within : str
        Whose assortment the shares are of: a merchant's, or ``"creator_id"`` for a creator's.
    amount_cut, quantity_cut : "even", "median" or float
        ``"median"`` is the share of the assortment's middle product; a number in (0, 1] is that
        share for every assortment, whatever its size.

    Returns
    -------
    DataFrame, indexed by ``within`` and ``product_id``
        ``amount`` (money), ``quantity`` (orders), ``amount_share`` and ``quantity_share`` in
        [0, 1], ``role``. Where no row of a product is known its shares are NaN and its role is
        None, as it is in an assortment that sold nothing; it takes no part in the others' cuts. A
        product that was never promoted has no row.

    Raises
    ------
    BadInput
        When a column is not there or holds no counts, or for a cut that is none.

    Notes
    -----
    Source: DOMAIN, "Product roles" (P; the figure of the corners is lost, they are inferred).

    Examples
    --------
    >>> sold = pd.DataFrame({"merchant_id": "m1", "product_id": ["p1", "p2", "p3", "p4"],
    ...                      "gmv": [100.0, 600.0, 250.0, 50.0], "orders": [40, 45, 10, 5]})
    >>> product_roles(sold)["role"].tolist()
    ['traffic', 'core', 'profit', 'potential']
    """
    keys = [within, "product_id"]
    require(promotions, [*keys, "gmv", "orders"])
    products = Groups.of(promotions, keys)
    gmv, orders = numbers(promotions, "gmv"), numbers(promotions, "orders")
    known = ~(np.isnan(gmv) | np.isnan(orders))
    amount, quantity = products.sums_of(gmv, known), products.sums_of(orders, known)
    sold = pd.DataFrame({"amount": amount, "quantity": quantity}, index=products.labels)
    owner = Groups.of(sold.reset_index(), within)
    amount_share, amount_high = _shares(amount, owner, "amount_cut", amount_cut)
    quantity_share, quantity_high = _shares(quantity, owner, "quantity_cut", quantity_cut)
    told = ~(np.isnan(amount_share) | np.isnan(quantity_share))
    pairs = zip(told.tolist(), amount_high.tolist(), quantity_high.tolist(), strict=True)
    roles = [_ROLES[high, many] if sure else None for sure, high, many in pairs]
    return sold.assign(
        amount_share=amount_share,
        quantity_share=quantity_share,
        role=pd.Series(roles, sold.index, dtype=object),
    )


def role_shares(roles: pd.DataFrame) -> pd.Series:
    """Share of the amount that the products of each role bring, in [0, 1].

    Parameters
    ----------
    roles : DataFrame
        What :func:`product_roles` gave, of one assortment or of many.

    Returns
    -------
    float64 Series over the roles, in the order of :data:`PAPER_SHARES`
        0 for a role that no product has; NaN throughout where nothing was sold.

    Raises
    ------
    BadInput
        When a column is not there.

    Examples
    --------
    >>> told = pd.DataFrame({"amount": [100.0, 700.0, 200.0], "role": ["traffic", "core", "core"]})
    >>> role_shares(told).to_dict()
    {'traffic': 0.1, 'core': 0.9, 'profit': 0.0, 'potential': 0.0}
    """
    require(roles, ["amount", "role"])
    amounts = roles.groupby("role")["amount"].sum().reindex(list(PAPER_SHARES), fill_value=0.0)
    total = float(amounts.sum())
    return (amounts / (total if total > 0 else np.nan)).rename("share")


def _shares(
    sold: Floats, owner: Groups, name: str, cut: Cut
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Share of each product in its assortment, and whether it is high."""
    known = ~np.isnan(sold)
    total = owner.sums_of(sold, known)[owner.codes]
    share = np.full(len(sold), np.nan)
    np.divide(sold, total, out=share, where=known & (total > 0))
    if cut == "even":
        line = 1.0 / owner.sums_of(np.ones(len(sold)), known)[owner.codes]
    elif cut == "median":
        line = pd.Series(share).groupby(owner.codes).transform("median").to_numpy(np.float64)
    elif isinstance(cut, int | float) and 0 < cut <= 1:
        line = np.full(len(sold), float(cut))
    else:
        raise BadInput(
            f"{name}: got {cut!r}, expected 'even', 'median' or a share above 0, 1 at most"
        )
    return share, share >= line * (1.0 - _ROUNDING)
