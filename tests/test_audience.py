"""Audience shares as vectors: known answers, what is missing, and targets."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from models.audience import AudienceEmbedding
from models.vocabulary import Vocabulary

COLUMNS = ["entity", "entity_id", "dimension", "segment", "share", "audience"]
NOBODY = Vocabulary.of([])


def shares(*rows):
    return pd.DataFrame([(*row, None)[:6] for row in rows], columns=COLUMNS)


def gender(entity, one, female, audience=None):
    return [
        (entity, one, "gender", "female", female, audience),
        (entity, one, "gender", "male", 1 - female, audience),
    ]


def fitted(table, merchants=(), creators=(), products=(), **options):
    return AudienceEmbedding().fit(
        Vocabulary.of(list(merchants)),
        Vocabulary.of(list(creators)),
        Vocabulary.of(list(products)),
        shares=table,
        **options,
    )


def market():
    """Eight creators from men's to women's, and a merchant of each kind."""
    rows = [row for i in range(8) for row in gender("creator", f"c{i}", 0.1 + 0.1 * i)]
    rows += gender("merchant", "men", 0.05, "target") + gender("merchant", "women", 0.95, "target")
    return fitted(shares(*rows), ["men", "women", "silent"], [f"c{i}" for i in range(9)])


def test_the_audience_asked_for_is_the_one_found():
    block = market().blocks_["audience"]
    cosine = block.creators @ block.merchants.T
    assert np.argsort(cosine[:8, 1], kind="stable").tolist()[-4:] == [4, 5, 6, 7]
    assert (cosine[:3, 0] > 0.9).all()
    assert (cosine[5:8, 0] < -0.9).all()


def test_unknown_stays_unknown():
    block = market().blocks_["audience"]
    assert block.merchant_known.tolist() == [True, False, True]
    assert block.creator_known.tolist() == [True] * 8 + [False]
    assert not block.merchants[1].any()
    assert not block.creators[8].any()
    np.testing.assert_allclose(np.linalg.norm(block.creators[:8], axis=1), 1, rtol=1e-6)


def test_shares_for_filters_are_bounds_with_nan_for_unknown():
    table = shares(
        ("creator", "a", "age", "18-23", 0.4),
        ("creator", "b", "age", "18-23", np.nan),
        ("creator", "c", "age", "18-23", np.nan),
        ("creator", "d", "age", "18-23", np.nan),
    ).assign(share_low=[np.nan, 0.2, np.nan, np.nan], share_high=[np.nan, 0.3, 0.6, np.nan])
    found = fitted(table, creators="abcd")
    assert found.segments_ == [("age", "18-23")]
    np.testing.assert_allclose(found.creator_shares_low_[:, 0], [0.4, 0.2, 0.0, np.nan])
    np.testing.assert_allclose(found.creator_shares_high_[:, 0], [0.4, 0.3, 0.6, np.nan])
    assert found.blocks_["audience"].creator_known.tolist() == [True, True, True, False]


def test_shares_for_filters_prefer_one_kind_for_a_whole_dimension():
    table = shares(
        ("creator", "a", "age", "18-23", 0.4, "viewer"),
        ("creator", "a", "age", "18-23", 0.9, "buyer"),
        ("creator", "a", "age", "24-30", 0.1, "buyer"),
        ("creator", "a", "city", "one", 0.7, "buyer"),
    )
    found = fitted(table, creators="a")
    np.testing.assert_allclose(found.creator_shares_low_, [[0.4, np.nan, 0.7]])
    embedding = AudienceEmbedding(kind_preference=("buyer",))
    found = embedding.fit(NOBODY, Vocabulary.of(["a"]), NOBODY, shares=table)
    np.testing.assert_allclose(found.creator_shares_low_, [[0.9, 0.1, 0.7]])


def test_buyers_outweigh_viewers_and_targets_outweigh_buyers():
    rows = [row for i in range(8) for row in gender("creator", f"c{i}", 0.1 + 0.1 * i, "viewer")]
    rows += [row for i in range(8) for row in gender("creator", f"c{i}", 0.1 + 0.1 * i, "buyer")]
    rows += gender("creator", "x", 0.8, "buyer") + gender("creator", "x", 0.2, "viewer")
    rows += gender("merchant", "m", 0.9, "target") + gender("merchant", "m", 0.1, "buyer")
    creators = [f"c{i}" for i in range(8)] + ["x"]
    block = fitted(shares(*rows), ["m"], creators).blocks_["audience"]
    assert block.creators[8] @ block.merchants[0] > 0.9


def test_a_kind_of_audience_is_taken_relative_to_its_own_mean():
    # Buyers are more often women than viewers are, everywhere.
    draw = np.random.default_rng(0)
    female = draw.uniform(0.1, 0.6, 200)
    rows = []
    for i, share in enumerate(female):
        kind, shown = ("buyer", share + 0.3) if i % 2 else ("viewer", share)
        rows += gender("creator", f"c{i:03d}", shown, kind)
    creators = [f"c{i:03d}" for i in range(200)]
    block = fitted(shares(*rows), [], creators).blocks_["audience"]
    womens = np.sign(female - female.mean())
    side = block.creators[:, 0] * np.sign(block.creators[np.argmax(female), 0])
    assert (np.sign(side) == womens).mean() > 0.9


def test_a_range_says_less_than_a_number():
    # Both lean to women; on age, one is told exactly and the other by a wide range.
    sure = [*gender("creator", "sure", 0.9), ("creator", "sure", "age", "young", 0.9)]
    vague = [*gender("creator", "vague", 0.9), ("creator", "vague", "age", "young", np.nan)]
    plain = [("creator", "plain", "age", "young", 0.2), *gender("creator", "plain", 0.2)]
    table = shares(*sure, *vague, *plain)
    ranged = (table["entity_id"] == "vague") & (table["dimension"] == "age")
    table["share_low"] = np.where(ranged, 0.8, np.nan)
    table["share_high"] = np.where(ranged, 1.0, np.nan)
    found = fitted(table, [], ["plain", "sure", "vague"])
    block = found.blocks_["audience"]
    young = found.segments_.index(("age", "young"))
    assert abs(block.creators[2, young]) < abs(block.creators[1, young])


def test_what_is_left_out_takes_what_remains():
    full = gender("creator", "a", 0.7) + gender("creator", "b", 0.2) + gender("creator", "c", 0.5)
    partly = [row for row in full if (row[1], row[3]) != ("a", "male")]
    for table in (shares(*full), shares(*partly)):
        block = fitted(table, [], "abc").blocks_["audience"]
        np.testing.assert_allclose(block.creators[0], -block.creators[1], atol=0.1)
    whole, part = (fitted(shares(*rows), [], "abc").blocks_["audience"] for rows in (full, partly))
    np.testing.assert_allclose(whole.creators, part.creators, atol=1e-6)


def test_segments_that_no_creator_tells_of_share_what_remains():
    rows = [*gender("creator", "a", 0.5), ("merchant", "m", "city", "one", 0.4, "target")]
    rows += [("product", "p", "city", "two", 0.3), ("product", "p", "city", "three", 0.3)]
    found = fitted(shares(*rows), ["m"], ["a"], ["p"])
    block = found.blocks_["audience"]
    assert np.isfinite(block.merchants).all()
    columns = [found.segments_.index(("city", name)) for name in ("two", "three")]
    assert block.merchants[0, columns[0]] == block.merchants[0, columns[1]] > 0


def test_merchants_and_products_stand_for_each_other():
    rows = [row for i in range(4) for row in gender("creator", f"c{i}", 0.2 + 0.2 * i)]
    rows += gender("product", "p1", 0.9) + gender("merchant", "m2", 0.1)
    found = fitted(
        shares(*rows), ["m1", "m2", "m3"], [f"c{i}" for i in range(4)], ["p1", "p2", "p3"],
        product_merchants=np.array([0, 1, 2], dtype=np.int32),
    )  # fmt: skip
    block = found.blocks_["audience"]
    assert block.merchant_known.tolist() == [True, True, False]
    assert block.product_known.tolist() == [True, True, False]
    np.testing.assert_array_equal(block.merchants[0], block.products[0])
    np.testing.assert_array_equal(block.merchants[1], block.products[1])
    np.testing.assert_allclose(found.merchant_shares_[:, 0], [0.9, 0.1, np.nan], rtol=1e-6)


def test_the_order_of_rows_does_not_show():
    draw = np.random.default_rng(1)
    rows = [
        ("creator", f"c{i}", "age", f"s{j}", draw.random() / 4, kind)
        for i in range(10)
        for j in range(4)
        for kind in ("viewer", "buyer")
    ]
    creators = [f"c{i}" for i in range(10)]
    straight = fitted(shares(*rows), [], creators)
    shuffled = fitted(shares(*rows).sample(frac=1, random_state=0), [], creators)
    one, other = straight.blocks_["audience"], shuffled.blocks_["audience"]
    np.testing.assert_array_equal(one.creators, other.creators)
    np.testing.assert_array_equal(straight.creator_shares_low_, shuffled.creator_shares_low_)


def test_ids_of_no_vocabulary_are_passed_over_and_repeats_are_averaged():
    rows = [
        ("creator", "a", "age", "x", 0.2),
        ("creator", "a", "age", "x", 0.4),
        ("creator", "z", "age", "x", 0.9),
    ]
    assert fitted(shares(*rows), [], "a").creator_shares_low_[:, 0].tolist() == pytest.approx([0.3])


def test_an_unknown_kind_of_audience_is_refused():
    with pytest.raises(ValueError, match=r"unknown audience 'lurker'; give viewer, fan, buyer or"):
        fitted(shares(("creator", "a", "age", "x", 0.2, "lurker")), [], "a")


def test_without_tables_there_are_no_blocks():
    found = fitted(None, ["m"], ["c"])
    assert found.blocks_ == {}
    assert found.segments_ == []
    assert found.creator_shares_low_.shape == (1, 0)
    assert found.merchant_shares_.shape == (1, 0)
    assert fitted(shares(), ["m"], ["c"]).blocks_ == {}


def test_every_source_gives_a_block():
    engagements = pd.DataFrame(
        {
            "viewer_id": ["v", "v", "w", "w"],
            "entity": "creator",
            "entity_id": ["a", "b", "b", "c"],
        }
    )
    embeddings = pd.DataFrame(
        {"entity": "creator", "entity_id": ["a", "b"], "space": "tone", "vector": [[1, 2], [2, 1]]}
    )
    found = AudienceEmbedding(co_audience_dim=2).fit(
        NOBODY, Vocabulary.of(list("abc")), NOBODY,
        shares=shares(*gender("creator", "a", 0.5)),
        engagements=engagements,
        embeddings=embeddings,
    )  # fmt: skip
    assert list(found.blocks_) == ["audience", "co_audience", "given:tone"]
    assert all(block.creators.dtype == np.float32 for block in found.blocks_.values())


def test_a_target_lies_where_a_merchant_with_it_lies():
    found = market()
    target = found.embed_target({"gender": {"female": 0.95}})
    assert list(target) == ["audience"]
    np.testing.assert_allclose(
        target["audience"], found.blocks_["audience"].merchants[2], rtol=1e-5
    )


def test_a_target_survives_the_state():
    found = market()
    restored = AudienceEmbedding.from_state(found.state())
    target = {"gender": {"female": 0.3, "male": 0.7}}
    np.testing.assert_array_equal(
        restored.embed_target(target)["audience"], found.embed_target(target)["audience"]
    )
    assert restored.segments_ == found.segments_


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ({"gendre": {"female": 0.5}}, r"unknown dimension 'gendre'; did you mean gender\?"),
        ({"zodiac": {"lion": 0.5}}, r"unknown dimension 'zodiac'; give one of gender"),
        ({"gender": {"femal": 0.5}}, r"segment 'femal' of 'gender'; did you mean female or male"),
        ({"gender": {"x": 0.5}}, r"segment 'x' of 'gender'; give one of female, male"),
        ({"gender": {"female": 60}}, r"share of 'female' in 'gender' is 60; give a fraction from"),
        ({"gender": {"female": float("nan")}}, r"'gender' is nan; give a fraction"),
        ({"gender": {}}, r"the target names no segment; give shares like"),
        ({}, r"the target names no segment"),
    ],
)
def test_a_bad_target_is_refused(target, match):
    with pytest.raises(ValueError, match=match):
        market().embed_target(target)


def test_a_target_needs_a_fitted_space_with_segments():
    with pytest.raises(NotFittedError):
        AudienceEmbedding().embed_target({"gender": {"female": 0.5}})
    with pytest.raises(ValueError, match=r"'gender'; give one of none, as no audience is told"):
        fitted(None).embed_target({"gender": {"female": 0.5}})


def test_it_is_an_estimator():
    embedding = AudienceEmbedding(co_audience_dim=7, degree_cap=9, seed=3)
    assert clone(embedding).get_params() == embedding.get_params()
