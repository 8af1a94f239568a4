"""Collaborative and spectral factors: known answers, fold-in, determinism."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from models.collaborative import CollaborativeFactors
from models.spectral import SpectralFactors


def checkerboard(n: int) -> sp.csr_matrix:
    """Merchants of even number work with all even creators, odd with odd, but none with its own."""
    rows, columns = np.indices((n, n))
    return sp.csr_matrix(((rows % 2 == columns % 2) & (rows != columns)).astype(np.float32))


@pytest.mark.parametrize("part", ["als", "spectral", "both"])
def test_the_withheld_diagonal_is_everybodys_best_new_partner(part: str) -> None:
    met = checkerboard(30)
    factors = CollaborativeFactors(factors=8, spectral=8, seed=3).fit(met)
    columns = factors.parts_[part] if part != "both" else slice(None)
    score = factors.merchant_factors_[:, columns] @ factors.creator_factors_[:, columns].T
    score[met.toarray() > 0] = -np.inf
    assert score.argmax(axis=1).tolist() == list(range(30))
    assert score.argmax(axis=0).tolist() == list(range(30))


def test_nobody_met_means_zero_factors() -> None:
    met = checkerboard(12).tolil()
    met[3, :] = 0
    met[:, 5] = 0
    factors = CollaborativeFactors(factors=4, spectral=4).fit(met.tocsr())
    assert not factors.merchant_factors_[3].any()
    assert not factors.creator_factors_[5].any()
    assert factors.merchant_factors_[4].any()
    assert factors.merchant_factors_.dtype == np.float32


def test_a_market_without_any_cooperation_has_zero_factors() -> None:
    factors = CollaborativeFactors(factors=4, spectral=4).fit(sp.csr_matrix((3, 5)))
    assert not factors.merchant_factors_.any()
    assert factors.creator_factors_.shape[0] == 5
    assert not factors.fold_in(sp.csr_matrix((2, 5))).any()


def test_fold_in_of_a_known_merchant_ranks_as_its_factors_do() -> None:
    met = checkerboard(40)
    factors = CollaborativeFactors(factors=8, spectral=8).fit(met)
    merchants = factors.fold_in(met[[6, 7]])
    creators = factors.fold_in_creators(met[:, [6, 7]].T.tocsr())
    spectral = factors.parts_["spectral"]
    np.testing.assert_allclose(
        merchants[:, spectral], factors.merchant_factors_[[6, 7], spectral], atol=1e-5
    )
    np.testing.assert_allclose(
        creators[:, spectral], factors.creator_factors_[[6, 7], spectral], atol=1e-5
    )
    even = np.arange(40) % 2 == 0
    for folded, others in (
        (merchants, factors.creator_factors_),
        (creators, factors.merchant_factors_),
    ):
        score = folded @ others.T
        assert score[0, even].min() > score[0, ~even].max()
        assert score[1, ~even].min() > score[1, even].max()


def test_an_empty_row_folds_in_to_zeros() -> None:
    factors = CollaborativeFactors(factors=4, spectral=4).fit(checkerboard(10))
    assert not factors.fold_in(sp.csr_matrix((2, 10))).any()
    assert not factors.fold_in_creators(sp.csr_matrix((1, 10))).any()


def test_state_restores_scores_and_fold_in() -> None:
    met = checkerboard(14)
    factors = CollaborativeFactors(factors=4, spectral=3, alpha=5.0).fit(met)
    again = CollaborativeFactors.from_state(factors.state())
    assert again.get_params() == factors.get_params()
    np.testing.assert_array_equal(again.merchant_factors_, factors.merchant_factors_)
    np.testing.assert_array_equal(again.fold_in(met[:3]), factors.fold_in(met[:3]))
    np.testing.assert_array_equal(
        again.fold_in_creators(met[:3]), factors.fold_in_creators(met[:3])
    )


@given(seed=st.integers(0, 2**31 - 1), unit=st.sampled_from([0.001, 1.0, 1000.0]))
@settings(max_examples=10)
def test_the_unit_of_the_weights_does_not_matter(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    met = sp.random(20, 15, density=0.3, random_state=rng, dtype=np.float32).tocsr()
    plain = CollaborativeFactors(factors=3, spectral=3, iterations=3).fit(met)
    other = CollaborativeFactors(factors=3, spectral=3, iterations=3).fit(met * np.float32(unit))
    np.testing.assert_allclose(
        plain.merchant_factors_ @ plain.creator_factors_.T,
        other.merchant_factors_ @ other.creator_factors_.T,
        atol=2e-3,
    )


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_must_be_finite_and_not_negative(bad: float) -> None:
    with pytest.raises(ValueError, match="negative or non-finite weights; expected weights >= 0"):
        CollaborativeFactors().fit(sp.csr_matrix(np.array([[1.0, bad]])))


def test_nothing_before_the_fit() -> None:
    with pytest.raises(NotFittedError):
        CollaborativeFactors().fold_in(sp.csr_matrix((1, 3)))
    with pytest.raises(NotFittedError):
        SpectralFactors().fold_in_creators(sp.csr_matrix((1, 3)))


def test_cut_to_their_width_they_rank_and_fold_in_as_before() -> None:
    met = checkerboard(60)
    wide = CollaborativeFactors(factors=6, spectral=6, seed=2).fit(met)
    factors = CollaborativeFactors(factors=6, spectral=6, width=5, seed=2).fit(met)
    assert factors.parts_ == {"blend": slice(0, 5)}
    assert factors.creator_factors_.shape == (60, 5)
    scores = [one.merchant_factors_ @ one.creator_factors_.T for one in (factors, wide)]
    folded = [one.fold_in(met[:4]) @ one.creator_factors_.T for one in (factors, wide)]
    for cut, whole in (scores, folded):
        assert np.linalg.norm(cut - whole) < 0.1 * np.linalg.norm(whole)
    again = CollaborativeFactors.from_state(factors.state())
    np.testing.assert_array_equal(again.creator_factors_, factors.creator_factors_)
    np.testing.assert_array_equal(again.fold_in(met[:4]), factors.fold_in(met[:4]))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"factors": -1}, "factors is -1; expected a whole number from 0 on"),
        ({"factors": 2.5}, "factors is 2.5; expected a whole number from 0 on"),
        ({"spectral": True}, "spectral is True; expected a whole number from 0 on"),
        ({"width": 0}, "width is 0; expected a whole number from 1 on"),
        ({"support": 0}, "support is 0; expected a whole number from 1 on"),
        ({"iterations": -1}, "iterations is -1; expected a whole number from 0 on"),
        (
            {"factors": 0, "spectral": 0},
            "factors and spectral are both 0; expected one of them above 0",
        ),
    ],
)
def test_parameters_that_cannot_be_used_are_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CollaborativeFactors(**settings).fit(checkerboard(6))


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_empty_side_is_refused(shape: tuple[int, int]) -> None:
    words = f"interactions have shape {shape}; expected at least one merchant and one creator"
    with pytest.raises(ValueError, match=re.escape(words)):
        CollaborativeFactors().fit(sp.csr_matrix(shape))


def test_what_is_no_matrix_is_refused() -> None:
    words = "interactions are of type NoneType; expected a sparse matrix of merchants × creators"
    with pytest.raises(ValueError, match=words):
        CollaborativeFactors().fit(None)


def test_fold_in_wants_the_columns_of_the_fit() -> None:
    factors = CollaborativeFactors(factors=4, spectral=4).fit(checkerboard(10)[:6])
    words = "rows have shape (1, 9); expected (n, 10), a column for each creator of the fit"
    with pytest.raises(ValueError, match=re.escape(words)):
        factors.fold_in(sp.csr_matrix((1, 9)))
    words = "rows have shape (1, 10); expected (n, 6), a column for each merchant of the fit"
    with pytest.raises(ValueError, match=re.escape(words)):
        factors.fold_in_creators(sp.csr_matrix((1, 10)))
    with pytest.raises(ValueError, match="negative or non-finite weights"):
        factors.fold_in(sp.csr_matrix(np.full((1, 10), np.nan)))


def test_cells_of_one_pair_are_one_cooperation_in_whatever_order_they_come() -> None:
    met = sp.random(30, 20, density=0.3, random_state=3, dtype=np.float32).tocsr()
    halves = sp.csr_matrix(
        (
            np.repeat(met.data / 2, 2),
            np.repeat(met.indices, 2),
            np.concatenate([[0], np.cumsum(2 * np.diff(met.indptr))]),
        ),
        shape=met.shape,
    )
    backwards = met.copy()
    for start, end in zip(met.indptr[:-1], met.indptr[1:], strict=True):
        backwards.data[start:end] = met.data[start:end][::-1]
        backwards.indices[start:end] = met.indices[start:end][::-1]
    backwards.has_sorted_indices = False
    plain = CollaborativeFactors(factors=4, spectral=4).fit(met)
    for other in (halves, backwards):
        again = CollaborativeFactors(factors=4, spectral=4).fit(other)
        np.testing.assert_array_equal(again.creator_factors_, plain.creator_factors_)
        np.testing.assert_array_equal(again.fold_in(other), plain.fold_in(met))


def test_leaving_als_out_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    factors = CollaborativeFactors(factors=0, spectral=4).fit(checkerboard(12))
    factors.fold_in(checkerboard(12)[:2])
    assert capfd.readouterr() == ("", "")


def test_either_kind_of_factors_can_be_left_out() -> None:
    met = checkerboard(30)
    for name, left_out in (("factors", "als"), ("spectral", "spectral")):
        factors = CollaborativeFactors(**{"factors": 4, "spectral": 4, name: 0}).fit(met)
        assert factors.parts_[left_out] in (slice(0, 0), slice(4, 4))
        score = factors.merchant_factors_ @ factors.creator_factors_.T
        score[met.toarray() > 0] = -np.inf
        assert score.argmax(axis=1).tolist() == list(range(30))


def test_quality_is_larger_and_can_be_overridden() -> None:
    assert CollaborativeFactors.quality().factors > CollaborativeFactors().factors
    assert CollaborativeFactors.quality(factors=32, seed=7).get_params()["factors"] == 32


def test_spectral_factors_of_full_width_give_the_matrix_back() -> None:
    met = sp.random(8, 6, density=0.5, random_state=1).tocsr()
    spectral = SpectralFactors(factors=6).fit(met)
    np.testing.assert_allclose(
        spectral.merchant_factors_ @ spectral.creator_factors_.T, met.toarray(), atol=1e-5
    )


FACTORS = """
import sys
{first}
{second}
import hashlib
import numpy as np, scipy.sparse as sp
from models.collaborative import CollaborativeFactors
met = sp.random(300, 200, density=0.05, random_state=5, dtype=np.float32).tocsr()
factors = CollaborativeFactors(factors=16, spectral=16, width=24, seed=1).fit(met)
index = faiss.IndexFlatIP(factors.creator_factors_.shape[1])
index.add(factors.creator_factors_)
digest = hashlib.sha256(factors.merchant_factors_.tobytes() + factors.creator_factors_.tobytes())
digest.update(factors.fold_in(met[:5]).tobytes())
print(digest.hexdigest(), "faiss" in sys.modules)
"""


def test_same_bits_at_any_thread_count_and_import_order() -> None:
    found = set()
    orders = ["import faiss", "import implicit.als"]
    for first, second, threads in ((*orders, "1"), (*orders[::-1], "2")):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", FACTORS.format(first=first, second=second)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        found.add(ran.stdout)
    assert len(found) == 1
