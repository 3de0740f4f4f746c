"""Global alignment of two strings of points (Needleman & Wunsch 1970, doi 10.1016/0022-2836(70)90057-4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from models.metrics.binning import Ids
from models.metrics.compiled import compiled
from models.scanpath import Floats


def alignment_score(
    points_a: ArrayLike, repeats_a: ArrayLike, points_b: ArrayLike, repeats_b: ArrayLike, *, gap: float = 0.0
) -> float:
    """Needleman-Wunsch score of two strings of points over the longer string's length.

    Parameters
    ----------
    points_a, points_b
        (N, 3) and (M, 3) positions in units of the threshold: points a distance 1 apart score 0.
    repeats_a, repeats_b
        (N,) and (M,) how often each point stands in its string.
    gap
        Score of a symbol left out; 0 or negative.

    Notes
    -----
    Memory grows with the sum of the lengths, time with their product.

    Raises
    ------
    ValueError
        When a string is empty or the gap is positive.
    """
    if not -np.inf < gap <= 0:
        raise ValueError(f"a gap costs: it is 0 or negative, not {gap}")
    counts_a, counts_b = (np.ascontiguousarray(repeats, dtype=np.int64) for repeats in (repeats_a, repeats_b))
    longer = max(int(counts_a.sum()), int(counts_b.sum()))
    if not counts_a.sum() or not counts_b.sum():
        raise ValueError("a path without fixations (or with none long enough for a symbol) cannot be aligned")
    first, second = (np.array(points, dtype=np.float64, order="C") for points in (points_a, points_b))
    return float(_aligned(first, counts_a, second, counts_b, float(gap)) / longer)


@compiled
def _aligned(points_a: Floats, repeats_a: Ids, points_b: Floats, repeats_b: Ids, gap: float) -> float:
    """Best alignment score; two equal points score 1.

    The table holds F(i, j) - gap * (i + j): leaving a symbol out is then free and a pair scores 1 - distance - 2 gap,
    which takes the additions off the chain from cell to cell.
    """
    length = repeats_b.sum()
    owner = np.repeat(np.arange(len(points_b)), repeats_b)
    row = np.zeros(length + 1)
    pair = np.empty(len(points_b))
    scores = np.empty(length)
    for f in range(len(points_a)):
        for g in range(len(points_b)):
            x = points_a[f, 0] - points_b[g, 0]
            y = points_a[f, 1] - points_b[g, 1]
            z = points_a[f, 2] - points_b[g, 2]
            pair[g] = 1.0 - np.sqrt(x * x + y * y + z * z) - 2.0 * gap
        for j in range(length):
            scores[j] = pair[owner[j]]
        left = repeats_a[f]
        while left >= 4 and length >= 4:
            _four_rows(row, scores)
            left -= 4
        for _ in range(left):
            _one_row(row, scores)
    return row[length] + gap * (repeats_a.sum() + length)


@compiled
def _one_row(row: Floats, scores: Floats) -> None:
    diagonal = row[0]
    last = row[0]
    for j in range(len(scores)):
        best = max(diagonal + scores[j], row[j + 1])
        diagonal = row[j + 1]
        last = max(best, last)
        row[j + 1] = last


@compiled
def _four_rows(row: Floats, scores: Floats) -> None:
    """Four rows with the same scores, each one column behind the one above it.

    Within one step no cell waits for another, so the processor works on four at a time.
    """
    n = len(scores)
    zero = 0.0
    # a, b, c, d: the four rows' newest cell; *_before: the cell left of it
    a_before, b_before, c_before = zero, zero, zero
    a = max(max(row[0] + scores[0], row[1]), zero)
    b = c = d = zero
    new_a = max(max(row[1] + scores[1], row[2]), a)
    new_b = max(max(a_before + scores[0], a), b)
    a_before, a, b_before, b = a, new_a, b, new_b
    new_a = max(max(row[2] + scores[2], row[3]), a)
    new_b = max(max(a_before + scores[1], a), b)
    new_c = max(max(b_before + scores[0], b), c)
    a_before, a, b_before, b, c_before, c = a, new_a, b, new_b, c, new_c
    for j in range(3, n):
        new_a = max(max(row[j] + scores[j], row[j + 1]), a)
        new_b = max(max(a_before + scores[j - 1], a), b)
        new_c = max(max(b_before + scores[j - 2], b), c)
        d = max(max(c_before + scores[j - 3], c), d)
        row[j - 2] = d
        a_before, a, b_before, b, c_before, c = a, new_a, b, new_b, c, new_c
    new_b = max(max(a_before + scores[n - 1], a), b)
    new_c = max(max(b_before + scores[n - 2], b), c)
    d = max(max(c_before + scores[n - 3], c), d)
    row[n - 2] = d
    b_before, b, c_before, c = b, new_b, c, new_c
    new_c = max(max(b_before + scores[n - 1], b), c)
    d = max(max(c_before + scores[n - 2], c), d)
    row[n - 1] = d
    c_before, c = c, new_c
    row[n] = max(max(c_before + scores[n - 1], c), d)
