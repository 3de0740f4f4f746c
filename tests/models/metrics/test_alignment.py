"""Needleman-Wunsch alignment: against the textbook table, and its memory."""

from __future__ import annotations

import threading

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.alignment import alignment_score


def plain_score(scores: np.ndarray, gap: float) -> float:
    """Needleman-Wunsch as a textbook has it, whole table."""
    n, m = scores.shape
    table = np.zeros((n + 1, m + 1))
    table[:, 0], table[0, :] = gap * np.arange(n + 1), gap * np.arange(m + 1)
    for i in range(n):
        for j in range(m):
            table[i + 1, j + 1] = max(table[i, j] + scores[i, j], table[i, j + 1] + gap, table[i + 1, j] + gap)
    return float(table[n, m] / max(n, m))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 9), m=st.integers(1, 9), gap=st.sampled_from([0.0, -0.1, -2.0]))
def test_the_fast_alignment_equals_the_textbook_table(seed: int, n: int, m: int, gap: float) -> None:
    random = np.random.default_rng(seed)
    points = [random.uniform(0, 1.5, (count, 3)) for count in (n, m)]
    repeats = [random.integers(0 if count > 1 else 1, 9, count) for count in (n, m)]
    for counts in repeats:
        counts[0] += 1
    a, b = (np.repeat(p, r, axis=0) for p, r in zip(points, repeats, strict=True))
    expected = plain_score(1 - np.linalg.norm(a[:, None] - b[None], axis=2), gap)
    assert alignment_score(points[0], repeats[0], points[1], repeats[1], gap=gap) == pytest.approx(expected, abs=1e-12)


def test_memory_grows_with_the_length_not_with_its_square() -> None:
    random = np.random.default_rng(6)
    n = 13_000
    a, b = random.uniform(0, 2, (2, n, 3))
    ones = np.ones(n, dtype=np.int64)
    alignment_score(a[:9], ones[:9], b[:9], ones[:9])  # compiled before the measurement
    process = psutil.Process()
    before = peak = process.memory_info().rss
    finished = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not finished.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)  # the loop lets go of the interpreter, so this runs beside it
    watcher.start()
    score = alignment_score(a, ones, b, ones)
    finished.set()
    watcher.join()
    assert 0 < score < 1
    assert peak - before < 30 * 2**20  # the whole table would take 1.3 GiB


def test_gaps_that_pay_and_empty_strings_are_refused() -> None:
    points, once = np.zeros((2, 3)), np.ones(2, dtype=np.int64)
    for gap in (0.1, float("nan"), -float("inf")):
        with pytest.raises(ValueError, match="a gap costs"):
            alignment_score(points, once, points, once, gap=gap)
    with pytest.raises(ValueError, match="cannot be aligned"):
        alignment_score(points, once, points, 0 * once)
