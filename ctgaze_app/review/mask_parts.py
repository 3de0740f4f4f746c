"""Which of a segmentation's maps is looked at: the ensemble or one level."""

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


def mask_of(prediction: SegmentationPrediction, level: str = "") -> NDArray[np.bool_]:
    """(K, J, I) where the structure is, by one level."""
    return probability_of(prediction, level) >= prediction.least_value
