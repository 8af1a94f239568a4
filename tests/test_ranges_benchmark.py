"""The benchmark of ranges: what it hides, and what each way makes of that."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from models.features import PromotionOutcomes

ROOT = Path(__file__).parent.parent


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("ranges")


@pytest.fixture
def outcomes(ranges: ModuleType) -> PromotionOutcomes:
    values = np.random.default_rng(1).lognormal(6, 1, (4, 900)).round()
    return PromotionOutcomes.of(
        np.full(900, 30.0), **dict(zip(ranges.NUMBERS, values, strict=True))
    )


def test_two_thirds_of_those_who_hide_show_a_range_that_holds(
    ranges: ModuleType, outcomes: PromotionOutcomes
) -> None:
    who = np.arange(900) // 3
    told = ranges.hidden(outcomes, who, 0.6, 0)
    for name in ranges.NUMBERS:
        exact, shown = getattr(outcomes, name), told.ranged(name)
        hides = ~shown.exact
        assert 0.5 < hides.mean() < 0.7
        assert 0.55 < shown.known[hides].mean() < 0.78
        assert not np.isfinite(getattr(told, name)[hides]).any()
        known = shown.known
        assert ((shown.low <= exact) & (exact <= shown.high))[known].all()
        # Who hides a number hides it in all promotions.
        assert (hides.reshape(-1, 3).sum(axis=1) % 3 == 0).all()


def test_each_way_puts_something_else_for_what_is_hidden(
    ranges: ModuleType, outcomes: PromotionOutcomes
) -> None:
    told = ranges.hidden(outcomes, np.arange(900), 0.9, 0)
    shown = told.ranged("gmv")
    made = {name: way(told).ranged("gmv") for name, way in ranges.WAYS.items()}
    assert made["ranges"].high.tobytes() == shown.high.tobytes()
    for name in ("geometric", "arithmetic", "dropped"):
        assert not made[name].known[~shown.known].any()
    between = shown.known & ~shown.exact & (shown.low > 0)
    ratio = made["geometric"].low[between] / np.sqrt(shown.low * shown.high)[between]
    np.testing.assert_allclose(ratio, 1.0)
    assert (made["arithmetic"].low > made["geometric"].low)[between].all()
    assert (made["zeros"].low[~shown.known] == 0.0).all()
    assert not made["dropped"].known[between].any()


def test_a_promise_of_nothing_is_very_wrong_but_not_infinitely(ranges: ModuleType) -> None:
    came = np.array([3.0, 0.0])
    assert ranges._deviance(came, came) == pytest.approx(0.0, abs=0.01)
    assert 10.0 < ranges._deviance(np.zeros(2), came) < 100.0
