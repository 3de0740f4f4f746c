"""Saliency metrics: analytic cases, definitions written out cell by cell, and the published helpers."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.saliency import auc_judd, cc, information_gain, kl_divergence, nss, similarity

RANDOM = np.random.default_rng(5)
SHAPE = (3, 4, 5)


def maps(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two maps, fixations with repeats, a mask."""
    random = np.random.default_rng(seed)
    first, second = random.random(SHAPE), random.random(SHAPE).round(1)
    return first, second, random.integers(0, 60, 8), random.random(SHAPE) > 0.3


def test_analytic_values() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert cc(a, 3 * a + 1) == pytest.approx(1.0)
    assert cc(a, 5 - a) == pytest.approx(-1.0)
    assert similarity(a, 7 * a) == pytest.approx(1.0)
    assert similarity([1, 0, 0], [0, 1, 1]) == 0.0
    assert similarity([1, 1], [3, 1]) == pytest.approx(0.75)
    assert kl_divergence(a, 2 * a) == pytest.approx(0.0, abs=1e-12)
    assert kl_divergence([1, 0], [1, 1]) == pytest.approx(math.log(2))
    assert nss([0, 0, 0, 4], [3]) == pytest.approx(math.sqrt(3))
    assert nss([0, 0, 0, 4], [3, 0], weight=[1, 3]) == pytest.approx((math.sqrt(3) - 3 / math.sqrt(3)) / 4)
    assert information_gain([4, 0, 0, 0], [1, 1, 1, 1], [0]) == pytest.approx(2.0)
    assert information_gain([1, 1, 1, 1], [4, 0, 0, 0], [0, 1]) == pytest.approx((-2 + 50) / 2, abs=0.1)


def test_area_under_the_curve_of_known_orders() -> None:
    assert auc_judd([0.1, 0.2, 0.9, 0.8], [2, 3]) == 1.0
    assert auc_judd(np.ones(9), [0, 4]) == pytest.approx(0.5)
    # One fixated cell: straight lines through (share of others at or above it, 1).
    assert auc_judd([0.1, 0.5, 0.7, 0.2], [1]) == pytest.approx(1 - (1 / 3) / 2)
    assert auc_judd([0.9, 0.1, 0.2], [1]) == pytest.approx(0.5)
    assert auc_judd([0.1, 0.2, 0.9, 0.8], [2, 2, 2, 3]) == 1.0


def judd_by_hand(values: np.ndarray, cells: np.ndarray) -> float:
    """Threshold by threshold over the definition."""
    fixated = sorted(set(cells.tolist()))
    others = [cell for cell in range(len(values)) if cell not in fixated]
    points = [(0.0, 0.0)]
    for threshold in sorted({values[cell] for cell in fixated}, reverse=True):
        hits = sum(values[cell] >= threshold for cell in fixated) / len(fixated)
        alarms = sum(values[cell] >= threshold for cell in others) / len(others)
        points.append((alarms, hits))
    points.append((1.0, 1.0))
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_every_metric_is_its_definition_cell_by_cell(seed: int, masked: bool) -> None:
    first, second, fixations, mask = maps(seed)
    chosen = mask.ravel() if masked else np.ones(60, dtype=bool)
    option = mask if masked else None
    cells = [int(np.flatnonzero(np.flatnonzero(chosen) == f)[0]) for f in fixations if chosen[f]]
    p, q = first.ravel()[chosen].tolist(), second.ravel()[chosen].tolist()
    n, sum_p, sum_q = len(p), math.fsum(p), math.fsum(q)
    assert cc(first, second, mask=option) == pytest.approx(np.corrcoef(p, q)[0, 1])
    assert similarity(first, second, mask=option) == pytest.approx(
        sum(min(a / sum_p, b / sum_q) for a, b in zip(p, q, strict=True))
    )
    eps = 2.2204e-16
    assert kl_divergence(second, first, mask=option) == pytest.approx(
        sum(b / sum_q * math.log(eps + b / sum_q / (a / sum_p + eps)) for a, b in zip(p, q, strict=True)), abs=1e-12
    )
    if not cells:
        assert math.isnan(nss(first, fixations, mask=option))
        return
    mean = sum_p / n
    deviation = math.sqrt(sum((a - mean) ** 2 for a in p) / n)
    assert nss(first, fixations, mask=option) == pytest.approx(
        sum((p[c] - mean) / deviation for c in cells) / len(cells)
    )
    assert auc_judd(second, fixations, mask=option) == pytest.approx(judd_by_hand(np.array(q), np.array(cells)))
    assert information_gain(first, second + 0.1, fixations, mask=option) == pytest.approx(
        sum(math.log2(p[c] / sum_p) - math.log2((q[c] + 0.1) / (sum_q + 0.1 * n)) for c in cells) / len(cells)
    )


def test_the_area_is_the_rank_statistic_up_to_half_a_fixation() -> None:
    from scipy.stats import mannwhitneyu

    values = RANDOM.random(500)
    cells = RANDOM.choice(500, 20, replace=False)
    others = np.setdiff1d(np.arange(500), cells)
    rank = mannwhitneyu(values[cells], values[others]).statistic / (20 * 480)
    assert rank <= auc_judd(values, cells) <= rank + 1 / 40


def test_the_published_helpers_are_reproduced_with_their_epsilons() -> None:
    first, second, _, _ = maps(1)
    fixated = np.zeros(60)
    fixated[[3, 7, 7, 30]] = 1
    scaled = first.ravel() / (first.max() + 1e-7)
    z = (scaled - scaled.mean()) / (np.sqrt(((scaled - scaled.mean()) ** 2).sum() / 59) + 1e-7)
    published = (z * fixated).sum() / (fixated.sum() + 1e-7)
    assert nss(first, [3, 7, 30], faithful=True) == pytest.approx(published, rel=1e-12)
    p, q = first.ravel() / (first.sum() + 1e-7), second.ravel() / (second.sum() + 1e-7)
    a, b = p - p.mean(), q - q.mean()
    published = (a * b).sum() / (np.sqrt((a**2).sum()) * np.sqrt((b**2).sum()) + 1e-7)
    assert cc(first, second, faithful=True) == pytest.approx(published, rel=1e-12)
    published = (q * np.log(q / (p + 1e-7) + 1e-7)).sum()
    assert kl_divergence(second, first, faithful=True) == pytest.approx(published, rel=1e-12)


def test_the_published_correlation_shrinks_on_volumes_and_ours_does_not() -> None:
    small = np.zeros((100, 200, 200))
    small[::2] = 1.0
    assert cc(small, small) == pytest.approx(1.0)
    assert cc(small, small, faithful=True) < 0.75


def test_what_has_no_answer_is_not_a_number() -> None:
    flat = np.ones(4)
    assert math.isnan(cc(flat, [1, 2, 3, 4]))
    assert math.isnan(nss(flat, [0]))
    assert math.isnan(nss([1, 2, 3, 4], []))
    assert math.isnan(similarity(np.zeros(4), flat))
    assert math.isnan(kl_divergence(np.zeros(4), flat))
    assert math.isnan(auc_judd([1, 2], [0, 1]))
    assert math.isnan(information_gain(flat, flat, [0], mask=[False, True, True, True]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cc([1, np.nan], [1, 2]), "finite"),
        (lambda: cc([1, -1], [1, 2]), "not negative"),
        (lambda: nss([1, 2], [2]), "outside of the map"),
        (lambda: nss([1, 2], [0], weight=[1, 2]), "weights"),
        (lambda: similarity([1, 2], [1, 2], mask=[True]), "mask has the shape"),
    ],
)
def test_wrong_input_is_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]
