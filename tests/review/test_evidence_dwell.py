"""Correlation of a model's evidence with a reader's dwell, and what correlates without any relation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from ctgaze_app.review.evidence_dwell import evidence_dwell

SEEN = np.ones(60, dtype=bool)


def smooth(seed: int, count: int = 60) -> np.ndarray:
    values = ndimage.gaussian_filter1d(np.random.default_rng(seed).standard_normal(count), 3, mode="wrap")
    return values - values.min()


def test_coefficients_are_those_of_scipy_over_the_seen_slices():
    evidence, dwell, seen = smooth(1) - 0.3, np.round(smooth(2), 1), SEEN.copy()
    seen[:9] = seen[50:] = False
    evidence[0] = dwell[55] = 1e6  # not seen
    used = np.maximum(evidence, 0)[seen]
    found = evidence_dwell(evidence, dwell, seen)
    assert found.slices == 41
    assert found.pearson.value == pytest.approx(stats.pearsonr(used, dwell[seen]).statistic)
    assert found.spearman.value == pytest.approx(stats.spearmanr(used, dwell[seen]).statistic)


def test_the_shifted_floor_is_every_other_circular_shift():
    evidence, dwell = smooth(3), smooth(4)
    found = evidence_dwell(evidence, dwell, SEEN)
    shifts = np.array([np.corrcoef(evidence, np.roll(dwell, by))[0, 1] for by in range(1, 60)])
    floor = found.pearson.shifted
    assert floor.curves == 59
    assert floor.mean == pytest.approx(shifts.mean())
    assert floor.high == pytest.approx(np.percentile(shifts, 95))
    assert floor.p == pytest.approx((1 + (shifts >= found.pearson.value).sum()) / 60)


def test_looking_where_the_evidence_is_beats_both_floors_and_elsewhere_does_not():
    evidence = np.exp(-0.5 * ((np.arange(60) - 20) / 3) ** 2)
    others = [smooth(seed, 40 + seed) for seed in range(19)]
    there = evidence_dwell(evidence, 3 * evidence + 0.1, SEEN, other_dwell_s_k=others)
    assert there.pearson.value == pytest.approx(1.0)
    assert there.pearson.shifted.p == pytest.approx(1 / 60)
    assert there.pearson.others.p == pytest.approx(1 / 20)
    away = evidence_dwell(evidence, np.roll(evidence, 20), SEEN, other_dwell_s_k=others)
    assert away.pearson.value < 0
    assert away.pearson.shifted.p > 0.3


def test_two_unrelated_smooth_curves_are_rarely_called_related():
    p = [evidence_dwell(smooth(seed), smooth(1000 + seed), SEEN).pearson.shifted.p for seed in range(200)]
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.12


def test_other_patients_are_stretched_from_first_slice_to_last():
    evidence = np.linspace(0, 1, 60)
    found = evidence_dwell(evidence, smooth(5), SEEN, other_dwell_s_k=[np.arange(7), np.zeros(9), []])
    assert found.pearson.others.curves == 1
    assert found.pearson.others.mean == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("evidence", "dwell", "seen", "reason"),
    [
        (smooth(1), np.zeros(60), SEEN, "at none"),
        (-smooth(1) - 1, smooth(2), SEEN, "the evidence is the same on every slice"),
        (smooth(1), smooth(2), np.arange(60) < 7, "only 7 slices"),
        (smooth(1), np.full(60, np.nan), SEEN, "only 0 slices"),
    ],
)
def test_what_cannot_be_correlated_says_why(
    evidence: np.ndarray, dwell: np.ndarray, seen: np.ndarray, reason: str
) -> None:
    found = evidence_dwell(evidence, dwell, seen)
    assert reason in found.reason
    assert np.isnan(found.pearson.value)
    assert np.isnan(found.spearman.value)


def test_a_slice_without_a_known_time_is_left_out():
    dwell = smooth(2)
    dwell[[3, 30]] = np.nan
    found = evidence_dwell(smooth(1), dwell, SEEN)
    known = np.isfinite(dwell)
    assert found.slices == 58
    assert found.pearson.value == pytest.approx(np.corrcoef(smooth(1)[known], dwell[known])[0, 1])


def test_curves_of_different_stacks_are_refused():
    with pytest.raises(ValueError, match="curves over 60, 59 and 60 slices"):
        evidence_dwell(smooth(1), smooth(1)[:-1], SEEN)
