"""Which of a segmentation's maps is looked at (the ensemble or one level), and from which value on it is the mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.predictions import SegmentationPrediction

ENSEMBLE = "ensemble"


def level_names(prediction: SegmentationPrediction) -> tuple[str, ...]:
    """The ensemble, then the levels; the ensemble alone for a network without levels."""
    return (ENSEMBLE, *(name for name in prediction.levels_kji if name != ENSEMBLE))


def probability_of(prediction: SegmentationPrediction, level: str = "") -> NDArray[np.uint8]:
    """(K, J, I) 255 times the probability of a level; of the ensemble for names that it does not have."""
    if level == ENSEMBLE:
        return prediction.probability_kji
    return prediction.levels_kji.get(level, prediction.probability_kji)


def least_value(prediction: SegmentationPrediction) -> int:
    """The mask is where the map is at least this, in 1..255."""
    return max(1, round(255 * prediction.threshold))


def mask_of(prediction: SegmentationPrediction, level: str = "") -> NDArray[np.bool_]:
    """(K, J, I) where the structure is, by one level."""
    found: NDArray[np.bool_] = probability_of(prediction, level) >= least_value(prediction)
    return found
