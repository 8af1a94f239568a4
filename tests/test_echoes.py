"""Echoes: averaged vectors are seen through, given ones stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from models.affinity import Affinity
from models.blocks import Block
from models.echoes import without_echo
from models.whitening import unit

MERCHANTS, CREATORS = 60, 150


@pytest.fixture(scope="module")
def history() -> sp.csr_matrix:
    """Three partners for everybody."""
    rng = np.random.default_rng(1)
    partners = np.concatenate([rng.permutation(CREATORS)[:3] for _ in range(MERCHANTS)])
    cells = (np.repeat(np.arange(MERCHANTS), 3), partners)
    return sp.csr_matrix((np.ones(len(partners), np.float32), cells), (MERCHANTS, CREATORS))


@pytest.fixture(scope="module")
def echo(history: sp.csr_matrix) -> Block:
    """Merchants that are the mean of their partners."""
    rng = np.random.default_rng(2)
    creators = unit(rng.standard_normal((CREATORS, 16)).astype(np.float32))
    merchants = np.asarray(history @ creators)
    merchants = unit(merchants - merchants.mean(axis=0))
    yes = np.ones(CREATORS, dtype=bool)
    return Block("given:tags", merchants, creators, creators[:0], yes[:MERCHANTS], yes, yes[:0])


def test_the_mean_of_the_partners_is_no_news(echo: Block, history: sp.csr_matrix) -> None:
    kept = without_echo(echo, history)
    assert not kept.merchant_known.any()
    assert not kept.merchants.any()
    assert kept.creators is echo.creators
    affinity = Affinity(factors=4, spectral=4, choice=4).fit(history, [echo])
    assert not any(name == "given:tags:own" for name in affinity.weights_)
    assert "given:tags:partners" in affinity.weights_


def test_vectors_that_say_something_else_stay(echo: Block, history: sp.csr_matrix) -> None:
    rng = np.random.default_rng(3)
    noise = unit(rng.standard_normal(echo.merchants.shape).astype(np.float32))
    given = replace(echo, merchants=unit(echo.merchants + noise))
    assert without_echo(given, history) is given


def test_who_knows_merchants_without_partners_did_not_average(
    echo: Block, history: sp.csr_matrix
) -> None:
    shorter = history.copy()
    shorter.data[: 3 * 3] = 0
    shorter.eliminate_zeros()
    assert without_echo(echo, shorter) is echo


def test_a_block_of_one_side_stays(echo: Block, history: sp.csr_matrix) -> None:
    nobody = np.zeros(CREATORS, dtype=bool)
    merchants_alone = replace(echo, creator_known=nobody)
    assert without_echo(merchants_alone, history) is merchants_alone
    creators_alone = replace(echo, merchant_known=nobody[:MERCHANTS])
    assert without_echo(creators_alone, history) is creators_alone
