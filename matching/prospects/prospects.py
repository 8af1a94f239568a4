"""Candidates by prediction: the creators who promise most, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.history import Ragged
from matching.prospects.promises import Creators, Wishes, best_of_all
from matching.shortlists import Shortlists
from models.blocks import Vectors
from models.chain import Bound, Chain
from models.compiled import settled
from models.fits import PairFits
from models.forecast import COLUMNS, Forecast
from models.vocabulary import Rows


@dataclass(frozen=True)
class Prospects:
    """Creators by what they promise for one prediction, whoever asks.

    Attributes
    ----------
    column : str
        The prediction, such as ``"expected_gmv"``.
    """

    column: str
    _fits: PairFits
    _forecast: Forecast
    _bound: Bound
    _creators: Creators

    @classmethod
    def of(cls, chain: Chain, fits: PairFits, column: str) -> Prospects:
        """Order all creators by their promises."""
        bound = chain.bound(column)
        promise, reach = bound.creator[:-1], bound.reach()[:-1]
        taste = bound.taste[:-1].astype(np.float64)
        order = np.argsort(-reach, kind="stable")
        place_of = np.full(len(order) + 1, -1, dtype=np.int32)
        place_of[order] = np.arange(len(order), dtype=np.int32)
        creators = Creators(
            settled(order, np.int32),
            settled(promise[order], np.float64),
            settled(reach[order], np.float64),
            settled(np.sqrt(np.square(taste[:, :-1]).sum(axis=1))[order], np.float64),
            settled(taste[:, -1][order], np.float64),
            settled(np.arange(len(order)), np.int32),
            settled(place_of, np.int32),
            fits.audiences.creators,
            fits.audiences.creator_known,
            fits.categories.creators,
            fits.categories.creator_known,
            *chain.meetings.deals.mirrored,
        )
        return cls(column, fits, chain.forecast, bound, creators)

    def best(
        self,
        k: int,
        merchants: Rows,
        products: Rows | None = None,
        *,
        targets: Vectors | None = None,
        allowed: Rows | None = None,
        left_out: Ragged | None = None,
    ) -> Shortlists:
        """Find the best ``k`` of each asker, best first.

        Parameters
        ----------
        k : int
        merchants : int32 array of shape (m,)
            Rows; the one after the last is a merchant nobody knows.
        products : int32 array of shape (m,), optional
            Rows; the one after the last is no product in particular, as where none are given.
        targets : float32 array of shape (m, d), optional
            The audience that each asks for, in the space of audiences; NaN where it is that of
            its merchant or product.
        allowed : int32 array, optional
            Creators to choose from, without repeats; all of them when not given.
        left_out : Ragged, optional
            Creators that are not for one asker, ascending; a list for each.

        Returns
        -------
        Shortlists
            Equal scores are ordered by row, unknown ones (NaN) are last.

        Raises
        ------
        IndexError
            When a merchant or a product was not there at the fit.
        """
        first = self._forecast.folded.first
        merchant = np.ascontiguousarray(merchants, dtype=np.int32)
        product = np.full(len(merchant), first.pair - first.product - 1, dtype=np.int32)
        if products is not None:
            product[:] = products
        creators = self._creators if allowed is None else self._among(allowed)
        k = min(k, len(creators.rows))
        starts = np.zeros(len(merchant) + 1, dtype=np.int64)
        rows = np.empty(len(merchant) * k, dtype=np.int32)
        scores = np.empty(len(merchant) * k, dtype=np.float64)
        without = Ragged(starts.copy(), np.empty(0, np.int32))
        if left_out is not None:
            kinds = zip(left_out, (np.int64, np.int32), strict=True)
            without = Ragged(*(np.ascontiguousarray(one, dtype=kind) for one, kind in kinds))
        if k < 1:
            return Shortlists(starts, rows, scores)
        done = best_of_all(
            self._forecast,
            self._bound,
            creators,
            self._wishes(merchant, product, targets),
            without,
            COLUMNS[self.column],
            k,
            starts,
            rows,
            scores,
        )
        if done < len(merchant):
            raise IndexError(
                f"asker {done} has merchant row {merchant[done]} and product row {product[done]}, "
                f"expected at most {first.product - first.merchant - 1} and "
                f"{first.pair - first.product - 1}"
            )
        return Shortlists(starts, rows[: starts[-1]], scores[: starts[-1]])

    def _among(self, allowed: Rows) -> Creators:
        """Those that a filter lets pass."""
        all_of_them = self._creators
        places = np.sort(all_of_them.place_of[allowed])
        return all_of_them._replace(
            rows=settled(all_of_them.rows[places], np.int32),
            promise=settled(all_of_them.promise[places], np.float64),
            reach=settled(all_of_them.reach[places], np.float64),
            lengths=settled(all_of_them.lengths[places], np.float64),
            doubts=settled(all_of_them.doubts[places], np.float64),
            places=settled(places, np.int32),
        )

    def _wishes(self, merchant: Rows, product: Rows, targets: Vectors | None) -> Wishes:
        fits = self._fits
        audience, known = fits.audiences.wanted(merchant, product)
        if targets is not None:
            own = ~np.isnan(targets).any(axis=1)
            audience[own] = targets[own]
            known |= own
        return Wishes(
            merchant, product, audience, known, *fits.categories.wanted(merchant, product)
        )
