"""How far a predicted mask and a reference mask are the same, in the whole volume and on one slice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MaskOverlap:
    """Voxels of both, and in both; Dice and IoU are NaN when both are empty."""

    predicted: int
    reference: int
    both: int

    @property
    def dice(self) -> float:
        """Twice the common voxels over the sum."""
        return 2 * self.both / (self.predicted + self.reference) if self.predicted + self.reference else math.nan

    @property
    def iou(self) -> float:
        """Common voxels over those of either."""
        either = self.predicted + self.reference - self.both
        return self.both / either if either else math.nan


def mask_overlap(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> MaskOverlap:
    """Of two masks of one shape.

    Raises
    ------
    ValueError
        When their shapes differ.
    """
    if predicted.shape != reference.shape:
        raise ValueError(f"masks of different shapes: {predicted.shape} and {reference.shape}")
    return MaskOverlap(
        int(np.count_nonzero(predicted)), int(np.count_nonzero(reference)), int(np.count_nonzero(predicted & reference))
    )
