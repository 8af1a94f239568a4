"""Print one merchant's ranked creators: figures on one line, the reasons beneath."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

import pandas as pd
from rich.console import Console
from rich.text import Text

from matching import Plaza
from pipelines.console import number
from pipelines.where import parse_where


def match(
    bundle: str,
    merchant_id: str,
    *,
    k: int = 20,
    objective: str | None = None,
    where: Iterable[str] = (),
    product_id: str | None = None,
    exclude_worked_with: bool = False,
    variety: float = 0.0,
) -> tuple[pd.DataFrame, str]:
    """Rank creators for one merchant; gives back the list and the objective it is ranked by."""
    filters = parse_where(where)
    plaza = Plaza.load(bundle)
    frame = plaza.creators_for(
        merchant_id,
        k=k,
        objective=objective,
        where=filters,
        product_id=product_id,
        exclude_worked_with=exclude_worked_with,
        variety=variety,
    )
    frame.attrs["synthetic"] = plaza.manifest["synthetic"]
    return frame, objective or plaza.default_objective


def print_list(console: Console, frame: pd.DataFrame, objective: str) -> None:
    """Print a ranked list: a line of figures for each creator and its reasons indented below.

    Columns that the market gave no data for are left out, and said so at the end.
    """
    columns = {"rank": frame["rank"].astype(str), "creator": frame["creator_id"].astype(str)}
    columns[objective] = frame["score"].map(number)
    absent = []
    for title, name, write in _INTERVALS:
        if frame[name].isna().all():
            absent.append(title)
        else:
            columns[title] = _with_interval(frame, name, write)
    cells = pd.DataFrame(columns)
    widths = {
        name: max(len(name), int(cells[name].str.len().max() if len(cells) else 0))
        for name in cells.columns
    }
    console.print(Text(_line(widths, dict(zip(widths, widths, strict=True))), style="bold"))
    for row, reasons in zip(cells.to_dict("records"), frame["reasons"], strict=True):
        console.print(Text(_line(widths, {str(key): str(one) for key, one in row.items()})))
        for reason in reasons:
            indent = " " * (widths["rank"] + 2)
            lines = textwrap.wrap(
                reason,
                console.width,
                initial_indent=f"{indent}• ",
                subsequent_indent=f"{indent}  ",
                break_on_hyphens=False,
            )
            console.print(Text("\n".join(lines), style="dim"))
    for line in [*_shortfall(frame), *_absent(absent), *_synthetic(frame)]:
        console.print(Text(line), soft_wrap=True)


def _percent(value: float) -> str:
    return number(100 * value)


_INTERVALS: list[tuple[str, str, Callable[[float], str]]] = [
    ("conversion %", "p_conversion", _percent),
    ("exposures", "exposures", number),
    ("expected GMV", "expected_gmv", number),
]


def _with_interval(frame: pd.DataFrame, name: str, write: Callable[[float], str]) -> pd.Series[str]:
    """Texts like ``2.14 (1.80–2.51)``: a prediction and its 80 % interval."""
    point, low, high = (
        pd.to_numeric(frame[one]).astype(float).map(write)
        for one in (name, f"{name}_low", f"{name}_high")
    )
    return point + " (" + low + "–" + high + ")"


def _line(widths: dict[str, int], cells: dict[str, str]) -> str:
    """One line, the rank and figures to the right, the id to the left."""
    return "  ".join(
        cells[name].ljust(width) if name == "creator" else cells[name].rjust(width)
        for name, width in widths.items()
    ).rstrip()


def _shortfall(frame: pd.DataFrame) -> list[str]:
    removed = frame.attrs.get("shortfall") or {}
    if not removed:
        return []
    told = ", ".join(f"{name} removed {count:,}" for name, count in removed.items())
    return [f"Only {len(frame)} creators pass: {told}."]


def _absent(titles: list[str]) -> list[str]:
    return [f"This market has no data for: {', '.join(titles)}."] if titles else []


def _synthetic(frame: pd.DataFrame) -> list[str]:
    return (
        ["The market is synthetic: nothing in it is real."] if frame.attrs.get("synthetic") else []
    )
