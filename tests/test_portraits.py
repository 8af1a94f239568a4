"""Portraits: the silent are filled in, the unknown are zero, and threads change nothing."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from models.company import means_of, tally
from models.facets import SIDES, Evidence, Facet
from models.factoring import Factors
from models.portraits import Portraits
from models.share_facets import share_facets
from models.vocabulary import Vocabulary
from training.entities import Entities
from training.portraits import fit_portraits, portrait_evidence

N = {"creators": 300, "merchants": 60, "products": 90}
TARGET = {"age": {"18-23": 0.6}, "gender": {"female": 0.9}}


def tastes(seed=0, width=3):
    draw = np.random.default_rng(seed)
    return {side: draw.standard_normal((n, width)) for side, n in N.items()}


def told(truth, name, columns=6, noise=0.3, sides=SIDES, silent=0.0, seed=1):
    """A facet that tells of what is true, with noise, by some of each side."""
    draw = np.random.default_rng(seed)
    loadings = draw.standard_normal((3, columns))
    values = {}
    for side in sides:
        cells = truth[side] @ loadings + noise * draw.standard_normal((N[side], columns))
        cells[draw.random(N[side]) < silent] = np.nan
        values[side] = cells
    return Facet.of(name, values)


def evidence(*facets):
    owners = (np.arange(N["products"]) % N["merchants"]).astype(np.int32)
    return Evidence(N, facets, owners)


def worked(seed=2, n=900):
    draw = np.random.default_rng(seed)
    return SimpleNamespace(
        creator=draw.integers(0, N["creators"], n).astype(np.int32),
        merchant=draw.integers(0, N["merchants"], n).astype(np.int32),
        product=draw.integers(0, N["products"] + 1, n).astype(np.int32),
    )


def explained(portraits, truth):
    """Share of what is true that a linear reading of the portraits gives back."""
    centred = truth - truth.mean(axis=0)
    read = portraits - portraits.mean(axis=0)
    rest = centred - read @ np.linalg.lstsq(read, centred, rcond=None)[0]
    return 1 - (rest**2).sum() / (centred**2).sum()


def test_factors_are_found_again_although_half_the_cells_are_unknown():
    truth = tastes()
    facets = [told(truth, f"one:{i}", silent=0.5, seed=i) for i in range(4)]
    portraits = Portraits(width=3).fit(evidence(*facets))
    for side in SIDES:
        known = getattr(portraits, f"{side[:-1]}_doubt_") < 0.5
        assert known.mean() > 0.8
        assert explained(getattr(portraits, f"{side}_")[known], truth[side][known]) > 0.85


def test_who_tells_nothing_is_the_usual_one_and_in_full_doubt():
    truth = tastes()
    facet = told(truth, "one")
    for values, trust in facet.told.values():
        values[:5], trust[:5] = 0.0, 0.0
    portraits = Portraits(width=3).fit(evidence(facet))
    for side in SIDES:
        assert not getattr(portraits, f"{side}_")[:5].any()
        doubt = getattr(portraits, f"{side[:-1]}_doubt_")
        assert doubt[:5].tolist() == [1.0] * 5
        assert doubt[5:].max() < 0.5


def test_inner_products_are_agreement_on_what_both_sides_tell():
    truth = tastes()
    both = told(truth, "both", columns=3, noise=0.1)
    rows = np.random.default_rng(9).standard_normal((N["creators"], 8)).astype(np.float32)
    alone = Facet.of("alone", {"creators": np.repeat(rows[:, :1], 8, axis=1) + 0.1 * rows})
    portraits = Portraits(width=4).fit(evidence(both, alone))
    lengths = portraits.creators_.std(axis=0)
    assert lengths[-1] < 0.1 * lengths[0]
    agreement = (portraits.creators_ @ portraits.merchants_.T).ravel()
    loadings = np.random.default_rng(1).standard_normal((3, 3))
    meant = ((truth["creators"] @ loadings) @ (truth["merchants"] @ loadings).T).ravel()
    assert np.corrcoef(agreement, meant)[0, 1] > 0.85


def test_one_sided_facets_alone_still_give_portraits():
    truth = tastes()
    facets = told(truth, "category", sides=("creators",)), told(truth, "sells", sides=SIDES[1:])
    portraits = Portraits(width=3).fit(evidence(*facets))
    assert explained(portraits.creators_, truth["creators"]) > 0.4


def test_a_market_without_evidence_has_portraits_of_no_width():
    few = told(tastes(), "few", silent=0.99)
    flat = Facet.of("flat", {side: np.ones((n, 2)) for side, n in N.items()})
    for given in ((), (few,), (flat,)):
        portraits = Portraits().fit(evidence(*given), worked())
        assert portraits.width_ == 0
        assert portraits.creators_.shape == (N["creators"], 0)
        assert portraits.product_doubt_.tolist() == [1.0] * N["products"]
        assert Portraits.from_state(portraits.state()).width_ == 0


def test_there_are_no_more_factors_than_columns():
    portraits = Portraits(width=16).fit(evidence(told(tastes(), "one", columns=2)))
    assert portraits.width_ == 2


def test_partners_tell_of_who_is_silent_and_leave_the_factors_alone():
    truth = tastes()
    facet = told(truth, "one", noise=0.2, sides=SIDES)
    values, trust = facet.told["creators"]
    silent = np.arange(0, N["creators"], 3)
    values[silent], trust[silent] = 0.0, 0.0
    draw = np.random.default_rng(5)
    creator = np.repeat(np.arange(N["creators"]), 12)
    liking = truth["creators"] @ truth["products"].T + draw.gumbel(size=(300, 90))
    product = np.argsort(-liking, axis=1)[:, :12].ravel()
    met = SimpleNamespace(
        creator=creator.astype(np.int32),
        merchant=(product % N["merchants"]).astype(np.int32),
        product=product.astype(np.int32),
    )
    alone = Portraits(width=3).fit(evidence(facet))
    together = Portraits(width=3).fit(evidence(facet), met)
    assert not alone.creators_[silent].any()
    assert explained(together.creators_[silent], truth["creators"][silent]) > 0.5
    p = len(alone.frame_.factors.loadings)
    np.testing.assert_array_equal(
        together.frame_.factors.loadings[:p], alone.frame_.factors.loadings
    )


def test_a_wide_range_counts_less():
    rows = pd.DataFrame(
        [
            ("creator", f"c{i:03d}", "gender", word, share, low, high)
            for i, wide in enumerate([False] * 60 + [True])
            for word, share, low, high in (
                ("female", None, 0.3, 0.9) if wide else ("female", 0.3 + 0.01 * i, None, None),
                ("male", None, 0.1, 0.7) if wide else ("male", 0.7 - 0.01 * i, None, None),
            )
        ],
        columns=["entity", "entity_id", "dimension", "segment", "share", "share_low", "share_high"],
    )
    ids = Vocabulary.of(rows["entity_id"])
    _, (facet,) = share_facets(rows, ids, Vocabulary.of([]), Vocabulary.of([]))
    assert facet.name == "viewer:gender"
    trust = facet.told["creators"][1]
    assert trust[0] == 1.0
    assert trust[60] == pytest.approx(0.4**2)


def test_goods_stand_beside_the_audience_that_creators_tell_of():
    def shares(entity, audience, n):
        draw = np.random.default_rng(0).random(n)
        return pd.DataFrame(
            {
                "entity": entity,
                "entity_id": [f"{entity[0]}{i:03d}" for i in range(n)],
                "dimension": "gender",
                "segment": "female",
                "share": draw,
                "audience": audience,
            }
        )

    ids = [Vocabulary.of([f"{kind}{i:03d}" for i in range(80)]) for kind in "cmp"]
    goods = [shares("merchant", "target", 80), shares("product", "buyer", 40)]
    for told_by, meant in ((("buyer", "viewer"), "buyer"), (("viewer",), "viewer"), ((), "buyer")):
        creators = [shares("creator", kind, 80) for kind in told_by]
        _, facets = share_facets(pd.concat([*creators, *goods]), *ids)
        comparable = [one.name for one in facets if (one.segments >= 0).all()]
        assert comparable == [f"{meant}:gender"]


def test_a_large_market_is_learnt_from_a_part_and_drawn_as_a_whole():
    truth = tastes()
    facet, rare = told(truth, "one", noise=0.2), told(truth, "rare", silent=0.9)
    portraits = Portraits(width=3, sample=150).fit(evidence(facet, rare), worked())
    assert portraits.frame_.factors.groups.max() >= 1
    assert explained(portraits.creators_, truth["creators"]) > 0.85


def test_same_bits_at_any_thread_count():
    facets = [told(tastes(), f"one:{i}", silent=0.3, seed=i) for i in range(3)]
    drawn = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            drawn.append(Portraits(width=3, sample=200).fit(evidence(*facets), worked()))
    for name in ("creators_", "merchants_", "products_", "creator_doubt_"):
        np.testing.assert_array_equal(getattr(drawn[0], name), getattr(drawn[1], name))


def test_more_trust_means_less_doubt():
    draw = np.random.default_rng(0)
    cells = draw.standard_normal((200, 1)) + 0.5 * draw.standard_normal((200, 4))
    groups = np.zeros(4, dtype=np.int64)
    factors = Factors.fit(cells, np.ones((200, 1)), groups, 1, 10)
    _, sure = factors.posterior(cells[:1], np.full((1, 1), 4.0))
    _, plain = factors.posterior(cells[:1], np.ones((1, 1)))
    _, vague = factors.posterior(cells[:1], np.full((1, 1), 0.1))
    assert sure < plain < vague < 1


def test_means_pass_over_what_nobody_owns():
    met = tally(np.array([0, 0, -1, 5]), np.array([0, 1, 2, 2]), (2, 3))
    means, number = means_of(np.array([[1.0], [3.0], [9.0]]), met)
    assert means[0].tolist() == [2.0]
    assert np.isnan(means[1]).all()
    assert number.tolist() == [2.0, 0.0]


@pytest.fixture(scope="module")
def drawn(tiny_market):
    """Portraits of the tiny market, and its entities."""
    ids = Entities.of(tiny_market)
    rows = tiny_market.table("promotions")
    product = np.full(len(rows), len(ids.products), dtype=np.int32)
    found, known = ids.products.find(rows["product_id"])
    product[known] = found
    met = SimpleNamespace(
        merchant=ids.merchants.find(rows["merchant_id"])[0],
        creator=ids.creators.find(rows["creator_id"])[0],
        product=product,
    )
    return fit_portraits(tiny_market, ids, {}, met), ids, met


def test_an_audience_asked_for_finds_creators_who_have_it(tiny_market, drawn):
    portraits, ids, _ = drawn
    asked = portraits.embed(TARGET)
    rows = tiny_market.table("audiences")
    rows = rows[(rows["entity"] == "creator") & (rows["segment"] == "female")]
    female = rows.groupby("entity_id")["share"].mean().reindex(ids.creators.ids)
    order = np.argsort(-(portraits.creators_ @ asked), kind="stable")
    assert female.iloc[order[:20]].mean() > female.iloc[order[-20:]].mean() + 0.1
    again = Portraits.from_state(portraits.state())
    np.testing.assert_array_equal(again.embed(TARGET), asked)


def test_an_audience_nobody_tells_of_is_refused(drawn):
    portraits, _, _ = drawn
    with pytest.raises(ValueError, match="unknown segment 'femal' of 'gender'; did you mean"):
        portraits.embed({"gender": {"femal": 0.9}})
    with pytest.raises(ValueError, match="unknown dimension 'age'; give one of none"):
        Portraits().fit(evidence()).embed({"age": {"18-23": 0.6}})


def test_an_audience_asked_for_where_nothing_tells_anybody_apart(tiny_market, drawn):
    _, ids, met = drawn
    told = portrait_evidence(tiny_market, ids, {}, met)
    portraits = Portraits().fit(Evidence(told.sizes, (), told.product_merchants, told.space))
    assert portraits.embed(TARGET).shape == (0,)


def test_any_table_may_be_absent(tiny_market, drawn):
    _, ids, met = drawn
    bare = tiny_market.holding(
        {
            name: table if name == "promotions" else table.iloc[:0]
            for name, table in tiny_market.tables.items()
        }
    )
    portraits = fit_portraits(bare, ids, {}, met)
    assert portraits.width_ == 0
    only = portrait_evidence(tiny_market, ids, {}, met)
    for facet in only.facets:
        alone = Evidence(only.sizes, (facet,), only.product_merchants, only.space)
        one = Portraits(width=4).fit(alone, met)
        assert np.isfinite(one.creators_).all()
        assert one.width_ <= 4


def test_wide_embeddings_are_narrowed(tiny_market, drawn):
    _, ids, met = drawn
    draw = np.random.default_rng(0)
    turn = draw.standard_normal((16, 40))
    table = tiny_market.table("embeddings")
    wide = table.assign(vector=[np.asarray(one) @ turn for one in table["vector"]])
    market = tiny_market.holding({**tiny_market.tables, "embeddings": wide})
    (facet,) = (
        one
        for one in portrait_evidence(market, ids, {}, met).facets
        if one.name.startswith("given:")
    )
    assert facet.width == 32


def test_blocks_add_categories_and_viewers_in_common(tiny_market, drawn):
    _, ids, met = drawn
    known = np.ones
    block = SimpleNamespace(
        creators=np.eye(len(ids.creators), 20, dtype=np.float32),
        merchants=np.eye(len(ids.merchants), 20, dtype=np.float32),
        products=np.eye(len(ids.products), 20, dtype=np.float32),
        creator_known=known(len(ids.creators), dtype=bool),
        merchant_known=known(len(ids.merchants), dtype=bool),
        product_known=known(len(ids.products), dtype=bool),
    )
    blocks = {"category": block, "co_audience": block}
    facets = {one.name: one for one in portrait_evidence(tiny_market, ids, blocks, met).facets}
    assert facets["category"].told.keys() == {"creators"}
    assert facets["sells"].told.keys() == {"merchants", "products"}
    assert facets["co_audience"].width == 12
