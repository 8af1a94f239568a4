"""Affinity: planted markets with one right answer, exact parts, newcomers, restoring."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from models.affinity import Affinity
from models.blocks import Block, Mask, Vectors, unit_rows

MERCHANTS, CREATORS, GROUPS = 60, 120, 6


def block(name: str, merchants: Vectors, creators: Vectors, m: Mask, c: Mask) -> Block:
    width = merchants.shape[1]
    nothing = np.zeros((0, width), dtype=np.float32)
    return Block(
        name, unit_rows(merchants, m), unit_rows(creators, c), nothing, m, c, np.zeros(0, bool)
    )


class Planted:
    """Merchants and creators of six groups; cooperations within the group, some by chance."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.merchant_group = np.arange(MERCHANTS) % GROUPS
        self.creator_group = np.arange(CREATORS) % GROUPS
        self.alike = self.merchant_group[:, None] == self.creator_group[None, :]
        chance = self.rng.random((MERCHANTS, CREATORS))
        met = chance < np.where(self.alike, 0.4, 0.01)
        met[:GROUPS] = False  # brands nobody has worked with
        met[:, :GROUPS] = False  # creators likewise
        self.met = sp.csr_matrix(met.astype(np.float32))
        self.days = self.met.copy()
        self.days.data = self.rng.integers(1, 300, self.met.nnz).astype(np.float32)

    def telling(self, known: float = 1.0) -> Block:
        """A block in which a group is a direction."""
        axes = np.eye(GROUPS) - 1 / GROUPS
        masks = [self.rng.random(n) < known for n in (MERCHANTS, CREATORS)]
        return block(
            "audience", axes[self.merchant_group], axes[self.creator_group], masks[0], masks[1]
        )

    def creators_only(self) -> Block:
        told = self.telling()
        return block(
            "co_audience",
            np.zeros_like(told.merchants),
            told.creators,
            np.zeros(MERCHANTS, bool),
            told.creator_known,
        )

    def merchants_only(self) -> Block:
        told = self.telling()
        return block(
            "category",
            told.merchants,
            np.zeros_like(told.creators),
            told.merchant_known,
            np.zeros(CREATORS, bool),
        )

    def noise(self) -> Block:
        sides = [self.rng.normal(size=(n, 12)) for n in (MERCHANTS, CREATORS)]
        return block("given:noise", *sides, np.ones(MERCHANTS, bool), np.ones(CREATORS, bool))

    def right(self, scores: Vectors, rows: np.ndarray, columns: np.ndarray) -> float:
        """Share of the first ten new creators that are of the merchant's group."""
        scores = np.where(self.met.toarray() > 0, -np.inf, scores)[np.ix_(rows, columns)]
        best = columns[np.argsort(-scores, axis=1)[:, :10]]
        return float(np.take_along_axis(self.alike[rows], best, axis=1).mean())


ALL_M, ALL_C = np.arange(MERCHANTS), np.arange(CREATORS)
COLD_M, COLD_C = np.arange(GROUPS), np.arange(GROUPS)
SMALL = {"factors": 8, "spectral": 8}


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


@pytest.fixture(scope="module")
def fitted(planted: Planted) -> Affinity:
    return Affinity(**SMALL).fit(planted.met, fitted_blocks(), first_met=planted.days)


def scores(affinity: Affinity) -> Vectors:
    return affinity.merchant_vectors_ @ affinity.creator_vectors_.T


def test_history_alone_finds_the_group(planted: Planted) -> None:
    affinity = Affinity(**SMALL).fit(planted.met, [], first_met=planted.days)
    warm = np.arange(GROUPS, MERCHANTS)
    assert planted.right(scores(affinity), warm, np.arange(GROUPS, CREATORS)) > 0.8
    assert affinity.parts_.keys() == {"collaborative", "popularity"}


def test_newcomers_are_placed_by_their_audience(planted: Planted) -> None:
    affinity = Affinity(**SMALL).fit(planted.met, [planted.telling()], first_met=planted.days)
    assert planted.right(scores(affinity), COLD_M, ALL_C) > 0.9
    among_cold = scores(affinity)[:, COLD_C].argmax(axis=1)
    assert (among_cold == planted.merchant_group).mean() > 0.9


def test_a_side_without_audience_is_placed_by_its_partners(planted: Planted) -> None:
    affinity = Affinity(**SMALL).fit(planted.met, [planted.creators_only()], first_met=planted.days)
    warm = np.arange(GROUPS, MERCHANTS)
    found = scores(affinity)[np.ix_(warm, COLD_C)].argmax(axis=1)  # creators without history
    assert (found == planted.merchant_group[warm]).mean() > 0.9


def test_partners_are_foretold_across_blocks(planted: Planted) -> None:
    # One block knows merchants only, another creators only: what joins them must be learnt.
    blocks = [planted.merchants_only(), planted.creators_only()]
    affinity = Affinity(**SMALL).fit(planted.met, blocks)
    found = scores(affinity)[np.ix_(COLD_M, COLD_C)].argmax(axis=1)
    assert (found == COLD_C).mean() > 0.8


