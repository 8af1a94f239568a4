"""The command that explains one prediction, and the words of what it prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from matching import Plaza
from matching.explaining.case import Case
from matching.explaining.changes import changes_of
from matching.explaining.parts import Part, Terms
from matching.explaining.standing import Standing, reached, rounded
from matching.explaining.words import Told, in_words
from pipelines import cli

CAPTURE = pytest.CaptureFixture[str]
TERMS = Terms(price=50.0, refunds=0.5, commission=0.2, asked=0.1, fee=100.0)


def test_the_command_prints_every_step_and_what_would_change_it(
    tiny_bundle: Path, plaza: Plaza, capsys: CAPTURE
) -> None:
    creator = plaza.creators_for("m03", k=30, objective="net")["creator_id"][29]
    assert cli.run(["explain", str(tiny_bundle), "m03", creator, "--objective", "net"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{creator} for m03, one promotion of your usual mix: net ")
    assert lines[0].endswith("30th of 150")
    assert re.match(r"Expected to sell .* your usual creator: exposures × ", lines[1])
    titles = [line.split(":")[0] for line in lines if line and not line.startswith(" ")]
    for title in ("Exposures", "Click rate", "Conversion", "Orders", "Worth of an order"):
        assert title in titles
    assert titles.index("Kept after refunds") < titles.index("Left after commission")
    assert "What would change it, in your list of creators" in lines
    assert "And in its list of merchants" in lines
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "The market is synthetic: nothing in it is real."


def test_the_command_tells_a_program_as_well(
    tiny_bundle: Path, plaza: Plaza, capsys: CAPTURE
) -> None:
    products = plaza._learnt.products
    product = str(products["id"][products["merchant_row"] == 2].iloc[0])
    arguments = ["explain", str(tiny_bundle), str(plaza.merchant_ids[2]), "c001", "--json"]
    options = ["--product", product, "--objective", "conversion", "--top", "3"]
    assert cli.run([*arguments, *options]) == 0
    told = json.loads(capsys.readouterr().out)
    found = plaza.explain(str(plaza.merchant_ids[2]), "c001", product, "conversion", top=3)
    assert told["prediction"] == found.prediction
    assert told["synthetic"] is True
    assert (told["product_id"], told["top"], told["rank"]) == (product, 3, found.rank)
    assert np.prod([part["factor"] for part in told["parts"]]) == pytest.approx(found.prediction)
    assert [one["words"] for one in told["changes"]] == list(found.changes["words"])
    assert cli.run([*arguments[:-1], *options]) == 0
    out = capsys.readouterr().out
    assert f"one promotion of {product}: conversion " in out.splitlines()[0]
    assert out.splitlines()[1].startswith("Expected to convert ")
    assert "And in its list of merchants" not in out


def test_the_command_says_what_it_cannot_explain(tiny_bundle: Path, capsys: CAPTURE) -> None:
    assert cli.run(["explain", str(tiny_bundle), "m03", "c001", "--objective", "match"]) == 2
    assert "alliance: objective 'match' is an affinity" in capsys.readouterr().err


def case(
    scores: list[float],
    *,
    gmv: float = 1_000.0,
    terms: Terms = TERMS,
    incomes: list[float] | None = None,
    products: dict[str, float] | None = None,
    top: int = 2,
    objective: str = "net",
) -> Case:
    """The last of some creators; its own net is 1,000 × .5 × .8 − 100 = 300, income 200."""
    standing = None if incomes is None else Standing(np.array(incomes), len(incomes) - 1)
    listed = Standing(np.array(scores), len(scores) - 1)
    nothing = np.nan, np.nan
    return Case(objective, top, listed, gmv, terms, nothing, None, products or {}, standing)


def words(found: Case, whose: str, what: str) -> str:
    return next(
        one["words"] for one in changes_of(found) if (one["list"], one["what"]) == (whose, what)
    )


def test_slot_fees_in_words() -> None:
    assert words(case([900.0, 350.0, 300.0]), "merchant", "slot fee") == (
        "At a slot fee of 49.9 instead of 100 it enters your top 2; "
        "the fee is the creator's to agree to."
    )
    assert words(case([900.0, 250.0, 300.0]), "merchant", "slot fee") == (
        "It stays in your top 2 up to a slot fee of 149."
    )
    assert words(case([900.0, 500.0, 300.0]), "merchant", "slot fee") == (
        "Even at no slot fee it ranks 3rd."
    )
    free = Terms(50.0, 0.5, 0.2, 0.1, 0.0)
    assert words(case([900.0, 500.0, 400.0], terms=free), "merchant", "slot fee") == (
        "It takes no slot fee as it is; it ranks 3rd."
    )


def test_commissions_in_words() -> None:
    # 350 = 1,000 × .5 × (1 − r) − 100 at r = .1, level with who stands before it in rows.
    assert words(case([900.0, 345.0, 300.0]), "merchant", "commission") == (
        "At a commission of 10.9% instead of 20.0% (9.1 points less) it enters your top 2; "
        "it asks 10.0%, so that is yours to set."
    )
    assert words(case([900.0, 380.0, 300.0]), "merchant", "commission") == (
        "At a commission of 3.9% instead of 20.0% (16.1 points less) it enters your top 2; "
        "it asks 10.0%, so it would have to agree."
    )
    silent = Terms(50.0, 0.5, 0.2, np.nan, 100.0)
    assert words(case([900.0, 380.0, 300.0], terms=silent), "merchant", "commission").endswith(
        "it enters your top 2; what it asks is not known."
    )
    assert words(case([900.0, 800.0, 300.0]), "merchant", "commission") == (
        "Even without any commission it ranks 3rd."
    )
    assert words(case([900.0, 200.0, 300.0]), "merchant", "commission") == (
        "It stays in your top 2 up to a commission of 39.9% instead of 20.0% (19.9 points more)."
    )
    assert words(case([900.0, -700.0, 300.0]), "merchant", "commission") == (
        "It stays in your top 2 whatever its commission is."
    )


def test_sales_and_products_in_words() -> None:
    # 340 + 100 fee over 1 − .2 is 550 kept, 1.1 times its 500; one step more to pass it.
    assert words(case([900.0, 340.0, 300.0]), "merchant", "sales") == (
        "With 1.11 times the sales it would enter your top 2."
    )
    assert words(case([900.0, 200.0, 300.0], objective="gmv"), "merchant", "sales") == (
        "It stays in your top 2 down to 66.7% of this GMV."
    )
    better = case([900.0, 350.0, 300.0], products={"p1": 360.0, "p2": np.nan})
    assert words(better, "merchant", "product") == (
        "With product p1 instead of your usual mix: +20% (net 360 instead of 300); "
        "that would rank 2nd in this list."
    )
    assert words(case([9.0, 3.0], products={"p1": 3.0}), "merchant", "product") == (
        "None of your other products would bring more with it than your usual mix."
    )
    # Who brings nothing has no share of anything to bring more of.
    assert not [
        one for one in changes_of(case([9.0, 5.0, 0.0], gmv=0.0)) if one["what"] != "slot fee"
    ]


def test_terms_that_win_a_creator_in_words() -> None:
    enters = case([300.0], incomes=[900.0, 250.0, 200.0])
    assert words(enters, "creator", "commission") == (
        "At a commission of 30.1% instead of 20.0% (10.1 points more) you enter its top 2 by what "
        "a promotion brings it (200); that leaves you 250 net."
    )
    assert words(enters, "creator", "slot fee") == (
        "At a slot fee of 151 instead of 100 you enter its top 2; that leaves you 249 net."
    )
    assert words(case([300.0], incomes=[900.0, 800.0, 200.0]), "creator", "commission") == (
        "By what a promotion brings it (200) you rank 3rd of its merchants; even if it got all "
        "that is kept, you would rank 3rd."
    )
    assert words(case([300.0], incomes=[900.0, 170.0, 200.0]), "creator", "commission") == (
        "By what a promotion brings it (200) you rank 2nd of its merchants, in its top 2 down to "
        "14.1% instead of 20.0% (5.9 points less)."
    )
    least = Terms(50.0, 0.5, 0.2, 0.2, 100.0)
    assert words(
        case([300.0], terms=least, incomes=[900.0, 1.0, 200.0]), "creator", "commission"
    ) == ("By what a promotion brings it (200) you rank 2nd of its merchants.")
    # Where everyone is in the top there is nothing to win.
    assert changes_of(case([300.0], incomes=[900.0, 200.0])) == []


@pytest.mark.parametrize(
    ("part", "told", "sentence"),
    [
        (
            Part("exposures", "market", 900.0),
            Told("views", None, False, False, TERMS),
            "A promotion usually gets 900 views.",
        ),
        (
            Part("exposures", "creator", 2.5),
            Told("views", None, False, False, TERMS),
            "What it promotes is viewed 2.5 times as often as the usual creator's.",
        ),
        (
            Part("conversion", "market", 0.02),
            Told("views", None, False, False, TERMS),
            "Of 1,000 views, 20 usually end in an order.",
        ),
        (
            Part("conversion", "market", 0.02),
            Told("exposures", None, False, False, TERMS),
            "Of 1,000 displays, 20 usually end in an order.",
        ),
        (
            Part("click rate", "creator", 1.0),
            Told("clicks", None, False, False, TERMS),
            "Its audience clicks as often as the usual one.",
        ),
        (
            Part("orders", "market", 12.0),
            Told(None, None, False, False, TERMS),
            "A promotion usually brings 12 in orders.",
        ),
        (
            Part("GMV", "market", 1200.0),
            Told(None, None, False, False, TERMS),
            "A promotion usually brings 1,200 in sales.",
        ),
        (
            Part("GMV", "product", 0.5),
            Told(None, "p7", False, False, TERMS),
            "p7 is sold 50% less often than the usual product.",
        ),
        (
            Part("conversion", "pair", 3.0),
            Told("clicks", None, True, False, TERMS),
            "By what came of your own cooperations: bought 3 times as often as all else would "
            "tell.",
        ),
        (
            Part("conversion", "deal", 1.2),
            Told("clicks", None, True, True, TERMS),
            "By its own promotions of these goods: bought 20% more often than all else would tell.",
        ),
        (
            Part("price", "product", 1.2),
            Told("clicks", "p7", True, True, TERMS),
            "p7 is worth 50 an order.",
        ),
    ],
)
def test_parts_in_words(part: Part, told: Told, sentence: str) -> None:
    assert in_words(part, told) == sentence


def test_values_to_be_reached_are_rounded_to_the_safe_side() -> None:
    assert rounded(np.inf, up=True) == np.inf
    # 0.500 is not more than 0.5: one step more is.
    assert reached(0.4999, True, lambda one: one > 0.5) == 0.501
    assert reached(0.4999, True, lambda one: one > 0.7) is None
    assert reached(0.0, False, lambda one: one < 0.0) is None
