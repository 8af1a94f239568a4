"""What a creator's audience makes of what is promoted to it."""

from __future__ import annotations

import numpy as np
import pytest

from models.features import EntityFeatures
from models.pairs import Pairs
from models.shared_luck import SharedLuck
from models.tastes import Portrayed, Tasted, Tastes

N, CREATORS, PRODUCTS = 40_000, 200, 60


class Drawn:
    """Logs that are the likeness of two portraits, and each creator's own taste beside it."""

    def __init__(self, own: float, noise: float = 0.5) -> None:
        rng = np.random.default_rng(3)
        self.creators = rng.normal(0, 0.5, (CREATORS, 4))
        self.products = rng.normal(0, 0.5, (PRODUCTS, 4))
        self.own = rng.normal(0, own, (CREATORS, 4))
        self.pairs = pairs(rng.integers(0, CREATORS, N), rng.integers(0, PRODUCTS, N))
        taste = 0.8 * self.creators + self.own
        self.log = np.einsum(
            "ij,ij->i", taste[self.pairs.creator], self.products[self.pairs.product]
        )
        self.seen = self.log + rng.normal(0, noise, N)
        self.counts = rng.poisson(20 * np.exp(self.log)).astype(float)

    def tastes(self) -> Tastes:
        return Tastes.of(self.pairs, self.portrayed())

    def portrayed(self) -> Portrayed:
        return Portrayed.of(
            features(CREATORS, self.creators),
            features(1, np.zeros((1, 4))),
            features(PRODUCTS, self.products),
        )


def features(count: int, portraits: np.ndarray | None) -> EntityFeatures:
    return EntityFeatures((), np.empty((count, 0)), portraits)


def pairs(creator: np.ndarray, product: np.ndarray) -> Pairs:
    rows = (one.astype(np.int32) for one in (np.zeros(len(creator)), creator, product))
    unknown = np.full(len(creator), np.nan)
    return Pairs(*rows, unknown, unknown)


def told_of(tastes: Tastes, drawn: Drawn) -> np.ndarray:
    tasted = tastes.tasted(drawn.portrayed().wanted())
    wanted = tasted.wanted[2 + drawn.pairs.product, :-1]
    return np.einsum("ij,ij->i", tasted.tastes[drawn.pairs.creator, :-1], wanted)


@pytest.mark.parametrize("own", [0.0, 0.5])
def test_levels(own: float) -> None:
    drawn = Drawn(own)
    tastes, left = drawn.tastes(), drawn.seen.copy()
    for _ in range(30):
        left -= tastes.refit_levels(np.ones(N), left, 0.25)
    # What own tastes have by chance in common with portraits goes to likeness.
    np.testing.assert_allclose(tastes.likeness, 0.8 * np.eye(4), atol=0.05 + 0.25 * own)
    # A guess worth twenty creators remains.
    assert tastes.variance == pytest.approx(own**2, abs=0.06)
    assert np.abs(told_of(tastes, drawn) - drawn.log).mean() < (0.04 if own == 0 else 0.06)
    assert 0 < tastes.freedom < 1 + 4 * CREATORS
    off = (drawn.creators @ tastes.likeness + tastes.own[:-1]) - (0.8 * drawn.creators + drawn.own)
    assert np.square(off).mean() < 1.5 * tastes.doubt[:-1].mean()


def test_counts() -> None:
    drawn = Drawn(0.5)
    tastes, expected = drawn.tastes(), np.full(N, 20.0)
    for _ in range(30):
        expected *= np.exp(tastes.refit_counts(drawn.counts, expected))
    np.testing.assert_allclose(tastes.likeness, 0.8 * np.eye(4), atol=0.2)
    np.testing.assert_allclose(np.log(expected / 20), told_of(tastes, drawn), atol=1e-5)
    assert np.abs(told_of(tastes, drawn) - drawn.log).mean() < 0.05


def test_who_was_never_seen_is_as_unsure_as_anybody() -> None:
    drawn = Drawn(0.5)
    few = drawn.pairs.creator < 150
    tastes = Tastes.of(drawn.pairs.take(few), drawn.portrayed())
    left = drawn.seen[few].copy()
    for _ in range(10):
        left -= tastes.refit_levels(np.ones(len(left)), left, 0.25)
    tasted = tastes.tasted(drawn.portrayed().wanted())
    assert tastes.doubt[149] < 0.2 * tastes.variance
    np.testing.assert_allclose(tasted.tastes[150:, -1], tastes.variance, rtol=1e-6)
    np.testing.assert_allclose(
        tasted.tastes[150:-1, :-1], drawn.creators[150:] @ tastes.likeness, rtol=1e-5, atol=1e-7
    )
    assert (tasted.tastes[-1, :-1] == 0).all()  # nobody


def test_the_luck_of_sessions_is_no_taste() -> None:
    drawn = Drawn(0.0)
    rng = np.random.default_rng(4)
    # Sessions of four promotions of one creator, alike but for single products.
    session = np.arange(N) // 4
    creator = np.repeat(rng.integers(0, CREATORS, N // 4), 4)
    product = np.repeat(rng.integers(0, PRODUCTS, N // 4), 4)
    asked = pairs(creator, product)
    luck = SharedLuck.of(session, np.ones(N))
    assert luck is not None
    luck.variance = 0.5
    told = np.einsum("ij,ij->i", 0.8 * drawn.creators[creator], drawn.products[product])
    seen = told + rng.normal(0, 0.5**0.5, N // 4)[session] + rng.normal(0, 0.5, N)
    variances = []
    for known in (None, luck):
        tastes, left = Tastes.of(asked, drawn.portrayed(), known), seen.copy()
        for _ in range(30):
            left -= tastes.refit_levels(np.ones(N), left, 0.25)
        variances.append(tastes.variance)
    assert variances[1] < 0.01 < 0.03 < variances[0]


def test_without_portraits_there_are_no_tastes() -> None:
    drawn = Drawn(0.0)
    nothing = Portrayed.of(
        features(CREATORS, drawn.creators), features(1, None), features(PRODUCTS, None)
    )
    assert nothing.width == 0
    tastes = Tastes.of(drawn.pairs, nothing)
    assert (tastes.refit_levels(np.ones(N), drawn.seen, 1.0) == 0.0).all()
    assert (tastes.refit_counts(drawn.counts, drawn.counts) == 0.0).all()
    tasted = tastes.tasted(nothing.wanted())
    assert tasted.tastes.shape == (CREATORS + 1, 1)
    assert tasted.wanted.shape == (1 + 1 + PRODUCTS + 1, 1)
    assert (tasted.wanted == 0).all()


def test_without_a_product_the_merchant_is_portrayed() -> None:
    drawn = Drawn(0.0)
    shop = Portrayed.of(
        features(CREATORS, drawn.creators),
        features(1, np.full((1, 4), 7.0)),
        features(PRODUCTS, drawn.products),
    )
    asked = pairs(np.array([0, 1]), np.array([PRODUCTS, 3]))
    np.testing.assert_array_equal(shop.promoted(asked), [np.full(4, 7.0), drawn.products[3]])


def test_steps_lie_side_by_side() -> None:
    one = Tasted(np.ones((3, 2), np.float32), np.ones((5, 2), np.float32))
    both = Tasted.beside([one, one._replace(tastes=2 * one.tastes)])
    assert both.tastes.tolist() == [[1, 1, 2, 2]] * 3
    assert Tasted.none(3, 5).wanted.shape == (5, 1)
