"""Mean and per-finding AUROC with intervals over patients, and paired differences on the same patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.card import Figure
from models.metrics.classification import auroc, patient_weights, percentile_interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Areas:
    """AUROC of each finding and their mean, on all patients and on every resample.

    Attributes
    ----------
    values
        (labels + 1,) the mean last; NaN where a finding is always or never there.
    drawn
        (resamples, labels + 1) on patients drawn with replacement, the same ones for the same seed.
    """

    values: Floats
    drawn: Floats = field(repr=False)

    def figure(self, column: int = -1) -> Figure | None:
        """One AUROC with its interval; None where there is none."""
        return figure_of(float(self.values[column]), self.drawn[:, column])

    def less(self, other: Areas, column: int = -1) -> Figure | None:
        """This AUROC minus another's, with the interval of the difference on the same drawn patients."""
        return figure_of(
            float(self.values[column] - other.values[column]), self.drawn[:, column] - other.drawn[:, column]
        )


def areas_of(truth: NDArray[np.int64], scores: Floats, patients: Sequence[str], *, seed: int, resamples: int) -> Areas:
    """AUROC of (N, labels) scores against 1 or 0.

    Parameters
    ----------
    patients
        (N,) codes; patients are drawn, with all their pictures.
    """
    weights = patient_weights(patients, seed=seed, resamples=resamples)
    whole = np.ones((1, len(truth)))
    both = [
        _with_mean(np.stack([auroc(truth[:, c], scores[:, c], each) for c in range(truth.shape[1])], axis=-1))
        for each in (whole, weights)
    ]
    return Areas(both[0][0], both[1])


def mean_of(several: Sequence[Areas]) -> Areas:
    """The mean over runs with different seeds on the same patients, drawn alike."""
    return Areas(np.mean([one.values for one in several], axis=0), np.mean([one.drawn for one in several], axis=0))


def shuffled_areas(truth: NDArray[np.int64], scores: Floats, *, seed: int, shuffles: int) -> Areas:
    """Scores against labels dealt to the pictures by chance: what these numbers of pictures give without knowledge."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(shuffles):
        dealt = truth[random.permutation(len(truth))]
        each = [auroc(dealt[:, c], scores[:, c]) for c in range(truth.shape[1])]
        found.append(_with_mean(np.array(each)))
    drawn = np.stack(found)
    return Areas(drawn.mean(axis=0), drawn)


def figure_of(value: float, drawn: Floats) -> Figure | None:
    """A value and the percentile interval of its resamples; None for a value that is none."""
    if not np.isfinite(value):
        return None
    low, high = percentile_interval(drawn)
    known = np.isfinite(low)
    return Figure(value=value, low=low if known else None, high=high if known else None)


def _with_mean(areas: Floats) -> Floats:
    """(..., labels) with the mean over labels as one more; NaN when one of them is."""
    return np.concatenate([areas, areas.mean(axis=-1, keepdims=True)], axis=-1)
