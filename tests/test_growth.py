"""Growth: better than persistence, intervals that hold, and no growth out of thin air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from models.features import EntityFeatures
from models.growth import Development, Growth
from models.histories import Histories
from models.pairs import Floats

ACCOUNTS, SIGHTS, STEP = 600, 8, 14.0


@dataclass(frozen=True)
class Panel:
    """Accounts that grow each at its own pace; noisy sights, some given as ranges."""

    levels: Floats
    followers: Floats
    days: Floats
    counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]

    @classmethod
    def drawn(cls, seed: int, luck: float = 0.05) -> Panel:
        rng = np.random.default_rng(seed)
        followers = rng.lognormal(9.0, 1.5, ACCOUNTS)
        days = np.arange(-SIGHTS + 1, 3).astype(np.float64) * STEP
        slope = 0.1 + 0.35 * rng.standard_normal(ACCOUNTS)
        first = np.log(followers) + 0.4 * rng.standard_normal(ACCOUNTS)
        levels = first[:, None] + slope[:, None] * days / 365.0
        levels += luck * rng.standard_normal(levels.shape)
        return cls(levels, followers, days, rng.integers(0, SIGHTS + 1, ACCOUNTS))

    def histories(self, ranges: bool = False) -> Histories:
        known = np.arange(SIGHTS) >= SIGHTS - self.counts[:, None]
        account, place = np.nonzero(known)
        amount = np.exp(self.levels[account, place])
        wide = (account % 7 == 0) & ranges
        low, high = (np.where(wide, amount * by, amount) for by in (0.6, 1.5))
        return Histories.of(ACCOUNTS, account, self.days[place], low, high)

    def features(self) -> EntityFeatures:
        return EntityFeatures.of(ACCOUNTS, {"followers": self.followers})

    def later(self) -> Floats:
        """On the last day of all, two steps ahead."""
        found: Floats = np.exp(self.levels[:, -1])
        return found


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel.drawn(1)


@pytest.fixture(scope="module")
def fitted(panel: Panel) -> Growth:
    return Growth().fit(panel.histories(), level=panel.features())


@pytest.fixture(scope="module")
def told(fitted: Growth) -> Development:
    return fitted.predict(2 * STEP)


def test_it_beats_persistence(panel: Panel, fitted: Growth, told: Development) -> None:
    seen = panel.counts > 0
    errors = [
        np.abs(np.log(one / panel.later()))[seen]
        for one in (told.later.point / fitted.mean_factor_, np.exp(panel.levels[:, SIGHTS - 1]))
    ]
    assert errors[0].mean() < 0.9 * errors[1].mean()
    assert np.median(errors[0]) < np.median(errors[1])


def test_intervals_hold_however_much_was_seen(panel: Panel, told: Development) -> None:
    later = panel.later()
    inside = (told.later.low <= later) & (later <= told.later.high)
    assert 0.76 <= inside.mean() <= 0.84
    for part in (panel.counts == 0, panel.counts == 1, panel.counts > 4):
        assert 0.66 <= inside[part].mean() <= 0.94
    wide = np.log(told.later.high / told.later.low)
    assert np.median(wide[panel.counts > 4]) < np.median(wide[panel.counts == 1])
    assert np.median(wide[panel.counts == 1]) < np.median(wide[panel.counts == 0])


def test_an_account_seen_once_grows_as_its_like_do(panel: Panel, told: Development) -> None:
    once = told.growth.point[panel.counts == 1]
    assert np.ptp(once) < 0.02
    assert np.ptp(told.growth.point[panel.counts == SIGHTS]) > 0.05


def test_points_lie_in_their_intervals(told: Development) -> None:
    for one in (told.now, told.growth):
        known = np.isfinite(one.point)
        assert (one.low <= one.point)[known].all()
        assert (one.point <= one.high)[known].all()


def test_an_account_never_seen_has_no_level_today(panel: Panel, told: Development) -> None:
    never = panel.counts == 0
    assert np.isnan(told.now.point[never]).all()
    assert np.isfinite(told.now.point[~never]).all()
    assert np.isfinite(told.later.point).all()


def test_ranges_make_the_level_unsure(panel: Panel) -> None:
    told = Growth().fit(panel.histories(ranges=True), level=panel.features()).predict(STEP)
    seen = panel.counts > 0
    ranged = np.arange(ACCOUNTS) % 7 == 0
    wide = np.log(told.now.high / told.now.low)
    assert np.median(wide[seen & ranged]) > 1.5 * np.median(wide[seen & ~ranged])


def test_unknown_features_widen_what_is_said_of_the_unseen(panel: Panel) -> None:
    hidden = panel.followers.copy()
    nobody = np.flatnonzero(panel.counts == 0)[::2]
    hidden[nobody] = np.nan
    nothing = np.full(ACCOUNTS, np.nan)
    features = EntityFeatures.of(ACCOUNTS, {"followers": hidden, "reputation": nothing})
    told = Growth().fit(panel.histories(), level=features).predict(STEP)
    wide = np.log(told.later.high / told.later.low)
    rest = np.setdiff1d(np.flatnonzero(panel.counts == 0), nobody)
    assert wide[nobody].min() > 1.5 * np.median(wide[rest])


def test_noisy_days_are_averaged_and_steady_ones_believed() -> None:
    noisy = Panel.drawn(2, luck=0.5)
    model = Growth().fit(noisy.histories(), level=noisy.features())
    assert model.law_.luck == pytest.approx(0.25, rel=0.3)
    assert model.mean_factor_ == pytest.approx(np.exp(0.125), rel=0.1)
    assert model.stay_ <= 0.2


def test_a_handful_of_sights_gives_wide_bounds() -> None:
    days, amount = np.array([-28.0, 0.0, 0.0]), np.array([100.0, 100.0, 1_000.0])
    few = Histories.of(3, np.array([0, 0, 1]), days, amount, amount)
    told = Growth().fit(few).predict()
    assert told.growth.point[:2] == pytest.approx(1.0, abs=0.05)
    assert (told.later.high[:2] > 1.2 * amount[1:]).all()


def test_the_same_bits_at_any_thread_count(panel: Panel) -> None:
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            told = Growth().fit(panel.histories(), level=panel.features()).predict(STEP)
            found.append(told.later.high)
    np.testing.assert_array_equal(found[0], found[1])


def test_nobody_seen_is_refused() -> None:
    nothing = Histories(*(np.full((4, 1), np.nan) for _ in range(4)))
    with pytest.raises(ValueError, match="none of 4 accounts was ever seen, expected at least one"):
        Growth().fit(nothing)
