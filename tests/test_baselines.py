"""Baselines: one contract for all of them, and known answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp

from models.whitening import unit
from training.audience_alone import AudienceAlone
from training.baselines import Ease, ImplicitAls, ItemNeighbours, Popularity
from training.scoring import Scorer, lists_of, ranked


def two_worlds(n: int = 24, m: int = 16) -> sp.csr_matrix:
    """Askers and candidates of the same parity meet, but for one pair in four."""
    rows, columns = np.indices((n, m))
    return sp.csr_matrix(
        ((rows % 2 == columns % 2) & ((rows + columns) % 8 != 0)).astype(np.float32)
    )


def parity_space(n: int = 24, m: int = 16) -> tuple[np.ndarray, np.ndarray]:
    def side(size: int) -> np.ndarray:
        return np.where(np.arange(size) % 2 == 0, 1.0, -1.0).astype(np.float32)[:, None]

    return side(n), side(m)


SCORERS: dict[str, Callable[[], Scorer]] = {
    "popularity": Popularity,
    "neighbours": ItemNeighbours,
    "ease": lambda: Ease(penalty=1.0),
    "als": lambda: ImplicitAls(factors=4),
    "audience": lambda: AudienceAlone([parity_space()]),
}

#: Least share of first entries that are of the asker's own world; popularity sees no worlds.
FLOOR = {"popularity": 0.0, "neighbours": 0.9, "ease": 0.9, "als": 0.9, "audience": 0.9}


@pytest.mark.parametrize("name", SCORERS)
class TestEveryScorer:
    """The contract of :class:`training.scoring.Scorer`, for each that keeps it."""

    def test_scores_all_candidates_and_single_equals_batch(self, name: str) -> None:
        scorer = SCORERS[name]().fit(two_worlds())
        batch = scorer.score(np.arange(24))
        assert batch.shape == (24, 16)
        assert batch.dtype == np.float32
        assert np.isfinite(batch).all()
        np.testing.assert_allclose(scorer.score(np.array([5]))[0], batch[5], atol=1e-6)

    def test_the_same_twice_and_after_another_fit(self, name: str) -> None:
        scorer = SCORERS[name]()
        assert scorer.fit(two_worlds()) is scorer
        first = scorer.score(np.arange(24))
        scorer.fit(two_worlds()[::-1].tocsr())
        np.testing.assert_array_equal(scorer.fit(two_worlds()).score(np.arange(24)), first)

    def test_the_history_is_left_as_it_is(self, name: str) -> None:
        met = two_worlds()
        met.data *= 3
        before = met.copy()
        SCORERS[name]().fit(met).score(np.arange(4))
        assert (met != before).nnz == 0

    def test_how_often_a_pair_met_makes_no_difference(self, name: str) -> None:
        often = two_worlds()
        often.data = np.arange(1, often.nnz + 1, dtype=np.float32)
        rows = np.arange(24)
        once = SCORERS[name]().fit(two_worlds()).score(rows)
        np.testing.assert_allclose(SCORERS[name]().fit(often).score(rows), once, atol=1e-6)

    def test_who_has_no_history_is_scored_too(self, name: str) -> None:
        met = two_worlds().tolil()
        met[3], met[:, 5] = 0, 0
        scores = SCORERS[name]().fit(met.tocsr()).score(np.arange(24))
        assert scores.shape == (24, 16)
        assert np.isfinite(scores).all()

    def test_a_market_without_any_cooperation(self, name: str) -> None:
        scores = SCORERS[name]().fit(sp.csr_matrix((24, 16), dtype=np.float32)).score(np.arange(2))
        assert np.isfinite(scores).all()

    def test_no_row_asked_gives_no_row(self, name: str) -> None:
        scores = SCORERS[name]().fit(two_worlds()).score(np.empty(0, dtype=np.int32))
        assert scores.shape == (0, 16)

    def test_better_than_chance_on_the_missing_pairs_of_its_world(self, name: str) -> None:
        met = two_worlds()
        lists = ranked(SCORERS[name]().fit(met).score(np.arange(24)), met, 1)
        right = (lists[:, 0] % 2 == np.arange(24) % 2).mean()
        assert right >= FLOOR[name]


def test_popularity_is_the_same_for_all() -> None:
    met = sp.csr_matrix(np.array([[1.0, 5.0, 0.0], [0.0, 2.0, 0.0]]))
    assert Popularity().fit(met).score(np.array([0, 1])).tolist() == [[1, 2, 0], [1, 2, 0]]


def test_item_neighbours_by_hand() -> None:
    met = sp.csr_matrix(np.array([[1.0, 3.0, 0.0], [1.0, 1.0, 1.0]]))
    plain = ItemNeighbours(shrink=0.0).fit(met).score(np.array([0]))
    np.testing.assert_allclose(
        plain[0], [2 / np.sqrt(4), 2 / np.sqrt(4), 1 / np.sqrt(2) + 1 / np.sqrt(2)], rtol=1e-6
    )
    shrunk = ItemNeighbours(shrink=2.0).fit(met).score(np.array([0]))
    assert shrunk[0, 0] == pytest.approx(2 / (np.sqrt(4) + 2))


def test_ease_by_hand() -> None:
    # Two candidates always met together: the weight of one on the other is 2 / (2 + penalty).
    met = sp.csr_matrix(np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]))
    scores = Ease(penalty=1.0).fit(met).score(np.array([2]))
    assert scores[0, 1] == pytest.approx(2 / (3 + 1))
    assert scores[0, 0] == 0


def test_ease_says_where_it_does_not_fit() -> None:
    with pytest.raises(ValueError, match="EASE over 3 candidates, limit 2; its matrix would be"):
        Ease(limit=2).fit(sp.csr_matrix((4, 3)))


def test_an_unplaced_asker_takes_the_mean_place_of_its_partners() -> None:
    candidates = unit(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=np.float32))
    askers = np.array([[1.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    met = sp.csr_matrix(np.array([[0, 0, 1], [1, 1, 0]]))
    scores = AudienceAlone([(askers, candidates)]).fit(met).score(np.array([0, 1]))
    half = np.sqrt(1 / 2)
    # The third candidate is unplaced too and takes the place of the asker that knows it.
    np.testing.assert_allclose(scores, [[1, 0, 1], [half, half, half]], atol=1e-6)


def test_ranked_leaves_out_the_met_and_pads() -> None:
    scores = np.array([[0.2, 0.2, 0.9, -np.inf]], dtype=np.float32)
    met = sp.csr_matrix(np.array([[0, 0, 1, 0]]))
    assert ranked(scores, met, 6).tolist() == [[0, 1, -1, -1, -1, -1]]


def test_ties_are_listed_in_the_order_given() -> None:
    scores = np.array([[0.0, 1.0, 0.0, 0.0]], dtype=np.float32)
    met = sp.csr_matrix(np.array([[0, 0, 0, 1]]))
    order = np.array([3, 2, 0, 1], dtype=np.int32)
    assert ranked(scores, met, 4, order).tolist() == [[1, 2, 0, -1]]


def test_als_is_set_by_its_parameters() -> None:
    met = two_worlds()
    plain = ImplicitAls(4, 1).fit(met).score(np.arange(3))
    for other in (
        ImplicitAls(4, 1, regularization=50.0),
        ImplicitAls(4, 1, alpha=1.0),
        ImplicitAls(4, 1, iterations=1),
        ImplicitAls(3, 1),
    ):
        assert not np.allclose(other.fit(met).score(np.arange(3)), plain)


def test_who_is_not_known_gets_the_most_popular() -> None:
    met = sp.csr_matrix(np.array([[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=np.float32))
    scorer = ItemNeighbours().fit(met)
    rows = np.array([2, 1], dtype=np.int32)
    assert lists_of(scorer, met, rows, 4).tolist() == [[2, 1, 0, 3], [1, 0, 3, -1]]
    among = np.array([0, 1, 3], dtype=np.int32)
    assert lists_of(scorer, met, rows, 4, among).tolist() == [[1, 0, 3, -1], [1, 0, 3, -1]]