def test_noise_gets_next_to_no_say(fitted: Affinity, planted: Planted) -> None:
    told = scores(fitted)
    columns = fitted.parts_["given:noise"] if "given:noise" in fitted.parts_ else slice(0, 0)
    noise = fitted.merchant_vectors_[:, columns] @ fitted.creator_vectors_[:, columns].T
    assert noise.std() < 0.25 * told.std()
    assert planted.right(told, ALL_M, ALL_C) > 0.8


def test_the_parts_add_up(fitted: Affinity) -> None:
    ends = sorted((part.start, part.stop) for part in fitted.parts_.values())
    assert ends[0][0] == 0
    assert ends[-1][1] == fitted.merchant_vectors_.shape[1] == fitted.creator_vectors_.shape[1]
    assert all(one[1] == other[0] for one, other in pairwise(ends))
    added = sum(
        fitted.merchant_vectors_[:, part] @ fitted.creator_vectors_[:, part].T
        for part in fitted.parts_.values()
    )
    np.testing.assert_allclose(added, scores(fitted), atol=1e-4)
    assert min(fitted.weights_.values()) >= 0


@pytest.mark.parametrize("row", [1, 20])
def test_embedding_a_known_merchant_gives_nearly_its_row(
    planted: Planted, fitted: Affinity, row: int
) -> None:
    known = {o.name: o.merchants[row] for o in fitted_blocks() if o.merchant_known[row]}
    again = fitted.embed_merchant(history=planted.met[row], blocks=known)
    assert cosine(again, fitted.merchant_vectors_[row]) > 0.99


@pytest.mark.parametrize("row", [2, 50])
def test_embedding_a_known_creator_gives_nearly_its_row(
    planted: Planted, fitted: Affinity, row: int
) -> None:
    known = {o.name: o.creators[row] for o in fitted_blocks() if o.creator_known[row]}
    again = fitted.embed_creator(history=planted.met[:, [row]].T.tocsr(), blocks=known)
    assert cosine(again, fitted.creator_vectors_[row]) > 0.99


def fitted_blocks() -> list[Block]:
    """One partly known block, one of creators only and one of noise; the same every time."""
    again = Planted()
    return [again.telling(known=0.9), again.creators_only(), again.noise()]


def cosine(one: Vectors, other: Vectors) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def test_a_bare_target_audience_finds_its_group(planted: Planted) -> None:
    affinity = Affinity(**SMALL).fit(planted.met, [planted.telling()], first_met=planted.days)
    wanted = (np.eye(GROUPS) - 1 / GROUPS)[3]
    score = affinity.creator_vectors_ @ affinity.embed_merchant(blocks={"audience": wanted})
    assert (planted.creator_group[np.argsort(-score)[:15]] == 3).all()


def test_a_newcomer_of_whom_nothing_is_known_is_ranked_by_popularity(fitted: Affinity) -> None:
    nobody = fitted.embed_merchant()
    others = [part for name, part in fitted.parts_.items() if name != "popularity"]
    assert not any(nobody[part].any() for part in others)
    assert nobody[fitted.parts_["popularity"]].any()


def test_embedding_refuses_what_it_does_not_know(fitted: Affinity) -> None:
    with pytest.raises(ValueError, match="unknown block 'taste'; this affinity was fitted on: aud"):
        fitted.embed_merchant(blocks={"taste": np.ones(3)})
    with pytest.raises(ValueError, match="'audience' has 3 numbers; expected 6"):
        fitted.embed_creator(blocks={"audience": np.ones(3)})
    with pytest.raises(ValueError, match=r"history has shape \(1, 5\); expected \(1, 120\)"):
        fitted.embed_merchant(history=sp.csr_matrix((1, 5)))


def test_rows_of_blocks_and_history_must_agree(planted: Planted) -> None:
    with pytest.raises(
        ValueError, match="'audience' holds 60 merchants and 120 creators, interact"
    ):
        Affinity().fit(planted.met[:30], [planted.telling()])


def test_nothing_before_the_fit() -> None:
    with pytest.raises(NotFittedError):
        Affinity().embed_merchant()
    with pytest.raises(NotFittedError):
        Affinity().state()


def test_state_survives_arrays_and_json(planted: Planted, fitted: Affinity) -> None:
    arrays: list[np.ndarray] = []

    def pack(value: object) -> object:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {"array": len(arrays) - 1}
        return {k: pack(v) for k, v in value.items()} if isinstance(value, dict) else value

    def unpack(value: object) -> object:
        if isinstance(value, dict):
            if "array" in value:
                return arrays[value["array"]]
            return {name: unpack(one) for name, one in value.items()}
        return value

    again = Affinity.from_state(unpack(json.loads(json.dumps(pack(fitted.state())))))
    assert again.parts_ == fitted.parts_
    assert again.weights_ == fitted.weights_
    assert again.get_params() == fitted.get_params()
    history, known = planted.met[20], {"audience": np.arange(6.0)}
    np.testing.assert_array_equal(
        again.embed_merchant(history=history, blocks=known),
        fitted.embed_merchant(history=history, blocks=known),
    )
    history = planted.met[:, [30]].T.tocsr()
    np.testing.assert_array_equal(
        again.embed_creator(history=history), fitted.embed_creator(history=history)
    )


