"""Portraits of a market: what its tables tell of everybody, facet by facet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from models.blocks import Block
from models.company import means_of, tally
from models.facets import Evidence, Facet
from models.given import given_vectors
from models.pairs import Floats, Pairs
from models.portraits import Portraits
from models.share_facets import share_facets
from models.vocabulary import Rows
from training.entities import Entities, product_table
from training.market import Market

# Directions kept of wide embeddings, and numbers of the co-audience that tell enough.
_WIDEST = 32
_LEADING = 12

# A merchant's mean over products strays with what they have in common, however many they are.
_MOST_LENT = 8.0


def fit_portraits(
    market: Market,
    ids: Entities,
    blocks: Mapping[str, Block],
    worked: Pairs,
    *,
    width: int = 16,
    seed: int = 0,
) -> Portraits:
    """Draw everybody's portrait from what a market tells.

    Parameters
    ----------
    market : Market
        As known at its ``as_of``.
    ids : Entities
    blocks : mapping of str to Block
        ``category`` and ``co_audience`` are read, where they are.
    worked : Pairs
        The promotions that may be known of.
    width, seed : int
    """
    evidence = portrait_evidence(market, ids, blocks, worked)
    return Portraits(width=width, seed=seed).fit(evidence, worked)


def portrait_evidence(
    market: Market, ids: Entities, blocks: Mapping[str, Block], worked: Pairs
) -> Evidence:
    """Collect what a market tells, one facet for all that is known or unknown together.

    Shares of an audience come by their square roots (Hellinger's distance), one facet for each
    kind of audience and dimension; the audience that goods are for stands beside the buyers of
    creators. Embeddings come as they are given, categories as marks, prices by their logarithms.
    What merchants do not tell themselves they take from their products, weighted by how often
    each was promoted.
    """
    named = worked.product[worked.product < len(ids.products)]
    often = np.bincount(named, minlength=len(ids.products)) + 1.0
    lending = _Lending(
        ids.product_merchant, len(ids.merchants), np.asarray(often, dtype=np.float64)
    )
    sizes = {
        "creators": len(ids.creators),
        "merchants": len(ids.merchants),
        "products": len(ids.products),
    }
    shares = market.table("audiences") if market.has("audiences") else None
    space, facets = share_facets(shares, ids.creators, ids.merchants, ids.products)
    facets += [*_given(market, ids, lending), *_of_blocks(blocks)]
    price = product_table(market, ids)["price"].to_numpy(float)[:, None]
    price = np.log(np.where(price > 0, price, np.nan))
    facets.append(lending.facet("price", {"products": price}))
    return Evidence(sizes, tuple(facets), ids.product_merchant, space)


class _Lending:
    """Merchants take from their products."""

    def __init__(self, owners: Rows, n_merchants: int, often: npt.NDArray[np.floating]) -> None:
        self._sold = tally(owners, np.arange(len(owners)), (n_merchants, len(owners)), often)

    def facet(self, name: str, values: dict[str, Floats]) -> Facet:
        """A facet of what merchants tell themselves or else their products do."""
        trust = {side: np.ones(len(rows)) for side, rows in values.items()}
        means, number = means_of(values["products"], self._sold)
        own = values.get("merchants", np.full_like(means, np.nan))
        silent = np.asarray(np.isnan(own).any(axis=1))
        values = values | {"merchants": np.where(silent[:, None], means, own)}
        trust["merchants"] = np.where(silent, np.minimum(number, _MOST_LENT), 1.0)
        return Facet.of(name, values, trust)


def _given(market: Market, ids: Entities, lending: _Lending) -> Iterator[Facet]:
    """One facet for each space of embeddings; the leading directions of a wide one."""
    if not market.has("embeddings"):
        return
    kinds = {"merchant": ids.merchants, "creator": ids.creators, "product": ids.products}
    for space, means in given_vectors(market.table("embeddings"), kinds):
        values = {
            f"{kind}s": np.where(known[:, None], rows, np.nan)
            for kind, (rows, known) in means.items()
        }
        yield lending.facet(f"given:{space}", _narrowed(values))


def _narrowed(values: dict[str, Floats]) -> dict[str, Floats]:
    """Turn wide vectors onto their leading directions."""
    width = values["creators"].shape[1]
    if width <= _WIDEST:
        return values
    known = np.vstack([rows[np.isfinite(rows).all(axis=1)] for rows in values.values()])
    centred = known - known.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :_WIDEST]
    return {side: rows @ axes for side, rows in values.items()}


def _of_blocks(blocks: Mapping[str, Block]) -> Iterator[Facet]:
    """Categories as marks, those of creators apart from those of goods; and the co-audience."""
    category, together = blocks.get("category"), blocks.get("co_audience")
    if category is not None:
        creators = {"creators": _known(category.creators > 0, category.creator_known)}
        yield Facet.of("category", creators)
        goods = {
            "merchants": _known(category.merchants > 0, category.merchant_known),
            "products": _known(category.products > 0, category.product_known),
        }
        yield Facet.of("sells", goods)
    if together is not None:
        sides = {
            "creators": _known(together.creators, together.creator_known),
            "merchants": _known(together.merchants, together.merchant_known),
        }
        leading = {side: rows[:, :_LEADING] for side, rows in sides.items()}
        yield Facet.of("co_audience", leading)


def _known(rows: npt.NDArray[np.generic], known: npt.NDArray[np.bool_]) -> Floats:
    return np.where(known[:, None], rows.astype(np.float64), np.nan)
