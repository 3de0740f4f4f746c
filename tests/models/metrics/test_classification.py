"""AUROC, F1, accuracy and thresholds against counting by hand; intervals over patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from models.metrics.classification import (
    accuracy,
    auroc,
    best_f1_threshold,
    f1_score,
    patient_weights,
    percentile_interval,
)


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_pairs_in_the_right_order_with_ties_half(seed: int):
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, 41)
    score = random.integers(0, 9, 41) / 8
    found = float(auroc(truth, score))
    statistic = mannwhitneyu(score[truth == 1], score[truth == 0]).statistic
    assert found == pytest.approx(statistic / ((truth == 1).sum() * (truth == 0).sum()), abs=1e-12)
    pairs = [(a > b) + 0.5 * (a == b) for a in score[truth == 1] for b in score[truth == 0]]
    assert found == pytest.approx(np.mean(pairs), abs=1e-12)


def test_auroc_of_known_orders():
    assert auroc([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == 1
    assert auroc([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4]) == 0
    assert auroc([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]) == 0.5
    assert auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75


def test_a_label_that_all_or_none_have_has_no_auroc():
    assert np.isnan(auroc([1, 1], [0.1, 0.9]))
    assert np.isnan(auroc([0, 0], [0.1, 0.9]))
    assert np.isnan(auroc([], []))


def test_a_case_of_weight_two_counts_as_two_cases():
    random = np.random.default_rng(3)
    truth, score = random.integers(0, 2, 20), random.integers(0, 6, 20) / 5
    counts = random.integers(0, 3, (4, 20))
    found = auroc(truth, score, counts)
    named = score > 0.5
    for row, count in enumerate(counts):
        again = np.repeat(np.arange(20), count)
        assert found[row] == pytest.approx(float(auroc(truth[again], score[again])), abs=1e-12)
        assert f1_score(truth, named, counts)[row] == pytest.approx(float(f1_score(truth[again], named[again])))
        assert accuracy(truth, named, counts)[row] == pytest.approx(float(accuracy(truth[again], named[again])))


def test_f1_and_accuracy_by_hand():
    truth, named = [1, 1, 1, 0, 0], [1, 0, 1, 1, 0]
    assert f1_score(truth, named) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert accuracy(truth, named) == pytest.approx(3 / 5)
    assert np.isnan(f1_score([0, 0], [0, 0]))
    assert np.isnan(accuracy([], []))


@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_has_a_larger_f1(seed: int):
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, 60)
    probability = np.clip(0.3 * truth + random.random(60) * 0.7, 0, 1).round(2)
    chosen = best_f1_threshold(truth, probability)
    best = float(f1_score(truth, probability >= chosen))
    assert best == max(float(f1_score(truth, probability >= one)) for one in np.linspace(0, 1, 401))
    assert chosen not in probability


def test_the_threshold_lies_between_the_cases_that_it_parts():
    assert best_f1_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8]) == pytest.approx(0.4)
    assert np.isnan(best_f1_threshold([0, 0], [0.1, 0.2]))


def test_patients_are_drawn_with_all_their_cases():
    weights = patient_weights(["a", "b", "a", "c", "b"], seed=1, resamples=200)
    assert weights.shape == (200, 5)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert (weights == patient_weights(["a", "b", "a", "c", "b"], seed=1, resamples=200)).all()


def test_an_interval_over_patients_is_wider_than_one_over_cases():
    random = np.random.default_rng(0)
    truth = np.repeat(random.integers(0, 2, 30), 5)
    score = np.repeat(truth[::5] + random.normal(0, 1.2, 30), 5)
    patients = [f"p{number}" for number in np.repeat(np.arange(30), 5)]
    cases = [f"c{number}" for number in range(150)]
    wide, narrow = (
        np.subtract(*percentile_interval(auroc(truth, score, patient_weights(codes, seed=2, resamples=500)))[::-1])
        for codes in (patients, cases)
    )
    assert wide > 1.7 * narrow


def test_an_interval_needs_values_in_half_of_the_resamples():
    assert percentile_interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))
    assert np.isnan(percentile_interval([1.0, np.nan, np.nan])).all()
    assert np.isnan(percentile_interval([])).all()


@pytest.mark.parametrize(
    ("truth", "score", "weights"),
    [([0, 2], [0.1, 0.2], None), ([0, 1], [0.1], None), ([0, 1], [0.1, np.nan], None), ([0, 1], [0.1, 0.2], [1.0])],
)
def test_what_is_no_truth_or_score_is_refused(truth, score, weights):
    with pytest.raises(ValueError):
        auroc(truth, score, weights)
