"""Ratings of pairs: what came over what was expected, and the predictions that read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import gamma

from models.chain import Chain
from models.features import PromotionOutcomes
from models.meetings import Met
from models.outcome import OutcomeModel
from models.own_evidence import PAIR, Told, agreed, rated_by, scales, told_by
from models.pairs import Floats, Pairs
from models.ratings import Rated, Scale, combined, rate_counts, rate_levels
from models.rerating import Deals, rerated
from models.shrinkage import Alone, Effects, shrink_counts, shrink_levels
from tests.synthetic_promotions import N_PRODUCTS, Drawn, Law

LAW = Law()
SCALE = Scale(120.0, noise=0.3, variance=0.2)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return LAW.draw(6_000, 1)


@pytest.fixture(scope="module")
def model(drawn: Drawn) -> OutcomeModel:
    return OutcomeModel().fit(drawn.pairs, drawn.outcomes, **LAW.features(), terms=LAW.terms())


def placed(chain: Chain, pairs: Pairs) -> np.ndarray:
    return chain.meetings.pairs.find(pairs.merchant, pairs.creator)


def read(chain: Chain, pairs: Pairs, outcomes: PromotionOutcomes) -> dict[str, Rated]:
    """Rate all pairs of a chain by some promotions."""
    told = told_by(chain, pairs, outcomes)
    n = len(chain.meetings.pairs.keys)
    alone = np.zeros(len(pairs), np.int64)
    return rated_by(chain, told, placed(chain, pairs), n, outcomes.age_days, alone)


def test_counts_by_hand() -> None:
    # Strength 1 / .2 = 5: (5 + 2 + 0) / (5 + 1 + .5), the second promotion counting half.
    found = rate_counts(
        np.array([1, 1]), 3, np.array([2.0, 0.0]), np.ones(2), np.array([1.0, 0.5]), SCALE
    )
    assert found.rating[1] == pytest.approx((5 + 2) / (5 + 1.5))
    assert found.low[1] == pytest.approx(gamma(7, scale=1 / 6.5).ppf(0.1))
    assert found.high[1] == pytest.approx(gamma(7, scale=1 / 6.5).ppf(0.9))
    assert found.known.tolist() == [False, True, False]
    assert found.rating[[0, 2]].tolist() == [1.0, 1.0]


def test_three_clicks_are_no_rate() -> None:
    hoped = np.array([3 * 0.03, 3000 * 0.03])
    found = rate_counts(np.arange(2), 2, 10 * hoped, hoped, np.ones(2), SCALE)
    assert found.rating[0] < 1.2
    assert found.rating[1] > 9.0
    widths = np.log(found.high / found.low)
    assert widths[0] > 10 * widths[1]


def test_levels_by_hand() -> None:
    # Precision 1.5 / .3 = 5 against 1 / .2 = 5: half of the weighted mean (2 · 1 + 0 · ½) / 1½.
    found = rate_levels(np.zeros(2, int), 2, np.array([2.0, 0.0]), np.array([1.0, 0.5]), SCALE)
    assert found.log.tolist() == [pytest.approx(2 / 3), 0.0]
    assert found.variance.tolist() == [pytest.approx(0.1), pytest.approx(0.2)]
    assert found.precision.tolist() == [pytest.approx(5.0), 0.0]


def test_steps_multiply() -> None:
    counts = rate_counts(np.array([0]), 2, np.array([9.0]), np.ones(1), np.ones(1), SCALE)
    levels = rate_levels(np.array([0]), 2, np.ones(1), np.ones(1), SCALE)
    both = combined([counts, levels])
    np.testing.assert_allclose(both.rating, counts.rating * levels.rating)
    np.testing.assert_allclose(both.variance, counts.variance + levels.variance)
    assert (both.low < both.rating).all()
    assert (both.rating < both.high).all()
    assert both.known.tolist() == [True, False]


def test_a_rating_is_the_shrinkage_of_the_fit() -> None:
    """The same numbers as refitting that one grouping, all others given."""
    rng = np.random.default_rng(0)
    n, size = 80, 1_000
    place, expected = rng.integers(0, n, size), rng.gamma(2.0, 2.0, size)
    effect = rng.gamma(5.0, 0.2, n)
    got = rng.poisson(expected * effect[place]).astype(float)
    sums = [np.bincount(place, one, n) for one in (got, expected, (got - expected) ** 2)]
    alone = Alone(sums[2], np.bincount(place, expected**2, n))
    flat = np.empty((n, 0))
    fit = shrink_counts(*sums[:2], alone, flat, np.empty(0), Effects.none(flat, 0.15))
    mine = rate_counts(place, n, got, expected, np.ones(size), Scale(1.0, 0.0, fit.variance))
    np.testing.assert_allclose(mine.log, fit.mean, atol=1e-12)
    np.testing.assert_allclose(mine.variance, fit.spread, atol=1e-12)

    logs = rng.normal(0, 1, size)
    mass = np.bincount(place, minlength=n).astype(float)
    means = np.bincount(place, logs, n) / mass
    alone = Alone(np.bincount(place, (logs / 0.5) ** 2, n), mass / 0.25)
    levels = shrink_levels(means, mass / 0.5, alone, flat, np.empty(0), Effects.none(flat, 0.2))
    mine = rate_levels(place, n, logs, np.ones(size), Scale(1.0, 0.5, levels.variance))
    np.testing.assert_allclose(mine.log, levels.mean, atol=1e-12)
    np.testing.assert_allclose(mine.variance, levels.spread, atol=1e-12)


def test_ratings_are_what_the_fit_found(drawn: Drawn, model: OutcomeModel) -> None:
    chain = model.chain_
    for name, found in read(chain, drawn.pairs, drawn.outcomes).items():
        own = chain.steps()[name].model_.tables[PAIR][:, 0]
        np.testing.assert_allclose(found.log, own[:-1] - own[-1], atol=0.02)


def test_ratings_can_be_made_to_agree_with_the_fit(drawn: Drawn, model: OutcomeModel) -> None:
    chain, pairs = model.chain_, drawn.pairs
    rng = np.random.default_rng(2)
    rows = np.arange(len(chain.meetings.pairs.keys))
    session = rng.integers(0, 2_000, len(pairs))
    told = told_by(chain, pairs, drawn.outcomes)
    given = placed(chain, pairs), drawn.outcomes.age_days, session
    same = agreed(chain, told, given[0], rows, *given[1:])
    for name, found in rated_by(chain, same, given[0], len(rows), *given[1:]).items():
        own = chain.steps()[name].model_.tables[PAIR][:, 0]
        np.testing.assert_allclose(found.log, own[:-1] - own[-1], atol=1e-9)


def test_ten_products_of_one_evening_tell_less_than_those_of_ten(
    drawn: Drawn, model: OutcomeModel
) -> None:
    chain = model.chain_
    ten = drawn.pairs.take(np.zeros(10, int))
    outcomes = PromotionOutcomes.of(
        np.zeros(10), exposures=np.full(10, 9e4), clicks=np.full(10, 9e3), orders=np.full(10, 2e3)
    )
    told, place, age = told_by(chain, ten, outcomes), np.zeros(10, int), np.full(10, 30.0)
    evening, apart, one = (
        rated_by(chain, told, place, 1, age, session)
        for session in (np.ones(10, int), np.arange(10), np.arange(10))
    )
    for name in evening:
        assert abs(apart[name].log[0]) / abs(evening[name].log[0]) > 1.0
        assert evening[name].variance[0] > apart[name].variance[0]
        assert one[name].precision[0] == apart[name].precision[0]


def test_ratings_find_the_luck_of_pairs(drawn: Drawn, model: OutcomeModel) -> None:
    chain = model.chain_
    found = read(chain, drawn.pairs, drawn.outcomes)["conversion"]
    merchant, creator = np.divmod(chain.meetings.pairs.keys, chain.meetings.pairs.width)
    assert np.corrcoef(found.log, LAW.pair[merchant, creator])[0, 1] > 0.3


def test_ranges_and_blanks_are_told_as_such(drawn: Drawn, model: OutcomeModel) -> None:
    chain = model.chain_
    one = drawn.pairs.take(np.array([0, 0, 0, 0]))
    told = told_by(
        chain,
        one,
        PromotionOutcomes.of(
            np.full(4, 30.0),
            exposures=[1000.0, 1000.0, np.nan, np.nan],
            exposures_low=[np.nan, np.nan, 900.0, np.nan],
            exposures_high=[np.nan, np.nan, 1100.0, np.nan],
            clicks=[150.0, 150.0, 150.0, np.nan],
            orders=[5.0, np.nan, np.nan, np.nan],
            orders_low=[np.nan, 4.0, np.nan, np.nan],
            orders_high=[np.nan, 6.0, np.nan, np.nan],
        ),
    )
    orders, shown = told["conversion"], told["exposure"]
    assert orders.worth[0] == 1.0
    assert 0.5 < orders.worth[1] < 1.0
    assert np.isfinite(orders.came).tolist() == [True, True, False, False]
    assert np.isfinite(shown.came).tolist() == [True, True, True, False]
    assert shown.came[2] == pytest.approx(np.log1p(1000.0), abs=0.05)
    assert (told["click_rate"].doubt[:3] > 0.0).tolist() == [False, False, True]


def later_ratings(
    model: OutcomeModel, drawn: Drawn, more: Drawn
) -> tuple[np.ndarray, dict[str, Rated], dict[str, Rated], Deals]:
    """Ratings by promotions before and after some more came, of all pairs that met."""
    chain = model.chain_
    width = chain.meetings.pairs.width
    rows = [drawn.pairs, more.pairs]
    all_keys = [one.merchant.astype(np.int64) * width + one.creator for one in rows]
    keys = np.unique(np.concatenate(all_keys))
    places = [np.searchsorted(keys, one) for one in all_keys]
    told = [told_by(chain, *one) for one in ((r.pairs, r.outcomes) for r in (drawn, more))]
    both = {
        name: Told(*(np.concatenate(two) for two in zip(one, told[1][name], strict=True)))
        for name, one in told[0].items()
    }
    ages = [drawn.outcomes.age_days, more.outcomes.age_days]
    alone = np.zeros(sum(map(len, places)), np.int64)
    before = rated_by(chain, told[0], places[0], len(keys), ages[0], alone[: len(places[0])])
    now = rated_by(chain, both, np.concatenate(places), len(keys), np.concatenate(ages), alone)
    deals = Deals(
        np.concatenate([one.creator for one in rows]),
        np.concatenate([one.product for one in rows]),
        np.concatenate(places),
    )
    return keys, now, before, deals


def test_predictions_are_those_of_strangers_times_the_rating(
    drawn: Drawn, model: OutcomeModel
) -> None:
    keys, now, before, deals = later_ratings(model, drawn, LAW.draw(900, 8))
    new = rerated(model, keys, now, before, deals)
    merchant, creator = (
        one.astype(np.int32) for one in np.divmod(keys, new.chain_.meetings.pairs.width)
    )
    n = len(keys)
    unknown = np.full(n, np.nan)
    pairs = Pairs(merchant, creator, np.full(n, N_PRODUCTS, np.int32), unknown, unknown)
    never = model.chain_
    none = replace(never.meetings, pairs=Met(never.meetings.pairs.width, keys[:0]))
    for name, step in new.chain_.steps().items():
        log, variance = step.model_.predict(pairs)
        stranger = replace(never.steps()[name].model_, meetings=none)
        tables = list(stranger.tables)
        tables[PAIR] = tables[PAIR][-1:]
        without, unsure = replace(stranger, tables=tuple(tables)).predict(pairs)
        np.testing.assert_allclose(np.exp(log - without), now[name].rating, rtol=1e-9)
        told = now[name].precision > before[name].precision
        assert told.sum() > 700
        assert (variance[told] < unsure[told]).all()
        assert (variance > 0.0).all()


def test_nothing_new_changes_no_doubt(drawn: Drawn, model: OutcomeModel) -> None:
    chain = model.chain_
    rated = read(chain, drawn.pairs, drawn.outcomes)
    place = placed(chain, drawn.pairs)
    deals = Deals(drawn.pairs.creator, drawn.pairs.product, place)
    new = rerated(model, chain.meetings.pairs.keys, rated, rated, deals)
    old, found = chain.forecast.folded.table, new.chain_.forecast.folded.table
    for at in range(len(chain.steps())):
        np.testing.assert_array_equal(found[:, 2 * at + 1], old[:, 2 * at + 1])
    beside = 2 * len(chain.steps())
    np.testing.assert_array_equal(found[:, beside:], old[:, beside:])


def test_deals_never_get_surer_than_they_were(drawn: Drawn, model: OutcomeModel) -> None:
    keys, now, before, deals = later_ratings(model, drawn, LAW.draw(3_000, 9))
    new = rerated(model, keys, now, before, deals)
    seen = drawn.pairs.take(np.arange(2_000))
    for name, step in new.chain_.steps().items():
        _, was = model.chain_.steps()[name].model_.predict(seen)
        _, now_ = step.model_.predict(seen)
        assert (now_ > 0.9 * was).all()


def test_the_tables_of_a_bundle_stay_as_they_are(drawn: Drawn, model: OutcomeModel) -> None:
    table = model.chain_.forecast.folded.table
    kept = table.copy()
    rerated(model, *later_ratings(model, drawn, LAW.draw(500, 10)))
    np.testing.assert_array_equal(table, kept)
    step = model.chain_.conversion
    assert step is not None
    assert scales(model.chain_)["conversion"].half_life_days == step.half_life_days


def test_a_market_of_meetings_alone_has_nothing_to_rate(drawn: Drawn) -> None:
    blank = PromotionOutcomes.of(drawn.outcomes.age_days)
    model = OutcomeModel().fit(drawn.pairs, blank, **LAW.features())
    chain = model.chain_
    assert told_by(chain, drawn.pairs, blank) == {}
    place = placed(chain, drawn.pairs)
    deals = Deals(drawn.pairs.creator, drawn.pairs.product, place)
    same = rerated(model, chain.meetings.pairs.keys, {}, {}, deals)
    assert np.isnan(same.predict(drawn.pairs).expected_orders).all()


def test_gmv_alone_is_rated(drawn: Drawn) -> None:
    gmv: Floats = drawn.outcomes.gmv
    told = PromotionOutcomes.of(drawn.outcomes.age_days, gmv=gmv)
    model = OutcomeModel().fit(drawn.pairs, told, **LAW.features())
    assert model.chain_.amount_of == "gmv"
    found = read(model.chain_, drawn.pairs, told)
    assert list(found) == ["amount"]
    assert found["amount"].known.all()
