"""What promotions and outreach tell as events."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.events import EVENT_KINDS, EventWeights, kind_codes, market_events


def promotions(**columns):
    rows = {"merchant_id": ["m"], "creator_id": ["c"], "occurred_at": ["2024-01-01"], **columns}
    n = max(len(column) for column in rows.values())
    return pd.DataFrame({name: column * (n // len(column)) for name, column in rows.items()})


def amounts(events):
    return {
        str(kind): rows["amount"].tolist() for kind, rows in events.groupby("kind", observed=True)
    }


def test_weights_name_every_kind_and_only_trouble_is_negative():
    weights = EventWeights()
    assert [weights.of(kind) for kind in EVENT_KINDS] == weights.as_array().tolist()
    negative = [kind for kind in EVENT_KINDS if weights.of(kind) < 0]
    assert negative == ["refused", "refunded"]


def test_weights_must_be_finite():
    with pytest.raises(ValueError, match=r"weight of 'sold' is nan; give a finite number"):
        EventWeights(sold=float("nan"))


@pytest.mark.parametrize(
    "kinds",
    [
        ["sold", "viewed"],
        np.array([4, 0]),
        pa.array(["sold", "viewed"]).dictionary_encode(),
        pd.Categorical(["sold", "viewed"]),
        pd.Series(["sold", "viewed"], dtype="string"),
    ],
)
def test_kinds_come_as_names_or_codes(kinds):
    assert kind_codes(kinds).tolist() == [4, 0]


@pytest.mark.parametrize(
    ("kinds", "got"), [(["gifted"], "'gifted'"), ([None], "None"), ([8], "8"), ([-1], "-1")]
)
def test_unknown_kinds_are_refused(kinds, got):
    with pytest.raises(ValueError, match=f"unknown kind of event {got}.*; give one of viewed, "):
        kind_codes(kinds)


def test_orders_count_by_powers_of_ten_and_weight_multiplies():
    events = market_events(promotions(orders=[0, 1, 10, 1000], weight=[1.0, 1.0, 2.0, np.nan]))
    assert amounts(events) == {"posted": [1.0, 1.0, 2.0, 1.0], "sold": [1.0, 2.0 * 2, 4.0]}


def test_gmv_stands_in_for_unknown_orders_and_ranges_for_unknown_numbers():
    events = market_events(promotions(orders=[np.nan, np.nan, 0.0], gmv=[5.0, 0.0, 9.0]))
    assert amounts(events)["sold"] == [1.0]
    events = market_events(promotions(orders_low=[0, 100], orders_high=[100, 1000]))
    assert amounts(events)["sold"] == [3.0]


def test_sessions_after_the_first_repeat_once_each():
    events = market_events(
        pd.DataFrame(
            {
                "merchant_id": ["m", "m", "m", "m", "m", "m", "n"],
                "creator_id": "c",
                "occurred_at": ["01-05", "01-01", "01-01", "01-03", "01-03", "01-02", "01-09"],
                "session_id": ["s3", "s1", "s1", None, None, "s1", "s4"],
            }
        )
    )
    repeated = events[events["kind"] == "repeated"]
    assert repeated["merchant_id"].tolist() == ["m", "m"]
    assert repeated["occurred_at"].tolist() == ["01-03", "01-05"]


def test_repeats_do_not_depend_on_the_order_of_rows():
    rows = promotions(
        occurred_at=["2024-01-01", "2024-01-01", "2024-01-02"], weight=[1.0, 3.0, 2.0]
    ).assign(session_id=["a", "b", "b"])
    forward, backward = market_events(rows), market_events(rows[::-1])
    assert amounts(forward)["repeated"] == amounts(backward)["repeated"] == [3.0]


def test_heavy_refunds_take_back():
    rows = promotions(gmv=[100.0, 100.0, 0.0, np.nan], refunded_gmv=[50.0, 49.0, 0.0, 10.0])
    assert amounts(market_events(rows))["refunded"] == [1.0]
    assert amounts(market_events(rows, heavy_refunds=0.4))["refunded"] == [1.0, 1.0]
    with pytest.raises(ValueError, match=r"heavy_refunds is 0; give a share above 0, at most 1"):
        market_events(rows, heavy_refunds=0)


def test_outreach_tells_of_asking_and_answers():
    status = ["pending", "accepted", "posted", "rejected", "overdue", "withdrawn", None]
    outreach = pd.DataFrame(
        {"merchant_id": "m", "creator_id": "c", "sent_at": "2024-01-01", "status": status}
    )
    told = amounts(market_events(promotions(), outreach))
    assert {kind: len(rows) for kind, rows in told.items()} == {
        "invited": 7, "accepted": 2, "refused": 1, "posted": 1,
    }  # fmt: skip
    silent = amounts(market_events(promotions(), outreach.drop(columns="status")))
    assert sorted(silent) == ["invited", "posted"]
