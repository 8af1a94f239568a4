"""Write a synthetic market, with progress on a terminal."""

from __future__ import annotations

from pathlib import Path

from pipelines.console import bar
from training.simulation import Size, simulate_market


def simulate(out: Path, *, seed: int, size: str | Size) -> None:
    """Simulate a market into a new or empty folder.

    Raises
    ------
    BadInput
        When the folder is taken, the seed is negative, or no size has that name.
    """
    with bar("simulating") as told:
        simulate_market(
            out, seed=seed, size=size, progress=lambda _, share: told(round(100 * share), 100)
        )
