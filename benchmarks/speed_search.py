"""Search alone, as `search.py` measures it: its figures instead of its print.

    python benchmarks/speed_search.py JOB.json

In a process of its own, since `search.py` sets the threads of BLAS before numpy comes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import search


def measure(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Batches and filters on vectors as uneven as those of a market.

    Parameters
    ----------
    job : dict
        ``rounds``, and ``batches``: lists of creators, numbers per vector and queries each.

    Returns
    -------
    list of dict
        ``title``, ``ms`` of each way (wall and CPU), ``notes``.
    """
    found: list[dict[str, Any]] = []

    def keep(
        title: str, seconds: dict[str, tuple[float, float]], _: str, notes: dict[str, str]
    ) -> None:
        ms = {name: [1e3 * wall, 1e3 * cpu] for name, (wall, cpu) in seconds.items()}
        found.append({"title": title, "ms": ms, "notes": notes})

    rng = np.random.default_rng(0)
    with patch.object(search, "told", keep):
        for creators, width, queries in job["batches"]:
            search.batch(creators, width, queries, True, job["rounds"], rng)
        for share in (0.1, 0.01, 0.001):
            search.filtered(share, job["rounds"], rng)
    return found


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
