"""Parts of a data set to learn from and to be judged by: cut here, or held out by somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd


def random_parts(
    table: pd.DataFrame, seeds: Sequence[int], share: float = 0.3
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Cut a table at random, once for each seed: what is known, and a ``share`` to be judged by."""
    for seed in seeds:
        asked = np.random.default_rng(seed).random(len(table)) < share
        yield table[~asked].reset_index(drop=True), table[asked].reset_index(drop=True)


def random_folds(
    table: pd.DataFrame, folds: int, seed: int
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Cut a table so that each row is asked about once, the others of its fold with it."""
    fold = np.random.default_rng(seed).permutation(len(table)) % folds
    for one in range(folds):
        yield table[fold != one].reset_index(drop=True), table[fold == one].reset_index(drop=True)


def read_held_out(file: Path, like: pd.DataFrame) -> pd.DataFrame:
    """Rows that somebody else has held out, with the columns of those that are known.

    Raises
    ------
    ValueError
        When it is no file, has no rows, or lacks a column.
    """
    if not file.is_file():
        raise ValueError(f"{file} is no file; expected one like the visible part, held out")
    found = pd.read_csv(file)
    missing = [name for name in like.columns if name not in found.columns]
    if missing or not len(found):
        lack = f"no column {', '.join(missing)}" if missing else "no rows"
        raise ValueError(
            f"{file} has {lack}; expected the columns {', '.join(like.columns)} of the visible part"
        )
    return found[list(like.columns)]