def test_same_seed_same_bits_whatever_the_threads(planted: Planted) -> None:
    blocks = [planted.telling(), planted.creators_only()]
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            affinity = Affinity(**SMALL, seed=5).fit(planted.met, blocks, first_met=planted.days)
        found.append(affinity.merchant_vectors_.tobytes() + affinity.creator_vectors_.tobytes())
    assert found[0] == found[1]


def test_the_budget_is_kept(planted: Planted) -> None:
    affinity = Affinity(factors=4, spectral=4, budget=40).fit(
        planted.met, [planted.telling(), planted.noise()], first_met=planted.days
    )
    assert affinity.merchant_vectors_.shape[1] <= 42


@pytest.mark.parametrize("blocks", [True, False])
def test_a_market_without_history_still_ranks(planted: Planted, blocks: bool) -> None:
    given = [planted.telling()] if blocks else []
    affinity = Affinity(**SMALL).fit(sp.csr_matrix((MERCHANTS, CREATORS)), given)
    told = scores(affinity)
    assert told.shape == (MERCHANTS, CREATORS)
    assert np.isfinite(told).all()
    if blocks:
        assert planted.right(told, ALL_M, ALL_C) > 0.9


def test_weights_of_interactions_are_checked(planted: Planted) -> None:
    with pytest.raises(ValueError, match="negative or non-finite weights"):
        Affinity(**SMALL).fit(-planted.met, [])


def test_a_block_that_knows_nobody_is_passed_over(planted: Planted) -> None:
    empty = block(
        "given:none",
        np.zeros((MERCHANTS, 3)),
        np.zeros((CREATORS, 3)),
        np.zeros(MERCHANTS, bool),
        np.zeros(CREATORS, bool),
    )
    affinity = Affinity(**SMALL).fit(planted.met, [empty], first_met=planted.days)
    assert "given:none" not in affinity.parts_


@pytest.mark.parametrize("own", [True, False])
def test_three_partners_are_enough_without_a_retraining(own: bool) -> None:
    """Fold-in of merchants with three partners against a fit that has seen them."""
    planted = Planted(seed=4)
    blocks = [planted.telling() if own else planted.creators_only()]
    rows = np.arange(GROUPS, 3 * GROUPS)
    met, three = planted.met.tolil(), sp.lil_matrix(planted.met.shape, dtype=np.float32)
    for row in rows:
        three[row, np.flatnonzero(planted.met[row].toarray()[0] * planted.alike[row])[:3]] = 1.0
        met[row] = 0
    three = three.tocsr()
    before = Affinity(**SMALL).fit(met.tocsr(), blocks)
    after = Affinity(**SMALL).fit((met + three).tocsr(), blocks)
    told = [{"audience": blocks[0].merchants[row]} if own else {} for row in rows]
    folded = np.stack(
        [
            before.embed_merchant(history=three[row], blocks=one)
            for row, one in zip(rows, told, strict=True)
        ]
    )

    def found(vectors: Vectors, creators: Vectors) -> float:
        fresh = np.where(three[rows].toarray() > 0, -np.inf, vectors @ creators.T)
        best = np.argsort(-fresh, axis=1)[:, :10]
        return float(np.take_along_axis(planted.alike[rows], best, axis=1).mean())

    retrained = found(after.merchant_vectors_[rows], after.creator_vectors_)
    assert retrained > 0.9
    assert found(folded, before.creator_vectors_) >= 0.97 * retrained


def test_a_learnt_choice_speaks_for_history_and_each_block(fitted: Affinity) -> None:
    names = [name for name in fitted.weights_ if name.endswith(":choice")]
    assert names == [
        f"{origin}:choice" for origin in ("collaborative", "audience", "co_audience", "given:noise")
    ]


def test_merchants_without_history_are_weighed_as_newcomers() -> None:
    planted = Planted(seed=2)
    blocks = [planted.telling(), planted.noise()]
    affinity = Affinity(**SMALL).fit(planted.met, blocks, first_met=planted.days)
    assert affinity.newcomer_
    assert affinity.newcomer_["popularity:creators"] > 0
    again = affinity.embed_merchant(blocks={one.name: one.merchants[0] for one in blocks})
    np.testing.assert_allclose(again, affinity.merchant_vectors_[0], atol=1e-4)
    assert planted.right(scores(affinity), COLD_M, ALL_C) > 0.9


def test_a_creator_of_newcomers_is_embedded_as_if_they_were_known() -> None:
    planted = Planted(seed=2)
    affinity = Affinity(**SMALL).fit(
        planted.met, [planted.telling(), planted.noise()], first_met=planted.days
    )
    history = sp.csr_matrix(
        (np.ones(2, np.float32), ([0, 0], [0, GROUPS])), shape=(1, MERCHANTS)
    )  # both of the first group, one of them without a history
    best = np.argsort(-(affinity.merchant_vectors_ @ affinity.embed_creator(history=history)))
    assert (planted.merchant_group[best[:5]] == 0).mean() >= 0.8
