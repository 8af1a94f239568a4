"""What formats, campaigns and sessions did to past promotions is taken out, not believed in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.backfitting import fit_counts, fit_levels
from models.circumstances import Circumstances, Conditions
from models.features import EntityFeatures
from models.pairs import Floats, Pairs
from models.shared_luck import SharedLuck
from tests.market_folders import small_market, write_market
from training.circumstances import promotion_circumstances
from training.entities import Entities
from training.market import read_market

CREATORS, MERCHANTS = 120, 15
KINDS = ("live", "showcase", "video")
ADDED = np.array([0.4, -1.0, 0.0])


class Drawn:
    """Sessions of three promotions of one creator: its level, the kind's, the session's luck."""

    def __init__(self, sessions: int = 4_000, luck: float = 0.3, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        n = 3 * sessions
        self.session = np.repeat(np.arange(sessions), 3)
        creator = rng.integers(0, CREATORS, sessions)[self.session]
        self.mixes = rng.dirichlet([2.0, 1.0, 2.0], CREATORS)
        drawn = rng.random(sessions)[:, None] > self.mixes.cumsum(axis=1)[creator[::3], :2]
        self.kind = drawn.sum(axis=1)[self.session]
        self.campaign = (rng.random(sessions) < 0.3).astype(float)[self.session]
        self.reach = rng.normal(0, 0.5, CREATORS)
        rows = (creator, rng.integers(0, MERCHANTS, n), np.zeros(n))
        merchant_last = (rows[1], rows[0], rows[2])
        unknown = np.full(n, np.nan)
        self.pairs = Pairs(*(one.astype(np.int32) for one in merchant_last), unknown, unknown)
        shared = rng.normal(0, luck**0.5, sessions)[self.session]
        self.log = 5.0 + self.reach[creator] + ADDED[self.kind] + 0.5 * self.campaign + shared
        self.seen = self.log + rng.normal(0, 0.5, n)

    def circumstances(self) -> Circumstances:
        values = self.campaign[:, None]
        return Circumstances(self.kind, KINDS, ("campaign",), values, self.session)


FEATURES = tuple(EntityFeatures((), np.empty((count, 0))) for count in (CREATORS, MERCHANTS, 0))


def of_creators(model: object) -> Floats:
    table: Floats = model.tables[0][:-1, 0]  # type: ignore[attr-defined]
    return table


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


def test_levels_beside_their_circumstances(drawn: Drawn) -> None:
    n = len(drawn.seen)
    usual = drawn.reach + np.log(drawn.mixes @ np.exp(ADDED))
    off = {}
    for known in (None, drawn.circumstances()):
        model = fit_levels(drawn.pairs, drawn.seen, np.ones(n), FEATURES, circumstances=known)
        error = of_creators(model) - usual
        off[known is None] = (error - error.mean()).std()
        spread = model.tables[0][:-1, 1].mean()
        if known is not None:
            # Ten promotions of one evening are not ten: what is told of the error is the error.
            assert spread == pytest.approx((error - error.mean()).var(), rel=0.5)
            # A promotion to come has an evening, a kind and perhaps a campaign of its own.
            kinds = (
                ADDED[drawn.kind] - np.log(drawn.mixes @ np.exp(ADDED))[drawn.pairs.creator]
            ).var()
            assert model.noise == pytest.approx(0.25 + 0.3 + kinds + 0.25 * 0.21, rel=0.15)
    assert off[False] < 0.9 * off[True]


def test_counts_beside_their_circumstances(drawn: Drawn) -> None:
    rng = np.random.default_rng(1)
    n = len(drawn.seen)
    orders = rng.poisson(10 * np.exp(drawn.log - 5.0)).astype(float)
    trials = np.full(n, 1000.0)
    usual = drawn.reach + np.log(drawn.mixes @ np.exp(ADDED))
    models = [
        fit_counts(drawn.pairs, trials, orders, np.ones(n), FEATURES, circumstances=known)
        for known in (None, drawn.circumstances())
    ]
    errors = [of_creators(model) - usual for model in models]
    before, after = ((one - one.mean()).std() for one in errors)
    assert after < 0.92 * before
    spreads = [model.tables[0][:-1, 1].mean() for model in models]
    assert spreads[1] == pytest.approx(after**2, rel=0.6)


def test_unknown_circumstances_change_nothing(drawn: Drawn) -> None:
    some = np.arange(600)
    asked, seen = drawn.pairs.take(some), drawn.seen[:600]
    bare = fit_levels(asked, seen, np.ones(600), FEATURES)
    none = Circumstances.unknown(600)
    alike = Circumstances(
        np.zeros(600, int), ("live",), ("x",), np.full((600, 1), np.nan), none.kind
    )
    for known in (none, alike):
        told = fit_levels(asked, seen, np.ones(600), FEATURES, circumstances=known)
        for one, other in zip(bare.tables, told.tables, strict=True):
            np.testing.assert_array_equal(one, other)
        assert told.noise == bare.noise


def test_an_unknown_kind_is_the_usual_one() -> None:
    kind = np.array([0, 0, 1, -1])
    told = Circumstances(kind, ("live", "never", "video")[:2], (), np.empty((4, 0)), kind)
    columns = Conditions.of(told, None).columns
    np.testing.assert_allclose(columns[-1], 0.0)
    np.testing.assert_allclose(columns[:3].sum(axis=0), 0.0, atol=1e-12)


def test_one_session_moves_a_creators_mix_little() -> None:
    rng = np.random.default_rng(0)
    # Creator 0 showed one session of six showcases; the others are all of the same mix.
    creator = np.concatenate([np.zeros(6), rng.integers(1, 50, 3000)]).astype(int)
    kind = np.concatenate([np.ones(6), rng.random(3000) < 0.2]).astype(int)
    session = np.concatenate([np.zeros(6), 1 + np.arange(3000)]).astype(int)
    told = Circumstances(kind, ("live", "showcase"), (), np.empty((len(kind), 0)), session)
    conditions = Conditions.of(told, None)
    conditions.coefficients = np.array([0.0, -1.0])
    added, variance = conditions.usual(creator, 52)
    everybody = added[-1]
    assert np.abs(added[1:50] - everybody).max() < 0.1
    assert 0 < everybody - added[0] < 0.2  # all of it would be -.8
    assert variance[-1] == variance[50] > 0  # nobody, and who never promoted
    assert variance[1:50].max() < variance[-1] * 1.5


def test_rows_must_agree() -> None:
    none = np.full(3, -1)
    with pytest.raises(ValueError, match=r"values have shape \(2, 0\) and there are 3 sessions"):
        Circumstances(none, (), (), np.empty((2, 0)), none)


def test_sessions_of_one_promotion_share_nothing() -> None:
    assert SharedLuck.of(np.array([-1, -1]), np.ones(2)) is None
    assert SharedLuck.of(np.array([0, 1, -1]), np.ones(3)) is None
    luck = SharedLuck.of(np.array([4, -1, 4]), np.array([1.0, 0.5, 1.0]))
    assert luck is not None
    assert luck.session.tolist() == [0, 1, 0]
    assert luck.weight.tolist() == [1.0, 0.5]


def test_a_session_of_ones_own_weighs_as_one_draw() -> None:
    luck = SharedLuck.of(np.array([0, 0, 0, 1]), np.ones(4))
    assert luck is not None
    luck.variance = 0.5
    units = luck.units(np.array([0, 0, 1, 1]))
    sure, pull = np.array([2.0, 2.0, 4.0, 4.0]), np.array([2.0, 2.0, -4.0, 4.0])
    told = luck.evidence(units, sure, pull)
    # By the inverse of the covariance of session 0: noise ½, ½, ¼ and ½ in common.
    inverse = np.linalg.inv(np.diag([0.5, 0.5, 0.25]) + 0.5)
    mine, others = np.array([1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    logs = np.array([1.0, 1.0, -1.0])
    np.testing.assert_allclose(told.sure[:2], [mine @ inverse @ mine, others @ inverse @ others])
    np.testing.assert_allclose(told.pull[:2], [mine @ inverse @ logs, others @ inverse @ logs])
    np.testing.assert_allclose([told.sure[2], told.pull[2]], [1 / (0.25 + 0.5)] * 2)


def test_what_sessions_share_is_learnt(drawn: Drawn) -> None:
    luck = SharedLuck.of(drawn.session, np.ones(len(drawn.seen)))
    assert luck is not None
    sure = np.full(len(drawn.seen), 4.0)
    left = drawn.seen - (drawn.log - np.repeat(0.0, len(drawn.seen)))
    for _ in range(5):
        own = luck.learn(sure, sure * left, 0.55)
    assert luck.variance < 0.01
    shared = np.random.default_rng(2).normal(0, 0.3**0.5, 4_000)[drawn.session]
    for _ in range(5):
        own = luck.learn(sure, sure * (left + shared), 0.55)
    assert luck.variance == pytest.approx(0.3, abs=0.03)
    assert own == pytest.approx(0.25, abs=0.03)


def test_a_market_tells_circumstances(tmp_path: Path) -> None:
    tables = small_market()
    promotions = tables["promotions"].iloc[:4].copy()
    promotions["creator_id"] = ["c00", "c00", "c01", "c02"]
    promotions["occurred_at"] = [f"2026-02-0{day}T12:00:00Z" for day in (1, 3, 3, 5)]
    promotions["format"] = ["live", "live", "video", None]
    promotions["slot"] = ["dedicated", None, "mixed", "mixed"]
    promotions["session_id"] = ["s1", "s1", None, "s2"]
    promotions["campaign_id"] = [None, None, None, "k9"]
    daily = [
        {"creator_id": "c00", "date": "2026-01-31", "followers": 10_000},
        {"creator_id": "c00", "date": "2026-02-02", "followers": 27_183},
        {"creator_id": "c00", "date": "2026-02-04", "followers": 73_891},
        {"creator_id": "c01", "date": "2026-02-04", "followers": 50},
        {"creator_id": "c02", "date": "2026-02-04", "followers": 0},
    ]
    campaigns = [
        {
            "campaign_id": "k1",
            "starts_at": "2026-02-02T00:00:00Z",
            "ends_at": "2026-02-04T00:00:00Z",
        }
    ]
    folder = write_market(
        tmp_path / "told", promotions=promotions, creator_daily=daily, campaigns=campaigns
    )
    market = read_market(folder)
    found = promotion_circumstances(market, Entities.of(market).creators)
    assert found.kinds == ("live", "live dedicated", "video")
    assert found.kind.tolist() == [1, 0, 2, -1]
    assert found.session.tolist() == [0, 0, -1, 1]
    assert found.names == ("campaign", "size")
    assert found.values[:, 0].tolist() == [0, 1, 1, 1]
    # Halfway between two days, half of the growth; one day alone tells no growth.
    np.testing.assert_allclose(found.values[:, 1], [-1.25, -0.25, np.nan, np.nan], atol=0.01)

    bare = write_market(tmp_path / "bare", promotions=tables["promotions"].drop(columns="format"))
    market = read_market(bare)
    found = promotion_circumstances(market, Entities.of(market).creators)
    assert (found.kind == -1).all()
    assert (found.session == -1).all()
    assert np.isnan(found.values[:, 1]).all()
    assert (found.values[:, 0] == 0).all()
