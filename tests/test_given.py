"""Embeddings from outside: centring, lengths, gaps."""

import numpy as np
import pandas as pd
import pytest

from models.given import given_blocks
from models.vocabulary import Vocabulary


def table(entity, vectors, prefix, space="tone"):
    return pd.DataFrame(
        {
            "entity": entity,
            "entity_id": [f"{prefix}{i:02d}" for i in range(len(vectors))],
            "space": space,
            "vector": list(vectors),
        }
    )


def ids(prefix, n):
    return Vocabulary.of([f"{prefix}{i:02d}" for i in range(n)])


def test_a_gap_between_kinds_does_not_fill_the_cosine():
    draw = np.random.default_rng(0)
    taste = draw.normal(size=(60, 5))
    gap = np.array([50.0, 0, 0, 0, 0])
    embeddings = pd.concat([table("merchant", taste + gap, "m"), table("creator", taste, "c")])
    (block,) = given_blocks(embeddings, ids("m", 60), ids("c", 60), ids("p", 0), None)
    # A quarter of the gap is left, as 60 own vectors are weighed against 20 common ones.
    cosine = block.merchants @ block.creators.T
    ranks = (cosine > np.diag(cosine)[:, None]).sum(axis=1)
    assert np.median(ranks) <= 5
    assert block.name == "given:tone"


def test_a_single_merchant_is_not_its_own_centre():
    draw = np.random.default_rng(0)
    creators = draw.normal(size=(50, 4))
    embeddings = pd.concat([table("merchant", creators[7:8], "m"), table("creator", creators, "c")])
    (block,) = given_blocks(embeddings, ids("m", 1), ids("c", 50), ids("p", 0), None)
    assert np.argmax(block.creators @ block.merchants[0]) == 7
    assert np.linalg.norm(block.merchants[0]) == pytest.approx(1)


def test_spaces_are_kept_apart_and_unknown_stays_unknown():
    embeddings = pd.concat(
        [
            table("creator", [[1.0, 2.0], [np.nan, 1.0], [2.0, 1.0]], "c", "tone"),
            table("product", [[1.0, 2.0, 3.0]], "p", "looks"),
            table("merchant", [[4.0, 0.0, 0.0]], "stranger", "looks"),
        ]
    )
    owners = np.array([1], dtype=np.int32)
    blocks = given_blocks(embeddings, ids("m", 2), ids("c", 4), ids("p", 1), owners)
    assert [block.name for block in blocks] == ["given:looks", "given:tone"]
    looks, tone = blocks
    assert tone.creator_known.tolist() == [True, False, True, False]
    assert not tone.creators[[1, 3]].any()
    assert looks.merchant_known.tolist() == [False, True]
    assert looks.product_known.tolist() == [True]
    assert not looks.creator_known.any()


def test_several_vectors_of_one_entity_are_averaged():
    once = table("creator", [[1.0, 0.0], [0.0, 3.0], [2.0, 2.0]], "c")
    twice = pd.concat(
        [once.iloc[1:], table("creator", [[0.0, 0.0], [0.0, 3.0]], "c"), once.iloc[:0]]
    )
    twice.loc[len(twice) + 9] = ["creator", "c00", "tone", [2.0, 0.0]]
    blocks = [
        given_blocks(rows, ids("m", 0), ids("c", 3), ids("p", 0), None)[0] for rows in (once, twice)
    ]
    np.testing.assert_allclose(blocks[0].creators, blocks[1].creators, atol=1e-6)


def test_a_space_of_strangers_is_a_block_of_unknowns():
    (block,) = given_blocks(
        table("creator", [[1.0, 2.0]], "z"), ids("m", 1), ids("c", 1), ids("p", 0), None
    )
    assert not block.creator_known.any()
    assert np.isfinite(block.creators).all()


def test_vectors_of_a_space_have_one_length():
    embeddings = table("creator", [[1.0, 2.0], [1.0]], "c")
    with pytest.raises(ValueError, match=r"space 'tone' holds vectors of 1 and of 2 numbers; give"):
        given_blocks(embeddings, ids("m", 0), ids("c", 2), ids("p", 0), None)
