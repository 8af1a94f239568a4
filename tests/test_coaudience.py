"""Co-audience: communities are found, bots and pods are not believed."""

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from models.coaudience import co_audience_block
from models.vocabulary import Vocabulary

GROUPS, MEMBERS = 6, 20
CREATORS = Vocabulary.of([f"c{i:03d}" for i in range(GROUPS * MEMBERS)])
MERCHANTS = Vocabulary.of([f"m{i}" for i in range(GROUPS)] + ["unseen"])


def rows(viewer, entity, one):
    return pd.DataFrame({"viewer_id": viewer, "entity": entity, "entity_id": one})


def communities(seed=0, viewers=900):
    """Viewers who each watch four creators, nearly always of one group, and often its merchant."""
    draw = np.random.default_rng(seed)
    group = draw.integers(0, GROUPS, viewers)
    stray = draw.random((viewers, 4)) < 0.1
    watched = np.where(stray, draw.integers(0, GROUPS, (viewers, 4)), group[:, None])
    creator = watched * MEMBERS + draw.integers(0, MEMBERS, (viewers, 4))
    names = np.array([f"v{i:04d}" for i in range(viewers)])
    bought = draw.random(viewers) < 0.5
    return pd.concat(
        [
            rows(np.repeat(names, 4), "creator", CREATORS.ids[creator.ravel()]),
            rows(names[bought], "merchant", [f"m{i}" for i in group[bought]]),
        ]
    )


def block_of(engagements, **options):
    options = {"product_merchants": None, "n_products": 0, **options}
    return co_audience_block(engagements, MERCHANTS, CREATORS, **options)


def neighbours(block, k):
    cosine = block.creators @ block.creators.T
    np.fill_diagonal(cosine, -2)
    return np.argsort(-cosine, axis=1, kind="stable")[:, :k]


def purity(block):
    """Share of the ten nearest creators that are of the same group."""
    groups = np.arange(len(CREATORS)) // MEMBERS
    return (groups[neighbours(block, 10)] == groups[:, None]).mean()


def test_those_watched_by_the_same_people_lie_together():
    block = block_of(communities(), width=8)
    assert purity(block) > 0.95
    assert block.width == 8
    best = np.argmax(block.creators @ block.merchants[:GROUPS].T, axis=1)
    assert (best == np.arange(len(CREATORS)) // MEMBERS).mean() > 0.95


def test_who_shares_no_viewer_is_unknown():
    alone = rows(["hermit"] * 2, ["merchant", "merchant"], ["unseen", "unseen"])
    block = block_of(pd.concat([communities(), alone]))
    assert block.merchant_known.tolist() == [True] * GROUPS + [False]
    assert not block.merchants[-1].any()
    assert block.creator_known.all()


def test_products_lie_where_their_merchant_lies():
    owners = np.array([2, GROUPS, -1], dtype=np.int32)
    block = block_of(communities(), product_merchants=owners, n_products=3)
    np.testing.assert_array_equal(block.products[0], block.merchants[2])
    assert block.product_known.tolist() == [True, False, False]


@pytest.mark.parametrize("faithful", [1.0, 0.9])
def test_a_pod_does_not_make_neighbours(faithful):
    # 200 bots like 50 unrelated creators, all of them or nearly.
    draw = np.random.default_rng(1)
    chosen = draw.permutation(len(CREATORS))[:50]
    bot, liked = np.nonzero(draw.random((200, 50)) < faithful)
    pod = rows([f"bot{i:03d}" for i in bot], "creator", CREATORS.ids[chosen[liked]])
    honest = block_of(communities())
    block = block_of(pd.concat([communities(), pod]))
    assert purity(block) > purity(honest) - 0.05
    of_pod = np.isin(np.arange(len(CREATORS)), chosen)
    expected = of_pod[neighbours(honest, 10)][of_pod].mean()
    assert of_pod[neighbours(block, 10)][of_pod].mean() < expected + 0.1


def test_bots_are_not_heard():
    everything = [rows([f"bot{i}"] * len(CREATORS), "creator", CREATORS.ids) for i in range(3)]
    noisy = pd.concat([communities(), *everything])
    np.testing.assert_array_equal(block_of(noisy).creators, block_of(communities()).creators)


def test_a_cap_from_outside_is_kept():
    engagements = rows(["v"] * 3 + ["w"] * 2, "creator", ["c000", "c001", "c002", "c003", "c004"])
    assert block_of(engagements).creator_known.sum() == 5
    assert block_of(engagements, degree_cap=2).creator_known.sum() == 2


def test_neither_order_nor_threads_show():
    engagements = communities()
    blocks = [block_of(engagements), block_of(engagements.sample(frac=1, random_state=0))]
    for threads in (1, 2):
        with threadpool_limits(threads):
            blocks.append(block_of(engagements))
    for block in blocks[1:]:
        np.testing.assert_array_equal(block.creators, blocks[0].creators)
        np.testing.assert_array_equal(block.merchants, blocks[0].merchants)


def test_weights_count_damped_and_what_is_not_positive_does_not():
    engagements = rows(["v", "v", "w", "w"], "creator", ["c000", "c001", "c002", "c003"])
    silent = block_of(engagements.assign(weight=[1.0, None, 0.0, -3.0]))
    assert np.flatnonzero(silent.creator_known).tolist() == [0, 1]


@pytest.mark.parametrize(
    "engagements",
    [
        rows([], [], []),
        rows(["v"], "creator", ["c000"]),
        rows(["v", "v"], "creator", ["stranger", "c000"]),
        rows(["v", "v"], "product", ["c001", "c000"]),
    ],
)
def test_without_links_there_is_no_block(engagements):
    assert block_of(engagements) is None
