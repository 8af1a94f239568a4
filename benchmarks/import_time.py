"""How long ``import matching`` takes beside ``import faiss, pandas``, each in a new process.

``matching`` imports its plaza when first asked for; what that costs is printed as well.

Run::

    .venv/bin/python benchmarks/import_time.py
"""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 7
#: What ``import matching`` may cost at most, as a multiple of what it cannot do without.
ALLOWED = 1.3


def seconds(statement: str) -> float:
    """Wall time of a new Python that runs one statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> int:
    """Print both times and their ratio; exit code 1 when the ratio is above what is allowed."""
    statements = {
        "faiss, pandas": "import faiss, pandas",
        "matching": "import matching",
        "matching.Plaza": "from matching import Plaza",
    }
    # Rounds alternate, and the best of each counts: what else runs here slows both alike.
    best = {name: float("inf") for name in statements}
    for _ in range(ROUNDS):
        for name, statement in statements.items():
            best[name] = min(best[name], seconds(statement))
    ratio = best["matching"] / best["faiss, pandas"]
    for name, value in best.items():
        print(f"import {name:<15} {value:6.3f} s")
    print(f"ratio {ratio:.2f}, allowed {ALLOWED}")
    return int(ratio > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
