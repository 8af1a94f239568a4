"""Pairs that never met are unsure by what joins two; their own promotions take it away."""

from __future__ import annotations

import numpy as np

from models.conversion import ConversionModel
from models.features import EntityFeatures
from models.pairs import Pairs

MERCHANTS, CREATORS, PAIRS = 30, 300, 3_000


def fitted(apart: float) -> tuple[ConversionModel, Pairs, np.ndarray, np.ndarray]:
    """Pairs that promoted once or ten times, and later ones that ``apart`` tells apart."""
    rng = np.random.default_rng(5)
    everyone = rng.choice(MERCHANTS * CREATORS, PAIRS, replace=False)
    times = np.where(np.arange(PAIRS) < 1_000, 10, 1)
    late = np.arange(PAIRS) >= 2_000
    # Those who met long ago differ little; who only meets now differs by `apart`.
    own = rng.normal(0, np.where(late, apart, 0.05))
    row = np.repeat(np.arange(PAIRS), times)
    merchant, creator = np.divmod(everyone[row], CREATORS)
    clicks = rng.poisson(400, len(row)).astype(float) + 1
    rate = 0.05 * np.exp(own[row])
    orders = rng.binomial(clicks.astype(int), rate).astype(float)
    age = np.where(late[row], rng.uniform(1, 20, len(row)), rng.uniform(60, 200, len(row)))
    rows = (one.astype(np.int32) for one in (merchant, creator, np.zeros(len(row))))
    pairs = Pairs(*rows, *np.full((2, len(row)), np.nan))
    model = ConversionModel().fit(
        pairs,
        clicks,
        orders,
        age_days=age + 22,
        later=late[row],
        creators=EntityFeatures((), np.empty((CREATORS, 0))),
        merchants=EntityFeatures((), np.empty((MERCHANTS, 0))),
        products=EntityFeatures((), np.empty((0, 0))),
    )
    return model, pairs, row, rate


def test_strangers_are_less_sure_than_those_who_met() -> None:
    model, pairs, row, _ = fitted(0.6)
    assert 0.05 < model.strangeness_ < 0.5  # of a true .36, believed with reserve
    _, variance = model.model_.predict(pairs)
    often = row < 1_000
    once = (row >= 1_000) & (row < 2_000)
    taken = np.setdiff1d(np.arange(MERCHANTS * CREATORS), pairs.merchant * CREATORS + pairs.creator)
    merchant, creator = np.divmod(taken[:500], CREATORS)
    rows = (one.astype(np.int32) for one in (merchant, creator, np.zeros(500)))
    _, new = model.model_.predict(Pairs(*rows, *np.full((2, 500), np.nan)))
    assert np.median(variance[often]) < np.median(variance[once]) < np.median(new)
    assert np.median(new) - np.median(variance[often]) > 0.7 * model.strangeness_


def test_where_strangers_are_no_further_off_nothing_is_added() -> None:
    model, *_ = fitted(0.05)
    assert model.strangeness_ < 0.02


def test_what_was_learnt_is_kept() -> None:
    model, pairs, *_ = fitted(0.6)
    again = ConversionModel.from_state(model.state(), model.model_.meetings)
    assert again.strangeness_ == model.strangeness_
    np.testing.assert_array_equal(again.predict(pairs).high, model.predict(pairs).high)
