"""Lessons: who is asked about, and when newcomers are asked about apart."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.lessons import Lesson


def test_few_questions_are_enough_to_be_asked_about_newcomers() -> None:
    before = sp.csr_matrix(np.eye(20))
    later = sp.csr_matrix(np.roll(np.eye(20), 1, axis=1))
    assert Lesson.of(before, later, seed=0, enough=10).merchants.tolist() == list(range(20))
    before = sp.csr_matrix(np.diag(np.arange(20) < 12).astype(float))
    among = Lesson.of(before, later, seed=0, enough=10)
    assert among.merchants.tolist() == list(range(12))
    assert among.later.nnz == 11
    everybody = Lesson.of(before, later, seed=0, enough=15)
    assert len(everybody.creators) == 20
    assert everybody.later.nnz == 20


def test_newcomers_are_asked_about_apart() -> None:
    history = sp.csr_matrix(np.ones((30, 5), np.float32))
    assert Lesson.with_newcomers(history, np.arange(30) < 10, seed=0) is None
    lesson = Lesson.with_newcomers(history, np.ones(30, bool), seed=0)
    assert lesson is not None
    fresh = np.diff(lesson.before.indptr) == 0
    assert fresh.sum() == 7
    assert (np.diff(lesson.later.indptr) > 0).tolist() == fresh.tolist()
    assert lesson.of_newcomers_mostly
    assert not Lesson.of(history, history, seed=0).of_newcomers_mostly
