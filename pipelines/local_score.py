"""The batch job on this machine: threads rank blocks of merchants, the main one writes, in order.

A few blocks are under way at a time, so that memory does not grow with the market.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from typing import TypeVar

import pyarrow as pa
from threadpoolctl import threadpool_limits

from matching import Plaza
from pipelines.parts import write_part
from pipelines.score_record import JobFolder

#: Most that the rows of one block may weigh, in bytes.
BLOCK_BYTES = 48 << 20
#: Most that the rows of all blocks under way may weigh: one for each worker, one being written.
UNDER_WAY_BYTES = 192 << 20
#: What a row of a list weighs: twelve numbers, two ids and some four reasons.
ROW_BYTES = 512
#: Most merchants of a block: larger ones are hardly faster, and Ctrl-C waits for a block to end.
MERCHANTS_PER_BLOCK = 500

Task = TypeVar("Task")
Done = TypeVar("Done")


def rank_parts(
    plaza: Plaza,
    folder: JobFolder,
    *,
    workers: int | None = None,
    told: Callable[[int], None] = lambda more: None,
) -> None:
    """Rank and write the parts that are missing, on this machine.

    Parameters
    ----------
    workers : int, optional
        Threads that rank; as many as there are cores where not given.
    told : callable
        Told how many more merchants are done.
    """
    job = folder.job
    workers = workers or _cores()
    weight = min(BLOCK_BYTES, UNDER_WAY_BYTES // (workers + 1))
    asked = {name: job.parameters[name] for name in ("k", "objective", "variety")}

    def blocks(number: int) -> Iterator[list[str]]:
        return blocks_of(job.ids(number), asked["k"], weight)

    tasks = chain.from_iterable(map(blocks, folder.missing))

    def rank(block: list[str]) -> tuple[int, pa.RecordBatch]:
        return len(block), plaza.score(block, **asked)

    def batches(ranked: Iterable[tuple[int, pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
        for merchants, batch in ranked:
            yield batch
            told(merchants)

    # Threads of BLAS beside ours would only be in their way.
    with threadpool_limits(1, user_api="blas"), closing(in_order(rank, tasks, workers)) as ranked:
        for number in folder.missing:
            theirs = islice(ranked, sum(1 for _ in blocks(number)))
            write_part(folder.path(number), batches(theirs), merchants=len(job.ids(number)))


def blocks_of(ids: list[str], k: int, weight: int = BLOCK_BYTES) -> Iterator[list[str]]:
    """Merchants of a part, a block at a time, whose rows weigh no more than so many bytes."""
    size = min(MERCHANTS_PER_BLOCK, max(1, weight // (ROW_BYTES * k)))
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def in_order(
    work: Callable[[Task], Done], tasks: Iterable[Task], workers: int
) -> Generator[Done, None, None]:
    """Work on tasks in threads; results come in the order of the tasks, few wait at a time."""
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(workers, "ranking", initializer=_one_thread) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) == workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Whatever stops this, nobody waits for what has not begun.
            for one in waiting:
                one.cancel()


def _one_thread() -> None:
    # OpenMP counts threads for each thread anew: said by the main one, it would not hold here.
    threadpool_limits(1, user_api="openmp")


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
