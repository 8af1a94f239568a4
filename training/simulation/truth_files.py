"""The truth as files: arrays, Parquet and JSON that anybody can read."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from matching.errors import BadInput
from training.simulation.columns import ids, write
from training.simulation.laws import Laws
from training.simulation.notes import TRUTH
from training.simulation.population import Creators, Merchants, Population, Products
from training.simulation.segments import DIMENSIONS, Segments

FORMAT = 1
_KINDS = {"creator": Creators, "merchant": Merchants, "product": Products}
_SEGMENTS = ("weight", "spending", "playful", "categories")


def save_world(folder: Path, world: Population, laws: Laws) -> None:
    """Write everybody and the laws, with a README that states every formula."""
    folder.mkdir(parents=True)
    about = {"format": FORMAT, "synthetic": True, "laws": laws.to_json()}
    (folder / "laws.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    (folder / "README.md").write_text(TRUTH, "utf-8")
    for name, kind in _KINDS.items():
        held = getattr(world, f"{name}s")
        arrays = {f.name: getattr(held, f.name) for f in fields(kind)}
        flat = {key: value for key, value in arrays.items() if value.ndim == 1}
        count = len(next(iter(flat.values())))
        columns: dict[str, Any] = {f"{name}_id": ids(name[0], count), **flat}
        write(folder, f"{name}s", columns)
        for key in arrays.keys() - flat.keys():
            np.save(folder / f"{name}_{key}.npy", arrays[key], allow_pickle=False)
    for dimension in DIMENSIONS:
        np.save(folder / f"segment_{dimension}.npy", world.segments.shares[dimension])
    for key in _SEGMENTS:
        np.save(folder / f"segment_{key}.npy", getattr(world.segments, key))


def load_world(folder: Path) -> tuple[Population, Laws]:
    """Read what `save_world` wrote.

    Raises
    ------
    BadInput
        When the folder holds no truth, or one of another format.
    """
    if not (folder / "laws.json").is_file():
        raise BadInput(
            f"{folder}: no laws.json; expected the `truth` folder that `alliance simulate` "
            "writes into a market"
        )
    about = json.loads((folder / "laws.json").read_text("utf-8"))
    if about["format"] != FORMAT:
        raise BadInput(
            f"{folder}: truth of format {about['format']}; expected {FORMAT}, simulate the "
            "market again"
        )

    def array(name: str) -> Any:
        return np.load(folder / f"{name}.npy", allow_pickle=False)

    shares = {dimension: array(f"segment_{dimension}") for dimension in DIMENSIONS}
    segments = Segments(shares, *(array(f"segment_{key}") for key in _SEGMENTS))
    parts: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        table = pq.read_table(folder / f"{name}s.parquet")
        parts[f"{name}s"] = kind(
            **{
                f.name: table[f.name].to_numpy()
                if f.name in table.column_names
                else array(f"{name}_{f.name}")
                for f in fields(kind)
            }
        )
    return Population(segments, **parts), Laws.from_json(about["laws"])
