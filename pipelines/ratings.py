"""Print a merchant's own ratings of the creators it has worked with."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pandas as pd
from rich.console import Console
from rich.text import Text

from matching import Plaza
from pipelines.console import number

#: Columns of numbers that are printed, with their intervals.
_RATINGS = {
    "sales": "sales_rating",
    "conversion": "conversion_rating",
    "clicks": "click_rating",
    "exposures": "exposure_rating",
}


def ratings(bundle: str, merchant_id: str, *, as_of: str | None = None) -> pd.DataFrame:
    """Read one merchant's ledger.

    Raises
    ------
    UnknownId
        When the bundle knows no such merchant.
    BadInput
        When ``as_of`` is no moment.
    """
    plaza = Plaza.load(bundle)
    frame = plaza.ratings(merchant_id, as_of=as_of)
    frame.attrs["synthetic"] = plaza.manifest["synthetic"]
    return frame


def print_ratings(console: Console, frame: pd.DataFrame) -> None:
    """Print one line a creator: its grade, and each rating with its 80 % interval."""
    if not len(frame):
        console.print(Text("No cooperation was known then."))
    else:
        columns = {
            "creator": list(frame["creator_id"]),
            "grade": [one if isinstance(one, str) else "–" for one in frame["grade"]],
            **{title: _intervals(frame, name) for title, name in _RATINGS.items()},
            "sessions": [str(one) for one in frame["sessions"]],
            "last": [f"{one:%Y-%m-%d}" for one in frame["last_day"]],
        }
        cells = [list(columns), *(list(row) for row in zip(*columns.values(), strict=True))]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for at, row in enumerate(cells):
            line = "  ".join(
                one.rjust(width) if place else one.ljust(width)
                for place, (one, width) in enumerate(zip(row, widths, strict=True))
            )
            console.print(Text(line.rstrip(), style="" if at else "bold"), soft_wrap=True)
    console.print()
    halves = sorted({f"{days:g}" for days in frame.attrs["half_life_days"].values()})
    told = (
        f"As of {frame.attrs['as_of']:%Y-%m-%d}. A rating of 1.4 is 1.4 times what was expected; "
        f"intervals are 80%. A promotion counts half after {' or '.join(halves)} days."
    )
    console.print(Text(textwrap.fill(told, console.width), style="dim"))
    if frame.attrs["synthetic"]:
        console.print(Text("The market is synthetic: nothing in it is real."))


def ratings_document(frame: pd.DataFrame, merchant_id: str) -> str:
    """One JSON document: the columns of `Plaza.ratings`, a creator an object.

    What is unknown is null.
    """
    told = frame.assign(last_day=frame["last_day"].dt.strftime("%Y-%m-%d"))
    rows = [
        {str(name): None if pd.isna(one) else one for name, one in row.items()}
        for row in told.to_dict("records")
    ]
    document = {
        "merchant_id": merchant_id,
        "as_of": frame.attrs["as_of"].isoformat(),
        "synthetic": bool(frame.attrs["synthetic"]),
        "interval": 0.8,
        "half_life_days": frame.attrs["half_life_days"],
        "creators": rows,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)


def _intervals(frame: pd.DataFrame, name: str) -> list[str]:
    ends = frame[[name, f"{name}_low", f"{name}_high"]].to_numpy(np.float64)
    return [
        "–" if np.isnan(one) else f"{number(one)} ({number(low)}–{number(high)})"
        for one, low, high in ends
    ]
