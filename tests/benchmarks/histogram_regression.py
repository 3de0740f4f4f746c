"""A logistic regression on how often each Hounsfield value occurs in a volume: what a set must not give away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.metrics.classification import auroc

Floats = NDArray[np.float64]

BINS = 64
RANGE_HU = (-1000.0, 600.0)
PENALTIES = tuple(float(one) for one in np.geomspace(1e-3, 10.0, 9))
"""Weights of the squared coefficients beside the mean loss."""
FOLDS = 5


def histogram(hu_kji: NDArray[np.int16] | NDArray[np.float32]) -> Floats:
    """(64,) share of the voxels in each bin; values beyond the range count in the outer bins."""
    counts, _ = np.histogram(np.clip(hu_kji, *RANGE_HU), BINS, RANGE_HU)
    return np.asarray(counts / hu_kji.size)


def scores_of_others(
    train: Floats, truth: NDArray[np.integer], others: Floats, *, seed: int = 0
) -> tuple[Floats, float]:
    """(M,) log odds of other cases by a regression on (N, F) cases, and the penalty that cross-validation chose.

    Features are standardised by the training cases. The penalty has the largest mean AUROC over `FOLDS` folds, drawn
    so that each has positives and negatives.
    """
    mean, spread = train.mean(axis=0), train.std(axis=0)
    used = spread > 0
    inputs, rest = ((each[:, used] - mean[used]) / spread[used] for each in (train, others))
    fold = np.empty(len(truth), dtype=int)
    rng = np.random.default_rng(seed)
    for value in (0, 1):
        rows = rng.permutation(np.flatnonzero(truth == value))
        fold[rows] = np.arange(len(rows)) % FOLDS
    found = []
    for penalty in PENALTIES:
        held_out = [
            float(auroc(truth[fold == n], _log_odds(inputs[fold != n], truth[fold != n], inputs[fold == n], penalty)))
            for n in range(FOLDS)
        ]
        found.append(np.mean(held_out))
    penalty = PENALTIES[int(np.argmax(found))]
    return _log_odds(inputs, truth, rest, penalty), penalty


def _log_odds(inputs: Floats, truth: NDArray[np.integer], others: Floats, penalty: float) -> Floats:
    signs = np.where(truth == 1, 1.0, -1.0)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        weights, bias = parameters[:-1], parameters[-1]
        margin = signs * (inputs @ weights + bias)
        pull = -signs / (1 + np.exp(np.clip(margin, -500, 500))) / len(signs)
        value = np.logaddexp(0, -margin).mean() + 0.5 * penalty * weights @ weights
        return float(value), np.append(inputs.T @ pull + penalty * weights, pull.sum())

    best = minimize(loss, np.zeros(inputs.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return np.asarray(others @ best[:-1] + best[-1])
