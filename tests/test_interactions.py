"""Events to matrix: known answers, and that neither order nor batches show."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.interactions as module
from models.interactions import EVENT_KINDS, EventWeights, InteractionBuilder
from models.vocabulary import Vocabulary

AS_OF = "2024-07-01"


def built(frame, cuts=(), **options):
    builder = InteractionBuilder(as_of=AS_OF, **options)
    for part in np.split(np.arange(len(frame)), sorted(cuts)):
        rows = frame.iloc[part]
        builder.add(rows["merchant"], rows["creator"], rows["kind"], rows["at"], rows["amount"])
    return builder.build()


def same(one, other):
    assert one.merchants == other.merchants
    assert one.creators == other.creators
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one.matrix, part), getattr(other.matrix, part))


def test_each_event_counts_by_kind_amount_and_age():
    builder = InteractionBuilder(
        as_of=AS_OF, weights=EventWeights(posted=1.0, sold=2.0, refused=-4.0), half_life_days=10
    )
    builder.add(
        ["m2", "m1", "m1", "m1"],
        ["c1", "c2", "c2", "c1"],
        ["posted", "sold", "sold", "refused"],
        ["2024-07-01", "2024-06-21", None, "2024-06-11"],
        [1.0, 3.0, None, 1.0],
    )
    found = builder.build()
    assert found.merchants.ids.tolist() == ["m1", "m2"]
    # refused, two half-lives ago; three sold one half-life ago and one at an unknown time
    expected = [[-4.0 / 4, 2.0 * 3 / 2 + 2.0], [1.0, 0.0]]
    assert found.matrix.toarray().tolist() == expected
    assert found.matrix.dtype == np.float32
    assert found.positive().toarray().tolist() == [[0.0, 5.0], [1.0, 0.0]]
    assert found.positive().nnz == 2
    assert found.matrix.nnz == 3


def test_without_half_life_nothing_fades():
    builder = InteractionBuilder(as_of=AS_OF, half_life_days=None)
    builder.add(["m"], ["c"], "posted", ["1999-01-01"])
    assert builder.build().matrix.toarray().tolist() == [[1.0]]


def test_what_cancels_leaves_no_cell():
    builder = InteractionBuilder(as_of=AS_OF)
    builder.add(["m", "m"], ["c", "c"], ["posted", "refunded"])
    assert builder.build().matrix.nnz == 0


def test_more_may_follow_after_building():
    builder = InteractionBuilder(as_of=AS_OF)
    assert builder.build().matrix.shape == (0, 0)
    builder.add(["m2"], ["c2"], "posted")
    first = builder.build()
    builder.add(["m1", "m2"], ["c1", "c2"], "posted")
    assert first.matrix.toarray().tolist() == [[1.0]]
    assert builder.build().matrix.toarray().tolist() == [[1.0, 0.0], [0.0, 2.0]]


def test_given_vocabularies_leave_cold_rows_empty():
    builder = InteractionBuilder(as_of=AS_OF)
    builder.add(["m2"], ["c3"], "posted")
    merchants, creators = Vocabulary.of(["m1", "m2", "m3"]), Vocabulary.of(["c1", "c3"])
    found = builder.build(merchants, creators)
    assert found.matrix.toarray().tolist() == [[0, 0], [0, 1], [0, 0]]
    assert InteractionBuilder(as_of=AS_OF).build(merchants).matrix.shape == (3, 0)
    with pytest.raises(ValueError, match=r"lacks 1 of the creator_ids met, such as 'c3'; give one"):
        builder.build(merchants, Vocabulary.of(["c1"]))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((["m", None], ["c", "c"], "posted"), "merchant_ids holds 1 missing ids"),
        ((["m"], ["c", "c"], "posted"), "creator_ids holds 2 values for 1 merchant_ids; give 1"),
        ((["m"], ["c"], "praised"), "unknown kind of event 'praised'"),
        ((["m"], ["c"], ["posted"] * 2), "kind holds 2 values for 1 merchant_ids"),
        ((["m"], ["c"], "posted", ["2024-07-02"]), "1 events come after as_of 2024-07-01.* move"),
        ((["m"], ["c"], "posted", [None] * 2), "occurred_at holds 2 values for 1"),
        ((["m"], ["c"], "posted", None, [-1.0]), "amount holds -1.0; give finite numbers of at"),
        ((["m"], ["c"], "posted", None, [np.inf]), "amount holds inf"),
        ((["m"], ["c"], "posted", None, [1.0] * 2), "amount holds 2 values for 1"),
    ],
)
def test_a_bad_batch_is_refused_as_a_whole(arguments, match):
    builder = InteractionBuilder(as_of=AS_OF)
    builder.add(["m0"], ["c0"], "posted")
    with pytest.raises(ValueError, match=match):
        builder.add(*arguments)
    found = builder.build()
    assert found.merchants.ids.tolist() == ["m0"]
    assert found.matrix.toarray().tolist() == [[1.0]]


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match=r"half_life_days is 0; give days above 0, or None"):
        InteractionBuilder(as_of=AS_OF, half_life_days=0)
    with pytest.raises(ValueError, match=r"'never' is not a time"):
        InteractionBuilder(as_of="never")


events = st.lists(
    st.tuples(
        st.sampled_from([f"m{i}" for i in range(4)]),
        st.sampled_from([f"c{i}" for i in range(6)]),
        st.sampled_from(EVENT_KINDS),
        st.one_of(st.none(), st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp(AS_OF))),
        st.one_of(st.none(), st.floats(0, 1000)),
    ),
    min_size=1,
    max_size=40,
).map(lambda rows: pd.DataFrame(rows, columns=["merchant", "creator", "kind", "at", "amount"]))


@settings(max_examples=60, deadline=None)
@given(frame=events, data=st.data())
def test_neither_batches_nor_order_show(frame, data):
    cuts = data.draw(st.lists(st.integers(0, len(frame)), max_size=5))
    order = data.draw(st.permutations(range(len(frame))))
    whole = built(frame)
    same(whole, built(frame, cuts))
    same(whole, built(frame.iloc[list(order)], cuts))


@settings(max_examples=60, deadline=None)
@given(frame=events)
def test_the_matrix_is_what_a_plain_sum_says(frame):
    found = built(frame)
    expected = np.zeros(found.matrix.shape)
    for row in frame.itertuples():
        days = 0.0 if pd.isna(row.at) else (pd.Timestamp(AS_OF) - row.at) / pd.Timedelta(days=1)
        amount = 1.0 if pd.isna(row.amount) else row.amount
        cell = found.merchants.row(row.merchant), found.creators.row(row.creator)
        expected[cell] += EventWeights().of(row.kind) * amount * 0.5 ** (days / 180)
    np.testing.assert_allclose(found.matrix.toarray(), expected, rtol=1e-6, atol=1e-6)
    assert found.matrix.has_sorted_indices
    assert np.all(found.matrix.data != 0)


def test_many_small_runs_add_up_to_one(monkeypatch):
    draw = np.random.default_rng(0)
    n = 5_000
    frame = pd.DataFrame(
        {
            "merchant": draw.integers(0, 50, n).astype(str),
            "creator": draw.integers(0, 300, n).astype(str),
            "kind": draw.integers(0, len(EVENT_KINDS), n),
            "at": pd.Timestamp(AS_OF) - pd.to_timedelta(draw.integers(0, 10**6, n), unit="s"),
            "amount": draw.random(n),
        }
    )
    whole = built(frame)
    monkeypatch.setattr(module, "_WAITING", 64)
    same(whole, built(frame, range(0, n, 100)))


def test_arrow_batches_are_taken_as_they_are():
    batch = pa.record_batch(
        {
            "merchant": pa.array(["m", "m"]).dictionary_encode(),
            "creator": pa.array(["c", "d"]).dictionary_encode(),
            "kind": pa.array(["posted", "sold"]).dictionary_encode(),
            "at": pa.array([pd.Timestamp("2024-01-03", tz="UTC"), None]),
            "amount": pa.array([1.0, 2.0]),
        }
    )
    builder = InteractionBuilder(as_of=AS_OF, half_life_days=180)
    builder.add(*(batch[name] for name in batch.schema.names))
    assert builder.build().matrix.toarray().tolist() == [[0.5, 2.0]]


def test_the_benchmark_measures_two_ways_to_one_matrix(tmp_path):
    script = Path(__file__).parents[1] / "benchmarks" / "interactions.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_interactions", script)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    benchmark.write_events(tmp_path / "events.parquet", 5_000, 20, 100, seed=1)
    costs = [benchmark.measure(way, tmp_path / "events.parquet") for way in ("pandas", "builder")]
    assert costs[0]["cells"] == costs[1]["cells"] > 1_000
    assert costs[0]["total"] == pytest.approx(costs[1]["total"], rel=1e-5)
    assert all(cost["cpu_s"] >= 0 and cost["beyond_mb"] > 0 for cost in costs)
