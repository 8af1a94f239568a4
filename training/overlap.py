"""Viewers that merchants and creators share, counted from single engagements."""

from __future__ import annotations

import numpy as np

from models.coaudience import viewer_voices, viewers_by_entities
from models.overlap import Overlap
from models.vocabulary import Vocabulary
from training.market import Market


def viewer_overlap(market: Market, merchants: Vocabulary, creators: Vocabulary) -> Overlap | None:
    """Count the viewers each merchant shares with each creator; None where nobody is told of.

    Machines, who engage with far more than people do, are left out. A creator that bears a
    merchant's id is the merchant's own account: its viewers are reached already.
    """
    if not market.has("engagements"):
        return None
    met = viewers_by_entities(market.table("engagements"), merchants, creators)
    # Who met one alone links none, and is not heard where links are learnt; here he counts.
    person = (viewer_voices(met, degree_cap=None, seed=0) > 0.0) | (np.diff(met.indptr) == 1)
    own = np.full(len(merchants), -1, dtype=np.int32)
    rows, known = creators.find(merchants.ids)
    own[known] = rows
    return Overlap.of(met[np.flatnonzero(person)], len(merchants), own)
