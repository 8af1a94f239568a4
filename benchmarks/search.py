"""Search alone: ours beside implicit, FAISS and the bare product, in one interleaved run.

    .venv/bin/python benchmarks/search.py

Vectors are synthetic. "Even" ones are normal; "uneven" ones have a spectrum that falls off and
lengths that differ as popularity does, as factors of real markets do. Everybody may use two threads
for a batch and has one for a single query. Figures are medians of interleaved rounds, first of the
time that passed, then of the time that processors were busy, which other work on the machine
disturbs less; recall is the share of the true top that was found, ties apart.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

os.environ["OPENBLAS_NUM_THREADS"] = (
    "1"  # implicit asks for it; each of our threads has its own BLAS
)

import faiss
import numpy as np
import numpy.typing as npt
from command_line import at_least
from implicit.cpu.topk import topk

from matching.search.index import CreatorIndex
from matching.search.products import inner_products

Vectors = npt.NDArray[np.float32]
Way = Callable[[], object]
K = 100


def made_up(n: int, d: int, uneven: bool, rng: np.random.Generator) -> Vectors:
    """Vectors of one length and direction as likely as another, or of neither."""
    vectors = rng.standard_normal((n, d), dtype=np.float32)
    if uneven:
        vectors *= (np.arange(1, d + 1) ** -0.4).astype(np.float32)
        vectors *= rng.gamma(2, 0.5, (n, 1)).astype(np.float32)
    return vectors


def medians(ways: dict[str, Way], rounds: int) -> dict[str, tuple[float, float]]:
    """Run each way in turn, again and again; wall and CPU seconds of each, of the middle round."""
    for way in ways.values():
        way()  # compiles, and touches what is mapped
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start, used = time.perf_counter(), time.process_time()
            way()
            taken[name].append((time.perf_counter() - start, time.process_time() - used))
    return {name: tuple(np.median(one, axis=0)) for name, one in taken.items()}


def told(
    title: str, seconds: dict[str, tuple[float, float]], of: str, notes: dict[str, str]
) -> None:
    """Print one line a way: what it took, as time and as a multiple of ours."""
    print(f"\n{title}")
    for name, (wall, cpu) in seconds.items():
        times = f"{1e3 * wall:10.3f} ms {wall / seconds[of][0]:7.2f} x ours"
        busy = f"{1e3 * cpu:10.3f} CPU ms {cpu / seconds[of][1]:7.2f} x ours"
        print(f"  {name:<22}{times} {busy}   {notes.get(name, '')}".rstrip(), flush=True)


def recall(
    found: Sequence[npt.NDArray[np.integer]], true: Sequence[npt.NDArray[np.integer]]
) -> str:
    """Say what share of the true rows was found."""
    hits = [np.isin(one, other).sum() for one, other in zip(true, found, strict=True)]
    return f"recall {sum(hits) / sum(map(len, true)):.4f}"


def batch(
    n: int, d: int, queries: int, uneven: bool, rounds: int, rng: np.random.Generator
) -> None:
    """Exact top 100 of many queries."""
    vectors = made_up(n, d, uneven, rng)
    asked = made_up(queries, d, False, rng)
    ours = CreatorIndex.build(vectors, asked)
    flat = faiss.IndexFlatIP(d)
    flat.add(vectors)
    block = np.empty((512, 2_048), dtype=np.float32)

    def product() -> None:
        for first in range(0, queries, 512):
            for start in range(0, n - 2_047, 2_048):
                part = asked[first : first + 512]
                np.matmul(part, vectors[start : start + 2_048].T, out=block[: len(part)])

    faiss.omp_set_num_threads(2)
    seconds = medians(
        {
            "ours": lambda: ours.search(asked, K, threads=2),
            "implicit topk": lambda: topk(vectors, asked, K, num_threads=2),
            "faiss Flat": lambda: flat.search(asked, K),
            "ours, one thread": lambda: ours.search(asked, K),
            "product, one thread": product,
        },
        rounds,
    )
    found = ours.search(asked, K)
    true = topk(vectors, asked, K, num_threads=2)[0]
    shape = "uneven" if uneven else "even"
    title = f"{queries:,} queries x {n:,} creators, d {d}, {shape}: exact top {K}"
    told(title, seconds, "ours", {"ours": recall(np.split(found.rows, found.starts[1:-1]), true)})


def alone(n: int, d: int, rounds: int, rng: np.random.Generator) -> None:
    """Top 100 of one query, on one thread."""
    vectors = made_up(n, d, True, rng)
    asked = made_up(64, d, False, rng)
    ours = CreatorIndex.build(vectors, asked)
    assert ours.kind == "flat"
    # FAISS is slow where d is not a multiple of 16; zeros change no product.
    wide, question = (np.pad(one, ((0, 0), (0, -d % 16))) for one in (vectors, asked))
    flat = faiss.IndexFlatIP(wide.shape[1])
    half = faiss.IndexScalarQuantizer(
        wide.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    half.train(wide)
    for one in (flat, half):
        one.add(wide)
    faiss.omp_set_num_threads(1)
    turn = iter(np.arange(10**9) % len(asked))
    now = [0]

    def ask() -> object:
        now[0] = int(next(turn))
        return ours.search(asked[now[0], None], K)

    seconds = medians(
        {
            "ours, exact": ask,
            "faiss fp16": lambda: half.search(question[now[0], None], K),
            "faiss Flat": lambda: flat.search(question[now[0], None], K),
            "einsum, no selection": lambda: np.einsum("ij,j->i", vectors, asked[now[0]]),
        },
        20 * rounds,
    )
    true = [np.argsort(-inner_products(vectors, one), kind="stable")[:K] for one in asked]
    notes = {
        "ours, exact": recall([ours.search(one[None], K).rows for one in asked], true),
        "faiss fp16": recall(half.search(question, K)[1], true),
    }
    told(f"one query x {n:,} creators, d {d}: top {K}", seconds, "ours, exact", notes)


def filtered(share: float, rounds: int, rng: np.random.Generator) -> None:
    """Top 100 of those who pass, of 100 queries."""
    n, d = 200_000, 64
    vectors = made_up(n, d, True, rng)
    asked = made_up(100, d, False, rng)
    allowed = np.flatnonzero(rng.random(n) < share).astype(np.int32)
    ours = CreatorIndex.build(vectors, asked)
    flat = faiss.IndexFlatIP(d)
    flat.add(vectors)
    bits = np.zeros(n, dtype=bool)
    bits[allowed] = True
    packed = np.packbits(bits, bitorder="little")
    passing = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(packed))
    faiss.omp_set_num_threads(2)
    seconds = medians(
        {
            "ours": lambda: ours.search(asked, K, allowed=allowed, threads=2),
            "faiss Flat + bitmap": lambda: flat.search(asked, K, params=passing),
            "ours, one by one": lambda: [
                ours.search(one[None], K, allowed=allowed) for one in asked
            ],
        },
        rounds,
    )
    found = ours.search(asked, K, allowed=allowed)
    scores = [inner_products(vectors[allowed], one) for one in asked]
    true = [allowed[np.argsort(-one, kind="stable")[:K]] for one in scores]
    title = f"100 queries x {n:,} creators, d {d}, {share:.1%} pass: exact top {K}"
    told(title, seconds, "ours", {"ours": recall(np.split(found.rows, found.starts[1:-1]), true)})


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=at_least(1), default=7)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    for uneven in (False, True):
        batch(41_000, 128, 2_048, uneven, asked.rounds, rng)
        batch(200_000, 128, 1_024, uneven, asked.rounds, rng)
    for n, d in ((30_000, 128), (30_000, 386), (200_000, 128)):
        alone(n, d, asked.rounds, rng)
    for share in (0.1, 0.01, 0.001):
        filtered(share, asked.rounds, rng)


if __name__ == "__main__":
    main()
