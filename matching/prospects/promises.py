"""Reads creators in the order of what they promise, until nobody left could enter a list.

A prediction has two kinds of creators: those whose own history with the asker settles part of it,
and everybody else, who is bounded by what he promises whoever asks (`models.chain.Bound`). The
first are looked at one and all, the second in the order of their promise. So a list is exact at any
size and any length, though few are looked at (after Fagin, Lotem and Naor, "Optimal aggregation
algorithms for middleware", 2003).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matching.history import Ragged
from matching.prospects.heaps import into_order, take_in
from matching.shortlists import Starts
from models.assortment import MOST
from models.blocks import Mask, Vectors
from models.chain import Bound
from models.compiled import compiled
from models.fits import Words, cosine, covered, wanted_marks
from models.forecast import Forecast, expected
from models.known import read
from models.loglinear import FIT_CELLS, deal_of, fit_cell, places, taste_of, within
from models.meetings import meeting
from models.money import price_of
from models.pairs import Floats
from models.vocabulary import Rows

#: The bound is computed in another order than the prediction: room for the last digits, in logs.
_ROUNDING = 1e-5


class Wishes(NamedTuple):
    """Who asks, and for what: ``m`` merchants.

    Attributes
    ----------
    merchant, product : int32 arrays of shape (m,)
    audience : float32 array of shape (m, d)
        What each wants in the space of audiences.
    audience_known : bool array of shape (m,)
    marks : uint64 array of shape (m, words)
        Categories that each wants.
    marks_known : bool array of shape (m,)
    """

    merchant: Rows
    product: Rows
    audience: Vectors
    audience_known: Mask
    marks: Words
    marks_known: Mask


class Creators(NamedTuple):
    """Who may be listed, the most promising first, and how each is compared.

    Attributes
    ----------
    rows : int32 array of shape (n,)
    promise : float64 array of shape (n,)
        Log of their own part in the prediction.
    reach : float64 array of shape (n,)
        Log of the most that is with their taste for whatever is promoted, falling.
    lengths, doubts : float64 arrays of shape (n,)
        Length of each one's taste, and what a portrait's squared length adds.
    places : int32 array of shape (n,)
        Where each stands among all creators in this order, ascending.
    place_of : int32 array of shape (number of creators + 1,)
        Where each creator stands, by row; -1 for somebody unknown.
    audience, audience_known, marks, marks_known : arrays by row
    promoters : int32 array
        Who has promoted each product, as in `models.meetings.Partners`.
    promoter_starts : int64 array
    """

    rows: Rows
    promise: Floats
    reach: Floats
    lengths: Floats
    doubts: Floats
    places: Rows
    place_of: Rows
    audience: Vectors
    audience_known: Mask
    marks: Words
    marks_known: Mask
    promoter_starts: Starts
    promoters: Rows


@compiled
def holds(rows: Rows, start: int, end: int, row: int) -> bool:
    """Whether ascending rows hold one between two places."""
    while start < end:
        middle = (start + end) >> 1
        if rows[middle] == row:
            return True
        if rows[middle] < row:
            start = middle + 1
        else:
            end = middle
    return False


@compiled
def span(starts: Starts, one: int) -> tuple[int, int]:
    """Where the part of one row begins and ends; nowhere for rows after the last."""
    if one + 1 >= len(starts):
        return 0, 0
    return starts[one], starts[one + 1]


@compiled
def least_log(scores: Floats, start: int, size: int, k: int) -> float:
    """Log that a bound must reach, or nobody below it can enter a heap of ``k``."""
    if size < k or not scores[start] > 0.0:
        return -np.inf
    log: float = np.log(scores[start])
    return log - _ROUNDING


@compiled
def most_by_category(parts: Floats, wanted: int) -> float:
    """Most that the category fit can add for who wants so many categories."""
    most: float = parts[FIT_CELLS]
    for covering in range(wanted + 1):
        most = max(most, parts[fit_cell(covering / max(wanted, 1))])
    return most


@compiled
def together(logs: Floats, several: int, averaged: bool) -> float:
    """Log of the sum of several numbers given as logs, or of the greatest of them."""
    most: float = logs[0]
    for i in range(1, several):
        most = max(most, logs[i])
    if several == 1 or not averaged or not np.isfinite(most):
        return most
    total = 0.0
    for i in range(several):
        total += np.exp(logs[i] - most)
    found: float = most + np.log(total)
    return found


@compiled
def best_of_all(
    forecast: Forecast,
    bound: Bound,
    creators: Creators,
    wishes: Wishes,
    left_out: Ragged,
    column: int,
    k: int,
    starts: Starts,
    found: Rows,
    scores: Floats,
) -> int:
    """Write the list of each asker, and tell how many: fewer where a row is none.

    What is dear comes late: most creators are passed over by their reach, then by their taste for
    what is promoted, by what their categories leave possible and by their audience; only the rest
    are predicted.

    Parameters
    ----------
    starts : int64 array of shape (m + 1,), from 0
    found, scores : int32 and float64 arrays of shape (m * k,)
        To be written, as in `matching.shortlists.Shortlists`.
    """
    folded, _, _, assortment, steps = forecast
    table, first, partner_starts, partners, promoted_starts, promoted, tastes, portraits = folded
    usual_starts, usual, shares = assortment
    _, by_merchant, by_product, by_audience, by_category, taste, _, priced, averaged = bound
    none, behind = first.pair - first.product - 1, portraits.shape[1] - 1
    parts, promoted_now, told = np.empty(MOST), np.empty(MOST, np.int64), np.empty(MOST)
    rows, promise, reach, lengths, doubts, listed, place_of = (
        creators.rows,
        creators.promise,
        creators.reach,
        creators.lengths,
        creators.doubts,
        creators.places,
        creators.place_of,
    )
    theirs, is_told, borne, is_marked = (
        creators.audience,
        creators.audience_known,
        creators.marks,
        creators.marks_known,
    )
    promoter_starts, promoters = creators.promoter_starts, creators.promoters
    merchants, products, wanted, wants, asked, asks = wishes
    out_starts, out = left_out
    most_by_audience = by_audience.max()
    for i in range(len(merchants)):
        merchant, product = merchants[i], products[i]
        if not within(first, merchant, 0, product):
            return i
        start, end = span(usual_starts, merchant) if product == none else (0, 0)
        for j in range(max(end - start, 1)):
            item = usual[start + j] if start < end else product
            parts[j] = by_product[item]
            if priced:
                own = table[first.product + item, steps.money]
                parts[j] += np.log(price_of(own, table[first.merchant + merchant, steps.money]))
            if averaged and start < end:
                parts[j] += np.log(shares[start + j])
            promoted_now[j] = first.product - first.merchant + item
        several = max(end - start, 1)
        if start == end and product == none:
            promoted_now[0] = merchant
        rest = by_merchant[merchant]
        most_by_product = together(parts, several, averaged)
        squared = 0.0
        for j in range(several):
            squared = max(squared, np.float64(portraits[promoted_now[j], behind]))
        longest = np.sqrt(squared)
        most = most_by_audience if wants[i] else by_audience[FIT_CELLS]
        marks = wanted_marks(asked, i) if asks[i] else 0
        most_by_fits = most + most_by_category(by_category, marks)
        partner, partner_end = span(partner_starts, merchant)
        promoter, promoter_end = span(promoter_starts, product)
        met = partner_end - partner
        start, size, least = starts[i], 0, -np.inf
        # Those who have met come first, at places below 0: their promise is no bound.
        for j in range(-met - (promoter_end - promoter), len(rows)):
            if j >= 0:
                if reach[j] + rest + most_by_product + most_by_fits < least:
                    break
                # Cheap, and most end here: the taste as if it pointed at what is promoted.
                most_by_taste = lengths[j] * longest + doubts[j] * squared + most_by_fits
                if promise[j] + rest + most_by_product + most_by_taste < least:
                    continue
                creator = rows[j]
                for one in range(several):
                    row = promoted_now[one]
                    liked = taste_of(taste, creator, 0, portraits, row)
                    told[one] = parts[one] + liked + taste[creator, behind] * portraits[row, behind]
                bounded = promise[j] + rest + together(told, several, averaged)
                if bounded + most_by_fits < least:
                    continue
            else:
                creator = (
                    partners[partner_end + j] if j >= -met else promoters[promoter_end + met + j]
                )
                if not holds(listed, 0, len(listed), place_of[creator]):
                    continue
            category_fit, audience_fit = np.nan, np.nan
            if asks[i] and is_marked[creator]:
                category_fit = covered(asked, i, borne, creator)
            if j >= 0:
                bounded += by_category[fit_cell(category_fit)]
                if bounded + most < least:
                    continue
            if wants[i] and is_told[creator]:
                audience_fit = cosine(wanted, i, theirs, creator)
            if j >= 0 and bounded + by_audience[fit_cell(audience_fit)] < least:
                continue
            pair = meeting(partner_starts, partners, merchant, creator)
            deal = deal_of(first, promoted_starts, promoted, creator, product)
            if j >= 0 and (pair < len(partners) or deal < len(promoted)):
                continue
            if j < -met and pair < len(partners):
                continue
            if holds(out, out_starts[i], out_starts[i + 1], creator):
                continue
            at = places(first, merchant, creator, product, pair, deal, audience_fit, category_fit)
            known = read(
                table,
                first,
                promoted_starts,
                promoted,
                tastes,
                portraits,
                usual_starts,
                usual,
                shares,
                steps,
                at,
            )
            score = expected(known, steps, column)
            size = take_in(scores, found, start, size, k, score, creator)
            least = least_log(scores, start, size, k)
        into_order(scores, found, start, size)
        starts[i + 1] = start + size
    return len(merchants)
