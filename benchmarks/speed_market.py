"""The synthetic markets that speed is measured on, and the bundles trained from them.

    .venv/bin/python benchmarks/speed_market.py artifacts/speed large hundred few

A market is simulated once and its affinity learnt once for each width; both are kept. A bundle is
written again from them whenever asked, so that a change of its format costs a minute and not ten.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

import scipy.sparse as sp

from matching.bundle import MANIFEST, Bundle, BundleWriter
from models.affinity import Affinity
from models.blocks import Block
from pipelines.train import train
from training.simulation import SIZES, Size, simulate_market

#: Markets by name. ``hundred`` stands between ``medium`` and ``large``; ``few`` has the creators of
#: ``large`` and a tenth of its merchants.
MARKETS: dict[str, Size] = {
    "small": SIZES["small"],
    "medium": SIZES["medium"],
    "hundred": Size(100_000, 5_000, viewers=120_000, logged_requests=0.2, daily_every=91),
    "large": SIZES["large"],
    "few": Size(200_000, 2_000, viewers=250_000, logged_requests=0.2, daily_every=91),
}
SEED = 1
#: Numbers per vector that speed is measured at, where training gives some 390.
NARROW = 128


class Kept:
    """Stands in for the affinity: learnt once, read from a folder ever after.

    Parameters
    ----------
    folder : Path
    width : int, optional
        Numbers per vector, exactly; as many as the market's parts come to where not given.
    """

    def __init__(self, folder: Path, width: int | None, *, seed: int) -> None:
        self._folder, self._width, self._seed = folder, width, seed

    def fit(
        self,
        interactions: sp.csr_matrix,
        blocks: Sequence[Block],
        *,
        first_met: sp.csr_matrix | None = None,
    ) -> Affinity:
        """Read what was learnt before; learn and write it where there is nothing yet."""
        if not self._folder.exists():
            given = (interactions, blocks, first_met)
            learnt = (
                exactly(self._width, *given, seed=self._seed)
                if self._width
                else Affinity(seed=self._seed).fit(interactions, blocks, first_met=first_met)
            )
            with BundleWriter(self._folder) as writer:
                writer.state("affinity", learnt.state())
                writer.finish({})
        # Not opened as a bundle, which would be of today's format alone.
        manifest = json.loads((self._folder / MANIFEST).read_text(encoding="utf-8"))
        return Affinity.from_state(Bundle(self._folder, manifest).state("affinity"))


def exactly(
    width: int,
    interactions: sp.csr_matrix,
    blocks: Sequence[Block],
    first_met: sp.csr_matrix | None,
    *,
    seed: int,
) -> Affinity:
    """Learn an affinity of exactly so many numbers: every part is cut short, ALS fills up.

    Raises
    ------
    ValueError
        When parts come and go with the width of ALS, so that no width of it fits.
    """
    short = width // 16
    factors = short
    for _ in range(4):
        affinity = Affinity(
            factors=factors, spectral=short, choice=short, width=8, budget=width, seed=seed
        )
        affinity.fit(interactions, blocks, first_met=first_met)
        missing = width - affinity.creator_vectors_.shape[1]
        if missing == 0:
            return affinity
        factors += missing
    raise ValueError(f"the affinity has {width - missing} numbers, not {width}; name another width")


def market_folder(folder: Path, name: str) -> Path:
    """Folder of a market; simulated where missing."""
    path = folder / f"{name}-market"
    if not path.exists():
        simulate_market(path, seed=SEED, size=MARKETS[name])
    return path


def bundle_folder(folder: Path, name: str, width: int | None = NARROW) -> Path:
    """Where the bundle of a market lies."""
    return folder / (f"{name}-{width}" if width else name)


def write_bundle(folder: Path, name: str, width: int | None = NARROW) -> Path:
    """Train a market as the code now does, but for the affinity, which is kept.

    Parameters
    ----------
    folder : Path
        Where markets, affinities and bundles are kept.
    name : str
        One of :data:`MARKETS`.
    width : int, optional
        Numbers per vector; as many as training comes to where not given.
    """
    market = market_folder(folder, name)
    out = bundle_folder(folder, name, width)
    kept = partial(Kept, folder / f"{out.name}-affinity", width)
    with patch("training.fit.Affinity", kept):
        train(market, out, track=False)
    return out


def main() -> None:
    """Make what is asked for, and say how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+", choices=MARKETS)
    parser.add_argument("--width", type=int, default=NARROW, help="0: as training gives it")
    parser.add_argument("--anew", action="store_true", help="learn the affinity again too")
    asked = parser.parse_args()
    for name in asked.names:
        start = time.perf_counter()
        width = asked.width or None
        if asked.anew:
            shutil.rmtree(
                asked.folder / f"{bundle_folder(asked.folder, name, width).name}-affinity",
                ignore_errors=True,
            )
        out = write_bundle(asked.folder, name, width)
        print(f"{out}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
