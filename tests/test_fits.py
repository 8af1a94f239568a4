"""Fits of pairs: known answers, unknowns, and the same bits in any company."""

import numpy as np
import pytest

from models import fits as fits_module
from models.blocks import Block, unit_rows
from models.fits import PairFits
from tests.in_python import in_python


def block(name, draw, merchants, creators, products, width, marks=False):
    parts, masks = [], []
    for n in (merchants, creators, products):
        rows = draw.normal(size=(n, width))
        known = draw.random(n) < 0.8
        if marks:
            rows = (rows > 0.5) * 1.0
            known &= rows.any(axis=1)
        parts.append(unit_rows(rows, known))
        masks.append(known)
    return Block(name, *parts, *masks)


@pytest.fixture(scope="module")
def blocks():
    draw = np.random.default_rng(0)
    return (
        block("audience", draw, 7, 40, 11, 29),
        block("category", draw, 7, 40, 11, 70, marks=True),
    )


def pairs(draw, n):
    return tuple(draw.integers(0, size + 2, n) for size in (7, 40, 11))


def plain(block, merchant, creator, product, compare):
    """The fit of one pair, told as plainly as can be."""
    if creator >= 40 or not block.creator_known[creator]:
        return np.nan
    if product < 11 and block.product_known[product]:
        return compare(block.products[product], block.creators[creator])
    if merchant < 7 and block.merchant_known[merchant]:
        return compare(block.merchants[merchant], block.creators[creator])
    return np.nan


def cosine(wanted, theirs):
    return float(wanted @ theirs)


def covered(wanted, theirs):
    return ((wanted > 0) & (theirs > 0)).sum() / (wanted > 0).sum()


@pytest.mark.parametrize(("which", "compare"), [("audience", cosine), ("category", covered)])
def test_fits_are_what_they_are_said_to_be(blocks, which, compare):
    rows = pairs(np.random.default_rng(1), 500)
    got = getattr(PairFits(*blocks), which)(*rows)
    spoken = dict(zip(("audience", "category"), blocks, strict=True))[which]
    expected = [plain(spoken, *pair, compare) for pair in zip(*rows, strict=True)]
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert got.dtype == np.float64
    assert np.isnan(got).any()
    assert np.isfinite(got).any()


@pytest.mark.parametrize("which", ["audience", "category"])
def test_a_pair_has_the_same_bits_in_any_company(blocks, which):
    fit = getattr(PairFits(*blocks), which)
    rows = pairs(np.random.default_rng(2), 300)
    together = fit(*rows)
    alone = np.concatenate([fit(*(part[i : i + 1] for part in rows)) for i in range(300)])
    np.testing.assert_array_equal(together, alone)
    order = np.random.default_rng(3).permutation(300)
    np.testing.assert_array_equal(fit(*(part[order] for part in rows)), together[order])
    # One merchant, and every creator in order: the ways that avoid copies.
    everyone = np.arange(40)
    for product in (11, int(np.flatnonzero(blocks[0].product_known)[0])):
        one = np.full(40, 3), everyone, np.full(40, product)
        singly = np.concatenate([fit(*(part[i : i + 1] for part in one)) for i in range(40)])
        np.testing.assert_array_equal(fit(*one), singly)


def test_fits_stay_within_their_bounds(blocks):
    rows = pairs(np.random.default_rng(4), 500)
    audience, category = PairFits(*blocks).audience(*rows), PairFits(*blocks).category(*rows)
    assert np.nanmin(audience) >= -1
    assert np.nanmax(audience) <= 1
    assert np.nanmin(category) >= 0
    assert np.nanmax(category) <= 1


def test_without_a_block_nothing_is_known():
    rows = tuple(np.zeros(3, dtype=np.int32) for _ in range(3))
    assert np.isnan(PairFits(None, None).audience(*rows)).all()
    assert np.isnan(PairFits(None, None).category(*rows)).all()


def test_no_pairs_no_fits(blocks):
    rows = tuple(np.zeros(0, dtype=np.int32) for _ in range(3))
    assert PairFits(*blocks).audience(*rows).shape == (0,)
    assert PairFits(*blocks).category(*rows).shape == (0,)


def test_products_without_any_merchant_fit_all_the_same():
    eye, yes = np.eye(2, dtype=np.float32), np.ones(2, dtype=bool)
    fits = PairFits(Block("audience", eye[:0], eye, eye, yes[:0], yes, yes), None)
    nobody, creators = np.zeros(3, np.int32), np.array([0, 1, 1], np.int32)
    got = fits.audience(nobody, creators, np.array([0, 0, 2], np.int32))
    np.testing.assert_array_equal(got, [1.0, 0.0, np.nan])


def test_towards_an_audience_is_the_fit_of_whoever_has_it(blocks):
    fits, creators = PairFits(*blocks), np.arange(42)
    audience, _ = blocks
    merchant = int(np.flatnonzero(audience.merchant_known)[0])
    nothing = np.full(42, 11)
    np.testing.assert_array_equal(
        fits.towards(audience.merchants[merchant], creators),
        fits.audience(np.full(42, merchant), creators, nothing),
    )


def test_what_is_wanted_is_the_products_or_the_merchants(blocks):
    audience, _ = blocks
    merchants, products = np.array([0, 1, 6, 8, -1]), np.array([11, 3, 0, 12, 40])
    wanted, known = PairFits(*blocks).audiences.wanted(merchants, products)
    for i, (merchant, product) in enumerate(zip(merchants, products, strict=True)):
        own = None
        if 0 <= product < 11 and audience.product_known[product]:
            own = audience.products[product]
        elif 0 <= merchant < 7 and audience.merchant_known[merchant]:
            own = audience.merchants[merchant]
        assert known[i] == (own is not None)
        np.testing.assert_array_equal(wanted[i], np.zeros(29) if own is None else own)


def test_loops_do_the_same_in_python(blocks, monkeypatch):
    rows = pairs(np.random.default_rng(5), 120)
    fits, target = PairFits(*blocks), blocks[0].merchants[2]
    compiled = fits.audience(*rows), fits.category(*rows), fits.towards(target, rows[1])
    in_python(fits_module, monkeypatch)
    plain = fits.audience(*rows), fits.category(*rows), fits.towards(target, rows[1])
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
