"""What a scan's histogram tells about the made findings, on a small sample.

`tests.benchmarks.finding_set_baseline` measures the same on whole patients, each with a body of its own. Here two
bodies serve all, so that less varies, and 60 patients test: the limits are that much wider than 0.75.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics.classification import auroc
from models.simulation.findings import FINDINGS, with_findings
from models.simulation.simulated_patients import PatientSettings, body_axes, make_patient
from tests.benchmarks.histogram_regression import histogram, scores_of_others

TINY = PatientSettings(slices=(24, 28), pixels=(40, 44), lesion_counts_weight=(1.0,))
TRAIN, TEST = 80, 60


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Histograms, labels, and share of lung of made patients of two bodies."""
    bodies = [(make_patient(seed, settings=TINY), body_axes(seed, settings=TINY)) for seed in (0, 1)]
    made = [with_findings(*bodies[seed % 2], seed) for seed in range(TRAIN + TEST)]
    return (
        np.array([histogram(each.volume.hu_kji) for each in made]),
        np.array([[each.labels[name] for name in FINDINGS] for each in made]),
        np.array([each.lungs_kji.mean() for each in made]),
    )


def held_out_auroc(features: np.ndarray, truth: np.ndarray) -> float:
    scores, _ = scores_of_others(features[:TRAIN], truth[:TRAIN], features[TRAIN:])
    return float(auroc(truth[TRAIN:], scores))


def test_a_regression_on_histograms_does_not_tell_the_findings(sample):
    features, labels, _ = sample
    found = [held_out_auroc(features, labels[:, column]) for column in range(len(FINDINGS))]
    assert max(found) < 0.86
    assert np.mean(found) < 0.62


def test_the_same_regression_tells_what_a_histogram_holds(sample):
    features, _, lung_share = sample
    assert held_out_auroc(features, (lung_share > np.median(lung_share)).astype(int)) > 0.85
