"""Print a merchant's cooperations by quadrant, with what to do in each."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.text import Text

from matching import Plaza
from matching.diagnosis.quadrants import ACTIONS
from matching.errors import BadInput
from pipelines.console import number

#: Ids longer than this are cut when printed.
_LONGEST = 12


def diagnose(bundle: str, merchant_id: str, *, plot: Path | None = None) -> pd.DataFrame:
    """Diagnose one merchant's cooperations; draws the quadrant chart where asked to.

    Raises
    ------
    UnknownId
        When the bundle knows no such merchant.
    BadInput
        When a chart is asked for and no cooperation has a quadrant, or its file is no PNG.
    """
    if plot is not None and plot.suffix.lower() != ".png":
        raise BadInput(f"--plot {plot}: expected a file that ends in .png")
    plaza = Plaza.load(bundle)
    frame = plaza.diagnose(merchant_id)
    frame.attrs["synthetic"] = plaza.manifest["synthetic"]
    frame.attrs["as_of"] = plaza.manifest["as_of"]
    if plot is not None:
        from pipelines.quadrant_chart import draw_quadrants

        draw_quadrants(frame, merchant_id).savefig(plot, dpi=150, metadata={"Software": None})
    return frame


def diagnosis_document(frame: pd.DataFrame, merchant_id: str) -> str:
    """One JSON document: the columns of `Plaza.diagnose`, a cooperation an object.

    What is unknown is null. A number of sessions that would settle nothing is null as well, as
    JSON has no infinity: it is where the quadrant is known and `settles` is false.
    """
    rows = [
        {str(name): _plain(one) for name, one in row.items()} for row in frame.to_dict("records")
    ]
    for row, never in zip(rows, np.isinf(frame["sessions_to_80"].to_numpy(float)), strict=True):
        row["settles"] = None if row["sessions_to_80"] is None and not never else not bool(never)
    document = {
        "merchant_id": merchant_id,
        "as_of": frame.attrs.get("as_of"),
        "synthetic": bool(frame.attrs.get("synthetic")),
        "interval": 0.8,
        "trials": frame.attrs["trials"],
        "notes": list(frame.attrs["notes"]),
        "cooperations": rows,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)


def _plain(value: Any) -> Any:
    """A value as JSON knows it; unknown and infinite numbers are None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return None if value is None or value is pd.NA else value


def print_diagnosis(console: Console, frame: pd.DataFrame, *, reasons: bool = False) -> None:
    """Print one block a quadrant: its action, then a line of figures for each creator.

    Intervals are 80 %; ``to settle`` is the number of further sessions that would make the
    quadrant 80 % sure. With ``reasons``, all that speaks for it stands under each line.
    """
    if len(frame):
        lines = _lines(frame)
        console.print(Text(lines[0], style="bold"))
        for quadrant, action in ACTIONS.items():
            rows = np.flatnonzero(frame["quadrant"] == quadrant)
            if not len(rows):
                continue
            surest = frame["sureness"].to_numpy(float)[rows]
            rows = rows[np.argsort(-np.nan_to_num(surest), kind="stable")]
            title = f"{quadrant.capitalize()}: {action}"
            console.print()
            console.print(Text(textwrap.fill(title, console.width), style="bold"))
            for row in rows:
                console.print(Text(lines[row + 1]), soft_wrap=True)
                for told in frame["reasons"].iloc[row] if reasons else ():
                    wrapped = textwrap.wrap(
                        told, console.width, initial_indent="  • ", subsequent_indent="    "
                    )
                    console.print(Text("\n".join(wrapped), style="dim"))
        console.print()
        told = "Intervals are 80%; to settle: further sessions until the quadrant is 80% sure."
        console.print(Text(told, style="dim"), soft_wrap=True)
    for line in frame.attrs["notes"]:
        console.print(Text(textwrap.fill(line, console.width)))
    if frame.attrs.get("synthetic"):
        console.print(Text("The market is synthetic: nothing in it is real."))


def _lines(frame: pd.DataFrame) -> list[str]:
    """The title and one line of figures for each row, in columns of one width."""
    columns = {
        "creator": frame["creator_id"].map(_cut),
        "sure %": (100 * frame["sureness"]).map(_whole),
        "sessions": frame["sessions"].astype(str),
        "conversion %": _interval(100 * frame[_named("conversion")], number),
        "exposures": _interval(frame[_named("exposures")], _short),
        "to settle": frame["sessions_to_80"].map(_sessions),
        "cause": frame["cause"].where(frame["cause"].notna(), "").astype(str),
    }
    cells = [list(columns), *(list(row) for row in zip(*columns.values(), strict=True))]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    left = {0, len(columns) - 1}
    return [
        "  ".join(
            one.ljust(width) if at in left else one.rjust(width)
            for at, (one, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _named(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"]


def _interval(values: pd.DataFrame, write: Callable[[float], str]) -> list[str]:
    """Texts like ``2.14 (1.80–2.51)``, or a dash."""
    return [
        "–" if np.isnan(one) else f"{write(one)} ({write(low)}–{write(high)})"
        for one, low, high in values.to_numpy(float)
    ]


def _short(value: float) -> str:
    """A large number in few letters.

    Examples
    --------
    >>> _short(953.2), _short(5109.0), _short(168497.0), _short(2_340_000.0)
    ('953', '5.1k', '168k', '2.3M')
    """
    if value < 999.5:
        return f"{value:.0f}"
    size, unit = (value / 1e3, "k") if value < 999_500 else (value / 1e6, "M")
    return f"{size:.1f}{unit}" if size < 9.95 else f"{size:,.0f}{unit}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _whole(value: float) -> str:
    if np.isnan(value):
        return "–"
    return ">99" if value >= 99.5 else f"{value:.0f}"


def _sessions(value: float) -> str:
    if np.isnan(value):
        return "–"
    return "never" if np.isinf(value) else f"{value:.0f}"
