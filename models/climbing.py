"""Climbing: questions in batches, answers to choose from, and steps that know how steep it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from models.blocks import Vectors

#: Up to so many answers all are offered in every batch: a sample would save little and cost
#: a hundredth of the recall.
_ALL = 2_000


class Adam:
    """Steps scaled by the recent size of each slope.

    Parameters
    ----------
    learnt : sequence of float32 arrays
        What is learnt; changed in place.
    rate : float
        Size of a step.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Examples
    --------
    >>> place = np.array([1.0], dtype=np.float32)
    >>> climb = Adam([place], rate=0.1)
    >>> for _ in range(100):
    ...     climb.step([2 * place])  # the slope of a square
    >>> bool(abs(place[0]) < 0.1)
    True
    """

    def __init__(self, learnt: Sequence[Vectors], rate: float) -> None:
        self.learnt = learnt
        self.rate = rate
        self._means = [np.zeros_like(one) for one in learnt]
        self._squares = [np.zeros_like(one) for one in learnt]
        self._steps = 0

    def step(self, slopes: Sequence[Vectors], share: float = 1.0) -> None:
        """Go downhill by a share of the rate.

        Parameters
        ----------
        slopes : sequence of float32 arrays, of the shapes of what is learnt
        share : float in [0, 1]
        """
        self._steps += 1
        mean_seen, square_seen = 1 - 0.9**self._steps, 1 - 0.99**self._steps
        for one, slope, mean, square in zip(
            self.learnt, slopes, self._means, self._squares, strict=True
        ):
            mean += np.float32(0.1) * (slope - mean)
            square += np.float32(0.01) * (slope * slope - square)
            size = np.sqrt(square / np.float32(square_seen)) + np.float32(1e-8)
            one -= np.float32(self.rate * share / mean_seen) * mean / size


def batches(
    questions: int, total: int, size: int, rng: np.random.Generator
) -> Iterator[tuple[float, npt.NDArray[np.intp]]]:
    """Go through the questions in random order, again and again.

    Parameters
    ----------
    questions : int
        How many there are.
    total : int
        How many are asked in all.
    size : int
        Of a batch.
    rng : Generator

    Yields
    ------
    share : float in [0, 1)
        How much of the way is gone.
    rows : intp array
        Questions of the batch.
    """
    done = 0
    while done < total:
        order = rng.permutation(questions)[: total - done]
        for start in range(0, len(order), size):
            yield (done + start) / total, order[start : start + size]
        done += len(order)


def offer(
    answers: npt.NDArray[np.intp],
    chosen: npt.NDArray[np.integer],
    sampled: int,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], Vectors]:
    """Answers to choose from in a batch, in order, and the log of how many each stands for.

    Those that the batch chose stand for themselves: they are the sought ones, whose odds matter
    most. Of the others, where they are more than 2,000, a sample stands for all.

    Parameters
    ----------
    answers : intp array
        All that can be chosen, each once.
    chosen : int array
        Right answers of the batch; some may come again.
    sampled : int
        Size of the sample.
    rng : Generator

    Returns
    -------
    offered : intp array of shape (n,)
    stands_for : float32 array of shape (n,)

    Examples
    --------
    >>> offered, stands_for = offer(np.arange(4), np.array([2, 2]), 1, np.random.default_rng(0))
    >>> offered.tolist(), stands_for.tolist()
    ([0, 1, 2, 3], [0.0, 0.0, 0.0, 0.0])
    """
    right = np.unique(chosen)
    others = np.setdiff1d(answers, right, assume_unique=True)
    stands_for = 1.0
    if len(others) > max(_ALL, sampled):
        stands_for = len(others) / sampled
        others = rng.choice(others, sampled, replace=False)
    offered = np.concatenate([right, others])
    weights = np.concatenate([np.zeros(len(right)), np.full(len(others), np.log(stands_for))])
    order = np.argsort(offered)
    return offered[order].astype(np.intp), weights[order].astype(np.float32)
