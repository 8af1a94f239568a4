"""Plots of predictions say what they show, and whether it is synthetic."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from training.prediction_plots import draw_coverage, draw_fees, draw_reliability

RATES = pd.DataFrame(
    {
        "predicted": [0.02, 0.05],
        "observed": [0.03, 0.04],
        "observed_low": [0.02, 0.03],
        "observed_high": [0.04, 0.05],
    }
)
INSIDE = pd.DataFrame(
    {
        "quantity": ["gmv", "gmv", "net", "net"],
        "group": ["all", "head", "all", "head"],
        "promotions": [1200, 40, 1100, 30],
        "inside_80": [0.8, 0.7, 0.82, np.nan],
        "error": [0.01, 0.07, 0.01, np.nan],
    }
)
TOLD = {
    "expected_net": 50.0,
    "expected_net_low": -90.0,
    "net_p50": 10.0,
    "expected_net_high": 300.0,
    "break_even_fee_p10": 10.0,
    "break_even_fee_p50": 110.0,
}


def texts(figure: Figure) -> str:
    axes = figure.axes[0]
    legend = [one.get_text() for one in figure.legends for one in one.get_texts()]
    ticks = [one.get_text() for one in axes.get_yticklabels()]
    return "\n".join([axes.get_title("left"), *legend, *ticks, *(t.get_text() for t in axes.texts)])


def drawn(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


@pytest.mark.parametrize("synthetic", [True, False])
@pytest.mark.parametrize(
    ("draw", "table"), [(draw_reliability, RATES), (draw_coverage, INSIDE), (draw_fees, TOLD)]
)
def test_titles_say_what_is_synthetic(draw, table, synthetic) -> None:
    figure = draw(table, "A title", ["a line"], synthetic=synthetic)
    assert ("synthetic" in texts(figure)) == synthetic
    assert "a line" in texts(figure)
    assert drawn(figure).startswith(b"\x89PNG")


def test_coverage_names_groups_with_their_counts() -> None:
    told = texts(draw_coverage(INSIDE, "t", synthetic=True))
    assert "all\n1,200" in told
    assert "head\n40" in told
    assert "GMV" in told
    alone = draw_coverage(INSIDE[INSIDE["quantity"] == "net"], "t", synthetic=True)
    assert not alone.legends


def test_fees_that_break_even_lie_on_the_line_of_no_net() -> None:
    figure = draw_fees(TOLD, "t", synthetic=True)
    assert "110: pays every other time" in texts(figure)
    assert "10: pays 9 times in 10" in texts(figure)
    assert "usual fee 100" in texts(figure)
    p50 = next(line for line in figure.axes[0].lines if line.get_linewidth() == 2.4)
    fee, net = p50.get_data()
    assert np.interp(0.0, net[::-1], fee[::-1]) == pytest.approx(110.0)


def test_a_fee_that_is_never_surely_borne_is_not_named() -> None:
    told = texts(draw_fees({**TOLD, "break_even_fee_p10": 0.0}, "t", synthetic=True))
    assert "9 times in 10" not in told
