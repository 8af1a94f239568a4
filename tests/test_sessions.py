"""Sessions a week: shrunk, faded, and with bounds that hold on the weeks to come."""

from __future__ import annotations

import numpy as np
import pytest

from models.features import EntityFeatures
from models.pairs import Floats
from models.sessions import SessionRate
from models.vocabulary import Rows

CREATORS, DAYS, AHEAD = 1_500, 300.0, 30.0


class Drawn:
    """Creators whose true rates follow what they say of themselves, more or less."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.said = rng.uniform(1.0, 6.0, CREATORS)
        self.rate = 0.25 * self.said * rng.lognormal(0.0, 0.4, CREATORS)
        self.present = np.where(rng.random(CREATORS) < 0.3, rng.uniform(0, DAYS, CREATORS), DAYS)
        counts = rng.poisson(self.rate * self.present / 7)
        self.creator: Rows = np.repeat(np.arange(CREATORS), counts).astype(np.int32)
        self.age: Floats = rng.random(len(self.creator)) * self.present[self.creator]
        self.coming = rng.poisson(self.rate * AHEAD / 7) / (AHEAD / 7)
        self.features = EntityFeatures.of(CREATORS, {"said": self.said})

    def fitted(self, half_life: float = 90.0) -> SessionRate:
        return SessionRate(half_life, AHEAD).fit(
            self.creator, self.age, self.present, self.features
        )


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(5)


@pytest.fixture(scope="module")
def model(drawn: Drawn) -> SessionRate:
    return drawn.fitted()


def test_rates_are_nearer_the_truth_than_counts_are(drawn: Drawn) -> None:
    found = drawn.fitted(half_life=1e4).predict().point  # nothing here changes with time
    counted = np.bincount(drawn.creator, minlength=CREATORS) / np.maximum(drawn.present, 7) * 7
    short = drawn.present < 60
    for part in (short, ~short):
        error, plain = (np.abs(one - drawn.rate)[part].mean() for one in (found, counted))
        assert error < plain
    assert found.mean() == pytest.approx(drawn.rate.mean(), rel=0.05)


def test_bounds_hold_in_the_weeks_to_come(drawn: Drawn, model: SessionRate) -> None:
    found = model.predict()
    inside = (found.low <= drawn.coming + 1e-9) & (drawn.coming <= found.high + 1e-9)
    assert 0.76 <= inside.mean() <= 0.92  # whole numbers are not cut in the middle
    assert inside[drawn.present < 30].mean() > 0.7
    assert (found.low <= found.point).all()
    assert (found.point <= found.high).all()
    assert found.low.min() >= 0.0


def test_who_held_none_has_what_its_column_says(drawn: Drawn, model: SessionRate) -> None:
    new = drawn.present < 7
    found = model.predict().point[new]
    assert np.corrcoef(found, drawn.said[new])[0, 1] > 0.8


def test_old_weeks_fade() -> None:
    creator, age = np.zeros(60, np.int32), np.linspace(200, 299, 60)
    others = np.repeat(np.arange(1, 40, dtype=np.int32), 30)
    spread = np.tile(np.linspace(1, 299, 30), 39)
    rates = [
        SessionRate(half_life)
        .fit(
            np.append(creator, others),
            np.append(age, spread),
            np.full(40, 300.0),
            EntityFeatures.of(40),
        )
        .predict()
        .point[0]
        for half_life in (20.0, 1e6)
    ]
    assert rates[0] < 0.7 < 1.2 < rates[1]


def test_a_short_past_gives_bounds_all_the_same() -> None:
    found = SessionRate().fit(
        np.array([0, 0, 1], np.int32),
        np.array([1.0, 8.0, 2.0]),
        np.full(2, 9.0),
        EntityFeatures.of(2),
    )
    told = found.predict()
    assert (told.low < told.point).all()
    assert (told.point < told.high).all()


def test_what_cannot_be_is_refused() -> None:
    nothing = EntityFeatures.of(1)
    empty = np.empty(0)
    with pytest.raises(ValueError, match="got no session, expected at least one"):
        SessionRate().fit(np.empty(0, np.int32), empty, np.ones(1), nothing)
    one = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="1 of 1 sessions are older than their creator's presence"):
        SessionRate().fit(one, np.array([5.0]), np.ones(1), nothing)
    with pytest.raises(ValueError, match="the youngest is -2 days old; expected ages between 0"):
        SessionRate().fit(one, np.array([-2.0]), np.ones(1), nothing)
