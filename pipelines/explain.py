"""Print what one prediction is made of, and what would change where it stands."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.text import Text

from matching import Plaza
from matching.explaining import Explanation
from matching.explaining.case import ordinal
from matching.explaining.words import WORTH_TELLING
from pipelines.console import number

#: Steps that are shares: title, and how they are called.
_SHARES = {
    "click rate": "Click rate",
    "conversion": "Conversion",
    "refunds": "Kept after refunds",
    "commission": "Left after commission",
}
_TITLES = {
    "exposures": "Exposures",
    "orders": "Orders",
    "GMV": "GMV",
    "price": "Worth of an order",
    "slot fee": "Slot fee",
}
#: Whose list a change is about.
_LISTS = {
    "merchant": "What would change it, in your list of creators",
    "creator": "And in its list of merchants",
}
#: What each objective is called in a line.
_NAMES = {"conversion": "conversion", "exposure": "exposures", "orders": "orders", "gmv": "GMV"}


def explain(
    bundle: str,
    merchant_id: str,
    creator_id: str,
    *,
    product_id: str | None = None,
    objective: str | None = None,
    top: int = 10,
) -> tuple[Explanation, bool]:
    """Explain one pair; gives back as well whether the market is synthetic.

    Raises
    ------
    UnknownId
        When the bundle knows no such merchant, creator or product.
    BadInput
        When the objective cannot be explained, or the product is another merchant's.
    """
    plaza = Plaza.load(bundle)
    explanation = plaza.explain(merchant_id, creator_id, product_id, objective, top=top)
    return explanation, bool(plaza.manifest["synthetic"])


def explanation_document(explanation: Explanation, synthetic: bool) -> str:
    """One JSON document: all parts and all changes, each an object; what is unknown is null."""
    document = {
        "merchant_id": explanation.merchant_id,
        "creator_id": explanation.creator_id,
        "product_id": explanation.product_id,
        "objective": explanation.objective,
        "synthetic": synthetic,
        "prediction": explanation.prediction,
        "rank": explanation.rank,
        "among": explanation.among,
        "top": explanation.top,
        "summary": explanation.summary,
        "parts": _objects(explanation.parts),
        "changes": _objects(explanation.changes),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)


def print_explanation(console: Console, explanation: Explanation, synthetic: bool) -> None:
    """Print one block a step, a factor a line, then what would change where the pair stands.

    Factors that are as good as 1 are left out.
    """
    by, told = explanation.objective, explanation.prediction
    goods = explanation.product_id or "your usual mix"
    name = _NAMES.get(by, by)
    worth = _percent(told) if by == "conversion" else number(told)
    lead = (
        f"{explanation.creator_id} for {explanation.merchant_id}, one promotion of {goods}: {name} "
        f"{worth}, {ordinal(explanation.rank)} of {explanation.among:,}"
    )
    console.print(Text(textwrap.fill(lead, console.width), style="bold"))
    console.print(Text(textwrap.fill(explanation.summary, console.width)))
    for step, parts in explanation.parts.groupby("step", sort=False):
        console.print()
        console.print(Text(_title(str(step), parts), style="bold"))
        for part in parts.to_dict("records"):
            if part["part"] == "market" or part["step"] == "slot fee" or _differs(part["factor"]):
                _print(console, f"{_factor(part):>10}  ", part["words"])
    for whose, title in _LISTS.items():
        changes = explanation.changes
        told_here = changes["words"][changes["list"] == whose] if len(changes) else ()
        if len(told_here):
            console.print()
            console.print(Text(title, style="bold"))
        for words in told_here:
            _print(console, "  • ", words)
    console.print()
    note = (
        "All factors multiplied, less the slot fee, are the prediction; usual is the median of the "
        f"market. Factors within {100 * WORTH_TELLING:g}% of 1 are left out: --json tells them."
    )
    console.print(Text(textwrap.fill(note, console.width), style="dim"))
    if synthetic:
        console.print(Text("The market is synthetic: nothing in it is real."))


def _title(step: str, parts: pd.DataFrame) -> str:
    whole = float(np.prod(parts["factor"].to_numpy(float)))
    if step in _SHARES:
        return f"{_SHARES[step]}: {_percent(whole)}"
    if step == "slot fee":
        return f"{_TITLES[step]}: {number(-float(parts['adds'].to_numpy(float).sum()))}"
    if set(parts["part"]) == {"drift"}:  # of what the steps above it tell
        whole = float(parts["so_far"].to_numpy(float)[-1])
    return f"{_TITLES[step]}: {number(whole)}"


def _differs(factor: float) -> bool:
    return abs(factor - 1.0) >= WORTH_TELLING


def _factor(part: Mapping[Any, Any]) -> str:
    """The number in front of a line: a level, a factor or what is taken off."""
    if part["step"] == "slot fee":
        return f"− {number(-part['adds'])}"
    if part["part"] == "market":
        return _percent(part["factor"]) if part["step"] in _SHARES else number(part["factor"])
    return f"× {number(part['factor'])}"


def _print(console: Console, lead: str, words: str) -> None:
    lines = textwrap.wrap(
        words,
        console.width,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_on_hyphens=False,
    )
    console.print(Text("\n".join(lines)))


def _percent(share: float) -> str:
    return f"{number(100 * share)}%"


def _objects(frame: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {str(name): None if pd.isna(one) else one for name, one in row.items()}
        for row in frame.to_dict("records")
    ]
