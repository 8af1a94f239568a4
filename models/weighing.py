"""How much each kind of evidence is worth: a choice model over later cooperations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.optimize import minimize

from models.blocks import Vectors
from models.pairs import Floats
from models.vocabulary import Rows


@dataclass(frozen=True)
class Part:
    """One kind of evidence: its score of a pair is the inner product of two rows.

    Attributes
    ----------
    name : str
    merchants : float32 array of shape (n_merchants, d)
    creators : float32 array of shape (n_creators, d)
    """

    name: str
    merchants: Vectors
    creators: Vectors

    @property
    def origin(self) -> str:
        """What it comes from: the name up to the last colon."""
        return self.name.rpartition(":")[0]

    def turned(self) -> Part:
        """The same evidence asked from the other side."""
        return Part(self.name, self.creators, self.merchants)


@dataclass(frozen=True)
class Choices:
    """Questions "which of these did it choose", with the scores of every part.

    Attributes
    ----------
    chosen : float32 array of shape (n_parts, n_pairs)
        Scores of the pairs that did come to be.
    passed : float32 array of shape (n_parts, n_questions, n_sampled)
        Scores of sampled candidates.
    allowed : bool array of shape (n_questions, n_sampled)
        False for candidates that were partners before or became so later.
    question : intp array of shape (n_pairs,)
        Which question each chosen pair answers.
    correction : float
        Log of the candidates that each sampled one stands for.
    """

    chosen: Vectors
    passed: Vectors
    allowed: npt.NDArray[np.bool_]
    question: npt.NDArray[np.intp]
    correction: float

    def loss(self, weights: Floats) -> tuple[float, Floats]:
        """Negative log-likelihood of the choices, and its gradient by the weights."""
        w = weights.astype(np.float32)
        scores = np.tensordot(w, self.passed, axes=1)
        scores = np.where(self.allowed, scores, -np.inf)
        top = np.maximum(scores.max(axis=1, initial=-1e30), -1e30)
        odds = np.exp(scores - top[:, None])
        total = odds.sum(axis=1)
        usable = total > 0
        log_total = np.where(usable, np.log(np.where(usable, total, 1.0)) + top, -np.inf)
        mean = np.einsum("qs,fqs->fq", odds / np.where(usable, total, 1.0)[:, None], self.passed)
        margin = log_total[self.question] + self.correction - w @ self.chosen
        regret = np.logaddexp(0.0, margin)
        share = np.exp(margin - regret)  # probability that another was chosen
        gradient = (mean[:, self.question] - self.chosen) @ share
        return float(regret.sum()), gradient.astype(np.float64)

    def reciprocal_rank(self, weights: Floats) -> float:
        """Mean of 1 / rank of each chosen pair among the candidates sampled; 0 without pairs."""
        w = weights.astype(np.float32)
        scores = np.where(self.allowed, np.tensordot(w, self.passed, axes=1), -np.inf)
        above = (scores[self.question] > (w @ self.chosen)[:, None]).sum(axis=1)
        return float((1.0 / (1 + above)).sum() / max(len(above), 1))


def ask(
    parts: Sequence[Part],
    before: sp.csr_matrix,
    later: sp.csr_matrix,
    candidates: npt.NDArray[np.intp],
    rng: np.random.Generator,
    *,
    questions: int = 1500,
    sampled: int = 600,
) -> Choices:
    """Turn later cooperations into questions, rows asking for columns.

    Parameters
    ----------
    parts : sequence of Part
        The asking side first (``Part.turned`` for the other direction).
    before, later : csr_matrix of shape (n_asking, n_asked)
        Partners already met, which are no candidates, and those to be found.
    candidates : intp array
        Columns that can be offered.
    rng : Generator
    questions, sampled : int
        Upper bounds: rows that ask, candidates shared by all of them.

    Returns
    -------
    Choices
        Without any later cooperation the questions hold candidates only: enough to measure by.
    """
    asking = np.flatnonzero(np.diff(later.indptr))
    if not len(asking):
        asking = np.arange(later.shape[0])
    if len(asking) > questions:
        asking = np.sort(rng.choice(asking, questions, replace=False))
    offered = candidates
    if len(offered) > sampled:
        offered = np.sort(rng.choice(offered, sampled, replace=False))
    found = later[asking].tocoo()
    allowed = (before[asking][:, offered] + later[asking][:, offered]).toarray() == 0
    return Choices(
        chosen=np.stack([_paired(part, asking[found.row], found.col) for part in parts]),
        passed=np.stack([part.merchants[asking] @ part.creators[offered].T for part in parts]),
        allowed=allowed,
        question=found.row.astype(np.intp),
        correction=float(np.log(len(candidates) / len(offered))),
    )


def weigh(choices: Sequence[Choices], *, prior: float = 0.2, ridge: float = 1.0) -> Floats:
    """Non-negative weights that make the cooperations that came likeliest.

    A conditional logit over the parts, each measured by its own spread, drawn towards ``prior``:
    with no choices to learn from, every part counts alike. One direction may be easier than the
    other (thousands of creators against dozens of merchants), so each further direction has its
    own temperature; otherwise popularity, which counts in one direction only, would pay for it.

    Parameters
    ----------
    choices : sequence of Choices
        One for each direction; their losses are added.
    prior, ridge : float
        Weight expected of a part of unit spread, and how firmly.

    Returns
    -------
    float64 array of shape (n_parts,); a part without any spread gets 0

    References
    ----------
    McFadden, "Conditional logit analysis of qualitative choice behavior", 1974.
    """
    spread = np.sqrt(np.mean([one.passed.std(axis=(1, 2)) ** 2 for one in choices], axis=0))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    n = len(scale)

    def objective(values: Floats) -> tuple[float, Floats]:
        weights, heat = values[:n], np.concatenate([[0.0], values[n:]])
        away = weights - prior
        value = 0.5 * ridge * float(away @ away + heat @ heat)
        slope, melt = ridge * away, ridge * heat
        for k, one in enumerate(choices):
            factor = np.exp(heat[k])
            loss, gradient = one.loss(factor * weights * scale)
            value += loss
            slope = slope + factor * gradient * scale
            melt[k] += factor * float(gradient @ (weights * scale))
        return value, np.concatenate([slope, melt[1:]])

    start = np.concatenate([np.full(n, prior), np.zeros(len(choices) - 1)])
    bounds = [(0.0, None)] * n + [(-3.0, 3.0)] * (len(choices) - 1)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:n] * scale, dtype=np.float64)


def _paired(part: Part, asking: Rows, asked: Rows) -> Vectors:
    scores: Vectors = np.einsum("pd,pd->p", part.merchants[asking], part.creators[asked])
    return scores
