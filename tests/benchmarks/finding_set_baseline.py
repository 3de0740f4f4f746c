"""Whether counts of Hounsfield units tell the findings of the made set.

A logistic regression on each volume's histogram (`tests.benchmarks.histogram_regression`) is fitted on N patients of
the train band and tested on N / 2 of the test band. The set is hard enough where it stays under AUROC 0.75 for every
finding: ``python -m tests.benchmarks.finding_set_baseline --patients 220``.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.datasets.finding_files import finding_patient
from models.datasets.making import made_in_order
from models.datasets.simulated import FIRST_SEED
from models.metrics.classification import auroc, patient_weights, percentile_interval
from models.simulation.findings import BASE, FINDINGS
from models.simulation.simulated_patients import PatientSettings
from tests.benchmarks.histogram_regression import Floats, histogram, scores_of_others

LIMIT = 0.75
RESAMPLES = 2000
Labels = NDArray[np.int64]


def histogram_and_labels(seed: int, folder: Path | None, settings: PatientSettings = BASE) -> tuple[Floats, list[int]]:
    """One patient's features and truth."""
    patient = finding_patient(seed, folder=folder, wanted={}, settings=settings)
    return histogram(patient.volume.hu_kji), [patient.labels[name] for name in FINDINGS]


def main() -> int:
    """Print one line a finding; 1 when the limit is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=200, help="to fit on; half as many test")
    parser.add_argument("--folder", type=Path, help="keeps the made patients")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    train, truth = _band(FIRST_SEED["train"], asked.patients, asked.folder, asked.workers)
    test, held_out = _band(FIRST_SEED["test"], asked.patients // 2, asked.folder, asked.workers)
    weights = patient_weights([str(row) for row in range(len(test))], seed=0, resamples=RESAMPLES)
    print(f"{len(train)} patients to fit on, {len(test)} to test; 95 % interval over test patients")
    highest = 0.0
    for column, name in enumerate(FINDINGS):
        scores, penalty = scores_of_others(train, truth[:, column], test)
        value = float(auroc(held_out[:, column], scores))
        low, high = percentile_interval(auroc(held_out[:, column], scores, weights))
        print(
            f"{name:14s} AUROC {value:.3f} ({low:.3f} to {high:.3f})   with it: {truth[:, column].mean():.2f} of those "
            f"fitted on, {held_out[:, column].mean():.2f} of the tested   penalty {penalty:.3g}"
        )
        highest = max(highest, value)
    print(f"highest {highest:.3f}, limit {LIMIT}")
    return int(highest >= LIMIT)


def _band(first: int, count: int, folder: Path | None, workers: int) -> tuple[Floats, Labels]:
    task = partial(histogram_and_labels, folder=folder)
    made = list(made_in_order(task, range(first, first + count), workers=workers))
    return np.array([found for found, _ in made]), np.array([labels for _, labels in made])


if __name__ == "__main__":
    raise SystemExit(main())
