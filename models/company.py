"""Company: what the partners of creators and merchants say of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix, diags_array

from models.blocks import Vectors
from models.facets import SIDES, Evidence, Facet
from models.factoring import Factors
from models.pairs import Floats, Pairs

# Partners' portraits count by n / (n + 5): few partners say little of the next.
_FEW_PARTNERS = 5.0


def partner_facets(
    evidence: Evidence, worked: Pairs, creators: Vectors, merchants: Vectors, products: Vectors
) -> list[Facet]:
    """What creators promoted, whom merchants worked with, and what they sell; by portraits.

    Parameters
    ----------
    evidence : Evidence
    worked : Pairs
        Promotions that are known of; a product that none names stands for its merchant.
    creators, merchants, products : float32 arrays of shape (n, d)
        Portraits drawn without partners.
    """
    found = []
    sizes = evidence.sizes
    n_creators, n_merchants, n_products = (sizes[side] for side in SIDES)
    named = worked.product < n_products
    product, seller = worked.product[named], evidence.product_merchants
    often = 1.0 + np.bincount(product, minlength=n_products)
    goods = np.where(named, worked.product, n_products + worked.merchant)
    of_goods = (n_creators, n_products + n_merchants)
    worked_with = tally(worked.merchant, worked.creator, (n_merchants, n_creators))
    sold = tally(seller, np.arange(n_products), (n_merchants, n_products), often)
    for name, side, met, portraits in (
        (
            "promoted",
            "creators",
            tally(worked.creator, goods, of_goods),
            np.vstack([products, merchants]),
        ),
        ("partners", "merchants", worked_with, creators),
        ("sold", "merchants", sold, products),
    ):
        means, number = means_of(portraits, met)
        trust = number / (number + _FEW_PARTNERS)
        found.append(Facet.of(name, {side: means}, {side: trust}).telling())
    return [facet for facet in found if facet is not None]


def listened(factors: Factors, evidence: Evidence, facet: Facet, most: int) -> Factors:
    """Learn what a facet made of others' portraits, told by one side, says of the factors.

    From at most ``most`` of those who tell, spread over all; the factors stay what they are.
    """
    ((side, (values, trust)),) = facet.told.items()
    told = np.flatnonzero(trust)
    rows = told[:: max(1, -(-len(told) // most))]
    cells = evidence.cells(side, rows)
    return factors.extended(*cells, values[rows].astype(np.float64), trust[rows].astype(np.float64))


def means_of(values: npt.NDArray[np.floating], met: csr_matrix) -> tuple[Floats, Floats]:
    """Means of what each owner's things tell, and of how many things they are.

    Parameters
    ----------
    values : float array of shape (n_things, k)
        A row with any NaN is unknown.
    met : csr_matrix of shape (n_owners, n_things)
        Weight of each thing for each owner; not negative.

    Returns
    -------
    means : float64 array of shape (n_owners, k)
        NaN where nothing is known.
    number : float64 array of shape (n_owners,)
        How many equally weighted things would weigh as much (Kish); 0 where nothing is known.

    Examples
    --------
    >>> means, number = means_of(
    ...     np.array([[1.0], [4.0], [np.nan]]), csr_matrix([[2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    ... )
    >>> means.ravel().tolist(), number.round(1).tolist()
    ([2.0, nan], [1.8, 0.0])
    """
    known = np.isfinite(values).all(axis=1)
    met = csr_matrix(met @ diags_array(known.astype(np.float64)))
    total = np.asarray(met.sum(axis=1), dtype=np.float64).ravel()
    squares = np.asarray(met.multiply(met).sum(axis=1), dtype=np.float64).ravel()
    sums = np.asarray(met @ np.where(known[:, None], values, 0.0).astype(np.float64))
    told = total > 0
    means = np.full(sums.shape, np.nan)
    means[told] = sums[told] / total[told, None]
    return means, np.divide(total**2, squares, out=np.zeros(len(total)), where=told)


def tally(
    owners: npt.NDArray[np.integer],
    things: npt.NDArray[np.integer],
    shape: tuple[int, int],
    weights: npt.NDArray[np.floating] | None = None,
) -> csr_matrix:
    """Count how often each owner had to do with each thing; owners outside are nobody."""
    inside = (owners >= 0) & (owners < shape[0])
    counted = np.ones(len(owners)) if weights is None else np.asarray(weights, dtype=np.float64)
    return coo_matrix((counted[inside], (owners[inside], things[inside])), shape=shape).tocsr()
