"""What is known of pairs before their sessions, as blocks of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.features import EntityFeatures, bent
from models.pair_levels import Block
from models.pairs import Floats
from models.vocabulary import Rows
from training.promotion_sessions import PastPromotions, summed

#: Counts that make ratios of few of them finite: one trial of so many displays.
_FEW_TRIALS, _FEW_SHOWN = 1.0, 30.0
#: Where the tails of a column begin.
_TAILS = (0.02, 0.98)


@dataclass(frozen=True)
class Features:
    """What is known of creators, merchants and products beside their promotions."""

    creators: EntityFeatures
    merchants: EntityFeatures
    products: EntityFeatures


def pair_blocks(past: PastPromotions, features: Features) -> list[Block]:
    """Features of pairs, in the order that `training.ladder` names.

    How many trials a session brings, and how many of the displays become trials, say how well a
    pair fits before any order came.
    """
    pair, merchant, creator = past.cells
    n = len(merchant)
    ones, eye = np.ones(n), sparse.identity(n, format="csr")

    def mean(values: Floats) -> Floats:
        known = np.isfinite(values)
        count = np.bincount(pair[known], minlength=n)
        total = summed(pair[known], values[known], n)
        return np.asarray(
            np.divide(total, count, out=np.full(n, np.nan), where=count > 0), dtype=np.float64
        )

    def of(columns: list[Floats]) -> Block:
        told, prior = [ones], [100.0]
        for column in columns:
            found, variances = bent(column, column)
            told += found
            prior += variances
        return Block(np.column_stack(told), np.array(prior), eye)

    def entities(one: EntityFeatures, rows: Rows) -> Block:
        basis, prior = one.basis()
        shares = sparse.csr_matrix((ones, (np.arange(n), rows)), shape=(n, len(basis)))
        return Block(basis, prior, shares)

    trials, shown = past.trials.middle, past.shown.middle
    clicks = mean(trials) * np.bincount(pair, minlength=n)
    seen = mean(shown) * np.bincount(pair, minlength=n)
    sessions = np.bincount(past.sessions.pair, minlength=n)
    volume = [
        _usual(np.log1p(clicks / sessions)),
        _usual(np.log((clicks + _FEW_TRIALS) / (np.maximum(seen, clicks) + _FEW_SHOWN))),
    ]
    basis, prior = features.products.basis()
    part = np.where(past.product >= 0, past.product, len(basis) - 1)
    weight = 1.0 / np.bincount(pair, minlength=n)[pair]
    products = sparse.csr_matrix((weight, (pair, part)), shape=(n, len(basis)))
    return [
        of([mean(column) for column in past.fits.T]),
        of(volume),
        entities(features.creators, creator),
        entities(features.merchants, merchant),
        Block(basis, prior, products),
    ]


def _usual(values: Floats) -> Floats:
    """Values drawn in to what is usual: a line is not followed to where hardly anybody is."""
    known = values[np.isfinite(values)]
    return np.clip(values, *np.quantile(known, _TAILS)) if len(known) else values
